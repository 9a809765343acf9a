package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * The ranges that calibration saw, without numbers so small that it does not matter how small.
 *
 * <p>Masks of attention add −10⁴, −10⁹ or the smallest float before a softmax, and maxima are
 * padded with such numbers. A range that covered them would leave nothing for all others; cut off
 * where they stop to matter, they saturate and mean the same.
 */
final class Floors {
  /**
   * So far below the largest input, a softmax gives less than a tenth of its smallest 16-bit step.
   */
  private static final double NEGLIGIBLE = 14;

  /** Larger numbers stand for infinity: no scale can be computed from them. */
  private static final float LARGEST = 1e30f;

  private final Calibrated calibrated;
  private final Map<Value, OptionalDouble> floors = new HashMap<>();

  Floors(Calibrated calibrated) {
    this.calibrated = calibrated;
  }

  /** The range of a tensor, constant or not, down to where numbers matter. */
  Range range(Value v) {
    Range whole = whole(v);
    OptionalDouble floor = floor(v);
    float min = Math.max(whole.min(), -LARGEST);
    float max = Math.max(min, Math.min(whole.max(), LARGEST));
    float least = floor.isPresent() ? (float) Math.max(min, floor.getAsDouble()) : min;
    return new Range(least, Math.max(least, max));
  }

  /** Whether a part of a tensor's range does not matter. */
  boolean isCut(Value v) {
    return range(v).min() > whole(v).min();
  }

  private Range whole(Value v) {
    return v.isConstant() ? finite(v.floats()) : calibrated.range(v);
  }

  private static Range finite(float[] values) {
    float lo = 0;
    float hi = 0;
    boolean any = false;
    for (float v : values) {
      if (Float.isFinite(v)) {
        lo = any ? Math.min(lo, v) : v;
        hi = any ? Math.max(hi, v) : v;
        any = true;
      }
    }
    return new Range(lo, hi);
  }

  /** All that is smaller may as well be this; empty if every number matters. */
  private OptionalDouble floor(Value v) {
    OptionalDouble known = floors.get(v);
    if (known == null) {
      known = compute(v);
      floors.put(v, known);
    }
    return known;
  }

  private OptionalDouble compute(Value v) {
    if (v.isOutput() || v.consumers().isEmpty() || v.type() != ElementType.FLOAT32) {
      return OptionalDouble.empty();
    }
    double least = Double.POSITIVE_INFINITY;
    for (Op op : v.consumers()) {
      OptionalDouble floor = floor(v, op);
      if (floor.isEmpty()) {
        return floor;
      }
      least = Math.min(least, floor.getAsDouble());
    }
    return OptionalDouble.of(least);
  }

  private OptionalDouble floor(Value v, Op op) {
    return switch (op.kind()) {
      case SOFTMAX -> beforeSoftmax(v, op.real("beta"));
      case MAX_POOL_2D -> beforeMaximum(v, op);
      case RESHAPE, SQUEEZE, EXPAND_DIMS, TRANSPOSE, SELECT, SELECT_V2, PADV2 ->
          floor(op.output(0));
      case ADD -> {
        OptionalDouble after = floor(op.output(0));
        Value other = op.input(0) == v ? op.input(1) : op.input(0);
        yield after.isPresent() && op.activation() == Activation.NONE && other != v
            ? OptionalDouble.of(after.getAsDouble() - whole(other).max())
            : OptionalDouble.empty();
      }
      default -> OptionalDouble.empty();
    };
  }

  private OptionalDouble beforeSoftmax(Value v, float beta) {
    return v.isConstant() || !(beta > 0)
        ? OptionalDouble.empty()
        : calibrated
            .logits(v)
            .map(
                rows -> {
                  double least = Double.POSITIVE_INFINITY;
                  for (float[] row : rows) {
                    double largest = Double.NEGATIVE_INFINITY;
                    for (float x : row) {
                      largest = Math.max(largest, x);
                    }
                    least = Math.min(least, largest);
                  }
                  return OptionalDouble.of(least - NEGLIGIBLE / beta);
                })
            .orElseGet(OptionalDouble::empty);
  }

  /** Padding never wins where some real number is in every window. */
  private OptionalDouble beforeMaximum(Value v, Op pool) {
    if (v.producer().map(Op::kind).orElse(null) != OpKind.PADV2) {
      return OptionalDouble.empty();
    }
    float least = whole(v.producer().get().input(0)).min();
    return whole(pool.output(0)).min() >= least ? OptionalDouble.of(least) : OptionalDouble.empty();
  }
}
