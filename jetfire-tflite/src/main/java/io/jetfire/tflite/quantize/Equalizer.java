package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Scales the channels of activations, so that small ones are not lost in the common step.
 *
 * <p>Tensors that additions, poolings and the like tie together have one factor per channel between
 * them; every layer that produces one divides its weights and bias by the factors, every layer that
 * reads one multiplies. Exact in float as long as activations are homogeneous (none or ReLU). A
 * channel behind a ReLU6 is scaled as long as it stays below 6 before and after, by what
 * calibration saw; one that reaches 6 keeps its scale. (Cross-layer equalization, after Nagel and
 * others, arXiv 1906.04721; the balance between activations and weights is that of SmoothQuant,
 * arXiv 2211.10438. With 16-bit activations the balance of a group is the one with which rounding
 * weights adds the least noise, by an estimate, to the outputs of the layers that read it; with
 * 8-bit activations that estimate was measured to be no better than an even balance.)
 */
final class Equalizer {
  /** Fewer values of a channel say too little about its range. */
  private static final int LEAST_VALUES = 100;

  private static final double MOST_FACTOR = 256;
  private static final float LIMIT = 6;

  /** From the factors that even out weights (0) to those that even out activations (1). */
  private static final double[] BALANCES = {0, 0.25, 0.5, 0.75, 1};

  private static final double WEIGHT_STEPS = 127;
  private static final double EVEN = 0.5;

  /** Room between what calibration saw behind a ReLU6 and its limit. */
  private static final double MARGIN = 1.2;

  private static final class Group {
    private @Nullable Group parent;
    private final List<Value> values = new ArrayList<>();
    private boolean refused;

    Group root() {
      Group g = this;
      while (g.parent != null) {
        g = g.parent;
      }
      return g;
    }
  }

  private final Subgraph subgraph;
  private final Calibrated calibrated;
  private final boolean narrow;
  private final SharedWeights shared;
  private final Map<Value, Group> groups = new LinkedHashMap<>();

  private Equalizer(
      Subgraph subgraph, Calibrated calibrated, boolean narrow, SharedWeights shared) {
    this.subgraph = subgraph;
    this.calibrated = calibrated;
    this.narrow = narrow;
    this.shared = shared;
  }

  /**
   * Equalizes a float subgraph in place.
   *
   * @param calibrated what calibration saw of it, with channels
   * @param narrow whether activations have 8 bits; with 16 their rounding does not count
   * @param shared weights that other subgraphs use as well, which stay as they are
   * @return how many groups of tensors were scaled
   */
  static int equalize(
      Subgraph subgraph, Calibrated calibrated, boolean narrow, SharedWeights shared) {
    return new Equalizer(subgraph, calibrated, narrow, shared).run();
  }

  private int run() {
    for (Op op : subgraph.ops()) {
      tie(op);
    }
    int scaled = 0;
    List<Group> roots = new ArrayList<>();
    for (Group g : groups.values()) {
      if (!roots.contains(g.root())) {
        roots.add(g.root());
      }
    }
    for (Group g : roots) {
      if (!g.refused && scale(g)) {
        scaled++;
      }
    }
    return scaled;
  }

  private Group group(Value v) {
    return groups.computeIfAbsent(
        v,
        k -> {
          Group g = new Group();
          g.values.add(k);
          g.refused =
              k.isInput()
                  || k.isOutput()
                  || k.type() != ElementType.FLOAT32
                  || !k.shape().hasRank()
                  || k.shape().rank() < 2
                  || k.shape().dim(-1) < 1;
          return g;
        });
  }

  private void union(Value a, Value b) {
    Group x = group(a).root();
    Group y = group(b).root();
    if (x != y) {
      y.parent = x;
      x.values.addAll(y.values);
      x.refused |= y.refused;
      if (a.shape().hasRank() && b.shape().hasRank() && a.shape().dim(-1) != b.shape().dim(-1)) {
        x.refused = true;
      }
    }
  }

  private void refuse(Value v) {
    group(v).root().refused = true;
  }

  private static boolean homogeneous(Activation activation) {
    return activation == Activation.NONE || activation == Activation.RELU;
  }

  private void tie(Op op) {
    switch (op.kind()) {
      case CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED -> {
        boolean usable =
            Rewriter.isLayer(op)
                && op.input(1).useCount() == 1
                && !shared.contains(op.input(1))
                && op.optionalInput(2).map(b -> b.useCount() == 1).orElse(true);
        if (!usable || !reads(op)) {
          refuse(op.input(0));
        } else {
          group(op.input(0));
        }
        Activation a = op.activation();
        if (!usable
            || !(homogeneous(a) || a == Activation.RELU6)
            || op.output(0).shape().dim(-1) != LayerWeights.outputs(op.kind(), op.input(1))) {
          refuse(op.output(0));
        } else {
          group(op.output(0));
        }
      }
      case ADD, SUB -> {
        boolean alike =
            !op.input(0).isConstant()
                && !op.input(1).isConstant()
                && op.input(0).shape().equals(op.input(1).shape())
                && homogeneous(op.activation());
        tieOrRefuse(op, alike);
      }
      case AVERAGE_POOL_2D, MAX_POOL_2D -> tieOrRefuse(op, homogeneous(op.activation()));
      case RELU, PAD, RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR -> tieOrRefuse(op, true);
      case MEAN -> tieOrRefuse(op, keepsChannels(op));
      case RESHAPE, SQUEEZE ->
          tieOrRefuse(
              op,
              op.input(0).shape().hasRank()
                  && op.output(0).shape().hasRank()
                  && op.input(0).shape().rank() > 0
                  && op.output(0).shape().rank() > 0
                  && op.input(0).shape().dim(-1) == op.output(0).shape().dim(-1));
      default -> tieOrRefuse(op, false);
    }
  }

  private void tieOrRefuse(Op op, boolean tied) {
    List<Value> all = new ArrayList<>(op.outputs());
    for (Value v : op.inputs()) {
      if (v != null && !v.isConstant()) {
        all.add(v);
      }
    }
    for (Value v : all) {
      if (tied) {
        union(all.get(0), v);
      } else {
        refuse(v);
      }
    }
  }

  private static boolean keepsChannels(Op mean) {
    if (!mean.optionalInput(1).map(Value::isConstant).orElse(false)
        || !mean.input(0).shape().hasRank()
        || !mean.output(0).shape().hasRank()
        || mean.output(0).shape().rank() == 0) {
      return false;
    }
    int rank = mean.input(0).shape().rank();
    return Arrays.stream(mean.input(1).ints()).noneMatch(a -> a == -1 || a == rank - 1)
        && mean.input(0).shape().dim(-1) == mean.output(0).shape().dim(-1);
  }

  /** Whether a layer's inputs are the channels of its input tensor, each by itself. */
  private static boolean reads(Op op) {
    if (!op.input(0).shape().hasRank() || op.input(0).shape().rank() == 0) {
      return false;
    }
    int channels = op.input(0).shape().dim(-1);
    Value w = op.input(1);
    return switch (op.kind()) {
      case CONV_2D -> w.shape().dim(3) == channels;
      case DEPTHWISE_CONV_2D -> w.shape().dim(3) == channels;
      default -> w.shape().dim(1) == channels;
    };
  }

  private boolean scale(Group g) {
    List<Op> producers = new ArrayList<>();
    List<Op> consumers = new ArrayList<>();
    int channels = g.values.get(0).shape().dim(-1);
    double[] magnitude = new double[channels];
    double[] beforeLimit = new double[channels];
    boolean limited = false;
    for (Value v : g.values) {
      TensorStatistics s = calibrated.of(v);
      float[] m = s.channelMagnitudes();
      if (m.length != channels || s.valuesPerChannel() < LEAST_VALUES) {
        return false;
      }
      Op producer = v.producer().orElse(null);
      boolean clipped = producer != null && producer.activation() == Activation.RELU6;
      limited |= clipped;
      for (int c = 0; c < channels; c++) {
        magnitude[c] = Math.max(magnitude[c], m[c]);
        if (clipped) {
          beforeLimit[c] = Math.max(beforeLimit[c], m[c]);
        }
      }
      if (producer != null && OperatorRules.hasWindows(producer.kind())) {
        producers.add(producer);
      }
      for (Op c : v.consumers()) {
        if (OperatorRules.hasWindows(c.kind()) && c.input(0) == v) {
          consumers.add(c);
        }
      }
    }
    if (producers.isEmpty() || consumers.isEmpty()) {
      return false;
    }
    float[] factors =
        best(
            g,
            consumers,
            magnitude,
            limited ? beforeLimit : null,
            weightRatios(consumers, channels));
    if (factors.length == 0) {
      return false;
    }
    for (Op p : producers) {
      divideOutputs(p, factors);
    }
    for (Op c : consumers) {
      multiplyInputs(c, factors);
    }
    return true;
  }

  /** How large the weights of each input channel are, relative to the largest of each output. */
  private static double @Nullable [] weightRatios(List<Op> consumers, int channels) {
    double[] ratios = new double[channels];
    boolean any = false;
    for (Op op : consumers) {
      if (op.kind() == OpKind.DEPTHWISE_CONV_2D) {
        continue;
      }
      any = true;
      for (float[] row : LayerWeights.rows(op.kind(), op.input(1))) {
        float max = 0;
        for (float w : row) {
          max = Math.max(max, Math.abs(w));
        }
        for (int i = 0; i < row.length && max > 0; i++) {
          ratios[i % channels] = Math.max(ratios[i % channels], Math.abs(row[i]) / max);
        }
      }
    }
    return any ? ratios : null;
  }

  /** The factors that add the least noise; empty if none are better than leaving all as it is. */
  private float[] best(
      Group g,
      List<Op> consumers,
      double[] magnitude,
      double @Nullable [] beforeLimit,
      double @Nullable [] ratios) {
    int channels = magnitude.length;
    if (narrow) {
      return factors(magnitude, beforeLimit, ratios, EVEN);
    }
    double[] variance = new double[channels];
    for (Value v : g.values) {
      double[] variances = calibrated.of(v).channelVariances();
      for (int c = 0; c < channels; c++) {
        variance[c] = Math.max(variance[c], variances[c]);
      }
    }
    double[] deviation = Arrays.stream(variance).map(Math::sqrt).toArray();
    List<float[][]> rows =
        consumers.stream().map(op -> LayerWeights.rows(op.kind(), op.input(1))).toList();
    float[] ones = new float[channels];
    Arrays.fill(ones, 1f);
    double least = noise(consumers, rows, ones, variance);
    float[] best = new float[0];
    for (double[] size : List.of(magnitude, deviation)) {
      for (double balance : BALANCES) {
        float[] f = factors(size, beforeLimit, ratios, balance);
        double noise = noise(consumers, rows, f, variance);
        if (noise < least * 0.98) {
          least = noise;
          best = f;
        }
      }
    }
    return best;
  }

  /**
   * Estimates the noise that rounding weights adds to the outputs of layers, each relative to its
   * signal.
   *
   * @param variance per channel
   */
  private static double noise(
      List<Op> layers, List<float[][]> weights, float[] factors, double[] variance) {
    double sum = 0;
    for (int l = 0; l < layers.size(); l++) {
      boolean depthwise = layers.get(l).kind() == OpKind.DEPTHWISE_CONV_2D;
      for (int o = 0; o < weights.get(l).length; o++) {
        float[] row = weights.get(l)[o];
        double most = 0;
        double inputs = 0;
        double signal = 0;
        for (int i = 0; i < row.length; i++) {
          int c = depthwise ? o : i % factors.length;
          double w = row[i] * (double) factors[c];
          most = Math.max(most, Math.abs(w));
          inputs += variance[c] / ((double) factors[c] * factors[c]);
          signal += row[i] * (double) row[i] * variance[c];
        }
        if (signal > 0) {
          double weightStep = most / WEIGHT_STEPS;
          sum += weightStep * weightStep * inputs / signal;
        }
      }
    }
    return sum;
  }

  private float[] factors(
      double[] magnitude,
      double @Nullable [] beforeLimit,
      double @Nullable [] ratios,
      double balance) {
    int channels = magnitude.length;
    double largest = Arrays.stream(magnitude).max().orElse(0);
    double a = ratios == null ? 1 : balance;
    double[] logs = new double[channels];
    double sum = 0;
    int alive = 0;
    for (int c = 0; c < channels; c++) {
      double r = Math.max(magnitude[c], 0.1 * largest);
      double t = ratios == null ? 1 : Math.max(ratios[c], 1e-3);
      if (magnitude[c] > 0 && (ratios == null || ratios[c] > 0)) {
        logs[c] = a * Math.log(r) - (1 - a) * Math.log(t);
        sum += logs[c];
        alive++;
      } else {
        logs[c] = Double.NaN;
      }
    }
    float[] factors = new float[channels];
    Arrays.fill(factors, 1f);
    if (alive == 0) {
      return factors;
    }
    double origin = sum / alive;
    if (beforeLimit != null) {
      // Behind a limit the common scale is given: the largest channel stays as it is.
      origin = Double.NEGATIVE_INFINITY;
      for (double l : logs) {
        origin = Double.isNaN(l) ? origin : Math.max(origin, l);
      }
    }
    for (int c = 0; c < channels; c++) {
      if (Double.isNaN(logs[c])) {
        continue;
      }
      double f = Math.exp(logs[c] - origin);
      f = Math.max(1 / MOST_FACTOR, Math.min(MOST_FACTOR, f));
      if (beforeLimit != null) {
        if (beforeLimit[c] * MARGIN >= LIMIT) {
          f = 1;
        } else {
          f = Math.max(f, beforeLimit[c] * MARGIN / LIMIT);
        }
      }
      factors[c] = (float) f;
    }
    return factors;
  }

  private void divideOutputs(Op op, float[] factors) {
    float[][] rows = LayerWeights.rows(op.kind(), op.input(1));
    for (int o = 0; o < rows.length; o++) {
      for (int i = 0; i < rows[o].length; i++) {
        rows[o][i] /= factors[o];
      }
    }
    replaceWeights(op, rows);
    if (op.optionalInput(2).isPresent()) {
      float[] bias = op.input(2).floats();
      for (int o = 0; o < bias.length; o++) {
        bias[o] /= factors[o];
      }
      op.input(2, subgraph.addConstant(op.input(2).name() + "_eq", op.input(2).shape(), bias));
    }
  }

  private void multiplyInputs(Op op, float[] factors) {
    float[][] rows = LayerWeights.rows(op.kind(), op.input(1));
    for (int o = 0; o < rows.length; o++) {
      for (int i = 0; i < rows[o].length; i++) {
        rows[o][i] *=
            op.kind() == OpKind.DEPTHWISE_CONV_2D ? factors[o] : factors[i % factors.length];
      }
    }
    replaceWeights(op, rows);
  }

  private void replaceWeights(Op op, float[][] rows) {
    Value w = op.input(1);
    op.input(
        1,
        subgraph.addConstant(w.name() + "_eq", w.shape(), LayerWeights.flatten(op.kind(), rows)));
  }
}
