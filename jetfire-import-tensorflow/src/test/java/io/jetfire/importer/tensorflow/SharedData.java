package io.jetfire.importer.tensorflow;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/** The test data that lie beside the project. */
final class SharedData {
  private SharedData() {}

  static Path path(String first, String... more) {
    String set = System.getProperty("JETFIRE_SHARED_DATA", System.getenv("JETFIRE_SHARED_DATA"));
    Path root = set == null ? Path.of("..", "..", "shared", "data") : Path.of(set);
    Assumptions.assumeTrue(Files.isDirectory(root), "skipped: the shared test data are absent");
    return root.resolve(Path.of(first, more));
  }
}
