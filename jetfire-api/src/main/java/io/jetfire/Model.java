package io.jetfire;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A model file, or a folder that is a model, identified by the hash of its content.
 *
 * @param path where the file or folder is
 * @param format what kind of file it is, such as {@code tflite}, {@code djl-trace}, {@code onnx}
 * @param sizeBytes its size in bytes; of a folder, that of all its files
 * @param sha256 the SHA-256 of its bytes, in lower-case hexadecimal; of a folder, that of its
 *     files' names, sizes and bytes in the order of their names
 */
public record Model(Path path, String format, long sizeBytes, String sha256) {
  /** How deep a model's folder is looked into; SavedModels need three. */
  private static final int MAX_DEPTH = 16;

  /**
   * Looks at a file: hashes it, and takes its format from its first bytes, or else its extension. A
   * folder with a {@code saved_model.pb} is a {@code saved-model}.
   *
   * @param path the file or folder
   * @return the model
   * @throws StorageException if the file cannot be read
   */
  public static Model of(Path path) {
    return of(path, guessFormat(path));
  }

  /**
   * Looks at a file whose format the caller knows.
   *
   * @param path the file or folder
   * @param format what kind of file it is
   * @return the model
   * @throws StorageException if the file cannot be read
   */
  public static Model of(Path path, String format) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      long size = Files.isDirectory(path) ? digestFolder(path, sha) : digest(path, sha);
      return new Model(path, format, size, HexFormat.of().formatHex(sha.digest()));
    } catch (IOException e) {
      throw new StorageException(
          "The model file " + path + " cannot be read (" + e + "); check the path and its rights",
          e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  private static long digest(Path file, MessageDigest sha) throws IOException {
    try (InputStream in = new DigestInputStream(Files.newInputStream(file), sha)) {
      return in.transferTo(OutputStream.nullOutputStream());
    }
  }

  private static long digestFolder(Path folder, MessageDigest sha) throws IOException {
    List<Path> all;
    try (Stream<Path> walk = Files.walk(folder, MAX_DEPTH)) {
      all = walk.filter(p -> !Files.isDirectory(p, LinkOption.NOFOLLOW_LINKS)).toList();
    }
    SortedMap<String, Path> byName = new TreeMap<>();
    for (Path file : all) {
      if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
        throw new IOException(file + " is a link or a special file; copy the real file there");
      }
      List<String> names = new ArrayList<>();
      folder.relativize(file).forEach(n -> names.add(n.toString()));
      byName.put(String.join("/", names), file);
    }
    long total = 0;
    for (Map.Entry<String, Path> file : byName.entrySet()) {
      byte[] name = file.getKey().getBytes(StandardCharsets.UTF_8);
      long size = Files.size(file.getValue());
      sha.update(ByteBuffer.allocate(4).putInt(name.length).flip());
      sha.update(name);
      sha.update(ByteBuffer.allocate(8).putLong(size).flip());
      total += digest(file.getValue(), sha);
    }
    return total;
  }

  private static String guessFormat(Path path) {
    if (Files.isDirectory(path)) {
      if (!Files.isRegularFile(path.resolve("saved_model.pb"))) {
        throw new StorageException(
            "The folder " + path + " is no model: it has no saved_model.pb; name the model's file");
      }
      return "saved-model";
    }
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
