package io.jetfire.core.internal.gate;

import io.jetfire.Gate;
import io.jetfire.GateResult;
import io.jetfire.GateResult.Verdict;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;

/** Holds plain numbers against bounds. */
final class Numbers {
  private Numbers() {}

  static GateResult judge(
      Gate gate,
      Optional<String> variant,
      Optional<String> cell,
      double value,
      String evidence,
      Optional<Double> baseline,
      boolean lessIsBetter) {
    double bound = gate.limit();
    String held = evidence;
    boolean atMost = gate.bound() == Gate.Bound.AT_MOST;
    if (gate.bound() == Gate.Bound.REGRESSION_AT_MOST) {
      if (baseline.isEmpty()) {
        return undecided(
            gate,
            variant,
            cell,
            evidence
                + "; there is nothing to compare it with"
                + gate.baselineVariant()
                    .map(v -> ": variant " + v + " has no such value")
                    .orElse(""));
      }
      double room = Math.abs(baseline.get()) * gate.limit();
      bound = lessIsBetter ? baseline.get() + room : baseline.get() - room;
      atMost = lessIsBetter;
      held = evidence + String.format(Locale.ROOT, ", the baseline %.6g", baseline.get());
    }
    boolean pass = atMost ? value <= bound : value >= bound;
    return new GateResult(
        gate,
        pass ? Verdict.PASS : Verdict.FAIL,
        variant,
        cell,
        OptionalDouble.of(value),
        OptionalDouble.of(bound),
        held);
  }

  static GateResult undecided(
      Gate gate, Optional<String> variant, Optional<String> cell, String evidence) {
    return new GateResult(
        gate,
        Verdict.UNDECIDED,
        variant,
        cell,
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        evidence);
  }
}
