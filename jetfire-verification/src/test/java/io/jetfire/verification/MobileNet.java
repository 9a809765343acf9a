package io.jetfire.verification;

import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.Random;

/**
 * A network of the shape of MobileNetV2 (Sandler and others, arXiv 1801.04381) with random weights:
 * inverted residuals with ReLU6, for measuring time and memory.
 */
final class MobileNet {
  /** Expansion, channels, repeats, first stride: table 2 of the paper. */
  private static final int[][] BLOCKS = {
    {1, 16, 1, 1},
    {6, 24, 2, 2},
    {6, 32, 3, 2},
    {6, 64, 4, 2},
    {6, 96, 3, 1},
    {6, 160, 3, 2},
    {6, 320, 1, 1}
  };

  private final Random random = new Random(7);
  private final Subgraph main;
  private int layers;

  private MobileNet(Subgraph main) {
    this.main = main;
  }

  /** About 14 MB with 1000 classes, whatever the size of the image. */
  static Graph graph(int size) {
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    MobileNet net = new MobileNet(main);
    Value x = main.addInput("image", ElementType.FLOAT32, Shape.of(1, size, size, 3));
    x = net.convolution(x, 32, 3, 2, Activation.RELU6);
    for (int[] b : BLOCKS) {
      for (int i = 0; i < b[2]; i++) {
        x = net.block(x, b[0], b[1], i == 0 ? b[3] : 1);
      }
    }
    x = net.convolution(x, 1280, 1, 1, Activation.RELU6);
    Value pooled = main.addValue("pooled", ElementType.FLOAT32, Shape.of(1, 1280));
    main.append(
        Op.of(OpKind.MEAN).inputs(x, main.addConstant("axes", Shape.of(2), 1, 2)).outputs(pooled));
    Value logits = main.addValue("logits", ElementType.FLOAT32, Shape.of(1, 1000));
    main.append(
        Op.of(OpKind.FULLY_CONNECTED)
            .inputs(pooled, net.weights("dense", 1280, 1000, 1280), net.bias(1000))
            .outputs(logits));
    Value classes = main.addValue("classes", ElementType.FLOAT32, Shape.of(1, 1000));
    main.append(Op.of(OpKind.SOFTMAX).set("beta", 1f).inputs(logits).outputs(classes));
    main.outputs(classes);
    return graph.verify();
  }

  private Value block(Value x, int expansion, int channels, int stride) {
    int inside = x.shape().dim(3) * expansion;
    Value y = expansion == 1 ? x : convolution(x, inside, 1, 1, Activation.RELU6);
    y = depthwise(y, stride);
    y = convolution(y, channels, 1, 1, Activation.NONE);
    if (stride != 1 || x.shape().dim(3) != channels) {
      return y;
    }
    Value sum = main.addValue("sum" + layers, ElementType.FLOAT32, y.shape());
    main.append(Op.of(OpKind.ADD).inputs(x, y).outputs(sum));
    return sum;
  }

  private Value convolution(Value x, int channels, int kernel, int stride, Activation activation) {
    int inputs = x.shape().dim(3);
    String name = "conv" + layers++;
    Value w = weights(name, kernel * kernel * inputs, channels, kernel, kernel, inputs);
    return layer(Op.of(OpKind.CONV_2D), name, x, w, channels, stride, activation);
  }

  private Value depthwise(Value x, int stride) {
    int channels = x.shape().dim(3);
    String name = "depthwise" + layers++;
    Value w =
        main.addConstant(name + "/weights", Shape.of(1, 3, 3, channels), normal(9 * channels, 9));
    Op op = Op.of(OpKind.DEPTHWISE_CONV_2D).set("depth_multiplier", 1);
    return layer(op, name, x, w, channels, stride, Activation.RELU6);
  }

  private Value layer(
      Op op, String name, Value x, Value w, int channels, int stride, Activation activation) {
    int size = (x.shape().dim(1) + stride - 1) / stride;
    Value y = main.addValue(name, ElementType.FLOAT32, Shape.of(1, size, size, channels));
    main.append(
        op.set("padding", Padding.SAME)
            .set("stride_w", stride)
            .set("stride_h", stride)
            .set("fused_activation_function", activation)
            .inputs(x, w, bias(channels))
            .outputs(y));
    return y;
  }

  private Value weights(String name, int inputs, int outputs, int... rest) {
    int[] dims = new int[rest.length + 1];
    dims[0] = outputs;
    System.arraycopy(rest, 0, dims, 1, rest.length);
    return main.addConstant(name + "/weights", Shape.of(dims), normal(inputs * outputs, inputs));
  }

  private Value bias(int channels) {
    return main.addConstant(
        "bias" + main.values().size(), Shape.of(channels), normal(channels, 100));
  }

  private float[] normal(int n, int inputs) {
    float[] values = new float[n];
    double scale = Math.sqrt(2.0 / inputs);
    for (int i = 0; i < n; i++) {
      values[i] = (float) (scale * random.nextGaussian());
    }
    return values;
  }

  /** Smooth random images, in the range -1 to 1. */
  static float[] image(int size, long seed) {
    Random r = new Random(seed);
    double[] phase = r.doubles(12, 0, 6.3).toArray();
    double[] speed = r.doubles(12, 0.01, 0.2).toArray();
    float[] values = new float[size * size * 3];
    for (int y = 0; y < size; y++) {
      for (int x = 0; x < size; x++) {
        for (int c = 0; c < 3; c++) {
          double wave =
              Math.sin(speed[c] * x + phase[c]) * Math.cos(speed[c + 3] * y + phase[c + 3]);
          values[(y * size + x) * 3 + c] = (float) (0.8 * wave + 0.05 * r.nextGaussian());
        }
      }
    }
    return values;
  }
}
