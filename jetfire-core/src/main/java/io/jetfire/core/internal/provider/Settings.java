package io.jetfire.core.internal.provider;

import io.jetfire.StorageException;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;

/**
 * Where settings of providers come from, in order: the builder, the explicit file, the system
 * property {@code jetfire.<provider>.<key>}, the environment variable {@code
 * JETFIRE_<PROVIDER>_<KEY>} (other characters than letters and digits become {@code _}).
 */
public final class Settings {
  private final Map<String, String> explicit;
  private final Map<String, String> file;
  private final Map<String, String> environment;

  /**
   * Reads the file.
   *
   * @param explicit the builder's settings
   * @param file the explicit file, if there is one
   * @param environment the environment variables
   */
  public Settings(
      Map<String, String> explicit, Optional<Path> file, Map<String, String> environment) {
    this.explicit = Map.copyOf(explicit);
    this.file = file.map(Settings::read).orElse(Map.of());
    this.environment = Map.copyOf(environment);
  }

  private static Map<String, String> read(Path file) {
    Properties properties = new Properties();
    try (Reader in = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      properties.load(in);
    } catch (IOException | IllegalArgumentException e) {
      throw new StorageException(
          "The configuration file "
              + file
              + " cannot be read ("
              + e
              + "); it should be a"
              + " properties file in UTF-8 with keys such as mlmd-sqlite.path",
          e);
    }
    Map<String, String> map = new HashMap<>();
    for (String key : properties.stringPropertyNames()) {
      map.put(key, properties.getProperty(key));
    }
    return map;
  }

  /**
   * Looks a setting up.
   *
   * @param provider the provider's id
   * @param key the setting
   * @return its value, if anybody set it
   */
  public Optional<String> find(String provider, String key) {
    String name = provider + "." + key;
    if (explicit.containsKey(name)) {
      return Optional.of(explicit.get(name));
    }
    if (file.containsKey(name)) {
      return Optional.of(file.get(name));
    }
    String property = System.getProperty("jetfire." + name);
    if (property != null) {
      return Optional.of(property);
    }
    return Optional.ofNullable(
        environment.get(
            ("JETFIRE_" + provider + "_" + key)
                .toUpperCase(Locale.ROOT)
                .replaceAll("[^A-Z0-9]", "_")));
  }
}
