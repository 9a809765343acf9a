package io.jetfire;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;

/**
 * A model file, identified by the hash of its content.
 *
 * @param path where the file is
 * @param format what kind of file it is, such as {@code tflite}, {@code djl-trace}, {@code onnx}
 * @param sizeBytes its size in bytes
 * @param sha256 the SHA-256 of its bytes, in lower-case hexadecimal
 */
public record Model(Path path, String format, long sizeBytes, String sha256) {

  /**
   * Looks at a file: hashes it, and takes its format from its first bytes, or else its extension.
   *
   * @param path the file
   * @return the model
   * @throws StorageException if the file cannot be read
   */
  public static Model of(Path path) {
    return of(path, guessFormat(path));
  }

  /**
   * Looks at a file whose format the caller knows.
   *
   * @param path the file
   * @param format what kind of file it is
   * @return the model
   * @throws StorageException if the file cannot be read
   */
  public static Model of(Path path, String format) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      long size;
      try (InputStream in = new DigestInputStream(Files.newInputStream(path), sha)) {
        size = in.transferTo(OutputStream.nullOutputStream());
      }
      return new Model(path, format, size, HexFormat.of().formatHex(sha.digest()));
    } catch (IOException e) {
      throw new StorageException(
          "The model file " + path + " cannot be read (" + e + "); check the path and its rights",
          e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  private static String guessFormat(Path path) {
    byte[] head = new byte[8];
    try (InputStream in = Files.newInputStream(path)) {
      in.readNBytes(head, 0, head.length);
    } catch (IOException e) {
      throw new StorageException(
          "The model file " + path + " cannot be read (" + e + "); check the path and its rights",
          e);
    }
    if (head[4] == 'T' && head[5] == 'F' && head[6] == 'L') {
      return "tflite";
    }
    String name = String.valueOf(path.getFileName()).toLowerCase(Locale.ROOT);
    int dot = name.lastIndexOf('.');
    return dot < 0 || dot == name.length() - 1 ? "unknown" : name.substring(dot + 1);
  }

  @Override
  public String toString() {
    return path.getFileName()
        + " ("
        + format
        + ", "
        + sizeBytes
        + " bytes, "
        + sha256.substring(0, Math.min(12, sha256.length()))
        + ")";
  }
}
