package io.jetfire.core.internal.stats;

import io.jetfire.Comparison;
import io.jetfire.Comparison.Decision;
import io.jetfire.ConfigurationException;
import io.jetfire.Interval;
import io.jetfire.Samples;
import io.jetfire.Validity;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * Compares two arms by their sessions.
 *
 * <p>Runs of one session share its luck (memory layout, core, clock), so the session is the unit
 * that is drawn anew: one number per session, the logarithm of the median of its steady state, and
 * Welch's t interval of the difference of the arms' means. Autocorrelation within sessions and
 * variation between them both end up in the spread of these numbers.
 *
 * <p>The default plan is 8 sessions of 50 runs per arm. With 50 runs, a coefficient of variation of
 * 10 % and autocorrelation of 0.6 a session's median has a standard error of 3.4 %, and a slowdown
 * of 10 % was found in 97 of 100 simulated cases; with 6 sessions in 79, with 4 in 21, with 3 in
 * one. More runs per session do not help where sessions differ.
 */
final class Comparisons {
  /** Of 200 comparisons of equal arms one is called different. */
  private static final double LEVEL = 0.995;

  private Comparisons() {}

  static Comparison of(List<Samples> baseline, List<Samples> candidate, double margin) {
    return of(baseline, candidate, margin, 50);
  }

  static Comparison of(
      List<Samples> baseline, List<Samples> candidate, double margin, int percent) {
    if (!(margin > 0) || margin >= 1) {
      throw new ConfigurationException(
          "The margin must be between 0 and 1, such as 0.03 for 3 %, but was " + margin);
    }
    List<Session> a = ValidityRules.sessions(baseline);
    List<Session> b = ValidityRules.sessions(candidate);
    if (a.isEmpty() || b.isEmpty()) {
      return cannot(
          "there are no raw samples of " + (a.isEmpty() ? "the baseline" : "the candidate"),
          margin,
          a,
          b,
          OptionalDouble.empty(),
          OptionalInt.empty());
    }
    if (percent != 50 && (tooShort(a, percent) || tooShort(b, percent))) {
      return cannot(
          "a session has too few steady runs for p" + percent,
          margin,
          a,
          b,
          OptionalDouble.empty(),
          OptionalInt.empty());
    }
    double change = mean(b, percent) - mean(a, percent);
    OptionalDouble relative = OptionalDouble.of(Math.expm1(change));
    if (a.size() < 2 || b.size() < 2) {
      return cannot(
          "one session cannot tell how much sessions differ; measure at least 2, better 8, sessions"
              + " of each",
          margin,
          a,
          b,
          relative,
          OptionalInt.of(8 - Math.min(a.size(), b.size())));
    }
    Validity ofBaseline = ValidityRules.judge(baseline).validity();
    Validity ofCandidate = ValidityRules.judge(candidate).validity();
    if (ofBaseline == Validity.THROTTLED || ofCandidate == Validity.THROTTLED) {
      return cannot(
          "the device throttled, so the difference may be its heat and not the model; let it cool"
              + " down",
          margin,
          a,
          b,
          relative,
          OptionalInt.empty());
    }
    double va = error(a, percent);
    double vb = error(b, percent);
    double error = Math.sqrt(va + vb);
    double degrees = (va + vb) * (va + vb) / (va * va / (a.size() - 1) + vb * vb / (b.size() - 1));
    double reach =
        error == 0
            ? 0
            : StudentT.quantile(1 - (1 - LEVEL) / 2, Double.isNaN(degrees) ? 1 : degrees) * error;
    Interval interval = new Interval(Math.expm1(change - reach), Math.expm1(change + reach), LEVEL);
    boolean modes = ofBaseline == Validity.TWO_MODES || ofCandidate == Validity.TWO_MODES;
    Decision decision = Decision.CANNOT_TELL;
    if (interval.low() > 0 && relative.getAsDouble() > margin) {
      decision = Decision.WORSE;
    } else if (interval.high() < 0 && relative.getAsDouble() < -margin) {
      decision = Decision.BETTER;
    } else if (interval.low() >= -margin && interval.high() <= margin && !modes) {
      decision = Decision.SAME;
    }
    String what =
        String.format(
            Locale.ROOT,
            "%+.1f %%, %.1f %% interval %+.1f %% to %+.1f %%, margin %.1f %%, %d and %d sessions",
            relative.getAsDouble() * 100,
            LEVEL * 100,
            interval.low() * 100,
            interval.high() * 100,
            margin * 100,
            a.size(),
            b.size());
    String reason =
        switch (decision) {
          case WORSE -> "slower: " + what;
          case BETTER -> "faster: " + what;
          case SAME -> "no difference that counts: " + what;
          case CANNOT_TELL ->
              (modes ? "runs fall into two groups, cannot tell: " : "cannot tell: ") + what;
        };
    return new Comparison(
        decision,
        reason,
        margin,
        OptionalDouble.of(Math.exp(mean(a, percent))),
        OptionalDouble.of(Math.exp(mean(b, percent))),
        relative,
        Optional.of(interval),
        a.size(),
        b.size(),
        decision == Decision.CANNOT_TELL
            ? more(Math.abs(change), reach, margin, Math.min(a.size(), b.size()))
            : OptionalInt.of(0));
  }

  static Comparison confirm(Comparison first, Comparison second) {
    if (first.decision() == second.decision()) {
      return second;
    }
    return new Comparison(
        Decision.CANNOT_TELL,
        "the re-run does not confirm it; first: " + first.reason() + "; then: " + second.reason(),
        second.margin(),
        second.baselineMicros(),
        second.candidateMicros(),
        second.change(),
        second.interval(),
        second.baselineSessions(),
        second.candidateSessions(),
        second.moreSessions());
  }

  private static boolean tooShort(List<Session> sessions, int percent) {
    return sessions.stream().anyMatch(s -> Summaries.nearestRank(s.sorted, percent).isEmpty());
  }

  private static double[] logs(List<Session> sessions, int percent) {
    return percent == 50
        ? ValidityRules.logMedians(sessions)
        : sessions.stream()
            .mapToDouble(s -> Math.log(Summaries.nearestRank(s.sorted, percent).orElse(s.median)))
            .toArray();
  }

  private static double mean(List<Session> sessions, int percent) {
    return Summaries.mean(logs(sessions, percent));
  }

  /** Returns the variance of an arm's mean; at least what the runs within its sessions imply. */
  private static double error(List<Session> sessions, int percent) {
    double within =
        sessions.stream().mapToDouble(s -> s.logError() * s.logError()).average().orElse(0);
    double between = ValidityRules.variance(logs(sessions, percent));
    return Math.max(between, within) / sessions.size();
  }

  private static OptionalInt more(double change, double reach, double margin, int sessions) {
    double wanted =
        change > Math.log1p(margin) ? 0.9 * change : 0.9 * (Math.log1p(margin) - change);
    if (wanted <= 0) {
      return OptionalInt.empty();
    }
    double needed = Math.ceil(sessions * (reach / wanted) * (reach / wanted));
    return needed > 1000
        ? OptionalInt.empty()
        : OptionalInt.of((int) Math.max(1, needed - sessions));
  }

  private static Comparison cannot(
      String reason,
      double margin,
      List<Session> a,
      List<Session> b,
      OptionalDouble change,
      OptionalInt more) {
    return new Comparison(
        Decision.CANNOT_TELL,
        reason,
        margin,
        a.isEmpty() ? OptionalDouble.empty() : OptionalDouble.of(Math.exp(mean(a, 50))),
        b.isEmpty() ? OptionalDouble.empty() : OptionalDouble.of(Math.exp(mean(b, 50))),
        change,
        Optional.empty(),
        a.size(),
        b.size(),
        more);
  }
}
