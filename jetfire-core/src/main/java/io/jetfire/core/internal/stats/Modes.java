package io.jetfire.core.internal.stats;

import java.util.Arrays;
import java.util.Optional;

/**
 * Finds two groups in values: the split of least squares, which counts if both groups have at least
 * a tenth of the values, if their centers are far apart for their spreads (Ashman's D, Astronomical
 * Journal 108, 1994), and if there is a valley between them.
 *
 * @param lower the median of the faster group
 * @param upper the median of the slower group
 * @param upperShare the share of the slower group
 */
record Modes(double lower, double upper, double upperShare) {
  /** A normal distribution that is cut in its middle has D = 2.65. */
  private static final double LEAST_DISTANCE = 4.0;

  private static final double LEAST_SHARE = 0.1;

  /** Groups closer than this do not matter to anybody. */
  private static final double LEAST_RATIO = 1.05;

  static Optional<Modes> find(double[] values) {
    int n = values.length;
    if (n < 20) {
      return Optional.empty();
    }
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    if (!(sorted[0] > 0)) {
      return Optional.empty();
    }
    // Spikes are no mode: the slowest 5 % are left out of the search for the split.
    int used = n - n / 20;
    double[] logs = new double[used];
    double[] sum = new double[used + 1];
    double[] squares = new double[used + 1];
    for (int i = 0; i < used; i++) {
      logs[i] = Math.log(sorted[i] / sorted[0]);
      sum[i + 1] = sum[i] + logs[i];
      squares[i + 1] = squares[i] + logs[i] * logs[i];
    }
    int least = Math.max(2, (int) Math.ceil(LEAST_SHARE * n));
    int cut = -1;
    double bestWithin = Double.POSITIVE_INFINITY;
    for (int i = least; i <= used - Math.max(2, least - n / 20); i++) {
      double within = within(sum, squares, 0, i) + within(sum, squares, i, used);
      if (within < bestWithin) {
        bestWithin = within;
        cut = i;
      }
    }
    if (cut < 0 || n - cut < least) {
      return Optional.empty();
    }
    double lowerCenter = logs[cut / 2];
    double upperCenter = logs[(cut + used) / 2];
    double lowerSpread = Math.sqrt(within(sum, squares, 0, cut) / cut);
    double upperSpread = Math.sqrt(within(sum, squares, cut, used) / (used - cut));
    double apart = upperCenter - lowerCenter;
    double spread = Math.sqrt(lowerSpread * lowerSpread + upperSpread * upperSpread);
    if (apart < Math.log(LEAST_RATIO)
        || Math.sqrt(2) * apart < (LEAST_DISTANCE + 25.0 / n) * spread) {
      return Optional.empty();
    }
    if (!valley(logs, lowerCenter, upperCenter)) {
      return Optional.empty();
    }
    return Optional.of(
        new Modes(
            sorted[0] * Math.exp(lowerCenter),
            sorted[0] * Math.exp(upperCenter),
            (n - cut) / (double) n));
  }

  private static double within(double[] sum, double[] squares, int from, int to) {
    double s = sum[to] - sum[from];
    return Math.max(0, squares[to] - squares[from] - s * s / (to - from));
  }

  /** True if some fifth of the way between the centers is much emptier than both surroundings. */
  private static boolean valley(double[] logs, double lower, double upper) {
    double width = (upper - lower) / 5;
    int low = count(logs, lower - width / 2, lower + width / 2);
    int high = count(logs, upper - width / 2, upper + width / 2);
    int emptiest = Integer.MAX_VALUE;
    for (double at = 1.0; at <= 4.0; at += 0.25) {
      double center = lower + at * width;
      emptiest = Math.min(emptiest, count(logs, center - width / 2, center + width / 2));
    }
    return emptiest * 3 <= Math.min(low, high);
  }

  private static int count(double[] sorted, double from, double to) {
    return index(sorted, to) - index(sorted, from);
  }

  private static int index(double[] sorted, double value) {
    int i = Arrays.binarySearch(sorted, value);
    return i < 0 ? -i - 1 : i;
  }
}
