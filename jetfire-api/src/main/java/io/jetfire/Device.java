package io.jetfire;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * A device of a farm's catalogue.
 *
 * @param id what the farm calls it, unique in the farm
 * @param name what people call it, such as {@code Pixel 6 (Android 13)}
 * @param attributes what is known of it; the usual keys are {@code model}, {@code brand}, {@code
 *     os} ({@code android}, {@code ios}, {@code linux} ...), {@code version} (the OS version;
 *     Android: the API level), {@code ram} (bytes), {@code soc}, {@code cores}, {@code form}
 *     ({@code physical}, {@code virtual}, {@code host})
 */
public record Device(String id, String name, Map<String, String> attributes) {

  /** Copies the map, sorted by key. */
  public Device {
    attributes = Collections.unmodifiableMap(new TreeMap<>(attributes));
  }

  /**
   * Returns one attribute.
   *
   * @param key such as {@code ram}
   * @return its value, or an empty text if it is not known
   */
  public String attribute(String key) {
    return attributes.getOrDefault(key, "");
  }

  @Override
  public String toString() {
    return name + " [" + id + "]";
  }
}
