package io.jetfire.core.internal.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.jetfire.ConfigurationException;
import io.jetfire.ConvertedModel;
import io.jetfire.Delegate;
import io.jetfire.Device;
import io.jetfire.DeviceRunResult;
import io.jetfire.Evaluation;
import io.jetfire.EvaluationResult;
import io.jetfire.EvaluationResult.ClassResult;
import io.jetfire.Gate;
import io.jetfire.GateResult;
import io.jetfire.Metrics;
import io.jetfire.MetricsParser;
import io.jetfire.Model;
import io.jetfire.Outcome;
import io.jetfire.Recipe;
import io.jetfire.Report;
import io.jetfire.RunId;
import io.jetfire.RunState;
import io.jetfire.StorageException;
import io.jetfire.TrainedModel;
import io.jetfire.VariantResult;
import io.jetfire.core.internal.fake.Golden;
import io.jetfire.core.internal.json.Json;
import io.jetfire.spi.BenchmarkLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportFormsTest {
  private static final String HOSTILE = "<script>alert(1)</script>|a*b`c`\n# [x](http://evil) \\";

  private static Model model(String name, char digit, long bytes) {
    return new Model(Path.of(name), "tflite", bytes, String.valueOf(digit).repeat(64));
  }

  private static EvaluationResult evaluation(double accuracy) {
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("loss", 0.25);
    metrics.put("accuracy", accuracy);
    metrics.put(EvaluationResult.OUTPUT_SQNR, 31.415926);
    metrics.put(EvaluationResult.OUTPUT_MAX_ERROR, 0.000123456);
    return new EvaluationResult(
        Evaluation.Task.CLASSIFICATION,
        "Fake 1.0, XNNPACK",
        "digits",
        "v1",
        100,
        "accuracy",
        metrics,
        List.of(
            new ClassResult(
                HOSTILE, 60, OptionalDouble.of(0.9), OptionalDouble.of(1), OptionalDouble.empty()),
            new ClassResult(
                "one", 0, OptionalDouble.empty(), OptionalDouble.empty(), OptionalDouble.empty())),
        List.of(List.of(60L, 0L), List.of(40L, 0L)));
  }

  private static Metrics metrics() {
    StringBuilder text = new StringBuilder();
    BenchmarkLog log = new BenchmarkLog(l -> text.append(l).append('\n'), "int8/GPU/1", 0);
    log.begin("int8", "int8.tflite", "b".repeat(64), 1000, "GPU", 1, 1, 5);
    log.initialized(12_500_000);
    log.placement(3, 4, 2);
    log.sample(BenchmarkLog.WARM_UP, 9_000_000);
    for (int i = 1; i <= 5; i++) {
      log.sample(BenchmarkLog.PREPROCESSING, 500_000);
      log.sample(BenchmarkLog.INFERENCE, i * 1_000_000L);
      log.sample(BenchmarkLog.POSTPROCESSING, 250_000);
    }
    log.memory(1_000_000, 2_000_000, 30_000_000);
    log.end();
    return MetricsParser.standard().parse(text.toString()).runs().get(0);
  }

  private static DeviceRunResult cell(
      String variant, Outcome outcome, Optional<String> reason, Optional<Metrics> metrics) {
    return new DeviceRunResult(
        variant + "/GPU/1",
        variant,
        "phones",
        new Device("p-1", "Phone " + HOSTILE, Map.of("model", "oriole", "version", "33")),
        List.of("mid"),
        Delegate.GPU,
        1,
        outcome,
        reason,
        metrics,
        Optional.empty(),
        Optional.of("farm-run-1"),
        List.of(Path.of("logs", "a.log")));
  }

  private static Report report() {
    Model source = model("m.net", 'a', 4000);
    Map<String, String> environment = new LinkedHashMap<>();
    environment.put("java", "17");
    environment.put("host", HOSTILE);
    return Report.builder(new RunId("20261101-100000-abcdef"), "digits", "f".repeat(64))
        .state(RunState.COMPLETED)
        .time(Instant.parse("2026-11-01T10:00:00.123Z"), Duration.ofMillis(61_500))
        .trained(
            new TrainedModel(
                source,
                List.of(
                    new TrainedModel.Epoch(1, Double.NaN, Map.of()),
                    new TrainedModel.Epoch(2, 0.5, Map.of("validation loss", 0.75))),
                Map.of("seed", "7")))
        .source(source, evaluation(0.95))
        .variants(
            List.of(
                new VariantResult(
                    "int8",
                    Optional.of(
                        new ConvertedModel(
                            "int8",
                            Recipe.dynamicRange(),
                            model("int8.tflite", 'b', 1000),
                            source.sha256(),
                            List.of("SOFTMAX stays float " + HOSTILE),
                            Map.of("converter", "1"))),
                    Optional.empty(),
                    Map.of(Delegate.XNNPACK, evaluation(0.93))),
                new VariantResult(
                    "float16", Optional.empty(), Optional.of("no FFT " + HOSTILE), Map.of())))
        .deviceRuns(
            List.of(
                cell("int8", Outcome.PASSED, Optional.empty(), Optional.of(metrics())),
                cell(
                    "float32",
                    Outcome.FAILED,
                    Optional.of("OUT_OF_MEMORY: " + HOSTILE),
                    Optional.empty())))
        .gates(
            List.of(
                new GateResult(
                    Gate.accuracyDrop().atMost(0.01),
                    GateResult.Verdict.FAIL,
                    Optional.of("int8"),
                    Optional.empty(),
                    OptionalDouble.of(0.02),
                    OptionalDouble.of(0.01),
                    "0.95 to 0.93 " + HOSTILE)))
        .problems(List.of("the disk is full " + HOSTILE))
        .warnings(List.of("one session only"))
        .environment(environment)
        .build();
  }

  @Test
  void markdownIsTheGoldenOne() {
    Golden.assertMatches("report.md", report().toMarkdown());
  }

  @Test
  void jsonIsTheGoldenOne() {
    Golden.assertMatches("report.json", report().toJson() + "\n");
    JsonNode tree = Json.read(report().toJson());
    assertThat(tree.get("exitCode").intValue()).isEqualTo(10);
    assertThat(tree.at("/trained/epochs/0/loss").textValue()).isEqualTo("NaN");
  }

  @Test
  void hostileNamesAreNeitherMarkupNorTableCells() {
    String text = report().toMarkdown();
    assertThat(text).doesNotContain("<script").doesNotContain("[x](").doesNotContain("\n# [");
    List<String> header = List.of();
    for (String line : text.split("\n")) {
      if (!line.startsWith("|")) {
        header = List.of();
        continue;
      }
      List<String> cells = List.of(line.split("(?<!\\\\)\\|", -1));
      if (header.isEmpty()) {
        header = cells;
      }
      assertThat(cells).as(line).hasSameSizeAs(header);
    }
  }

  @Test
  void theSmallestReportCanBeWritten() {
    Report report = Report.builder(new RunId("r"), "x", "0").build();
    assertThat(report.toMarkdown()).startsWith("# x\n").doesNotContain("null");
    assertThat(Json.read(report.toJson()).get("exitCode").intValue()).isZero();
  }

  @Test
  void filesAreWrittenAndReplaced(@TempDir Path folder) throws IOException {
    Path target = folder.resolve("a/b");
    report().writeTo(target);
    report().writeTo(target);
    assertThat(target.resolve("report.md")).content().isEqualTo(report().toMarkdown());
    assertThat(target.resolve("report.json")).content().isEqualTo(report().toJson() + "\n");
    try (var files = Files.list(target)) {
      assertThat(files.map(f -> String.valueOf(f.getFileName())))
          .contains("report.md", "report.json")
          .noneMatch(f -> f.endsWith(".tmp"));
    }
    Path file = Files.writeString(folder.resolve("file"), "");
    assertThatThrownBy(() -> report().writeTo(file))
        .isInstanceOf(StorageException.class)
        .hasMessageContainingAll(file.toString(), "free space");
  }

  @Test
  void aReportComesBackWhole(@TempDir Path folder) throws IOException {
    String golden = Golden.read("report.json");
    Path file = Files.writeString(folder.resolve("report.json"), golden);
    assertThat(Report.read(file).toJson() + "\n").isEqualTo(golden.stripTrailing() + "\n");
    assertThat(Report.read(folder).toMarkdown()).isEqualTo(Golden.read("report.md"));
  }

  /** Whatever the file holds: a report, or one kind of error that names the file. */
  @Test
  void aDamagedReportIsAClearError(@TempDir Path folder) throws IOException {
    String golden = Golden.read("report.json");
    Path file = folder.resolve("report.json");
    Random random = new Random(3);
    int refused = 0;
    for (int i = 0; i < 500; i++) {
      StringBuilder text = new StringBuilder(golden);
      for (int k = random.nextInt(3); k >= 0; k--) {
        int at = random.nextInt(text.length());
        switch (random.nextInt(5)) {
          case 0 -> text.setCharAt(at, (char) random.nextInt(256));
          case 1 -> text.deleteCharAt(at);
          case 2 -> text.insert(at, "-");
          case 3 -> text.insert(at, "1e999");
          default -> text.setLength(at + 1);
        }
      }
      Files.writeString(file, text);
      try {
        ReportReader.read(file);
      } catch (ConfigurationException e) {
        refused++;
        assertThat(e).hasMessageContaining(file.toString());
      }
    }
    assertThat(refused).isGreaterThan(220);
    assertThatThrownBy(() -> Report.read(folder.resolve("none")))
        .isInstanceOf(StorageException.class)
        .hasMessageContainingAll("none", "report.json");
  }
}
