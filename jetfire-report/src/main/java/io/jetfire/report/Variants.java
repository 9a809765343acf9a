package io.jetfire.report;

import io.jetfire.Delegate;
import io.jetfire.EvaluationResult;
import io.jetfire.Model;
import io.jetfire.Recipe;
import io.jetfire.Report;
import io.jetfire.VariantResult;
import io.jetfire.report.Table.Cell;
import io.jetfire.report.Table.Tone;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;

/** The table of what variants are worth on the host. */
final class Variants {
  private final Report report;
  private final Cells cells;

  Variants(Cells cells) {
    this.cells = cells;
    report = cells.report();
  }

  void write(Html html) {
    if (report.variants().isEmpty() && report.source().isEmpty()) {
      return;
    }
    html.open("section").element("h2", "Variants on the host");
    Set<String> metrics = new LinkedHashSet<>();
    report.sourceEvaluation().ifPresent(e -> metrics.addAll(e.metrics().keySet()));
    report.variants().stream()
        .flatMap(variant -> variant.evaluations().values().stream())
        .forEach(e -> metrics.addAll(e.metrics().keySet()));
    cells
        .primaryMetric()
        .filter(metrics::remove)
        .ifPresent(
            primary -> {
              List<String> rest = new ArrayList<>(metrics);
              metrics.clear();
              metrics.add(primary);
              metrics.addAll(rest);
            });
    Table table = new Table("variants", "Variants on the host");
    table
        .text("variant", "")
        .optional("recipe", "What the conversion did to precision")
        .optional("executed by", "What ran the model")
        .number("size", "Of the model's file; 1 kB is 1000 bytes")
        .number("of largest", "Size over that of the largest variant")
        .number("drop", "Source model's minus the variant's value of the first metric");
    metrics.forEach(metric -> table.number(metric, ""));
    report.source().ifPresent(model -> table.row(Map.of(), sourceRow(model, metrics)));
    for (VariantResult variant : report.variants()) {
      variantRows(table, variant, metrics);
    }
    table.write(html);
    report.trained().ifPresent(trained -> new Training(trained).write(html));
    for (VariantResult variant : report.variants()) {
      List<String> notes = variant.converted().map(c -> c.notes()).orElse(List.of());
      if (!notes.isEmpty()) {
        html.open("details");
        html.element("summary", "Notes on the conversion of " + variant.variant()).open("ul");
        notes.forEach(note -> html.element("li", note));
        html.close().close();
      }
    }
    html.close().newline();
  }

  private List<Cell> sourceRow(Model model, Set<String> metrics) {
    List<Cell> row = new ArrayList<>();
    row.add(Cell.text(report.trained().isPresent() ? "trained model" : "source model"));
    row.add(Cell.text(""));
    row.add(Cell.text(report.sourceEvaluation().map(EvaluationResult::executor).orElse("")));
    row.add(Cells.size(OptionalDouble.of(model.sizeBytes())));
    row.add(Cell.absent());
    row.add(Cell.absent());
    metrics.forEach(
        metric -> row.add(Cells.metric(metric, value(report.sourceEvaluation(), metric))));
    return row;
  }

  private void variantRows(Table table, VariantResult variant, Set<String> metrics) {
    List<Map.Entry<String, Optional<EvaluationResult>>> rows = new ArrayList<>();
    for (Map.Entry<Delegate, EvaluationResult> e : variant.evaluations().entrySet()) {
      rows.add(Map.entry(e.getValue().executor(), Optional.of(e.getValue())));
    }
    if (rows.isEmpty()) {
      rows.add(Map.entry("", Optional.empty()));
    }
    double largest =
        report.variants().stream()
            .mapToDouble(v -> cells.sizeBytes(v.variant()).orElse(0))
            .max()
            .orElse(0);
    OptionalDouble bytes = cells.sizeBytes(variant.variant());
    for (Map.Entry<String, Optional<EvaluationResult>> entry : rows) {
      List<Cell> row = new ArrayList<>();
      row.add(Cell.text(variant.variant()));
      row.add(
          variant.failure().isPresent()
              ? Cell.badge("failed", Tone.BAD, 0).title(variant.failure().get())
              : Cell.text(variant.converted().map(c -> recipe(c.recipe())).orElse("")));
      row.add(Cell.text(entry.getKey()));
      row.add(Cells.size(bytes));
      row.add(
          bytes.isPresent()
              ? Cell.number(
                  Numbers.percent(bytes.getAsDouble() / largest), bytes.getAsDouble() / largest)
              : Cell.absent());
      row.add(Cells.drop(cells.drop(entry.getValue())));
      metrics.forEach(metric -> row.add(Cells.metric(metric, value(entry.getValue(), metric))));
      table.row(Map.of("variant", variant.variant()), row);
    }
  }

  private static String recipe(Recipe recipe) {
    int rules = recipe.rules().size();
    return Numbers.words(recipe.precision())
        + (rules == 0 ? "" : " with " + Numbers.plural(rules, "rule"));
  }

  private static OptionalDouble value(Optional<EvaluationResult> evaluation, String metric) {
    return evaluation.map(e -> e.metric(metric)).orElse(OptionalDouble.empty());
  }
}
