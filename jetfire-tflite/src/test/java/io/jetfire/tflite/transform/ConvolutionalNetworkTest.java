package io.jetfire.tflite.transform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What the passes make of networks as PyTorch writes them. */
class ConvolutionalNetworkTest {
  private final Random random = new Random(3);
  private final Graph graph = Graph.create();
  private final Subgraph main = graph.addSubgraph("main");
  private final GraphEmitter e = GraphEmitter.into(main);

  private Value constant(int... shape) {
    float[] values = new float[HostTensor.count(shape)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian() * 0.3f;
    }
    return main.addConstant("c", Shape.of(shape), values);
  }

  /** Convolution, batch normalization and activation, padded by one where the kernel is 3. */
  private Value block(Value x, int channels, int kernel, int stride, boolean depthwise) {
    int pad = kernel / 2;
    Value in = e.transpose(x, 0, 2, 3, 1);
    if (pad > 0) {
      in =
          e.emit(
              "pad",
              Op.of(OpKind.PAD)
                  .inputs(
                      in, main.addConstant("p", Shape.of(4, 2), 0, 0, pad, pad, pad, pad, 0, 0)));
    }
    int c = x.shape().dim(1);
    Op conv =
        Op.of(depthwise ? OpKind.DEPTHWISE_CONV_2D : OpKind.CONV_2D)
            .set("padding", Padding.VALID)
            .set("stride_h", stride)
            .set("stride_w", stride)
            .inputs(
                in,
                depthwise ? constant(1, kernel, kernel, c) : constant(channels, kernel, kernel, c),
                null);
    if (depthwise) {
      conv.set("depth_multiplier", 1);
    }
    Value y = e.transpose(e.emit("conv", conv), 0, 3, 1, 2);
    int out = depthwise ? c : channels;
    y = e.emit("bn/mul", Op.of(OpKind.MUL).inputs(y, constant(1, out, 1, 1)));
    y = e.emit("bn/add", Op.of(OpKind.ADD).inputs(y, constant(1, out, 1, 1)));
    Value zero = main.addConstant("zero", Shape.scalar(), 0f);
    Value six = main.addConstant("six", Shape.scalar(), 6f);
    y = e.emit("max", Op.of(OpKind.MAXIMUM).inputs(y, zero));
    return e.emit("min", Op.of(OpKind.MINIMUM).inputs(y, six));
  }

  private List<OpKind> kinds() {
    return main.ops().stream().map(Op::kind).toList();
  }

  @Test
  void mobileNetworkIsLeftWithConvolutionsAlone() {
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(1, 3, 16, 16));
    Value y = block(x, 8, 3, 1, false);
    Value z = block(block(y, 8, 3, 1, true), 8, 1, 1, false);
    y = e.emit("residual", Op.of(OpKind.ADD).inputs(y, z));
    y = block(y, 8, 3, 1, true);
    Value axes = main.addConstant("axes", Shape.of(2), 2, 3);
    y = e.emit("mean", Op.of(OpKind.MEAN).inputs(y, axes));
    y = e.emit("logits", Op.of(OpKind.BATCH_MATMUL).inputs(y, constant(8, 10)));
    y = e.emit("out", Op.of(OpKind.ADD).inputs(y, constant(10)));
    main.outputs(y);
    Map<String, HostTensor> inputs = GraphEvaluator.randomInputs(graph, 1);
    HostTensor before = Edits.present(GraphEvaluator.run(graph, inputs).get("out"));

    Optimizer.standard().run(graph).verify();

    assertThat(kinds())
        .containsExactly(
            OpKind.TRANSPOSE,
            OpKind.CONV_2D,
            OpKind.DEPTHWISE_CONV_2D,
            OpKind.CONV_2D,
            OpKind.ADD,
            OpKind.DEPTHWISE_CONV_2D,
            OpKind.MEAN,
            OpKind.FULLY_CONNECTED);
    assertThat(main.ops().get(1).activation()).isEqualTo(Activation.RELU6);
    assertThat(main.ops().get(1).padding()).isEqualTo(Padding.SAME);
    assertThat(main.inputs().get(0).shape()).isEqualTo(Shape.of(1, 3, 16, 16));
    HostTensor after = Edits.present(GraphEvaluator.run(graph, inputs).get("out"));
    assertThat(GraphEvaluator.greatestDifference(before, after)).isLessThan(1e-5);

    Graph phone = graph.copy();
    Optimizer.standard(LayoutOptions.channelsLast()).run(phone).verify();
    assertThat(phone.main().ops().get(0).kind()).isEqualTo(OpKind.CONV_2D);
    assertThat(phone.main().inputs().get(0).shape()).isEqualTo(Shape.of(1, 16, 16, 3));
  }

  @Test
  void stridedConvolutionKeepsItsOwnPadding() {
    // PyTorch pads one before the first element; SAME with stride 2 on an even size pads behind.
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(1, 3, 16, 16));
    main.outputs(block(x, 4, 3, 2, false));
    Optimizer.standard().run(graph);
    assertThat(kinds())
        .containsExactly(OpKind.TRANSPOSE, OpKind.PAD, OpKind.CONV_2D, OpKind.TRANSPOSE);
  }

  @Test
  void flattenedImageIsAbsorbedByTheWeights() {
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(1, 3, 8, 8));
    Value y = e.reshape(block(x, 4, 1, 1, false), 1, 4 * 64);
    main.outputs(e.emit("out", Op.of(OpKind.FULLY_CONNECTED).inputs(y, constant(5, 256), null)));
    Map<String, HostTensor> inputs = GraphEvaluator.randomInputs(graph, 1);
    HostTensor before = Edits.present(GraphEvaluator.run(graph, inputs).get("out"));
    Optimizer.standard().run(graph);
    assertThat(kinds())
        .containsExactly(OpKind.TRANSPOSE, OpKind.CONV_2D, OpKind.RESHAPE, OpKind.FULLY_CONNECTED);
    HostTensor after = Edits.present(GraphEvaluator.run(graph, inputs).get("out"));
    assertThat(GraphEvaluator.greatestDifference(before, after)).isLessThan(1e-5);
  }

  @Test
  void openBatchStaysOpen() {
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(-1, 3, 8, 8));
    Value y = block(x, 4, 3, 1, false);
    Value shape = e.emit("shape", Op.of(OpKind.SHAPE).set("out_type", ElementType.INT32).inputs(y));
    Value batch =
        e.emit(
            "batch",
            Op.of(OpKind.SLICE)
                .inputs(
                    shape,
                    main.addConstant("b", Shape.of(1), 0),
                    main.addConstant("s", Shape.of(1), 1)));
    Value to =
        e.emit(
            "to",
            Op.of(OpKind.CONCATENATION)
                .set("axis", 0)
                .inputs(batch, main.addConstant("rest", Shape.of(1), 256)));
    main.outputs(e.emit("out", Op.of(OpKind.RESHAPE).inputs(y, to)));
    assertThat(main.outputs().get(0).shape()).isEqualTo(Shape.of(-1, 256));
    Optimizer.standard().run(graph).verify();
    assertThat(main.outputs().get(0).shape()).isEqualTo(Shape.of(-1, 256));
  }

  @Test
  void contradictionNamesTheOperator() {
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(2, 3));
    Value z = main.addInput("z", ElementType.FLOAT32, Shape.of(2, 4));
    Value y = main.addValue("y", ElementType.FLOAT32, Shape.of(2, 3));
    main.append(Op.of(OpKind.ADD).inputs(x, z).outputs(y));
    main.outputs(y);
    assertThatThrownBy(() -> ShapeInference.create().run(graph))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("y = ADD(x, z)")
        .hasMessageContaining("[2, 3] and [2, 4] do not broadcast");
  }

  @Test
  void hardSwishIsOneOperator() {
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(1, 8));
    Value three = main.addConstant("three", Shape.scalar(), 3f);
    Value a =
        e.emit("a", Op.of(OpKind.RELU6).inputs(e.emit("s", Op.of(OpKind.ADD).inputs(x, three))));
    Value p = e.emit("p", Op.of(OpKind.MUL).inputs(a, x));
    main.outputs(
        e.emit("out", Op.of(OpKind.DIV).inputs(p, main.addConstant("six", Shape.scalar(), 6f))));
    Optimizer.standard().run(graph);
    assertThat(kinds()).containsExactly(OpKind.HARD_SWISH);
    assertThat(main.outputs().get(0).name()).isEqualTo("out");
  }
}
