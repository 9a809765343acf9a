package io.jetfire.tflite.format;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.tflite.GraphText;
import io.jetfire.tflite.SharedData;
import io.jetfire.tflite.graph.Graph;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

class RoundTripTest {
  private static final WriteOptions ANY = WriteOptions.target(TargetRuntime.any());

  @TestFactory
  Stream<DynamicTest> everySharedModelSurvives() {
    Path root = SharedData.folder();
    return SharedData.models().stream()
        .map(p -> DynamicTest.dynamicTest(root.relativize(p).toString(), () -> roundTrip(p)));
  }

  private static void roundTrip(Path path) throws IOException {
    Graph graph = TfliteReader.read(path);
    byte[] written = TfliteWriter.toBytes(graph, ANY);
    Graph again = TfliteReader.read(ByteBuffer.wrap(written));
    assertThat(GraphText.of(again)).isEqualTo(GraphText.of(graph));
    assertThat(GraphText.of(graph.copy())).isEqualTo(GraphText.of(graph));
    // Bigger by at most 1 % or 1 kB.
    long before = Files.size(path);
    assertThat((long) written.length).isLessThanOrEqualTo(before + Math.max(before / 100, 1024));
    // Writing is a fixed point.
    assertThat(TfliteWriter.toBytes(again, ANY)).isEqualTo(written);
    assertAligned(written);
  }

  private static void assertAligned(byte[] written) {
    FlatBuffer flat = new FlatBuffer(ByteBuffer.wrap(written));
    for (FlatBuffer.Table buffer : flat.root().tables(4, "buffers")) {
      FlatBuffer.Vector data = buffer.vector(0, 1, "data");
      if (data != null) {
        assertThat(data.start() % 16).isZero();
      }
    }
  }
}
