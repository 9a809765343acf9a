package io.jetfire.tflite.importer.lowering;

import io.jetfire.JetFireException;
import java.io.Serial;

/**
 * Thrown while an operator is lowered that cannot be converted, with the reason and the nearest
 * rewrite.
 *
 * <p>An importer catches it per operator, notes it in {@link
 * io.jetfire.tflite.importer.ImportProblems} with the operator's name and place, and goes on, so
 * that one error names all of them.
 */
public final class Refusal extends JetFireException {
  @Serial private static final long serialVersionUID = 1L;

  private final String suggestion;

  /**
   * Creates a refusal.
   *
   * @param reason what stands in the way, as the end of "it cannot be converted because"
   * @param suggestion what the model's author can do; may be empty
   */
  public Refusal(String reason, String suggestion) {
    super(reason, null);
    this.suggestion = suggestion;
  }

  /**
   * Returns what to do about it.
   *
   * @return an imperative, or an empty text
   */
  public String suggestion() {
    return suggestion;
  }
}
