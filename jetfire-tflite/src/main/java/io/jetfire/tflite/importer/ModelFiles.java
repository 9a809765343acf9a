package io.jetfire.tflite.importer;

import io.jetfire.StorageException;
import io.jetfire.UnsupportedModelException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads whole model files for importers, with errors that say what to do. */
public final class ModelFiles {
  private ModelFiles() {}

  /**
   * Reads a file.
   *
   * @param file the model
   * @param tooLarge what to do if it does not fit into one buffer, as an imperative
   * @return its bytes
   * @throws StorageException if it cannot be read
   * @throws UnsupportedModelException if it is larger than a buffer or the memory
   */
  public static ByteBuffer read(Path file, String tooLarge) {
    try {
      return ByteBuffer.wrap(Files.readAllBytes(file));
    } catch (IOException e) {
      throw new StorageException(
          "The model file " + file + " cannot be read (" + e + "); check the path and its rights",
          e);
    } catch (OutOfMemoryError e) {
      throw new UnsupportedModelException(
          "The model file " + file + " is larger than one buffer or the memory; " + tooLarge, e);
    }
  }
}
