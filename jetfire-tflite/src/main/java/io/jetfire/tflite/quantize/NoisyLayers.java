package io.jetfire.tflite.quantize;

import io.jetfire.Recipe;
import io.jetfire.Recipe.Precision;
import io.jetfire.Tensor;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/**
 * Finds the layers of a float graph that make much of the error of its quantized form for few
 * multiplications.
 *
 * <p>Each layer is quantized alone, and the graph is run over some calibration samples: what that
 * changes in the outputs, before a softmax or a logistic, is the layer's error. Early layers with
 * few channels often make most of it, in a small part of the arithmetic; there more precision is
 * cheap.
 */
final class NoisyLayers {
  /** How much of a model's multiplications the chosen layers may have. */
  private static final double MOST_WORK = 0.2;

  /** How much larger chosen layers may make a model, where they make it larger. */
  private static final double MOST_GROWTH = 0.03;

  /** A layer's own constants besides its weights: two scales and a 64-bit bias per output. */
  private static final int BYTES_PER_OUTPUT = 40;

  /** The entries of an operator and its tensors in the file. */
  private static final int BYTES_PER_OPERATOR = 600;

  /** Layers that make less of the whole error are not worth an operator. */
  private static final double LEAST_SHARE = 0.02;

  /** Together the chosen layers make at least as much of the whole error: 1 dB. */
  private static final double LEAST_GAIN = 0.2;

  private static final int MOST_SAMPLES = 16;

  private static final long SEED = 4242;

  /** Numbers of the outputs that are kept; layers differ by far more than what more would tell. */
  private static final int MOST_NUMBERS = 1 << 19;

  private final Graph base;
  private final Target target;
  private final GraphRunner runner;
  private final SampleStore samples;
  private final List<List<float[]>> expected = new ArrayList<>();
  private double signal;

  private NoisyLayers(Graph base, Target target, GraphRunner runner, SampleStore samples) {
    this.base = base;
    this.target = target;
    this.runner = runner;
    this.samples = samples;
    List<Value> outputs = Quantizer.decisions(base.main());
    try (GraphRunner.Running running = runner.open(Quantizer.upTo(base.main(), outputs))) {
      for (int s = 0; s < samples.size(); s++) {
        running.run(samples.get(s));
        List<float[]> numbers = new ArrayList<>();
        for (int o = 0; o < outputs.size(); o++) {
          boolean real = outputs.get(o).type() == ElementType.FLOAT32;
          float[] values = real ? running.output(o).toFloatArray() : new float[0];
          numbers.add(values);
          for (float v : values) {
            signal += (double) v * v;
          }
        }
        expected.add(numbers);
      }
    }
  }

  /**
   * Chooses layers.
   *
   * @param base a float graph
   * @param selection the precisions of its operators
   * @param shared weights that others use as well, which stay as they are
   * @param precision INT16X8 for layers whose weights are to be split; DYNAMIC_RANGE for layers
   *     whose activations are to stay float
   * @return positions among the operators of the main subgraph; none if it would gain little
   */
  static List<Integer> choose(
      Graph base,
      Selection selection,
      SharedWeights shared,
      Precision precision,
      Target target,
      GraphRunner runner,
      SampleStore samples) {
    boolean split = precision == Precision.INT16X8;
    List<Op> ops = base.main().ops();
    double work = MOST_WORK * ops.stream().mapToDouble(NoisyLayers::multiplications).sum();
    double room =
        split
            ? MOST_GROWTH
                * ops.stream()
                    .filter(NoisyLayers::isRefinable)
                    .mapToDouble(NoisyLayers::bytes)
                    .sum()
            : Double.POSITIVE_INFINITY;
    int[] layers =
        IntStream.range(0, ops.size())
            .filter(i -> selection.precision(ops.get(i)) == precision)
            .filter(i -> isRefinable(ops.get(i)) && !shared.contains(ops.get(i).input(1)))
            .filter(i -> split || weights(ops.get(i)) >= Rewriter.LEAST_DYNAMIC_ELEMENTS)
            .toArray();
    IntPredicate cheap =
        i ->
            multiplications(ops.get(i)) <= work
                && bytes(ops.get(i)) <= room
                && (!split || WeightSplit.canSplit(ops.get(i)));
    if (IntStream.of(layers).noneMatch(cheap)) {
      return List.of();
    }
    NoisyLayers probe = new NoisyLayers(base, target, runner, some(base, samples));
    List<WeightFit.Fitted> rounded = split ? probe.round(layers) : List.of();
    double[] errors = new double[layers.length];
    Parallel.run(
        errors.length,
        (share, shares) -> {
          for (int k = share; k < errors.length; k += shares) {
            int i = layers[k];
            errors[k] = probe.error(split ? probe.rounded(i, rounded.get(k)) : probe.hybrid(i));
          }
        });
    double all = DoubleStream.of(errors).sum();
    // What a layer takes of that of which it takes more.
    ToDoubleFunction<Op> cost = op -> Math.max(multiplications(op) / work, bytes(op) / room);
    List<Integer> order =
        IntStream.range(0, layers.length)
            .filter(k -> cheap.test(layers[k]) && errors[k] >= LEAST_SHARE * all)
            .boxed()
            .sorted(
                Comparator.comparingDouble(
                    k -> -errors[k] / cost.applyAsDouble(ops.get(layers[k]))))
            .toList();
    List<Integer> chosen = new ArrayList<>();
    double workLeft = work;
    double roomLeft = room;
    double gained = 0;
    for (int k : order) {
      Op op = ops.get(layers[k]);
      if (multiplications(op) <= workLeft && bytes(op) <= roomLeft) {
        chosen.add(layers[k]);
        gained += errors[k];
        workLeft -= multiplications(op);
        roomLeft -= bytes(op);
      }
    }
    return gained >= LEAST_GAIN * all ? chosen.stream().sorted().toList() : List.of();
  }

  /** As many samples, evenly spread, as tell layers apart. */
  private static SampleStore some(Graph base, SampleStore samples) {
    long numbers =
        Quantizer.decisions(base.main()).stream()
            .mapToLong(v -> v.shape().standInElementCount())
            .sum();
    int n = (int) Math.max(2, Math.min(MOST_SAMPLES, MOST_NUMBERS / Math.max(1, numbers)));
    int most = Math.min(n, samples.size());
    return samples.part(
        IntStream.range(0, most).map(i -> (int) ((long) i * samples.size() / most)).toArray());
  }

  private static boolean isRefinable(Op op) {
    return OperatorRules.hasWindows(op.kind())
        && Rewriter.isLayer(op)
        && op.input(1).useCount() == 1
        && !op.input(0).isConstant();
  }

  private static double weights(Op op) {
    return op.input(1).shape().elementCount();
  }

  private static double bytes(Op op) {
    return weights(op)
        + (double) BYTES_PER_OUTPUT * LayerWeights.outputs(op.kind(), op.input(1))
        + BYTES_PER_OPERATOR;
  }

  /** How many multiplications a layer with weights takes; 0 for any other operator. */
  static double multiplications(Op op) {
    if (!OperatorRules.hasWindows(op.kind())) {
      return 0;
    }
    double outputs = LayerWeights.outputs(op.kind(), op.input(1));
    double each = op.input(1).shape().standInElementCount() / Math.max(1, outputs);
    return op.output(0).shape().standInElementCount() * each;
  }

  /** Rounds the weights of layers to 8 bits, as well as what they are fed with allows. */
  private List<WeightFit.Fitted> round(int[] layers) {
    Refiner refiner =
        new Refiner(
            EnumSet.of(QuantizationMethod.ERROR_FEEDBACK, QuantizationMethod.BIAS_CORRECTION),
            0,
            SEED,
            Map.of(),
            SharedWeights.none());
    List<WeightFit.Fitted> fitted = new ArrayList<>();
    try (Walker walker = new Walker(base.main(), runner, samples)) {
      for (int i : layers) {
        Op op = base.main().ops().get(i);
        walker.advance(op.input(0));
        Refiner.Fed fed = refiner.statistics(op, walker, walker, op.input(0), SEED + i);
        float[][] rows = LayerWeights.rows(op.kind(), op.input(1));
        float[] bias =
            op.optionalInput(2).map(Value::floats).orElseGet(() -> new float[rows.length]);
        fitted.add(
            WeightFit.fit(
                rows,
                bias,
                fed.all(),
                null,
                new float[rows.length],
                new WeightFit.Settings(8, true, true, false, true, 0)));
      }
    }
    return fitted;
  }

  /** The graph with the weights and the bias of one layer replaced. */
  private Graph rounded(int layer, WeightFit.Fitted fitted) {
    Graph graph = base.copy();
    Subgraph main = graph.main();
    Op op = main.ops().get(layer);
    String name = op.output(0).name();
    float[] weights = LayerWeights.flatten(op.kind(), WeightSplit.dequantized(fitted));
    float[] bias = fitted.bias();
    op.input(1, main.addConstant(name + "_rounded", op.input(1).shape(), weights));
    Rewriter.setInput(op, 2, main.addConstant(name + "_bias", Shape.of(bias.length), bias));
    main.removeDead();
    return graph;
  }

  /** The graph with one layer quantizing its input as it runs. */
  private Graph hybrid(int layer) {
    Graph graph = base.copy();
    Selection selection = Selection.none();
    selection.set(base.main().ops().get(layer), Precision.DYNAMIC_RANGE);
    Recipe plain = Recipe.dynamicRange();
    new Rewriter(
            base.main(),
            graph.main(),
            selection,
            null,
            plain.edgeType(),
            plain.weightBits(),
            plain.weightBlockSize(),
            target,
            SharedWeights.none(),
            new ArrayList<>())
        .rewrite();
    return graph;
  }

  /** The sum of squared errors of a changed graph over all samples, relative to the signal. */
  private double error(Graph changed) {
    List<Value> outputs = Quantizer.decisions(changed.main());
    double sum = 0;
    try (GraphRunner.Running running = runner.open(Quantizer.upTo(changed.main(), outputs))) {
      for (int s = 0; s < samples.size(); s++) {
        List<Tensor> inputs = samples.get(s);
        running.run(inputs);
        for (int o = 0; o < outputs.size(); o++) {
          float[] meant = expected.get(s).get(o);
          if (meant.length == 0) {
            continue;
          }
          float[] seen = running.output(o).toFloatArray();
          for (int i = 0; i < meant.length; i++) {
            double d = (double) meant[i] - seen[i];
            sum += d * d;
          }
        }
      }
    }
    return signal > 0 ? sum / signal : 0;
  }
}
