package io.jetfire.verification;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.Recipe;
import io.jetfire.tflite.format.TargetRuntime;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.quantize.Quantizer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The same model, recipe and samples give the same file. */
class RepeatableTest {
  private static final int LAYERS = 9;
  private static final int WIDTH = 12;

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource(
      value = Recipe.Precision.class,
      names = {"DYNAMIC_RANGE", "FULL_INTEGER", "INT16X8"})
  void everyQuantizationGivesTheSameBytes(Recipe.Precision precision) {
    Set<String> hashes = new HashSet<>();
    for (int i = 0; i < 4; i++) {
      hashes.add(HexFormat.of().formatHex(sha256(quantize(precision))));
    }

    assertThat(hashes).hasSize(1);
  }

  private static byte[] sha256(byte[] bytes) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(bytes);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  private byte[] quantize(Recipe.Precision precision) {
    Random random = new Random(7);
    List<float[]> samples = new ArrayList<>();
    for (int i = 0; i < 120; i++) {
      samples.add(normal(random, WIDTH, 1));
    }
    Graph quantized =
        Quantizer.quantize(
                chain(),
                Recipe.builder(precision).build(),
                Optional.of(Bench.calibration(samples, 1, WIDTH)),
                new Bench(folder).options("2.16.1"))
            .graph();
    return TfliteWriter.toBytes(quantized, WriteOptions.target(TargetRuntime.of("2.16.1")));
  }

  /**
   * Neighbouring layers share the tensor between them, so the order in which they are scaled
   * counts.
   */
  private static Graph chain() {
    Random random = new Random(11);
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value x = main.addInput("features", ElementType.FLOAT32, Shape.of(1, WIDTH));
    for (int l = 0; l < LAYERS; l++) {
      Value w =
          main.addConstant(
              "weights" + l, Shape.of(WIDTH, WIDTH), normal(random, WIDTH * WIDTH, 0.5));
      Value b = main.addConstant("bias" + l, Shape.of(WIDTH), normal(random, WIDTH, 0.1));
      Value y = main.addValue("dense" + l, ElementType.FLOAT32, Shape.of(1, WIDTH));
      main.append(
          Op.of(OpKind.FULLY_CONNECTED)
              .set("fused_activation_function", l + 1 < LAYERS ? Activation.RELU : Activation.NONE)
              .inputs(x, w, b)
              .outputs(y));
      x = y;
    }
    main.outputs(x);
    return graph.verify();
  }

  /** Numbers whose size differs from channel to channel. */
  private static float[] normal(Random random, int n, double deviation) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (deviation * (1 + i % 5) / 3 * random.nextGaussian());
    }
    return values;
  }
}
