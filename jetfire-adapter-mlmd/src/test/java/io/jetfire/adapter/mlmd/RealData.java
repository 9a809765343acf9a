package io.jetfire.adapter.mlmd;

import static org.assertj.core.api.Assumptions.assumeThat;

import io.jetfire.spi.MetadataStore.Value;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What the real ML Metadata library wrote and answered; tests that use it skip without it. */
final class RealData {
  private RealData() {}

  static Path file(String name) {
    String root =
        Optional.ofNullable(System.getProperty("JETFIRE_SHARED_DATA"))
            .or(() -> Optional.ofNullable(System.getenv("JETFIRE_SHARED_DATA")))
            .orElse("../../shared/data");
    Path file = Path.of(root, "mlmd", name);
    assumeThat(file)
        .as("data of the real library; set JETFIRE_SHARED_DATA to its folder")
        .isRegularFile();
    return file;
  }

  /** A copy that a test may change. */
  static Path copy(String name, Path folder) throws IOException {
    return Files.copy(file(name), folder.resolve(name));
  }

  static Map<String, @Nullable Object> json(String text) {
    return new Value.StructValue(text).fields();
  }

  static List<Map<String, @Nullable Object>> jsonLines(String name) throws IOException {
    return Files.readAllLines(file(name)).stream().map(RealData::json).toList();
  }
}
