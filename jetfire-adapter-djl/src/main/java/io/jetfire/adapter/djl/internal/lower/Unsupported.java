package io.jetfire.adapter.djl.internal.lower;

/** An operation cannot be expressed; caught by {@link Lowering}, which collects them all. */
final class Unsupported extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String suggestion;

  Unsupported(String reason, String suggestion) {
    super(reason);
    this.suggestion = suggestion;
  }

  String reason() {
    return String.valueOf(getMessage());
  }

  String suggestion() {
    return suggestion;
  }
}
