package io.jetfire.tflite.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.ConfigurationException;
import io.jetfire.Recipe;
import io.jetfire.Recipe.Precision;
import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class QuantizerTest {
  private static final QuantizeOptions NEW =
      QuantizeOptions.builder().targetRuntime("2.21.0").build();
  private static final QuantizeOptions OLD =
      QuantizeOptions.builder().targetRuntime("2.16.1").build();

  private static float[] random(int n, long seed) {
    Random random = new Random(seed);
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** Convolution, mean, fully connected layer with 64 × 32 weights, softmax. */
  private static Graph network() {
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(1, 8, 8, 3));
    Value w = main.addConstant("conv/w", Shape.of(32, 3, 3, 3), random(864, 1));
    Value b = main.addConstant("conv/b", Shape.of(32), random(32, 2));
    Value c = main.addValue("block/conv", ElementType.FLOAT32, Shape.of(1, 8, 8, 32));
    main.append(
        Op.of(OpKind.CONV_2D)
            .set("padding", Padding.SAME)
            .set("stride_w", 1)
            .set("stride_h", 1)
            .set("fused_activation_function", Activation.RELU)
            .inputs(x, w, b)
            .outputs(c));
    Value axes = main.addConstant("axes", Shape.of(2), 1, 2);
    Value m = main.addValue("block/mean", ElementType.FLOAT32, Shape.of(1, 32));
    main.append(Op.of(OpKind.MEAN).inputs(c, axes).outputs(m));
    Value fw = main.addConstant("fc/w", Shape.of(64, 32), random(2048, 3));
    Value f = main.addValue("head/fc", ElementType.FLOAT32, Shape.of(1, 64));
    main.append(Op.of(OpKind.FULLY_CONNECTED).inputs(m, fw, null).outputs(f));
    Value y = main.addValue("head/softmax", ElementType.FLOAT32, Shape.of(1, 64));
    main.append(Op.of(OpKind.SOFTMAX).set("beta", 1f).inputs(f).outputs(y));
    return graph;
  }

  private static Graph finished() {
    Graph graph = network();
    Subgraph main = graph.main();
    main.outputs(main.value("head/softmax").orElseThrow());
    return graph.verify();
  }

  private static QuantizedGraph quantize(Recipe recipe, QuantizeOptions options) {
    return Quantizer.quantize(finished(), recipe, Optional.empty(), options);
  }

  private static Op layer(QuantizedGraph quantized, OpKind kind) {
    return quantized.graph().main().ops().stream()
        .filter(o -> o.kind() == kind)
        .findFirst()
        .orElseThrow();
  }

  @Test
  void float16KeepsEveryConstantAsHalfBehindOneDequantize() {
    QuantizedGraph half = quantize(Recipe.float16(), NEW);

    assertThat(half.graph().main().values().stream().filter(v -> v.isConstant()).toList())
        .extracting(Value::type)
        .containsOnly(ElementType.FLOAT16, ElementType.INT32);
    assertThat(
            half.graph().main().ops().stream().filter(o -> o.kind() == OpKind.DEQUANTIZE).count())
        .isEqualTo(3);
    Value w = layer(half, OpKind.CONV_2D).input(1).producer().orElseThrow().input(0);
    float[] meant = random(864, 1);
    float[] kept = w.floats();
    for (int i = 0; i < meant.length; i++) {
      assertThat(kept[i]).isCloseTo(meant[i], org.assertj.core.data.Offset.offset(0.002f));
    }
  }

  @Test
  void float16ClampsAndCountsWhatIsTooLarge() {
    Graph graph = finished();
    Value w = graph.main().value("conv/w").orElseThrow();
    float[] data = w.floats();
    data[5] = 1e6f;
    w.data(io.jetfire.tflite.graph.Weights.of(data));

    QuantizedGraph half = Quantizer.quantize(graph, Recipe.float16(), Optional.empty(), NEW);

    Value kept = layer(half, OpKind.CONV_2D).input(1).producer().orElseThrow().input(0);
    assertThat(kept.floats()[5]).isEqualTo(65504f);
    assertThat(half.notes()).anyMatch(n -> n.startsWith("1 weights beyond 65504"));
  }

  @Test
  void dynamicRangeTakesWeightsOfThousandElementsPerChannel() {
    QuantizedGraph dynamic = quantize(Recipe.dynamicRange(), NEW);

    Op fc = layer(dynamic, OpKind.FULLY_CONNECTED);
    assertThat(fc.input(1).type()).isEqualTo(ElementType.INT8);
    assertThat(fc.input(1).affine().orElseThrow().size()).isEqualTo(64);
    assertThat(fc.flag("asymmetric_quantize_inputs")).isTrue();
    assertThat(layer(dynamic, OpKind.CONV_2D).input(1).type()).isEqualTo(ElementType.FLOAT32);
  }

  @Test
  void oldRuntimesGetOneScaleForTheWeightsOfAFullyConnectedLayer() {
    Op fc = layer(quantize(Recipe.dynamicRange(), OLD), OpKind.FULLY_CONNECTED);

    assertThat(fc.input(1).affine().orElseThrow().size()).isEqualTo(1);
  }

  @Test
  void weightOnlyDequantizesBeforeTheLayer() {
    QuantizedGraph stored = quantize(Recipe.weightOnly(), NEW);

    Op before = layer(stored, OpKind.FULLY_CONNECTED).input(1).producer().orElseThrow();
    assertThat(before.kind()).isEqualTo(OpKind.DEQUANTIZE);
    assertThat(before.input(0).type()).isEqualTo(ElementType.INT8);
    float[] meant = random(2048, 3);
    float[] kept = before.input(0).dequantized();
    for (int i = 0; i < meant.length; i++) {
      float step = before.input(0).affine().orElseThrow().scale(i / 32);
      assertThat(Math.abs(kept[i] - meant[i])).isLessThanOrEqualTo(step * 0.501f);
    }
  }

  @Test
  void fourBitWeightsArePacked() {
    QuantizedGraph small =
        quantize(Recipe.builder(Precision.DYNAMIC_RANGE).weightBits(4).build(), NEW);

    Value w = layer(small, OpKind.FULLY_CONNECTED).input(1);
    assertThat(w.type()).isEqualTo(ElementType.INT4);
    assertThat(w.data().orElseThrow().byteSize()).isEqualTo(1024);
  }

  @Test
  void laterRulesWin() {
    Recipe recipe =
        Recipe.builder(Precision.FLOAT32)
            .rule("op:*", Precision.FLOAT16)
            .rule("name:head/*", Precision.WEIGHT_ONLY)
            .rule("op:CONV_2D", Precision.FLOAT32)
            .build();
    QuantizedGraph mixed = quantize(recipe, NEW);

    assertThat(layer(mixed, OpKind.CONV_2D).input(1).type()).isEqualTo(ElementType.FLOAT32);
    assertThat(layer(mixed, OpKind.CONV_2D).input(1).isConstant()).isTrue();
    Op before = layer(mixed, OpKind.FULLY_CONNECTED).input(1).producer().orElseThrow();
    assertThat(before.input(0).type()).isEqualTo(ElementType.INT8);
    assertThat(mixed.notes()).anyMatch(n -> n.contains("recipe says so") && n.contains("CONV_2D"));
  }

  @Test
  void aRuleThatSelectsNothingIsAnError() {
    Recipe recipe =
        Recipe.fullInteger().toBuilder().rule("name:backbone/*", Precision.FLOAT32).build();

    assertThatThrownBy(() -> quantize(recipe, NEW))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("name:backbone/*")
        .hasMessageContaining("block/conv");
  }

  @Test
  void integerActivationsWithoutSamplesAreAnError() {
    assertThatThrownBy(() -> quantize(Recipe.fullInteger(), NEW))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("representative dataset");
  }

  @Test
  void anUnknownMethodIsAnErrorThatListsTheKnownOnes() {
    Recipe recipe = Recipe.dynamicRange().toBuilder().without("magic").build();

    assertThatThrownBy(() -> quantize(recipe, NEW))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("magic")
        .hasMessageContaining("bias-correction");
  }

  @Test
  void theSourceGraphIsNotChanged() {
    Graph graph = finished();
    String before = graph.main().values().toString();

    Quantizer.quantize(graph, Recipe.dynamicRange(), Optional.empty(), NEW);

    assertThat(graph.main().values().toString()).isEqualTo(before);
  }
}
