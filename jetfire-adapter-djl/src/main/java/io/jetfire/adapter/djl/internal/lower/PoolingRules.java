package io.jetfire.adapter.djl.internal.lower;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Value;
import java.util.Map;
import java.util.Set;

/** Pooling over windows and over whole images, and changes of an image's size. */
final class PoolingRules {

  /** Operations whose results are never negative, so that zeros do not change a maximum. */
  private static final Set<String> NOT_NEGATIVE =
      Set.of("relu", "sigmoid", "abs", "square", "exp", "softmax", "sqrt", "softPlus");

  private PoolingRules() {}

  static void addTo(Map<String, Rule> rules) {
    rules.put("maxPool", call -> pool(call, true));
    rules.put("avgPool", call -> pool(call, false));
    rules.put("globalMaxPool", call -> global(call, OpKind.REDUCE_MAX));
    rules.put("globalAvgPool", call -> global(call, OpKind.MEAN));
    rules.put("interpolation", PoolingRules::interpolation);
    rules.put("resize", PoolingRules::resize);
  }

  private static void global(TracedCall call, OpKind kind) {
    int rank = Emitter.shape(call.on()).length;
    Emitter emit = call.emit();
    if (rank == 4) {
      call.result(emit.reduce(kind, emit.channelsLast(call.on()), false, 1, 2));
    } else if (rank == 3) {
      call.result(emit.reduce(kind, call.on(), false, 2));
    } else {
      call.result(emit.reduce(kind, call.on(), false, 2, 3, 4));
    }
  }

  /**
   * maxPool(kernel, stride, padding, ceil), avgPool(kernel, stride, padding, ceil, countPadding).
   * DJL 0.35 passes the last one on to a library that counts padding in any case, as seen by
   * running it, so it is not looked at here.
   */
  private static void pool(TracedCall call, boolean max) {
    Emitter emit = call.emit();
    int[] in = Emitter.shape(call.on());
    if (in.length == 3) {
      Value row = emit.reshape(call.on(), in[0], in[1], 1, in[2]);
      Window rows = new Window(1, 1, 1, 0, 1);
      Window columns = window(call, 0, in[2], call.resultShape()[2]);
      pool(call, max, row, rows, columns);
    } else if (in.length == 4) {
      pool(
          call,
          max,
          call.on(),
          window(call, 0, in[2], call.resultShape()[2]),
          window(call, 1, in[3], call.resultShape()[3]));
    } else {
      throw new Unsupported(
          "pooling over " + (in.length - 2) + " dimensions has no rule",
          "pool over one or two dimensions");
    }
  }

  /** The windows along one dimension: how many there are follows from the recorded result. */
  private record Window(int size, int extent, int stride, int padding, int count) {

    /** How many elements are missing behind the end for the last window to be whole. */
    int behind() {
      return Math.max(0, (count - 1) * stride + extent - size - padding);
    }

    boolean isSame() {
      int windows = (size + stride - 1) / stride;
      int missing = Math.max(0, (windows - 1) * stride + extent - size);
      return count == windows && missing / 2 == padding;
    }

    boolean isPlain() {
      return padding == 0 && behind() == 0;
    }

    /** The elements that PyTorch divides a window's sum by: padding counts, but not beyond it. */
    int divisor(int window) {
      int start = window * stride - padding;
      return Math.min(start + extent, size + padding) - start;
    }
  }

  private static Window window(TracedCall call, int axis, int size, int count) {
    int[] padding = call.dims(2);
    return new Window(
        size,
        call.dims(0)[axis],
        call.dims(1)[axis],
        padding.length == 0 ? 0 : padding[axis],
        count);
  }

  private static void pool(TracedCall call, boolean max, Value input, Window h, Window w) {
    Emitter emit = call.emit();
    boolean plain = h.isPlain() && w.isPlain();
    boolean same = !plain && max && h.isSame() && w.isSame();
    Value image = emit.channelsLast(input);
    if (!plain && !same) {
      float filler = max && !isNotNegative(call) ? -Float.MAX_VALUE : 0;
      image =
          emit.pad(
              image,
              new int[][] {{0, 0}, {h.padding(), h.behind()}, {w.padding(), w.behind()}, {0, 0}},
              filler);
    }
    int[] shape = {Emitter.shape(image)[0], h.count(), w.count(), Emitter.shape(image)[3]};
    Value pooled =
        emit.op(
            max ? OpKind.MAX_POOL_2D : OpKind.AVERAGE_POOL_2D,
            ElementType.FLOAT32,
            shape,
            op ->
                op.set("padding", same ? Padding.SAME : Padding.VALID)
                    .set("stride_h", h.stride())
                    .set("stride_w", w.stride())
                    .set("filter_height", h.extent())
                    .set("filter_width", w.extent()),
            image);
    if (!max && !plain && !same) {
      pooled = correctDivisors(emit, pooled, h, w);
    }
    call.result(emit.reshape(emit.channelsFirst(pooled), call.resultShape()));
  }

  /** After padding with zeros every window was divided by its whole area. */
  private static Value correctDivisors(Emitter emit, Value pooled, Window h, Window w) {
    float[] factors = new float[h.count() * w.count()];
    boolean any = false;
    for (int y = 0; y < h.count(); y++) {
      for (int x = 0; x < w.count(); x++) {
        int divisor = h.divisor(y) * w.divisor(x);
        factors[y * w.count() + x] = (float) (h.extent() * w.extent()) / divisor;
        any |= divisor != h.extent() * w.extent();
      }
    }
    return any
        ? emit.binary(
            OpKind.MUL,
            pooled,
            emit.floats("divisors", new int[] {1, h.count(), w.count(), 1}, factors))
        : pooled;
  }

  private static boolean isNotNegative(TracedCall call) {
    return call.producer(call.onId()).filter(p -> NOT_NEGATIVE.contains(p.method())).isPresent();
  }

  /** interpolation(size, mode, alignCorners); DJL's engine always runs without aligned corners. */
  private static void interpolation(TracedCall call) {
    if (Emitter.shape(call.on()).length != 4) {
      throw new Unsupported(
          "only images of four dimensions can be scaled", "expand the dimensions before");
    }
    Emitter emit = call.emit();
    int[] shape = call.resultShape();
    Value image = emit.channelsLast(call.on());
    call.result(emit.channelsFirst(scale(emit, image, shape[2], shape[3], call.whole(1))));
  }

  /** resize(width, height, mode) of an image with channels last. */
  private static void resize(TracedCall call) {
    Emitter emit = call.emit();
    int[] in = Emitter.shape(call.on());
    Value image =
        emit.cast(
            in.length == 3 ? emit.reshape(call.on(), 1, in[0], in[1], in[2]) : call.on(),
            ElementType.FLOAT32);
    Value scaled = scale(emit, image, call.whole(1), call.whole(0), call.whole(2));
    call.result(emit.reshape(emit.cast(scaled, call.resultType()), call.resultShape()));
  }

  /** DJL's modes: 0 nearest, 1 bilinear, 2 area, 3 bicubic. */
  private static Value scale(Emitter emit, Value image, int height, int width, int mode) {
    int[] shape = Emitter.shape(image);
    shape[1] = height;
    shape[2] = width;
    Value size = emit.ints(height, width);
    return switch (mode) {
      case 0 -> emit.op(OpKind.RESIZE_NEAREST_NEIGHBOR, image.type(), shape, image, size);
      case 1 ->
          emit.op(
              OpKind.RESIZE_BILINEAR,
              image.type(),
              shape,
              op -> op.set("half_pixel_centers", true),
              image,
              size);
      default ->
          throw new Unsupported(
              "TensorFlow Lite scales by nearest neighbour or bilinearly, not in mode " + mode,
              "use Image.Interpolation.NEAREST or BILINEAR");
    };
  }
}
