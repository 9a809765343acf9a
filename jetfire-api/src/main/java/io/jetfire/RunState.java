package io.jetfire;

/** How far a run of an experiment is. */
public enum RunState {
  /** Working. */
  RUNNING,
  /** Everything was done; what failed is in the report. */
  COMPLETED,
  /** Cancelled; what was finished is in the report. */
  CANCELLED,
  /** Stopped by an error that left nothing to go on with. */
  FAILED
}
