package io.jetfire.tflite.importer.lowering;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Pooling over one, two or three dimensions, of tensors with channels first. */
public final class Pooling {
  private Pooling() {}

  /**
   * Takes the maximum of each window; padding never wins.
   *
   * @param b where operators go
   * @param x batch, channels, then spatial dimensions
   * @param window the window
   * @param ceil whether a last window that is not whole counts
   * @return a tensor of the same type
   */
  public static Value max(Build b, Value x, Window window, boolean ceil) {
    check(x, window);
    Value f = b.cast(x, ElementType.FLOAT32);
    return b.cast(pooled(b, f, window, ceil, OpKind.MAX_POOL_2D), x.type());
  }

  /**
   * Takes the mean of each window.
   *
   * @param b where operators go
   * @param x batch, channels, then spatial dimensions; FLOAT32
   * @param window the window
   * @param ceil whether a last window that is not whole counts
   * @param countPadding whether padding counts as zeros, or not at all
   * @return the means
   */
  public static Value average(Build b, Value x, Window window, boolean ceil, boolean countPadding) {
    check(x, window);
    Build.requireFloat(x);
    Window.Placed placed = window.on(x, ceil);
    if (window.dimensions() == 2 && !countPadding && !window.dilates() && placed.isSame()) {
      return b.first(pool2d(b, b.last(x), OpKind.AVERAGE_POOL_2D, true, window));
    }
    Value padded = pooled(b, x, window, ceil, OpKind.AVERAGE_POOL_2D);
    @Nullable Value factors = placed.isValid() ? null : corrections(b, placed, countPadding);
    return factors == null ? padded : b.mul(padded, factors);
  }

  /**
   * Takes the sum of each window; padding counts as zeros.
   *
   * @param b where operators go
   * @param x batch, channels, then spatial dimensions; FLOAT32
   * @param window the window
   * @param ceil whether a last window that is not whole counts
   * @return the sums
   */
  public static Value sum(Build b, Value x, Window window, boolean ceil) {
    check(x, window);
    Build.requireFloat(x);
    int area = Build.count(window.kernels());
    return b.mul(pooled(b, x, window, ceil, OpKind.AVERAGE_POOL_2D), area);
  }

  /**
   * Reduces all spatial dimensions to one element.
   *
   * @param b where operators go
   * @param x batch, channels, then spatial dimensions
   * @param kind such as MEAN or REDUCE_MAX
   * @return batch, channels, then ones
   */
  public static Value global(Build b, Value x, OpKind kind) {
    return b.reduce(kind, x, true, IntStream.range(2, Build.rank(x)).toArray());
  }

  private static void check(Value x, Window window) {
    if (Build.rank(x) != window.dimensions() + 2) {
      throw new Refusal("its window does not fit " + x.shape(), "export the model anew");
    }
  }

  private static Value pooled(Build b, Value x, Window window, boolean ceil, OpKind kind) {
    int rank = window.dimensions();
    if (rank == 1) {
      return b.squeeze(pooled(b, b.unsqueeze(x, 2), window.widened(), ceil, kind), 2);
    }
    boolean max = kind == OpKind.MAX_POOL_2D;
    Window.Placed placed = window.on(x, ceil);
    boolean same = rank == 2 && placed.isSame() && max && !window.dilates();
    Value image = b.last(x);
    if (!same) {
      image = placed.padded(b, image, b.scalar(max ? -Float.MAX_VALUE : 0));
    }
    if (rank == 2 && !window.dilates()) {
      return b.first(pool2d(b, image, kind, same, window));
    }
    if (rank == 2) {
      return b.first(dilatedMax(b, image, placed, kind));
    }
    if (rank != 3 || window.dilates()) {
      throw new Refusal("dilated pooling over " + rank + " dimensions", "use dilation 1");
    }
    // Depth first merged into the batch, then rows and columns merged into one dimension.
    int[] d = Build.fixedFrom(image, 0);
    Value flat = b.reshape(image, d[0] * d[1], d[2], d[3], d[4]);
    Window across =
        Window.of(window.kernel(1), window.kernel(2)).stride(window.stride(1), window.stride(2));
    Value plane = pool2d(b, flat, kind, false, across);
    int[] p = plane.shape().dims();
    Value columns = b.reshape(plane, d[0], d[1], p[1] * p[2], d[4]);
    Window along = Window.of(window.kernel(0), 1).stride(window.stride(0), 1);
    Value depth = pool2d(b, columns, kind, false, along);
    return b.first(b.reshape(depth, d[0], depth.shape().dim(1), p[1], p[2], d[4]));
  }

  private static Value pool2d(Build b, Value image, OpKind kind, boolean same, Window window) {
    return b.emit(
        Op.of(kind)
            .set("padding", same ? Padding.SAME : Padding.VALID)
            .set("filter_height", window.kernel(0))
            .set("filter_width", window.kernel(1))
            .set("stride_h", window.stride(0))
            .set("stride_w", window.stride(1))
            .inputs(image));
  }

  /** The maximum of the shifted images, one per cell of the window. */
  private static Value dilatedMax(Build b, Value image, Window.Placed placed, OpKind kind) {
    Window w = placed.window();
    if (kind != OpKind.MAX_POOL_2D) {
      throw new Refusal("dilated average pooling", "use dilation 1");
    }
    Build.repetitions(Build.count(w.kernels()));
    int[] out = placed.out();
    Value best = null;
    for (int ky = 0; ky < w.kernel(0); ky++) {
      for (int kx = 0; kx < w.kernel(1); kx++) {
        int y = ky * w.dilation(0);
        int x = kx * w.dilation(1);
        int[] begin = {0, y, x, 0};
        int[] end = {0, y + (out[0] - 1) * w.stride(0) + 1, x + (out[1] - 1) * w.stride(1) + 1, 0};
        Value part =
            b.emit(
                Op.of(OpKind.STRIDED_SLICE)
                    .set("begin_mask", 9)
                    .set("end_mask", 9)
                    .inputs(
                        image, b.ints(begin), b.ints(end), b.ints(1, w.stride(0), w.stride(1), 1)));
        best = best == null ? part : b.binary(OpKind.MAXIMUM, best, part);
      }
    }
    return Objects.requireNonNull(best);
  }

  /** Per output cell, the window's size divided by how many of its cells count. */
  private static Value corrections(Build b, Window.Placed placed, boolean countPadding) {
    Window w = placed.window();
    int rank = w.dimensions();
    int[] out = placed.out();
    double[][] factors = new double[rank][];
    for (int i = 0; i < rank; i++) {
      int in = placed.in()[i];
      if (in < 0) {
        throw new Refusal(
            "the mean over padded windows of an open dimension", "bind open dimensions to sizes");
      }
      factors[i] = new double[Build.count(out[i])];
      int low = countPadding ? -w.before(i) : 0;
      int high = countPadding ? in + w.after(i) : in;
      for (int o = 0; o < out[i]; o++) {
        int start = o * w.stride(i) - w.before(i);
        int cells = Math.min(high, start + w.kernel(i)) - Math.max(low, start);
        factors[i][o] = (double) w.kernel(i) / Math.max(1, cells);
      }
    }
    float[] all = new float[Build.count(out)];
    boolean any = false;
    for (int k = 0; k < all.length; k++) {
      double f = 1;
      int rest = k;
      for (int i = rank - 1; i >= 0; i--) {
        f *= factors[i][rest % out[i]];
        rest /= out[i];
      }
      all[k] = (float) f;
      any |= f != 1;
    }
    int[] dims = new int[rank + 2];
    Arrays.fill(dims, 1);
    System.arraycopy(out, 0, dims, 2, rank);
    return any ? b.floats(Shape.of(dims), all) : b.scalar(1);
  }
}
