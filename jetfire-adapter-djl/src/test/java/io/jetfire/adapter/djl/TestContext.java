package io.jetfire.adapter.djl;

import io.jetfire.MissingProviderException;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ProviderContext;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Map;
import java.util.Optional;

/** A context for tests: folders under the build directory, settings as given. */
public record TestContext(Map<String, String> settings) implements ProviderContext {

  public static TestContext create() {
    return new TestContext(Map.of());
  }

  @Override
  public Optional<String> configuration(String key) {
    return Optional.ofNullable(settings.get(key));
  }

  @Override
  public Path workDirectory() {
    return Path.of("target");
  }

  @Override
  public Path cacheDirectory() {
    return Path.of("target", "cache");
  }

  @Override
  public Clock clock() {
    return Clock.systemUTC();
  }

  @Override
  public ModelRuntime modelRuntime(String format) {
    throw new MissingProviderException("no runtime for " + format);
  }
}
