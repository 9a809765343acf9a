package io.jetfire.tflite.inspect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.ConfigurationException;
import io.jetfire.Delegate;
import io.jetfire.tflite.SharedData;
import io.jetfire.tflite.format.TargetRuntime;
import io.jetfire.tflite.format.TfliteReader;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ModelSummaryTest {
  private static Graph small() {
    Graph graph = Graph.create().description("small");
    Subgraph main = graph.addSubgraph("main");
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(-1, 4, 4, 2));
    Value f = main.addConstant("f", Shape.of(3, 3, 3, 2), new float[54]);
    Value b = main.addConstant("b", Shape.of(3), 1f, 2f, 3f);
    Value y = main.addValue("y", ElementType.FLOAT32, Shape.of(-1, 4, 4, 3));
    main.append(
        Op.of(OpKind.CONV_2D).set("stride_w", 1).set("stride_h", 1).inputs(x, f, b).outputs(y));
    Value shape = main.addConstant("shape", Shape.of(2), -1, 48);
    Value flat = main.addValue("flat", ElementType.FLOAT32, Shape.unknown());
    main.append(Op.of(OpKind.RESHAPE).inputs(y, shape).outputs(flat));
    main.outputs(flat);
    graph.addSignature("serve", main, Map.of("in", x), Map.of("out", flat));
    return graph;
  }

  @Test
  void countsLayersAndInfersShapes() {
    Graph graph = small();
    ModelSummary summary = ModelSummary.of(graph);
    assertThat(summary.operatorCounts())
        .containsExactly(Map.entry("CONV_2D", 1), Map.entry("RESHAPE", 1));
    assertThat(summary.parameters()).isEqualTo(57);
    assertThat(summary.constantBytes()).isEqualTo(4 * 57 + 8);
    assertThat(summary.macs()).hasValue(16 * 3 * 18);
    assertThat(summary.outputs()).containsExactly("flat: FLOAT32[?, 48]");
    assertThat(summary.signatures())
        .containsExactly("serve(in: FLOAT32[?, 4, 4, 2]) -> (out: FLOAT32[?, 48])");
    assertThat(summary.peakActivationBytes()).isPresent();
    assertThat(summary.toString()).contains("CONV_2D", "864", "small", "2 operators");
    // The graph itself is untouched.
    assertThat(graph.main().value("flat").orElseThrow().shape().hasRank()).isFalse();
  }

  @Test
  void saysWhoDoesNotTakeWhat() {
    Graph graph = small();
    Subgraph main = graph.main();
    Value flat = main.value("flat").orElseThrow();
    Value z = main.addValue("z", ElementType.FLOAT32, Shape.of(-1, 48));
    main.append(Op.of(OpKind.GELU).inputs(flat).outputs(z));
    Value c = main.addValue("c", ElementType.FLOAT32, Shape.of(-1, 48));
    main.append(Op.custom("Mine").inputs(z).outputs(c));
    main.outputs(c);
    ModelSummary summary = ModelSummary.of(graph);
    assertThat(summary.refusals(TargetRuntime.of("2.8.0")))
        .singleElement()
        .asString()
        .isEqualTo("0:2 GELU (z): GELU version 1 needs TensorFlow Lite 2.9.0");
    assertThat(summary.refusals(TargetRuntime.defaultRuntime())).isEmpty();
    assertThat(summary.refusals(Delegate.CPU)).isEmpty();
    assertThat(summary.refusals(Delegate.NNAPI).stream().map(Refusal::operator))
        .containsExactly("GELU", "Mine");
    assertThat(summary.refusals(Delegate.XNNPACK))
        .singleElement()
        .asString()
        .endsWith("a custom operator");
    assertThat(summary.macs()).isEmpty();
    assertThatThrownBy(() -> summary.refusals(Delegate.of("QNN")))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("QNN");
  }

  @Test
  void findsFloatOperatorsInQuantizedModels() {
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(1, 4));
    Value q = main.addValue("q", ElementType.INT8, Shape.of(1, 4));
    Value r = main.addValue("r", ElementType.INT8, Shape.of(1, 4));
    Value d = main.addValue("d", ElementType.FLOAT32, Shape.of(1, 4));
    Value e = main.addValue("e", ElementType.FLOAT32, Shape.of(1, 4));
    q.quantization(Quantization.perTensor(0.1f, 0));
    r.quantization(Quantization.perTensor(0.1f, 0));
    main.append(Op.of(OpKind.QUANTIZE).inputs(x).outputs(q));
    main.append(Op.of(OpKind.RELU).inputs(q).outputs(r));
    main.append(Op.of(OpKind.DEQUANTIZE).inputs(r).outputs(d));
    main.append(Op.of(OpKind.EXP).inputs(d).outputs(e));
    main.outputs(e);
    ModelSummary summary = ModelSummary.of(graph);
    assertThat(summary.isQuantized()).isTrue();
    assertThat(summary.floatOperators())
        .singleElement()
        .satisfies(l -> assertThat(l.operator()).isEqualTo("EXP"));
    assertThat(summary.toString()).contains("left float in a quantized model: EXP e");
    assertThat(ModelSummary.of(small()).floatOperators()).isEmpty();
  }

  @Test
  void knownModels() {
    Path models = SharedData.folder().resolve("models");
    ModelSummary resnet = ModelSummary.of(models.resolve("tiny/resnet8_float.tflite"));
    // MLPerf Tiny: 78k parameters, 12.5 M multiply-accumulates.
    assertThat(resnet.parameters()).isEqualTo(77_706);
    assertThat(resnet.macs()).hasValue(12_501_632);
    ModelSummary mobilenet =
        ModelSummary.of(models.resolve("coral/mobilenet_v2_1.0_224_quant.tflite"));
    // The MobileNetV2 paper: 300 M multiply-adds, 3.4 M parameters.
    assertThat(mobilenet.macs().orElseThrow()).isBetween(295_000_000L, 305_000_000L);
    assertThat(mobilenet.parameters()).isBetween(3_400_000L, 3_550_000L);
    assertThat(mobilenet.floatOperators()).isEmpty();
  }

  @Test
  void everySharedModelCanBeShown() {
    for (Path p : SharedData.models()) {
      ModelSummary summary = ModelSummary.of(p);
      assertThat(summary.toString()).contains(summary.layers().get(0).operator());
      summary.refusals(Delegate.XNNPACK);
      summary.refusals(Delegate.GPU);
      summary.refusals(Delegate.NNAPI);
      Graph graph = TfliteReader.read(p);
      assertThat(ModelDiff.of(graph, graph.copy()).lines()).isEmpty();
    }
  }

  @Test
  void diffTellsWhatChanged() {
    Graph before = small();
    assertThat(ModelDiff.of(before, before.copy()).isEmpty()).isTrue();
    Graph after = before.copy();
    Subgraph main = after.main();
    Op conv = main.ops().get(0).set("stride_w", 2);
    Value bias = conv.input(2);
    bias.data(Weights.of(new float[] {1, 2, 4}));
    Value y = conv.output(0);
    Value relu = main.addValue("relu", ElementType.FLOAT32, y.shape());
    main.replaceAllUses(y, relu);
    main.insertAfter(conv, Op.of(OpKind.RELU).inputs(y).outputs(relu));
    after.description("bigger");
    assertThat(ModelDiff.of(before, after).lines())
        .contains("~ description: small -> bigger", "~ CONV_2D y input 2: other data")
        .anyMatch(l -> l.startsWith("~ CONV_2D y attributes:") && l.contains("stride_w=2"))
        .anyMatch(l -> l.startsWith("+ 1 relu = RELU(y)"))
        .anyMatch(l -> l.startsWith("~ RESHAPE flat input 0: y"));
  }
}
