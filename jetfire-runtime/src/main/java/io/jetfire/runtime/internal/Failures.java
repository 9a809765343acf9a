package io.jetfire.runtime.internal;

import io.jetfire.ConfigurationException;
import io.jetfire.JetFireException;
import io.jetfire.RunFailure;
import io.jetfire.UnsupportedModelException;

/** Sorts errors of the interpreter by what the log of a device would say. */
public final class Failures {
  /** Part of the message when operators are missing. */
  public static final String MISSING_OPERATORS = "uses operators that this runtime does not have";

  /** Part of the message when an interpreter cannot be built. */
  public static final String CANNOT_BUILD = "cannot build an interpreter";

  /** Part of the message when the check before a worker found problems. */
  public static final String REFUSED = " was refused before it was executed, for ";

  /** Part of the message when a worker process died. */
  public static final String WORKER_DIED = "worker process died";

  /** Part of the message when a worker process was ended because of its memory. */
  public static final String WORKER_MEMORY = "worker process was ended: it used";

  /** Part of the message when a worker process was ended because it took too long. */
  public static final String WORKER_TIME = "worker process was ended: it took";

  private Failures() {}

  /** The cause of a failed measurement. */
  public static RunFailure.Cause cause(JetFireException error) {
    String message = String.valueOf(error.getMessage());
    if (message.contains(WORKER_MEMORY)) {
      return RunFailure.Cause.OUT_OF_MEMORY;
    }
    if (message.contains(WORKER_TIME)) {
      return RunFailure.Cause.TIMED_OUT;
    }
    if (message.contains(WORKER_DIED)) {
      return RunFailure.Cause.NATIVE_CRASH;
    }
    if (message.contains(MISSING_OPERATORS) || message.contains(CANNOT_BUILD)) {
      return RunFailure.Cause.UNSUPPORTED_OPERATOR;
    }
    if (error instanceof UnsupportedModelException) {
      return RunFailure.Cause.INVALID_MODEL;
    }
    return error instanceof ConfigurationException
        ? RunFailure.Cause.WRONG_ARGUMENTS
        : RunFailure.Cause.UNKNOWN;
  }
}
