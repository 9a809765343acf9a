package io.jetfire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelTest {
  private final Path folder;

  ModelTest(@TempDir Path folder) {
    this.folder = folder;
  }

  private Path file(String name, String content) throws IOException {
    return Files.write(folder.resolve(name), content.getBytes(StandardCharsets.ISO_8859_1));
  }

  @Test
  void tfliteIsToldByItsIdentifierWhateverTheName() throws IOException {
    assertThat(Model.of(file("model.bin", "\34\0\0\0TFL3....")).format()).isEqualTo("tflite");
    assertThat(Model.of(file("model.TFLITE", "x")).format()).isEqualTo("tflite");
    assertThat(Model.of(file("net.onnx", "")).format()).isEqualTo("onnx");
    assertThat(Model.of(file("plain", "")).format()).isEqualTo("unknown");
    assertThat(Model.of(file("dot.", "")).format()).isEqualTo("unknown");
    assertThat(Model.of(file("x.tflite", "abc"), "other").format()).isEqualTo("other");
  }

  @Test
  void sizeAndHashAreOfTheContent() throws IOException {
    Model model = Model.of(file("a.onnx", "abc"));
    assertThat(model.sizeBytes()).isEqualTo(3);
    assertThat(model.sha256())
        .isEqualTo("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assertThat(model).hasToString("a.onnx (onnx, 3 bytes, ba7816bf8f01)");
  }

  @Test
  void aSavedModelIsAFolderWithTheHashOfAllItsFiles() throws IOException {
    Path variables = Files.createDirectories(folder.resolve("net/variables"));
    Files.writeString(folder.resolve("net/saved_model.pb"), "graph");
    Files.writeString(variables.resolve("variables.index"), "index");
    Model model = Model.of(folder.resolve("net"));
    assertThat(model.format()).isEqualTo("saved-model");
    assertThat(model.sizeBytes()).isEqualTo(10);
    assertThat(Model.of(folder.resolve("net")).sha256()).isEqualTo(model.sha256());
    Files.writeString(variables.resolve("variables.index"), "inde");
    Files.writeString(folder.resolve("net/x"), "x");
    Model changed = Model.of(folder.resolve("net"));
    assertThat(changed.sizeBytes()).isEqualTo(10);
    assertThat(changed.sha256()).isNotEqualTo(model.sha256());
    Files.move(folder.resolve("net/x"), folder.resolve("net/y"));
    assertThat(Model.of(folder.resolve("net")).sha256()).isNotEqualTo(changed.sha256());
    Files.createSymbolicLink(folder.resolve("net/link"), folder.resolve("net/y"));
    assertThatThrownBy(() -> Model.of(folder.resolve("net")))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining("link");
  }

  @Test
  void aMissingFileIsNamed() {
    assertThatThrownBy(() -> Model.of(folder.resolve("gone.tflite")))
        .isInstanceOf(StorageException.class)
        .hasMessageContainingAll("gone.tflite", "check the path");
    assertThatThrownBy(() -> Model.of(folder)).isInstanceOf(StorageException.class);
  }
}
