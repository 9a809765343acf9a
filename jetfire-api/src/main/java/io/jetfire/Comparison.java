package io.jetfire;

import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * How the latency of a candidate compares with that of a baseline, on one device.
 *
 * @param decision what can be said
 * @param reason the decision in words, with the numbers it rests on
 * @param margin the relative difference that counts, such as 0.03
 * @param baselineMicros the baseline's median in microseconds
 * @param candidateMicros the candidate's median in microseconds
 * @param change the candidate's median over the baseline's, minus 1: 0.1 for 10 % slower
 * @param interval the interval of the change
 * @param baselineSessions how many sessions the baseline has
 * @param candidateSessions how many sessions the candidate has
 * @param moreSessions how many more sessions of each would likely decide it; 0 if it is decided;
 *     empty if sessions do not help
 */
public record Comparison(
    Decision decision,
    String reason,
    double margin,
    OptionalDouble baselineMicros,
    OptionalDouble candidateMicros,
    OptionalDouble change,
    Optional<Interval> interval,
    int baselineSessions,
    int candidateSessions,
    OptionalInt moreSessions) {

  /** What can be said of a candidate. */
  public enum Decision {
    /** It is faster. */
    BETTER,
    /** It is slower. */
    WORSE,
    /** Any difference is within the margin. */
    SAME,
    /** The data do not tell. */
    CANNOT_TELL
  }
}
