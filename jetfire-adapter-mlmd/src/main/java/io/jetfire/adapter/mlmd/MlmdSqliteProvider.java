package io.jetfire.adapter.mlmd;

import io.jetfire.ConfigurationException;
import io.jetfire.spi.MetadataStore;
import io.jetfire.spi.MetadataStoreProvider;
import io.jetfire.spi.ProviderContext;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Provides the metadata store {@code mlmd-sqlite}: one SQLite file with ML Metadata's schema,
 * version 10. Files of ML Metadata's own library open here, and files written here open there.
 *
 * <p>Setting {@code path}: the file, made with its folders if it is missing; relative to the work
 * directory; {@code metadata.db} in the work directory by default. Several stores, in one process
 * or in several, may use one file at a time: a write waits up to five seconds for another.
 */
public final class MlmdSqliteProvider implements MetadataStoreProvider {
  private static final String DEFAULT_FILE = "metadata.db";
  private static final Duration BUSY_TIMEOUT = Duration.ofSeconds(5);

  /** Creates the provider, as {@link java.util.ServiceLoader} does; nothing is opened yet. */
  public MlmdSqliteProvider() {}

  @Override
  public String id() {
    return "mlmd-sqlite";
  }

  @Override
  public MetadataStore create(ProviderContext context) {
    String path = context.configuration("path").orElse(DEFAULT_FILE);
    Path file;
    try {
      file = context.workDirectory().resolve(path).toAbsolutePath().normalize();
    } catch (InvalidPathException e) {
      throw new ConfigurationException(
          "The setting path of mlmd-sqlite is \"" + path + "\", which is no path of a file", e);
    }
    return SqliteMetadataStore.open(file, context.clock(), BUSY_TIMEOUT);
  }
}
