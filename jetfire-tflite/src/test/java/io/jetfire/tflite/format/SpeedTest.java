package io.jetfire.tflite.format;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** Reading and writing a 14 MB model against a plain copy of the file: at most three times. */
@Tag("proof")
class SpeedTest {
  private static final int ROUNDS = 41;

  private final Path folder;

  SpeedTest(@TempDir Path folder) {
    this.folder = folder;
  }

  @Test
  void readAndWriteAgainstACopy() throws IOException {
    Path model = folder.resolve("model.tflite");
    TfliteWriter.write(model(), model, WriteOptions.defaults());
    Path target = folder.resolve("target.tflite");
    double[] copies = new double[ROUNDS];
    double[] rewrites = new double[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
      long t0 = System.nanoTime();
      Files.copy(model, target, StandardCopyOption.REPLACE_EXISTING);
      long t1 = System.nanoTime();
      TfliteWriter.write(TfliteReader.read(model), target, WriteOptions.defaults());
      long t2 = System.nanoTime();
      copies[i] = (t1 - t0) / 1e6;
      rewrites[i] = (t2 - t1) / 1e6;
    }
    Arrays.sort(copies);
    Arrays.sort(rewrites);
    double ratio = rewrites[ROUNDS / 2] / copies[ROUNDS / 2];
    LoggerFactory.getLogger(SpeedTest.class)
        .info(
            "{} MB: copy {} ms, read and write {} ms, ratio {}",
            Files.size(model) / 1e6,
            copies[ROUNDS / 2],
            rewrites[ROUNDS / 2],
            ratio);
    assertThat(ratio).isLessThanOrEqualTo(3);
  }

  // 56 layers like those of a mobile network, 14 MB of weights.
  private static Graph model() {
    Random random = new Random(1);
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value v = main.addInput("x", ElementType.FLOAT32, Shape.of(1, 14, 14, 250));
    for (int i = 0; i < 56; i++) {
      byte[] noise = new byte[250 * 250 * 4];
      random.nextBytes(noise);
      Value w =
          main.addConstant(
              "w" + i, ElementType.FLOAT32, Shape.of(250, 1, 1, 250), Weights.of(noise));
      Value b = main.addConstant("b" + i, Shape.of(250), new float[250]);
      Value y = main.addValue("y" + i, ElementType.FLOAT32, v.shape());
      main.append(
          Op.of(OpKind.CONV_2D).set("stride_w", 1).set("stride_h", 1).inputs(v, w, b).outputs(y));
      v = y;
    }
    main.outputs(v);
    return graph;
  }
}
