package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Fits the weights and biases of a quantized subgraph, layer by layer, to what its layers are
 * really fed with.
 *
 * <p>Both networks are walked side by side over the calibration samples; each layer is fitted
 * before the operators after it are executed, so that it can make up for what went wrong before it.
 */
final class Refiner {
  /** More rows than this change nothing that can be measured. */
  private static final int MOST_ROWS = 20_000;

  /** Every so many samples, one decides how strongly regression may change a layer's weights. */
  private static final int HELD_OF = 4;

  /** Deciding that takes several factorizations; with more inputs they would take too long. */
  private static final int MOST_INPUTS_TO_CHOOSE = 1000;

  /** Multiplications spent on the covariance of one layer. */
  private static final double MOST_WORK = 4e10;

  /** Bias beyond this many steps might overflow the accumulator. */
  private static final double LARGEST_BIAS = 1 << 30;

  private final Set<QuantizationMethod> methods;
  private final double ridge;
  private final long seed;
  private final Map<Op, Op> parts;
  private final SharedWeights shared;

  /**
   * Prepares a fitting.
   *
   * @param parts from layers of the float subgraph that hold what rounding left to those that hold
   *     the rounded weights, as {@link WeightSplit} makes them
   * @param shared weights that others use as well, which are rounded already
   */
  Refiner(
      Set<QuantizationMethod> methods,
      double ridge,
      long seed,
      Map<Op, Op> parts,
      SharedWeights shared) {
    this.methods = methods;
    this.ridge = ridge;
    this.seed = seed;
    this.parts = parts;
    this.shared = shared;
  }

  boolean isNeeded() {
    return methods.contains(QuantizationMethod.ERROR_FEEDBACK)
        || methods.contains(QuantizationMethod.REGRESSION)
        || methods.contains(QuantizationMethod.BIAS_CORRECTION);
  }

  /**
   * Fits all layers.
   *
   * @param source the float subgraph
   * @param target its quantized form, which is changed
   * @param layers in the order of execution
   * @param calibrated what calibration saw of the float subgraph
   * @param samples what to fit to
   * @param whole whether these are the samples that calibration saw; if not, what it saw of others
   *     is not made use of
   */
  void refine(
      Subgraph source,
      Subgraph target,
      List<Layer> layers,
      Calibrated calibrated,
      GraphRunner runner,
      SampleStore samples,
      boolean whole) {
    if (!isNeeded() || layers.isEmpty()) {
      return;
    }
    if (whole && meansSuffice(methods) && correctBiases(target, layers, calibrated, runner)) {
      return;
    }
    try (Walker meant = new Walker(source, runner, samples);
        Walker seen = new Walker(target, runner, samples)) {
      for (int i = 0; i < layers.size(); i++) {
        Layer layer = layers.get(i);
        if (!isFitted(layer)) {
          continue;
        }
        meant.advance(layer.floatInput());
        seen.advance(layer.input());
        Fed fed = statistics(layer.floatOp(), meant, seen, layer.input(), seed + i);
        fit(layer, target, fed, first(layer, layers));
      }
    }
  }

  /** Whether nothing but the means of what layers are fed with is made use of. */
  static boolean meansSuffice(Set<QuantizationMethod> methods) {
    return methods.contains(QuantizationMethod.BIAS_CORRECTION)
        && !methods.contains(QuantizationMethod.ERROR_FEEDBACK)
        && !methods.contains(QuantizationMethod.REGRESSION);
  }

  /**
   * Corrects biases with the means that calibration saw in the float network, so that the quantized
   * one alone is walked.
   *
   * @return false if calibration does not know what a layer is fed with; then nothing was changed
   */
  private boolean correctBiases(
      Subgraph target, List<Layer> layers, Calibrated calibrated, GraphRunner runner) {
    List<Layer> fitted = layers.stream().filter(this::isFitted).toList();
    if (!fitted.stream().allMatch(l -> calibrated.means(l.floatOp()).isPresent())) {
      return false;
    }
    try (Walker seen = new Walker(target, runner, calibrated.sampled())) {
      for (Layer layer : fitted) {
        WindowMeans means = seen.means(layer.input(), layer.floatOp());
        WindowMeans meant = calibrated.means(layer.floatOp()).orElseThrow();
        Fed fed = new Fed(WindowMeans.statistics(means, meant), null);
        fit(layer, target, fed, first(layer, layers));
      }
    }
    return true;
  }

  private boolean isFitted(Layer layer) {
    return layer.op().kind() != OpKind.TRANSPOSE_CONV
        && !layer.floatInput().isConstant()
        && !parts.containsValue(layer.floatOp());
  }

  /** The layer with rounded weights that a layer adds to, or null. */
  private @Nullable Layer first(Layer layer, List<Layer> layers) {
    Op first = parts.get(layer.floatOp());
    return first == null
        ? null
        : layers.stream().filter(l -> l.floatOp() == first).findFirst().orElseThrow();
  }

  /**
   * What a layer is fed with.
   *
   * @param all over all samples
   * @param held over every fourth sample alone, or null if nothing is to be decided by them
   */
  record Fed(LayerStatistics all, @Nullable LayerStatistics held) {}

  /**
   * Looks at what a layer is fed with.
   *
   * @param op the layer of the float network
   * @param meant has come to the layer's input in the float network
   * @param seen has come to the same layer's input, {@code seenInput}, in the quantized network
   * @param layerSeed chooses rows
   */
  Fed statistics(Op op, Walker meant, Walker seen, Value seenInput, long layerSeed) {
    Value meantInput = op.input(OperatorRules.activationInput(op.kind()));
    Value weights = op.input(OperatorRules.weightInput(op.kind()));
    Windows windows = Windows.of(op, meant.shape(meantInput, 0), weights);
    int groups = Windows.groups(op, windows, weights);
    boolean regress = methods.contains(QuantizationMethod.REGRESSION);
    boolean second = regress || methods.contains(QuantizationMethod.ERROR_FEEDBACK);
    LayerStatistics statistics =
        second
            ? LayerStatistics.of(windows.taps(), windows.channels(), groups, regress)
            : LayerStatistics.means(windows.taps(), windows.channels(), groups);
    LayerStatistics held =
        regress && meant.samples() >= HELD_OF && statistics.inputs() <= MOST_INPUTS_TO_CHOOSE
            ? LayerStatistics.of(windows.taps(), windows.channels(), groups, true)
            : null;
    int rows = rows(statistics.inputs(), groups);
    int perSample = Math.max(1, (rows + meant.samples() - 1) / meant.samples());
    SplittableRandom random = new SplittableRandom(layerSeed);
    float[] s = new float[windows.taps() * windows.channels()];
    float[] m = new float[s.length];
    float[] meantValues = new float[0];
    float[] seenValues = new float[0];
    for (int i = 0; i < meant.samples(); i++) {
      int sample = i;
      float[][] values = {meantValues, seenValues};
      Parallel.run(
          2,
          (share, shares) -> {
            for (int which = share; which < 2; which += shares) {
              values[which] =
                  which == 0
                      ? meant.read(meantInput, sample, values[0])
                      : seen.read(seenInput, sample, values[1]);
            }
          });
      meantValues = values[0];
      seenValues = values[1];
      Windows w = Windows.of(op, meant.shape(meantInput, i), weights);
      int positions = w.positions();
      boolean all = positions <= perSample;
      for (int p = 0; p < (all ? positions : perSample); p++) {
        int position = all ? p : random.nextInt(positions);
        w.read(meantValues, position, m);
        w.read(seenValues, position, s);
        statistics.add(s, m);
        if (held != null && i % HELD_OF == HELD_OF - 1) {
          held.add(s, m);
        }
      }
    }
    return new Fed(statistics, held);
  }

  /** How many rows are worth looking at, and can be. */
  static int rows(int inputs, int groups) {
    double perRow = 1.5 * inputs * inputs * groups;
    return (int) Math.max(2000, Math.min(MOST_ROWS, MOST_WORK / perRow));
  }

  private void fit(Layer layer, Subgraph target, Fed fed, @Nullable Layer first) {
    OpKind kind = layer.op().kind();
    int w = OperatorRules.weightInput(kind);
    float[][] own = LayerWeights.rows(kind, layer.floatOp().input(w));
    float[][] rows =
        first == null
            ? own
            : WeightSplit.plus(own, LayerWeights.rows(kind, first.floatOp().input(w)));
    float[][] others = first == null ? null : LayerWeights.rows(kind, first.weights());
    float[] bias =
        layer
            .floatOp()
            .optionalInput(OperatorRules.biasInput(kind))
            .map(Value::floats)
            .orElseGet(() -> new float[rows.length]);
    boolean weightsFixed = layer.sharedWeights();
    boolean regress = methods.contains(QuantizationMethod.REGRESSION) && !weightsFixed;
    boolean integer = layer.inputScale() > 0;
    WeightFit.Settings settings =
        new WeightFit.Settings(
            layer.bits(),
            layer.perChannel(),
            methods.contains(QuantizationMethod.ERROR_FEEDBACK) && !weightsFixed,
            regress,
            methods.contains(QuantizationMethod.BIAS_CORRECTION),
            ridge,
            layer.blockSize());
    float[] least = integer ? minimumScales(bias, layer.inputScale()) : new float[rows.length];
    WeightFit.Fitted fitted =
        shared
            .rounded(layer.floatOp(), layer.bits(), layer.perChannel(), least)
            .filter(f -> layer.blockSize() == 0)
            .map(f -> withBias(f, rows, bias, fed.all()))
            .filter(f -> !integer || !overflows(f, layer.inputScale()))
            .orElseGet(
                () -> WeightFit.fit(rows, bias, fed.all(), fed.held(), least, settings, others));
    if (integer && overflows(fitted, layer.inputScale())) {
      // The correction moved a bias beyond what the first scale allows.
      fitted =
          WeightFit.fit(
              rows,
              bias,
              fed.all(),
              fed.held(),
              minimumScales(fitted.bias(), layer.inputScale()),
              settings,
              others);
    }
    if (layer.bits() > 0) {
      layer.weights().data(pack(kind, fitted.integers(), layer.bits()));
      Optional<Value> blockScales = layer.blockScales();
      if (blockScales.isPresent()) {
        blockScales.get().data(BlockWeights.halves(fitted.scales()));
      } else {
        layer.weights().quantization(quantization(kind, fitted.scales()));
      }
    } else if (regress && !weightsFixed) {
      Value constant =
          target.addConstant(
              layer.weights().name() + "_fitted",
              layer.weights().shape(),
              LayerWeights.flatten(kind, fitted.weights()));
      layer.op().input(w, constant);
    }
    writeBias(layer, target, fitted);
  }

  /** Corrects the bias of a layer whose weights are given. */
  private WeightFit.Fitted withBias(
      WeightFit.Fitted fitted, float[][] weights, float[] bias, LayerStatistics statistics) {
    float[] corrected = bias.clone();
    if (methods.contains(QuantizationMethod.BIAS_CORRECTION) && statistics.rows() > 0) {
      int perGroup = weights.length / statistics.groups;
      LayerStatistics.Moments m = statistics.moments(0);
      for (int o = 0; o < weights.length; o++) {
        m = o > 0 && o % perGroup == 0 ? statistics.moments(o / perGroup) : m;
        float scale = fitted.scales()[fitted.scales().length == 1 ? 0 : o];
        double shift = 0;
        for (int i = 0; i < weights[o].length; i++) {
          float real = scale * fitted.integers()[o][i];
          shift += weights[o][i] * m.meantMean()[i] - real * m.seenMean()[i];
        }
        corrected[o] = (float) (bias[o] + shift);
      }
    }
    return new WeightFit.Fitted(fitted.integers(), fitted.scales(), new float[0][], corrected);
  }

  private static boolean overflows(WeightFit.Fitted fitted, float inputScale) {
    for (int o = 0; o < fitted.bias().length; o++) {
      float s = fitted.scales()[fitted.scales().length == 1 ? 0 : o];
      if (Math.abs(fitted.bias()[o]) / ((double) inputScale * s) > LARGEST_BIAS * 1.5) {
        return true;
      }
    }
    return false;
  }

  private static void writeBias(Layer layer, Subgraph target, WeightFit.Fitted fitted) {
    float[] bias = fitted.bias();
    Value value = layer.bias();
    if (layer.biasType() != ElementType.FLOAT32) {
      if (value != null) {
        boolean wide = layer.biasType() == ElementType.INT64;
        value.data(integerBias(bias, layer.inputScale(), fitted.scales(), wide));
        value.quantization(biasQuantization(layer.inputScale(), fitted.scales(), bias.length));
      }
      return;
    }
    Value fresh =
        target.addConstant(
            value == null ? layer.name() + "_bias" : value.name() + "_corrected",
            Shape.of(bias.length),
            bias);
    Rewriter.setInput(layer.op(), OperatorRules.biasInput(layer.op().kind()), fresh);
  }

  // ---- the form of integer layers

  /** The smallest scales of weights with which biases stay within the accumulator. */
  static float[] minimumScales(float[] bias, float inputScale) {
    float[] least = new float[bias.length];
    for (int o = 0; o < least.length; o++) {
      least[o] = (float) (Math.abs(bias[o]) / (inputScale * LARGEST_BIAS));
    }
    return least;
  }

  static Weights pack(OpKind kind, byte[][] integers, int bits) {
    byte[] bytes = LayerWeights.flatten(kind, integers);
    return bits == 4 ? Weights.packed(bytes, ElementType.INT4) : Weights.of(ByteBuffer.wrap(bytes));
  }

  static Quantization quantization(OpKind kind, float[] scales) {
    return scales.length == 1
        ? Quantization.perTensor(scales[0], 0)
        : Quantization.symmetricPerChannel(scales, OperatorRules.of(kind).orElseThrow().axis());
  }

  static Quantization biasQuantization(float inputScale, float[] scales, int outputs) {
    if (scales.length == 1) {
      return Quantization.perTensor(inputScale * scales[0], 0);
    }
    float[] s = new float[outputs];
    for (int i = 0; i < outputs; i++) {
      s[i] = inputScale * scales[i];
    }
    return Quantization.symmetricPerChannel(s, 0);
  }

  static Weights integerBias(float[] bias, float inputScale, float[] scales, boolean wide) {
    long[] q = new long[bias.length];
    for (int o = 0; o < q.length; o++) {
      double step = (double) (inputScale * scales[scales.length == 1 ? 0 : o]);
      q[o] = Math.round(Math.rint(bias[o] / step));
    }
    if (wide) {
      return Weights.of(q);
    }
    int[] narrow = new int[q.length];
    for (int o = 0; o < q.length; o++) {
      narrow[o] = (int) Math.max(Integer.MIN_VALUE, Math.min(Integer.MAX_VALUE, q[o]));
    }
    return Weights.of(narrow);
  }
}
