package io.jetfire.report;

import io.jetfire.EvaluationResult;
import io.jetfire.VariantResult;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** What the evaluations measured per class, and which class was taken for which. */
final class Evaluations {
  /** Shades of the confusion matrix, from none to all of a row. */
  private static final int SHADES = 8;

  private final List<Named> evaluations = new ArrayList<>();

  private record Named(String variant, String executor, EvaluationResult result) {}

  Evaluations(Cells cells) {
    cells
        .report()
        .sourceEvaluation()
        .ifPresent(e -> evaluations.add(new Named("source model", e.executor(), e)));
    for (VariantResult variant : cells.report().variants()) {
      // One per variant, as other delegates differ little; the JSON report has them all.
      variant
          .evaluation()
          .ifPresent(e -> evaluations.add(new Named(variant.variant(), e.executor(), e)));
    }
  }

  boolean isEmpty() {
    return evaluations.stream().allMatch(e -> e.result().classes().isEmpty());
  }

  void write(Html html) {
    Table table = new Table("classes", "Classes");
    table
        .text("variant", "")
        .text("executed by", "What ran the model")
        .text("class", "")
        .number("items", "True items of the class")
        .number("precision", "Right predictions over predictions")
        .number("recall", "Right predictions over true items")
        .number("average precision", "Area under the precision-recall curve");
    for (Named named : evaluations) {
      for (EvaluationResult.ClassResult result : named.result().classes()) {
        table.row(
            Map.of("variant", named.variant()),
            List.of(
                Table.Cell.text(named.variant()),
                Table.Cell.text(named.executor()),
                Table.Cell.text(result.label()),
                Table.Cell.number(String.valueOf(result.samples()), result.samples()),
                ratio(result.precision()),
                ratio(result.recall()),
                ratio(result.averagePrecision())));
      }
    }
    table.write(html);
    for (Named named : evaluations) {
      confusion(html, named);
    }
  }

  private static Table.Cell ratio(OptionalDouble value) {
    return value.isPresent()
        ? Table.Cell.number(Numbers.metric("", value.getAsDouble()), value.getAsDouble())
        : Table.Cell.absent();
  }

  private static void confusion(Html html, Named named) {
    List<List<Long>> matrix = named.result().confusion();
    if (matrix.isEmpty()) {
      return;
    }
    String name = named.variant() + ", " + named.executor();
    html.open("details").element("summary", "Confusion matrix: " + name);
    html.open(
        "div",
        "class",
        "scroll",
        "role",
        "region",
        "tabindex",
        "0",
        "aria-label",
        "Confusion matrix of " + name);
    html.open("table", "class", "confusion").open("thead").open("tr");
    html.element("th", "true class, by row", "scope", "col");
    for (int i = 0; i < matrix.size(); i++) {
      html.element("th", label(named, i), "scope", "col", "class", "n");
    }
    html.close().close().open("tbody");
    for (int row = 0; row < matrix.size(); row++) {
      confusionRow(html, label(named, row), matrix.get(row), row);
    }
    html.close().close().close();
    html.element(
        "p", "Columns are what the model said; shades are shares of the row.", "class", "note");
    html.close();
  }

  private static void confusionRow(Html html, String label, List<Long> counts, int diagonal) {
    long total = Math.max(1, counts.stream().mapToLong(c -> c).sum());
    html.open("tr").element("th", label, "scope", "row");
    for (int i = 0; i < counts.size(); i++) {
      long count = counts.get(i);
      // Rounded up, so that a single mistake is seen.
      long shade = (long) Math.ceil((double) count * SHADES / total);
      html.element(
          "td",
          String.valueOf(count),
          "class",
          "n " + (i == diagonal ? "right" : "wrong") + " shade" + shade);
    }
    html.close();
  }

  private static String label(Named named, int index) {
    List<EvaluationResult.ClassResult> classes = named.result().classes();
    return index < classes.size() ? classes.get(index).label() : String.valueOf(index);
  }
}
