package io.jetfire.core.internal.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import io.jetfire.spi.ArtifactStore;
import io.jetfire.spi.ArtifactStoreProvider;
import io.jetfire.spi.ProviderContext;
import io.jetfire.testkit.ArtifactStoreContract;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.platform.testkit.engine.EngineTestKit;

/** The contract finds stores that break one rule each. */
class ArtifactStoreContractKitTest {

  /** A correct store to break. */
  private static class Correct implements ArtifactStore {
    final FileArtifactStore store;
    final Path root;

    Correct(Path root) {
      this.root = root;
      store = new FileArtifactStore(root);
    }

    @Override
    public Set<String> schemes() {
      return store.schemes();
    }

    @Override
    public URI put(Path file, String name) {
      return store.put(file, name);
    }

    @Override
    public void get(URI uri, Path target) {
      store.get(uri, target);
    }

    @Override
    public boolean exists(URI uri) {
      return store.exists(uri);
    }
  }

  private abstract static class Broken extends ArtifactStoreContract {
    abstract ArtifactStore create(Path root);

    @Override
    protected final ArtifactStoreProvider provider() {
      return new ArtifactStoreProvider() {
        @Override
        public String id() {
          return "broken";
        }

        @Override
        public ArtifactStore create(ProviderContext context) {
          return Broken.this.create(context.workDirectory().resolve("s"));
        }
      };
    }
  }

  static final class SaysAllExists extends Broken {
    @Override
    ArtifactStore create(Path root) {
      return new Correct(root) {
        @Override
        public boolean exists(URI uri) {
          return true;
        }
      };
    }
  }

  static final class KeepsTheFirstContent extends Broken {
    @Override
    ArtifactStore create(Path root) {
      return new Correct(root) {
        @Override
        public URI put(Path file, String name) {
          Path there = root.resolve(name);
          return Files.exists(there) ? there.toUri() : super.put(file, name);
        }
      };
    }
  }

  static final class LetsNamesLeadOut extends Broken {
    @Override
    ArtifactStore create(Path root) {
      return new Correct(root) {
        @Override
        public URI put(Path file, String name) {
          if (!name.contains("..")) {
            return super.put(file, name);
          }
          try {
            Path target = root.resolve(name).normalize();
            Files.createDirectories(root);
            return Files.copy(file, target).toUri();
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        }
      };
    }
  }

  static final class EmptiesTheTargetFirst extends Broken {
    @Override
    ArtifactStore create(Path root) {
      return new Correct(root) {
        @Override
        public void get(URI uri, Path target) {
          try {
            Files.writeString(target, "");
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
          super.get(uri, target);
        }
      };
    }
  }

  private static void finds(Class<?> broken, String test) {
    var failed =
        EngineTestKit.engine("junit-jupiter")
            .selectors(selectClass(broken))
            .execute()
            .testEvents()
            .failed();
    assertThat(failed.stream().map(e -> e.getTestDescriptor().getDisplayName()))
        .contains(test + "()");
  }

  @Test
  void brokenStoresAreFound() {
    finds(SaysAllExists.class, "whatIsNotThereIsAnErrorAndLeavesTheTarget");
    finds(KeepsTheFirstContent.class, "storingAgainIsHarmlessAndNewContentReplaces");
    finds(LetsNamesLeadOut.class, "namesThatLeadOutAreRefused");
    finds(EmptiesTheTargetFirst.class, "whatIsNotThereIsAnErrorAndLeavesTheTarget");
  }
}
