package io.jetfire;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/** A quota or rate limit is used up; wait as the message says, then try again. */
public final class QuotaException extends JetFireException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what was asked, what was found, and what to do next
   */
  public QuotaException(String message) {
    super(message, null);
  }

  /**
   * Creates the exception with the error that led to it.
   *
   * @param message what was asked, what was found, and what to do next
   * @param cause the error underneath, or null if there is none
   */
  public QuotaException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
