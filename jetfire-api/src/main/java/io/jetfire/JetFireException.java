package io.jetfire;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/**
 * The root of every error that JetFire reports: it could not find out what it was asked for.
 *
 * <p>The subclasses are split by what the caller should do next. A benchmark that fails on a device
 * is not an error but a result ({@link Outcome#FAILED}).
 */
public abstract class JetFireException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * Creates the exception; meant for the kinds in this package and for kinds of other modules.
   *
   * @param message what was asked, what was found, and what to do next
   * @param cause the error underneath, or null if there is none
   */
  protected JetFireException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
