package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What is known of small integer tensors that are computed from shapes, element by element, so that
 * a reshape to {@code [batch, 64]} with an open batch still has a second dimension.
 */
final class ShapeValues {
  /** Stands for an element that is known only when the model runs. */
  static final long UNKNOWN = Long.MIN_VALUE;

  private static final int MAX_ELEMENTS = 64;
  private static final int MAX_DEPTH = 24;

  private ShapeValues() {}

  /** The elements of a vector or scalar, {@link #UNKNOWN} where open; null if nothing is known. */
  static long @Nullable [] of(Value value) {
    return of(value, 0);
  }

  /** The same as ints, with -1 for open elements; null if nothing is known. */
  static int @Nullable [] ints(Value value) {
    long[] known = of(value);
    if (known == null) {
      return null;
    }
    int[] out = new int[known.length];
    for (int i = 0; i < out.length; i++) {
      out[i] =
          known[i] == UNKNOWN
              ? -1
              : (int) Math.max(Integer.MIN_VALUE, Math.min(Integer.MAX_VALUE, known[i]));
    }
    return out;
  }

  /** All elements as ints; null if one is open. */
  static int @Nullable [] constant(Value value) {
    long[] known = of(value);
    return known == null || Arrays.stream(known).anyMatch(v -> v == UNKNOWN) ? null : ints(value);
  }

  private static long @Nullable [] of(Value value, int depth) {
    if (depth > MAX_DEPTH
        || !value.type().isInteger()
        || !value.shape().isStatic()
        || value.shape().rank() > 1
        || value.shape().elementCount() > MAX_ELEMENTS) {
      return value.isConstant()
              && value.type().isInteger()
              && value.shape().isStatic()
              && value.data().orElseThrow().external().isEmpty()
          ? value.longs()
          : null;
    }
    if (value.isConstant()) {
      return value.data().orElseThrow().external().isPresent() ? null : value.longs();
    }
    Op op = value.producer().orElse(null);
    if (op == null) {
      return null;
    }
    int n = (int) value.shape().elementCount();
    return switch (op.kind()) {
      case SHAPE -> {
        Shape shape = op.input(0).shape();
        if (!shape.hasRank() || shape.rank() != n) {
          yield null;
        }
        yield Arrays.stream(shape.dims()).mapToLong(d -> d < 0 ? UNKNOWN : d).toArray();
      }
      case CAST, RESHAPE, SQUEEZE, EXPAND_DIMS -> {
        long[] x = of(op.input(0), depth + 1);
        yield x != null && x.length == n ? x : null;
      }
      case CONCATENATION, PACK -> {
        long[] out = new long[n];
        int at = 0;
        for (Value part : op.inputs()) {
          long[] x = part == null ? null : of(part, depth + 1);
          int size =
              part != null && part.shape().isStatic() ? (int) part.shape().elementCount() : n + 1;
          if (at + size > n) {
            yield null;
          }
          for (int i = 0; i < size; i++) {
            out[at++] = x == null ? UNKNOWN : x[i];
          }
        }
        yield at == n ? out : null;
      }
      case GATHER -> {
        long[] x = of(op.input(0), depth + 1);
        long[] index = of(op.input(1), depth + 1);
        if (x == null || index == null || index.length != n || op.integer("batch_dims") != 0) {
          yield null;
        }
        long[] out = new long[n];
        for (int i = 0; i < n; i++) {
          if (index[i] != UNKNOWN && (index[i] < 0 || index[i] >= x.length)) {
            yield null;
          }
          out[i] = index[i] == UNKNOWN ? UNKNOWN : x[(int) index[i]];
        }
        yield out;
      }
      case SLICE -> {
        long[] x = of(op.input(0), depth + 1);
        int[] begin = constant(op.input(1));
        if (x == null || begin == null || begin.length != 1 || begin[0] + n > x.length) {
          yield null;
        }
        yield Arrays.copyOfRange(x, begin[0], begin[0] + n);
      }
      case STRIDED_SLICE -> {
        long[] x = of(op.input(0), depth + 1);
        int[] begin = constant(op.input(1));
        int[] end = constant(op.input(2));
        int[] step = constant(op.input(3));
        if (x == null || begin == null || end == null || step == null || begin.length != 1) {
          yield null;
        }
        MovementKernels.Slicing s =
            MovementKernels.slicing(new int[] {x.length}, begin, end, step, op);
        if (s.length().length != 1 || s.length()[0] != n) {
          yield null;
        }
        long[] out = new long[n];
        for (int i = 0; i < n; i++) {
          out[i] = x[s.begin()[0] + i * s.step()[0]];
        }
        yield out;
      }
      case ADD, SUB, MUL, DIV, FLOOR_DIV, MAXIMUM, MINIMUM -> {
        long[] x = of(op.input(0), depth + 1);
        long[] y = of(op.input(1), depth + 1);
        var f = ElementwiseKernels.integerBinary(op.kind());
        if (x == null || y == null || f == null) {
          yield null;
        }
        long[] out = new long[n];
        for (int i = 0; i < n; i++) {
          long a = x[x.length == 1 ? 0 : i];
          long b = y[y.length == 1 ? 0 : i];
          boolean divides = op.kind().name().endsWith("DIV") && b == 0;
          out[i] = a == UNKNOWN || b == UNKNOWN || divides ? UNKNOWN : f.applyAsLong(a, b);
        }
        yield out;
      }
      case REDUCE_PROD -> {
        long[] x = of(op.input(0), depth + 1);
        if (x == null || n != 1) {
          yield null;
        }
        long product = 1;
        for (long v : x) {
          product = v == UNKNOWN || product == UNKNOWN ? UNKNOWN : product * v;
        }
        yield new long[] {product};
      }
      default -> null;
    };
  }
}
