package io.jetfire;

/**
 * Whether a latency measurement can be used. Definitions, in the order in which they are tried, are
 * those of {@link ValidityReport}.
 */
public enum Validity {
  /** None of the faults below, and the median is known to within 5 %. */
  VALID,
  /** The 95 % interval of the median is wider than 5 % of it to either side. */
  NOISY,
  /**
   * The device became slower while it measured: the rolling median of the last third is at least 10
   * % above steady state.
   */
  THROTTLED,
  /** Fewer than 20 runs in steady state. */
  TOO_SHORT,
  /** The runs fall into two groups, so that no single number describes them. */
  TWO_MODES,
  /** The data do not allow a judgement, such as a log with only minimum, maximum and average. */
  UNDECIDED
}
