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
 *
 * <p>Heap is given as the smallest limit, in multiples of the model's size, with which the same
 * conversion still succeeds. Calibration is compared with executing the same samples and doing
 * nothing else: in one session on one thread, as applications do, with the kernels that come with
 * the runtime and with XNNPACK, which calibration itself uses.
 */
class ConversionCostTest {
  private static final int SIDE = 224;
  private static final int SAMPLES = 100;

  /** The fastest of so many runs counts: what else the host does only ever adds time. */
  private static final int ROUNDS = 3;

  private static final int[] HEAPS = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32};

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
    compareWithBareRuns(table, model, samples);
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
    List<String> arguments =
        new ArrayList<>(
            List.of(
                model.toString(),
                target.toString(),
                precision,
                samples,
                Integer.toString(SAMPLES),
                Integer.toString(SIDE),
                search));
    arguments.addAll(List.of(without));
    double seconds = Double.MAX_VALUE;
    for (int round = 0; round < ROUNDS; round++) {
      Ended ended = run(List.of(), ConversionCost.class, arguments);
      assertThat(ended.log()).satisfies(log -> assertThat(ended.exit()).as(log).isZero());
      seconds = Math.min(seconds, ended.seconds());
    }
    assertThat(Files.size(target)).as(name).isBetween(3_400_000L, Files.size(model) / 3);
    table.add(
        String.format(
            Locale.ROOT,
            "%-34s %7.2f s %9d bytes, heap %s",
            name,
            seconds,
            Files.size(target),
            heap(model, arguments)));
  }

  private String heap(Path model, List<String> arguments) throws IOException, InterruptedException {
    for (int multiple : HEAPS) {
      long bytes = multiple * Files.size(model);
      Ended ended = run(List.of("-Xmx" + (bytes >> 10) + "k"), ConversionCost.class, arguments);
      if (ended.exit() == 0) {
        return "<= " + multiple + " x model";
      }
      assertThat(ended.log()).contains("OutOfMemoryError");
    }
    return "> " + HEAPS[HEAPS.length - 1] + " x model";
  }

  private void compareWithBareRuns(List<String> table, Path model, Path samples)
      throws IOException, InterruptedException {
    Ended ended =
        run(
            List.of(),
            CalibrationCost.class,
            List.of(
                model.toString(),
                samples.toString(),
                Integer.toString(SAMPLES),
                Integer.toString(SIDE)));
    assertThat(ended.exit()).as(ended.log()).isZero();
    table.addAll(ended.log().lines().filter(l -> l.startsWith("calibration")).toList());
  }

  private record Ended(int exit, double seconds, String log) {}

  private Ended run(List<String> options, Class<?> main, List<String> arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(options);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    command.addAll(arguments);
    Path log = folder.resolve("log.txt");
    long start = System.nanoTime();
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    assertThat(process.waitFor(10, TimeUnit.MINUTES)).as(main.getName()).isTrue();
    double seconds = (System.nanoTime() - start) / 1e9;
    return new Ended(process.exitValue(), seconds, Files.readString(log));
  }
}
