package io.jetfire;

import io.jetfire.internal.Engine;
import java.util.List;
import java.util.OptionalDouble;

/**
 * Statistics of latency that respect what latency is like: runs that follow each other are alike
 * (autocorrelation), sessions differ, devices heat up.
 *
 * <pre>{@code
 * Statistics statistics = Statistics.standard();
 * ValidityReport validity = statistics.validity(metrics);
 * Comparison comparison = statistics.compare(before, after, 0.03);
 * }</pre>
 *
 * <p>Thread-safe; the same input always gives the same answer.
 */
public interface Statistics {

  /**
   * Returns JetFire's statistics.
   *
   * @return the statistics
   * @throws MissingProviderException if {@code io.jetfire:jetfire-core} is not on the class path
   */
  static Statistics standard() {
    return Engine.find().statistics();
  }

  /**
   * Returns a percentile by nearest rank: the smallest value that at least {@code percent} % of the
   * values do not exceed.
   *
   * @param micros values in any order
   * @param percent more than 0 and less than 100
   * @return empty below {@code 1 / (1 - percent / 100)} values, or {@code 1 / (percent / 100)} for
   *     percentiles below the median
   */
  OptionalDouble percentile(double[] micros, double percent);

  /**
   * Summarizes samples, all together.
   *
   * @param samples of one phase, any number of sessions
   * @return every statistic that the data give
   */
  Latency summarize(List<Samples> samples);

  /**
   * Puts the sessions of a cell together. Samples stay apart by session; statistics are computed
   * from all samples of a phase, or, where a session has none, from what the sessions report; the
   * median of the sessions stands for single times, the largest for memory.
   *
   * @param sessions of one cell, at least one
   * @return the cell's metrics; FAILED if a session failed, else TRUNCATED if one is
   */
  Metrics combine(List<Metrics> sessions);

  /**
   * Judges whether the inference latency of a run can be used.
   *
   * @param metrics of one session or several
   * @return the judgement by the definitions of {@link ValidityReport}
   */
  ValidityReport validity(Metrics metrics);

  /**
   * Judges whether samples can be used.
   *
   * @param sessions one {@link Samples} per session
   * @return the judgement by the definitions of {@link ValidityReport}
   */
  ValidityReport validity(List<Samples> sessions);

  /**
   * Compares the inference latency of two runs on one device.
   *
   * @param baseline what was
   * @param candidate what is
   * @param margin the relative difference that does not count, more than 0, such as 0.03
   * @return CANNOT_TELL with less than 2 sessions of each
   */
  Comparison compare(Metrics baseline, Metrics candidate, double margin);

  /**
   * Compares samples.
   *
   * @param baseline what was, one {@link Samples} per session
   * @param candidate what is, one {@link Samples} per session
   * @param margin the relative difference that does not count, more than 0, such as 0.03
   * @return CANNOT_TELL with less than 2 sessions of each
   */
  Comparison compare(List<Samples> baseline, List<Samples> candidate, double margin);

  /**
   * Confirms a comparison by a second one that was made on the same device with fresh sessions.
   *
   * @param first the first comparison
   * @param second the comparison of the re-run
   * @return the second one if both agree, else CANNOT_TELL with both reasons
   */
  Comparison confirm(Comparison first, Comparison second);

  /**
   * Returns how much devices differ: the standard deviation of their medians over the mean of
   * these.
   *
   * @param medianMicros one median per device
   * @return empty for fewer than 2 devices
   */
  OptionalDouble betweenDeviceVariation(List<Double> medianMicros);
}
