package io.jetfire.importer.onnx;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Convolutions;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Pooling;
import io.jetfire.tflite.importer.lowering.Refusal;
import io.jetfire.tflite.importer.lowering.Window;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Convolutions and pooling over one, two or three dimensions. */
final class ConvolutionOps {
  private ConvolutionOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("Conv", n -> n.out(conv(n, n.in(0), n.in(1), n.optional(2))));
    ops.put("ConvTranspose", ConvolutionOps::convTranspose);
    ops.put("MaxPool", ConvolutionOps::maxPool);
    ops.put("AveragePool", n -> n.out(averagePool(n, n.in(0))));
    ops.put("LpPool", ConvolutionOps::lpPool);
    ops.put("GlobalAveragePool", n -> n.out(Pooling.global(n.b, n.in(0), OpKind.MEAN)));
    ops.put("GlobalMaxPool", n -> n.out(Pooling.global(n.b, n.in(0), OpKind.REDUCE_MAX)));
    ops.put("GlobalLpPool", ConvolutionOps::globalLpPool);
    ops.put("ConvInteger", ConvolutionOps::convInteger);
    ops.put("MaxUnpool", ConvolutionOps::maxUnpool);
  }

  /** The window of a node: SAME paddings are computed from the input's sizes. */
  private static Window window(Node n, Value x, int[] kernel) {
    int rank = kernel.length;
    int[] stride = ones(n.ints("strides"), rank);
    int[] dilation = ones(n.ints("dilations"), rank);
    Window w = Window.of(kernel).stride(stride).dilation(dilation);
    String auto = n.text("auto_pad", "NOTSET");
    if (auto.equals("VALID")) {
      return w;
    }
    int[] before = new int[rank];
    int[] after = new int[rank];
    if (!auto.startsWith("SAME")) {
      int[] pads = n.ints("pads", new int[2 * rank]);
      System.arraycopy(pads, 0, before, 0, rank);
      System.arraycopy(pads, rank, after, 0, rank);
      return w.padding(before, after);
    }
    for (int i = 0; i < rank; i++) {
      int size = n.fixedFrom(x, 2)[2 + i];
      int effective = (kernel[i] - 1) * dilation[i] + 1;
      int out = (size + stride[i] - 1) / stride[i];
      int total = Math.max(0, (out - 1) * stride[i] + effective - size);
      before[i] = auto.equals("SAME_UPPER") ? total / 2 : total - total / 2;
      after[i] = total - before[i];
    }
    return w.padding(before, after);
  }

  private static int[] ones(int @Nullable [] given, int rank) {
    if (given != null && given.length == rank) {
      return given;
    }
    int[] all = new int[rank];
    Arrays.fill(all, 1);
    return all;
  }

  static Value conv(Node n, Value x, Value w, @Nullable Value bias) {
    int rank = n.rank(x) - 2;
    int[] kernel = Arrays.copyOfRange(n.fixedFrom(w, 0), 2, rank + 2);
    return Convolutions.convolution(n.b, x, w, bias, window(n, x, kernel), n.integer("group", 1));
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
    int[] kernel = Arrays.copyOfRange(weights, 2, rank + 2);
    Window window =
        Window.of(kernel).stride(stride).dilation(dilation).padding(before, new int[rank]);
    n.out(Convolutions.transposed(n.b, x, w, n.optional(2), window, out, groups));
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
    n.out(Pooling.max(n.b, x, window(n, x, kernel(n, x)), n.integer("ceil_mode", 0) != 0));
  }

  private static Value averagePool(Node n, Value x) {
    boolean ceil = n.integer("ceil_mode", 0) != 0;
    boolean countPadding = n.integer("count_include_pad", 0) != 0;
    return Pooling.average(n.b, x, window(n, x, kernel(n, x)), ceil, countPadding);
  }

  private static void lpPool(Node n) {
    Value x = n.in(0);
    float p = n.real("p", 2);
    if (n.attribute("p") != null) {
      p = n.integer("p", 2);
    }
    boolean ceil = n.integer("ceil_mode", 0) != 0;
    Value powered =
        p == 2 ? n.b.mul(x, x) : n.b.emit(Op.of(OpKind.POW).inputs(n.b.abs(x), n.b.scalar(p)));
    Value sum = Pooling.sum(n.b, powered, window(n, x, kernel(n, x)), ceil);
    n.out(
        p == 2
            ? Functions.sqrt(n.b, sum)
            : n.b.emit(Op.of(OpKind.POW).inputs(sum, n.b.scalar(1 / p))));
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
