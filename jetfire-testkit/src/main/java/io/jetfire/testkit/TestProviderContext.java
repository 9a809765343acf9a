package io.jetfire.testkit;

import io.jetfire.MissingProviderException;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ModelRuntimeProvider;
import io.jetfire.spi.ProviderContext;
import java.nio.file.Path;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.TreeSet;

/**
 * A {@link ProviderContext} for tests of a provider without the engine.
 *
 * <pre>{@code
 * ProviderContext context = TestProviderContext.in(folder).with("timeout", "5s");
 * }</pre>
 *
 * <p>As the engine's, it gives one runtime per format to all who ask, and ends it when it is
 * closed. Safe for several threads.
 */
public final class TestProviderContext implements ProviderContext, AutoCloseable {
  private final Path folder;
  private final Clock clock;
  private final Map<String, String> configuration;
  private final Map<String, ModelRuntime> runtimes = new LinkedHashMap<>();

  private TestProviderContext(Path folder, Clock clock, Map<String, String> configuration) {
    this.folder = folder;
    this.clock = clock;
    this.configuration = Map.copyOf(configuration);
  }

  /**
   * Makes a context with no settings and the system's clock.
   *
   * @param folder an existing folder for all that the provider writes
   * @return the context
   */
  public static TestProviderContext in(Path folder) {
    return new TestProviderContext(folder, Clock.systemUTC(), Map.of());
  }

  /**
   * Returns this context with one more setting.
   *
   * @param key such as {@code path}
   * @param value what the user would have set
   * @return the context
   */
  public TestProviderContext with(String key, String value) {
    Map<String, String> more = new LinkedHashMap<>(configuration);
    more.put(key, value);
    return new TestProviderContext(folder, clock, more);
  }

  /**
   * Returns this context with another clock.
   *
   * @param other the clock
   * @return the context
   */
  public TestProviderContext clock(Clock other) {
    return new TestProviderContext(folder, other, configuration);
  }

  @Override
  public Optional<String> configuration(String key) {
    return Optional.ofNullable(configuration.get(key));
  }

  @Override
  public Path workDirectory() {
    return folder;
  }

  @Override
  public Path cacheDirectory() {
    return folder.resolve("cache");
  }

  @Override
  public Clock clock() {
    return clock;
  }

  /** Returns a runtime of the first provider on the class path that runs the format. */
  @Override
  public synchronized ModelRuntime modelRuntime(String format) {
    ModelRuntime known = runtimes.get(format);
    if (known == null) {
      known = create(format);
      runtimes.put(format, known);
    }
    return known;
  }

  /** Closes the runtimes that were asked for. */
  @Override
  public synchronized void close() {
    runtimes.values().forEach(ModelRuntime::close);
    runtimes.clear();
  }

  private ModelRuntime create(String format) {
    TreeSet<String> ids = new TreeSet<>();
    for (ModelRuntimeProvider provider :
        ServiceLoader.load(
            ModelRuntimeProvider.class, ModelRuntimeProvider.class.getClassLoader())) {
      ModelRuntime runtime = provider.create(this);
      if (runtime.formats().contains(format)) {
        return runtime;
      }
      runtime.close();
      ids.add(provider.id());
    }
    throw new MissingProviderException(
        "No runtime on the class path executes the format '"
            + format
            + "'; found "
            + ids
            + ". Add its artifact (tflite: io.jetfire:jetfire-runtime).");
  }
}
