package io.jetfire.core.internal.gate;

import io.jetfire.Delegate;
import io.jetfire.DeviceRunResult;
import io.jetfire.Experiment;
import io.jetfire.Gate;
import io.jetfire.GateResult;
import io.jetfire.GateResult.Verdict;
import io.jetfire.GateSelector;
import io.jetfire.Report;
import io.jetfire.VariantResult;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;

/** Judges gates on what reports show. */
public final class Gates {
  private Gates() {}

  /**
   * Judges an experiment's gates.
   *
   * @param experiment the experiment
   * @param report what came out of it
   * @param baseline what bounds on regression are held against, if there is something
   * @return in the order of the gates, at least one result for each
   */
  public static List<GateResult> judge(
      Experiment experiment, Report report, Optional<Report> baseline) {
    return judge(experiment.gates(), report, baseline);
  }

  /**
   * Judges gates.
   *
   * @param gates the gates
   * @param report what is judged
   * @param baseline what bounds on regression are held against, if there is something
   * @return in the order of the gates, at least one result for each
   */
  public static List<GateResult> judge(List<Gate> gates, Report report, Optional<Report> baseline) {
    List<GateResult> results = new ArrayList<>();
    for (Gate gate : gates) {
      List<GateResult> of =
          ofVariant(gate) ? variants(gate, report, baseline) : cells(gate, report, baseline);
      if (of.isEmpty()) {
        of =
            List.of(
                new GateResult(
                    gate,
                    Verdict.UNDECIDED,
                    gate.selector().variant(),
                    Optional.empty(),
                    OptionalDouble.empty(),
                    OptionalDouble.empty(),
                    "the gate selects nothing in this run; check its selector"));
      }
      results.addAll(of);
    }
    return results;
  }

  private static boolean ofVariant(Gate gate) {
    return switch (gate.subject()) {
      case MODEL_SIZE, EVALUATION, EVALUATION_DROP -> true;
      default -> false;
    };
  }

  private static List<GateResult> cells(Gate gate, Report report, Optional<Report> baseline) {
    List<GateResult> results = new ArrayList<>();
    for (DeviceRunResult cell : report.deviceRuns()) {
      // The CPU is what operators fall back to; it is no delegate that could refuse them.
      boolean noDelegate =
          gate.subject() == Gate.Subject.DELEGATED_SHARE && cell.delegate().equals(Delegate.CPU);
      if (selects(gate.selector(), cell) && !noDelegate) {
        String variant = gate.baselineVariant().orElse(cell.variant());
        Optional<DeviceRunResult> before = counterpart(gate, cell, report, baseline);
        Optional<DeviceRunResult> again = same(report.confirmations(), cell, cell.variant());
        Optional<DeviceRunResult> beforeAgain =
            gate.baselineVariant().isPresent()
                ? same(report.confirmations(), cell, variant)
                : before;
        results.add(new CellJudge(gate, cell).judge(before, again, beforeAgain));
      }
    }
    return results;
  }

  /** Finds the cell of the baseline: the same but for the variant, or the same of another run. */
  private static Optional<DeviceRunResult> counterpart(
      Gate gate, DeviceRunResult cell, Report report, Optional<Report> baseline) {
    if (gate.bound() != Gate.Bound.REGRESSION_AT_MOST) {
      return Optional.empty();
    }
    String variant = gate.baselineVariant().orElse(cell.variant());
    Optional<Report> in = gate.baselineVariant().isPresent() ? Optional.of(report) : baseline;
    return in.flatMap(r -> same(r.deviceRuns(), cell, variant));
  }

  /**
   * Finds the cell of another run, or the cell of another variant in the same run.
   *
   * @param cells where to look
   * @param cell the cell
   * @param variant the variant wanted, the cell's own or another
   * @return the cell on the same farm and device with the same delegate and number of threads
   */
  static Optional<DeviceRunResult> same(
      List<DeviceRunResult> cells, DeviceRunResult cell, String variant) {
    return cells.stream()
        .filter(
            c ->
                c.variant().equals(variant)
                    && c.farm().equals(cell.farm())
                    && c.device().id().equals(cell.device().id())
                    && c.delegate().equals(cell.delegate())
                    && c.threads() == cell.threads())
        .findFirst();
  }

  private static List<GateResult> variants(Gate gate, Report report, Optional<Report> baseline) {
    List<GateResult> results = new ArrayList<>();
    for (VariantResult variant : report.variants()) {
      if (selects(gate.selector(), variant, report)) {
        results.add(VariantJudge.judge(gate, variant, report, baseline));
      }
    }
    return results;
  }

  private static boolean selects(GateSelector s, DeviceRunResult cell) {
    return s.variant().map(cell.variant()::equals).orElse(true)
        && s.delegate().map(cell.delegate()::equals).orElse(true)
        && s.tier().map(cell.tiers()::contains).orElse(true)
        && s.device().map(q -> q.matches(cell.device())).orElse(true)
        && s.os().map(o -> os(o, cell)).orElse(true);
  }

  private static boolean os(String wanted, DeviceRunResult cell) {
    String[] words = wanted.trim().toLowerCase(Locale.ROOT).split(" +", 2);
    return words[0].equals(cell.device().attribute("os").toLowerCase(Locale.ROOT))
        && (words.length == 1 || words[1].equals(cell.device().attribute("version")));
  }

  /** A file is selected by its name, and by devices if it was run on one of them. */
  private static boolean selects(GateSelector s, VariantResult variant, Report report) {
    if (!s.variant().map(variant.variant()::equals).orElse(true)) {
      return false;
    }
    boolean anywhere = s.device().isEmpty() && s.tier().isEmpty() && s.os().isEmpty();
    GateSelector places =
        new GateSelector(s.device(), s.tier(), s.os(), Optional.empty(), Optional.empty());
    return anywhere
        || report.deviceRuns().stream()
            .anyMatch(c -> c.variant().equals(variant.variant()) && selects(places, c));
  }
}
