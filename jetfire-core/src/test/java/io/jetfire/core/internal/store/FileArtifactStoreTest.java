package io.jetfire.core.internal.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.ConfigurationException;
import io.jetfire.StorageException;
import io.jetfire.spi.ArtifactStore;
import io.jetfire.spi.ArtifactStoreProvider;
import io.jetfire.testkit.ArtifactStoreContract;
import io.jetfire.testkit.TestProviderContext;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ServiceLoader;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileArtifactStoreTest extends ArtifactStoreContract {
  @Override
  protected ArtifactStoreProvider provider() {
    return ServiceLoader.load(ArtifactStoreProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(p -> p.id().equals("file"))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void liesInTheWorkDirectoryUnlessThePathIsSet(@TempDir Path work) throws IOException {
    Path file = Files.writeString(work.resolve("m"), "x");
    TestProviderContext context = TestProviderContext.in(work);
    assertThat(Path.of(provider().create(context).put(file, "a/b")))
        .isEqualTo(work.resolve("artifacts/a/b"));
    Path other = work.resolve("other");
    assertThat(Path.of(provider().create(context.with("path", other.toString())).put(file, "b")))
        .isEqualTo(other.resolve("b"));
  }

  @Test
  void nothingHalfWrittenStays(@TempDir Path work) throws IOException {
    ArtifactStore store = new FileArtifactStore(work.resolve("s"));
    Path file = Files.writeString(work.resolve("m"), "x");
    store.put(file, "a");
    // A folder stands where the file should go.
    Files.createDirectories(work.resolve("s/b/c"));
    assertThatThrownBy(() -> store.put(file, "b")).isInstanceOf(StorageException.class);
    try (Stream<Path> all = Files.walk(work.resolve("s"))) {
      assertThat(all.map(p -> String.valueOf(p.getFileName())))
          .containsExactlyInAnyOrder("s", "a", "b", "c");
    }
  }

  @Test
  void filesOutsideTheStoreAreNotRead(@TempDir Path work) throws IOException {
    ArtifactStore store = new FileArtifactStore(work.resolve("s"));
    Path secret = Files.writeString(work.resolve("secret"), "x");
    for (URI uri :
        new URI[] {
          secret.toUri(),
          URI.create(work.resolve("s").toUri() + "../secret"),
          URI.create("gs://bucket/secret"),
          URI.create("secret")
        }) {
      assertThatThrownBy(() -> store.get(uri, work.resolve("out")))
          .as("%s", uri)
          .isInstanceOf(ConfigurationException.class);
    }
    assertThat(work.resolve("out")).doesNotExist();
  }

  @Test
  void aLinkDoesNotLeadOut(@TempDir Path work) throws IOException {
    Path root = Files.createDirectories(work.resolve("s"));
    Path outside = Files.createDirectories(work.resolve("outside"));
    Files.createSymbolicLink(root.resolve("link"), outside);
    Path file = Files.writeString(work.resolve("m"), "x");
    assertThatThrownBy(() -> new FileArtifactStore(root).put(file, "link/x"))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("link");
    assertThat(outside).isEmptyDirectory();
  }
}
