package io.jetfire.report;

import io.jetfire.EvaluationResult;
import io.jetfire.Model;
import io.jetfire.Report;
import io.jetfire.VariantResult;
import io.jetfire.report.Table.Cell;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Where the files and numbers come from: hashes, versions, settings. */
final class Origin {
  private final Report report;
  private final Cells cells;

  Origin(Cells cells) {
    this.cells = cells;
    report = cells.report();
  }

  void write(Html html) {
    html.open("section").element("h2", "Where it comes from");
    Table table = new Table("origin", "Files and data");
    table
        .prose("what", "")
        .optional("made from", "First digits of its SHA-256")
        .optional("file", "")
        .number("bytes", "")
        .prose("SHA-256 or fingerprint", "");
    fingerprint(table, "experiment", report.fingerprint());
    Set<String> datasets = new LinkedHashSet<>();
    report.sourceEvaluation().ifPresent(e -> dataset(table, e, datasets));
    report.variants().stream()
        .flatMap(variant -> variant.evaluations().values().stream())
        .forEach(e -> dataset(table, e, datasets));
    report
        .source()
        .ifPresent(
            model ->
                file(
                    table,
                    report.trained().isPresent() ? "trained model" : "source model",
                    "",
                    model));
    for (VariantResult variant : report.variants()) {
      variant
          .converted()
          .ifPresent(
              c ->
                  file(
                      table,
                      variant.variant(),
                      c.sourceSha256().substring(0, Math.min(12, c.sourceSha256().length())),
                      c.model()));
    }
    table.write(html);
    properties(html, "Made with", report.environment());
    report.trained().ifPresent(trained -> properties(html, "Training", trained.properties()));
    for (VariantResult variant : report.variants()) {
      variant
          .converted()
          .ifPresent(c -> properties(html, "Conversion of " + variant.variant(), c.properties()));
    }
    html.close().newline();
  }

  private static void fingerprint(Table table, String what, String fingerprint) {
    table.row(
        Map.of(),
        List.of(
            Cell.text(what), Cell.text(""), Cell.text(""), Cell.absent(), Cell.code(fingerprint)));
  }

  private static void dataset(Table table, EvaluationResult evaluation, Set<String> seen) {
    if (seen.add(evaluation.datasetFingerprint())) {
      fingerprint(
          table,
          "evaluation data: "
              + evaluation.dataset()
              + ", "
              + Numbers.plural(evaluation.samples(), "sample"),
          evaluation.datasetFingerprint());
    }
  }

  private static void file(Table table, String what, String madeFrom, Model model) {
    table.row(
        Map.of(),
        List.of(
            Cell.text(what),
            Cell.code(madeFrom),
            Cell.code(name(model.path())).title(model.path().toString()),
            Cell.number(String.valueOf(model.sizeBytes()), model.sizeBytes()),
            Cell.code(model.sha256())));
  }

  private static void properties(Html html, String title, Map<String, String> properties) {
    if (properties.isEmpty()) {
      return;
    }
    html.open("details").element("summary", title).open("dl");
    properties.forEach((key, value) -> html.element("dt", key).element("dd", value));
    html.close().close();
  }

  static String name(Path path) {
    Path name = path.getFileName();
    return name == null ? path.toString() : name.toString();
  }
}
