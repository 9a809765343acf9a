package io.jetfire.core.internal.stats;

import io.jetfire.Interval;
import io.jetfire.Samples;
import io.jetfire.Validity;
import io.jetfire.ValidityReport;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/** Judges measurements by the definitions of {@link ValidityReport}. */
final class ValidityRules {
  private static final int LEAST_STEADY = 20;
  private static final double THROTTLED = 1.10;
  private static final double NOISY = 0.05;

  private ValidityRules() {}

  static ValidityReport judge(List<Samples> samples) {
    List<Session> sessions = sessions(samples);
    int runs = samples.stream().mapToInt(Samples::size).sum();
    if (sessions.isEmpty()) {
      return undecided(runs, samples.size());
    }
    Evidence e = new Evidence(sessions, runs);
    if (e.steady < LEAST_STEADY) {
      return e.report(
          Validity.TOO_SHORT,
          text("%d steady runs, at least %d are needed", e.steady, LEAST_STEADY),
          OptionalInt.of(LEAST_STEADY - e.steady),
          OptionalInt.of(
              (int) Math.ceil((LEAST_STEADY - e.steady) * sessions.size() / (double) e.steady)));
    }
    if (e.throttled) {
      return e.report(
          Validity.THROTTLED,
          text(
              "the device became %.1f %% slower (%s); let it cool down, or pause between runs",
              (e.slowdown - 1) * 100, e.slowdownWhere),
          OptionalInt.empty(),
          OptionalInt.empty());
    }
    if (e.modes.isPresent()) {
      Modes m = e.modes.get();
      return e.report(
          Validity.TWO_MODES,
          text(
              "%.0f %% of the runs take about %.0f us and %.0f %% about %.0f us; look for cores or"
                  + " clocks that change",
              (1 - m.upperShare()) * 100, m.lower(), m.upperShare() * 100, m.upper()),
          OptionalInt.empty(),
          OptionalInt.empty());
    }
    double width = e.halfWidth();
    if (width > NOISY) {
      double factor = width / NOISY * (width / NOISY);
      int k = sessions.size();
      int moreSessions = (int) Math.min(100_000, Math.max(1, Math.ceil(k * factor) - k));
      int moreRuns = (int) Math.min(10_000_000, Math.max(1, Math.ceil(runs * factor) - runs));
      return e.report(
          Validity.NOISY,
          text(
              "the 95 %% interval of the median is +-%.1f %%, at most %.0f %% is valid",
              width * 100, NOISY * 100),
          e.runsHelp() ? OptionalInt.of(moreRuns) : OptionalInt.empty(),
          OptionalInt.of(moreSessions));
    }
    return e.report(
        Validity.VALID,
        text(
            "the median is known to +-%.1f %% from %d steady runs in %d session%s",
            width * 100, e.steady, sessions.size(), sessions.size() == 1 ? "" : "s"),
        OptionalInt.of(0),
        OptionalInt.of(0));
  }

  /** Cuts warm-up off; sessions without a run, or with times of zero, say nothing. */
  static List<Session> sessions(List<Samples> samples) {
    List<Session> sessions = new ArrayList<>();
    for (Samples s : samples) {
      double[] micros = s.micros();
      if (micros.length > 0 && Summaries.medianOf(micros) > 0) {
        sessions.add(Session.of(micros));
      }
    }
    return sessions;
  }

  private static ValidityReport undecided(int runs, int sessions) {
    return new ValidityReport(
        Validity.UNDECIDED,
        "there are no raw samples; measure with a benchmark that logs every run",
        runs,
        sessions,
        0,
        OptionalDouble.empty(),
        Optional.empty(),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        0,
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        OptionalInt.empty(),
        OptionalInt.empty());
  }

  private static String text(String format, Object... arguments) {
    return String.format(Locale.ROOT, format, arguments);
  }

  /** The numbers that judgements rest on. */
  private static final class Evidence {
    final List<Session> sessions;
    final int runs;
    final int steady;
    final int warmup;
    final double[] all;
    final double median;
    final Interval interval;
    final double effective;
    final double withinVariance;
    final double betweenVariance;
    final double[] ratios;
    final boolean throttled;
    final Optional<Modes> modes;
    double slowdown;
    String slowdownWhere = "";

    Evidence(List<Session> sessions, int runs) {
      this.sessions = sessions;
      this.runs = runs;
      steady = sessions.stream().mapToInt(s -> s.steady.length).sum();
      warmup = sessions.stream().mapToInt(s -> s.warmup).sum();
      all = new double[steady];
      int at = 0;
      double worth = 0;
      double within = 0;
      for (Session s : sessions) {
        System.arraycopy(s.steady, 0, all, at, s.steady.length);
        at += s.steady.length;
        worth += s.effective;
        within += s.logError() * s.logError() / sessions.size();
      }
      effective = worth;
      withinVariance = within;
      betweenVariance = sessions.size() < 2 ? 0 : variance(logMedians(sessions));
      ratios = sessions.stream().mapToDouble(Session::lastThirdRatio).toArray();
      throttled = throttling();
      modes = throttled ? Optional.empty() : bimodal();
      if (sessions.size() == 1) {
        Session only = sessions.get(0);
        median = only.median;
        double[] ends = only.interval();
        interval = new Interval(ends[0], ends[1], 0.95);
      } else {
        double[] logs = logMedians(sessions);
        double center = Summaries.mean(logs);
        median = Math.exp(center);
        int k = sessions.size();
        // Equal medians by chance must not look like certainty: the sessions' own errors are the
        // least that their medians vary by.
        double error = Math.sqrt(Math.max(betweenVariance, withinVariance) / k);
        double reach = StudentT.quantile(0.975, k - 1) * error;
        interval = new Interval(Math.exp(center - reach), Math.exp(center + reach), 0.95);
      }
    }

    double halfWidth() {
      return Math.max(interval.high() - median, median - interval.low()) / median;
    }

    /** More runs per session help unless sessions differ by more than runs explain. */
    boolean runsHelp() {
      return sessions.size() == 1 || betweenVariance < 2 * withinVariance;
    }

    private boolean throttling() {
      int k = sessions.size();
      double limit = Math.log(THROTTLED);
      double[] logs = Arrays.stream(ratios).map(Math::log).toArray();
      double worst = Double.NEGATIVE_INFINITY;
      int where = 0;
      for (int i = 0; i < k; i++) {
        double error = sessions.get(i).ratioError();
        // One session of many may reach the limit by chance; then chance must be ruled out.
        double needed = k == 1 ? Math.max(limit, 3 * error) : limit + 3 * error;
        if (sessions.get(i).steady.length >= LEAST_STEADY
            && logs[i] >= needed
            && logs[i] > worst
            && ordered(List.of(sessions.get(i)))) {
          worst = logs[i];
          where = i;
        }
      }
      if (worst > 0) {
        slowdown = Math.exp(worst);
        slowdownWhere = text("last third over first third of session %d", where);
        return true;
      }
      if (k == 1) {
        return false;
      }
      double mean = Summaries.mean(logs);
      double error = Math.sqrt(ValidityRules.variance(logs) / k);
      if (mean >= limit && mean >= 3 * error && ordered(sessions)) {
        slowdown = Math.exp(mean);
        slowdownWhere = "last third over first third, mean of the sessions";
        return true;
      }
      return acrossSessions(limit);
    }

    /**
     * A device that throttles is fast first and slow then; one with two modes changes between them
     * all the time. False if there are two groups of runs and they are not ordered in time.
     */
    private static boolean ordered(List<Session> sessions) {
      int n = sessions.stream().mapToInt(s -> s.steady.length).sum();
      double[] values = new double[n];
      int at = 0;
      for (Session s : sessions) {
        System.arraycopy(s.steady, 0, values, at, s.steady.length);
        at += s.steady.length;
      }
      Optional<Modes> found = Modes.find(values);
      if (found.isEmpty()) {
        return true;
      }
      double border = Math.sqrt(found.get().lower() * found.get().upper());
      int thirds = 0;
      int slowFirst = 0;
      int slowLast = 0;
      for (Session s : sessions) {
        int third = s.steady.length / 3;
        thirds += third;
        for (int i = 0; i < third; i++) {
          slowFirst += s.steady[i] > border ? 1 : 0;
          slowLast += s.steady[s.steady.length - 1 - i] > border ? 1 : 0;
        }
      }
      return thirds > 0 && slowLast - slowFirst >= 0.7 * thirds;
    }

    /** Sessions that become slower one after the other are throttling, too. */
    private boolean acrossSessions(double limit) {
      int k = sessions.size();
      if (k < 6) {
        return false;
      }
      double[] logs = logMedians(sessions);
      int third = Math.max(2, k / 3);
      double rise =
          Summaries.mean(Arrays.copyOfRange(logs, k - third, k))
              - Summaries.mean(Arrays.copyOfRange(logs, 0, third));
      if (rise < limit || kendall(logs) < 3.2) {
        return false;
      }
      slowdown = Math.exp(rise);
      slowdownWhere = "last third over first third of the sessions";
      return true;
    }

    /** Returns Mann and Kendall's trend statistic in standard deviations. */
    private static double kendall(double[] x) {
      int n = x.length;
      int concordant = 0;
      for (int i = 0; i < n; i++) {
        for (int j = i + 1; j < n; j++) {
          concordant += (int) Math.signum(x[j] - x[i]);
        }
      }
      return concordant / Math.sqrt(n * (n - 1) * (2 * n + 5) / 18.0);
    }

    /** Looks for modes within sessions, and for sessions of two kinds. */
    private Optional<Modes> bimodal() {
      if (sessions.size() == 1) {
        return Modes.find(all);
      }
      double[] centered = new double[steady];
      int at = 0;
      double center = Math.exp(Summaries.mean(logMedians(sessions)));
      boolean mixed = false;
      for (Session s : sessions) {
        for (double v : s.steady) {
          centered[at++] = v * center / s.median;
        }
        mixed |= s.steady.length >= LEAST_STEADY && Modes.find(s.steady).isPresent();
      }
      Optional<Modes> pooled = Modes.find(all);
      if (pooled.isEmpty()) {
        return Optional.empty();
      }
      double border = Math.sqrt(pooled.get().lower() * pooled.get().upper());
      long slow = sessions.stream().filter(s -> s.median > border).count();
      boolean twoKinds =
          slow >= 2 && slow <= sessions.size() - 2 && farApart(logMedians(sessions), border);
      return mixed || twoKinds || Modes.find(centered).isPresent() ? pooled : Optional.empty();
    }

    /** Few sessions fall into lumps by chance; two kinds of them must be much further apart. */
    private static boolean farApart(double[] logs, double border) {
      double[] fast = Arrays.stream(logs).filter(v -> v <= Math.log(border)).toArray();
      double[] slow = Arrays.stream(logs).filter(v -> v > Math.log(border)).toArray();
      double spread = Math.sqrt(ValidityRules.variance(fast) + ValidityRules.variance(slow));
      return Math.sqrt(2) * (Summaries.mean(slow) - Summaries.mean(fast)) >= 8 * spread;
    }

    ValidityReport report(
        Validity validity, String reason, OptionalInt moreRuns, OptionalInt moreSessions) {
      double mean = Summaries.mean(all);
      double mad = Summaries.mad(all, Summaries.medianOf(all));
      double pooledMedian = Summaries.medianOf(all);
      double worstRatio = Arrays.stream(ratios).max().orElse(1);
      double worstSlope = sessions.stream().mapToDouble(s -> s.slope() / s.median).max().orElse(0);
      int outliers =
          (int) Arrays.stream(all).filter(v -> v > pooledMedian + 5 * 1.4826 * mad).count();
      OptionalDouble between =
          sessions.size() < 2
              ? OptionalDouble.empty()
              : OptionalDouble.of(Math.sqrt(Math.max(0, betweenVariance - withinVariance)));
      return new ValidityReport(
          validity,
          reason,
          runs,
          sessions.size(),
          warmup,
          OptionalDouble.of(median),
          Optional.of(interval),
          OptionalDouble.of(effective),
          OptionalDouble.of(Summaries.deviation(all, mean) / mean),
          OptionalDouble.of(mad),
          OptionalDouble.of(worstRatio),
          OptionalDouble.of(worstSlope),
          between,
          outliers,
          modes.isPresent() ? OptionalDouble.of(modes.get().lower()) : OptionalDouble.empty(),
          modes.isPresent() ? OptionalDouble.of(modes.get().upper()) : OptionalDouble.empty(),
          modes.isPresent() ? OptionalDouble.of(modes.get().upperShare()) : OptionalDouble.empty(),
          moreRuns,
          moreSessions);
    }
  }

  static double[] logMedians(List<Session> sessions) {
    return sessions.stream().mapToDouble(s -> Math.log(s.median)).toArray();
  }

  /** Returns the variance of a sample. */
  static double variance(double[] values) {
    double mean = Summaries.mean(values);
    double sum = 0;
    for (double v : values) {
      sum += (v - mean) * (v - mean);
    }
    return sum / (values.length - 1);
  }
}
