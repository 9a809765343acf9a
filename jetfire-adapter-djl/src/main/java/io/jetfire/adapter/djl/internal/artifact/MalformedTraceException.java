package io.jetfire.adapter.djl.internal.artifact;

/** The text of a recorded computation breaks a rule of its format. */
final class MalformedTraceException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  MalformedTraceException(String message) {
    super(message);
  }
}
