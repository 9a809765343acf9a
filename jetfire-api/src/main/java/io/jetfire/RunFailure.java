package io.jetfire;

/**
 * Why a benchmark failed on a device.
 *
 * @param cause the kind
 * @param message the line that says so, as printed
 * @param line the line's number; 0 if there are no lines
 */
public record RunFailure(Cause cause, String message, long line) {

  /** Kinds of failures. */
  public enum Cause {
    /** The device's memory did not suffice, or the system killed the process for it. */
    OUT_OF_MEMORY,
    /** An operator is not known, or not for such tensors. */
    UNSUPPORTED_OPERATOR,
    /** A delegate could not be made, refused the model, or failed while it ran. */
    DELEGATE_REFUSED,
    /** Native code crashed. */
    NATIVE_CRASH,
    /** Java code of the app crashed. */
    APP_CRASH,
    /** It took too long. */
    TIMED_OUT,
    /** The model's file is missing or broken. */
    INVALID_MODEL,
    /** The benchmark was called with wrong arguments. */
    WRONG_ARGUMENTS,
    /** The system or a person ended the process. */
    KILLED,
    /** It failed, and the log does not tell why. */
    UNKNOWN
  }
}
