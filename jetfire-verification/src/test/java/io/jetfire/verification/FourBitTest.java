package io.jetfire.verification;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.Delegate;
import io.jetfire.Recipe;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.quantize.QuantizedGraph;
import io.jetfire.tflite.quantize.Quantizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Layers of every kind and size run with the recipe of 4-bit weights, in 4 bits or in 8. */
class FourBitTest {
  private static final int SIDE = 6;

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "FULLY_CONNECTED, 64, 33",
    "FULLY_CONNECTED, 64, 1",
    "FULLY_CONNECTED, 33, 40",
    "FULLY_CONNECTED, 1, 40",
    "CONV_2D, 16, 24",
    "CONV_2D, 13, 15",
    "CONV_2D, 16, 1",
    "DEPTHWISE_CONV_2D, 32, 32"
  })
  void everyLayerRunsOnBothKernels(OpKind kind, int inputs, int outputs) {
    int[] shape =
        kind == OpKind.FULLY_CONNECTED ? new int[] {1, inputs} : new int[] {1, SIDE, SIDE, inputs};
    Graph graph = layer(kind, shape, outputs);
    Random random = new Random(1);
    List<float[]> samples = new ArrayList<>();
    for (int i = 0; i < 30; i++) {
      samples.add(normal(random, (int) Shape.of(shape).elementCount(), 1));
    }
    Bench bench = new Bench(folder);
    List<float[]> expected = bench.run(bench.write(graph, "2.21.0"), samples, shape);
    for (Recipe base :
        List.of(
            Recipe.dynamicRange(), Recipe.weightOnly(), Recipe.fullInteger(), Recipe.int16x8())) {
      QuantizedGraph quantized =
          Quantizer.quantize(
              graph,
              base.toBuilder().weightBits(4).build(),
              Optional.of(Bench.calibration(samples, shape)),
              bench.options("2.21.0", false));
      Path file = bench.write(quantized.graph(), "2.21.0");
      boolean eight = quantized.graph().main().values().stream().anyMatch(FourBitTest::isWide);

      assertThat(quantized.notes().stream().anyMatch(n -> n.startsWith("Weights of 8 bits")))
          .as(base.name() + " " + quantized.notes())
          .isEqualTo(eight);
      for (Delegate delegate : List.of(Delegate.XNNPACK, Delegate.CPU)) {
        assertThat(Bench.sqnr(expected, bench.run(file, delegate, samples, shape)))
            .as(base.name() + " on " + delegate + ", " + quantized.notes())
            .isGreaterThan(12);
      }
    }
  }

  private static boolean isWide(Value v) {
    return v.isConstant() && v.type() == ElementType.INT8;
  }

  private static Graph layer(OpKind kind, int[] shape, int outputs) {
    Random random = new Random(2);
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(shape));
    int inputs = shape[shape.length - 1];
    int[] weights =
        switch (kind) {
          case FULLY_CONNECTED -> new int[] {outputs, inputs};
          case CONV_2D -> new int[] {outputs, 3, 3, inputs};
          default -> new int[] {1, 6, 6, outputs};
        };
    int[] result =
        kind == OpKind.FULLY_CONNECTED
            ? new int[] {1, outputs}
            : new int[] {1, SIDE, SIDE, outputs};
    Value y = main.addValue("y", ElementType.FLOAT32, Shape.of(result));
    int n = (int) Shape.of(weights).elementCount();
    Op op =
        Op.of(kind)
            .inputs(
                x,
                main.addConstant("w", Shape.of(weights), normal(random, n, 0.3)),
                main.addConstant("b", Shape.of(outputs), normal(random, outputs, 0.1)))
            .outputs(y);
    if (kind != OpKind.FULLY_CONNECTED) {
      op.set("padding", Padding.SAME).set("stride_w", 1).set("stride_h", 1);
    }
    if (kind == OpKind.DEPTHWISE_CONV_2D) {
      op.set("depth_multiplier", 1);
    }
    main.append(op);
    main.outputs(y);
    return graph.verify();
  }

  private static float[] normal(Random random, int n, double deviation) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (deviation * random.nextGaussian());
    }
    return values;
  }
}
