package io.jetfire.tflite.quantize;

import io.jetfire.Tensor;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What one pass over the calibration samples saw of every float tensor of a subgraph. */
final class Calibrated {
  /** Numbers that are kept of what goes into a softmax, over all samples. */
  private static final int MOST_LOGITS = 1 << 17;

  private final Map<Value, TensorStatistics> statistics = new LinkedHashMap<>();
  private final Map<Value, List<float[]>> logits = new LinkedHashMap<>();

  private Calibrated() {}

  /**
   * Runs a float subgraph over samples.
   *
   * @param channels whether extremes per channel are wanted
   */
  static Calibrated run(
      Subgraph subgraph, GraphRunner runner, SampleStore samples, boolean channels) {
    Calibrated result = new Calibrated();
    List<Value> watched = new ArrayList<>();
    for (Value v : subgraph.inputs()) {
      if (v.type() == ElementType.FLOAT32) {
        result.watch(v, channels);
      }
    }
    for (Op op : subgraph.ops()) {
      for (Value v : op.outputs()) {
        if (v.type() == ElementType.FLOAT32) {
          watched.add(v);
          result.watch(v, channels);
        }
      }
    }
    Graph graph = Segments.extract(subgraph.ops(), subgraph.inputs(), watched);
    try (GraphRunner.Running running = runner.open(graph)) {
      for (int s = 0; s < samples.size(); s++) {
        List<Tensor> inputs = samples.get(s);
        running.run(inputs);
        for (int i = 0; i < inputs.size(); i++) {
          Value v = subgraph.inputs().get(i);
          if (result.statistics.containsKey(v)) {
            result.add(v, inputs.get(i).toFloatArray(), s, samples.size());
          }
        }
        for (int i = 0; i < watched.size(); i++) {
          result.add(watched.get(i), running.output(i).toFloatArray(), s, samples.size());
        }
      }
    }
    return result;
  }

  private void watch(Value v, boolean channels) {
    boolean known = v.shape().hasRank() && v.shape().rank() > 0 && v.shape().dim(-1) > 0;
    statistics.put(v, new TensorStatistics(channels && known ? v.shape().dim(-1) : 0));
    if (v.consumers().stream().anyMatch(op -> op.kind() == OpKind.SOFTMAX)) {
      logits.put(v, new ArrayList<>());
    }
  }

  private void add(Value v, float[] values, int sample, int samples) {
    of(v).add(values, sample);
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
