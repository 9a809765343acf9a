package io.jetfire.importer.onnx;

import java.io.Serial;

/** One node that cannot be converted, with the reason and the nearest rewrite. */
final class Refusal extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  private final String suggestion;

  Refusal(String reason, String suggestion) {
    super(reason);
    this.suggestion = suggestion;
  }

  String suggestion() {
    return suggestion;
  }
}
