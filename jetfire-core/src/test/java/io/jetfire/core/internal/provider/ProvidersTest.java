package io.jetfire.core.internal.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.ConfigurationException;
import io.jetfire.Converter;
import io.jetfire.Device;
import io.jetfire.MissingProviderException;
import io.jetfire.PlatformException;
import io.jetfire.core.internal.fake.FakeRuntime;
import io.jetfire.core.internal.fake.Fakes;
import io.jetfire.core.internal.metadata.InMemoryMetadataStore;
import io.jetfire.spi.DeviceFarm;
import io.jetfire.spi.DeviceFarmProvider;
import io.jetfire.spi.MetadataStore;
import io.jetfire.spi.MetadataStoreProvider;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ModelRuntimeProvider;
import io.jetfire.spi.Provider;
import io.jetfire.spi.ProviderContext;
import io.jetfire.testkit.FakeDeviceFarm;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProvidersTest {
  private final Path folder;

  ProvidersTest(@TempDir Path folder) {
    this.folder = folder;
  }

  private Providers providers(Provider<?>... explicit) {
    return new Providers(
        List.of(explicit),
        new Settings(Map.of(), Optional.empty(), Map.of()),
        folder,
        folder.resolve("cache"),
        Clock.systemUTC());
  }

  /** With more services on the context class path. */
  private Providers withServices(Class<?> service, String content) throws IOException {
    Path services = Files.createDirectories(folder.resolve("extra/META-INF/services"));
    Files.writeString(services.resolve(service.getName()), content);
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    try (URLClassLoader loader =
        new URLClassLoader(new URL[] {folder.resolve("extra").toUri().toURL()}, before)) {
      thread.setContextClassLoader(loader);
      return providers();
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  @Test
  void aMissingIdNamesWhatWasFoundAndTheArtifact() {
    try (Providers p = providers()) {
      assertThatThrownBy(() -> p.get(ProviderKind.METADATA_STORE, "mlmd-sqlite"))
          .isInstanceOf(MissingProviderException.class)
          .hasMessageContainingAll(
              "metadata store 'mlmd-sqlite'", "[memory]", "io.jetfire:jetfire-adapter-mlmd");
      assertThatThrownBy(() -> p.get(ProviderKind.DEVICE_FARM, "basement"))
          .isInstanceOf(MissingProviderException.class)
          .hasMessageContainingAll("'basement'", "found: none", "JetFire.builder().provider");
    }
  }

  /** Same id as the in-memory store's. */
  public static final class AnotherMemory implements MetadataStoreProvider {
    @Override
    public String id() {
      return "memory";
    }

    @Override
    public MetadataStore create(ProviderContext context) {
      return new InMemoryMetadataStore(context.clock());
    }
  }

  @Test
  void twoProvidersOfOneIdAreBothNamedWithTheirOrigin() {
    assertThatThrownBy(
            () -> withServices(MetadataStoreProvider.class, AnotherMemory.class.getName()))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll(
            "metadata stores have the id 'memory'",
            "InMemoryMetadataStoreProvider in file:",
            "AnotherMemory in file:",
            "remove one");
  }

  @Test
  void aBrokenServiceEntryIsNamed() {
    assertThatThrownBy(() -> withServices(DeviceFarmProvider.class, "com.example.Gone"))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll("device farm", "com.example.Gone", "remove its artifact");
    assertThatThrownBy(() -> withServices(DeviceFarmProvider.class, ProvidersTest.class.getName()))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("ProvidersTest");
  }

  @Test
  void anExplicitProviderReplacesOneOfTheClassPath() {
    MetadataStore mine = new InMemoryMetadataStore(Clock.systemUTC());
    MetadataStoreProvider provider = Fakes.store("memory", mine, m -> false);
    try (Providers p = providers(provider)) {
      MetadataStore got = p.get(ProviderKind.METADATA_STORE, "memory");
      assertThat(got).isNotInstanceOf(InMemoryMetadataStore.class);
      assertThat(p.get(ProviderKind.METADATA_STORE, "memory")).isSameAs(got);
      assertThat(p.list())
          .filteredOn(i -> i.kind().equals("metadata store"))
          .singleElement()
          .satisfies(i -> assertThat(i.implementation()).contains("Fakes"));
    }
  }

  @Test
  void aProviderOfNoKindIsRefused() {
    Provider<String> odd =
        new Provider<>() {
          @Override
          public String id() {
            return "odd";
          }

          @Override
          public String create(ProviderContext context) {
            return "";
          }
        };
    assertThatThrownBy(() -> providers(odd))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll("'odd'", "of no kind");
  }

  private static DeviceFarmProvider closing(String id, List<String> closed, boolean fails) {
    FakeDeviceFarm farm = FakeDeviceFarm.builder().build();
    return new DeviceFarmProvider() {
      @Override
      public String id() {
        return id;
      }

      @Override
      public DeviceFarm create(ProviderContext context) {
        closed.add("created " + id);
        return new DeviceFarm() {
          @Override
          public Capabilities capabilities() {
            return farm.capabilities();
          }

          @Override
          public List<Device> devices() {
            return farm.devices();
          }

          @Override
          public FarmRun submit(FarmRequest request) {
            return farm.submit(request);
          }

          @Override
          public FarmRun attach(String run) {
            return farm.attach(run);
          }

          @Override
          public void close() {
            closed.add("closed " + id);
            if (fails) {
              throw new IllegalStateException("stuck");
            }
          }
        };
      }
    };
  }

  @Test
  void whatWasCreatedIsClosedInReverseAlsoIfOneFails() {
    List<String> seen = new ArrayList<>();
    Providers p =
        providers(closing("a", seen, false), closing("b", seen, true), closing("c", seen, false));
    p.get(ProviderKind.DEVICE_FARM, "a");
    p.get(ProviderKind.DEVICE_FARM, "b");
    p.get(ProviderKind.DEVICE_FARM, "a");
    p.close();
    p.close();
    assertThat(seen).containsExactly("created a", "created b", "closed b", "closed a");
    assertThatThrownBy(() -> p.get(ProviderKind.DEVICE_FARM, "a"))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("closed");
  }

  @Test
  void aRuntimeIsFoundByFormatPastOneThatCannotLoad() {
    ModelRuntimeProvider broken =
        new ModelRuntimeProvider() {
          @Override
          public String id() {
            return "broken";
          }

          @Override
          public ModelRuntime create(ProviderContext context) {
            throw new PlatformException("glibc 2.17 is too old");
          }
        };
    FakeRuntime lite = FakeRuntime.of("lite", 1, 1, (m, in) -> in);
    try (Providers p = providers(broken, lite.provider("lite"))) {
      assertThat(p.runtimeFor("lite")).hasValue(lite);
      assertThatThrownBy(() -> p.runtimeFor("tflite"))
          .isInstanceOf(PlatformException.class)
          .hasMessageContaining("glibc");
    }
    try (Providers p = providers(lite.provider("lite"))) {
      assertThat(p.runtimeFor("tflite")).isEmpty();
    }
  }

  @Test
  void nothingIsCreatedBeforeItIsAskedFor() {
    List<String> seen = new ArrayList<>();
    try (Providers p = providers(closing("a", seen, false))) {
      assertThat(p.has(ProviderKind.DEVICE_FARM, "a")).isTrue();
      assertThat(p.list()).isNotEmpty();
      assertThat(p.toString()).contains("device farm a");
    }
    assertThat(seen).isEmpty();
    assertThat(Converter.toTflite().build().toJson()).contains("\"tflite\"");
  }
}
