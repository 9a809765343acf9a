package io.jetfire;

/** How a cell of a device run ended; whether its numbers can be used is its {@link Validity}. */
public enum Outcome {
  /** The benchmark ran to its end. */
  PASSED,
  /** The benchmark failed on the device: that is a result. */
  FAILED,
  /** The farm or the device gave out, so nothing can be said of the model. */
  INCONCLUSIVE,
  /** Not run, because the farm or the device lacks what the cell asks for. */
  SKIPPED,
  /** Somebody cancelled it. */
  CANCELLED,
  /** It ran into its time limit. */
  TIMED_OUT
}
