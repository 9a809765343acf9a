package io.jetfire.tflite.quantize;

import io.jetfire.ActivationRange;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/** From what calibration saw of a group of tensors to their parameters. */
final class ParameterChooser implements ActivationPlan.Chooser {
  private static final int LEVELS = 255;
  private static final int WIDE_LEVELS = 65_534;

  /** 16 bits have room to spare: values beyond those of calibration are not clipped. */
  private static final float HEAD_ROOM = 2;

  private final Calibrated calibrated;
  private final Floors floors;
  private final Set<QuantizationMethod> methods;
  private final ActivationRange wanted;

  ParameterChooser(
      Calibrated calibrated,
      Floors floors,
      Set<QuantizationMethod> methods,
      ActivationRange wanted) {
    this.calibrated = calibrated;
    this.floors = floors;
    this.methods = methods;
    this.wanted = wanted;
  }

  @Override
  public Parameters choose(ElementType type, List<ActivationPlan.Source> sources) {
    // Zero is in every range, so that nothing changes where there are no sources of a kind.
    Range range = new Range(0, 0);
    Range constants = range;
    Range cut = range;
    List<TensorStatistics> seen = new ArrayList<>();
    for (ActivationPlan.Source source : sources) {
      Range r = floors.range(source.value());
      if (source.constant()) {
        constants = constants.union(r);
      } else if (floors.isCut(source.value())) {
        cut = cut.union(r);
      } else if (!derived(source.value(), sources)) {
        seen.add(calibrated.of(source.value()));
      }
      range = range.union(r);
    }
    if (wanted.method() != ActivationRange.Method.AUTOMATIC) {
      Range all = seen.isEmpty() ? range : chosen(type, seen, range).union(cut).union(constants);
      return type == ElementType.INT16 ? all.toInt16() : all.toInt8();
    }
    if (type == ElementType.INT16) {
      return range.scaled(seen.isEmpty() ? 1 : HEAD_ROOM).toInt16();
    }
    Optional<Range> softmax = softmaxRange(sources, range);
    if (softmax.isPresent()) {
      range = softmax.get();
    } else if (methods.contains(QuantizationMethod.RANGE_SEARCH) && !seen.isEmpty()) {
      range = leastError(seen, range, LEVELS);
    }
    return range.union(constants).toInt8();
  }

  /** The range that the recipe asks for; automatic choices do not come here. */
  private Range chosen(ElementType type, List<TensorStatistics> seen, Range whole) {
    int levels = type == ElementType.INT16 ? WIDE_LEVELS : LEVELS;
    return switch (wanted.method()) {
      case PERCENTILE -> union(seen, s -> s.percentile(wanted.percentile()));
      case MEAN_SQUARED_ERROR -> leastError(seen, whole, levels);
      case ENTROPY -> type == ElementType.INT16 ? whole : union(seen, s -> s.entropy(LEVELS));
      default -> whole;
    };
  }

  private static Range union(List<TensorStatistics> seen, Function<TensorStatistics, Range> each) {
    return seen.stream().map(each).reduce(Range::union).orElseThrow();
  }

  private static Range leastError(List<TensorStatistics> seen, Range whole, int levels) {
    return RangeSearch.search(
        whole,
        (lo, hi) -> {
          double sum = 0;
          for (TensorStatistics s : seen) {
            sum += s.meanSquaredError(lo, hi, levels);
          }
          return sum;
        });
  }

  /** Whether a tensor holds numbers of another one in the same group. */
  private static boolean derived(Value v, List<ActivationPlan.Source> sources) {
    Optional<Op> producer = v.producer();
    return producer.isPresent()
        && OperatorRules.passesValues(producer.get())
        && producer.get().inputs().stream()
            .anyMatch(in -> sources.stream().anyMatch(s -> s.value() == in));
  }

  private Optional<Range> softmaxRange(List<ActivationPlan.Source> sources, Range whole) {
    if (!methods.contains(QuantizationMethod.SOFTMAX_RANGE)) {
      return Optional.empty();
    }
    for (ActivationPlan.Source source : sources) {
      Value v = source.value();
      boolean softmaxOnly =
          !source.constant()
              && !v.isOutput()
              && !v.consumers().isEmpty()
              && v.consumers().stream().allMatch(op -> op.kind() == OpKind.SOFTMAX);
      Optional<List<float[]>> rows = softmaxOnly ? calibrated.logits(v) : Optional.empty();
      boolean alone =
          sources.stream()
              .allMatch(
                  s ->
                      s.value() == v
                          || (!s.value().isOutput()
                              && s.value().consumers().stream()
                                  .allMatch(
                                      c ->
                                          OperatorRules.passesValues(c)
                                              || c.kind() == OpKind.SOFTMAX)));
      if (rows.isPresent() && alone) {
        float beta = v.consumers().get(0).real("beta");
        double[][] wanted =
            rows.get().stream().map(r -> softmax(toDoubles(r), beta)).toArray(double[][]::new);
        return Optional.of(
            RangeSearch.search(
                whole, (lo, hi) -> softmaxError(rows.get(), wanted, beta, lo, hi), 0.02));
      }
    }
    return Optional.empty();
  }

  private static double softmaxError(
      List<float[]> rows, double[][] wanted, float beta, double lo, double hi) {
    Parameters p = new Range((float) lo, (float) hi).toInt8();
    double[] errors = new double[wanted.length];
    Parallel.run(
        wanted.length,
        (share, shares) -> {
          double[][] powers = new double[256][];
          int[] levels = new int[0];
          for (int r = share; r < wanted.length; r += shares) {
            float[] row = rows.get(r);
            if (levels.length != row.length) {
              levels = new int[row.length];
            }
            int largest = quantize(row, p, levels);
            if (powers[largest] == null) {
              powers[largest] = powers(p, beta, largest);
            }
            errors[r] = softmaxError(levels, powers[largest], wanted[r]);
          }
        });
    double sum = 0;
    for (double e : errors) {
      sum += e;
    }
    return sum;
  }

  /** Counts levels from 0 and returns the largest one. */
  private static int quantize(float[] row, Parameters p, int[] levels) {
    int largest = 0;
    for (int i = 0; i < row.length; i++) {
      levels[i] = p.quantize(row[i]) + 128;
      largest = Math.max(largest, levels[i]);
    }
    return largest;
  }

  /** What a softmax adds up, for every level that is not above the largest one. */
  private static double[] powers(Parameters p, float beta, int largest) {
    double max = p.dequantize(largest - 128);
    double[] powers = new double[largest + 1];
    for (int i = 0; i < powers.length; i++) {
      powers[i] = Math.exp(beta * (p.dequantize(i - 128) - max));
    }
    return powers;
  }

  private static double softmaxError(int[] levels, double[] powers, double[] wanted) {
    double total = 0;
    for (int level : levels) {
      total += powers[level];
    }
    double sum = 0;
    for (int i = 0; i < levels.length; i++) {
      double d = powers[levels[i]] / total - wanted[i];
      sum += d * d;
    }
    return sum;
  }

  private static double[] toDoubles(float[] values) {
    double[] out = new double[values.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = values[i];
    }
    return out;
  }

  private static double[] softmax(double[] x, float beta) {
    double max = Double.NEGATIVE_INFINITY;
    for (double v : x) {
      max = Math.max(max, v);
    }
    double sum = 0;
    double[] out = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      out[i] = Math.exp(beta * (x[i] - max));
      sum += out[i];
    }
    for (int i = 0; i < out.length; i++) {
      out[i] /= sum;
    }
    return out;
  }
}
