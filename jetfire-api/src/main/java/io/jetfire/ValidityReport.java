package io.jetfire;

import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * Whether a latency measurement can be used, with the evidence.
 *
 * <p>The definitions, tried in this order. Steady state is what follows the detected warm-up of
 * each session.
 *
 * <ol>
 *   <li>{@link Validity#UNDECIDED} without raw samples.
 *   <li>{@link Validity#TOO_SHORT}: fewer than 20 steady runs in all.
 *   <li>{@link Validity#THROTTLED}: in a session, the rolling median of the last third is at least
 *       10 % above the median at the start of steady state.
 *   <li>{@link Validity#TWO_MODES}: the steady runs fall into two groups, each with at least 10 %
 *       of the runs, that are clearly apart.
 *   <li>{@link Validity#NOISY}: the 95 % interval of the median is wider than 5 % of it to either
 *       side.
 *   <li>{@link Validity#VALID} otherwise.
 * </ol>
 *
 * @param validity the judgement
 * @param reason the judgement in words, with the numbers it rests on
 * @param runs how many measured runs there are in all sessions
 * @param sessions how many sessions
 * @param warmup how many of the measured runs were found to be warm-up still
 * @param medianMicros the median of steady state in microseconds
 * @param medianInterval the 95 % interval of the median in microseconds, which respects
 *     autocorrelation and sessions
 * @param effectiveRuns how many independent runs the steady runs are worth
 * @param coefficientOfVariation the standard deviation of the steady runs over their mean
 * @param medianAbsoluteDeviationMicros the median absolute deviation in microseconds
 * @param lastThirdRatio the rolling median of the last third over steady state, of the worst
 *     session
 * @param driftPerRun by how much of the median a run is slower than the one before it, by the
 *     Theil-Sen slope of the worst session
 * @param betweenSessionVariation the standard deviation of the sessions' medians over their mean,
 *     what chance within sessions explains taken off; needs 2 sessions
 * @param outliers how many steady runs are further than 5 scaled MAD above the median
 * @param lowerModeMicros where the faster group is, if there are two modes
 * @param upperModeMicros where the slower group is, if there are two modes
 * @param upperModeShare the share of the runs in the slower group, if there are two modes
 * @param moreRuns how many more runs in all would settle it; 0 if it is settled; empty if runs do
 *     not help
 * @param moreSessions how many more sessions of the same length would settle it; 0 if it is
 *     settled; empty if sessions do not help
 */
public record ValidityReport(
    Validity validity,
    String reason,
    int runs,
    int sessions,
    int warmup,
    OptionalDouble medianMicros,
    Optional<Interval> medianInterval,
    OptionalDouble effectiveRuns,
    OptionalDouble coefficientOfVariation,
    OptionalDouble medianAbsoluteDeviationMicros,
    OptionalDouble lastThirdRatio,
    OptionalDouble driftPerRun,
    OptionalDouble betweenSessionVariation,
    int outliers,
    OptionalDouble lowerModeMicros,
    OptionalDouble upperModeMicros,
    OptionalDouble upperModeShare,
    OptionalInt moreRuns,
    OptionalInt moreSessions) {}
