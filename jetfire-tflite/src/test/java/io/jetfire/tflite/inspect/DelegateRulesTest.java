package io.jetfire.tflite.inspect;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.MirrorPadMode;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import org.junit.jupiter.api.Test;

/** Cases in which the delegates' own sources are particular. */
class DelegateRulesTest {
  private final Graph graph = Graph.create();
  private final Subgraph main = graph.addSubgraph("main");
  private int names;

  private Value value(ElementType type, int... shape) {
    return main.addValue("v" + names++, type, Shape.of(shape));
  }

  private Value floats(int... shape) {
    return value(ElementType.FLOAT32, shape);
  }

  private Value ints(int[] shape, int... values) {
    return main.addConstant("c" + names++, Shape.of(shape), values);
  }

  private static Op op(OpKind kind, Value output, Value... inputs) {
    return Op.of(kind).inputs(inputs).outputs(output);
  }

  @Test
  void gpuBroadcasts() {
    assertThat(GpuRules.refusal(op(OpKind.ADD, floats(1, 4, 4, 8), floats(1, 4, 4, 8), floats(8))))
        .isNull();
    assertThat(GpuRules.refusal(op(OpKind.MUL, floats(1, 5, 7), floats(1, 5, 1), floats(1, 1, 7))))
        .isEqualTo("both inputs are broadcast");
    assertThat(GpuRules.refusal(op(OpKind.ADD, floats(1, 5, 7), floats(1, 5, 1), floats(1, 1, 7))))
        .isNull();
  }

  @Test
  void gpuDepthMultipliers() {
    Value filter = main.addConstant("f", Shape.of(1, 3, 3, 6), new float[54]);
    Op many = op(OpKind.DEPTHWISE_CONV_2D, floats(1, 4, 4, 6), floats(1, 4, 4, 3), filter);
    assertThat(GpuRules.refusal(many.set("depth_multiplier", 2)))
        .isEqualTo("a depth multiplier of 2");
    Op one = op(OpKind.DEPTHWISE_CONV_2D, floats(1, 4, 4, 6), floats(1, 4, 4, 1), filter);
    assertThat(GpuRules.refusal(one.set("depth_multiplier", 6))).isNull();
  }

  @Test
  void gpuCasts() {
    assertThat(GpuRules.refusal(op(OpKind.CAST, floats(4), value(ElementType.BOOL, 4)))).isNull();
    assertThat(GpuRules.refusal(op(OpKind.CAST, floats(4), value(ElementType.INT32, 4)))).isNull();
    assertThat(
            GpuRules.refusal(
                op(OpKind.CAST, value(ElementType.INT32, 4), value(ElementType.BOOL, 4))))
        .isEqualTo("from BOOL to INT32");
  }

  @Test
  void gpuPaddingsSlicesAndMasks() {
    Value three = ints(new int[] {3, 2}, 0, 0, 1, 1, 0, 0);
    Value two = ints(new int[] {2, 2}, 0, 0, 1, 1);
    assertThat(GpuRules.refusal(op(OpKind.PAD, floats(1, 6, 2), floats(1, 4, 2), three))).isNull();
    assertThat(GpuRules.refusal(op(OpKind.PAD, floats(1, 6), floats(1, 4), two)))
        .isEqualTo("paddings for other than 3 or 4 dimensions");
    Op mirror = op(OpKind.MIRROR_PAD, floats(1, 6, 2), floats(1, 4, 2), three);
    assertThat(GpuRules.refusal(mirror.set("mode", MirrorPadMode.SYMMETRIC)))
        .isEqualTo("a mode other than REFLECT");
    Value begin = ints(new int[] {2}, 0, 0);
    assertThat(GpuRules.refusal(op(OpKind.SLICE, floats(1, 2), floats(1, 4), begin, begin)))
        .isEqualTo("rank 2");
  }

  @Test
  void nnapiKnowsVersions() {
    Op exp = op(OpKind.EXP, floats(4), floats(4));
    assertThat(NnapiRules.refusal(exp.version(1))).isNull();
    assertThat(NnapiRules.refusal(exp.version(2))).isEqualTo("version 2; it takes up to 1");
  }

  @Test
  void nnapiTypesAndActivations() {
    assertThat(
            NnapiRules.refusal(
                op(OpKind.EXP, value(ElementType.INT8, 4), value(ElementType.INT8, 4))))
        .isEqualTo("INT8 tensors");
    Op sum =
        op(
            OpKind.ADD,
            value(ElementType.INT32, 4),
            value(ElementType.INT32, 4),
            value(ElementType.INT32, 4));
    assertThat(NnapiRules.refusal(sum)).isNull();
    assertThat(NnapiRules.refusal(sum.set("fused_activation_function", Activation.RELU)))
        .isEqualTo("INT32 tensors with a fused RELU");
    assertThat(NnapiRules.refusal(op(OpKind.SQUARED_DIFFERENCE, floats(4), floats(4), floats(4))))
        .isEqualTo("not among the operators that it knows");
  }

  @Test
  void nnapiMeans() {
    Value axes = ints(new int[] {2}, 1, 2);
    assertThat(NnapiRules.refusal(op(OpKind.MEAN, floats(1, 8), floats(1, 4, 4, 8), axes)))
        .isNull();
    assertThat(NnapiRules.refusal(op(OpKind.MEAN, floats(), floats(4), axes)))
        .isEqualTo("a scalar as result");
    Value in = value(ElementType.INT8, 1, 4, 4, 8);
    Value out = value(ElementType.INT8, 1, 8);
    in.quantization(Quantization.perTensor(0.1f, 0));
    out.quantization(Quantization.perTensor(0.2f, 0));
    assertThat(NnapiRules.refusal(op(OpKind.MEAN, out, in, axes)))
        .isEqualTo("another scale of the result than of the input");
  }
}
