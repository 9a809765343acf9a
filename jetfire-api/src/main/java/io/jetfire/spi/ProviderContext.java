package io.jetfire.spi;

import java.nio.file.Path;
import java.time.Clock;
import java.util.Optional;

/**
 * What a provider is given when it is created.
 *
 * <p>Thread-safe.
 */
public interface ProviderContext {

  /**
   * Looks a setting up: the builder first, then the explicit file, the system property {@code
   * jetfire.<provider>.<key>}, and the environment variable {@code JETFIRE_<PROVIDER>_<KEY>}.
   *
   * @param key such as {@code path}
   * @return the value, or empty if nobody set it
   */
  Optional<String> configuration(String key);

  /**
   * Returns the folder for what belongs to this client's runs.
   *
   * @return an existing folder
   */
  Path workDirectory();

  /**
   * Returns the folder for what can be made anew, shared between clients.
   *
   * @return a folder, which may not exist yet
   */
  Path cacheDirectory();

  /**
   * Returns the clock to read the time from.
   *
   * @return the clock
   */
  Clock clock();

  /**
   * Finds the runtime that executes models of a format on this host, as a converter needs it for
   * calibration.
   *
   * @param format such as {@code tflite}
   * @return the runtime, owned by the client
   * @throws io.jetfire.MissingProviderException if no provider runs that format
   */
  ModelRuntime modelRuntime(String format);
}
