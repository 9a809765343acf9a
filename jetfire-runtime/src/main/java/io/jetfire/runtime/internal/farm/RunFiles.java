package io.jetfire.runtime.internal.farm;

import io.jetfire.StorageException;
import io.jetfire.spi.DeviceFarm.State;
import io.jetfire.spi.DeviceFarm.Status;
import java.io.IOException;
import java.io.Reader;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.util.Locale;
import java.util.Properties;

/**
 * The folder of one run: its state, its log, and the wish to cancel it. It is what a run is known
 * by in another client or another JVM.
 */
final class RunFiles {
  static final String LOG = "benchmark.log";

  private static final String STATE = "state.properties";

  private final Path folder;

  RunFiles(Path folder) {
    this.folder = folder;
  }

  boolean exist() {
    return Files.exists(folder.resolve(STATE));
  }

  Path log() {
    return folder.resolve(LOG);
  }

  /** Writes the first state; the process that measures is this one. */
  void create(String key, Status status) {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw unwritable(e);
    }
    Properties properties = new Properties();
    properties.setProperty("key", key);
    ProcessHandle self = ProcessHandle.current();
    properties.setProperty("pid", Long.toString(self.pid()));
    properties.setProperty("started", started(self));
    write(properties, status);
  }

  void status(Status status) {
    write(read(), status);
  }

  private void write(Properties properties, Status status) {
    properties.setProperty("state", status.state().name());
    properties.setProperty("detail", status.detail());
    try {
      StringWriter text = new StringWriter();
      properties.store(text, null);
      Path part = Files.createTempFile(folder, STATE, ".part");
      Files.writeString(part, text.toString(), StandardCharsets.UTF_8);
      Files.move(part, folder.resolve(STATE), StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw unwritable(e);
    }
  }

  /** The state on disk; a run whose process is gone has failed. */
  Status status() {
    Properties properties = read();
    Status status =
        new Status(
            State.valueOf(properties.getProperty("state", State.FARM_FAILED.name())),
            properties.getProperty("detail", ""));
    if (status.state().ended() || alive(properties)) {
      return status;
    }
    return new Status(
        State.FARM_FAILED,
        "the JVM that measured (process "
            + properties.getProperty("pid")
            + ") ended before the run did; start the run again");
  }

  private static boolean alive(Properties properties) {
    long pid = Long.parseLong(properties.getProperty("pid", "-1"));
    // Process ids are used again; the time of the start tells processes apart.
    return ProcessHandle.of(pid)
        .filter(ProcessHandle::isAlive)
        .map(handle -> started(handle).equals(properties.getProperty("started")))
        .orElse(false);
  }

  private static String started(ProcessHandle process) {
    return process.info().startInstant().map(Instant::toString).orElse("unknown");
  }

  private Properties read() {
    Properties properties = new Properties();
    try (Reader reader = Files.newBufferedReader(folder.resolve(STATE), StandardCharsets.UTF_8)) {
      properties.load(reader);
    } catch (IOException | IllegalArgumentException e) {
      throw new StorageException(
          "The state of the local run in " + folder + " cannot be read: " + e + ".", e);
    }
    return properties;
  }

  /** Asks the process that measures to stop. */
  void requestCancel() {
    try {
      Files.writeString(folder.resolve("cancel"), "", StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw unwritable(e);
    }
  }

  boolean cancelRequested() {
    return Files.exists(folder.resolve("cancel"));
  }

  private StorageException unwritable(IOException e) {
    return new StorageException(
        String.format(
            Locale.ROOT,
            "The folder %s of a local run cannot be written: %s. Check its rights and the space.",
            folder,
            e),
        e);
  }
}
