package io.jetfire;

import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What is known of the times of one phase.
 *
 * <p>A statistic that the data cannot give is absent: a log with minimum, maximum and average has
 * no p90. Computed percentiles are nearest rank: the smallest sample that at least p % of the
 * samples do not exceed. The percentile p is absent below {@code 1 / (1 - p/100)} samples (p90
 * needs 10, p99 needs 100). Reported ones are the tool's own, which may round differently.
 * Immutable.
 *
 * @param statistics what is known
 */
public record Latency(Map<Statistic, Measurement> statistics) {

  /** A number that describes many times. */
  public enum Statistic {
    /** How many runs. */
    COUNT,
    /** The first run. */
    FIRST,
    /** The last run. */
    LAST,
    /** The fastest run. */
    MIN,
    /** The slowest run. */
    MAX,
    /** The arithmetic mean. */
    MEAN,
    /** The standard deviation (of the population, if benchmark_model reports it). */
    STANDARD_DEVIATION,
    /** The median absolute deviation from the median, not scaled. */
    MEDIAN_ABSOLUTE_DEVIATION,
    /** 5 % of the runs are not slower. */
    P5,
    /** The median. */
    P50,
    /** 90 % of the runs are not slower. */
    P90,
    /** 95 % of the runs are not slower. */
    P95,
    /** 99 % of the runs are not slower. */
    P99
  }

  /** Copies the map. */
  public Latency {
    EnumMap<Statistic, Measurement> copy = new EnumMap<>(Statistic.class);
    copy.putAll(statistics);
    statistics = Collections.unmodifiableMap(copy);
  }

  /**
   * Returns one statistic.
   *
   * @param statistic which
   * @return empty if the data do not give it
   */
  public Optional<Measurement> get(Statistic statistic) {
    return Optional.ofNullable(statistics.get(statistic));
  }

  /**
   * Returns how many runs there were.
   *
   * @return empty if it is not known
   */
  public OptionalLong count() {
    Measurement count = statistics.get(Statistic.COUNT);
    return count == null ? OptionalLong.empty() : OptionalLong.of((long) count.value());
  }

  /**
   * Returns the fastest run.
   *
   * @return empty if the data do not give it
   */
  public Optional<Measurement> min() {
    return get(Statistic.MIN);
  }

  /**
   * Returns the slowest run.
   *
   * @return empty if the data do not give it
   */
  public Optional<Measurement> max() {
    return get(Statistic.MAX);
  }

  /**
   * Returns the arithmetic mean.
   *
   * @return empty if the data do not give it
   */
  public Optional<Measurement> mean() {
    return get(Statistic.MEAN);
  }

  /**
   * Returns the standard deviation.
   *
   * @return empty if the data do not give it
   */
  public Optional<Measurement> standardDeviation() {
    return get(Statistic.STANDARD_DEVIATION);
  }

  /**
   * Returns the median.
   *
   * @return empty if the data do not give it
   */
  public Optional<Measurement> median() {
    return get(Statistic.P50);
  }

  /**
   * Returns a percentile.
   *
   * @param percent 5, 50, 90, 95 or 99
   * @return empty if the data do not give it
   * @throws ConfigurationException if it is another percentile; compute that from {@link
   *     Metrics#samples()} with {@link Statistics#percentile}
   */
  public Optional<Measurement> percentile(int percent) {
    return get(
        switch (percent) {
          case 5 -> Statistic.P5;
          case 50 -> Statistic.P50;
          case 90 -> Statistic.P90;
          case 95 -> Statistic.P95;
          case 99 -> Statistic.P99;
          default ->
              throw new ConfigurationException(
                  "Percentiles kept are 5, 50, 90, 95 and 99, but was asked for "
                      + percent
                      + "; compute others from the samples with Statistics.percentile");
        });
  }
}
