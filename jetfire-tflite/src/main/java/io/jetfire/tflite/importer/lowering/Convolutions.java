package io.jetfire.tflite.importer.lowering;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Convolutions over one, two or three dimensions, of tensors with channels first.
 *
 * <p>TFLite has channels last: each convolution transposes in and out, and the layout pass removes
 * what is not needed. One dimension is computed as two with a height of 1.
 */
public final class Convolutions {
  private Convolutions() {}

  /**
   * Convolves.
   *
   * @param b where operators go
   * @param x batch, channels, then spatial dimensions; FLOAT32
   * @param w filters, channels of a group, then the window
   * @param bias one element per filter, or null
   * @param window the window; its size is that of {@code w}
   * @param groups how many groups channels and filters fall into
   * @return batch, filters, then spatial dimensions
   * @throws Refusal if TFLite has no such convolution
   */
  public static Value convolution(
      Build b, Value x, Value w, @Nullable Value bias, Window window, int groups) {
    Build.requireFloat(x);
    int rank = Build.rank(x) - 2;
    Build.fixedFrom(w, 0);
    if (groups < 1 || window.dimensions() != rank) {
      throw new Refusal("its window does not fit " + x.shape(), "export the model anew");
    }
    return switch (rank) {
      case 1 -> {
        Value x4 = b.unsqueeze(x, 2);
        Value w4 = b.unsqueeze(w, 2);
        yield b.squeeze(convolution2d(b, x4, w4, bias, window.widened(), groups), 2);
      }
      case 2 -> convolution2d(b, x, w, bias, window, groups);
      case 3 -> convolution3d(b, x, w, bias, window, groups);
      default -> throw new Refusal("a convolution over " + rank + " dimensions", "use at most 3");
    };
  }

  private static Value convolution2d(
      Build b, Value x, Value w, @Nullable Value bias, Window window, int groups) {
    int channels = x.shape().dim(1);
    int out = w.shape().dim(0);
    boolean depthwise = groups > 1 && groups == channels && w.shape().dim(1) == 1;
    boolean same = window.on(x, false).isSame();
    Value image = b.last(x);
    if (!same && Arrays.stream(window.paddings()).anyMatch(p -> p != 0)) {
      // All of the padding, whether or not the last window reaches it.
      image = b.pad(image, window.paddings(), b.scalar(0));
    }
    Op op = Op.of(depthwise ? OpKind.DEPTHWISE_CONV_2D : OpKind.CONV_2D);
    op.set("padding", same ? Padding.SAME : Padding.VALID)
        .set("stride_h", window.stride(0))
        .set("stride_w", window.stride(1))
        .set("dilation_h_factor", window.dilation(0))
        .set("dilation_w_factor", window.dilation(1));
    Value filter;
    if (depthwise) {
      op.set("depth_multiplier", out / channels);
      filter = b.transpose(w, 1, 2, 3, 0);
    } else {
      filter = b.transpose(w, 0, 2, 3, 1);
    }
    op.inputs(image, filter, bias == null ? b.filled(ElementType.FLOAT32, 0, out) : bias);
    return b.first(b.emit(op));
  }

  private static Value convolution3d(
      Build b, Value x, Value w, @Nullable Value bias, Window window, int groups) {
    if (window.dilates()) {
      throw new Refusal("a dilated 3-D convolution", "use dilation 1");
    }
    if (groups != 1) {
      return grouped(b, x, w, bias, window, groups);
    }
    Value image = window.on(x, false).padded(b, b.last(x), b.scalar(0));
    Op op =
        Op.of(OpKind.CONV_3D)
            .set("padding", Padding.VALID)
            .set("stride_d", window.stride(0))
            .set("stride_h", window.stride(1))
            .set("stride_w", window.stride(2));
    Value filter = b.transpose(w, 2, 3, 4, 1, 0);
    Value shift = bias == null ? b.filled(ElementType.FLOAT32, 0, w.shape().dim(0)) : bias;
    return b.first(b.emit(op.inputs(image, filter, shift)));
  }

  /** One convolution per group, side by side. */
  private static Value grouped(
      Build b, Value x, Value w, @Nullable Value bias, Window window, int groups) {
    int channels = Build.fixedFrom(x, 1)[1] / Build.repetitions(groups);
    int filters = w.shape().dim(0) / groups;
    List<Value> parts = new ArrayList<>();
    for (int g = 0; g < groups; g++) {
      Value part = b.slice(x, 1, g * channels, channels);
      Value own = b.slice(w, 0, g * filters, filters);
      parts.add(convolution3d(b, part, own, null, window, 1));
    }
    Value y = b.concat(1, parts);
    return bias == null ? y : b.add(y, b.perChannel(bias, Build.rank(y)));
  }

  /**
   * Convolves with the transposed window, as in the gradient of a convolution.
   *
   * @param b where operators go
   * @param x batch, channels, then fixed spatial dimensions; FLOAT32
   * @param w channels, filters of a group, then the window
   * @param bias one element per filter, or null
   * @param window the window; its padding before is what is cut off there
   * @param out the sizes of the result's spatial dimensions
   * @param groups how many groups channels and filters fall into
   * @return batch, filters, then spatial dimensions
   * @throws Refusal if TFLite has no such convolution
   */
  public static Value transposed(
      Build b, Value x, Value w, @Nullable Value bias, Window window, int[] out, int groups) {
    Build.requireFloat(x);
    int rank = Build.rank(x) - 2;
    Build.fixedFrom(w, 0);
    int[] in = Arrays.copyOfRange(Build.fixedFrom(x, 2), 2, rank + 2);
    if (groups < 1 || window.dimensions() != rank || out.length != rank) {
      throw new Refusal("its window does not fit " + x.shape(), "export the model anew");
    }
    int[] stride = window.strides();
    int[] full = new int[rank];
    Value filter = w;
    for (int i = 0; i < rank; i++) {
      full[i] = Math.addExact(Math.multiplyExact(in[i] - 1, stride[i]), window.extent(i));
      filter = dilated(b, filter, 2 + i, window.dilation(i));
    }
    Value y;
    if (rank == 1) {
      Value x4 = b.unsqueeze(x, 2);
      Value w4 = b.unsqueeze(filter, 2);
      y = spread(b, x4, w4, groups, new int[] {1, stride[0]}, new int[] {1, full[0]});
      y = b.squeeze(y, 2);
    } else if (rank == 2 || rank == 3) {
      y = spread(b, x, filter, groups, stride, full);
    } else {
      throw new Refusal(
          "a transposed convolution over " + rank + " dimensions", "use at most three");
    }
    y = cut(b, y, window, full, out);
    return bias == null ? y : b.add(y, b.perChannel(bias, rank + 2));
  }

  /** Cuts the padding off, and adds zeros where the result reaches beyond the windows. */
  private static Value cut(Build b, Value x, Window window, int[] full, int[] out) {
    int rank = full.length;
    int[] begin = new int[rank + 2];
    int[] size = new int[rank + 2];
    int[] p = new int[2 * (rank + 2)];
    size[0] = -1;
    size[1] = -1;
    boolean cut = false;
    boolean grow = false;
    for (int i = 0; i < rank; i++) {
      begin[2 + i] = Math.max(0, window.before(i));
      p[2 * (2 + i)] = Math.max(0, -window.before(i));
      int have = Math.min(full[i] - begin[2 + i], out[i] - p[2 * (2 + i)]);
      size[2 + i] = have;
      p[2 * (2 + i) + 1] = out[i] - p[2 * (2 + i)] - have;
      cut |= have != full[i];
      grow |= p[2 * (2 + i)] != 0 || p[2 * (2 + i) + 1] != 0;
    }
    Value y = cut ? b.slice(x, begin, size) : x;
    return grow ? b.pad(y, p, b.scalar(0)) : y;
  }

  /** Puts zeros between the elements of one axis. */
  private static Value dilated(Build b, Value w, int axis, int dilation) {
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
    return b.gather(b.pad(w, p, b.scalar(0)), b.ints(index), axis);
  }

  private static Value spread(Build b, Value x, Value w, int groups, int[] stride, int[] full) {
    if (groups > 1) {
      int channels = Build.fixedFrom(x, 1)[1] / Build.repetitions(groups);
      List<Value> parts = new ArrayList<>();
      for (int g = 0; g < groups; g++) {
        Value part = b.slice(x, 1, g * channels, channels);
        Value own = b.slice(w, 0, g * channels, channels);
        parts.add(spread(b, part, own, 1, stride, full));
      }
      return b.concat(1, parts);
    }
    int rank = stride.length;
    int out = w.shape().dim(1);
    Value batch = b.reshape(b.dimension(x, 0), 1);
    int[] rest = Arrays.copyOf(full, rank + 1);
    rest[rank] = out;
    Value shape = b.concat(0, batch, b.ints(rest));
    if (rank == 3) {
      Op op =
          Op.of(OpKind.CONV_3D_TRANSPOSE)
              .set("padding", Padding.VALID)
              .set("stride_d", stride[0])
              .set("stride_h", stride[1])
              .set("stride_w", stride[2])
              .inputs(shape, b.transpose(w, 2, 3, 4, 1, 0), b.last(x));
      return b.first(b.emit(op));
    }
    Op op =
        Op.of(OpKind.TRANSPOSE_CONV)
            .set("padding", Padding.VALID)
            .set("stride_h", stride[0])
            .set("stride_w", stride[1])
            .inputs(shape, b.transpose(w, 1, 2, 3, 0), b.last(x));
    return b.first(b.emit(op));
  }
}
