package io.jetfire.verification;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.tflite.format.TargetRuntime;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What conversions of a 14 MB network cost, file to file, each in a new JVM; the table is written
 * to {@code target/conversion-cost.txt}.
 */
class ConversionCostTest {
  private static final int SIDE = 224;
  private static final int SAMPLES = 100;

  @TempDir Path folder;

  @Test
  @Tag("proof")
  void everyStageIsMeasuredInAJvmOfItsOwn() throws IOException, InterruptedException {
    Path model = folder.resolve("float.tflite");
    TfliteWriter.write(
        MobileNet.graph(SIDE), model, WriteOptions.target(TargetRuntime.of("2.16.1")));
    Path samples = folder.resolve("samples.f32");
    ByteBuffer bytes =
        ByteBuffer.allocate(SAMPLES * SIDE * SIDE * 3 * 4).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < SAMPLES; i++) {
      for (float v : MobileNet.image(SIDE, i)) {
        bytes.putFloat(v);
      }
    }
    Files.write(samples, bytes.array());
    String given = samples.toString();
    String all = "false";
    List<String> table = new ArrayList<>();
    measure(table, "dynamic range, no samples", model, "DYNAMIC_RANGE", "-", all);
    measure(
        table,
        "int8, ranges alone",
        model,
        "FULL_INTEGER",
        given,
        all,
        "range-search",
        "softmax-range",
        "equalization",
        "error-feedback",
        "regression",
        "bias-correction");
    measure(
        table,
        "int8, ranges and bias correction",
        model,
        "FULL_INTEGER",
        given,
        all,
        "equalization",
        "error-feedback",
        "regression");
    measure(
        table,
        "int8, with error feedback",
        model,
        "FULL_INTEGER",
        given,
        all,
        "equalization",
        "regression");
    measure(table, "int8, with regression", model, "FULL_INTEGER", given, all, "equalization");
    measure(table, "int8, all methods", model, "FULL_INTEGER", given, all);
    Files.createDirectories(Path.of("target"));
    Files.write(Path.of("target", "conversion-cost.txt"), table);
  }

  private void measure(
      List<String> table,
      String name,
      Path model,
      String precision,
      String samples,
      String search,
      String... without)
      throws IOException, InterruptedException {
    Path target = folder.resolve("quantized.tflite");
    Files.deleteIfExists(target);
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                ConversionCost.class.getName(),
                model.toString(),
                target.toString(),
                precision,
                samples,
                Integer.toString(SAMPLES),
                Integer.toString(SIDE),
                search));
    command.addAll(List.of(without));
    long start = System.nanoTime();
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("log.txt").toFile())
            .start();
    assertThat(process.waitFor(10, TimeUnit.MINUTES)).as(name).isTrue();
    double seconds = (System.nanoTime() - start) / 1e9;
    assertThat(process.exitValue()).as(Files.readString(folder.resolve("log.txt"))).isZero();
    assertThat(Files.size(target)).as(name).isBetween(3_400_000L, Files.size(model) / 3);
    table.add(
        String.format(Locale.ROOT, "%-34s %7.2f s %9d bytes", name, seconds, Files.size(target)));
  }
}
