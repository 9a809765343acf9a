package io.jetfire.tflite.quantize;

import io.jetfire.Tensor;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** What one pass over the calibration samples saw of every float tensor of a subgraph. */
final class Calibrated {
  /** Numbers that are kept of what goes into a softmax, over all samples. */
  private static final int MOST_LOGITS = 1 << 17;

  /** Values of activations that means are taken from: more change nothing that can be measured. */
  private static final long MEAN_VALUES = 100_000_000;

  private static final int LEAST_MEAN_SAMPLES = 16;

  private final Map<Value, TensorStatistics> statistics = new LinkedHashMap<>();
  private final Map<Value, List<float[]>> logits = new LinkedHashMap<>();

  private final Map<Op, WindowMeans> means = new LinkedHashMap<>();

  private final BitSet chosen = new BitSet();
  private @Nullable SampleStore sampled;

  private Calibrated() {}

  /**
   * Runs a float subgraph over samples.
   *
   * @param channels whether extremes per channel are wanted
   * @param means whether the means of what layers are fed with are wanted
   */
  static Calibrated run(
      Subgraph subgraph, GraphRunner runner, SampleStore samples, boolean channels, boolean means) {
    Calibrated result = new Calibrated();
    List<Value> inputs = new ArrayList<>();
    for (Value v : subgraph.inputs()) {
      inputs.add(v);
      if (v.type() == ElementType.FLOAT32) {
        result.watch(v, channels);
      }
    }
    List<Value> outputs = new ArrayList<>();
    for (Op op : subgraph.ops()) {
      for (Value v : op.outputs()) {
        if (v.type() == ElementType.FLOAT32) {
          outputs.add(v);
          result.watch(v, channels);
        }
      }
    }
    if (means) {
      subgraph.ops().forEach(result::watchWindows);
      long values = outputs.stream().mapToLong(v -> v.shape().standInElementCount()).sum();
      int[] chosen = choose(samples.size(), values);
      result.sampled = samples.part(chosen);
      Arrays.stream(chosen).forEach(result.chosen::set);
    }
    Pass.run(
        Segments.extract(subgraph.ops(), subgraph.inputs(), outputs),
        runner,
        samples,
        inputs.size() + outputs.size(),
        () -> result.new Viewer(inputs, outputs, samples.size()));
    return result;
  }

  /** Looks at samples on behalf of one thread. */
  private final class Viewer implements Pass.Viewer {
    private final List<Value> inputs;
    private final List<Value> outputs;
    private final int samples;
    private final TensorScan scan = new TensorScan();
    private final Map<Value, Map<WindowMeans, WindowMeans.Sums>> sums = new LinkedHashMap<>();

    Viewer(List<Value> inputs, List<Value> outputs, int samples) {
      this.inputs = inputs;
      this.outputs = outputs;
      this.samples = samples;
      List<WindowMeans.Scratch> scratches = new ArrayList<>();
      means.forEach(
          (op, m) -> {
            Map<WindowMeans, WindowMeans.Sums> readers =
                sums.computeIfAbsent(fed(op), v -> new LinkedHashMap<>());
            if (readers.size() == scratches.size()) {
              scratches.add(new WindowMeans.Scratch());
            }
            readers.put(m, new WindowMeans.Sums(m, scratches.get(readers.size())));
          });
    }

    private List<WindowMeans.Sums> readers(Value v, int sample) {
      return chosen.get(sample) ? List.copyOf(sums.getOrDefault(v, Map.of()).values()) : List.of();
    }

    private void add(Value v, int sample) {
      of(v).add(scan, sample);
      if (chosen.get(sample)) {
        sums.getOrDefault(v, Map.of()).forEach(WindowMeans::add);
      }
    }

    @Override
    public void view(
        int sample, List<Tensor> given, GraphRunner.Running running, Pass.Order order) {
      for (int i = 0; i < inputs.size(); i++) {
        if (statistics.containsKey(inputs.get(i))) {
          view(inputs.get(i), given.get(i), sample, i, order);
        }
      }
      for (int i = 0; i < outputs.size(); i++) {
        Value v = outputs.get(i);
        int output = i;
        int slot = inputs.size() + i;
        TensorStatistics s = of(v);
        boolean whole = logits.containsKey(v) || !v.shape().hasRank();
        if (!whole
            && scan.scan(
                (position, target) -> running.read(output, position, target),
                v.shape().standInElementCount(),
                s.channels(),
                sample,
                readers(v, sample))) {
          order.inTurn(slot, sample, () -> add(v, sample));
        } else {
          view(v, running.output(output), sample, slot, order);
        }
      }
    }

    private void view(Value v, Tensor tensor, int sample, int slot, Pass.Order order) {
      TensorStatistics s = of(v);
      scan.scan(
          TensorScan.source(tensor),
          tensor.elementCount(),
          s.channels(),
          sample,
          readers(v, sample));
      order.inTurn(
          slot,
          sample,
          () -> {
            add(v, sample);
            if (logits.containsKey(v)) {
              keep(v, tensor.toFloatArray(), samples);
            }
          });
    }
  }

  private void watchWindows(Op op) {
    WindowMeans.of(op)
        .filter(m -> statistics.containsKey(fed(op)))
        .ifPresent(m -> means.put(op, m));
  }

  private static Value fed(Op layer) {
    return layer.input(OperatorRules.activationInput(layer.kind()));
  }

  /**
   * The mean of what a layer was fed with in {@link #sampled}.
   *
   * @return empty if it was not asked for, or cannot be told without looking at every window
   */
  Optional<WindowMeans> means(Op layer) {
    return Optional.ofNullable(means.get(layer)).filter(WindowMeans::isKnown);
  }

  /** The samples that means were taken from. */
  SampleStore sampled() {
    if (sampled == null) {
      throw new IllegalStateException("means were not asked for");
    }
    return sampled;
  }

  /** Chooses samples for means: all, or as many, evenly spread, as have enough values. */
  private static int[] choose(int samples, long valuesPerSample) {
    long enough = Math.max(LEAST_MEAN_SAMPLES, MEAN_VALUES / Math.max(1, valuesPerSample));
    int n = (int) Math.min(samples, enough);
    return IntStream.range(0, n).map(i -> (int) ((long) i * samples / n)).toArray();
  }

  private void watch(Value v, boolean channels) {
    boolean known = v.shape().hasRank() && v.shape().rank() > 0 && v.shape().dim(-1) > 0;
    statistics.put(v, new TensorStatistics(channels && known ? v.shape().dim(-1) : 0));
    if (v.consumers().stream().anyMatch(op -> op.kind() == OpKind.SOFTMAX)) {
      logits.put(v, new ArrayList<>());
    }
  }

  private void keep(Value v, float[] values, int samples) {
    List<float[]> kept = logits.get(v);
    if (kept != null) {
      int row = v.shape().dim(-1) > 0 ? v.shape().dim(-1) : values.length;
      int rows = Math.max(1, MOST_LOGITS / Math.max(1, row) / samples);
      int step = Math.max(1, values.length / row / rows);
      for (int r = 0; r * row + row <= values.length; r += step) {
        float[] copy = new float[row];
        System.arraycopy(values, r * row, copy, 0, row);
        kept.add(copy);
      }
    }
  }

  /** What is known without samples: nothing. */
  static Calibrated none() {
    return new Calibrated();
  }

  TensorStatistics of(Value v) {
    TensorStatistics s = statistics.get(v);
    if (s == null) {
      throw new IllegalStateException(v.name() + " was not watched during calibration");
    }
    return s;
  }

  Optional<List<float[]>> logits(Value v) {
    return Optional.ofNullable(logits.get(v)).filter(l -> !l.isEmpty());
  }

  Range range(Value v) {
    return of(v).minMax();
  }

  Iterable<Map.Entry<Value, TensorStatistics>> all() {
    return statistics.entrySet();
  }
}
