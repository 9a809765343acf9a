package io.jetfire.core.internal.gate;

import io.jetfire.Comparison;
import io.jetfire.DelegatePlacement;
import io.jetfire.DeviceRunResult;
import io.jetfire.Gate;
import io.jetfire.GateResult;
import io.jetfire.GateResult.Verdict;
import io.jetfire.Latency;
import io.jetfire.Measurement;
import io.jetfire.Metric;
import io.jetfire.Metrics;
import io.jetfire.Phase;
import io.jetfire.Samples;
import io.jetfire.Unit;
import io.jetfire.Validity;
import io.jetfire.core.internal.stats.PercentileInterval;
import io.jetfire.core.internal.stats.Regressions;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Judges a gate for one cell.
 *
 * <p>A percentile passes if its 95 % interval is within the bound, fails if the interval is beyond,
 * and is undecided if the bound is inside. Without raw samples the extremes decide where they can:
 * what the slowest run keeps, every percentile keeps.
 */
final class CellJudge {
  private final Gate gate;
  private final DeviceRunResult cell;

  CellJudge(Gate gate, DeviceRunResult cell) {
    this.gate = gate;
    this.cell = cell;
  }

  /**
   * Judges the cell.
   *
   * @param baseline what a bound on regression is held against
   * @param again the cell as it was measured again to confirm a regression
   * @param baselineAgain what that is held against
   * @return the judgement
   */
  GateResult judge(
      Optional<DeviceRunResult> baseline,
      Optional<DeviceRunResult> again,
      Optional<DeviceRunResult> baselineAgain) {
    GateResult first = judge(baseline);
    boolean confirmable =
        gate.bound() == Gate.Bound.REGRESSION_AT_MOST
            && first.verdict() == Verdict.FAIL
            && phase().isPresent();
    if (!confirmable || again.isEmpty()) {
      return first;
    }
    DeviceRunResult second = again.get();
    if (second.metrics().isEmpty()) {
      return with(
          first,
          Verdict.UNDECIDED,
          "; not confirmed: " + second.reason().orElse("the re-run has no numbers"));
    }
    GateResult confirmation = new CellJudge(gate, second).judge(baselineAgain);
    return confirmation.verdict() == Verdict.FAIL
        ? with(first, Verdict.FAIL, "; confirmed by a re-run: " + confirmation.evidence())
        : with(
            first,
            Verdict.UNDECIDED,
            "; the re-run does not confirm it: " + confirmation.evidence());
  }

  private static GateResult with(GateResult first, Verdict verdict, String more) {
    return new GateResult(
        first.gate(),
        verdict,
        first.variant(),
        first.cell(),
        first.observed(),
        first.bound(),
        first.evidence() + more);
  }

  private Optional<Phase> phase() {
    return switch (gate.subject()) {
      case LATENCY -> Optional.of(Phase.INFERENCE);
      case PREPROCESSING -> Optional.of(Phase.PREPROCESSING);
      case POSTPROCESSING -> Optional.of(Phase.POSTPROCESSING);
      default -> Optional.empty();
    };
  }

  private GateResult judge(Optional<DeviceRunResult> baseline) {
    Metrics metrics = cell.metrics().orElse(null);
    if (metrics == null) {
      return undecided(
          "nothing was measured ("
              + cell.outcome()
              + cell.reason().map(r -> ": " + r).orElse("")
              + ")");
    }
    if (metrics.ending() == Metrics.Ending.FAILED) {
      return undecided(
          "the run failed: "
              + metrics.failure().map(f -> f.cause() + ", " + f.message()).orElse(""));
    }
    return switch (gate.subject()) {
      case LATENCY, PREPROCESSING, POSTPROCESSING ->
          phase(metrics, phase().orElseThrow(), baseline);
      case INIT -> single(metrics, Metric.INIT, Unit.MICROSECONDS, baseline);
      case FIRST_INFERENCE -> single(metrics, Metric.FIRST_INFERENCE, Unit.MICROSECONDS, baseline);
      case PEAK_MEMORY -> memory(metrics, baseline);
      case DELEGATED_SHARE -> share(metrics, baseline);
      case MODEL_SIZE, EVALUATION, EVALUATION_DROP ->
          throw new IllegalStateException(gate.subject() + " is not of a cell");
    };
  }

  private GateResult phase(Metrics metrics, Phase phase, Optional<DeviceRunResult> baseline) {
    int percent = gate.percentile().orElse(50);
    List<Samples> samples = metrics.samples(phase);
    if (gate.bound() == Gate.Bound.REGRESSION_AT_MOST) {
      return regression(samples, phase, percent, baseline);
    }
    Latency latency = metrics.latency(phase);
    Optional<Measurement> percentile = latency.percentile(percent);
    if (samples.isEmpty()) {
      return extremes(latency, percentile, percent);
    }
    if (percentile.isEmpty()) {
      return undecided("there are too few runs for p" + percent);
    }
    double value = percentile.get().in(Unit.MICROSECONDS);
    double[] ends = PercentileInterval.of(samples, percent);
    String evidence =
        text(
            "p%d is %.3f ms, 95 %% interval %.3f to %.3f ms",
            percent, value / 1000, ends[0] / 1000, ends[1] / 1000);
    Validity validity = cell.validity().map(v -> v.validity()).orElse(Validity.UNDECIDED);
    boolean inference = phase == Phase.INFERENCE;
    if (inference && validity == Validity.TOO_SHORT) {
      return result(Verdict.UNDECIDED, value, gate.limit(), evidence + "; " + reason());
    }
    boolean atMost = gate.bound() == Gate.Bound.AT_MOST;
    boolean within = atMost ? ends[1] <= gate.limit() : ends[0] >= gate.limit();
    boolean beyond = atMost ? ends[0] > gate.limit() : ends[1] < gate.limit();
    // Heat only makes slower: what a throttled device keeps, a cool one keeps; what it does not
    // keep says nothing of the model.
    if (inference && validity == Validity.THROTTLED && atMost && !within) {
      return result(Verdict.UNDECIDED, value, gate.limit(), evidence + "; " + reason());
    }
    if (within || beyond) {
      return result(within ? Verdict.PASS : Verdict.FAIL, value, gate.limit(), evidence);
    }
    return result(
        Verdict.UNDECIDED,
        value,
        gate.limit(),
        evidence + ", which holds the bound; measure more runs or sessions");
  }

  private String reason() {
    return cell.validity().map(v -> v.reason()).orElse("");
  }

  private GateResult extremes(Latency latency, Optional<Measurement> percentile, int percent) {
    OptionalDouble value =
        percentile
            .map(m -> OptionalDouble.of(m.in(Unit.MICROSECONDS)))
            .orElse(OptionalDouble.empty());
    Optional<Measurement> slowest = latency.max();
    Optional<Measurement> fastest = latency.min();
    boolean atMost = gate.bound() == Gate.Bound.AT_MOST;
    if (slowest.isPresent() && fastest.isPresent()) {
      double max = slowest.get().in(Unit.MICROSECONDS);
      double min = fastest.get().in(Unit.MICROSECONDS);
      boolean pass = atMost ? max <= gate.limit() : min >= gate.limit();
      boolean fail = atMost ? min > gate.limit() : max < gate.limit();
      if (pass || fail) {
        return new GateResult(
            gate,
            pass ? Verdict.PASS : Verdict.FAIL,
            Optional.of(cell.variant()),
            Optional.of(cell.cell()),
            value,
            OptionalDouble.of(gate.limit()),
            text("every run took %.3f to %.3f ms", min / 1000, max / 1000));
      }
    }
    return undecided(
        "the log has no raw samples"
            + (value.isPresent()
                ? text(" (it reports p%d = %.3f ms)", percent, value.getAsDouble() / 1000)
                : "")
            + "; measure with a benchmark that logs every run");
  }

  private GateResult regression(
      List<Samples> samples, Phase phase, int percent, Optional<DeviceRunResult> baseline) {
    if (baseline.isEmpty() || baseline.get().metrics().isEmpty()) {
      return noBaseline();
    }
    if (!(gate.limit() > 0) || gate.limit() >= 1) {
      return undecided(
          "a regression in latency can be bounded by more than 0 % and less than 100 %");
    }
    List<Samples> before = baseline.get().metrics().get().samples(phase);
    Comparison c = Regressions.compare(before, samples, gate.limit(), percent);
    boolean within = c.interval().map(i -> i.high() <= gate.limit()).orElse(false);
    Verdict verdict =
        switch (c.decision()) {
          case WORSE -> Verdict.FAIL;
          case BETTER, SAME -> Verdict.PASS;
          case CANNOT_TELL -> within ? Verdict.PASS : Verdict.UNDECIDED;
        };
    OptionalDouble bound =
        c.baselineMicros().isPresent()
            ? OptionalDouble.of(c.baselineMicros().getAsDouble() * (1 + gate.limit()))
            : OptionalDouble.empty();
    String more =
        verdict == Verdict.UNDECIDED && c.moreSessions().orElse(0) > 0
            ? "; " + c.moreSessions().getAsInt() + " more sessions of each would likely decide it"
            : "";
    return new GateResult(
        gate,
        verdict,
        Optional.of(cell.variant()),
        Optional.of(cell.cell()),
        c.candidateMicros(),
        bound,
        c.reason() + more);
  }

  private GateResult single(
      Metrics metrics, Metric metric, Unit unit, Optional<DeviceRunResult> baseline) {
    Optional<Measurement> value = metrics.value(metric);
    if (value.isEmpty()) {
      return undecided("the log does not tell " + metric);
    }
    return number(
        value.get().in(unit),
        metric + " is " + value.get(),
        baseline.flatMap(b -> b.metrics()).flatMap(m -> m.value(metric)).map(m -> m.in(unit)),
        true);
  }

  private GateResult memory(Metrics metrics, Optional<DeviceRunResult> baseline) {
    Optional<Measurement> growth = metrics.value(Metric.OVERALL_MEMORY);
    if (metrics.peakMemory().isEmpty() && growth.isPresent()) {
      // The peak is at least what memory grew by, so growth can exceed a bound but never keep it.
      double bytes = growth.get().in(Unit.BYTES);
      if (gate.bound() == Gate.Bound.AT_MOST && bytes > gate.limit()) {
        return result(
            Verdict.FAIL, bytes, gate.limit(), "memory grew by " + growth.get() + " already");
      }
      return undecided(
          "the log tells by how much memory grew ("
              + growth.get()
              + "), not its peak; run with --report_peak_memory_footprint=true");
    }
    return single(metrics, Metric.PEAK_MEMORY, Unit.BYTES, baseline);
  }

  private GateResult share(Metrics metrics, Optional<DeviceRunResult> baseline) {
    OptionalDouble share = shareOf(metrics, cell);
    if (share.isEmpty()) {
      return undecided("the log does not tell how operators were placed");
    }
    String evidence =
        metrics.silentCpuFallback()
            ? "the delegate took nothing and the run went on on the CPU"
            : text(
                "%s executes %.1f %% of the operators", cell.delegate(), share.getAsDouble() * 100);
    Optional<Double> before =
        baseline.flatMap(
            b ->
                b.metrics()
                    .map(m -> shareOf(m, b))
                    .filter(OptionalDouble::isPresent)
                    .map(OptionalDouble::getAsDouble));
    return number(share.getAsDouble(), evidence, before, false);
  }

  /** The share of the cell's own delegate: XNNPACK may take what the GPU left. */
  private static OptionalDouble shareOf(Metrics metrics, DeviceRunResult cell) {
    if (metrics.silentCpuFallback()) {
      return OptionalDouble.of(0);
    }
    List<DelegatePlacement> own =
        metrics.placements().stream()
            .filter(p -> p.delegate().equalsIgnoreCase(cell.delegate().name()))
            .toList();
    if (own.isEmpty()) {
      return metrics.placements().size() == 1 ? metrics.delegatedShare() : OptionalDouble.empty();
    }
    boolean counted =
        own.stream().allMatch(p -> p.delegatedNodes().isPresent() && p.totalNodes().isPresent());
    if (!counted) {
      return own.stream()
          .map(DelegatePlacement::share)
          .filter(OptionalDouble::isPresent)
          .mapToDouble(OptionalDouble::getAsDouble)
          .min();
    }
    double taken = own.stream().mapToInt(p -> p.delegatedNodes().orElse(0)).sum();
    double total = own.stream().mapToInt(p -> p.totalNodes().orElse(0)).sum();
    return total > 0 ? OptionalDouble.of(taken / total) : OptionalDouble.empty();
  }

  private GateResult number(
      double value, String evidence, Optional<Double> baseline, boolean lessIsBetter) {
    return Numbers.judge(
        gate,
        Optional.of(cell.variant()),
        Optional.of(cell.cell()),
        value,
        evidence,
        baseline,
        lessIsBetter);
  }

  private GateResult noBaseline() {
    return undecided(
        gate.baselineVariant()
            .map(v -> "variant " + v + " was not measured in such a cell")
            .orElse(
                "there is no baseline run with such a cell; name one with Experiment.baseline"));
  }

  private GateResult result(Verdict verdict, double value, double bound, String evidence) {
    return new GateResult(
        gate,
        verdict,
        Optional.of(cell.variant()),
        Optional.of(cell.cell()),
        OptionalDouble.of(value),
        OptionalDouble.of(bound),
        evidence);
  }

  private GateResult undecided(String evidence) {
    return Numbers.undecided(gate, Optional.of(cell.variant()), Optional.of(cell.cell()), evidence);
  }

  private static String text(String format, Object... arguments) {
    return String.format(Locale.ROOT, format, arguments);
  }
}
