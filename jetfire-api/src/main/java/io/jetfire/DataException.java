package io.jetfire;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/** A dataset or one of its samples cannot be used; the message names the sample. */
public final class DataException extends JetFireException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what was asked, what was found, and what to do next
   */
  public DataException(String message) {
    super(message, null);
  }

  /**
   * Creates the exception with the error that led to it.
   *
   * @param message what was asked, what was found, and what to do next
   * @param cause the error underneath, or null if there is none
   */
  public DataException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
