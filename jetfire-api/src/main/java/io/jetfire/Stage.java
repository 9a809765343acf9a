package io.jetfire;

/** The stages of a run, in the order in which data flows. */
public enum Stage {
  /** Training the model. */
  TRAIN,
  /** Evaluating the model or a variant on the host. */
  EVALUATE,
  /** Converting the model into a variant. */
  CONVERT,
  /** Measuring on a device. */
  DEVICE_RUN,
  /** Judging the gates and making the report. */
  REPORT
}
