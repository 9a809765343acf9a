package io.jetfire.core.internal.stats;

import io.jetfire.Latency;
import io.jetfire.Latency.Statistic;
import io.jetfire.Measurement;
import io.jetfire.Samples;
import io.jetfire.Unit;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** Descriptive statistics by stated definitions. */
public final class Summaries {
  private Summaries() {}

  /**
   * Summarizes samples, all together.
   *
   * @param samples of one phase
   * @return every statistic that the data give; the standard deviation is that of the population,
   *     as benchmark_model's
   */
  public static Latency of(List<Samples> samples) {
    int n = samples.stream().mapToInt(Samples::size).sum();
    Map<Statistic, Measurement> found = new EnumMap<>(Statistic.class);
    found.put(Statistic.COUNT, Measurement.computed(n, Unit.COUNT));
    if (n == 0) {
      return new Latency(found);
    }
    double[] all = new double[n];
    int at = 0;
    for (Samples s : samples) {
      double[] micros = s.micros();
      System.arraycopy(micros, 0, all, at, micros.length);
      at += micros.length;
    }
    micros(found, Statistic.FIRST, all[0]);
    micros(found, Statistic.LAST, all[n - 1]);
    double mean = mean(all);
    micros(found, Statistic.MEAN, mean);
    micros(found, Statistic.STANDARD_DEVIATION, deviation(all, mean));
    double[] sorted = all.clone();
    Arrays.sort(sorted);
    micros(found, Statistic.MIN, sorted[0]);
    micros(found, Statistic.MAX, sorted[n - 1]);
    micros(found, Statistic.MEDIAN_ABSOLUTE_DEVIATION, mad(all, median(sorted)));
    percentile(found, Statistic.P5, sorted, 5);
    percentile(found, Statistic.P50, sorted, 50);
    percentile(found, Statistic.P90, sorted, 90);
    percentile(found, Statistic.P95, sorted, 95);
    percentile(found, Statistic.P99, sorted, 99);
    return new Latency(found);
  }

  private static void percentile(
      Map<Statistic, Measurement> found, Statistic statistic, double[] sorted, double percent) {
    nearestRank(sorted, percent).ifPresent(v -> micros(found, statistic, v));
  }

  private static void micros(Map<Statistic, Measurement> found, Statistic s, double value) {
    found.put(s, Measurement.computed(value, Unit.MICROSECONDS));
  }

  /**
   * Returns a percentile by nearest rank.
   *
   * @param sorted ascending
   * @param percent between 0 and 100
   * @return empty if there are too few values for it to be anything but an extreme
   */
  public static OptionalDouble nearestRank(double[] sorted, double percent) {
    double q = percent / 100;
    int n = sorted.length;
    // Rounding of 1 / (1 - 0.9) must not ask for an eleventh value.
    double needed = 1 / Math.min(q, 1 - q);
    if (n == 0 || (percent != 50 && n < needed - 1e-9)) {
      return OptionalDouble.empty();
    }
    int rank = (int) Math.ceil(q * n - 1e-9);
    return OptionalDouble.of(sorted[Math.max(1, rank) - 1]);
  }

  /** Returns the arithmetic mean. */
  static double mean(double[] values) {
    double sum = 0;
    for (double v : values) {
      sum += v;
    }
    return sum / values.length;
  }

  /** Returns the standard deviation of the population. */
  static double deviation(double[] values, double mean) {
    double sum = 0;
    for (double v : values) {
      sum += (v - mean) * (v - mean);
    }
    return Math.sqrt(sum / values.length);
  }

  /** Returns the median of sorted values: the mean of the two in the middle of an even number. */
  static double median(double[] sorted) {
    int n = sorted.length;
    return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
  }

  /** Returns the median of values in any order. */
  static double medianOf(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return median(sorted);
  }

  /** Returns the median absolute deviation from a center. */
  static double mad(double[] values, double center) {
    double[] away = new double[values.length];
    for (int i = 0; i < away.length; i++) {
      away[i] = Math.abs(values[i] - center);
    }
    return medianOf(away);
  }
}
