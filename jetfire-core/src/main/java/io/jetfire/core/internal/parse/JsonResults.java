package io.jetfire.core.internal.parse;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.jetfire.DelegatePlacement;
import io.jetfire.Latency;
import io.jetfire.Latency.Statistic;
import io.jetfire.Measurement;
import io.jetfire.Metric;
import io.jetfire.Metrics;
import io.jetfire.Phase;
import io.jetfire.RunFailure;
import io.jetfire.Unit;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads the JSON of the Firebase benchmark app, of {@code litert-benchmark}, and the report of the
 * delegate performance app.
 */
final class JsonResults {
  private static final ObjectMapper MAPPER =
      new ObjectMapper(
          JsonFactory.builder()
              .streamReadConstraints(
                  StreamReadConstraints.builder()
                      .maxNestingDepth(100)
                      .maxStringLength(1_000_000)
                      .build())
              .build());
  private static final Pattern TIME =
      Pattern.compile("(init|warmup|inference): ([0-9.eE+-]{1,30})(?:,|$)");
  private static final Pattern MEMORY = Pattern.compile("([a-z/ -]{3,60}) = ([0-9.eE+-]{1,30}) MB");

  private JsonResults() {}

  /** Reads a document; empty with a warning if it is none or of another shape. */
  static List<Metrics> read(String text, long line, Consumer<String> warnings) {
    List<Metrics> runs = new ArrayList<>();
    try {
      JsonNode root = MAPPER.readTree(text);
      if (root.isArray()) {
        root.forEach(n -> one(n, line, warnings, runs));
      } else {
        one(root, line, warnings, runs);
      }
    } catch (JsonProcessingException e) {
      warnings.accept("line " + line + ": what looks like JSON is none: " + e.getOriginalMessage());
    }
    return runs;
  }

  private static void one(JsonNode node, long line, Consumer<String> warnings, List<Metrics> runs) {
    if (node.has("benchmark config") || node.has("average time in us")) {
      runs.add(firebase(node, line, warnings));
    } else if (node.path("latency").isObject()) {
      runs.add(litert(node, line, warnings));
    } else if (node.path("reports").isArray()) {
      node.path("reports").forEach(r -> delegates(r, line, warnings, runs));
    }
  }

  /** One model of the delegate performance app: a run per delegate. */
  private static void delegates(
      JsonNode report, long line, Consumer<String> warnings, List<Metrics> runs) {
    if (!report.path("metrics").isArray()) {
      return;
    }
    String model = text(report, "model");
    String result = text(report, "result");
    if (report.path("metrics").isEmpty()) {
      RunFailure failure =
          new RunFailure(RunFailure.Cause.UNKNOWN, "no metrics, result " + result, line);
      runs.add(
          Metrics.builder()
              .ending(Metrics.Ending.FAILED)
              .failure(failure)
              .identity(identity("", model, line))
              .build());
      return;
    }
    List<ResultTables.Row> rows = new ArrayList<>();
    report
        .path("metrics")
        .forEach(d -> rows.add(new ResultTables.Row(model, text(d, "delegate_identifier"), line)));
    // The tested delegate comes first; the results of the others compare it with them.
    ResultTables.Row tested = rows.get(0);
    if (!result.isEmpty()) {
      tested.builder.parameter("model_summary", result);
    }
    int references = rows.size() - 1;
    for (int i = 0; i <= references; i++) {
      ResultTables.Row row = rows.get(i);
      JsonNode delegate = report.path("metrics").get(i);
      tested.status("delegate_summary", text(delegate, "result"), row.label, references);
      for (Map.Entry<String, JsonNode> m : delegate.path("metrics").properties()) {
        ResultTables.put(row, m.getKey(), text(m.getValue(), "value"), line, warnings);
        tested.status(m.getKey(), text(m.getValue(), "result"), row.label, references);
      }
    }
    rows.forEach(r -> runs.add(r.metrics()));
  }

  private static Metrics firebase(JsonNode node, long line, Consumer<String> warnings) {
    Metrics.Builder b = Metrics.builder();
    Map<Phase, Latency> phases = new EnumMap<>(Phase.class);
    Matcher t = TIME.matcher(text(node, "average time in us"));
    while (t.find()) {
      Optional<Measurement> value =
          Plausible.reported(t.group(1), t.group(2), Unit.MICROSECONDS, line, warnings);
      if (value.isEmpty()) {
        continue;
      }
      switch (t.group(1)) {
        case "init" -> b.value(Metric.INIT, value.get());
        case "warmup" ->
            phases.put(Phase.WARM_UP, new Latency(Map.of(Statistic.MEAN, value.get())));
        default -> phases.put(Phase.INFERENCE, new Latency(Map.of(Statistic.MEAN, value.get())));
      }
    }
    phases.forEach(b::latency);
    Matcher m = MEMORY.matcher(text(node, "overall memory usage"));
    while (m.find()) {
      String key = m.group(1).trim();
      Metric metric =
          key.startsWith("max resident set size")
              ? Metric.OVERALL_MEMORY
              : key.startsWith("total non-mmapped")
                  ? Metric.HEAP_ALLOCATED
                  : key.startsWith("in-use heap")
                      ? Metric.HEAP_IN_USE
                      : key.startsWith("private footprint") ? Metric.PRIVATE_MEMORY : null;
      if (metric != null) {
        Metric known = metric;
        Plausible.reported(key, m.group(2), Unit.MEBIBYTES, line, warnings)
            .ifPresent(v -> b.value(known, v));
      }
    }
    String status = text(node, "status");
    b.parameter("status", status);
    boolean measured = phases.containsKey(Phase.INFERENCE);
    if (status.equals("OK")) {
      b.ending(measured ? Metrics.Ending.COMPLETE : Metrics.Ending.TRUNCATED);
    } else if (!status.isEmpty()) {
      RunFailure.Cause cause =
          status.contains("delegate")
              ? RunFailure.Cause.DELEGATE_REFUSED
              : RunFailure.Cause.UNKNOWN;
      b.failure(new RunFailure(cause, status, line)).ending(Metrics.Ending.FAILED);
    }
    return b.identity(identity(text(node, "benchmark config"), "", line)).build();
  }

  private static Metrics litert(JsonNode node, long line, Consumer<String> warnings) {
    Metrics.Builder b = Metrics.builder();
    JsonNode latency = node.path("latency");
    value(b, Metric.MODEL_SIZE, node, "model_size_mb", Unit.MEGABYTES, line, warnings);
    value(b, Metric.INIT, latency, "init_ms", Unit.MILLISECONDS, line, warnings);
    value(b, Metric.FIRST_INFERENCE, latency, "warmup_first_ms", Unit.MILLISECONDS, line, warnings);
    value(b, Metric.THROUGHPUT, node, "throughput_mb_s", Unit.MEGABYTES_PER_SECOND, line, warnings);
    Map<Statistic, Measurement> warmup = new EnumMap<>(Statistic.class);
    put(warmup, Statistic.MEAN, latency, "warmup_avg_ms", line, warnings);
    put(warmup, Statistic.COUNT, latency, "num_warmup_runs", line, warnings);
    Map<Statistic, Measurement> measured = new EnumMap<>(Statistic.class);
    put(measured, Statistic.MEAN, latency, "avg_ms", line, warnings);
    put(measured, Statistic.MIN, latency, "min_ms", line, warnings);
    put(measured, Statistic.MAX, latency, "max_ms", line, warnings);
    put(measured, Statistic.P50, latency, "median_ms", line, warnings);
    put(measured, Statistic.STANDARD_DEVIATION, latency, "std_ms", line, warnings);
    put(measured, Statistic.P5, latency, "p5_ms", line, warnings);
    put(measured, Statistic.P95, latency, "p95_ms", line, warnings);
    put(measured, Statistic.COUNT, latency, "num_runs", line, warnings);
    CountLine.check(measured, line, warnings);
    if (!warmup.isEmpty()) {
      b.latency(Phase.WARM_UP, new Latency(warmup));
    }
    if (!measured.isEmpty()) {
      b.latency(Phase.INFERENCE, new Latency(measured));
    }
    if (node.path("fully_accelerated").isBoolean()) {
      List<String> names = new ArrayList<>();
      node.path("accelerators").forEach(n -> names.add(n.asText()));
      b.placement(
          new DelegatePlacement(
              String.join("+", names),
              node.path("fully_accelerated").asBoolean()
                  ? DelegatePlacement.Extent.FULL
                  : DelegatePlacement.Extent.UNKNOWN,
              OptionalInt.empty(),
              OptionalInt.empty(),
              OptionalInt.empty(),
              OptionalInt.empty(),
              line));
    }
    b.parameter("num_threads", text(node, "num_threads"));
    return b.ending(
            measured.containsKey(Statistic.MEAN)
                ? Metrics.Ending.COMPLETE
                : Metrics.Ending.TRUNCATED)
        .identity(identity(text(node, "signature"), text(node, "model"), line))
        .build();
  }

  private static void value(
      Metrics.Builder b,
      Metric metric,
      JsonNode node,
      String key,
      Unit unit,
      long line,
      Consumer<String> warnings) {
    if (node.path(key).isNumber()) {
      Plausible.reported(key, node.path(key).asDouble(), unit, line, warnings)
          .ifPresent(v -> b.value(metric, v));
    }
  }

  private static void put(
      Map<Statistic, Measurement> map,
      Statistic statistic,
      JsonNode node,
      String key,
      long line,
      Consumer<String> warnings) {
    Unit unit = statistic == Statistic.COUNT ? Unit.COUNT : Unit.MILLISECONDS;
    double value = node.path(key).asDouble();
    if (node.path(key).isNumber() && !(unit == Unit.COUNT && value < 0)) {
      Plausible.reported(key, value, unit, line, warnings).ifPresent(v -> map.put(statistic, v));
    }
  }

  private static String text(JsonNode node, String key) {
    return node.path(key).asText("");
  }

  private static Metrics.Identity identity(String label, String model, long line) {
    return new Metrics.Identity(
        label, model, Optional.empty(), OptionalInt.empty(), OptionalLong.empty(), "", line);
  }
}
