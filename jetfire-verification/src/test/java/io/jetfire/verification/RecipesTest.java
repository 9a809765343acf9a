package io.jetfire.verification;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;

import io.jetfire.ActivationRange;
import io.jetfire.Advice;
import io.jetfire.Delegate;
import io.jetfire.Recipe;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.tflite.format.TfliteReader;
import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.quantize.Advisor;
import io.jetfire.tflite.quantize.QuantizeOptions;
import io.jetfire.tflite.quantize.QuantizedGraph;
import io.jetfire.tflite.quantize.Quantizer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What recipes can ask for, run on the real kernels beside the float model. */
class RecipesTest {
  private static final String RUNTIME = "2.21.0";

  @TempDir Path folder;

  private static float[] random(int n, long seed) {
    Random random = new Random(seed);
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static List<float[]> samples(int n, int size, long seed) {
    List<float[]> samples = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      samples.add(random(size, seed + i));
    }
    return samples;
  }

  private static Value dense(
      Subgraph main, Value x, String name, int in, int out, Activation activation, long seed) {
    float[] w = random(in * out, seed);
    for (int i = 0; i < w.length; i++) {
      // Some inputs have larger weights than others, as in trained layers.
      double spread = Math.pow(2, i % in / 32 % 4 - 2.0);
      w[i] *= (float) (spread / Math.sqrt(in));
    }
    Value y = main.addValue(name, ElementType.FLOAT32, Shape.of(1, out));
    main.append(
        Op.of(OpKind.FULLY_CONNECTED)
            .set("fused_activation_function", activation)
            .inputs(
                x,
                main.addConstant(name + "/w", Shape.of(out, in), w),
                main.addConstant(name + "/b", Shape.of(out), random(out, seed + 1)))
            .outputs(y));
    return y;
  }

  /** Two fully connected layers, 256 → 128 → 64. */
  private static Graph network() {
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(1, 256));
    Value h = dense(main, x, "hidden", 256, 128, Activation.RELU, 1);
    main.outputs(dense(main, h, "scores", 128, 64, Activation.NONE, 3));
    return graph.verify();
  }

  private QuantizedGraph quantize(Bench bench, Graph graph, Recipe recipe, List<float[]> samples) {
    return Quantizer.quantize(
        graph,
        recipe,
        Optional.of(Bench.calibration(samples, 1, samples.get(0).length)),
        bench.options(RUNTIME, false));
  }

  private double sqnr(Bench bench, Graph graph, QuantizedGraph quantized, List<float[]> samples) {
    int size = samples.get(0).length;
    return Bench.sqnr(
        bench.run(bench.write(graph, RUNTIME), samples, 1, size),
        bench.run(bench.write(quantized.graph(), RUNTIME), samples, 1, size));
  }

  private static Quantization.Affine input(QuantizedGraph quantized) {
    return quantized.graph().main().ops().stream()
        .filter(o -> o.kind() == OpKind.FULLY_CONNECTED)
        .findFirst()
        .orElseThrow()
        .input(0)
        .affine()
        .orElseThrow();
  }

  @Test
  void rangesOfActivationsAreChosenAsAsked() {
    Bench bench = new Bench(folder);
    Graph graph = network();
    List<float[]> calibration = samples(60, 256, 100);
    // One value far outside, as a sensor's glitch would be.
    calibration.get(5)[17] = 40;
    List<float[]> evaluation = samples(20, 256, 5000);
    ActivationRange[] choices = {
      ActivationRange.minMax(),
      ActivationRange.percentile(99.9),
      ActivationRange.meanSquaredError(),
      ActivationRange.entropy()
    };
    Quantization.Affine[] chosen = new Quantization.Affine[choices.length];
    for (int i = 0; i < choices.length; i++) {
      Recipe recipe = Recipe.fullInteger().toBuilder().activationRange(choices[i]).build();
      QuantizedGraph quantized = quantize(bench, graph, recipe, calibration);
      chosen[i] = input(quantized);
      assertThat(sqnr(bench, graph, quantized, evaluation))
          .as(choices[i].toString())
          .isGreaterThan(25);
    }

    float lowest = 0;
    for (float[] sample : calibration) {
      for (float v : sample) {
        lowest = Math.min(lowest, v);
      }
    }
    assertThat(chosen[0].scale(0)).isCloseTo((40 - lowest) / 255, withPercentage(1));
    // 99.9 % of a normal distribution lie within 3.29 standard deviations.
    assertThat(chosen[1].scale(0) * 255 / 2).isBetween(3.1f, 3.5f);
    double least = roundingError(calibration, chosen[2]);
    for (Quantization.Affine other : chosen) {
      assertThat(least).isLessThanOrEqualTo(roundingError(calibration, other));
    }
    // The glitch is one value of 15,360 and says little about the distribution.
    assertThat(chosen[3].scale(0) * 255 / 2).isBetween(3f, 6f);
  }

  /** The mean squared error of quantizing all values of samples. */
  private static double roundingError(List<float[]> samples, Quantization.Affine a) {
    double sum = 0;
    for (float[] sample : samples) {
      for (float v : sample) {
        double q = Math.rint(v / a.scale(0)) + a.zeroPoint(0);
        double d = v - (Math.max(-128, Math.min(127, q)) - a.zeroPoint(0)) * a.scale(0);
        sum += d * d;
      }
    }
    return sum;
  }

  @Test
  void rangesOf16BitActivationsAreChosenAsAsked() {
    Bench bench = new Bench(folder);
    Graph graph = network();
    List<float[]> calibration = samples(60, 256, 100);
    List<float[]> evaluation = samples(20, 256, 5000);
    for (ActivationRange choice :
        List.of(
            ActivationRange.minMax(),
            ActivationRange.percentile(99.999),
            ActivationRange.meanSquaredError(),
            ActivationRange.entropy())) {
      Recipe recipe = Recipe.int16x8().toBuilder().activationRange(choice).build();
      QuantizedGraph quantized = quantize(bench, graph, recipe, calibration);

      assertThat(input(quantized).scale(0) * 32767).as(choice.toString()).isBetween(3.5f, 6f);
      assertThat(sqnr(bench, graph, quantized, evaluation)).as(choice.toString()).isGreaterThan(30);
    }
  }

  @Test
  void rangesThatAreAskedForAreNotWeighedAgainstOthers() {
    Bench bench = new Bench(folder);
    Recipe recipe =
        Recipe.fullInteger().toBuilder().activationRange(ActivationRange.percentile(99)).build();

    QuantizedGraph quantized = quantize(bench, network(), recipe, samples(60, 256, 100));

    // 99 % lie within 2.58 standard deviations, although that clips too much to be best.
    assertThat(input(quantized).scale(0) * 255 / 2).isBetween(2.45f, 2.7f);
  }

  // ---- recurrent operators

  private static final int STEPS = 6;
  private static final int UNITS = 24;
  private static final int FEATURES = 32;

  private static Value weights(Subgraph main, String name, long seed, int... shape) {
    int n = 1;
    for (int d : shape) {
      n *= d;
    }
    float[] w = random(n, seed);
    for (int i = 0; i < n; i++) {
      w[i] /= (float) Math.sqrt(shape[shape.length - 1]);
    }
    return main.addConstant(name, Shape.of(shape), w);
  }

  private static Value state(Subgraph main, String name, int... shape) {
    return main.addValue(name, ElementType.FLOAT32, Shape.of(shape)).variable(true);
  }

  private static void lstmWeights(Subgraph main, Value[] in, int from, String name) {
    for (int gate = 0; gate < 4; gate++) {
      in[from + gate] = weights(main, name + "/w" + gate, from + gate, UNITS, FEATURES);
      in[from + 4 + gate] = weights(main, name + "/r" + gate, from + 40 + gate, UNITS, UNITS);
      in[from + 11 + gate] = weights(main, name + "/b" + gate, from + 80 + gate, UNITS);
    }
  }

  private static Graph recurrent(OpKind kind) {
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(1, STEPS, FEATURES));
    Op op = Op.of(kind);
    Value[] in;
    int units = UNITS;
    switch (kind) {
      case UNIDIRECTIONAL_SEQUENCE_LSTM -> {
        in = new Value[24];
        lstmWeights(main, in, 1, "lstm");
        in[18] = state(main, "h", 1, UNITS);
        in[19] = state(main, "c", 1, UNITS);
        op.set("fused_activation_function", Activation.TANH);
      }
      case BIDIRECTIONAL_SEQUENCE_LSTM -> {
        in = new Value[48];
        lstmWeights(main, in, 1, "forth");
        lstmWeights(main, in, 18, "back");
        in[35] = state(main, "h", 1, UNITS);
        in[36] = state(main, "c", 1, UNITS);
        in[37] = state(main, "hb", 1, UNITS);
        in[38] = state(main, "cb", 1, UNITS);
        op.set("fused_activation_function", Activation.TANH).set("merge_outputs", true);
        op.set("time_major", false);
        units = 2 * UNITS;
      }
      default -> {
        in = new Value[5];
        in[1] = weights(main, "rnn/w", 1, UNITS, FEATURES);
        in[2] = weights(main, "rnn/r", 2, UNITS, UNITS);
        in[3] = weights(main, "rnn/b", 3, UNITS);
        in[4] = state(main, "h", 1, UNITS);
        op.set("fused_activation_function", Activation.TANH);
      }
    }
    in[0] = x;
    Value y = main.addValue("y", ElementType.FLOAT32, Shape.of(1, STEPS, units));
    main.append(op.inputs(in).outputs(y));
    main.outputs(y);
    return graph.verify();
  }

  private static Op first(QuantizedGraph quantized, OpKind kind) {
    return quantized.graph().main().ops().stream()
        .filter(o -> o.kind() == kind)
        .findFirst()
        .orElseThrow();
  }

  @Test
  void recurrentOperatorsComputeOnSmallWeights() {
    Bench bench = new Bench(folder);
    List<float[]> evaluation = samples(8, STEPS * FEATURES, 5000);
    for (OpKind kind :
        List.of(
            OpKind.UNIDIRECTIONAL_SEQUENCE_LSTM,
            OpKind.BIDIRECTIONAL_SEQUENCE_LSTM,
            OpKind.UNIDIRECTIONAL_SEQUENCE_RNN)) {
      Graph graph = recurrent(kind);
      List<float[]> expected =
          bench.run(bench.write(graph, RUNTIME), evaluation, 1, STEPS, FEATURES);
      for (Recipe recipe : List.of(Recipe.dynamicRange(), Recipe.weightOnly(), Recipe.float16())) {
        QuantizedGraph quantized =
            Quantizer.quantize(
                graph,
                recipe,
                Optional.empty(),
                QuantizeOptions.builder().targetRuntime(RUNTIME).build());
        Path file = bench.write(quantized.graph(), RUNTIME);
        List<float[]> actual = bench.run(file, evaluation, 1, STEPS, FEATURES);

        Value kept = first(quantized, kind).input(2);
        assertThat(kept.type())
            .isEqualTo(
                recipe.precision() == Recipe.Precision.DYNAMIC_RANGE
                    ? ElementType.INT8
                    : ElementType.FLOAT32);
        assertThat(Bench.sqnr(expected, actual)).as(kind + " " + recipe).isGreaterThan(28);
      }
    }
  }

  @Test
  void integerRecipesSayWhyRecurrentOperatorsStayFloatAndWhatHelps() {
    Bench bench = new Bench(folder);
    Graph graph = recurrent(OpKind.UNIDIRECTIONAL_SEQUENCE_LSTM);
    List<float[]> evaluation = samples(8, STEPS * FEATURES, 5000);
    Optional<ConverterBackend.Calibration> calibration =
        Optional.of(Bench.calibration(samples(12, STEPS * FEATURES, 100), 1, STEPS, FEATURES));

    QuantizedGraph whole =
        Quantizer.quantize(graph, Recipe.fullInteger(), calibration, bench.options(RUNTIME, false));
    QuantizedGraph mixed =
        Quantizer.quantize(
            graph,
            Recipe.fullInteger().toBuilder()
                .rule("op:UNIDIRECTIONAL_SEQUENCE_LSTM", Recipe.Precision.DYNAMIC_RANGE)
                .build(),
            calibration,
            bench.options(RUNTIME, false));

    assertThat(whole.notes())
        .anyMatch(
            n ->
                n.contains("its integer form is not made here")
                    && n.contains("'op:UNIDIRECTIONAL_SEQUENCE_LSTM' with DYNAMIC_RANGE"));
    assertThat(first(mixed, OpKind.UNIDIRECTIONAL_SEQUENCE_LSTM).input(2).type())
        .isEqualTo(ElementType.INT8);
    assertThat(
            Bench.sqnr(
                bench.run(bench.write(graph, RUNTIME), evaluation, 1, STEPS, FEATURES),
                bench.run(bench.write(mixed.graph(), RUNTIME), evaluation, 1, STEPS, FEATURES)))
        .isGreaterThan(28);
  }

  @Test
  void anAdviceLiftsLayerAfterLayerUntilTheBudgetIsMet() {
    Bench bench = new Bench(folder);
    Graph graph = network();
    QuantizeOptions options = bench.options(RUNTIME, false);
    List<Advice.Trial> trials =
        Advisor.advise(
                graph,
                Bench.calibration(samples(60, 256, 100), 1, 256),
                options,
                Advisor.signalToNoise(
                    graph, Bench.calibration(samples(20, 256, 5000), 1, 256), options),
                500,
                "SQNR dB",
                Duration.ofMinutes(2),
                t -> {})
            .trials();

    List<Advice.Trial> integer =
        trials.stream().filter(t -> t.recipe().name().startsWith("full-integer")).toList();
    assertThat(integer).hasSizeGreaterThan(2);
    for (int i = 1; i < integer.size(); i++) {
      assertThat(integer.get(i).accuracy()).isGreaterThan(integer.get(i - 1).accuracy() + 1);
      assertThat(integer.get(i).recipe().rules()).hasSizeGreaterThan(i - 1);
    }
  }

  // ---- 4-bit weights

  private double fourBits(Bench bench, Graph graph, Recipe recipe, List<String> notes) {
    QuantizedGraph quantized =
        Quantizer.quantize(graph, recipe, Optional.empty(), bench.options(RUNTIME, false));
    notes.addAll(quantized.notes());
    return sqnr(bench, graph, quantized, samples(20, 256, 5000));
  }

  @Test
  void fourBitWeightsLoseLessInBlocks() {
    Bench bench = new Bench(folder);
    Graph graph = network();
    Recipe four = Recipe.dynamicRange().toBuilder().weightBits(4).build();
    List<String> notes = new ArrayList<>();
    double channels = fourBits(bench, graph, four, notes);
    assertThat(channels).isGreaterThan(13);
    assertThat(notes).isEmpty();
    for (int size : new int[] {64, 32}) {
      double blocks = fourBits(bench, graph, four.toBuilder().weightBlockSize(size).build(), notes);
      assertThat(blocks).as("blocks of " + size).isGreaterThan(channels + 1);
    }
    assertThat(notes).allMatch(n -> n.contains("which XNNPACK alone computes with")).hasSize(2);
  }

  /** Samples whose 256 numbers come from 24 causes, and are not 0 on average. */
  private static List<float[]> correlated(int n, long seed) {
    float[] mixing = random(256 * 24, 77);
    List<float[]> samples = samples(n, 256, seed);
    for (int s = 0; s < n; s++) {
      float[] causes = random(24, seed * 31 + s);
      float[] sample = samples.get(s);
      for (int i = 0; i < sample.length; i++) {
        sample[i] = 0.1f * sample[i] + 0.5f;
        for (int c = 0; c < causes.length; c++) {
          sample[i] += 0.2f * mixing[i * 24 + c] * causes[c];
        }
      }
    }
    return samples;
  }

  @Test
  void weightsInBlocksAreFittedToSamples() {
    Bench bench = new Bench(folder);
    Graph graph = network();
    List<float[]> calibration = correlated(60, 100);
    List<float[]> evaluation = correlated(20, 5000);
    Recipe blocks = Recipe.dynamicRange().toBuilder().weightBits(4).weightBlockSize(32).build();
    Recipe shifted = blocks.toBuilder().without("error-feedback").without("regression").build();
    Recipe rounded = shifted.toBuilder().without("bias-correction").build();

    double plain = sqnr(bench, graph, quantize(bench, graph, rounded, calibration), evaluation);
    double bias = sqnr(bench, graph, quantize(bench, graph, shifted, calibration), evaluation);
    QuantizedGraph quantized = quantize(bench, graph, blocks, calibration);
    double fitted = sqnr(bench, graph, quantized, evaluation);

    assertThat(bias).isGreaterThan(plain + 1);
    assertThat(fitted).isGreaterThan(bias + 3);
    assertThat(quantized.graph().main().ops().get(0).input(1).quantization())
        .containsInstanceOf(Quantization.Blockwise.class);
  }

  @Test
  void blocksAreComputedWithWhateverTheSizeOfTheLayer() {
    Bench bench = new Bench(folder);
    for (int outputs : new int[] {1, 7, 40}) {
      for (int block : new int[] {32, 64, 128, 256}) {
        Graph graph = Graph.create();
        Subgraph main = graph.addSubgraph("main");
        Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(1, 2048));
        Value w = main.addConstant("w", Shape.of(outputs, 2048), random(outputs * 2048, block));
        Value y = main.addValue("y", ElementType.FLOAT32, Shape.of(1, outputs));
        main.append(Op.of(OpKind.FULLY_CONNECTED).inputs(x, w, null).outputs(y));
        main.outputs(y);
        Recipe recipe =
            Recipe.dynamicRange().toBuilder().weightBits(4).weightBlockSize(block).build();
        QuantizedGraph quantized =
            Quantizer.quantize(
                graph.verify(), recipe, Optional.empty(), bench.options(RUNTIME, false));

        assertThat(first(quantized, OpKind.FULLY_CONNECTED).input(1).quantization())
            .containsInstanceOf(Quantization.Blockwise.class);
        assertThat(sqnr(bench, graph, quantized, samples(5, 2048, 5000)))
            .as(outputs + " outputs, blocks of " + block)
            .isGreaterThan(16);
      }
    }
  }

  @Test
  void fourBitWeightsPerChannelAreTheSameToBothKernels() {
    Bench bench = new Bench(folder);
    Graph graph = network();
    List<float[]> evaluation = samples(5, 256, 5000);
    for (Recipe base : List.of(Recipe.dynamicRange(), Recipe.weightOnly(), Recipe.fullInteger())) {
      Recipe recipe = base.toBuilder().weightBits(4).build();
      Path file =
          bench.write(quantize(bench, graph, recipe, samples(40, 256, 100)).graph(), RUNTIME);

      List<float[]> fast = bench.run(file, evaluation, 1, 256);
      List<float[]> reference = bench.run(file, Delegate.CPU, evaluation, 1, 256);

      assertThat(Bench.sqnr(reference, fast)).as(base.name()).isGreaterThan(30);
      assertThat(Bench.sqnr(bench.run(bench.write(graph, RUNTIME), evaluation, 1, 256), fast))
          .as(base.name())
          .isGreaterThan(13);
    }
  }

  @Test
  void blocksThatMustBeDequantizedAreNoted() {
    Bench bench = new Bench(folder);
    Recipe recipe = Recipe.weightOnly().toBuilder().weightBits(4).weightBlockSize(32).build();
    List<String> notes = new ArrayList<>();

    assertThat(fourBits(bench, network(), recipe, notes)).isGreaterThan(13);

    assertThat(notes).hasSize(2).allMatch(n -> n.contains("the runtime cannot dequantize blocks"));
  }

  @Test
  void blocksThatATargetOrALayerLacksAreNoted() {
    Bench bench = new Bench(folder);
    Graph graph = network();
    Recipe blocks = Recipe.dynamicRange().toBuilder().weightBits(4).weightBlockSize(256).build();

    QuantizedGraph old =
        Quantizer.quantize(graph, blocks, Optional.empty(), bench.options("2.16.1", false));
    QuantizedGraph now =
        Quantizer.quantize(graph, blocks, Optional.empty(), bench.options(RUNTIME, false));

    assertThat(old.notes())
        .hasSize(2)
        .allMatch(n -> n.startsWith("One scale per output instead of blocks"))
        .allMatch(n -> n.contains("2.16.1 must execute it"));
    assertThat(now.notes())
        .anyMatch(n -> n.contains("128 inputs are not a multiple of 256") && n.contains("scores"));
    assertThat(sqnr(bench, graph, old, samples(20, 256, 5000))).isGreaterThan(8);
    assertThat(sqnr(bench, graph, now, samples(20, 256, 5000))).isGreaterThan(13);
  }

  // ---- weights and biases

  @Test
  void biasesThatWouldOverflowGetCoarserWeights() {
    Bench bench = new Bench(folder);
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(1, 64));
    float[] w = random(8 * 64, 1);
    float[] b = random(8, 2);
    for (int i = 0; i < 64; i++) {
      // Row 3 is tiny, so its finest steps would need more than 32 bits for a bias of 500.
      w[3 * 64 + i] *= 1e-8f;
    }
    b[3] = 500;
    Value y = main.addValue("y", ElementType.FLOAT32, Shape.of(1, 8));
    main.append(
        Op.of(OpKind.FULLY_CONNECTED)
            .inputs(
                x, main.addConstant("w", Shape.of(8, 64), w), main.addConstant("b", Shape.of(8), b))
            .outputs(y));
    main.outputs(y);

    QuantizedGraph quantized =
        quantize(bench, graph.verify(), Recipe.fullInteger(), samples(40, 64, 100));

    float[] out =
        bench.run(bench.write(quantized.graph(), RUNTIME), samples(1, 64, 5000), 1, 64).get(0);
    assertThat(out[3]).isCloseTo(500, withPercentage(1));
  }

  @Test
  void constantsThatOperatorsWantInDifferentFormsAreDuplicated() {
    Bench bench = new Bench(folder);
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(1, 64));
    Value shared = main.addConstant("shared", Shape.of(64, 64), random(64 * 64, 1));
    Value bias = main.addConstant("bias", Shape.of(64), random(64, 2));
    Value f = main.addValue("first", ElementType.FLOAT32, Shape.of(1, 64));
    main.append(Op.of(OpKind.FULLY_CONNECTED).inputs(x, shared, bias).outputs(f));
    Value g = main.addValue("second", ElementType.FLOAT32, Shape.of(1, 64));
    main.append(Op.of(OpKind.FULLY_CONNECTED).inputs(f, shared, bias).outputs(g));
    Value y = main.addValue("sum", ElementType.FLOAT32, Shape.of(1, 64));
    main.append(Op.of(OpKind.ADD).inputs(g, bias).outputs(y));
    main.outputs(y);
    graph.verify();
    Recipe mixed =
        Recipe.fullInteger().toBuilder().rule("name:second", Recipe.Precision.FLOAT32).build();
    for (Recipe recipe : List.of(Recipe.fullInteger(), mixed)) {
      QuantizedGraph quantized = quantize(bench, graph, recipe, samples(60, 64, 100));

      assertThat(sqnr(bench, graph, quantized, samples(10, 64, 5000)))
          .as(recipe.toString())
          .isGreaterThan(25);
    }
  }

  @Test
  void dynamicRangeForOldTargetsDoesWithoutScalesPerOutput() {
    ReferenceNetworks network = ReferenceNetworks.find("ad01").orElse(null);
    org.junit.jupiter.api.Assumptions.assumeTrue(network != null, "there is no shared data");
    if (network == null) {
      return;
    }
    Bench bench = new Bench(folder);
    QuantizedGraph quantized =
        Quantizer.quantize(
            TfliteReader.read(network.model("float32")),
            Recipe.dynamicRange(),
            Optional.of(Bench.calibration(network.calibration(), 1, 640)),
            bench.options("2.16.1", false));
    List<float[]> evaluation = network.evaluation().subList(0, 100);

    assertThat(first(quantized, OpKind.FULLY_CONNECTED).input(1).affine().orElseThrow().size())
        .isEqualTo(1);
    // TensorFlow's own file reaches 37.37 dB and needs a newer runtime.
    assertThat(
            Bench.sqnr(
                network.expected().subList(0, 100),
                bench.run(bench.write(quantized.graph(), "2.16.1"), evaluation, 1, 640)))
        .isGreaterThan(37.4);
  }
}
