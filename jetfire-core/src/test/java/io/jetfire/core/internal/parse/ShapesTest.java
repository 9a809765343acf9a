package io.jetfire.core.internal.parse;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.DelegatePlacement;
import io.jetfire.Latency;
import io.jetfire.Metrics;
import io.jetfire.ParsedLog;
import io.jetfire.RunFailure;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** One text says the same on a console and in every format of logcat, among foreign lines. */
class ShapesTest {
  private static final List<String> CONSOLES =
      List.of(
          "core-console.txt",
          "console-three-runs.txt",
          "console-timeout.txt",
          "delegate-refused.txt",
          "require-full-delegation.txt",
          "unsupported-operator.txt",
          "unknown-builtin.txt",
          "performance-options.txt",
          "performance-options-summary.txt",
          "litert-tool.txt",
          "op-profile.csv",
          "firebase-app.json");

  /** Real logs of consoles, where they are at hand. */
  private static final List<String> REAL =
      List.of(
          "a01-android-cpu-tf-peakmem.txt",
          "a05-android-int8-cpu.txt",
          "a06-fail-nnapi-opfailed.txt",
          "a09-v24-cpu.txt",
          "b01-imx8-cpu.txt",
          "b04-ti-am62-cpu-p5p95.txt",
          "d05-qrb2210-gpu-opencl.txt",
          "d08-fail-op-prepare-batchmatmul.txt",
          "d16-peak-memory-and-vmrss.txt",
          "e01-litert-cpu-blazeface.txt",
          "g01-qnn-external-zero-nodes.txt",
          "g11-gpu-zero-kernels-cpu-fallback.txt");

  private static final Map<String, UnaryOperator<String>> SHAPES = new LinkedHashMap<>();

  static {
    SHAPES.put("threadtime", l -> "11-24 10:00:00.123  4242  4250 I tflite  : " + l);
    SHAPES.put("threadtime, year", l -> "2026-11-24 10:00:00.123  4242  4250 I tflite  : " + l);
    SHAPES.put("threadtime, uid", l -> "11-24 10:00:00.123 10123  4242  4250 I tflite  : " + l);
    SHAPES.put("threadtime, micros", l -> "11-24 10:00:00.123456  4242  4250 I tflite  : " + l);
    SHAPES.put("threadtime, epoch", l -> "1732442400.123  4242  4250 I tflite  : " + l);
    SHAPES.put(
        "threadtime, TensorFlow's tag", l -> "11-24 10:00:00.123  4242  4250 I native  : " + l);
    SHAPES.put("time", l -> "11-24 10:00:00.123 I/tflite  ( 4242): " + l);
    SHAPES.put("brief", l -> "I/tflite  ( 4242): " + l);
    SHAPES.put("tag", l -> "I/tflite  : " + l);
    SHAPES.put("long", l -> "[ 11-24 10:00:00.123  4242: 4250 I/tflite   ]\n" + l + "\n");
    SHAPES.put(
        "Android Studio",
        l -> "2026-11-24 10:00:00.123  4242-4250  tflite  org.tensorflow.lite.benchmark  I  " + l);
  }

  private static String shaped(String shape, String message) {
    return Objects.requireNonNull(SHAPES.get(shape)).apply(message);
  }

  /** What another process prints in between, in the same format. */
  private static String foreign(String shape, String message) {
    return shaped(shape, message)
        .replace("tflite  ", "Foreign ")
        .replace("native  ", "Foreign ")
        .replace("4242", "0999")
        .replace("4250", "0999");
  }

  @TestFactory
  Stream<DynamicTest> everyShapeSaysTheSame() {
    List<DynamicTest> tests = new ArrayList<>();
    for (String name : CONSOLES) {
      add(name, text(name), tests);
    }
    String shared = System.getProperty("jetfire.shared.data", System.getenv("JETFIRE_SHARED_DATA"));
    Path logs = Path.of(shared == null ? "../../shared/data" : shared, "logs");
    for (String name : REAL) {
      Path file = logs.resolve(name);
      if (Files.isRegularFile(file)) {
        add(name, read(file), tests);
      }
    }
    return tests.stream();
  }

  private static void add(String name, String text, List<DynamicTest> tests) {
    List<Map<String, Object>> plain = essence(new StandardParser().parse(text));
    for (String shape : SHAPES.keySet()) {
      tests.add(
          DynamicTest.dynamicTest(
              name + " in " + shape,
              () -> {
                ParsedLog log = new StandardParser().parse(wrapped(shape, text));
                assertThat(essence(log)).isEqualTo(plain);
              }));
    }
  }

  private static String wrapped(String shape, String text) {
    StringBuilder log = new StringBuilder("--------- beginning of main\n");
    int n = 0;
    for (String line : text.split("\r?\n")) {
      log.append(shaped(shape, line)).append('\n');
      if (n++ % 3 == 0) {
        log.append(foreign(shape, "count=3 first=1 curr=2 min=1 max=2 avg=1.5 std=0")).append('\n');
        log.append(foreign(shape, "Aborted")).append('\n');
      }
    }
    return log.toString();
  }

  private static String text(String fixture) {
    try {
      return new String(FixturesTest.fixture(fixture), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Everything but the numbers of lines and processes. */
  private static List<Map<String, Object>> essence(ParsedLog log) {
    return log.runs().stream().map(ShapesTest::essence).toList();
  }

  private static Map<String, Object> essence(Metrics m) {
    Map<String, Object> all = new TreeMap<>();
    all.put("ending", m.ending());
    all.put("failure", m.failure().map(RunFailure::cause));
    all.put("model", m.identity().model());
    all.put("label", m.identity().label());
    all.put("silent", m.silentCpuFallback());
    all.put("parameters", m.parameters());
    m.values().forEach((k, v) -> all.put("value " + k, v.value() + v.unit().symbol()));
    m.latencies().forEach((p, l) -> all.put("latency " + p, numbers(l)));
    List<String> placements = new ArrayList<>();
    for (DelegatePlacement p : m.placements()) {
      placements.add(
          String.format(
              Locale.ROOT,
              "%s %s %s %s %s %s",
              p.delegate(),
              p.extent(),
              p.delegatedNodes(),
              p.totalNodes(),
              p.partitions(),
              p.delegateKernels()));
    }
    all.put("placements", placements);
    all.put(
        "profiles",
        m.profiles().stream()
            .map(p -> p.stage() + " " + p.operators().size() + " " + p.byType().size())
            .toList());
    return all;
  }

  private static Map<String, Double> numbers(Latency l) {
    Map<String, Double> numbers = new TreeMap<>();
    l.statistics().forEach((s, v) -> numbers.put(s.name(), v.value()));
    return numbers;
  }
}
