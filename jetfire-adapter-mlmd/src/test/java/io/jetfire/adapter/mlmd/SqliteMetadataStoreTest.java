package io.jetfire.adapter.mlmd;

import io.jetfire.spi.MetadataStore;
import io.jetfire.testkit.MetadataStoreContract;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;

class SqliteMetadataStoreTest extends MetadataStoreContract {
  @SuppressWarnings("NullAway.Init") // JUnit sets it.
  @TempDir
  Path folder;

  @Override
  protected MetadataStore newStore() {
    return open();
  }

  @Override
  protected Optional<MetadataStore> reopen() {
    return Optional.of(open());
  }

  private MetadataStore open() {
    return SqliteMetadataStore.open(
        folder.resolve("metadata.db"), Clock.systemUTC(), Duration.ofSeconds(1));
  }
}
