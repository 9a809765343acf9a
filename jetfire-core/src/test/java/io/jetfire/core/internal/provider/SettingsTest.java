package io.jetfire.core.internal.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.StorageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SettingsTest {
  private static final String PROPERTY = "jetfire.settings-test.path";

  private final Path folder;

  SettingsTest(@TempDir Path folder) {
    this.folder = folder;
  }

  @AfterEach
  void clear() {
    System.clearProperty(PROPERTY);
  }

  private static Optional<String> path(Settings settings) {
    return settings.find("settings-test", "path");
  }

  @Test
  void eachSourceWinsOverTheNext() throws IOException {
    Path file = Files.writeString(folder.resolve("s.properties"), "settings-test.path = ü/file\n");
    Map<String, String> environment = Map.of("JETFIRE_SETTINGS_TEST_PATH", "environment");
    Map<String, String> builder = Map.of("settings-test.path", "builder");

    assertThat(path(new Settings(Map.of(), Optional.empty(), Map.of()))).isEmpty();
    assertThat(path(new Settings(Map.of(), Optional.empty(), environment))).hasValue("environment");
    System.setProperty(PROPERTY, "property");
    assertThat(path(new Settings(Map.of(), Optional.empty(), environment))).hasValue("property");
    assertThat(path(new Settings(Map.of(), Optional.of(file), environment))).hasValue("ü/file");
    assertThat(path(new Settings(builder, Optional.of(file), environment))).hasValue("builder");
  }

  @Test
  void otherProvidersSettingsAreNotMine() {
    Settings settings =
        new Settings(Map.of("a.path", "1", "ab.path", "2"), Optional.empty(), Map.of());
    assertThat(settings.find("a", "path")).hasValue("1");
    assertThat(settings.find("a", "pat")).isEmpty();
    assertThat(settings.find("b", "path")).isEmpty();
  }

  @Test
  void aFileThatCannotBeReadIsNamed() {
    Path gone = folder.resolve("gone.properties");
    assertThatThrownBy(() -> new Settings(Map.of(), Optional.of(gone), Map.of()))
        .isInstanceOf(StorageException.class)
        .hasMessageContainingAll("gone.properties", "mlmd-sqlite.path");
  }
}
