package io.jetfire;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/**
 * A model is broken, or uses what the target cannot express; change the model as the message says.
 */
public class UnsupportedModelException extends JetFireException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what was asked, what was found, and what to do next
   */
  public UnsupportedModelException(String message) {
    super(message, null);
  }

  /**
   * Creates the exception with the error that led to it.
   *
   * @param message what was asked, what was found, and what to do next
   * @param cause the error underneath, or null if there is none
   */
  public UnsupportedModelException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
