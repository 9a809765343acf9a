package io.jetfire.verification;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.Advice;
import io.jetfire.Explanation;
import io.jetfire.Recipe;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.tflite.format.TargetRuntime;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.quantize.Advisor;
import io.jetfire.tflite.quantize.Explainer;
import io.jetfire.tflite.quantize.QuantizationMethod;
import io.jetfire.tflite.quantize.QuantizeOptions;
import io.jetfire.tflite.quantize.QuantizedGraph;
import io.jetfire.tflite.quantize.Quantizer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Layers that get more precision than the recipe asks for, run on the real kernels. */
class NoisyLayersTest {
  private static final String RUNTIME = "2.21.0";
  private static final int[] INPUT = {1, 10, 10, 3};

  @TempDir Path folder;

  private final Random random = new Random(7);

  private float[] normal(int n, double deviation) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (random.nextGaussian() * deviation);
    }
    return values;
  }

  private List<float[]> samples(int n) {
    List<float[]> samples = new ArrayList<>();
    for (int s = 0; s < n; s++) {
      samples.add(normal(INPUT[1] * INPUT[2] * INPUT[3], 1));
    }
    return samples;
  }

  private Value conv(
      Subgraph main, Value x, String name, int kernel, int outputs, Activation activation) {
    int in = x.shape().dim(3);
    Value w =
        main.addConstant(
            name + "/w",
            Shape.of(outputs, kernel, kernel, in),
            normal(outputs * kernel * kernel * in, 1 / Math.sqrt(kernel * kernel * in)));
    Value b = main.addConstant(name + "/b", Shape.of(outputs), normal(outputs, 0.2));
    Value y =
        main.addValue(
            name, ElementType.FLOAT32, Shape.of(1, x.shape().dim(1), x.shape().dim(2), outputs));
    main.append(
        Op.of(OpKind.CONV_2D)
            .set("padding", Padding.SAME)
            .set("stride_h", 1)
            .set("stride_w", 1)
            .set("dilation_h_factor", 1)
            .set("dilation_w_factor", 1)
            .set("fused_activation_function", activation)
            .inputs(x, w, b)
            .outputs(y));
    return y;
  }

  /** A narrow beginning, a linear bottleneck, and wide layers that take most of the work. */
  private Graph network() {
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value x = main.addInput("image", ElementType.FLOAT32, Shape.of(INPUT));
    Value narrow = conv(main, x, "narrow", 1, 4, Activation.RELU6);
    Value first = conv(main, narrow, "first", 1, 32, Activation.RELU);
    Value bottleneck = conv(main, first, "bottleneck", 1, 16, Activation.NONE);
    Value expanded = conv(main, bottleneck, "expanded", 1, 32, Activation.RELU);
    Value wide = conv(main, expanded, "wide", 3, 256, Activation.RELU);
    Value scores = conv(main, wide, "scores", 1, 8, Activation.NONE);
    main.outputs(scores);
    return graph.verify();
  }

  private record Result(QuantizedGraph quantized, double sqnr) {
    long count(OpKind kind) {
      return quantized.graph().main().ops().stream().filter(op -> op.kind() == kind).count();
    }

    boolean did(String what) {
      return quantized.methods().stream().anyMatch(m -> m.contains(what));
    }
  }

  private Result quantize(Graph graph, Recipe recipe, List<float[]> calibration) {
    Bench bench = new Bench(folder);
    QuantizedGraph quantized =
        Quantizer.quantize(
            graph,
            recipe,
            Optional.of(Bench.calibration(calibration, INPUT)),
            bench.options(RUNTIME, true));
    List<float[]> evaluation = samples(10);
    List<float[]> meant = bench.run(bench.write(graph, RUNTIME), evaluation, INPUT);
    List<float[]> prepared =
        bench.run(bench.write(quantized.reference(), RUNTIME), evaluation, INPUT);
    assertThat(Bench.sqnr(meant, prepared))
        .as("what is quantized computes the same")
        .isGreaterThan(90);
    return new Result(
        quantized,
        Bench.sqnr(meant, bench.run(bench.write(quantized.graph(), RUNTIME), evaluation, INPUT)));
  }

  private static byte[] bytes(Result result) {
    return TfliteWriter.toBytes(
        result.quantized().graph(), WriteOptions.target(TargetRuntime.of(RUNTIME)));
  }

  private static Recipe without(Recipe recipe, QuantizationMethod method) {
    return recipe.toBuilder().without(method.id()).build();
  }

  @Test
  void layersThatLoseMostGetWeightsInTwoParts() {
    Graph graph = network();
    List<float[]> calibration = samples(16);

    Result split = quantize(graph, Recipe.int16x8(), calibration);
    Result plain =
        quantize(graph, without(Recipe.int16x8(), QuantizationMethod.WEIGHT_SPLIT), calibration);

    assertThat(split.did("Weights in two parts")).as("%s", split.quantized().methods()).isTrue();
    assertThat(plain.did("Weights in two parts")).isFalse();
    assertThat(plain.count(OpKind.ADD)).isZero();
    assertThat(split.count(OpKind.CONV_2D))
        .isEqualTo(plain.count(OpKind.CONV_2D) + split.count(OpKind.ADD));
    assertThat(split.sqnr()).isGreaterThan(plain.sqnr());
    assertThat(bytes(quantize(graph, Recipe.int16x8(), calibration))).isEqualTo(bytes(split));
    assertThat(split.quantized().graph().main().ops())
        .filteredOn(op -> op.kind() == OpKind.CONV_2D || op.kind() == OpKind.ADD)
        .allSatisfy(op -> assertThat(op.input(0).type()).isEqualTo(ElementType.INT16));
  }

  @Test
  void partsOfALayerThatARuleSelectsHaveItsPrecision() {
    Recipe recipe =
        Recipe.builder(Recipe.Precision.FULL_INTEGER)
            .rule("name:first", Recipe.Precision.INT16X8)
            .build();

    Result mixed = quantize(network(), recipe, samples(16));

    assertThat(mixed.did("Weights in two parts in 1 layer(s)")).isTrue();
    assertThat(mixed.quantized().graph().main().ops())
        .filteredOn(op -> op.output(0).name().startsWith("first"))
        .filteredOn(op -> op.kind() == OpKind.CONV_2D || op.kind() == OpKind.ADD)
        .hasSize(3)
        .allSatisfy(op -> assertThat(op.input(0).type()).isEqualTo(ElementType.INT16));
  }

  @Test
  void layersThatLoseMostKeepFloatActivations() {
    Graph graph = network();
    List<float[]> calibration = samples(16);

    Result mixed = quantize(graph, Recipe.dynamicRange(), calibration);
    Result plain =
        quantize(
            graph,
            without(Recipe.dynamicRange(), QuantizationMethod.FLOAT_ACTIVATIONS),
            calibration);

    assertThat(plain.did("Activations stay float")).isFalse();
    assertThat(plain.count(OpKind.DEQUANTIZE)).isZero();
    assertThat(mixed.did("Activations stay float")).as("%s", mixed.quantized().methods()).isTrue();
    assertThat(mixed.count(OpKind.DEQUANTIZE)).isPositive();
    assertThat(mixed.sqnr()).isGreaterThan(plain.sqnr());
  }

  @Test
  void aLinearBottleneckIsMergedIntoTheNextLayer() {
    Graph graph = network();
    List<float[]> calibration = samples(16);

    Result merged = quantize(graph, Recipe.fullInteger(), calibration);
    Result plain =
        quantize(
            graph, without(Recipe.fullInteger(), QuantizationMethod.MERGE_LAYERS), calibration);

    assertThat(merged.did("merged")).as("%s", merged.quantized().methods()).isTrue();
    assertThat(merged.count(OpKind.CONV_2D)).isEqualTo(plain.count(OpKind.CONV_2D) - 1);
    assertThat(merged.sqnr()).isGreaterThan(plain.sqnr());
  }

  @Test
  void layersSideBySideAreNotMerged() {
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value x = main.addInput("image", ElementType.FLOAT32, Shape.of(INPUT));
    Value wide = conv(main, x, "wide", 1, 16, Activation.RELU);
    // 16 outputs, of which each sees one half of the 16 channels.
    Value halves = main.addValue("halves", ElementType.FLOAT32, wide.shape());
    main.append(
        main.ops()
            .get(0)
            .copyAttributes()
            .set("fused_activation_function", Activation.NONE)
            .inputs(
                wide,
                main.addConstant("halves/w", Shape.of(16, 1, 1, 8), normal(128, 0.3)),
                main.addConstant("halves/b", Shape.of(16), normal(16, 0.1)))
            .outputs(halves));
    main.outputs(conv(main, halves, "scores", 1, 8, Activation.NONE));

    Result kept = quantize(graph.verify(), Recipe.fullInteger(), samples(16));

    assertThat(kept.did("merged")).isFalse();
    assertThat(kept.count(OpKind.CONV_2D)).isEqualTo(3);
    assertThat(kept.sqnr()).isGreaterThan(25);
  }

  @Test
  void adviceAndExplanationNameLayersAsTheModelDoes() {
    Graph graph = network();
    Bench bench = new Bench(folder);
    QuantizeOptions options = bench.options(RUNTIME, true);
    ConverterBackend.Calibration calibration = Bench.calibration(samples(16), INPUT);
    Set<String> names =
        graph.main().ops().stream().map(op -> op.output(0).name()).collect(Collectors.toSet());

    QuantizedGraph quantized =
        Quantizer.quantize(graph, Recipe.int16x8(), Optional.of(calibration), options);
    Explanation why = Explainer.explain(quantized, Recipe.int16x8(), calibration, options);
    Advice advice =
        Advisor.advise(
            graph,
            calibration,
            options,
            Advisor.signalToNoise(graph, Bench.calibration(samples(8), INPUT), options),
            500,
            "SQNR dB",
            Duration.ofMinutes(2),
            t -> {});

    assertThat(quantized.methods()).anyMatch(m -> m.contains("Weights in two parts"));
    assertThat(why.layers()).isNotEmpty().allMatch(l -> names.contains(l.name()));
    // Lifted layers are split in the next trial, whose layers the one after that selects from.
    assertThat(advice.trials()).hasSizeGreaterThan(6);
    assertThat(advice.trials())
        .allSatisfy(
            t ->
                assertThat(t.recipe().rules())
                    .allMatch(r -> names.contains(r.selector().substring("name:".length()))));
  }
}
