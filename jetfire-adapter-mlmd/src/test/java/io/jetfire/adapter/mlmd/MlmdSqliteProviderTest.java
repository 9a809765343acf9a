package io.jetfire.adapter.mlmd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.jetfire.ConfigurationException;
import io.jetfire.spi.MetadataStore;
import io.jetfire.spi.MetadataStore.Type;
import io.jetfire.spi.MetadataStoreProvider;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ProviderContext;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MlmdSqliteProviderTest {
  private static final Instant NOW = Instant.parse("2026-11-01T12:00:00.123456Z");

  @SuppressWarnings("NullAway.Init") // JUnit sets it.
  @TempDir
  Path folder;

  @Test
  void isRegistered() {
    assertThat(ServiceLoader.load(MetadataStoreProvider.class))
        .hasAtLeastOneElementOfType(MlmdSqliteProvider.class)
        .extracting(MetadataStoreProvider::id)
        .contains("mlmd-sqlite");
  }

  @Test
  void theFileIsInTheWorkDirectoryUnlessItIsConfigured() {
    new MlmdSqliteProvider().create(new Context(Map.of())).close();
    new MlmdSqliteProvider().create(new Context(Map.of("path", "sub/own.db"))).close();
    Path absolute = folder.resolve("absolute.db").toAbsolutePath();
    new MlmdSqliteProvider().create(new Context(Map.of("path", absolute.toString()))).close();

    assertThat(folder.resolve("metadata.db")).isRegularFile();
    assertThat(folder.resolve("sub/own.db")).isRegularFile();
    assertThat(absolute).isRegularFile();
  }

  @Test
  void aPathThatIsNoneIsRefused() {
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(() -> new MlmdSqliteProvider().create(new Context(Map.of("path", "a\0b"))))
        .withMessageContaining("path");
  }

  @Test
  void timesComeFromTheClock() {
    try (MetadataStore store = new MlmdSqliteProvider().create(new Context(Map.of()))) {
      store.putType(Type.artifact("test.Data").build());
      assertThat(
              store.putArtifact(MetadataStore.Artifact.builder("test.Data").build()).createTime())
          .isEqualTo(Instant.parse("2026-11-01T12:00:00.123Z"));
      assertThat(store).hasToString("mlmd-sqlite " + folder.resolve("metadata.db"));
    }
  }

  private final class Context implements ProviderContext {
    private final Map<String, String> settings;

    Context(Map<String, String> settings) {
      this.settings = settings;
    }

    @Override
    public Optional<String> configuration(String key) {
      return Optional.ofNullable(settings.get(key));
    }

    @Override
    public Path workDirectory() {
      return folder;
    }

    @Override
    public Path cacheDirectory() {
      return folder;
    }

    @Override
    public Clock clock() {
      return Clock.fixed(NOW, ZoneOffset.UTC);
    }

    @Override
    public ModelRuntime modelRuntime(String format) {
      throw new AssertionError("not needed");
    }
  }
}
