package io.jetfire.report;

import io.jetfire.DeviceRunResult;
import io.jetfire.EvaluationResult;
import io.jetfire.Metric;
import io.jetfire.Phase;
import io.jetfire.Report;
import io.jetfire.Unit;
import io.jetfire.report.Table.Cell;
import io.jetfire.report.Table.Tone;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/** The table and the picture of what devices measured. */
final class Results {
  private final Report report;
  private final Cells cells;

  /** Then it is said once, above the table, and not in every row. */
  private final boolean oneDevice;

  Results(Cells cells) {
    this.cells = cells;
    report = cells.report();
    oneDevice =
        report.deviceRuns().stream()
                .map(cell -> Cells.device(cell) + Cells.os(cell) + cell.tiers())
                .distinct()
                .count()
            == 1;
  }

  void write(Html html) {
    if (report.deviceRuns().isEmpty()) {
      return;
    }
    html.open("section", "id", "results", "class", "filtered");
    html.element("h2", "Variants on devices");
    if (oneDevice) {
      DeviceRunResult first = report.deviceRuns().get(0);
      html.element("p", "All on " + Cells.device(first) + ", " + Cells.os(first), "class", "facts");
    }
    html.open("div", "class", "filters", "hidden", "hidden").close();
    Picture picture = new Picture(cells);
    if (picture.isWorthwhile()) {
      picture.write(html);
    }
    Table table = new Table("cells", "Variants on devices");
    String accuracy = cells.primaryMetric().orElse("accuracy");
    table
        .text("variant", "")
        .optional("device", "")
        .optional("OS", "")
        .text("delegate", "What was to execute the operators")
        .number("threads", "")
        .number("size", "Of the model's file; 1 kB is 1000 bytes")
        .number(accuracy, "On the host, with the same delegate where that was evaluated")
        .number("drop", "Source model's minus the variant's " + accuracy)
        .number("p50 ms", "Median latency of one inference")
        .number("95 % interval", "Of the median, which respects autocorrelation and sessions")
        .number("p90 ms", "Nine of ten inferences are not slower")
        .optional("validity", "Whether the latency can be used")
        .text("outcome", "How the measurement ended")
        .number("p99 ms", "99 of 100 inferences are not slower")
        .number("runs", "Measured inferences")
        .number("pre ms", "Median of preprocessing")
        .number("post ms", "Median of post-processing")
        .number("init ms", "From the file to a runnable interpreter")
        .number("first ms", "First inference")
        .number("memory MB", "Peak memory")
        .number("delegated", "Share of the nodes that the delegate executed");
    for (DeviceRunResult cell : report.deviceRuns()) {
      table.row(Cells.data(cell), row(cell));
    }
    table.write(html);
    html.element("p", "", "class", "note shown", "aria-live", "polite");
    html.close().newline();
  }

  private List<Cell> row(DeviceRunResult cell) {
    Optional<EvaluationResult> evaluation = cells.evaluation(cell);
    return List.of(
        Cell.text(cell.variant()),
        Cell.text(oneDevice ? "" : cell.device().name())
            .title(
                cell.farm()
                    + ": "
                    + cell.device().id()
                    + (cell.tiers().isEmpty() ? "" : "; tier " + String.join(", ", cell.tiers()))),
        Cell.text(oneDevice ? "" : Cells.os(cell)),
        Cell.text(cell.delegate().name()),
        Cell.number(String.valueOf(cell.threads()), cell.threads()),
        Cells.size(cells.sizeBytes(cell.variant())),
        Cells.metric("", Cells.primary(evaluation)),
        Cells.drop(cells.drop(evaluation)),
        Cell.number(Cells.percentile(cell, Phase.INFERENCE, 50)),
        interval(cell),
        Cell.number(Cells.percentile(cell, Phase.INFERENCE, 90)),
        cell.validity()
            .map(v -> Cells.validity(v.validity()).title(v.reason()))
            .orElseGet(Cell::absent),
        Cells.outcome(cell.outcome()).title(cell.reason().orElse("")),
        Cell.number(Cells.percentile(cell, Phase.INFERENCE, 99)),
        runs(cell),
        Cell.number(Cells.percentile(cell, Phase.PREPROCESSING, 50)),
        Cell.number(Cells.percentile(cell, Phase.POSTPROCESSING, 50)),
        Cell.number(Cells.millis(cell.metrics().flatMap(m -> m.init()))),
        Cell.number(Cells.millis(cell.metrics().flatMap(m -> m.firstInference()))),
        Cell.number(Cells.value(cell, Metric.PEAK_MEMORY, Unit.MEGABYTES)),
        delegated(cell));
  }

  private static Cell interval(DeviceRunResult cell) {
    return Cells.interval(cell)
        .map(
            i -> {
              int decimals = Math.max(1, Math.min(3, Numbers.decimals(i.high() - i.low())));
              String text =
                  Numbers.fixed(i.low(), decimals) + " – " + Numbers.fixed(i.high(), decimals);
              return Cell.number(text, i.high() - i.low());
            })
        .orElseGet(Cell::absent);
  }

  private static Cell runs(DeviceRunResult cell) {
    OptionalLong count = cell.metrics().map(m -> m.latency().count()).orElse(OptionalLong.empty());
    return count.isPresent()
        ? Cell.number(String.valueOf(count.getAsLong()), count.getAsLong())
        : Cell.absent();
  }

  private static Cell delegated(DeviceRunResult cell) {
    OptionalDouble share =
        cell.metrics().map(m -> m.delegatedShare()).orElse(OptionalDouble.empty());
    if (cell.metrics().map(m -> m.silentCpuFallback()).orElse(false)) {
      return Cell.badge("fell back to CPU", Tone.WARN, 0)
          .title("The delegate was asked for and did not execute the model; the log does not fail");
    }
    return share.isPresent()
        ? Cell.number(Numbers.percent(share.getAsDouble()), share.getAsDouble())
        : Cell.absent();
  }
}
