package io.jetfire.core.internal.provider;

import io.jetfire.ConfigurationException;
import io.jetfire.MissingProviderException;
import io.jetfire.PlatformException;
import io.jetfire.ProviderInfo;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.Provider;
import io.jetfire.spi.ProviderContext;
import java.nio.file.Path;
import java.security.CodeSource;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The providers of one client: found anew for each client, created when first asked for, closed
 * with it. Thread-safe.
 */
public final class Providers implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Providers.class);

  private final List<Provider<?>> explicit;
  private final Settings settings;
  private final Path workDirectory;
  private final Path cacheDirectory;
  private final Clock clock;
  private final Map<String, Map<String, Provider<?>>> found = new LinkedHashMap<>();
  private final Map<Provider<?>, Object> created = new LinkedHashMap<>();
  private boolean closed;

  /**
   * Finds the providers.
   *
   * @param explicit those handed to the client's builder
   * @param settings settings of providers
   * @param workDirectory the client's folder
   * @param cacheDirectory the shared folder
   * @param clock the client's clock
   * @throws ConfigurationException if two providers of a kind have one id
   */
  public Providers(
      List<Provider<?>> explicit,
      Settings settings,
      Path workDirectory,
      Path cacheDirectory,
      Clock clock) {
    this.explicit = List.copyOf(explicit);
    this.settings = settings;
    this.workDirectory = workDirectory;
    this.cacheDirectory = cacheDirectory;
    this.clock = clock;
    for (Provider<?> provider : explicit) {
      if (ProviderKind.all().stream().noneMatch(k -> k.service().isInstance(provider))) {
        throw new ConfigurationException(
            "The provider '"
                + provider.id()
                + "' ("
                + provider.getClass().getName()
                + ") is of no kind; implement the interface of its kind, such as"
                + " DeviceFarmProvider");
      }
    }
    for (ProviderKind<?> kind : ProviderKind.all()) {
      found.put(kind.name(), load(kind));
    }
  }

  private Map<String, Provider<?>> load(ProviderKind<?> kind) {
    Map<String, Provider<?>> byId = new LinkedHashMap<>();
    addAll(kind, kind.service().getClassLoader(), byId);
    ClassLoader context = Thread.currentThread().getContextClassLoader();
    if (context != null && context != kind.service().getClassLoader()) {
      addAll(kind, context, byId);
    }
    for (Provider<?> provider : explicit) {
      if (kind.service().isInstance(provider)) {
        byId.put(provider.id(), provider);
      }
    }
    return byId;
  }

  private static void addAll(
      ProviderKind<?> kind, ClassLoader loader, Map<String, Provider<?>> byId) {
    Iterator<? extends Provider<?>> all = ServiceLoader.load(kind.service(), loader).iterator();
    while (true) {
      Provider<?> provider;
      try {
        if (!all.hasNext()) {
          return;
        }
        provider = all.next();
      } catch (ServiceConfigurationError e) {
        throw new ConfigurationException(
            "A "
                + kind.name()
                + " on the class path is broken ("
                + e.getMessage()
                + "); update or remove its artifact",
            e);
      }
      Provider<?> other = byId.putIfAbsent(provider.id(), provider);
      if (other != null && other.getClass() != provider.getClass()) {
        throw new ConfigurationException(
            "Two "
                + kind.name()
                + "s have the id '"
                + provider.id()
                + "': "
                + other.getClass().getName()
                + " in "
                + origin(other)
                + " and "
                + provider.getClass().getName()
                + " in "
                + origin(provider)
                + "; remove one of them from the class path");
      }
    }
  }

  /**
   * Returns a provider's product.
   *
   * @param kind its kind
   * @param id its id
   * @param <T> what it creates
   * @return the same object each time
   * @throws MissingProviderException if there is none of that id
   */
  public synchronized <T> T get(ProviderKind<T> kind, String id) {
    Map<String, Provider<?>> ofKind = ofKind(kind);
    Provider<?> provider = ofKind.get(id);
    if (provider == null) {
      String artifact = kind.artifacts().get(id);
      throw new MissingProviderException(
          "There is no "
              + kind.name()
              + " '"
              + id
              + "'; found: "
              + (ofKind.isEmpty() ? "none" : new TreeSet<>(ofKind.keySet()))
              + ". "
              + (artifact != null
                  ? "Add the artifact io.jetfire:" + artifact
                  : "Use one of these, add the artifact that has it, or hand the provider to"
                      + " JetFire.builder().provider(...)"));
    }
    return product(provider);
  }

  /**
   * Says whether there is a provider.
   *
   * @param kind its kind
   * @param id its id
   * @return true if {@link #get} would find it
   */
  public boolean has(ProviderKind<?> kind, String id) {
    return ofKind(kind).containsKey(id);
  }

  /**
   * Finds the runtime that executes a format, if there is one.
   *
   * @param format such as {@code tflite}
   * @return the first whose formats include it
   */
  public Optional<ModelRuntime> runtimeFor(String format) {
    PlatformException failure = null;
    for (String id : ofKind(ProviderKind.MODEL_RUNTIME).keySet()) {
      try {
        ModelRuntime runtime = get(ProviderKind.MODEL_RUNTIME, id);
        if (runtime.formats().contains(format)) {
          return Optional.of(runtime);
        }
      } catch (PlatformException e) {
        // One that cannot work here need not be the one that is wanted.
        failure = e;
      }
    }
    if (failure != null) {
      throw failure;
    }
    return Optional.empty();
  }

  /**
   * Lists all providers.
   *
   * @return sorted by kind and id
   */
  public List<ProviderInfo> list() {
    List<ProviderInfo> infos = new ArrayList<>();
    for (ProviderKind<?> kind : ProviderKind.all()) {
      for (String id : new TreeSet<>(ofKind(kind).keySet())) {
        Provider<?> p = Objects.requireNonNull(ofKind(kind).get(id));
        infos.add(new ProviderInfo(kind.name(), id, p.getClass().getName(), origin(p)));
      }
    }
    return infos;
  }

  private Map<String, Provider<?>> ofKind(ProviderKind<?> kind) {
    return found.getOrDefault(kind.name(), Map.of());
  }

  @SuppressWarnings("unchecked") // The service interface of the kind fixes what it creates.
  private <T> T product(Provider<?> provider) {
    if (closed) {
      throw new ConfigurationException("This JetFire client is closed; create another");
    }
    Object existing = created.get(provider);
    if (existing == null) {
      existing = provider.create(new Context(provider.id()));
      created.put(provider, existing);
    }
    return (T) existing;
  }

  private static String origin(Provider<?> provider) {
    CodeSource source = provider.getClass().getProtectionDomain().getCodeSource();
    return source == null || source.getLocation() == null
        ? "an unknown place"
        : source.getLocation().toString();
  }

  @Override
  public synchronized void close() {
    closed = true;
    List<Object> all = new ArrayList<>(created.values());
    created.clear();
    for (int i = all.size() - 1; i >= 0; i--) {
      if (all.get(i) instanceof AutoCloseable c) {
        try {
          c.close();
        } catch (Exception e) {
          LOG.warn("{} could not be closed", all.get(i).getClass().getName(), e);
        }
      }
    }
  }

  @Override
  public String toString() {
    return list().stream().map(i -> i.kind() + " " + i.id()).collect(Collectors.joining(", "));
  }

  private final class Context implements ProviderContext {
    private final String id;

    Context(String id) {
      this.id = id;
    }

    @Override
    public Optional<String> configuration(String key) {
      return settings.find(id, key);
    }

    @Override
    public Path workDirectory() {
      return workDirectory;
    }

    @Override
    public Path cacheDirectory() {
      return cacheDirectory;
    }

    @Override
    public Clock clock() {
      return clock;
    }

    @Override
    public ModelRuntime modelRuntime(String format) {
      return runtimeFor(format)
          .orElseThrow(
              () ->
                  new MissingProviderException(
                      "No model runtime executes the format '"
                          + format
                          + "', which '"
                          + id
                          + "' needs; add the artifact "
                          + (format.equals("tflite")
                              ? "io.jetfire:jetfire-runtime"
                              : "that has a model runtime for it")));
    }
  }
}
