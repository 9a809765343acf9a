package io.jetfire.tflite.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.tflite.SharedData;
import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class ModelCheckTest {
  private static final WriteOptions ANY = WriteOptions.target(TargetRuntime.any());

  // A convolution, a dense layer and a softmax: what the cases below break.
  private final Graph graph = Graph.create();
  private final Subgraph main = graph.addSubgraph("main");
  private final Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(1, 4, 4, 3));
  private final Value filter = main.addConstant("filter", Shape.of(2, 3, 3, 3), new float[54]);
  private final Value bias = main.addConstant("bias", Shape.of(2), 0f, 0f);
  private final Value map = main.addValue("map", ElementType.FLOAT32, Shape.of(1, 4, 4, 2));
  private final Value weights = main.addConstant("weights", Shape.of(5, 32), new float[160]);
  private final Value logits = main.addValue("logits", ElementType.FLOAT32, Shape.of(1, 5));
  private final Value scores = main.addValue("scores", ElementType.FLOAT32, Shape.of(1, 5));
  private final Op conv =
      main.append(
          Op.of(OpKind.CONV_2D)
              .set("padding", Padding.SAME)
              .set("stride_w", 1)
              .set("stride_h", 1)
              .set("fused_activation_function", Activation.RELU)
              .inputs(x, filter, bias)
              .outputs(map));
  private final Op dense =
      main.append(Op.of(OpKind.FULLY_CONNECTED).inputs(map, weights, null).outputs(logits));
  private final Op softmax =
      main.append(Op.of(OpKind.SOFTMAX).set("beta", 1).inputs(logits).outputs(scores));

  {
    main.outputs(scores);
    graph.addSignature("serving_default", main, Map.of("x", x), Map.of("scores", scores));
  }

  @TestFactory
  Stream<DynamicTest> sharedModelsPass() {
    Path root = SharedData.folder();
    return SharedData.models().stream()
        .map(
            p ->
                DynamicTest.dynamicTest(
                    root.relativize(p).toString(),
                    () -> {
                      CheckReport report = ModelCheck.check(p);
                      // The one file whose second input is never produced; the runtime aborts on
                      // it.
                      if (p.endsWith("litert/blockwise_quantized.tflite")) {
                        assertThat(report.problems().get(0)).contains("which nothing produces");
                      } else if (p.endsWith("micro/keyword_scrambled_8bit.tflite")) {
                        // A microcontroller's SVDF, which crashes the runtime for hosts.
                        assertThat(report.problems()).allMatch(t -> t.contains("microcontrollers"));
                        assertThat(report.isOk()).isFalse();
                      } else {
                        assertThat(report.problems()).isEmpty();
                      }
                    }));
  }

  @Test
  void soundModelPasses() {
    assertThat(check().problems()).isEmpty();
    // Input, unrolled windows and output of the convolution.
    assertThat(check().peakActivationBytes()).isEqualTo(4 * (48 + 32 + 16 * 27));
  }

  // ---- what is known to crash the native runtime, or to pass it without a word

  @Test
  void zeroDimension() {
    x.shape(Shape.of(1, 0, 4, 3));
    refused("dimension of 0");
  }

  @Test
  void unknownPaddingCode() {
    // The convolution's options hold the only padding: VALID is 1, which the patch below makes 9.
    conv.set("padding", Padding.VALID).set("stride_w", 77);
    map.shape(Shape.of(1, 2, 1, 2));
    weights.shape(Shape.of(5, 4)).data(Weights.of(new float[20]));
    byte[] bytes = TfliteWriter.toBytes(graph, ANY);
    assertThat(ModelCheck.check(ByteBuffer.wrap(bytes)).problems()).isEmpty();
    bytes[optionsField(bytes, 0)] = 9;
    assertThat(ModelCheck.check(ByteBuffer.wrap(bytes)).problems())
        .singleElement()
        .asString()
        .contains("padding has the code 9");
  }

  @Test
  void unknownActivationCode() {
    byte[] bytes = TfliteWriter.toBytes(graph, ANY);
    bytes[optionsField(bytes, 3)] = 99;
    assertThat(ModelCheck.check(ByteBuffer.wrap(bytes)).problems())
        .singleElement()
        .asString()
        .contains("fused_activation_function has the code 99");
  }

  @Test
  void missingWeights() {
    dense.input(1, null);
    refused("input 1 is left out");
  }

  @Test
  void useBeforeDefinition() {
    conv.input(0, main.addValue("late", ElementType.FLOAT32, Shape.of(1, 4, 4, 3)));
    main.append(Op.of(OpKind.ABS).inputs(x).outputs(main.value("late").orElseThrow()));
    refused("produced only later");
  }

  @Test
  void cycle() {
    conv.input(0, main.addValue("loop", ElementType.FLOAT32, Shape.of(1, 4, 4, 2)));
    main.append(Op.of(OpKind.ABS).inputs(map).outputs(main.value("loop").orElseThrow()));
    refused("produced only later");
  }

  @Test
  void inputThatNothingProduces() {
    conv.input(0, main.addValue("nothing", ElementType.FLOAT32, Shape.of(1, 4, 4, 3)));
    refused("which nothing produces");
  }

  @Test
  void missingOptions() {
    dense.options(null);
    softmax.options(null);
    assertThat(check().problems()).hasSize(2).allMatch(p -> p.contains("options are missing"));
  }

  @Test
  void optionsOfAnotherOperator() {
    conv.options(OpKind.MAX_POOL_2D.options().orElseThrow());
    refused("Pool2DOptions instead of Conv2DOptions");
  }

  @Test
  void integerWeightsWithoutQuantization() {
    weights.type(ElementType.INT8).data(Weights.of(new byte[160]));
    refused("integer weights weights carry no quantization");
    weights.quantization(Quantization.perTensor(0.1f, 0));
    assertThat(check().problems()).isEmpty();
  }

  @Test
  void dataOfAnotherSize() {
    weights.data(Weights.of(new float[159]));
    refused("takes 640 bytes, the data have 636");
  }

  @Test
  void hugeShape() {
    x.shape(Shape.of(1 << 30, 1 << 30, 1 << 30, 3));
    refused("2^63 or more");
    x.shape(Shape.of(1, 30_000, 30_000, 3));
    refused("more than the allowed");
  }

  @Test
  void hugeScratchBuffer() {
    // Inputs and outputs are small enough, the unrolled windows are not.
    filter.shape(Shape.of(1, 512, 512, 3)).data(Weights.of(new float[512 * 512 * 3]));
    bias.shape(Shape.of(1)).data(Weights.of(new float[1]));
    x.shape(Shape.of(1, 600, 600, 3));
    map.shape(Shape.of(1, 600, 600, 1));
    weights.shape(Shape.of(5, 360_000)).data(Weights.of(new float[5 * 360_000]));
    refused("a run takes about");
  }

  @Test
  void wrongWindows() {
    conv.set("stride_w", 0);
    refused("stride_w is 0");
    conv.set("stride_w", -1);
    refused("stride_w is -1");
    conv.set("stride_w", 1).set("dilation_h_factor", Integer.MAX_VALUE);
    refused("dilation_h_factor");
    conv.set("dilation_h_factor", 4).set("padding", Padding.VALID);
    refused("finds no place");
  }

  @Test
  void channelsThatDoNotFit() {
    x.shape(Shape.of(1, 4, 4, 4));
    refused("does not fit a filter");
    x.shape(Shape.of(1, 4, 4, 3));
    weights.shape(Shape.of(5, 31)).data(Weights.of(new float[155]));
    refused("does not fit weights");
    weights.shape(Shape.of(5, 32)).data(Weights.of(new float[160]));
    bias.shape(Shape.of(3)).data(Weights.of(new float[3]));
    refused("a bias of shape [3]");
  }

  @Test
  void quantizationOfWrongLengths() {
    filter.quantization(Quantization.perChannel(new float[] {1, 1, 1}, new long[] {0, 0, 0}, 0));
    refused("3 scales along axis 0");
    filter.quantization(Quantization.perChannel(new float[] {1, 1}, new long[] {0}, 0));
    refused("2 scales with 1 zero points");
    filter.quantization(Quantization.perChannel(new float[] {1, 1}, new long[] {0, 0}, 4));
    refused("quantized axis 4");
  }

  @Test
  void scalesThatStopTheProcess() {
    Value q =
        main.addInput("q", ElementType.INT8, Shape.of(1, 5))
            .quantization(Quantization.perTensor(1e-12f, 0));
    Value out =
        main.addValue("p", ElementType.INT8, Shape.of(1, 5))
            .quantization(Quantization.perTensor(1 / 256f, -128));
    main.append(Op.of(OpKind.SOFTMAX).set("beta", 1).inputs(q).outputs(out));
    refused("too small for the integer kernel");
  }

  @Test
  void subgraphCalls() {
    Subgraph other = graph.addSubgraph("other");
    Value in = other.addInput("in", ElementType.FLOAT32, Shape.of(1, 5));
    Value out = other.addValue("out", ElementType.FLOAT32, Shape.of(1, 5));
    Op call =
        other.append(
            Op.of(OpKind.STABLEHLO_COMPOSITE)
                .set("name", "c")
                .set("decomposition_subgraph_index", 7)
                .inputs(in)
                .outputs(out));
    other.outputs(out);
    refused("calls subgraph 7 of 2");
    call.set("decomposition_subgraph_index", 1);
    refused("that it stands in");
    Subgraph third = graph.addSubgraph("third");
    Value in3 = third.addInput("in", ElementType.FLOAT32, Shape.of(1, 5));
    Value out3 = third.addValue("out", ElementType.FLOAT32, Shape.of(1, 5));
    third.append(
        Op.of(OpKind.STABLEHLO_COMPOSITE)
            .set("decomposition_subgraph_index", 1)
            .inputs(in3)
            .outputs(out3));
    third.outputs(out3);
    call.set("decomposition_subgraph_index", 2);
    refused("in a cycle");
  }

  @Test
  void signatureOfInnerTensors() {
    graph.addSignature("odd", main, Map.of("x", map), Map.of("y", scores));
    refused("is not an input of its subgraph");
  }

  @Test
  void strings() {
    byte[] good = new byte[14];
    ByteBuffer b = ByteBuffer.wrap(good).order(ByteOrder.LITTLE_ENDIAN);
    b.putInt(1).putInt(12).putInt(14).put("ab".getBytes(StandardCharsets.US_ASCII));
    Value text = main.addValue("text", ElementType.STRING, Shape.of(1)).data(Weights.of(good));
    assertThat(check().problems()).isEmpty();
    b.putInt(8, 15);
    text.data(Weights.of(good));
    refused("begins at byte 15 of 14");
    b.putInt(0, Integer.MAX_VALUE);
    text.data(Weights.of(good));
    refused("cannot hold");
  }

  @Test
  void tinyAndForeignFiles() {
    assertThat(ModelCheck.check(ByteBuffer.wrap(new byte[] {1})).problems().get(0))
        .contains("1 bytes, too few");
    byte[] png = new byte[64];
    assertThat(ModelCheck.check(ByteBuffer.wrap(png)).problems().get(0)).contains("\"TFL3\"");
    assertThatThrownBy(() -> ModelCheck.check(ByteBuffer.wrap(png)).orThrow())
        .isInstanceOf(ModelFormatException.class);
  }

  // ---- helpers

  private CheckReport check() {
    return ModelCheck.check(graph, ModelCheck.DEFAULT_ACTIVATION_BYTES);
  }

  private void refused(String reason) {
    assertThat(check().problems()).anyMatch(p -> p.contains(reason));
    // The file is refused like the graph.
    graph.tolerate(graph.problems());
    byte[] bytes = TfliteWriter.toBytes(graph, ANY);
    assertThat(ModelCheck.check(ByteBuffer.wrap(bytes)).isOk()).isFalse();
  }

  // Finds where a field of the first operator's options lies.
  private static int optionsField(byte[] bytes, int field) {
    ByteBuffer b = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int[] at = new int[1];
    Consumer<Integer> follow =
        id -> {
          int vtable = at[0] - b.getInt(at[0]);
          int slot = at[0] + b.getShort(vtable + 4 + 2 * id);
          at[0] = slot + b.getInt(slot);
        };
    at[0] = b.getInt(0);
    follow.accept(2); // subgraphs
    at[0] += 4 + b.getInt(at[0] + 4);
    follow.accept(3); // operators
    at[0] += 4 + b.getInt(at[0] + 4);
    follow.accept(4); // builtin_options
    int vtable = at[0] - b.getInt(at[0]);
    return at[0] + b.getShort(vtable + 4 + 2 * field);
  }
}
