package io.jetfire.core.internal.gate;

import io.jetfire.CellComparison;
import io.jetfire.Comparison;
import io.jetfire.Comparison.Decision;
import io.jetfire.DeviceRunResult;
import io.jetfire.Experiment;
import io.jetfire.Gate;
import io.jetfire.GateResult;
import io.jetfire.GateResult.Verdict;
import io.jetfire.Metrics;
import io.jetfire.Phase;
import io.jetfire.Report;
import io.jetfire.Samples;
import io.jetfire.core.internal.stats.Regressions;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Compares cells with an earlier run, and finds those to measure again. */
public final class BaselineComparisons {
  private static final int MEDIAN = 50;

  private BaselineComparisons() {}

  /**
   * Compares the cells of a run with those of an earlier one.
   *
   * @param report the run
   * @param baseline the earlier run
   * @param margin the difference that does not count
   * @return one per cell with raw samples in both
   */
  public static List<CellComparison> of(Report report, Report baseline, double margin) {
    List<CellComparison> comparisons = new ArrayList<>();
    for (DeviceRunResult cell : report.deviceRuns()) {
      Optional<DeviceRunResult> before =
          Gates.same(baseline.deviceRuns(), cell, cell.variant())
              .filter(BaselineComparisons::measured);
      if (before.isPresent() && measured(cell)) {
        comparisons.add(compare(report, cell, before.get(), margin));
      }
    }
    return comparisons;
  }

  private static CellComparison compare(
      Report report, DeviceRunResult cell, DeviceRunResult before, double margin) {
    Comparison first = comparison(before, cell, margin);
    Optional<DeviceRunResult> again =
        Gates.same(report.confirmations(), cell, cell.variant())
            .filter(c -> first.decision() == Decision.WORSE);
    Comparison said = first;
    if (again.isPresent()) {
      said =
          measured(again.get())
              ? Regressions.confirm(first, comparison(before, again.get(), margin))
              : unconfirmed(first, again.get());
    }
    return new CellComparison(
        cell.variant(),
        cell.cell(),
        cell.farm(),
        cell.device(),
        said,
        again.isPresent() ? Optional.of(first) : Optional.empty());
  }

  private static Comparison unconfirmed(Comparison first, DeviceRunResult again) {
    return new Comparison(
        Decision.CANNOT_TELL,
        first.reason() + "; not confirmed: " + again.reason().orElse("the re-run has no numbers"),
        first.margin(),
        first.baselineMicros(),
        first.candidateMicros(),
        first.change(),
        first.interval(),
        first.baselineSessions(),
        first.candidateSessions(),
        first.moreSessions());
  }

  private static Comparison comparison(
      DeviceRunResult before, DeviceRunResult after, double margin) {
    return Regressions.compare(samples(before), samples(after), margin, MEDIAN);
  }

  private static List<Samples> samples(DeviceRunResult cell) {
    return cell.metrics().map(m -> m.samples(Phase.INFERENCE)).orElse(List.of());
  }

  private static boolean measured(DeviceRunResult cell) {
    return cell.metrics().filter(m -> m.ending() != Metrics.Ending.FAILED).isPresent()
        && !samples(cell).isEmpty();
  }

  /**
   * Finds cells that look like regressions, and those that they are held against.
   *
   * @param experiment whose gates and baseline count
   * @param part a report with the cells of one device
   * @param baseline the earlier run, if there is one
   * @return ids of cells
   */
  public static Set<String> suspects(
      Experiment experiment, Report part, Optional<Report> baseline) {
    Set<String> cells = new LinkedHashSet<>();
    baseline.ifPresent(
        b ->
            of(part, b, experiment.baseline().orElseThrow().margin()).stream()
                .filter(c -> c.comparison().decision() == Decision.WORSE)
                .forEach(c -> cells.add(c.cell())));
    for (Gate gate : experiment.gates()) {
      if (gate.bound() == Gate.Bound.REGRESSION_AT_MOST && ofTime(gate)) {
        for (GateResult r : Gates.judge(List.of(gate), part, baseline)) {
          if (r.verdict() == Verdict.FAIL) {
            addWithCounterpart(gate, r, part, cells);
          }
        }
      }
    }
    return cells;
  }

  private static boolean ofTime(Gate gate) {
    return switch (gate.subject()) {
      case LATENCY, PREPROCESSING, POSTPROCESSING -> true;
      default -> false;
    };
  }

  private static void addWithCounterpart(
      Gate gate, GateResult failed, Report part, Set<String> cells) {
    for (DeviceRunResult cell : part.deviceRuns()) {
      if (failed.cell().map(cell.cell()::equals).orElse(false)) {
        cells.add(cell.cell());
        gate.baselineVariant()
            .flatMap(v -> Gates.same(part.deviceRuns(), cell, v))
            .ifPresent(c -> cells.add(c.cell()));
      }
    }
  }
}
