package io.jetfire.core.internal.stats;

import io.jetfire.Samples;
import java.util.Arrays;
import java.util.List;

/** The 95 % interval of a percentile, by order statistics of what the runs are worth. */
public final class PercentileInterval {
  private PercentileInterval() {}

  /**
   * Returns the interval.
   *
   * @param samples of one phase, one per session, at least one run in all
   * @param percent the percentile
   * @return its lower and upper end in microseconds
   */
  public static double[] of(List<Samples> samples, int percent) {
    double worth = 0;
    int n = 0;
    double[] all = new double[samples.stream().mapToInt(Samples::size).sum()];
    for (Samples s : samples) {
      double[] micros = s.micros();
      System.arraycopy(micros, 0, all, n, micros.length);
      n += micros.length;
      worth += micros.length == 0 ? 0 : Session.of(micros).effective;
    }
    Arrays.sort(all);
    double q = percent / 100.0;
    double reach = Session.Z95 * Math.sqrt(q * (1 - q) / Math.max(1, worth));
    int low = (int) Math.floor((q - reach) * n);
    int high = (int) Math.ceil((q + reach) * n);
    double lower = all[Math.max(0, low - 1)];
    double upper = all[Math.max(0, Math.min(n - 1, high))];
    // Sessions that differ widen it. Both doubts add up as independent ones do, on the scale of
    // logarithms, as in comparisons: a time is never negative.
    double between = spread(samples, percent);
    double center = Summaries.nearestRank(all, percent).orElse(all[n / 2]);
    return new double[] {
      center * Math.exp(-Math.hypot(between, ratio(center, lower))),
      center * Math.exp(Math.hypot(between, ratio(upper, center)))
    };
  }

  private static double ratio(double above, double below) {
    return Math.log(Math.max(1e-9, above) / Math.max(1e-9, below));
  }

  private static double spread(List<Samples> samples, int percent) {
    double[] logs =
        samples.stream()
            .filter(s -> s.size() > 0)
            .mapToDouble(
                s -> {
                  double[] sorted = s.micros();
                  Arrays.sort(sorted);
                  int rank = (int) Math.ceil(percent / 100.0 * sorted.length - 1e-9);
                  return Math.log(Math.max(1e-9, sorted[Math.max(1, rank) - 1]));
                })
            .toArray();
    if (logs.length < 2) {
      return 0;
    }
    return StudentT.quantile(0.975, logs.length - 1)
        * Math.sqrt(ValidityRules.variance(logs) / logs.length);
  }
}
