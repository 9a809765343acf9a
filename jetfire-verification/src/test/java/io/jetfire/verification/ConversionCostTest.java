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
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What conversions of a 14 MB network cost, file to file, each in a new JVM; what is measured is
 * written to {@code target/conversion-cost.txt}.
 *
 * <p>Heap is given as a limit, in multiples of the model's size, with which the same conversion
 * succeeds. Calibration is compared with executing the same samples and doing nothing else, on as
 * many threads as calibration has, with the kernels that come with the runtime and with XNNPACK,
 * which calibration itself uses.
 */
@Tag("proof")
class ConversionCostTest {
  private static final int SIDE = 224;
  private static final int SAMPLES = 100;
  private static final String SEARCHED = "true";
  private static final String FIXED = "false";

  private static final List<String> TABLE = new ArrayList<>();

  @TempDir static Path folder;

  private static Path model = Path.of("");
  private static Path samples = Path.of("");

  /** A conversion that is measured, with what is switched off in it. */
  private enum Conversion {
    DYNAMIC_RANGE("dynamic range, no samples"),
    RANGES(
        "int8, ranges alone",
        "merge-layers",
        "range-search",
        "softmax-range",
        "equalization",
        "error-feedback",
        "regression",
        "bias-correction"),
    BIASES(
        "int8, ranges and bias correction",
        "merge-layers",
        "equalization",
        "error-feedback",
        "regression"),
    ERROR_FEEDBACK("int8, with error feedback", "merge-layers", "equalization", "regression"),
    REGRESSION("int8, with regression", "merge-layers", "equalization"),
    ALL("int8, all methods");

    final String title;
    final List<String> without;

    Conversion(String title, String... without) {
      this.title = title;
      this.without = List.of(without);
    }

    List<String> arguments(Path target, String search) {
      List<String> arguments = new ArrayList<>();
      arguments.add(model.toString());
      arguments.add(target.toString());
      arguments.add(this == DYNAMIC_RANGE ? "DYNAMIC_RANGE" : "FULL_INTEGER");
      arguments.add(this == DYNAMIC_RANGE ? "-" : samples.toString());
      arguments.addAll(List.of(Integer.toString(SAMPLES), Integer.toString(SIDE), search));
      arguments.addAll(without);
      return arguments;
    }
  }

  @BeforeAll
  static void makeModelAndSamples() throws IOException {
    model = folder.resolve("float.tflite");
    TfliteWriter.write(
        MobileNet.graph(SIDE), model, WriteOptions.target(TargetRuntime.of("2.16.1")));
    samples = folder.resolve("samples.f32");
    ByteBuffer bytes =
        ByteBuffer.allocate(SAMPLES * SIDE * SIDE * 3 * 4).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < SAMPLES; i++) {
      for (float v : MobileNet.image(SIDE, i)) {
        bytes.putFloat(v);
      }
    }
    Files.write(samples, bytes.array());
  }

  @AfterAll
  static void writeTable() throws IOException {
    Files.createDirectories(Path.of("target"));
    Files.write(Path.of("target", "conversion-cost.txt"), TABLE);
    TABLE.clear();
  }

  @Test
  void timeWithoutFittingWeights() throws IOException, InterruptedException {
    time(Conversion.DYNAMIC_RANGE, FIXED, 5);
    time(Conversion.RANGES, FIXED, 5);
    time(Conversion.BIASES, FIXED, 5);
  }

  @Test
  void timeOfFurtherMethods() throws IOException, InterruptedException {
    time(Conversion.ERROR_FEEDBACK, FIXED, 1);
    time(Conversion.REGRESSION, FIXED, 1);
    time(Conversion.ALL, FIXED, 1);
    time(Conversion.ALL, SEARCHED, 1);
  }

  @Test
  void heapWithoutFittingWeightsIsTwiceTheModel() throws IOException, InterruptedException {
    assertThat(heap(Conversion.DYNAMIC_RANGE, 1, 1.5, 2)).isLessThanOrEqualTo(2);
    assertThat(heap(Conversion.RANGES, 1.5, 1.75, 2)).isLessThanOrEqualTo(2);
    assertThat(heap(Conversion.BIASES, 1.5, 1.75, 2)).isLessThanOrEqualTo(2);
  }

  @Test
  void heapOfFurtherMethods() throws IOException, InterruptedException {
    heap(Conversion.ERROR_FEEDBACK, 3.5, 5);
    heap(Conversion.ALL, 5.5, 7);
  }

  @Test
  void calibrationCostsLittleMoreThanExecution() throws IOException, InterruptedException {
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
    List<String> found = ended.log().lines().filter(l -> l.startsWith("calibration")).toList();
    assertThat(found).isNotEmpty();
    TABLE.addAll(found);
  }

  private static void time(Conversion conversion, String search, int rounds)
      throws IOException, InterruptedException {
    Path target = folder.resolve("quantized.tflite");
    double[] seconds = new double[rounds];
    double[] processor = new double[rounds];
    for (int round = 0; round < rounds; round++) {
      Files.deleteIfExists(target);
      Ended ended = run(List.of(), ConversionCost.class, conversion.arguments(target, search));
      assertThat(ended.exit()).as(ended.log()).isZero();
      seconds[round] = ended.seconds();
      processor[round] =
          ended
              .log()
              .lines()
              .filter(l -> l.startsWith(ConversionCost.PROCESSOR))
              .mapToDouble(l -> Double.parseDouble(l.substring(ConversionCost.PROCESSOR.length())))
              .findFirst()
              .orElseThrow();
    }
    assertThat(Files.size(target))
        .as(conversion.title)
        .isBetween(3_400_000L, Files.size(model) / 3);
    Arrays.sort(seconds);
    Arrays.sort(processor);
    TABLE.add(
        String.format(
            Locale.ROOT,
            "%-34s %6.2f s (%.2f to %.2f), processors %.2f s, %d bytes",
            conversion.title + (search.equals(SEARCHED) ? ", searched" : ""),
            seconds[rounds / 2],
            seconds[0],
            seconds[rounds - 1],
            processor[rounds / 2],
            Files.size(target)));
  }

  /** The smallest of some multiples of the model's size that is enough; infinite if none is. */
  private static double heap(Conversion conversion, double... multiples)
      throws IOException, InterruptedException {
    double enough = Double.POSITIVE_INFINITY;
    for (int i = multiples.length - 1; i >= 0; i--) {
      long kilobytes = (long) (multiples[i] * Files.size(model)) >> 10;
      Ended ended =
          run(
              List.of("-Xmx" + kilobytes + "k"),
              ConversionCost.class,
              conversion.arguments(folder.resolve("quantized.tflite"), FIXED));
      if (ended.exit() != 0) {
        assertThat(ended.log()).contains("OutOfMemoryError");
        break;
      }
      enough = multiples[i];
    }
    TABLE.add(
        String.format(
            Locale.ROOT,
            "%-34s heap %s x model",
            conversion.title,
            Double.isInfinite(enough) ? "> " + multiples[multiples.length - 1] : "<= " + enough));
    return enough;
  }

  private record Ended(int exit, double seconds, String log) {}

  private static Ended run(List<String> options, Class<?> main, List<String> arguments)
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
