package io.jetfire;

import java.util.Optional;
import java.util.OptionalDouble;

/**
 * How a gate was judged for one cell, or for a variant where the gate is on its file or its
 * evaluation.
 *
 * @param gate the gate
 * @param verdict the judgement
 * @param variant the variant that was judged; empty if the gate selects nothing
 * @param cell the id of the cell that was judged; empty for a gate on a variant
 * @param observed the value that was judged, in the subject's unit; empty if there is none
 * @param bound the bound that it was held against, in the subject's unit; empty if there is none,
 *     as there is no baseline
 * @param evidence the judgement in words, with the numbers it rests on, and what would decide it
 */
public record GateResult(
    Gate gate,
    Verdict verdict,
    Optional<String> variant,
    Optional<String> cell,
    OptionalDouble observed,
    OptionalDouble bound,
    String evidence) {

  /** Judgements. */
  public enum Verdict {
    /** The budget is kept. */
    PASS,
    /** The budget is exceeded. */
    FAIL,
    /** The measurement does not allow a judgement. */
    UNDECIDED
  }
}
