package io.jetfire.junit;

import io.jetfire.Comparison;
import io.jetfire.DeviceRunResult;
import io.jetfire.Gate;
import io.jetfire.GateResult;
import io.jetfire.GateResult.Verdict;
import io.jetfire.Outcome;
import io.jetfire.Report;
import io.jetfire.RunState;
import io.jetfire.Validity;
import java.util.List;
import java.util.stream.Collectors;
import org.assertj.core.api.AbstractAssert;

/**
 * Assertions on what came out of a run. An undecided gate is no pass: its assertion fails, and says
 * what would decide it.
 */
public final class ReportAssert extends AbstractAssert<ReportAssert, Report> {
  ReportAssert(Report report) {
    super(report, ReportAssert.class);
  }

  /**
   * Wants the run to have come to its end, all variants converted and all cells passed.
   *
   * @return this
   */
  public ReportAssert isComplete() {
    isNotNull();
    if (actual.state() != RunState.COMPLETED) {
      failWithMessage("Expected a completed run, but it is %s: %s", actual.state(), actual);
    }
    String variants =
        actual.variants().stream()
            .filter(v -> v.failure().isPresent())
            .map(v -> v.variant() + ": " + v.failure().orElse(""))
            .collect(Collectors.joining("; "));
    String cells =
        actual.deviceRuns().stream()
            .filter(r -> r.outcome() != Outcome.PASSED)
            .map(r -> r.cell() + " " + r.outcome() + r.reason().map(x -> ": " + x).orElse(""))
            .collect(Collectors.joining("; "));
    if (!variants.isEmpty() || !cells.isEmpty()) {
      failWithMessage(
          "Expected every conversion and every cell to pass, but of variants failed [%s], of cells"
              + " [%s]",
          variants, cells);
    }
    return this;
  }

  /**
   * Wants every gate of the experiment to pass.
   *
   * @return this
   */
  public ReportAssert passesItsGates() {
    isNotNull();
    judge(actual.gates());
    return this;
  }

  /**
   * Wants a gate to pass.
   *
   * @param gate the gate
   * @return this
   */
  public ReportAssert passes(Gate gate) {
    isNotNull();
    judge(gate.judge(actual));
    return this;
  }

  /**
   * Wants a gate to pass, bounds on regression against an earlier run.
   *
   * @param gate the gate
   * @param baseline what came out of the earlier run
   * @return this
   */
  public ReportAssert passes(Gate gate, Report baseline) {
    isNotNull();
    judge(gate.judge(actual, baseline));
    return this;
  }

  /**
   * Wants no cell to be slower than in the experiment's baseline. A comparison that cannot be
   * decided is no regression; bound it with a gate if it must be decided.
   *
   * @return this
   */
  public ReportAssert hasNoRegressions() {
    isNotNull();
    if (actual.baseline().isEmpty()) {
      failWithMessage(
          "Expected no regressions, but %s is compared with nothing; name an earlier run with"
              + " Experiment.baseline",
          actual);
    }
    String worse =
        actual.comparisons().stream()
            .filter(c -> c.comparison().decision() == Comparison.Decision.WORSE)
            .map(c -> c.cell() + " on " + c.device().name() + ": " + c.comparison().reason())
            .collect(Collectors.joining("\n  "));
    if (!worse.isEmpty()) {
      failWithMessage("Expected no regressions, but:\n  %s", worse);
    }
    return this;
  }

  /**
   * Wants the latency of every cell to be usable.
   *
   * @return this
   */
  public ReportAssert hasValidMeasurements() {
    isNotNull();
    String bad =
        actual.deviceRuns().stream()
            .filter(ReportAssert::unusable)
            .map(
                r ->
                    r.cell()
                        + ": "
                        + r.validity().map(v -> v.validity() + ", " + v.reason()).orElse("none"))
            .collect(Collectors.joining("; "));
    if (!bad.isEmpty()) {
      failWithMessage("Expected valid measurements, but [%s]", bad);
    }
    return this;
  }

  private static boolean unusable(DeviceRunResult result) {
    return result.validity().map(v -> v.validity() != Validity.VALID).orElse(true);
  }

  /**
   * Starts an assertion on a percentile of the inference latency, of all cells unless narrowed.
   *
   * @param percentile 5, 50, 90, 95 or 99
   * @return the assertion, to be narrowed and bounded
   */
  public LatencyAssert latency(int percentile) {
    isNotNull();
    return LatencyAssert.of(this, percentile);
  }

  /** Fails with every result that is no pass. */
  void judge(List<GateResult> results) {
    String bad =
        results.stream()
            .filter(r -> r.verdict() != Verdict.PASS)
            .map(ReportAssert::text)
            .collect(Collectors.joining("\n  "));
    if (!bad.isEmpty()) {
      failWithMessage("Expected every gate to pass, but:\n  %s", bad);
    }
  }

  private static String text(GateResult r) {
    return r.verdict()
        + " "
        + r.gate()
        + r.cell().or(r::variant).map(c -> " in " + c).orElse("")
        + ": "
        + r.evidence();
  }

  Report report() {
    return actual;
  }
}
