package io.jetfire.report;

import io.jetfire.BaselineRun;
import io.jetfire.CellComparison;
import io.jetfire.Comparison;
import io.jetfire.ConvertedModel;
import io.jetfire.Delegate;
import io.jetfire.DelegatePlacement;
import io.jetfire.Device;
import io.jetfire.DeviceRunResult;
import io.jetfire.Evaluation;
import io.jetfire.EvaluationResult;
import io.jetfire.Gate;
import io.jetfire.GateResult;
import io.jetfire.Interval;
import io.jetfire.Latency;
import io.jetfire.Latency.Statistic;
import io.jetfire.Measurement;
import io.jetfire.Metric;
import io.jetfire.Metrics;
import io.jetfire.Model;
import io.jetfire.Outcome;
import io.jetfire.Phase;
import io.jetfire.Recipe;
import io.jetfire.Report;
import io.jetfire.RunFailure;
import io.jetfire.RunId;
import io.jetfire.RunState;
import io.jetfire.TrainedModel;
import io.jetfire.Unit;
import io.jetfire.Validity;
import io.jetfire.ValidityReport;
import io.jetfire.VariantResult;
import java.math.BigInteger;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Random;
import java.util.TreeMap;

/** Reports to draw, with numbers that are made up but plausible. */
final class SampleReports {
  private static final String METRIC = EvaluationResult.meanAveragePrecision(0.5);
  private static final List<String> LABELS = List.of("bottle", "box", "can", "cup");

  private SampleReports() {}

  /** Four variants on a host and two phones; some cells fail, some are hard to judge. */
  static Report typical() {
    Map<String, Recipe> recipes = new LinkedHashMap<>();
    recipes.put("float32", Recipe.float32());
    recipes.put("float16", Recipe.float16());
    recipes.put("dynamic-range", Recipe.dynamicRange());
    recipes.put("full-integer", Recipe.fullInteger());
    long[] sizes = {812_344, 421_080, 238_992, 231_416};
    double[] accuracy = {0.9127, 0.9127, 0.9061, 0.9004};
    List<VariantResult> variants = new ArrayList<>();
    int index = 0;
    for (Map.Entry<String, Recipe> entry : recipes.entrySet()) {
      String name = entry.getKey();
      Map<Delegate, EvaluationResult> evaluations = new LinkedHashMap<>();
      evaluations.put(Delegate.CPU, evaluation("TensorFlow Lite 2.21.0, CPU", accuracy[index]));
      evaluations.put(
          Delegate.XNNPACK, evaluation("TensorFlow Lite 2.21.0, XNNPACK", accuracy[index] - 2e-4));
      variants.add(
          new VariantResult(
              name,
              Optional.of(
                  new ConvertedModel(
                      name,
                      entry.getValue(),
                      model(name + ".tflite", sizes[index], index),
                      hash(9),
                      index < 2 ? List.of() : List.of("conv_12 stays in float: its range is empty"),
                      Map.of("converter", "jetfire-tflite", "operators", "31"))),
              Optional.empty(),
              evaluations));
      index++;
    }
    variants.add(
        new VariantResult(
            "int16x8",
            Optional.empty(),
            Optional.of("RESIZE_BILINEAR at neck/up_1 has no 16x8 kernel; use full-integer"),
            Map.of()));
    List<DeviceRunResult> cells = new ArrayList<>();
    Device host = device("host", "Linux host, 2 cores", "linux", "6.1", 1);
    Device pixel = device("oriole-33", "Pixel 6 (Android 13)", "android", "33", 1);
    Device redmi = device("garden-30", "Redmi 9A (Android 11)", "android", "30", 3);
    for (int variant = 0; variant < 4; variant++) {
      String name = variants.get(variant).variant();
      double factor = new double[] {1, 1.02, 0.72, 0.41}[variant];
      cells.add(passed(name, "local", host, Delegate.CPU, 1, 9.4 * factor, Validity.VALID));
      cells.add(passed(name, "local", host, Delegate.XNNPACK, 1, 3.1 * factor, Validity.VALID));
      cells.add(passed(name, "local", host, Delegate.XNNPACK, 2, 1.83 * factor, Validity.NOISY));
      cells.add(passed(name, "firebase", pixel, Delegate.XNNPACK, 4, 2.6 * factor, Validity.VALID));
      cells.add(
          passed(name, "firebase", redmi, Delegate.XNNPACK, 4, 21.7 * factor, Validity.THROTTLED));
    }
    cells.add(
        fallback(passed("float16", "firebase", pixel, Delegate.GPU, 1, 11.9, Validity.VALID)));
    cells.add(
        failed(
            "full-integer",
            redmi,
            Delegate.NNAPI,
            Outcome.FAILED,
            RunFailure.Cause.DELEGATE_REFUSED,
            "ERROR: NN API returned error ANEURALNETWORKS_BAD_DATA at line 1032"));
    cells.add(
        failed(
            "float32",
            redmi,
            Delegate.GPU,
            Outcome.TIMED_OUT,
            RunFailure.Cause.TIMED_OUT,
            "no output for 300 s"));
    Gate latency = Gate.latency(90).atMost(Duration.ofMillis(10)).onTier("low");
    Gate drop = Gate.accuracyDrop().atMost(0.02);
    Gate size = Gate.modelSize().atMost(500_000);
    List<GateResult> gates = new ArrayList<>();
    gates.add(
        gate(drop, GateResult.Verdict.PASS, "full-integer", "", "0.0131 dropped, 0.02 allowed"));
    gates.add(gate(size, GateResult.Verdict.FAIL, "float32", "", "812344 bytes, 500000 allowed"));
    gates.add(
        gate(
            latency,
            GateResult.Verdict.UNDECIDED,
            "full-integer",
            cells.get(19).cell(),
            "p90 is 9.9 ms, 95 % interval 9.2 to 10.8 ms, budget 10 ms; about 140 more runs would"
                + " decide it"));
    return Report.builder(new RunId("run-20261124-201500-1f3a"), "item-detector", hash(1))
        .time(Instant.parse("2026-11-24T20:15:00Z"), Duration.ofSeconds(147))
        .trained(
            new TrainedModel(
                model("item-detector.pt", 834_120, 9),
                List.of(
                    new TrainedModel.Epoch(1, 3.211, Map.of("mAP@0.5", 0.11)),
                    new TrainedModel.Epoch(2, 1.404, Map.of("mAP@0.5", 0.58)),
                    new TrainedModel.Epoch(3, 0.871, Map.of("mAP@0.5", 0.87))),
                Map.of("engine", "PyTorch 2.7.1", "seed", "7")))
        .source(model("item-detector.pt", 834_120, 9), evaluation("DJL 0.35.1, PyTorch", 0.9135))
        .variants(variants)
        .deviceRuns(cells)
        .gates(gates)
        .warnings(List.of("The host has 2 cores; 4 threads were not measured on it"))
        .environment(
            new TreeMap<>(Map.of("JetFire", "0.1.0", "Java", "17.0.17", "OS", "Linux 6.1")))
        .build();
  }

  /** A confirmed regression. */
  static Report compared(String reason) {
    Comparison worse =
        new Comparison(
            Comparison.Decision.WORSE,
            reason,
            0.03,
            OptionalDouble.of(10_000),
            OptionalDouble.of(11_500),
            OptionalDouble.of(0.15),
            Optional.empty(),
            8,
            8,
            OptionalInt.of(0));
    Device phone = new Device("p", "Pixel 6", Map.of());
    return Report.builder(new RunId("run-2"), "detector", hash(0))
        .baseline(
            new BaselineRun(new RunId("run-1"), reason, hash(1), Instant.EPOCH, 0.03),
            List.of(
                new CellComparison("int8", "int8/CPU/1", "lab", phone, worse, Optional.of(worse))))
        .build();
  }

  /** Nothing but a name: an early failure. */
  static Report empty() {
    return Report.builder(new RunId("run-0"), "nothing", hash(0))
        .state(RunState.FAILED)
        .problems(List.of("The dataset has no samples; give at least one"))
        .build();
  }

  /** Every text is the given one, wherever a name, a log or a farm can put one. */
  static Report filledWith(String text) {
    Device device = new Device(text, text, Map.of("os", text, "version", text));
    EvaluationResult evaluation =
        new EvaluationResult(
            Evaluation.Task.CLASSIFICATION,
            text,
            text,
            text,
            3,
            text,
            Map.of(text, 0.5),
            List.of(
                new EvaluationResult.ClassResult(
                    text,
                    3,
                    OptionalDouble.of(0.5),
                    OptionalDouble.empty(),
                    OptionalDouble.empty())),
            List.of(List.of(3L)));
    Model model = new Model(Path.of("model.tflite"), text, 5, text);
    Metrics metrics =
        metrics(2).toBuilder()
            .failure(new RunFailure(RunFailure.Cause.UNKNOWN, text, 3))
            .warning(text)
            .build();
    DeviceRunResult cell =
        new DeviceRunResult(
            text,
            text,
            text,
            device,
            List.of(text),
            Delegate.CPU,
            1,
            Outcome.FAILED,
            Optional.of("reason " + text),
            Optional.of(metrics),
            Optional.of(validity(Validity.NOISY, 2, text)),
            Optional.of(text),
            List.of(Path.of("log.txt")));
    return Report.builder(new RunId("run-1"), text, text)
        .trained(
            new TrainedModel(
                model,
                List.of(new TrainedModel.Epoch(1, 1, Map.of(text, 1.0))),
                Map.of(text, text)))
        .source(model, evaluation)
        .variants(
            List.of(
                new VariantResult(
                    text,
                    Optional.of(
                        new ConvertedModel(
                            text,
                            Recipe.float32(),
                            model,
                            text,
                            List.of(text),
                            Map.of(text, text))),
                    Optional.of(text),
                    Map.of(Delegate.CPU, evaluation))))
        .deviceRuns(List.of(cell, cell))
        .gates(
            List.of(
                gate(
                    Gate.evaluation(text).atLeast(0.5), GateResult.Verdict.FAIL, text, text, text)))
        .problems(List.of(text))
        .warnings(List.of(text))
        .environment(Map.of(text, text))
        .build();
  }

  private static GateResult gate(
      Gate gate, GateResult.Verdict verdict, String variant, String cell, String evidence) {
    return new GateResult(
        gate,
        verdict,
        Optional.of(variant),
        cell.isEmpty() ? Optional.empty() : Optional.of(cell),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        evidence);
  }

  private static EvaluationResult evaluation(String executor, double accuracy) {
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put(EvaluationResult.LOSS, 1.7 - accuracy);
    metrics.put(METRIC, accuracy);
    metrics.put(EvaluationResult.OUTPUT_SQNR, 31.207);
    metrics.put(EvaluationResult.OUTPUT_MAX_ERROR, 1.83e-3);
    List<EvaluationResult.ClassResult> classes = new ArrayList<>();
    List<List<Long>> confusion = new ArrayList<>();
    for (int i = 0; i < LABELS.size(); i++) {
      classes.add(
          new EvaluationResult.ClassResult(
              LABELS.get(i),
              140 + 13L * i,
              OptionalDouble.of(accuracy - 0.01 * i),
              OptionalDouble.of(accuracy - 0.02 * i),
              i == 3 ? OptionalDouble.empty() : OptionalDouble.of(accuracy + 0.01 * i)));
      List<Long> row = new ArrayList<>(List.of(0L, 2L, 0L, 11L));
      row.set(i, 130L);
      confusion.add(row);
    }
    return new EvaluationResult(
        Evaluation.Task.CLASSIFICATION,
        executor,
        "unseen scenes",
        hash(5),
        200,
        METRIC,
        metrics,
        classes,
        confusion);
  }

  private static Device device(
      String id, String name, String os, String version, int ramGigabytes) {
    return new Device(
        id,
        name,
        Map.of("os", os, "version", version, "ram", String.valueOf(ramGigabytes * 1_000_000_000L)));
  }

  private static Model model(String name, long bytes, int seed) {
    return new Model(
        Path.of("models", name), name.endsWith("pt") ? "pt" : "tflite", bytes, hash(seed));
  }

  private static String hash(int seed) {
    return String.format(Locale.ROOT, "%064x", new BigInteger(250, new Random(seed)));
  }

  private static Metrics metrics(double p50) {
    Map<Statistic, Measurement> inference = new TreeMap<>();
    inference.put(Statistic.COUNT, Measurement.reported(200, Unit.COUNT, 12));
    inference.put(Statistic.P50, Measurement.computed(p50 * 1000, Unit.MICROSECONDS));
    inference.put(Statistic.P90, Measurement.computed(p50 * 1087, Unit.MICROSECONDS));
    inference.put(Statistic.P99, Measurement.computed(p50 * 1402, Unit.MICROSECONDS));
    return Metrics.builder()
        .ending(Metrics.Ending.COMPLETE)
        .latency(Phase.INFERENCE, new Latency(inference))
        .latency(
            Phase.PREPROCESSING,
            new Latency(Map.of(Statistic.P50, Measurement.computed(412.7, Unit.MICROSECONDS))))
        .latency(
            Phase.POSTPROCESSING,
            new Latency(Map.of(Statistic.P50, Measurement.computed(61.2, Unit.MICROSECONDS))))
        .value(Metric.INIT, Measurement.reported(p50 * 4100, Unit.MICROSECONDS, 3))
        .value(Metric.FIRST_INFERENCE, Measurement.reported(p50 * 1900, Unit.MICROSECONDS, 4))
        .value(Metric.PEAK_MEMORY, Measurement.reported(14.2 + p50, Unit.MEBIBYTES, 9))
        .build();
  }

  private static ValidityReport validity(Validity validity, double p50, String reason) {
    double micros = p50 * 1000;
    double half = validity == Validity.NOISY ? 0.08 : 0.013;
    return new ValidityReport(
        validity,
        reason,
        200,
        2,
        4,
        OptionalDouble.of(micros),
        Optional.of(new Interval(micros * (1 - half), micros * (1 + half), 0.95)),
        OptionalDouble.of(88),
        OptionalDouble.of(0.04),
        OptionalDouble.of(31),
        OptionalDouble.of(1.18),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        1,
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        validity == Validity.NOISY ? OptionalInt.of(160) : OptionalInt.empty(),
        OptionalInt.empty());
  }

  private static DeviceRunResult passed(
      String variant,
      String farm,
      Device device,
      Delegate delegate,
      int threads,
      double p50,
      Validity validity) {
    String reason =
        switch (validity) {
          case NOISY -> "95 % interval of the median is 8.0 % wide to either side, 5 % allowed";
          case THROTTLED -> "the last third is 18 % slower than steady state";
          default -> "median known to within 1.3 %";
        };
    Metrics metrics = metrics(p50);
    if (!delegate.equals(Delegate.CPU)) {
      metrics =
          metrics.toBuilder()
              .placement(
                  new DelegatePlacement(
                      delegate.name(),
                      DelegatePlacement.Extent.PARTIAL,
                      OptionalInt.of(29),
                      OptionalInt.of(31),
                      OptionalInt.of(2),
                      OptionalInt.empty(),
                      7))
              .build();
    }
    return new DeviceRunResult(
        variant + "-" + device.id() + "-" + delegate.name() + "-" + threads,
        variant,
        farm,
        device,
        device.id().startsWith("garden") ? List.of("low") : List.of(),
        delegate,
        threads,
        Outcome.PASSED,
        Optional.empty(),
        Optional.of(metrics),
        Optional.of(validity(validity, p50, reason)),
        Optional.of("matrix-1"),
        List.of(Path.of("logs", variant + ".log")));
  }

  private static DeviceRunResult fallback(DeviceRunResult cell) {
    return new DeviceRunResult(
        cell.cell(),
        cell.variant(),
        cell.farm(),
        cell.device(),
        cell.tiers(),
        cell.delegate(),
        cell.threads(),
        cell.outcome(),
        cell.reason(),
        cell.metrics().map(m -> m.toBuilder().silentCpuFallback(true).build()),
        cell.validity(),
        cell.farmRun(),
        cell.logs());
  }

  private static DeviceRunResult failed(
      String variant,
      Device device,
      Delegate delegate,
      Outcome outcome,
      RunFailure.Cause cause,
      String message) {
    return new DeviceRunResult(
        variant + "-" + device.id() + "-" + delegate.name(),
        variant,
        "firebase",
        device,
        List.of("low"),
        delegate,
        1,
        outcome,
        Optional.of("The benchmark ended without a result"),
        Optional.of(Metrics.builder().failure(new RunFailure(cause, message, 41)).build()),
        Optional.empty(),
        Optional.of("matrix-1"),
        List.of(Path.of("logs", "logcat.txt")));
  }
}
