package io.jetfire.report;

import io.jetfire.DeviceRunResult;
import io.jetfire.Report;
import io.jetfire.Validity;
import io.jetfire.VariantResult;
import io.jetfire.report.Table.Cell;
import io.jetfire.report.Table.Tone;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What failed or cannot be used, why, and what to do. */
final class Faults {
  private final Report report;
  private final Cells cells;

  Faults(Cells cells) {
    this.cells = cells;
    report = cells.report();
  }

  void write(Html html) {
    Table table = new Table("faults", "What did not work");
    table
        .prose("what", "")
        .text("how", "")
        .prose("why", "")
        .prose("what to do", "")
        .optional("log", "");
    for (VariantResult variant : report.variants()) {
      variant
          .failure()
          .ifPresent(
              failure ->
                  table.row(
                      Map.of("variant", variant.variant()),
                      List.of(
                          Cell.text(variant.variant()),
                          Cell.badge("failed", Tone.BAD, 0),
                          Cell.text(failure),
                          Cell.text(""),
                          Cell.text(""))));
    }
    report.deviceRuns().stream()
        .filter(cell -> !Advice.on(cell).isEmpty())
        .forEach(
            cell -> row(table, cell, Cells.outcome(cell.outcome()), why(cell), Advice.on(cell)));
    for (DeviceRunResult cell : report.deviceRuns()) {
      cell.validity()
          .filter(v -> v.validity() != Validity.VALID && Advice.on(cell).isEmpty())
          .ifPresent(v -> row(table, cell, Cells.validity(v.validity()), v.reason(), Advice.on(v)));
    }
    if (!table.isEmpty()) {
      html.open("section").element("h2", "What did not work, and what to do");
      table.write(html);
      html.close().newline();
    }
  }

  private static void row(Table table, DeviceRunResult cell, Cell how, String why, String advice) {
    table.row(
        Cells.data(cell),
        List.of(
            Cell.text(cell.variant() + " on " + Cells.where(cell)),
            how,
            Cell.text(why),
            Cell.text(advice),
            Cell.code(cell.logs().stream().map(Origin::name).collect(Collectors.joining(", ")))));
  }

  private static String why(DeviceRunResult cell) {
    String reason = cell.reason().orElse("The farm gives no reason");
    return cell.metrics()
        .flatMap(metrics -> metrics.failure())
        .filter(failure -> !reason.contains(failure.message()))
        .map(
            failure ->
                reason
                    + " – "
                    + Numbers.words(failure.cause())
                    + (failure.line() > 0 ? ", line " + failure.line() : "")
                    + ": "
                    + failure.message())
        .orElse(reason);
  }
}
