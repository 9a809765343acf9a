package io.jetfire;

/** A part of a benchmark that is timed apart from the others. */
public enum Phase {
  /** Runs before the measured ones; never part of a statistic of {@link #INFERENCE}. */
  WARM_UP,
  /** From a sample to the model's inputs. */
  PREPROCESSING,
  /** The model alone. */
  INFERENCE,
  /** From the model's outputs to labels or boxes. */
  POSTPROCESSING
}
