package io.jetfire.importer.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.tflite.format.TfliteReader;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.OpKind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What importing a model of MobileNetV2's size takes, in a JVM of its own. */
@SuppressWarnings("NullAway.Init") // JUnit fills the folder.
class SpeedAndHeapTest {
  @TempDir Path folder;

  private long convert(Path model, String... options) throws IOException, InterruptedException {
    Path out = folder.resolve("model.tflite");
    Path time = folder.resolve("time");
    List<String> command = new java.util.ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(options));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(ConvertOnce.class.getName());
    command.addAll(List.of(model.toString(), out.toString(), time.toString()));
    Path log = folder.resolve("log");
    Process child =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    assertThat(child.waitFor(2, TimeUnit.MINUTES)).isTrue();
    assertThat(child.exitValue()).as(Files.readString(log)).isZero();
    return Long.parseLong(Files.readString(time));
  }

  @Test
  void fourteenMegabytesFitThreeTimesTheirSizeOfHeap() throws Exception {
    Path model = folder.resolve("model.onnx");
    byte[] bytes = MobileNetV2Model.write();
    assertThat(bytes.length).isBetween(13_500_000, 14_700_000);
    Files.write(model, bytes);
    convert(model, "-XX:+UseSerialGC", "-Xmx" + bytes.length / 1024 * 3 + "k");
    Graph graph = TfliteReader.read(folder.resolve("model.tflite"));
    assertThat(graph.main().ops().stream().filter(op -> op.kind() == OpKind.TRANSPOSE)).hasSize(1);
    assertThat(Files.size(folder.resolve("model.tflite"))).isLessThan(bytes.length);
  }

  /** The best of five fresh JVMs, by the time that the converting thread computed. */
  @Test
  @Tag("proof")
  void fourteenMegabytesTakeASecondInAFreshJvm() throws Exception {
    Path model = folder.resolve("model.onnx");
    Files.write(model, MobileNetV2Model.write());
    long best = Long.MAX_VALUE;
    for (int i = 0; i < 5; i++) {
      best = Math.min(best, convert(model));
    }
    assertThat(best).as("milliseconds").isLessThanOrEqualTo(1000);
  }
}
