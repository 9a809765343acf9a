package io.jetfire.core.internal.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.ConfigurationException;
import io.jetfire.RunId;
import io.jetfire.StorageException;
import io.jetfire.core.internal.json.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunDirectoryTest {
  private static final RunId ID = new RunId("r-1");

  private final Path work;

  RunDirectoryTest(@TempDir Path work) {
    this.work = work;
  }

  @Test
  void checkpointsSurvive() {
    try (RunDirectory d = RunDirectory.create(work, ID, "{ \"a\": 1 }")) {
      assertThat(d.checkpoint("step")).isEmpty();
      d.checkpoint("step", Json.object().put("n", 1));
      d.checkpoint("step", Json.object().put("n", 2));
    }
    try (RunDirectory d = RunDirectory.open(work, ID)) {
      assertThat(d.experimentJson()).isEqualTo("{ \"a\": 1 }");
      assertThat(d.checkpoint("step").orElseThrow().get("n").intValue()).isEqualTo(2);
    }
  }

  @Test
  void isLockedWhileOpen() {
    try (RunDirectory d = RunDirectory.create(work, ID, "{}")) {
      assertThat(d.root()).isDirectory();
      assertThatThrownBy(() -> RunDirectory.open(work, ID))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContainingAll("r-1", "under way");
    }
    RunDirectory.open(work, ID).close();
  }

  @Test
  void fileNamesAreSafeAndDifferent() {
    Set<String> names = new HashSet<>();
    List<String> texts =
        List.of(
            "a",
            "a/b",
            "a b",
            "a_b",
            "..",
            ".",
            "",
            "../../etc/passwd",
            "C:\\x",
            "!@",
            "\"!",
            "x".repeat(80),
            "x".repeat(81),
            "x".repeat(82),
            ".hidden",
            "ü");
    for (String text : texts) {
      String name = RunDirectory.safe(text);
      assertThat(name).matches("[A-Za-z0-9_-][A-Za-z0-9._-]*").hasSizeLessThanOrEqualTo(80);
      names.add(name);
    }
    assertThat(names).hasSameSizeAs(texts);
    assertThat(RunDirectory.safe("convert-int8")).isEqualTo("convert-int8");
  }

  @Test
  void aFolderThatCannotBeWrittenIsNamed() throws IOException {
    Path file = Files.writeString(work.resolve("file"), "");
    assertThatThrownBy(() -> RunDirectory.create(file, ID, "{}"))
        .isInstanceOf(StorageException.class)
        .hasMessageContainingAll(file.toString(), "free space");
  }
}
