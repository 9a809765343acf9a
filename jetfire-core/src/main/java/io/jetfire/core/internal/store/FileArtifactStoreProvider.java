package io.jetfire.core.internal.store;

import io.jetfire.ConfigurationException;
import io.jetfire.spi.ArtifactStore;
import io.jetfire.spi.ArtifactStoreProvider;
import io.jetfire.spi.ProviderContext;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The artifact store {@code file}: a folder, named by the setting {@code path}, by default {@code
 * artifacts} in the work directory.
 */
public final class FileArtifactStoreProvider implements ArtifactStoreProvider {

  /** For {@link java.util.ServiceLoader}. */
  public FileArtifactStoreProvider() {}

  @Override
  public String id() {
    return "file";
  }

  @Override
  public ArtifactStore create(ProviderContext context) {
    Optional<String> path = context.configuration("path");
    try {
      return new FileArtifactStore(
          path.map(Path::of).orElseGet(() -> context.workDirectory().resolve("artifacts")));
    } catch (InvalidPathException e) {
      throw new ConfigurationException(
          "The setting file.path names no folder on this system: " + e.getMessage(), e);
    }
  }
}
