package io.jetfire.core.internal.run;

import com.fasterxml.jackson.databind.JsonNode;
import io.jetfire.ConfigurationException;
import io.jetfire.RunId;
import io.jetfire.StorageException;
import io.jetfire.core.internal.json.Json;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;

/**
 * The folder of one run: what it is of, its checkpoints, models and logs.
 *
 * <p>A checkpoint is written to a temporary file, forced to disk and renamed, so that after a crash
 * it is there as a whole or not at all. A lock keeps two processes from working on one run.
 */
final class RunDirectory implements AutoCloseable {
  private final Path root;
  private final FileChannel lockFile;
  private final FileLock lock;

  private RunDirectory(Path root, FileChannel lockFile, FileLock lock) {
    this.root = root;
    this.lockFile = lockFile;
    this.lock = lock;
  }

  static RunDirectory create(Path workDirectory, RunId id, String experimentJson) {
    Path root = workDirectory.resolve("runs").resolve(id.value());
    try {
      Files.createDirectories(root.resolve("checkpoints"));
      RunDirectory directory = lock(root, id);
      try {
        directory.writeText(root.resolve("experiment.json"), experimentJson);
      } catch (IOException e) {
        directory.close();
        throw e;
      }
      return directory;
    } catch (IOException e) {
      throw failure(root, e);
    }
  }

  static RunDirectory open(Path workDirectory, RunId id) {
    Path root = workDirectory.resolve("runs").resolve(id.value());
    if (!Files.exists(root.resolve("experiment.json"))) {
      throw new ConfigurationException(
          "There is no run "
              + id
              + " in "
              + workDirectory
              + "; name the work directory that the run was started with");
    }
    try {
      return lock(root, id);
    } catch (IOException e) {
      throw failure(root, e);
    }
  }

  private static RunDirectory lock(Path root, RunId id) throws IOException {
    FileChannel channel =
        FileChannel.open(root.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    FileLock lock;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      lock = null;
    }
    if (lock == null) {
      channel.close();
      throw new ConfigurationException(
          "The run " + id + " is under way in this or another process; wait for it, or stop that");
    }
    return new RunDirectory(root, channel, lock);
  }

  private static StorageException failure(Path file, IOException e) {
    return new StorageException(
        "The run's folder cannot be written at "
            + file
            + " ("
            + e
            + "); free space, check its rights, or choose another work directory",
        e);
  }

  Path root() {
    return root;
  }

  Path folder(String name) {
    Path folder = root.resolve(name);
    try {
      return Files.createDirectories(folder);
    } catch (IOException e) {
      throw failure(folder, e);
    }
  }

  String experimentJson() {
    try {
      return Files.readString(root.resolve("experiment.json"));
    } catch (IOException e) {
      throw failure(root, e);
    }
  }

  Optional<JsonNode> checkpoint(String key) {
    Path file = file(key);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      return Optional.of(Json.read(Files.readString(file)));
    } catch (IOException e) {
      throw failure(file, e);
    }
  }

  void checkpoint(String key, JsonNode content) {
    Path file = file(key);
    try {
      writeText(file, Json.pretty(content));
    } catch (IOException e) {
      throw failure(file, e);
    }
  }

  /** Where the report of a run is, when it has ended. */
  static Path report(Path workDirectory, RunId id) {
    return workDirectory.resolve("runs").resolve(id.value()).resolve("report.json");
  }

  /** Where the report of this run is, when it has ended. */
  Path report() {
    return root.resolve("report.json");
  }

  void writeReport(JsonNode report) {
    try {
      writeText(report(), Json.pretty(report) + "\n");
    } catch (IOException e) {
      throw failure(report(), e);
    }
  }

  private Path file(String key) {
    return root.resolve("checkpoints").resolve(safe(key) + ".json");
  }

  /** A file name for any text, different for different texts. */
  static String safe(String text) {
    // A name of dots would lead out of the folder.
    String safe = text.replaceAll("[^A-Za-z0-9._-]", "_").replaceFirst("^\\.", "_");
    return safe.equals(text) && !text.isEmpty() && text.length() <= 80
        ? text
        : safe.substring(0, Math.min(60, safe.length())) + "-" + hash(text);
  }

  private static String hash(String text) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      return HexFormat.of().formatHex(sha.digest(text.getBytes(StandardCharsets.UTF_8)), 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  private void writeText(Path file, String text) throws IOException {
    Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
    try (FileChannel channel =
        FileChannel.open(
            temporary,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(true);
    }
    Files.move(
        temporary, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
  }

  @Override
  public void close() {
    try {
      lock.release();
      lockFile.close();
    } catch (IOException e) {
      throw failure(root, e);
    }
  }
}
