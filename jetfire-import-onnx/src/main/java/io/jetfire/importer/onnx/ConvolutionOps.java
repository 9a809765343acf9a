package io.jetfire.importer.onnx;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Convolutions and pooling over one, two or three dimensions.
 *
 * <p>ONNX has channels first, TFLite last: each lowering transposes in and out, and the layout pass
 * removes what is not needed. One dimension is computed as two with a height of 1.
 */
final class ConvolutionOps {
  private ConvolutionOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("Conv", n -> n.out(conv(n, n.in(0), n.in(1), n.optional(2))));
    ops.put("ConvTranspose", ConvolutionOps::convTranspose);
    ops.put("MaxPool", ConvolutionOps::maxPool);
    ops.put("AveragePool", n -> n.out(averagePool(n, n.in(0))));
    ops.put("LpPool", ConvolutionOps::lpPool);
    ops.put("GlobalAveragePool", n -> n.out(global(n, OpKind.MEAN)));
    ops.put("GlobalMaxPool", n -> n.out(global(n, OpKind.REDUCE_MAX)));
    ops.put("GlobalLpPool", ConvolutionOps::globalLpPool);
    ops.put("ConvInteger", ConvolutionOps::convInteger);
    ops.put("MaxUnpool", ConvolutionOps::maxUnpool);
  }

  /** The geometry of a window: everything per spatial dimension. */
  private record Window(
      int[] in, int[] kernel, int[] stride, int[] dilation, int[] before, int[] after, int[] out) {
    boolean isSame() {
      for (int i = 0; i < in.length; i++) {
        int o = (in[i] + stride[i] - 1) / stride[i];
        int total = Math.max(0, (o - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1 - in[i]);
        if (o != out[i] || before[i] != total / 2 || after[i] != total - total / 2) {
          return false;
        }
      }
      return true;
    }

    boolean isValid() {
      return Arrays.stream(before).allMatch(p -> p == 0)
          && Arrays.stream(after).allMatch(p -> p <= 0);
    }
  }

  private static Window window(Node n, Value x, int[] kernel, boolean ceil) {
    int rank = kernel.length;
    int[] dims = Arrays.copyOfRange(x.shape().dims(), 2, rank + 2);
    int[] stride = ones(n.ints("strides"), rank);
    int[] dilation = ones(n.ints("dilations"), rank);
    int[] pads = n.ints("pads", new int[2 * rank]);
    String auto = n.text("auto_pad", "NOTSET");
    int[] before = new int[rank];
    int[] after = new int[rank];
    int[] out = new int[rank];
    for (int i = 0; i < rank; i++) {
      int effective = (kernel[i] - 1) * dilation[i] + 1;
      switch (auto) {
        case "SAME_UPPER", "SAME_LOWER" -> {
          open(n, x, dims[i]);
          out[i] = (dims[i] + stride[i] - 1) / stride[i];
          int total = Math.max(0, (out[i] - 1) * stride[i] + effective - dims[i]);
          before[i] = auto.equals("SAME_UPPER") ? total / 2 : total - total / 2;
          after[i] = total - before[i];
        }
        default -> {
          before[i] = auto.equals("VALID") ? 0 : pads[i];
          after[i] = auto.equals("VALID") ? 0 : pads[rank + i];
          if (dims[i] < 0) {
            out[i] = -1;
            if (ceil) {
              open(n, x, dims[i]);
            }
            continue;
          }
          int room = dims[i] + before[i] + after[i] - effective;
          if (room < 0) {
            throw new Refusal(
                "a window of " + effective + " on " + dims[i], "export the model anew");
          }
          out[i] = room / stride[i] + 1;
          if (ceil && room % stride[i] != 0 && out[i] * stride[i] < dims[i] + before[i]) {
            out[i]++;
          }
          // What the last window reaches, beyond or within the padding.
          after[i] = (out[i] - 1) * stride[i] + effective - dims[i] - before[i];
        }
      }
    }
    return new Window(dims, kernel, stride, dilation, before, after, out);
  }

  private static void open(Node n, Value x, int d) {
    if (d < 0) {
      throw new Refusal(
          "its input " + x.shape() + " has open spatial dimensions", "bind them to sizes");
    }
  }

  private static int[] ones(int @Nullable [] given, int rank) {
    if (given != null && given.length == rank) {
      return given;
    }
    int[] all = new int[rank];
    Arrays.fill(all, 1);
    return all;
  }

  /** Pads a channels-last image as the window asks. */
  private static Value padded(Node n, Value last, Window w, Value fill) {
    int rank = w.kernel.length;
    int[] p = new int[2 * (rank + 2)];
    boolean any = false;
    for (int i = 0; i < rank; i++) {
      p[2 * (i + 1)] = Math.max(0, w.before[i]);
      p[2 * (i + 1) + 1] =
          Math.max(0, w.in[i] < 0 ? n.ints("pads", new int[2 * rank])[rank + i] : w.after[i]);
      any |= p[2 * (i + 1)] != 0 || p[2 * (i + 1) + 1] != 0;
    }
    return any ? n.b.pad(last, p, fill) : last;
  }

  // ---- convolution

  static Value conv(Node n, Value x, Value w, @Nullable Value bias) {
    n.requireFloat(x);
    int rank = n.rank(x) - 2;
    int[] weights = n.fixedFrom(w, 0);
    int groups = n.integer("group", 1);
    int[] kernel = Arrays.copyOfRange(weights, 2, rank + 2);
    if (rank == 1) {
      Window win = window(n, x, kernel, false);
      Value x4 = n.b.unsqueeze(x, 2);
      Value w4 = n.b.unsqueeze(w, 2);
      Value y = conv2d(n, x4, w4, bias, widened(win), groups);
      return n.b.squeeze(y, 2);
    }
    Window win = window(n, x, kernel, false);
    if (rank == 2) {
      return conv2d(n, x, w, bias, win, groups);
    }
    if (rank == 3) {
      return conv3d(n, x, w, bias, win, groups);
    }
    throw new Refusal("a convolution over " + rank + " dimensions", "use at most three");
  }

  private static Window widened(Window w) {
    return new Window(
        new int[] {1, w.in[0]},
        new int[] {1, w.kernel[0]},
        new int[] {1, w.stride[0]},
        new int[] {1, w.dilation[0]},
        new int[] {0, w.before[0]},
        new int[] {0, w.after[0]},
        new int[] {1, w.out[0]});
  }

  private static Value conv2d(
      Node n, Value x, Value w, @Nullable Value bias, Window win, int groups) {
    int channels = x.shape().dim(1);
    int out = w.shape().dim(0);
    boolean depthwise = groups > 1 && groups == channels && w.shape().dim(1) == 1;
    boolean same = Arrays.stream(win.in).allMatch(d -> d > 0) && win.isSame();
    Value image = n.b.last(x);
    if (!same) {
      Value fill = n.b.scalar(0);
      if (n.text("auto_pad", "NOTSET").equals("NOTSET")) {
        // The file's own padding, whether or not the last window reaches all of it.
        int[] pads = n.ints("pads", new int[2 * (n.rank(n.in(0)) - 2)]);
        int half = pads.length / 2;
        int[] p = new int[8];
        for (int i = 0; i < half; i++) {
          int axis = i + 3 - half;
          p[2 * axis] = pads[i];
          p[2 * axis + 1] = pads[half + i];
        }
        image = Arrays.stream(p).allMatch(v -> v == 0) ? image : n.b.pad(image, p, fill);
      } else {
        image = padded(n, image, win, fill);
      }
    }
    Op op = Op.of(depthwise ? OpKind.DEPTHWISE_CONV_2D : OpKind.CONV_2D);
    op.set("padding", same ? Padding.SAME : Padding.VALID)
        .set("stride_h", win.stride[0])
        .set("stride_w", win.stride[1])
        .set("dilation_h_factor", win.dilation[0])
        .set("dilation_w_factor", win.dilation[1]);
    Value filter;
    if (depthwise) {
      op.set("depth_multiplier", out / channels);
      filter = n.b.transpose(w, 1, 2, 3, 0);
    } else {
      filter = n.b.transpose(w, 0, 2, 3, 1);
    }
    op.inputs(image, filter, bias == null ? n.b.filled(ElementType.FLOAT32, 0, out) : bias);
    return n.b.first(n.b.emit(op));
  }

  private static Value conv3d(
      Node n, Value x, Value w, @Nullable Value bias, Window win, int groups) {
    if (Arrays.stream(win.dilation).anyMatch(d -> d != 1)) {
      throw new Refusal("a dilated 3-D convolution", "use dilation 1");
    }
    if (groups != 1) {
      return grouped(n, x, w, bias, groups, (p, q) -> conv3d(n, p, q, null, win, 1));
    }
    Value image = padded(n, n.b.last(x), win, n.b.scalar(0));
    Op op =
        Op.of(OpKind.CONV_3D)
            .set("padding", Padding.VALID)
            .set("stride_d", win.stride[0])
            .set("stride_h", win.stride[1])
            .set("stride_w", win.stride[2]);
    Value filter = n.b.transpose(w, 2, 3, 4, 1, 0);
    Value b = bias == null ? n.b.filled(ElementType.FLOAT32, 0, w.shape().dim(0)) : bias;
    return n.b.first(n.b.emit(op.inputs(image, filter, b)));
  }

  /** One convolution per group, side by side. */
  private static Value grouped(
      Node n,
      Value x,
      Value w,
      @Nullable Value bias,
      int groups,
      BiFunction<Value, Value, Value> one) {
    int channels = n.fixedFrom(x, 1)[1] / Build.repetitions(groups);
    int filters = w.shape().dim(0) / groups;
    List<Value> parts = new ArrayList<>();
    for (int g = 0; g < groups; g++) {
      parts.add(
          one.apply(
              n.b.slice(x, 1, g * channels, channels), n.b.slice(w, 0, g * filters, filters)));
    }
    Value y = n.b.concat(1, parts);
    return bias == null ? y : n.b.add(y, perChannel(n, bias, n.rank(y)));
  }

  static Value perChannel(Node n, Value v, int rank) {
    int[] dims = new int[rank];
    Arrays.fill(dims, 1);
    dims[1] = -1;
    return n.b.reshape(v, dims);
  }

  private static void convInteger(Node n) {
    Value x = n.b.cast(n.in(0), ElementType.FLOAT32);
    Value w = n.b.cast(n.in(1), ElementType.FLOAT32);
    if (n.has(2)) {
      x = n.b.sub(x, n.b.cast(n.in(2), ElementType.FLOAT32));
    }
    if (n.has(3)) {
      Value zero = n.b.cast(n.in(3), ElementType.FLOAT32);
      if (zero.shape().rank() == 1 && zero.shape().dim(0) > 1) {
        int[] dims = new int[n.rank(w)];
        Arrays.fill(dims, 1);
        dims[0] = -1;
        zero = n.b.reshape(zero, dims);
      }
      w = n.b.sub(w, zero);
    }
    n.out(n.b.cast(conv(n, x, w, null), ElementType.INT32));
  }

  // ---- transposed convolution

  private static void convTranspose(Node n) {
    Value x = n.in(0);
    Value w = n.in(1);
    n.requireFloat(x);
    int rank = n.rank(x) - 2;
    int[] weights = n.fixedFrom(w, 0);
    int groups = n.integer("group", 1);
    int[] in = Arrays.copyOfRange(n.fixedFrom(x, 2), 2, rank + 2);
    int[] stride = ones(n.ints("strides"), rank);
    int[] dilation = ones(n.ints("dilations"), rank);
    int[] extra = n.ints("output_padding", new int[rank]);
    int[] pads = n.ints("pads", new int[2 * rank]);
    int[] shape = n.ints("output_shape");
    String auto = n.text("auto_pad", "NOTSET");
    int[] before = new int[rank];
    int[] out = new int[rank];
    int[] full = new int[rank];
    for (int i = 0; i < rank; i++) {
      int effective = (weights[2 + i] - 1) * dilation[i] + 1;
      full[i] = (in[i] - 1) * stride[i] + effective;
      boolean same = auto.startsWith("SAME");
      if (shape != null || same) {
        out[i] = shape != null ? shape[shape.length - rank + i] : in[i] * stride[i];
        int total = full[i] + extra[i] - out[i];
        before[i] = auto.equals("SAME_LOWER") ? total - total / 2 : total / 2;
      } else {
        before[i] = auto.equals("VALID") ? 0 : pads[i];
        int after = auto.equals("VALID") ? 0 : pads[rank + i];
        out[i] = full[i] + extra[i] - before[i] - after;
      }
    }
    Value filter = w;
    for (int i = 0; i < rank; i++) {
      filter = dilated(n, filter, 2 + i, dilation[i]);
    }
    Value y;
    if (rank == 1) {
      Value x4 = n.b.unsqueeze(x, 2);
      Value w4 = n.b.unsqueeze(filter, 2);
      y = transposed(n, x4, w4, groups, new int[] {1, stride[0]}, new int[] {1, full[0]});
      y = n.b.squeeze(y, 2);
    } else if (rank == 2 || rank == 3) {
      y = transposed(n, x, filter, groups, stride, full);
    } else {
      throw new Refusal(
          "a transposed convolution over " + rank + " dimensions", "use at most three");
    }
    int[] begin = new int[rank + 2];
    int[] size = new int[rank + 2];
    int[] p = new int[2 * (rank + 2)];
    size[0] = -1;
    size[1] = -1;
    boolean cut = false;
    boolean grow = false;
    for (int i = 0; i < rank; i++) {
      begin[2 + i] = Math.max(0, before[i]);
      p[2 * (2 + i)] = Math.max(0, -before[i]);
      int have = Math.min(full[i] - begin[2 + i], out[i] - p[2 * (2 + i)]);
      size[2 + i] = have;
      p[2 * (2 + i) + 1] = out[i] - p[2 * (2 + i)] - have;
      cut |= have != full[i];
      grow |= p[2 * (2 + i)] != 0 || p[2 * (2 + i) + 1] != 0;
    }
    y = cut ? n.b.slice(y, begin, size) : y;
    y = grow ? n.b.pad(y, p, n.b.scalar(0)) : y;
    n.out(n.has(2) ? n.b.add(y, perChannel(n, n.in(2), rank + 2)) : y);
  }

  /** Puts zeros between the elements of one axis. */
  private static Value dilated(Node n, Value w, int axis, int dilation) {
    int k = w.shape().dim(axis);
    if (dilation == 1 || k == 1) {
      return w;
    }
    int[] index = new int[Build.count(k, dilation)];
    index = Arrays.copyOf(index, (k - 1) * dilation + 1);
    for (int i = 0; i < index.length; i++) {
      index[i] = i % dilation == 0 ? i / dilation : k;
    }
    int[] p = new int[2 * w.shape().rank()];
    p[2 * axis + 1] = 1;
    return n.b.gather(n.b.pad(w, p, n.b.scalar(0)), n.b.ints(index), axis);
  }

  private static Value transposed(Node n, Value x, Value w, int groups, int[] stride, int[] full) {
    if (groups > 1) {
      int channels = n.fixedFrom(x, 1)[1] / Build.repetitions(groups);
      List<Value> parts = new ArrayList<>();
      for (int g = 0; g < groups; g++) {
        parts.add(
            transposed(
                n,
                n.b.slice(x, 1, g * channels, channels),
                n.b.slice(w, 0, g * channels, channels),
                1,
                stride,
                full));
      }
      return n.b.concat(1, parts);
    }
    int rank = stride.length;
    int out = w.shape().dim(1);
    Value batch = n.b.reshape(n.b.dimension(x, 0), 1);
    int[] rest = Arrays.copyOf(full, rank + 1);
    rest[rank] = out;
    Value shape = n.b.concat(0, batch, n.b.ints(rest));
    if (rank == 3) {
      Op op =
          Op.of(OpKind.CONV_3D_TRANSPOSE)
              .set("padding", Padding.VALID)
              .set("stride_d", stride[0])
              .set("stride_h", stride[1])
              .set("stride_w", stride[2])
              .inputs(shape, n.b.transpose(w, 2, 3, 4, 1, 0), n.b.last(x));
      return n.b.first(n.b.emit(op));
    }
    Op op =
        Op.of(OpKind.TRANSPOSE_CONV)
            .set("padding", Padding.VALID)
            .set("stride_h", stride[0])
            .set("stride_w", stride[1])
            .inputs(shape, n.b.transpose(w, 1, 2, 3, 0), n.b.last(x));
    return n.b.first(n.b.emit(op));
  }

  // ---- pooling

  private static int[] kernel(Node n, Value x) {
    int[] k = n.ints("kernel_shape");
    if (k == null || k.length != n.rank(x) - 2) {
      throw new Refusal("its kernel_shape does not fit " + x.shape(), "export the model anew");
    }
    return k;
  }

  private static void maxPool(Node n) {
    if (n.wants(1)) {
      throw new Refusal(
          "it gives the places of the maxima", "TensorFlow Lite's pooling gives values only");
    }
    Value x = n.in(0);
    int[] kernel = kernel(n, x);
    Window w = window(n, x, kernel, n.integer("ceil_mode", 0) != 0);
    ElementType type = x.type();
    Value f = n.b.cast(x, ElementType.FLOAT32);
    Value y = pooled(n, f, w, OpKind.MAX_POOL_2D, Double.NEGATIVE_INFINITY);
    n.out(n.b.cast(y, type));
  }

  /** Pools an image whose padding has the given value. */
  private static Value pooled(Node n, Value x, Window w, OpKind kind, double fill) {
    int rank = w.kernel.length;
    if (rank == 1) {
      return n.b.squeeze(pooled(n, n.b.unsqueeze(x, 2), widened(w), kind, fill), 2);
    }
    boolean dilates = Arrays.stream(w.dilation).anyMatch(d -> d != 1);
    boolean fixed = Arrays.stream(w.in).allMatch(d -> d > 0);
    boolean same = rank == 2 && fixed && w.isSame() && kind == OpKind.MAX_POOL_2D && !dilates;
    Value image = n.b.last(x);
    if (!same) {
      image = padded(n, image, w, n.b.scalar(fill == 0 ? 0 : -Float.MAX_VALUE));
    }
    if (rank == 2 && !dilates) {
      return n.b.first(pool2d(n, image, kind, same, w.kernel, w.stride));
    }
    if (rank == 2) {
      return n.b.first(dilatedMax(n, image, w, kind));
    }
    if (rank != 3 || dilates) {
      throw new Refusal("dilated pooling over " + rank + " dimensions", "use dilation 1");
    }
    // Depth first merged into the batch, then rows and columns merged into one dimension.
    int[] d = n.fixedFrom(image, 0);
    Value flat = n.b.reshape(image, d[0] * d[1], d[2], d[3], d[4]);
    Value plane =
        pool2d(
            n,
            flat,
            kind,
            false,
            new int[] {w.kernel[1], w.kernel[2]},
            new int[] {w.stride[1], w.stride[2]});
    int[] p = plane.shape().dims();
    Value columns = n.b.reshape(plane, d[0], d[1], p[1] * p[2], d[4]);
    Value depth =
        pool2d(n, columns, kind, false, new int[] {w.kernel[0], 1}, new int[] {w.stride[0], 1});
    return n.b.first(n.b.reshape(depth, d[0], depth.shape().dim(1), p[1], p[2], d[4]));
  }

  private static Value pool2d(
      Node n, Value image, OpKind kind, boolean same, int[] kernel, int[] stride) {
    return n.b.emit(
        Op.of(kind)
            .set("padding", same ? Padding.SAME : Padding.VALID)
            .set("filter_height", kernel[0])
            .set("filter_width", kernel[1])
            .set("stride_h", stride[0])
            .set("stride_w", stride[1])
            .inputs(image));
  }

  /** The maximum of the shifted images, one per cell of the window. */
  private static Value dilatedMax(Node n, Value image, Window w, OpKind kind) {
    if (kind != OpKind.MAX_POOL_2D) {
      throw new Refusal("dilated average pooling", "use dilation 1");
    }
    Build.repetitions(Build.count(w.kernel));
    Value best = null;
    for (int ky = 0; ky < w.kernel[0]; ky++) {
      for (int kx = 0; kx < w.kernel[1]; kx++) {
        int y = ky * w.dilation[0];
        int x = kx * w.dilation[1];
        int[] begin = {0, y, x, 0};
        int[] end = {
          0, y + (w.out[0] - 1) * w.stride[0] + 1, x + (w.out[1] - 1) * w.stride[1] + 1, 0
        };
        Value part =
            n.b.emit(
                Op.of(OpKind.STRIDED_SLICE)
                    .set("begin_mask", 9)
                    .set("end_mask", 9)
                    .inputs(
                        image,
                        n.b.ints(begin),
                        n.b.ints(end),
                        n.b.ints(1, w.stride[0], w.stride[1], 1)));
        best = best == null ? part : n.b.binary(OpKind.MAXIMUM, best, part);
      }
    }
    return java.util.Objects.requireNonNull(best);
  }

  private static Value averagePool(Node n, Value x) {
    n.requireFloat(x);
    int[] kernel = kernel(n, x);
    boolean ceil = n.integer("ceil_mode", 0) != 0;
    Window w = window(n, x, kernel, ceil);
    boolean countPadding = n.integer("count_include_pad", 0) != 0;
    if (kernel.length == 2
        && !countPadding
        && Arrays.stream(w.in).allMatch(d -> d > 0)
        && Arrays.stream(w.dilation).allMatch(d -> d == 1)
        && w.isSame()) {
      return n.b.first(pool2d(n, n.b.last(x), OpKind.AVERAGE_POOL_2D, true, kernel, w.stride));
    }
    Value sum = pooled(n, x, w, OpKind.AVERAGE_POOL_2D, 0);
    return w.isValid() ? sum : n.b.mul(sum, corrections(n, w, countPadding));
  }

  /** Per output cell, the window's size divided by how many of its cells count. */
  private static Value corrections(Node n, Window w, boolean countPadding) {
    int rank = w.kernel.length;
    int[] pads = n.ints("pads", new int[2 * rank]);
    boolean explicit = n.text("auto_pad", "NOTSET").equals("NOTSET");
    double[][] factors = new double[rank][];
    for (int i = 0; i < rank; i++) {
      factors[i] = new double[w.out[i]];
      int low = countPadding ? -w.before[i] : 0;
      int after = explicit ? pads[rank + i] : w.after[i];
      int high = countPadding ? w.in[i] + after : w.in[i];
      for (int o = 0; o < w.out[i]; o++) {
        int start = o * w.stride[i] - w.before[i];
        int cells = Math.min(high, start + w.kernel[i]) - Math.max(low, start);
        factors[i][o] = (double) w.kernel[i] / Math.max(1, cells);
      }
    }
    int count = Build.count(w.out);
    float[] all = new float[count];
    for (int k = 0; k < count; k++) {
      double f = 1;
      int rest = k;
      for (int i = rank - 1; i >= 0; i--) {
        f *= factors[i][rest % w.out[i]];
        rest /= w.out[i];
      }
      all[k] = (float) f;
    }
    int[] dims = new int[rank + 2];
    Arrays.fill(dims, 1);
    System.arraycopy(w.out, 0, dims, 2, rank);
    return n.b.floats(Shape.of(dims), all);
  }

  private static void lpPool(Node n) {
    Value x = n.in(0);
    float p = n.real("p", 2);
    if (n.attribute("p") != null) {
      p = n.integer("p", 2);
    }
    int[] kernel = kernel(n, x);
    Window w = window(n, x, kernel, n.integer("ceil_mode", 0) != 0);
    Value powered =
        p == 2 ? n.b.mul(x, x) : n.b.emit(Op.of(OpKind.POW).inputs(n.b.abs(x), n.b.scalar(p)));
    Value mean = pooled(n, powered, w, OpKind.AVERAGE_POOL_2D, 0);
    int area = Arrays.stream(kernel).reduce(1, Math::multiplyExact);
    Value sum = n.b.mul(mean, area);
    n.out(
        p == 2
            ? ElementwiseOps.sqrt(n.b, sum)
            : n.b.emit(Op.of(OpKind.POW).inputs(sum, n.b.scalar(1 / p))));
  }

  private static Value global(Node n, OpKind kind) {
    Value x = n.in(0);
    return n.b.reduce(kind, x, true, IntStream.range(2, n.rank(x)).toArray());
  }

  private static void globalLpPool(Node n) {
    Value x = n.in(0);
    float p = n.integer("p", 2);
    int[] axes = IntStream.range(2, n.rank(x)).toArray();
    Value powered = n.b.emit(Op.of(OpKind.POW).inputs(n.b.abs(x), n.b.scalar(p)));
    Value sum = n.b.reduce(OpKind.SUM, powered, true, axes);
    n.out(n.b.emit(Op.of(OpKind.POW).inputs(sum, n.b.scalar(1 / p))));
  }

  private static void maxUnpool(Node n) {
    Value x = n.in(0);
    int[] d = n.fixedFrom(x, 0);
    int rank = d.length - 2;
    int[] kernel = kernel(n, x);
    int[] stride = ones(n.ints("strides"), rank);
    int[] pads = n.ints("pads", new int[2 * rank]);
    int[] inferred = d.clone();
    for (int i = 0; i < rank; i++) {
      inferred[2 + i] = (d[2 + i] - 1) * stride[i] + kernel[i] - pads[i] - pads[rank + i];
    }
    int[] out = n.has(2) ? n.known(2, "output_shape") : inferred;
    int size = Build.count(out);
    int count = Build.count(d);
    // The indices point into the inferred output; a larger one is filled from its start.
    Value at = n.b.cast(n.in(1), ElementType.INT32);
    Value rows = n.b.reshape(at, count, 1);
    int inferredSize = Build.count(inferred);
    if (!Arrays.equals(inferred, out)) {
      int[] strides = new int[out.length];
      int s = 1;
      for (int i = out.length - 1; i >= 0; i--) {
        strides[i] = s;
        s *= out[i];
      }
      int[] map = new int[inferredSize];
      for (int k = 0; k < inferredSize; k++) {
        int rest = k;
        int place = 0;
        for (int i = out.length - 1; i >= 0; i--) {
          place += rest % inferred[i] * strides[i];
          rest /= inferred[i];
        }
        map[k] = place;
      }
      rows = n.b.reshape(n.b.gather(n.b.ints(map), n.b.reshape(at, count), 0), count, 1);
    }
    Value flat =
        n.b.emit(Op.of(OpKind.SCATTER_ND).inputs(rows, n.b.reshape(x, count), n.b.ints(size)));
    n.out(n.b.reshape(flat, out));
  }
}
