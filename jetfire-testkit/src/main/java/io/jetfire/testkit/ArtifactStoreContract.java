package io.jetfire.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.JetFireException;
import io.jetfire.spi.ArtifactStore;
import io.jetfire.spi.ArtifactStoreProvider;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What every {@link ArtifactStore} must do. Implementers inherit it:
 *
 * <pre>{@code
 * class MyArtifactStoreTest extends ArtifactStoreContract {
 *   @Override
 *   protected ArtifactStoreProvider provider() {
 *     return new MyArtifactStoreProvider();
 *   }
 * }
 * }</pre>
 */
public abstract class ArtifactStoreContract {
  @TempDir
  @SuppressWarnings("NullAway.Init")
  Path folder;

  @SuppressWarnings("NullAway.Init")
  private ArtifactStore store;

  /** For subclasses. */
  protected ArtifactStoreContract() {}

  /**
   * Returns the provider to test.
   *
   * @return the provider, not used yet
   */
  protected abstract ArtifactStoreProvider provider();

  /**
   * Returns the context that the provider is created with, with the settings that it needs.
   *
   * @param folder an empty folder
   * @return the context
   */
  protected TestProviderContext context(Path folder) {
    return TestProviderContext.in(folder);
  }

  @BeforeEach
  final void create() throws IOException {
    store = provider().create(context(Files.createDirectory(folder.resolve("work"))));
  }

  private Path file(String name, String content) throws IOException {
    return Files.writeString(folder.resolve(name), content);
  }

  private String fetched(URI uri) throws IOException {
    Path target = folder.resolve("fetched");
    store.get(uri, target);
    return Files.readString(target);
  }

  @Test
  final void namesItsSchemesInLowerCase() {
    assertThat(provider().id()).matches("[a-z0-9-]+");
    assertThat(store.schemes())
        .isNotEmpty()
        .allMatch(s -> s.equals(s.toLowerCase(Locale.ROOT)) && s.matches("[a-z][a-z0-9+.-]*"));
  }

  @Test
  final void whatWasStoredCanBeFetched() throws IOException {
    URI uri = store.put(file("m", "content"), "models/run-1/int8.tflite");
    assertThat(store.schemes()).contains(String.valueOf(uri.getScheme()));
    assertThat(store.exists(uri)).isTrue();
    assertThat(fetched(uri)).isEqualTo("content");
  }

  @Test
  final void bytesComeBackAsTheyWere() throws IOException {
    byte[] bytes = new byte[300_000];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (i * 31 + i / 256);
    }
    URI uri = store.put(Files.write(folder.resolve("m"), bytes), "big.bin");
    store.get(uri, folder.resolve("out"));
    assertThat(folder.resolve("out")).hasBinaryContent(bytes);
    URI empty = store.put(file("e", ""), "empty.bin");
    assertThat(fetched(empty)).isEmpty();
    assertThat(store.exists(empty)).isTrue();
  }

  @Test
  final void namesWithSpacesAndLettersOfAllLanguagesWork() throws IOException {
    URI uri = store.put(file("m", "x"), "a b/größe 100%#1.log");
    assertThat(fetched(uri)).isEqualTo("x");
  }

  @Test
  final void storingAgainIsHarmlessAndNewContentReplaces() throws IOException {
    URI first = store.put(file("m", "one"), "m.bin");
    assertThat(store.put(file("m", "one"), "m.bin")).isEqualTo(first);
    URI second = store.put(file("m", "two"), "m.bin");
    assertThat(fetched(second)).isEqualTo("two");
  }

  @Test
  final void fetchingReplacesTheTarget() throws IOException {
    URI uri = store.put(file("m", "new"), "m.bin");
    file("fetched", "something longer that was there before");
    assertThat(fetched(uri)).isEqualTo("new");
  }

  @Test
  final void whatIsNotThereIsAnErrorAndLeavesTheTarget() throws IOException {
    URI uri = store.put(file("m", "x"), "m.bin");
    URI gone = URI.create(uri.toString().replace("m.bin", "gone.bin"));
    assertThat(store.exists(gone)).isFalse();
    Path target = file("fetched", "before");
    assertThatThrownBy(() -> store.get(gone, target)).isInstanceOf(JetFireException.class);
    assertThat(target).hasContent("before");
    assertThatThrownBy(() -> store.put(folder.resolve("no such file"), "n.bin"))
        .isInstanceOf(JetFireException.class);
  }

  @Test
  final void namesThatLeadOutAreRefused() throws IOException {
    Path file = file("m", "x");
    for (String name :
        List.of("../out.bin", "a/../../out.bin", "/out.bin", "", "a//b", "..", "a/..", "C:\\out")) {
      assertThatThrownBy(() -> store.put(file, name))
          .as("the name '%s'", name)
          .isInstanceOf(JetFireException.class);
    }
    try (Stream<Path> all = Files.walk(folder)) {
      assertThat(all.filter(p -> String.valueOf(p.getFileName()).startsWith("out"))).isEmpty();
    }
  }

  @Test
  final void manyThreadsMayStoreAtOnce() throws IOException {
    List<Path> files = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      files.add(
          Files.write(
              folder.resolve("m" + i), ("" + i).repeat(100_000).getBytes(StandardCharsets.UTF_8)));
    }
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try {
      List<CompletableFuture<URI>> own = new ArrayList<>();
      List<CompletableFuture<URI>> same = new ArrayList<>();
      for (Path f : files) {
        own.add(
            CompletableFuture.supplyAsync(() -> store.put(f, "own/" + f.getFileName()), threads));
        same.add(CompletableFuture.supplyAsync(() -> store.put(f, "same.bin"), threads));
      }
      for (int i = 0; i < files.size(); i++) {
        assertThat(fetched(own.get(i).join())).isEqualTo(Files.readString(files.get(i)));
      }
      URI uri = same.get(0).join();
      same.forEach(CompletableFuture::join);
      String content = fetched(uri);
      assertThat(content)
          .as("one of them as a whole")
          .isEqualTo(content.substring(0, 1).repeat(100_000));
    } finally {
      threads.shutdownNow();
    }
  }
}
