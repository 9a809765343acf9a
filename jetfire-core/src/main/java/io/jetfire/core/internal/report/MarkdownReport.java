package io.jetfire.core.internal.report;

import io.jetfire.BaselineRun;
import io.jetfire.CellComparison;
import io.jetfire.Comparison.Decision;
import io.jetfire.DeviceRunResult;
import io.jetfire.EvaluationResult;
import io.jetfire.GateResult;
import io.jetfire.Latency;
import io.jetfire.Measurement;
import io.jetfire.Metric;
import io.jetfire.Model;
import io.jetfire.Phase;
import io.jetfire.Report;
import io.jetfire.Unit;
import io.jetfire.VariantResult;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.stream.Collectors;

/** A report as Markdown, for people: gates first, then variants, then cells. */
public final class MarkdownReport {
  /** What stands where the data gave no number. */
  private static final String ABSENT = "–";

  private final Report report;
  private final StringBuilder out = new StringBuilder();

  private MarkdownReport(Report report) {
    this.report = report;
  }

  /**
   * Writes a report.
   *
   * @param report the report
   * @return the text, lines ended by \n
   */
  public static String write(Report report) {
    return new MarkdownReport(report).text();
  }

  private String text() {
    line("# " + escape(report.experiment()));
    line("");
    line(
        "Run `"
            + report.run()
            + "`, "
            + report.state().name().toLowerCase(Locale.ROOT)
            + ", started "
            + report.started().truncatedTo(ChronoUnit.SECONDS)
            + ", "
            + report.duration().toSeconds()
            + " s, exit code "
            + report.exitCode()
            + ".");
    list("Problems", report.problems());
    list("Warnings", report.warnings());
    gates();
    comparisons();
    variants();
    cells();
    classes();
    origin();
    return out.toString();
  }

  private void list(String title, List<String> texts) {
    if (!texts.isEmpty()) {
      heading(title);
      texts.forEach(t -> line("- " + escape(t)));
    }
  }

  private void gates() {
    if (report.gates().isEmpty()) {
      return;
    }
    heading("Gates");
    Table table = new Table("verdict", "gate", "variant", "cell", "evidence");
    for (GateResult g : report.gates()) {
      table.row(
          g.verdict().name().toLowerCase(Locale.ROOT),
          g.gate().toString(),
          g.variant().orElse(""),
          g.cell().orElse(""),
          g.evidence());
    }
    out.append(table);
  }

  private void comparisons() {
    if (report.baseline().isEmpty()) {
      return;
    }
    BaselineRun b = report.baseline().get();
    heading("Compared with the baseline");
    line(
        String.format(
            Locale.ROOT,
            "Run `%s` of %s, started %s; differences of latency within %.3g %% do not count.",
            b.run(),
            escape(b.experiment()),
            b.started().truncatedTo(ChronoUnit.SECONDS),
            b.margin() * 100));
    if (report.comparisons().isEmpty()) {
      return;
    }
    line("");
    Table table = new Table("decision", "cell", "device", "p50 before (ms)", "p50 (ms)", "why");
    for (CellComparison c : report.comparisons()) {
      table.row(
          c.comparison().decision().name().toLowerCase(Locale.ROOT).replace('_', ' ')
              + (c.first().isPresent() && c.comparison().decision() == Decision.WORSE
                  ? ", confirmed"
                  : ""),
          c.cell(),
          c.device().name(),
          micros(c.comparison().baselineMicros()),
          micros(c.comparison().candidateMicros()),
          c.comparison().reason());
    }
    out.append(table);
  }

  private static String micros(OptionalDouble value) {
    return value.isPresent() ? ms(value.getAsDouble() / 1000) : ABSENT;
  }

  private void variants() {
    heading("Variants");
    List<String> metrics = new ArrayList<>();
    report.sourceEvaluation().ifPresent(e -> metrics.addAll(e.metrics().keySet()));
    for (VariantResult v : report.variants()) {
      v.evaluations()
          .values()
          .forEach(
              e ->
                  e.metrics().keySet().stream()
                      .filter(m -> !metrics.contains(m))
                      .forEach(metrics::add));
    }
    List<String> header = new ArrayList<>(List.of("variant", "executed by", "size (bytes)"));
    header.addAll(metrics);
    Table table = new Table(header.toArray(String[]::new));
    report
        .source()
        .ifPresent(
            m ->
                variantRow(
                    table,
                    report.trained().isPresent() ? "trained" : "model",
                    Optional.of(m),
                    report.sourceEvaluation(),
                    metrics,
                    ""));
    for (VariantResult v : report.variants()) {
      Optional<Model> model = v.converted().map(c -> c.model());
      if (v.evaluations().isEmpty() && (model.isPresent() || v.failure().isPresent())) {
        variantRow(table, v.variant(), model, Optional.empty(), metrics, v.failure().orElse(""));
      }
      v.evaluations()
          .forEach((d, e) -> variantRow(table, v.variant(), model, Optional.of(e), metrics, ""));
    }
    out.append(table);
    for (VariantResult v : report.variants()) {
      v.failure().ifPresent(f -> line("\n**" + escape(v.variant()) + " failed:** " + escape(f)));
      v.converted()
          .filter(c -> !c.notes().isEmpty())
          .ifPresent(
              c -> {
                line("");
                line("Notes on " + escape(v.variant()) + ":");
                line("");
                c.notes().forEach(n -> line("- " + escape(n)));
              });
    }
  }

  private static void variantRow(
      Table table,
      String name,
      Optional<Model> model,
      Optional<EvaluationResult> evaluation,
      List<String> metrics,
      String failure) {
    List<String> row = new ArrayList<>();
    row.add(name);
    row.add(
        evaluation.map(EvaluationResult::executor).orElse(failure.isEmpty() ? ABSENT : "failed"));
    row.add(model.map(m -> Long.toString(m.sizeBytes())).orElse(ABSENT));
    for (String m : metrics) {
      OptionalDouble value = evaluation.map(e -> e.metric(m)).orElse(OptionalDouble.empty());
      row.add(value.isPresent() ? number(m, value.getAsDouble()) : ABSENT);
    }
    table.row(row.toArray(String[]::new));
  }

  private static String number(String metric, double value) {
    return metric.equals(EvaluationResult.OUTPUT_MAX_ERROR)
        ? String.format(Locale.ROOT, "%.2e", value)
        : metric.endsWith("(dB)")
            ? String.format(Locale.ROOT, "%.2f", value)
            : String.format(Locale.ROOT, "%.4f", value);
  }

  private void cells() {
    cells("Devices", report.deviceRuns());
    cells("Measured again to confirm regressions", report.confirmations());
  }

  private void cells(String title, List<DeviceRunResult> cells) {
    if (cells.isEmpty()) {
      return;
    }
    heading(title);
    Table table =
        new Table(
            "variant",
            "device",
            "delegate",
            "threads",
            "outcome",
            "validity",
            "runs",
            "p50 (ms)",
            "95 % interval",
            "p90 (ms)",
            "p99 (ms)",
            "init (ms)",
            "pre p50 (ms)",
            "post p50 (ms)",
            "peak memory (MB)",
            "delegated");
    for (DeviceRunResult c : cells) {
      table.row(
          c.variant(),
          c.device().name(),
          c.delegate().name(),
          Integer.toString(c.threads()),
          c.outcome().name().toLowerCase(Locale.ROOT),
          c.validity()
              .map(v -> v.validity().name().toLowerCase(Locale.ROOT).replace('_', ' '))
              .orElse(ABSENT),
          runs(c),
          millis(percentile(c, Phase.INFERENCE, 50)),
          c.validity()
              .flatMap(v -> v.medianInterval())
              .map(i -> ms(i.low() / 1000) + " to " + ms(i.high() / 1000))
              .orElse(ABSENT),
          millis(percentile(c, Phase.INFERENCE, 90)),
          millis(percentile(c, Phase.INFERENCE, 99)),
          millis(c.metrics().flatMap(m -> m.init())),
          millis(percentile(c, Phase.PREPROCESSING, 50)),
          millis(percentile(c, Phase.POSTPROCESSING, 50)),
          c.metrics()
              .flatMap(m -> m.value(Metric.PEAK_MEMORY))
              .map(m -> String.format(Locale.ROOT, "%.1f", m.in(Unit.MEGABYTES)))
              .orElse(ABSENT),
          share(c));
    }
    out.append(table);
    for (DeviceRunResult c : cells) {
      c.reason()
          .ifPresent(
              r ->
                  line(
                      "\n**"
                          + escape(c.cell())
                          + " on "
                          + escape(c.device().name())
                          + " "
                          + c.outcome().name().toLowerCase(Locale.ROOT)
                          + ":** "
                          + escape(r)));
    }
  }

  private static String runs(DeviceRunResult c) {
    OptionalLong count = c.metrics().map(m -> m.latency().count()).orElse(OptionalLong.empty());
    return count.isPresent() ? Long.toString(count.getAsLong()) : ABSENT;
  }

  private static Optional<Measurement> percentile(DeviceRunResult c, Phase phase, int percent) {
    return c.metrics().map(m -> m.latency(phase)).flatMap((Latency l) -> l.percentile(percent));
  }

  private static String share(DeviceRunResult c) {
    OptionalDouble share = c.metrics().map(m -> m.delegatedShare()).orElse(OptionalDouble.empty());
    return share.isPresent()
        ? String.format(Locale.ROOT, "%.0f %%", share.getAsDouble() * 100)
        : ABSENT;
  }

  private static String millis(Optional<Measurement> m) {
    return m.map(v -> ms(v.in(Unit.MILLISECONDS))).orElse(ABSENT);
  }

  private static String ms(double value) {
    return String.format(Locale.ROOT, value < 10 ? "%.3f" : "%.1f", value);
  }

  private void classes() {
    List<Map.Entry<String, EvaluationResult>> all = new ArrayList<>();
    report.sourceEvaluation().ifPresent(e -> all.add(Map.entry("source", e)));
    report
        .variants()
        .forEach(v -> v.evaluation().ifPresent(e -> all.add(Map.entry(v.variant(), e))));
    if (all.isEmpty()) {
      return;
    }
    heading("Classes");
    Table table =
        new Table("variant", "class", "items", "precision", "recall", "average precision");
    for (Map.Entry<String, EvaluationResult> e : all) {
      for (EvaluationResult.ClassResult c : e.getValue().classes()) {
        table.row(
            e.getKey(),
            c.label(),
            Long.toString(c.samples()),
            ratio(c.precision()),
            ratio(c.recall()),
            ratio(c.averagePrecision()));
      }
    }
    out.append(table);
  }

  private static String ratio(OptionalDouble value) {
    return value.isPresent() ? String.format(Locale.ROOT, "%.4f", value.getAsDouble()) : ABSENT;
  }

  private void origin() {
    heading("Where it comes from");
    line("- experiment fingerprint: `" + report.fingerprint() + "`");
    report.source().ifPresent(m -> line("- source: `" + m.sha256() + "` " + escape(m.toString())));
    report
        .trained()
        .ifPresent(
            t ->
                line(
                    "- training: "
                        + escape(
                            t.properties().entrySet().stream()
                                .map(p -> p.getKey() + " " + p.getValue())
                                .collect(Collectors.joining(", ")))));
    for (VariantResult v : report.variants()) {
      v.converted()
          .ifPresent(c -> line("- " + escape(v.variant()) + ": `" + c.model().sha256() + "`"));
    }
    report.environment().forEach((k, v) -> line("- " + escape(k) + ": " + escape(v)));
  }

  private void heading(String title) {
    line("");
    line("## " + title);
    line("");
  }

  private void line(String text) {
    out.append(text).append('\n');
  }

  /** Keeps names from being read as Markdown or HTML. */
  static String escape(String text) {
    return text.replace("\\", "\\\\")
        .replace("|", "\\|")
        .replace("<", "&lt;")
        .replace("*", "\\*")
        .replace("`", "\\`")
        .replace("[", "\\[")
        .replace("]", "\\]")
        .replace("\r", " ")
        .replace("\n", " ");
  }

  /** A table whose columns are aligned in the source as well. */
  private static final class Table {
    private final List<String[]> rows = new ArrayList<>();

    Table(String... header) {
      rows.add(header);
    }

    void row(String... cells) {
      String[] escaped = new String[cells.length];
      for (int i = 0; i < cells.length; i++) {
        escaped[i] = escape(cells[i]);
      }
      rows.add(escaped);
    }

    @Override
    public String toString() {
      int columns = rows.get(0).length;
      int[] width = new int[columns];
      for (String[] row : rows) {
        for (int i = 0; i < columns; i++) {
          width[i] = Math.max(width[i], row[i].length());
        }
      }
      StringBuilder s = new StringBuilder();
      for (int r = 0; r < rows.size(); r++) {
        for (int i = 0; i < columns; i++) {
          String cell = rows.get(r)[i];
          s.append(i == 0 ? "| " : " | ").append(cell);
          s.append(" ".repeat(width[i] - cell.length()));
        }
        s.append(" |\n");
        if (r == 0) {
          for (int i = 0; i < columns; i++) {
            s.append("|").append("-".repeat(width[i] + 2));
          }
          s.append("|\n");
        }
      }
      return s.toString();
    }
  }
}
