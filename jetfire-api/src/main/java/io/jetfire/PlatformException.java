package io.jetfire;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/**
 * Something native cannot run on this machine; the message names the platform and what it needs.
 */
public final class PlatformException extends JetFireException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what was asked, what was found, and what to do next
   */
  public PlatformException(String message) {
    super(message, null);
  }

  /**
   * Creates the exception with the error that led to it.
   *
   * @param message what was asked, what was found, and what to do next
   * @param cause the error underneath, or null if there is none
   */
  public PlatformException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
