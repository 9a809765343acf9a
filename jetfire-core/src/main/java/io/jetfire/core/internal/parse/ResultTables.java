package io.jetfire.core.internal.parse;

import io.jetfire.Latency;
import io.jetfire.Latency.Statistic;
import io.jetfire.Measurement;
import io.jetfire.Metric;
import io.jetfire.Metrics;
import io.jetfire.Phase;
import io.jetfire.Unit;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Reads results in tables: the Firebase benchmark app's CSV, and the reports of the delegate
 * performance app (CSV, and its HTML table as Markdown; its JSON has the same numbers).
 */
final class ResultTables {
  private static final int MOST = 10_000;

  private final Map<String, Row> rows = new LinkedHashMap<>();
  private List<String> header = List.of();
  private boolean pipes;
  private boolean performance;

  /** What one delegate did with one model. */
  static final class Row {
    final String model;
    final String label;
    final long line;
    final Metrics.Builder builder = Metrics.builder();
    final Map<Phase, Map<Statistic, Measurement>> phases = new EnumMap<>(Phase.class);

    Row(String model, String label, long line) {
      this.model = model;
      this.label = label;
      this.line = line;
    }

    /** Takes a verdict on the tested delegate, which compares it with another. */
    void status(String metric, String verdict, String against, long references) {
      if (!verdict.isEmpty() && !verdict.equals("N/A")) {
        builder.parameter(
            metric + " status" + (references > 1 ? " against " + against : ""), verdict);
      }
    }

    Metrics metrics() {
      phases.forEach(
          (phase, statistics) -> {
            CountLine.check(statistics, line, builder::warning);
            builder.latency(phase, new Latency(statistics));
          });
      boolean measured = phases.containsKey(Phase.INFERENCE);
      return builder
          .ending(measured ? Metrics.Ending.COMPLETE : Metrics.Ending.TRUNCATED)
          .identity(
              new Metrics.Identity(
                  label,
                  model,
                  Optional.empty(),
                  OptionalInt.empty(),
                  OptionalLong.empty(),
                  "",
                  line))
          .build();
    }
  }

  boolean read(long number, String m, Consumer<String> warnings) {
    if (m.startsWith("Model") && m.contains("Metric") && m.contains("Delegate:")) {
      pipes = m.contains("|");
      header = cells(m);
      performance = true;
      return true;
    }
    if (m.startsWith("config_key,")) {
      pipes = false;
      header = cells(m);
      performance = false;
      return true;
    }
    if (header.isEmpty()) {
      return false;
    }
    if (m.isBlank()) {
      header = List.of();
      return false;
    }
    List<String> cells = cells(m);
    if (pipes && m.startsWith("---")) {
      return true;
    }
    if (cells.size() < 3 || cells.size() > header.size() || rows.size() > MOST) {
      header = List.of();
      return false;
    }
    if (performance) {
      performance(cells, number, warnings);
    } else {
      firebase(cells, number, warnings);
    }
    return true;
  }

  private List<String> cells(String m) {
    List<String> cells = new ArrayList<>();
    for (String cell : m.split(pipes ? "\\|" : ",", -1)) {
      cells.add(cell.trim());
    }
    return cells;
  }

  private void performance(List<String> cells, long number, Consumer<String> warnings) {
    String model = cells.get(0);
    String metric = cells.get(1);
    if (model.equals("Summary") && metric.equals("Summary")) {
      return;
    }
    long references = header.stream().filter(c -> c.startsWith("Delegate:")).count() - 1;
    String tested = "";
    String label = "";
    for (int i = 2; i < cells.size(); i++) {
      String column = header.get(i);
      String cell = cells.get(i);
      if (column.startsWith("Delegate:")) {
        label = column.substring("Delegate:".length()).trim();
        tested = tested.isEmpty() ? label : tested;
        Row row = row(model, label, number);
        if (metric.equals("model_summary") || metric.equals("delegate_summary")) {
          if (!cell.isEmpty()) {
            row.builder.parameter(metric, cell);
          }
        } else {
          put(row, metric, cell, number, warnings);
        }
      } else if (column.equals("Status") || column.equals("Result")) {
        row(model, tested, number).status(metric, cell, label, references);
      }
    }
  }

  private Row row(String model, String label, long number) {
    return rows.computeIfAbsent(model + "\n" + label, k -> new Row(model, label, number));
  }

  private void firebase(List<String> cells, long number, Consumer<String> warnings) {
    Row row = new Row("", cells.get(0), number);
    rows.put(cells.get(0) + "\n" + number, row);
    for (int i = 1; i < cells.size(); i++) {
      put(row, header.get(i), cells.get(i), number, warnings);
    }
  }

  static void put(Row row, String key, String text, long number, Consumer<String> warnings) {
    if (key.equals("model_size_megabyte") && text.startsWith("-")) {
      // The app prints -1 byte for a size that it does not know.
      return;
    }
    Metric metric =
        switch (key) {
          case "model_size_megabyte", "model_size" -> Metric.MODEL_SIZE;
          case "initialization_latency_us", "init_time" -> Metric.INIT;
          case "initialization_memory_max_rss_mebibyte", "init_max_rss" -> Metric.INIT_MEMORY;
          case "overall_memory_max_rss_mebibyte", "overall_max_rss" -> Metric.OVERALL_MEMORY;
          case "overall_memory_total_non_mmapped_heap_mebibyte", "overall_total_alloc" ->
              Metric.HEAP_ALLOCATED;
          case "overall_memory_in_use_heap_mebibyte", "overall_in_use_alloc" -> Metric.HEAP_IN_USE;
          default -> null;
        };
    if (metric != null) {
      Unit unit =
          metric == Metric.INIT
              ? Unit.MICROSECONDS
              : metric == Metric.MODEL_SIZE ? Unit.MEGABYTES : Unit.MEBIBYTES;
      Plausible.reported(key, text, unit, number, warnings)
          .ifPresent(v -> row.builder.value(metric, v));
      return;
    }
    Phase phase =
        key.startsWith("warmup_")
            ? Phase.WARM_UP
            : key.startsWith("inference_") ? Phase.INFERENCE : null;
    Statistic statistic = phase == null ? null : statistic(key);
    if (phase != null && statistic != null) {
      Plausible.reported(key, text, Unit.MICROSECONDS, number, warnings)
          .ifPresent(
              v ->
                  row.phases
                      .computeIfAbsent(phase, p -> new EnumMap<>(Statistic.class))
                      .put(statistic, v));
    } else if (!text.isEmpty()) {
      row.builder.parameter(key, text);
    }
  }

  private static @Nullable Statistic statistic(String key) {
    String short_ = key.replace("_latency", "").replace("_us", "");
    return switch (short_.substring(short_.indexOf('_') + 1)) {
      case "average", "avg" -> Statistic.MEAN;
      case "min" -> Statistic.MIN;
      case "max" -> Statistic.MAX;
      case "standard_deviation", "stddev" -> Statistic.STANDARD_DEVIATION;
      default -> null;
    };
  }

  List<Metrics> runs() {
    return rows.values().stream().map(Row::metrics).toList();
  }
}
