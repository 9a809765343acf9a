package io.jetfire.tflite.format;

import io.jetfire.UnsupportedModelException;
import java.io.Serial;
import org.jspecify.annotations.Nullable;

/** A file is no valid {@code .tflite} model; the message says where it breaks the format. */
public final class ModelFormatException extends UnsupportedModelException {
  @Serial private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what was asked, what was found, and what to do next
   */
  public ModelFormatException(String message) {
    super(message, null);
  }

  /**
   * Creates the exception with the error that led to it.
   *
   * @param message what was asked, what was found, and what to do next
   * @param cause the error underneath, or null if there is none
   */
  public ModelFormatException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
