package io.jetfire.core.internal.report;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.jetfire.BaselineRun;
import io.jetfire.CellComparison;
import io.jetfire.Comparison;
import io.jetfire.DelegatePlacement;
import io.jetfire.DeviceRunResult;
import io.jetfire.GateResult;
import io.jetfire.Interval;
import io.jetfire.Latency;
import io.jetfire.Measurement;
import io.jetfire.Metrics;
import io.jetfire.Report;
import io.jetfire.Samples;
import io.jetfire.ValidityReport;
import io.jetfire.VariantResult;
import io.jetfire.core.internal.json.GateJson;
import io.jetfire.core.internal.json.Json;
import io.jetfire.core.internal.json.StageJson;
import java.util.Locale;

/** A report as JSON, for programs: keys are never renamed, absent numbers are absent. */
public final class ReportJson {
  /** Raised when the meaning of a key changes. */
  static final int VERSION = 1;

  private ReportJson() {}

  /**
   * Writes a report.
   *
   * @param r the report
   * @return its tree
   */
  public static ObjectNode write(Report r) {
    ObjectNode o =
        Json.object()
            .put("version", VERSION)
            .put("run", r.run().value())
            .put("experiment", r.experiment())
            .put("fingerprint", r.fingerprint())
            .put("state", r.state().name())
            .put("exitCode", r.exitCode())
            .put("started", r.started().toString())
            .put("durationMillis", r.duration().toMillis());
    r.trained().ifPresent(t -> o.set("trained", StageJson.trained(t)));
    r.source().ifPresent(m -> o.set("source", StageJson.model(m)));
    r.sourceEvaluation().ifPresent(e -> o.set("sourceEvaluation", StageJson.evaluation(e)));
    ArrayNode variants = o.putArray("variants");
    r.variants().forEach(v -> variants.add(variant(v)));
    ArrayNode cells = o.putArray("deviceRuns");
    r.deviceRuns().forEach(c -> cells.add(cell(c)));
    if (!r.confirmations().isEmpty()) {
      ArrayNode again = o.putArray("confirmations");
      r.confirmations().forEach(c -> again.add(cell(c)));
    }
    r.baseline().ifPresent(b -> o.set("baseline", baseline(b)));
    if (!r.comparisons().isEmpty()) {
      ArrayNode comparisons = o.putArray("comparisons");
      r.comparisons().forEach(c -> comparisons.add(comparison(c)));
    }
    ArrayNode gates = o.putArray("gates");
    r.gates().forEach(g -> gates.add(gate(g)));
    ArrayNode problems = o.putArray("problems");
    r.problems().forEach(problems::add);
    ArrayNode warnings = o.putArray("warnings");
    r.warnings().forEach(warnings::add);
    ObjectNode environment = o.putObject("environment");
    r.environment().forEach(environment::put);
    return o;
  }

  private static ObjectNode baseline(BaselineRun b) {
    return Json.object()
        .put("run", b.run().value())
        .put("experiment", b.experiment())
        .put("fingerprint", b.fingerprint())
        .put("started", b.started().toString())
        .put("margin", b.margin());
  }

  private static ObjectNode comparison(CellComparison c) {
    ObjectNode o =
        Json.object()
            .put("variant", c.variant())
            .put("cell", c.cell())
            .put("farm", c.farm())
            .put("deviceId", c.device().id());
    o.set("comparison", comparison(c.comparison()));
    c.first().ifPresent(f -> o.set("first", comparison(f)));
    return o;
  }

  private static ObjectNode comparison(Comparison c) {
    ObjectNode o =
        Json.object()
            .put("decision", c.decision().name())
            .put("reason", c.reason())
            .put("margin", c.margin());
    c.baselineMicros().ifPresent(x -> o.put("baselineMicros", x));
    c.candidateMicros().ifPresent(x -> o.put("candidateMicros", x));
    c.change().ifPresent(x -> o.put("change", x));
    c.interval().ifPresent(i -> o.set("interval", interval(i)));
    o.put("baselineSessions", c.baselineSessions()).put("candidateSessions", c.candidateSessions());
    c.moreSessions().ifPresent(x -> o.put("moreSessions", x));
    return o;
  }

  private static ObjectNode interval(Interval i) {
    return Json.object().put("low", i.low()).put("high", i.high()).put("level", i.level());
  }

  private static ObjectNode variant(VariantResult v) {
    ObjectNode o = Json.object().put("variant", v.variant());
    v.converted().ifPresent(c -> o.set("converted", StageJson.converted(c)));
    v.failure().ifPresent(f -> o.put("failure", f));
    ObjectNode evaluations = o.putObject("evaluations");
    v.evaluations().forEach((d, e) -> evaluations.set(d.name(), StageJson.evaluation(e)));
    return o;
  }

  private static ObjectNode cell(DeviceRunResult c) {
    ObjectNode o =
        Json.object()
            .put("cell", c.cell())
            .put("variant", c.variant())
            .put("farm", c.farm())
            .put("deviceId", c.device().id())
            .put("deviceName", c.device().name());
    ObjectNode attributes = o.putObject("deviceAttributes");
    c.device().attributes().forEach(attributes::put);
    ArrayNode tiers = o.putArray("tiers");
    c.tiers().forEach(tiers::add);
    o.put("delegate", c.delegate().name())
        .put("threads", c.threads())
        .put("outcome", c.outcome().name());
    c.reason().ifPresent(r -> o.put("reason", r));
    c.farmRun().ifPresent(id -> o.put("farmRun", id));
    ArrayNode logs = o.putArray("logs");
    c.logs().forEach(l -> logs.add(l.toString()));
    c.validity().ifPresent(v -> o.set("validity", validity(v)));
    c.metrics().ifPresent(m -> o.set("metrics", metrics(m)));
    return o;
  }

  private static ObjectNode validity(ValidityReport v) {
    ObjectNode o =
        Json.object()
            .put("validity", v.validity().name())
            .put("reason", v.reason())
            .put("runs", v.runs())
            .put("sessions", v.sessions())
            .put("warmup", v.warmup())
            .put("outliers", v.outliers());
    v.medianMicros().ifPresent(x -> o.put("medianMicros", x));
    v.medianInterval().ifPresent(i -> o.set("medianInterval", interval(i)));
    v.effectiveRuns().ifPresent(x -> o.put("effectiveRuns", x));
    v.coefficientOfVariation().ifPresent(x -> o.put("coefficientOfVariation", x));
    v.medianAbsoluteDeviationMicros().ifPresent(x -> o.put("medianAbsoluteDeviationMicros", x));
    v.lastThirdRatio().ifPresent(x -> o.put("lastThirdRatio", x));
    v.driftPerRun().ifPresent(x -> o.put("driftPerRun", x));
    v.betweenSessionVariation().ifPresent(x -> o.put("betweenSessionVariation", x));
    v.lowerModeMicros().ifPresent(x -> o.put("lowerModeMicros", x));
    v.upperModeMicros().ifPresent(x -> o.put("upperModeMicros", x));
    v.upperModeShare().ifPresent(x -> o.put("upperModeShare", x));
    v.moreRuns().ifPresent(x -> o.put("moreRuns", x));
    v.moreSessions().ifPresent(x -> o.put("moreSessions", x));
    return o;
  }

  private static ObjectNode metrics(Metrics m) {
    ObjectNode o = Json.object().put("ending", m.ending().name());
    m.failure()
        .ifPresent(
            f ->
                o.putObject("failure")
                    .put("cause", f.cause().name())
                    .put("message", f.message())
                    .put("line", f.line()));
    ObjectNode values = o.putObject("values");
    m.values().forEach((k, v) -> values.set(key(k.name()), measurement(v)));
    ObjectNode latencies = o.putObject("latencies");
    m.latencies().forEach((p, l) -> latencies.set(key(p.name()), latency(l)));
    ArrayNode samples = o.putArray("samples");
    for (Samples s : m.samples()) {
      ObjectNode node =
          samples.addObject().put("phase", s.phase().name()).put("session", s.session());
      ArrayNode micros = node.putArray("micros");
      for (double v : s.micros()) {
        micros.add(v);
      }
    }
    ArrayNode placements = o.putArray("placements");
    for (DelegatePlacement p : m.placements()) {
      ObjectNode node =
          placements.addObject().put("delegate", p.delegate()).put("extent", p.extent().name());
      p.delegatedNodes().ifPresent(n -> node.put("delegatedNodes", n));
      p.totalNodes().ifPresent(n -> node.put("totalNodes", n));
      p.partitions().ifPresent(n -> node.put("partitions", n));
      p.delegateKernels().ifPresent(n -> node.put("delegateKernels", n));
    }
    o.put("silentCpuFallback", m.silentCpuFallback());
    o.put("framesWithDetections", m.detections().size());
    o.put("gaps", m.gaps().size());
    ArrayNode warnings = o.putArray("warnings");
    m.warnings().forEach(warnings::add);
    return o;
  }

  private static ObjectNode latency(Latency l) {
    ObjectNode o = Json.object();
    l.statistics().forEach((s, v) -> o.set(key(s.name()), measurement(v)));
    return o;
  }

  private static ObjectNode measurement(Measurement m) {
    ObjectNode o =
        Json.object()
            .put("value", m.value())
            .put("unit", m.unit().symbol())
            .put("provenance", m.provenance().name());
    if (m.line() > 0) {
      o.put("line", m.line());
    }
    return o;
  }

  private static ObjectNode gate(GateResult g) {
    ObjectNode o =
        Json.object().put("gate", g.gate().toString()).put("verdict", g.verdict().name());
    g.variant().ifPresent(v -> o.put("variant", v));
    g.cell().ifPresent(c -> o.put("cell", c));
    g.observed().ifPresent(v -> o.put("observed", v));
    g.bound().ifPresent(v -> o.put("bound", v));
    o.put("evidence", g.evidence());
    o.set("definition", GateJson.write(g.gate()));
    return o;
  }

  /** PEAK_MEMORY becomes peakMemory. */
  static String key(String constant) {
    StringBuilder s = new StringBuilder();
    for (String word : constant.toLowerCase(Locale.ROOT).split("_")) {
      s.append(s.length() == 0 ? word : Character.toUpperCase(word.charAt(0)) + word.substring(1));
    }
    return s.toString();
  }
}
