package io.jetfire;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/**
 * No provider has the requested id, or JetFire's core is absent; add the artifact that the message
 * names.
 */
public final class MissingProviderException extends JetFireException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what was asked, what was found, and what to do next
   */
  public MissingProviderException(String message) {
    super(message, null);
  }

  /**
   * Creates the exception with the error that led to it.
   *
   * @param message what was asked, what was found, and what to do next
   * @param cause the error underneath, or null if there is none
   */
  public MissingProviderException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
