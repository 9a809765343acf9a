package io.jetfire.tflite.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.jetfire.Tensor;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class WindowMeansTest {
  private static final int SAMPLES = 3;

  private final Random random = new Random(5);

  @Test
  void meansAreThoseOfAllWindows() {
    for (int round = 0; round < 80; round++) {
      boolean depthwise = random.nextBoolean();
      int channels = 1 + random.nextInt(70);
      int kernelHeight = 1 + random.nextInt(4);
      int kernelWidth = 1 + random.nextInt(4);
      Subgraph main = Graph.create().addSubgraph("main");
      int height = 4 + random.nextInt(20);
      int width = 4 + random.nextInt(20);
      int batch = 1 + random.nextInt(2);
      Value in = main.addInput("in", ElementType.FLOAT32, Shape.of(-1, height, width, channels));
      Value weights =
          main.addConstant(
              "w",
              depthwise
                  ? Shape.of(1, kernelHeight, kernelWidth, channels)
                  : Shape.of(2, kernelHeight, kernelWidth, channels),
              new float[(depthwise ? 1 : 2) * kernelHeight * kernelWidth * channels]);
      Op op =
          Op.of(depthwise ? OpKind.DEPTHWISE_CONV_2D : OpKind.CONV_2D)
              .set("stride_h", 1 + random.nextInt(3))
              .set("stride_w", 1 + random.nextInt(3))
              .set("dilation_h_factor", 1)
              .set("dilation_w_factor", 1)
              .set("padding", random.nextBoolean() ? Padding.SAME : Padding.VALID)
              .inputs(in, weights)
              .outputs(main.addValue("out", ElementType.FLOAT32, Shape.unknown()));
      check(op, weights, batch, height, width, channels);
    }
  }

  @Test
  void aFullyConnectedLayerSeesEveryRow() {
    Subgraph main = Graph.create().addSubgraph("main");
    Value in = main.addInput("in", ElementType.FLOAT32, Shape.of(-1, 7));
    Value weights = main.addConstant("w", Shape.of(2, 7), new float[14]);
    Op op =
        Op.of(OpKind.FULLY_CONNECTED)
            .inputs(in, weights)
            .outputs(main.addValue("out", ElementType.FLOAT32, Shape.of(-1, 2)));
    check(op, weights, 5, 7);
  }

  @Test
  void aLayerWhoseInputMayHaveAnySizeHasNone() {
    Subgraph main = Graph.create().addSubgraph("main");
    Value in = main.addInput("in", ElementType.FLOAT32, Shape.of(1, -1, -1, 3));
    Op op =
        Op.of(OpKind.CONV_2D)
            .inputs(in, main.addConstant("w", Shape.of(1, 1, 1, 3), new float[3]))
            .outputs(main.addValue("out", ElementType.FLOAT32, Shape.unknown()));
    assertThat(WindowMeans.of(op)).isEmpty();
  }

  private void check(Op op, Value weights, int... shape) {
    WindowMeans means = WindowMeans.of(op).orElseThrow();
    WindowMeans.Sums sums = new WindowMeans.Sums(means, new WindowMeans.Scratch());
    TensorScan scan = new TensorScan();
    Windows windows = Windows.of(op, shape, weights);
    double[] expected = new double[windows.taps() * windows.channels()];
    for (int s = 0; s < SAMPLES; s++) {
      int n = 1;
      for (int d : shape) {
        n *= d;
      }
      float[] values = new float[n];
      for (int i = 0; i < n; i++) {
        values[i] = (float) random.nextGaussian() + 1;
      }
      Tensor tensor = Tensor.ofFloats(values, shape);
      assertThat(scan.scan(TensorScan.source(tensor), n, 0, s, List.of(sums))).isTrue();
      means.add(sums);
      float[] window = new float[expected.length];
      for (int p = 0; p < windows.positions(); p++) {
        windows.read(values, p, window);
        for (int i = 0; i < window.length; i++) {
          expected[i] += window[i] / (double) windows.positions() / SAMPLES;
        }
      }
    }
    LayerStatistics statistics = WindowMeans.statistics(means, means);
    for (int i = 0; i < expected.length; i++) {
      boolean depthwise = op.kind() == OpKind.DEPTHWISE_CONV_2D && statistics.groups > 1;
      int group = depthwise ? i % windows.channels() : 0;
      int at = depthwise ? i / windows.channels() : i;
      assertThat(statistics.moments(group).seenMean()[at]).isCloseTo(expected[i], within(1e-4));
    }
  }
}
