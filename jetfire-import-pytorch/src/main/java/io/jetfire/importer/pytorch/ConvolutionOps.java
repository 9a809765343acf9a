package io.jetfire.importer.pytorch;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Convolutions;
import io.jetfire.tflite.importer.lowering.Indexing;
import io.jetfire.tflite.importer.lowering.Matrices;
import io.jetfire.tflite.importer.lowering.Pooling;
import io.jetfire.tflite.importer.lowering.Window;
import java.util.Arrays;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Convolutions and pooling over one, two or three dimensions. */
final class ConvolutionOps {
  private ConvolutionOps() {}

  static void register(Map<String, Lowering> ops) {
    for (int n = 1; n <= 3; n++) {
      int rank = n;
      ops.put("conv" + n + "d", c -> convolution(c, rank));
      ops.put("conv_transpose" + n + "d", c -> transposed(c, rank));
      ops.put("max_pool" + n + "d", c -> maxPool(c, rank));
      ops.put("max_pool" + n + "d_with_indices", c -> maxPool(c, rank));
      ops.put("avg_pool" + n + "d", c -> averagePool(c, rank));
      ops.put("adaptive_avg_pool" + n + "d", c -> adaptive(c, rank, false));
      ops.put("_adaptive_avg_pool" + n + "d", c -> adaptive(c, rank, false));
      ops.put("adaptive_max_pool" + n + "d", c -> adaptive(c, rank, true));
    }
    ops.put("convolution", ConvolutionOps::general);
    ops.put("_convolution", ConvolutionOps::general);
    ops.put("im2col", ConvolutionOps::columns);
    ops.put("col2im", ConvolutionOps::fromColumns);
  }

  /** Runs something on a tensor with a batch; PyTorch takes images without one as well. */
  private static void batched(Call c, int rank, UnaryOperator<Value> f) {
    Value x = c.self();
    if (Build.rank(x) == rank + 1) {
      c.out(c.b.squeeze(f.apply(c.b.unsqueeze(x, 0)), 0));
    } else {
      c.out(f.apply(x));
    }
  }

  private static int[] kernel(Value w) {
    int[] d = Build.fixedFrom(w, 0);
    return Arrays.copyOfRange(d, 2, d.length);
  }

  // ---- convolution

  private static void convolution(Call c, int rank) {
    batched(c, rank, x -> convolution(c, x, rank));
  }

  private static Value convolution(Call c, Value x, int rank) {
    Value w = c.tensor("weight");
    Window window =
        Window.of(kernel(w))
            .stride(c.repeated("stride", rank, 1))
            .dilation(c.repeated("dilation", rank, 1));
    String mode = c.text("padding", "");
    if (mode.equals("same")) {
      int[] before = new int[rank];
      int[] after = new int[rank];
      int[] dilation = c.repeated("dilation", rank, 1);
      for (int i = 0; i < rank; i++) {
        int total = (kernel(w)[i] - 1) * dilation[i];
        before[i] = total / 2;
        after[i] = total - before[i];
      }
      window = window.padding(before, after);
    } else if (!mode.equals("valid")) {
      window = window.padding(c.repeated("padding", rank, 0));
    }
    return Convolutions.convolution(c.b, x, w, c.optional("bias"), window, c.integer("groups", 1));
  }

  private static void transposed(Call c, int rank) {
    batched(
        c,
        rank,
        x ->
            transposed(
                c, x, c.repeated("output_padding", rank, 0), c.repeated("padding", rank, 0)));
  }

  private static Value transposed(Call c, Value x, int[] extra, int[] padding) {
    Value w = c.tensor("weight");
    int[] kernel = kernel(w);
    int rank = kernel.length;
    int[] stride = c.repeated("stride", rank, 1);
    int[] dilation = c.repeated("dilation", rank, 1);
    int[] in = Build.fixedFrom(x, 2);
    int[] out = new int[rank];
    for (int i = 0; i < rank; i++) {
      int extent = (kernel[i] - 1) * dilation[i] + 1;
      out[i] =
          Math.addExact(Math.multiplyExact(in[2 + i] - 1, stride[i]), extent)
              - 2 * padding[i]
              + extra[i];
    }
    Window window = Window.of(kernel).stride(stride).dilation(dilation).padding(padding);
    return Convolutions.transposed(
        c.b, x, w, c.optional("bias"), window, out, c.integer("groups", 1));
  }

  private static void general(Call c) {
    int rank = Build.rank(c.tensor("weight")) - 2;
    if (c.flag("transposed", false)) {
      transposed(c, rank);
    } else {
      convolution(c, rank);
    }
  }

  // ---- pooling

  private static Window window(Call c, int rank) {
    int[] kernel = c.repeated("kernel_size", rank, 1);
    boolean given = c.ints("stride").length > 0;
    return Window.of(kernel)
        .stride(given ? c.repeated("stride", rank, 1) : kernel)
        .padding(c.repeated("padding", rank, 0));
  }

  private static void maxPool(Call c, int rank) {
    Window window = window(c, rank).dilation(c.repeated("dilation", rank, 1));
    batched(c, rank, x -> Pooling.max(c.b, x, window, c.flag("ceil_mode", false)));
  }

  private static void averagePool(Call c, int rank) {
    Window window = window(c, rank);
    boolean ceil = c.flag("ceil_mode", false);
    batched(
        c,
        rank,
        x ->
            c.has("divisor_override")
                ? c.b.mul(Pooling.sum(c.b, x, window, ceil), 1.0 / c.integer("divisor_override", 1))
                : Pooling.average(c.b, x, window, ceil, c.flag("count_include_pad", true)));
  }

  private static void adaptive(Call c, int rank, boolean max) {
    int[] to = c.repeated("output_size", rank, 1);
    batched(c, rank, x -> adaptive(c, x, to, max));
  }

  /** PyTorch's windows: cell i of n covers from floor(i in / n) to ceil((i + 1) in / n). */
  private static Value adaptive(Call c, Value x, int[] to, boolean max) {
    if (Arrays.stream(to).allMatch(d -> d == 1)) {
      return Pooling.global(c.b, x, max ? OpKind.REDUCE_MAX : OpKind.MEAN);
    }
    int rank = to.length;
    int[] in = Arrays.copyOfRange(Build.fixedFrom(x, 2), 2, rank + 2);
    int[] size = new int[rank];
    boolean even = true;
    for (int i = 0; i < rank; i++) {
      even &= to[i] > 0 && in[i] % to[i] == 0;
      size[i] = to[i] > 0 ? in[i] / to[i] : 0;
    }
    if (even) {
      Window window = Window.of(size).stride(size);
      return max
          ? Pooling.max(c.b, x, window, false)
          : Pooling.average(c.b, x, window, false, false);
    }
    Value y = x;
    for (int i = 0; i < rank; i++) {
      y = in[i] == to[i] ? y : uneven(c, y, 2 + i, in[i], to[i], max);
    }
    return y;
  }

  private static Value uneven(Call c, Value x, int axis, int in, int to, boolean max) {
    if (!max) {
      // Windows of unlike sizes are a product with a constant matrix.
      float[] m = new float[Build.count(to, in)];
      for (int i = 0; i < to; i++) {
        int from = (int) ((long) i * in / to);
        int end = (int) (((long) (i + 1) * in + to - 1) / to);
        for (int k = from; k < end; k++) {
          m[i * in + k] = 1f / (end - from);
        }
      }
      Value weights = c.b.floats(Shape.of(to, in), m);
      return c.b.axisBack(Matrices.linear(c.b, c.b.axisLast(x, axis), weights, null), axis);
    }
    Value[] parts = new Value[Build.repetitions(to)];
    for (int i = 0; i < to; i++) {
      int from = (int) ((long) i * in / to);
      int end = (int) (((long) (i + 1) * in + to - 1) / to);
      parts[i] = c.b.reduce(OpKind.REDUCE_MAX, c.b.slice(x, axis, from, end - from), true, axis);
    }
    return c.b.concat(axis, parts);
  }

  // ---- windows as columns

  private static void columns(Call c) {
    batched(c, 2, x -> columns(c, x));
  }

  private static Value columns(Call c, Value x) {
    int[] d = Build.fixedFrom(x, 0);
    int[] kernel = c.repeated("kernel_size", 2, 1);
    int[] dilation = c.repeated("dilation", 2, 1);
    int[] padding = c.repeated("padding", 2, 0);
    int[] stride = c.repeated("stride", 2, 1);
    int[] p = {0, 0, 0, 0, padding[0], padding[0], padding[1], padding[1]};
    Value image = Indexing.pad(c.b, x, p, "constant", c.b.scalar(x.type(), 0));
    int[] out = new int[2];
    int[][] index = new int[2][];
    for (int i = 0; i < 2; i++) {
      int extent = (kernel[i] - 1) * dilation[i] + 1;
      out[i] = (d[2 + i] + 2 * padding[i] - extent) / stride[i] + 1;
      index[i] = new int[Build.count(kernel[i], out[i])];
      for (int k = 0; k < index[i].length; k++) {
        index[i][k] = k / out[i] * dilation[i] + k % out[i] * stride[i];
      }
    }
    Value rows = c.b.gather(image, c.b.ints(index[0]), 2);
    Value cells = c.b.gather(rows, c.b.ints(index[1]), 3);
    Value apart = c.b.reshape(cells, d[0] * d[1], kernel[0], out[0], kernel[1], out[1]);
    Value moved = c.b.transpose(apart, 0, 1, 3, 2, 4);
    return c.b.reshape(moved, d[0], d[1] * kernel[0] * kernel[1], out[0] * out[1]);
  }

  /** The sum of windows at their places, as a transposed convolution that only moves. */
  private static void fromColumns(Call c) {
    batched(c, 1, x -> fromColumns(c, x));
  }

  private static Value fromColumns(Call c, Value x) {
    int[] d = Build.fixedFrom(x, 0);
    int[] size = c.repeated("output_size", 2, 1);
    int[] kernel = c.repeated("kernel_size", 2, 1);
    int[] dilation = c.repeated("dilation", 2, 1);
    int[] padding = c.repeated("padding", 2, 0);
    int[] stride = c.repeated("stride", 2, 1);
    int[] blocks = new int[2];
    for (int i = 0; i < 2; i++) {
      int extent = (kernel[i] - 1) * dilation[i] + 1;
      blocks[i] = (size[i] + 2 * padding[i] - extent) / stride[i] + 1;
    }
    int cells = Build.count(kernel);
    int channels = d[1] / cells;
    Value image = c.b.reshape(x, d[0] * channels, cells, blocks[0], blocks[1]);
    float[] identity = new float[Build.count(cells, cells)];
    for (int i = 0; i < cells; i++) {
      identity[i * cells + i] = 1;
    }
    Value w = c.b.floats(Shape.of(cells, 1, kernel[0], kernel[1]), identity);
    Window window = Window.of(kernel).stride(stride).dilation(dilation).padding(padding);
    @Nullable Value none = null;
    Value y =
        Convolutions.transposed(
            c.b, c.b.cast(image, ElementType.FLOAT32), w, none, window, size, 1);
    return c.b.reshape(y, d[0], channels, size[0], size[1]);
  }
}
