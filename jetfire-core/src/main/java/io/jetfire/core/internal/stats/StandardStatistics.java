package io.jetfire.core.internal.stats;

import io.jetfire.Comparison;
import io.jetfire.Latency;
import io.jetfire.Metrics;
import io.jetfire.Phase;
import io.jetfire.Samples;
import io.jetfire.Statistics;
import io.jetfire.ValidityReport;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;

/** JetFire's statistics. */
public final class StandardStatistics implements Statistics {
  /** Creates the statistics. */
  public StandardStatistics() {}

  @Override
  public OptionalDouble percentile(double[] micros, double percent) {
    double[] sorted = micros.clone();
    Arrays.sort(sorted);
    return Summaries.nearestRank(sorted, percent);
  }

  @Override
  public Latency summarize(List<Samples> samples) {
    return Summaries.of(samples);
  }

  @Override
  public Metrics combine(List<Metrics> sessions) {
    return Combination.of(sessions);
  }

  @Override
  public ValidityReport validity(Metrics metrics) {
    return ValidityRules.judge(metrics.samples(Phase.INFERENCE));
  }

  @Override
  public ValidityReport validity(List<Samples> sessions) {
    return ValidityRules.judge(sessions);
  }

  @Override
  public Comparison compare(Metrics baseline, Metrics candidate, double margin) {
    return compare(baseline.samples(Phase.INFERENCE), candidate.samples(Phase.INFERENCE), margin);
  }

  @Override
  public Comparison compare(List<Samples> baseline, List<Samples> candidate, double margin) {
    return Comparisons.of(baseline, candidate, margin);
  }

  @Override
  public Comparison confirm(Comparison first, Comparison second) {
    return Comparisons.confirm(first, second);
  }

  @Override
  public OptionalDouble betweenDeviceVariation(List<Double> medianMicros) {
    if (medianMicros.size() < 2) {
      return OptionalDouble.empty();
    }
    double[] medians = medianMicros.stream().mapToDouble(Double::doubleValue).toArray();
    double mean = Summaries.mean(medians);
    double n = medians.length;
    return OptionalDouble.of(Summaries.deviation(medians, mean) * Math.sqrt(n / (n - 1)) / mean);
  }
}
