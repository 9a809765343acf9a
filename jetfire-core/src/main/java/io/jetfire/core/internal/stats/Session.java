package io.jetfire.core.internal.stats;

import java.util.Arrays;

/**
 * One session's runs: where warm-up ends, the median of what follows, and how well it is known.
 *
 * <p>Runs that follow each other are alike, so n runs are worth fewer independent ones. How many is
 * estimated from the indicator "at most the median": its autocorrelations are summed up by Geyer's
 * initial positive sequence (Statistical Science 7, 1992). The indicator has no outliers, and the
 * interval of the median follows from it by order statistics, whatever the distribution.
 */
final class Session {
  /** Half the width of a two-sided 95 % interval of a normal variable. */
  static final double Z95 = 1.959964;

  final double[] steady;
  final double[] sorted;
  final int warmup;
  final double median;

  /** How many independent runs the steady runs are worth. */
  final double effective;

  private Session(double[] steady, int warmup) {
    this.steady = steady;
    this.warmup = warmup;
    sorted = steady.clone();
    Arrays.sort(sorted);
    median = Summaries.median(sorted);
    effective = effective(steady, median);
  }

  static Session of(double[] micros) {
    int warmup = warmup(micros);
    return new Session(Arrays.copyOfRange(micros, warmup, micros.length), warmup);
  }

  /**
   * Finds runs at the start that are clearly slower than the others: the cut that leaves the
   * smallest standard error of the mean (White's MSER, Simulation 69, 1997, on values clipped
   * against outliers), if what is cut off is significantly slower. At most a third is cut off.
   */
  private static int warmup(double[] x) {
    int n = x.length;
    if (n < 6) {
      return 0;
    }
    double median = Summaries.medianOf(x);
    double mad = 1.4826 * Summaries.mad(x, median);
    double[] y = new double[n];
    for (int i = 0; i < n; i++) {
      y[i] = Math.max(median - 5 * mad, Math.min(median + 5 * mad, x[i]));
    }
    // Sums from the end let every cut be tried in one pass.
    double sum = 0;
    double squares = 0;
    int best = 0;
    double bestError = Double.POSITIVE_INFINITY;
    for (int d = n - 1; d >= 0; d--) {
      double v = y[d] - median;
      sum += v;
      squares += v * v;
      int left = n - d;
      if (d <= n / 3) {
        double error = (squares - sum * sum / left) / ((double) left * left);
        if (error <= bestError) {
          bestError = error;
          best = d;
        }
      }
    }
    if (best == 0) {
      return 0;
    }
    double[] rest = Arrays.copyOfRange(x, best, n);
    double level = Summaries.medianOf(rest);
    double spread = 1.4826 * Summaries.mad(rest, level);
    double head = Summaries.medianOf(Arrays.copyOfRange(x, 0, best));
    // Autocorrelated runs stray together, so a longer head earns no credit beyond a few runs.
    double error = spread / Math.sqrt(Math.min(best, 3));
    return head > level * 1.03 && head > level + 4 * error ? best : 0;
  }

  private static double effective(double[] x, double median) {
    int n = x.length;
    if (n < 4) {
      return n;
    }
    double[] indicator = new double[n];
    double mean = 0;
    for (int i = 0; i < n; i++) {
      // Ties with the median count half, so that equal runs do not look like a trend.
      indicator[i] = x[i] < median ? 1 : x[i] == median ? 0.5 : 0;
      mean += indicator[i] / n;
    }
    double variance = covariance(indicator, mean, 0);
    if (variance <= 0) {
      return n;
    }
    double sum = 0;
    for (int k = 1; k + 1 < n / 2; k += 2) {
      double pair =
          covariance(indicator, mean, k) / variance + covariance(indicator, mean, k + 1) / variance;
      if (pair <= 0) {
        break;
      }
      sum += pair;
    }
    return Math.max(1, n / Math.max(1, 1 + 2 * sum));
  }

  private static double covariance(double[] x, double mean, int lag) {
    double sum = 0;
    for (int i = 0; i + lag < x.length; i++) {
      sum += (x[i] - mean) * (x[i + lag] - mean);
    }
    return sum / x.length;
  }

  /** Returns the 95 % interval of the median by order statistics. */
  double[] interval() {
    int n = sorted.length;
    double reach = Z95 * 0.5 / Math.sqrt(effective);
    int low = (int) Math.floor((0.5 - reach) * n);
    int high = (int) Math.ceil((0.5 + reach) * n);
    return new double[] {sorted[Math.max(0, low - 1)], sorted[Math.min(n - 1, high)]};
  }

  /** Returns the standard error of the logarithm of the median, from the session alone. */
  double logError() {
    double[] interval = interval();
    return Math.log(interval[1] / interval[0]) / (2 * Z95);
  }

  /**
   * Returns how much slower the session became: the median of the rolling medians of its last third
   * over that of its first third.
   */
  double lastThirdRatio() {
    int n = steady.length;
    int window = Math.max(3, n / 10 | 1);
    if (n < 3 * window) {
      return 1;
    }
    double[] rolling = new double[n - window + 1];
    for (int i = 0; i < rolling.length; i++) {
      rolling[i] = Summaries.medianOf(Arrays.copyOfRange(steady, i, i + window));
    }
    int third = Math.max(1, rolling.length / 3);
    double first = Summaries.medianOf(Arrays.copyOfRange(rolling, 0, third));
    double last =
        Summaries.medianOf(Arrays.copyOfRange(rolling, rolling.length - third, rolling.length));
    return last / first;
  }

  /**
   * Returns the standard error of the logarithm of {@link #lastThirdRatio()} without throttling.
   */
  double ratioError() {
    int n = steady.length;
    double[] detrended = detrended();
    double[] ordered = detrended.clone();
    Arrays.sort(ordered);
    double center = Summaries.median(ordered);
    double spread = 1.4826 * Summaries.mad(detrended, center) / Math.max(center, 1e-12);
    double worth = effective(detrended, center) / n;
    return 1.2533 * spread * Math.sqrt(2 / Math.max(1, worth * n / 3));
  }

  /** Takes the line through the thirds off, so that a ramp does not count as autocorrelation. */
  private double[] detrended() {
    int n = steady.length;
    double slope = slope();
    double[] flat = new double[n];
    for (int i = 0; i < n; i++) {
      flat[i] = Math.max(1e-9, steady[i] - slope * (i - n / 2.0));
    }
    return flat;
  }

  /** Returns the Theil-Sen slope per run, of at most 200 runs spread over the session. */
  double slope() {
    int n = steady.length;
    int stride = Math.max(1, n / 200);
    int m = n / stride;
    if (m < 2) {
      return 0;
    }
    double[] slopes = new double[m * (m - 1) / 2];
    int at = 0;
    for (int i = 0; i < m; i++) {
      for (int j = i + 1; j < m; j++) {
        slopes[at++] = (steady[j * stride] - steady[i * stride]) / ((j - i) * stride);
      }
    }
    return Summaries.medianOf(slopes);
  }
}
