package io.jetfire;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/** A vendor refused the credentials; log in or grant the permission that the message names. */
public final class AuthenticationException extends JetFireException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what was asked, what was found, and what to do next
   */
  public AuthenticationException(String message) {
    super(message, null);
  }

  /**
   * Creates the exception with the error that led to it.
   *
   * @param message what was asked, what was found, and what to do next
   * @param cause the error underneath, or null if there is none
   */
  public AuthenticationException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
