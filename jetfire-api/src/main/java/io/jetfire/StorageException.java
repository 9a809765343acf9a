package io.jetfire;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/** A file or a store cannot be read or written (disk full, read-only, locked, corrupt). */
public final class StorageException extends JetFireException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what was asked, what was found, and what to do next
   */
  public StorageException(String message) {
    super(message, null);
  }

  /**
   * Creates the exception with the error that led to it.
   *
   * @param message what was asked, what was found, and what to do next
   * @param cause the error underneath, or null if there is none
   */
  public StorageException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
