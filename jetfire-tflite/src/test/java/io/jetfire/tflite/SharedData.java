package io.jetfire.tflite;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The shared test data; tests that need them are skipped where they are absent. */
public final class SharedData {
  private SharedData() {}

  /** Returns the folder, or skips the test. */
  public static Path folder() {
    String set = System.getProperty("jetfire.shared.data", System.getenv("JETFIRE_SHARED_DATA"));
    Path folder = Path.of(set != null ? set : "../../shared/data");
    assumeTrue(
        Files.isDirectory(folder),
        "no shared data at " + folder.toAbsolutePath() + "; set JETFIRE_SHARED_DATA");
    return folder;
  }

  /** Returns every .tflite file, sorted. */
  public static List<Path> models() {
    try (Stream<Path> files = Files.walk(folder())) {
      return files.filter(p -> p.toString().endsWith(".tflite")).sorted().toList();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
