package io.jetfire.importer.onnx;

import java.util.Random;

/** Writes an ONNX model of MobileNetV2's shape: 14 MB of weights. */
final class MobileNetV2Model {
  private final OnnxBytes graph = OnnxBytes.message();
  private final Random random = new Random(1);
  private int names;

  private MobileNetV2Model() {}

  /** The bytes of the model. */
  static byte[] write() {
    return new MobileNetV2Model().model();
  }

  private String conv(String x, int in, int out, int kernel, int stride, int groups) {
    String name = "conv" + names++;
    float[] w = new float[out * in / groups * kernel * kernel];
    for (int i = 0; i < w.length; i++) {
      w[i] = (float) random.nextGaussian() * 0.1f;
    }
    graph.add(5, OnnxBytes.floats(name + ".w", w, out, in / groups, kernel, kernel));
    int p = kernel / 2;
    graph.add(
        1,
        OnnxBytes.node("Conv", name, x, name + ".w")
            .attribute("group", groups)
            .attribute("pads", new int[] {p, p, p, p})
            .attribute("strides", new int[] {stride, stride}));
    return normalized(name, out);
  }

  private String normalized(String x, int channels) {
    String name = "bn" + names++;
    String[] inputs = {x, name + ".s", name + ".b", name + ".m", name + ".v"};
    for (int k = 1; k < 5; k++) {
      float[] v = new float[channels];
      for (int i = 0; i < channels; i++) {
        v[i] = k == 2 || k == 3 ? random.nextFloat() - 0.5f : random.nextFloat() + 0.5f;
      }
      graph.add(5, OnnxBytes.floats(inputs[k], v, channels));
    }
    graph.add(1, OnnxBytes.node("BatchNormalization", name, inputs));
    return name;
  }

  private String clipped(String x) {
    String name = "relu" + names++;
    graph.add(1, OnnxBytes.node("Clip", name, x, "zero", "six"));
    return name;
  }

  private byte[] model() {
    graph.add(5, OnnxBytes.floats("zero", new float[] {0}));
    graph.add(5, OnnxBytes.floats("six", new float[] {6}));
    String x = clipped(conv("x", 3, 32, 3, 2, 1));
    // Expansion, channels, repetitions, stride: table 2 of the paper (arXiv 1801.04381).
    int[][] blocks = {
      {1, 16, 1, 1},
      {6, 24, 2, 2},
      {6, 32, 3, 2},
      {6, 64, 4, 2},
      {6, 96, 3, 1},
      {6, 160, 3, 2},
      {6, 320, 1, 1}
    };
    int channels = 32;
    for (int[] b : blocks) {
      for (int r = 0; r < b[2]; r++) {
        int wide = channels * b[0];
        String y = b[0] == 1 ? x : clipped(conv(x, channels, wide, 1, 1, 1));
        y = clipped(conv(y, wide, wide, 3, r == 0 ? b[3] : 1, wide));
        y = conv(y, wide, b[1], 1, 1, 1);
        if (r > 0) {
          String sum = "add" + names++;
          graph.add(1, OnnxBytes.node("Add", sum, x, y));
          y = sum;
        }
        x = y;
        channels = b[1];
      }
    }
    x = clipped(conv(x, channels, 1280, 1, 1, 1));
    graph.add(1, OnnxBytes.node("GlobalAveragePool", "pool", x));
    graph.add(1, OnnxBytes.node("Flatten", "flat", "pool"));
    float[] w = new float[1000 * 1280];
    for (int i = 0; i < w.length; i++) {
      w[i] = (float) random.nextGaussian() * 0.05f;
    }
    graph.add(5, OnnxBytes.floats("fc.w", w, 1000, 1280));
    graph.add(5, OnnxBytes.floats("fc.b", new float[1000], 1000));
    graph.add(1, OnnxBytes.node("Gemm", "y", "flat", "fc.w", "fc.b").attribute("transB", 1));
    graph.add(11, OnnxBytes.value("x", 1, 1, 3, 224, 224));
    graph.add(12, OnnxBytes.value("y", 1, 1, 1000));
    return OnnxBytes.model(graph);
  }
}
