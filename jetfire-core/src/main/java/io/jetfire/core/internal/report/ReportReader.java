package io.jetfire.core.internal.report;

import io.jetfire.BaselineRun;
import io.jetfire.CellComparison;
import io.jetfire.Comparison;
import io.jetfire.ConfigurationException;
import io.jetfire.ConvertedModel;
import io.jetfire.Delegate;
import io.jetfire.DelegatePlacement;
import io.jetfire.Device;
import io.jetfire.DeviceRunResult;
import io.jetfire.EvaluationResult;
import io.jetfire.GateResult;
import io.jetfire.Interval;
import io.jetfire.Latency;
import io.jetfire.Measurement;
import io.jetfire.Metric;
import io.jetfire.Metrics;
import io.jetfire.Model;
import io.jetfire.Outcome;
import io.jetfire.Phase;
import io.jetfire.Report;
import io.jetfire.RunFailure;
import io.jetfire.RunId;
import io.jetfire.RunState;
import io.jetfire.Samples;
import io.jetfire.StorageException;
import io.jetfire.TrainedModel;
import io.jetfire.Unit;
import io.jetfire.Validity;
import io.jetfire.ValidityReport;
import io.jetfire.VariantResult;
import io.jetfire.core.internal.json.GateJson;
import io.jetfire.core.internal.json.Json;
import io.jetfire.core.internal.json.JsonFields;
import io.jetfire.core.internal.json.StageJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/** Reads what {@link ReportJson} writes; model files need not be there any more. */
public final class ReportReader {
  private ReportReader() {}

  /**
   * Reads a report.
   *
   * @param path its folder or its JSON file
   * @return the report
   */
  public static Report read(Path path) {
    Path file = Files.isDirectory(path) ? path.resolve("report.json") : path;
    String json;
    try {
      json = Files.readString(file);
    } catch (IOException e) {
      throw new StorageException(
          "The report "
              + file
              + " cannot be read ("
              + e
              + "); name a folder that a report was"
              + " written to, or its report.json",
          e);
    }
    try {
      return report(new JsonFields(Json.read(json), "the report"));
    } catch (ConfigurationException | IllegalArgumentException | DateTimeException e) {
      throw new ConfigurationException(
          file + " is no report that JetFire wrote: " + e.getMessage(), e);
    }
  }

  private static Report report(JsonFields f) {
    if (f.has("version") && f.integer("version") > ReportJson.VERSION) {
      throw f.error(
          "has version "
              + f.integer("version")
              + ", but this JetFire reads up to "
              + ReportJson.VERSION
              + "; use a newer one");
    }
    Report.Builder b =
        Report.builder(new RunId(f.text("run")), f.text("experiment"), f.text("fingerprint"))
            .state(f.constant("state", RunState.class))
            .time(
                Instant.parse(f.text("started")),
                Duration.ofMillis(f.longInteger("durationMillis")));
    if (f.has("trained")) {
      b.trained(trained(f.object("trained")));
    }
    b.source(
        f.has("source") ? model(f.object("source")) : null,
        f.has("sourceEvaluation") ? StageJson.evaluation(f.required("sourceEvaluation")) : null);
    List<VariantResult> variants = new ArrayList<>();
    f.objects("variants").forEach(v -> variants.add(variant(v)));
    List<DeviceRunResult> cells = cells(f, "deviceRuns");
    List<GateResult> gates = new ArrayList<>();
    f.objects("gates").stream().filter(g -> g.has("definition")).forEach(g -> gates.add(gate(g)));
    List<CellComparison> comparisons = new ArrayList<>();
    if (f.has("comparisons")) {
      f.objects("comparisons").forEach(c -> comparisons.add(cellComparison(c, cells)));
    }
    return b.variants(variants)
        .deviceRuns(cells)
        .confirmations(f.has("confirmations") ? cells(f, "confirmations") : List.of())
        .baseline(f.has("baseline") ? baseline(f.object("baseline")) : null, comparisons)
        .gates(gates)
        .problems(f.texts("problems"))
        .warnings(f.texts("warnings"))
        .environment(texts(f.object("environment")))
        .build();
  }

  private static Model model(JsonFields f) {
    return new Model(
        Path.of(f.text("path")), f.text("format"), f.longInteger("sizeBytes"), f.text("sha256"));
  }

  private static TrainedModel trained(JsonFields f) {
    return StageJson.trained(f.node(), model(f.object("model")));
  }

  private static VariantResult variant(JsonFields f) {
    Optional<ConvertedModel> converted = Optional.empty();
    if (f.has("converted")) {
      JsonFields c = f.object("converted");
      converted = Optional.of(StageJson.converted(c.node(), model(c.object("model"))));
    }
    Map<Delegate, EvaluationResult> evaluations = new LinkedHashMap<>();
    JsonFields e = f.object("evaluations");
    e.names().forEach(d -> evaluations.put(Delegate.of(d), StageJson.evaluation(e.required(d))));
    return new VariantResult(f.text("variant"), converted, f.optionalText("failure"), evaluations);
  }

  private static List<DeviceRunResult> cells(JsonFields f, String name) {
    List<DeviceRunResult> cells = new ArrayList<>();
    f.objects(name).forEach(c -> cells.add(cell(c)));
    return cells;
  }

  private static DeviceRunResult cell(JsonFields f) {
    return new DeviceRunResult(
        f.text("cell"),
        f.text("variant"),
        f.text("farm"),
        new Device(f.text("deviceId"), f.text("deviceName"), texts(f.object("deviceAttributes"))),
        f.texts("tiers"),
        Delegate.of(f.text("delegate")),
        f.integer("threads"),
        f.constant("outcome", Outcome.class),
        f.optionalText("reason"),
        f.has("metrics") ? Optional.of(metrics(f.object("metrics"))) : Optional.empty(),
        f.has("validity") ? Optional.of(validity(f.object("validity"))) : Optional.empty(),
        f.optionalText("farmRun"),
        f.texts("logs").stream().map(Path::of).toList());
  }

  private static ValidityReport validity(JsonFields f) {
    return new ValidityReport(
        f.constant("validity", Validity.class),
        f.text("reason"),
        f.integer("runs"),
        f.integer("sessions"),
        f.integer("warmup"),
        real(f, "medianMicros"),
        interval(f, "medianInterval"),
        real(f, "effectiveRuns"),
        real(f, "coefficientOfVariation"),
        real(f, "medianAbsoluteDeviationMicros"),
        real(f, "lastThirdRatio"),
        real(f, "driftPerRun"),
        real(f, "betweenSessionVariation"),
        f.integer("outliers"),
        real(f, "lowerModeMicros"),
        real(f, "upperModeMicros"),
        real(f, "upperModeShare"),
        whole(f, "moreRuns"),
        whole(f, "moreSessions"));
  }

  private static Metrics metrics(JsonFields f) {
    Metrics.Builder b = Metrics.builder();
    if (f.has("ending")) {
      b.ending(f.constant("ending", Metrics.Ending.class));
    }
    if (f.has("failure")) {
      JsonFields e = f.object("failure");
      b.failure(
          new RunFailure(
              e.constant("cause", RunFailure.Cause.class),
              e.text("message"),
              e.longInteger("line")));
    }
    JsonFields values = f.object("values");
    for (Metric metric : Metric.values()) {
      String key = ReportJson.key(metric.name());
      if (values.has(key)) {
        b.value(metric, measurement(values.object(key)));
      }
    }
    JsonFields latencies = f.object("latencies");
    for (Phase phase : Phase.values()) {
      String key = ReportJson.key(phase.name());
      if (latencies.has(key)) {
        b.latency(phase, latency(latencies.object(key)));
      }
    }
    for (JsonFields s : f.objects("samples")) {
      b.samples(
          Samples.of(
              s.constant("phase", Phase.class),
              s.integer("session"),
              s.numbers("micros").stream().mapToDouble(d -> d).toArray()));
    }
    for (JsonFields p : f.objects("placements")) {
      b.placement(
          new DelegatePlacement(
              p.text("delegate"),
              p.constant("extent", DelegatePlacement.Extent.class),
              whole(p, "delegatedNodes"),
              whole(p, "totalNodes"),
              whole(p, "partitions"),
              whole(p, "delegateKernels"),
              0));
    }
    b.silentCpuFallback(f.bool("silentCpuFallback"));
    f.texts("warnings").forEach(b::warning);
    return b.build();
  }

  private static Latency latency(JsonFields f) {
    Map<Latency.Statistic, Measurement> found = new EnumMap<>(Latency.Statistic.class);
    for (Latency.Statistic s : Latency.Statistic.values()) {
      String key = ReportJson.key(s.name());
      if (f.has(key)) {
        found.put(s, measurement(f.object(key)));
      }
    }
    return new Latency(found);
  }

  private static Measurement measurement(JsonFields f) {
    String symbol = f.text("unit");
    for (Unit unit : Unit.values()) {
      if (unit.symbol().equals(symbol)) {
        return new Measurement(
            f.number("value"),
            unit,
            f.constant("provenance", Measurement.Provenance.class),
            f.has("line") ? f.longInteger("line") : 0);
      }
    }
    throw f.error("has an unknown unit '" + symbol + "'");
  }

  private static GateResult gate(JsonFields f) {
    return new GateResult(
        GateJson.read(f.object("definition")),
        f.constant("verdict", GateResult.Verdict.class),
        f.optionalText("variant"),
        f.optionalText("cell"),
        real(f, "observed"),
        real(f, "bound"),
        f.text("evidence"));
  }

  private static BaselineRun baseline(JsonFields f) {
    return new BaselineRun(
        new RunId(f.text("run")),
        f.text("experiment"),
        f.text("fingerprint"),
        Instant.parse(f.text("started")),
        f.number("margin"));
  }

  private static CellComparison cellComparison(JsonFields f, List<DeviceRunResult> cells) {
    String id = f.text("deviceId");
    Device device =
        cells.stream()
            .map(DeviceRunResult::device)
            .filter(d -> d.id().equals(id))
            .findFirst()
            .orElse(new Device(id, id, Map.of()));
    return new CellComparison(
        f.text("variant"),
        f.text("cell"),
        f.text("farm"),
        device,
        comparison(f.object("comparison")),
        f.has("first") ? Optional.of(comparison(f.object("first"))) : Optional.empty());
  }

  private static Comparison comparison(JsonFields f) {
    return new Comparison(
        f.constant("decision", Comparison.Decision.class),
        f.text("reason"),
        f.number("margin"),
        real(f, "baselineMicros"),
        real(f, "candidateMicros"),
        real(f, "change"),
        interval(f, "interval"),
        f.integer("baselineSessions"),
        f.integer("candidateSessions"),
        whole(f, "moreSessions"));
  }

  private static Optional<Interval> interval(JsonFields f, String name) {
    if (!f.has(name)) {
      return Optional.empty();
    }
    JsonFields i = f.object(name);
    return Optional.of(new Interval(i.number("low"), i.number("high"), i.number("level")));
  }

  private static OptionalDouble real(JsonFields f, String name) {
    return f.has(name) ? OptionalDouble.of(f.number(name)) : OptionalDouble.empty();
  }

  private static OptionalInt whole(JsonFields f, String name) {
    return f.has(name) ? OptionalInt.of(f.integer(name)) : OptionalInt.empty();
  }

  private static Map<String, String> texts(JsonFields f) {
    Map<String, String> map = new LinkedHashMap<>();
    f.names().forEach(n -> map.put(n, f.text(n)));
    return map;
  }
}
