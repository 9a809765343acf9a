package io.jetfire;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/** Something failed that may well succeed later (a connection, a busy service); try again. */
public final class TransientException extends JetFireException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what was asked, what was found, and what to do next
   */
  public TransientException(String message) {
    super(message, null);
  }

  /**
   * Creates the exception with the error that led to it.
   *
   * @param message what was asked, what was found, and what to do next
   * @param cause the error underneath, or null if there is none
   */
  public TransientException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
