package io.jetfire.tflite.importer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.ConfigurationException;
import io.jetfire.Layout;
import io.jetfire.StorageException;
import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.graph.Graph;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelImportersTest {
  private final Path directory;

  ModelImportersTest(@TempDir Path directory) {
    this.directory = directory;
  }

  /** Takes files that start with its letter. */
  private record Letter(String id, char letter) implements ModelImporter {
    @Override
    public boolean accepts(Path file, byte[] header) {
      return header.length > 0 && header[0] == letter;
    }

    @Override
    public Graph read(Path file, ImportOptions options) {
      return Graph.create();
    }
  }

  @Test
  void findsByTheFirstBytes() throws IOException {
    ModelImporters importers =
        ModelImporters.of(List.of(new Letter("format-a", 'a'), new Letter("format-b", 'b')));
    Path file = Files.writeString(directory.resolve("model"), "b".repeat(100));
    Path other = Files.writeString(directory.resolve("other"), "");

    assertThat(importers.find(file)).map(ModelImporter::id).contains("format-b");
    assertThat(importers.find(other)).isEmpty();
    assertThat(importers.find(directory)).isEmpty();
    assertThat(importers.byId("format-a")).isPresent();
    assertThat(importers).hasToString("ModelImporters[format-a, format-b]");
    assertThatThrownBy(() -> importers.find(directory.resolve("missing")))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining("missing");
  }

  @Test
  void twoOfOneIdAreNamed() {
    assertThatThrownBy(
            () -> ModelImporters.of(List.of(new Letter("same", 'a'), new Letter("same", 'b'))))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("id same")
        .hasMessageContaining("Letter");
  }

  @Test
  void allProblemsAreSaidAtOnce() {
    ImportProblems problems = new ImportProblems("net.onnx");
    assertThatCode(problems::raise).doesNotThrowAnyException();

    problems.add("fft", "03Spectrum", "float32 [1, 256]", "there is no such operator", "avoid it");
    problems.add("erfinv", "04Lambda", "float32 [1]", "there is no such operator", "");

    assertThat(problems.all()).hasSize(2);
    assertThatThrownBy(problems::raise)
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("net.onnx cannot be converted: 2 operations")
        .hasMessageContaining(
            "fft at 03Spectrum on float32 [1, 256]: there is no such operator; avoid it")
        .hasMessageContaining("erfinv at 04Lambda");
  }

  @Test
  void optionsAreValues() {
    ImportOptions options = ImportOptions.defaults().batch(4).edgeLayout(Layout.CHANNELS_LAST);

    assertThat(options.batch()).isEqualTo(4);
    assertThat(options.edgeLayout()).contains(Layout.CHANNELS_LAST);
    assertThat(ImportOptions.defaults().edgeLayout()).isEmpty();
    assertThat(options)
        .isEqualTo(ImportOptions.defaults().edgeLayout(Layout.CHANNELS_LAST).batch(4));
    assertThatThrownBy(() -> options.batch(0)).isInstanceOf(ConfigurationException.class);
  }
}
