package io.jetfire.tflite.inspect;

import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Counts multiply-accumulates: one per weight and output position. Operators without a matrix or
 * window product count 0, as is usual.
 */
final class Macs {
  private Macs() {}

  static OptionalLong of(Op op) {
    try {
      return switch (op.kind()) {
        case CONV_2D, CONV_3D -> perOutput(op, window(op, 1));
        case DEPTHWISE_CONV_2D -> {
          Optional<int[]> filter = dims(op.optionalInput(1));
          yield filter.isEmpty() || filter.get().length != 4
              ? OptionalLong.empty()
              : perOutput(op, OptionalLong.of((long) filter.get()[1] * filter.get()[2]));
        }
        case TRANSPOSE_CONV -> {
          Optional<int[]> filter = dims(op.optionalInput(1));
          Optional<int[]> in = dims(op.optionalInput(2));
          yield filter.isEmpty() || in.isEmpty() || filter.get().length != 4
              ? OptionalLong.empty()
              : OptionalLong.of(
                  Math.multiplyExact(
                      product(in.get(), 0),
                      (long) filter.get()[0] * filter.get()[1] * filter.get()[2]));
        }
        case FULLY_CONNECTED -> perOutput(op, window(op, 1));
        case BATCH_MATMUL -> {
          Optional<int[]> a = dims(op.optionalInput(0));
          boolean turned = op.has("adj_x") && op.flag("adj_x");
          yield a.isEmpty() || a.get().length < 2
              ? OptionalLong.empty()
              : perOutput(op, OptionalLong.of(a.get()[a.get().length - (turned ? 2 : 1)]));
        }
        case SVDF -> recurrent(op, 0, 1, 3);
        case RNN -> recurrent(op, 0, 1, 3);
        case UNIDIRECTIONAL_SEQUENCE_RNN -> recurrent(op, steps(op), 1, 3);
        case LSTM -> recurrent(op, 0, 1, op.inputs().size() == 5 ? 3 : 18);
        case UNIDIRECTIONAL_SEQUENCE_LSTM -> recurrent(op, steps(op), 1, 18);
        case BIDIRECTIONAL_SEQUENCE_LSTM -> recurrent(op, steps(op), 1, 35);
        case CUSTOM, CALL, CALL_ONCE, IF, WHILE -> OptionalLong.empty();
        default ->
            op.kind().name().startsWith("STABLEHLO_") ? OptionalLong.empty() : OptionalLong.of(0);
      };
    } catch (ArithmeticException e) {
      return OptionalLong.empty();
    }
  }

  private static OptionalLong perOutput(Op op, OptionalLong each) {
    Optional<int[]> out =
        op.outputs().isEmpty() ? Optional.empty() : dims(Optional.of(op.output(0)));
    return each.isEmpty() || out.isEmpty()
        ? OptionalLong.empty()
        : OptionalLong.of(Math.multiplyExact(product(out.get(), 0), each.getAsLong()));
  }

  // What one output takes of the weights: all but their first dimension.
  private static OptionalLong window(Op op, int input) {
    Optional<int[]> weights = dims(op.optionalInput(input));
    if (weights.isEmpty() || weights.get().length < 2) {
      return OptionalLong.empty();
    }
    if (weights.get().length == 5) {
      // 3-D filters are [depth, height, width, in, out].
      int[] f = weights.get();
      return OptionalLong.of(
          Math.multiplyExact((long) f[0] * f[1], Math.multiplyExact((long) f[2], f[3])));
    }
    return OptionalLong.of(product(weights.get(), 1));
  }

  // Every weight once per step and sample.
  private static OptionalLong recurrent(Op op, long steps, int from, int to) {
    Optional<int[]> in = dims(op.optionalInput(0));
    if (in.isEmpty() || in.get().length < 2 || steps < 0) {
      return OptionalLong.empty();
    }
    long weights = 0;
    for (int i = from; i < to && i < op.inputs().size(); i++) {
      Optional<Value> v = op.optionalInput(i);
      if (v.isPresent()
          && v.get().isConstant()
          && v.get().shape().hasRank()
          && v.get().shape().rank() == 2) {
        weights = Math.addExact(weights, product(v.get().shape().standIn(), 0));
      }
    }
    long runs = steps == 0 ? in.get()[0] : Math.multiplyExact((long) in.get()[0], in.get()[1]);
    return OptionalLong.of(Math.multiplyExact(weights, runs));
  }

  // A marker that the sequence's two outer dimensions both count; their order does not matter.
  private static long steps(Op op) {
    Optional<int[]> in = dims(op.optionalInput(0));
    return in.isPresent() && in.get().length == 3 ? 1 : -1;
  }

  private static Optional<int[]> dims(Optional<Value> value) {
    Shape shape = value.map(Value::shape).orElse(Shape.unknown());
    return shape.hasRank() ? Optional.of(shape.standIn()) : Optional.empty();
  }

  private static long product(int[] dims, int from) {
    long n = 1;
    for (int i = from; i < dims.length; i++) {
      n = Math.multiplyExact(n, dims[i]);
    }
    return n;
  }
}
