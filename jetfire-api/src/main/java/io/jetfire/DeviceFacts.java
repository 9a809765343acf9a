package io.jetfire;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a log says of the device.
 *
 * @param readings by name, such as {@code battery.temperature}, {@code thermal.CPU0}, {@code
 *     thermal.status}, {@code meminfo.total}; in a run of several sessions the last reading
 * @param properties by name, such as {@code battery.status}, {@code ro.product.model}
 */
public record DeviceFacts(Map<String, Measurement> readings, Map<String, String> properties) {

  /** Copies the maps, sorted by key. */
  public DeviceFacts {
    readings = Collections.unmodifiableMap(new TreeMap<>(readings));
    properties = Collections.unmodifiableMap(new TreeMap<>(properties));
  }

  /**
   * Returns facts of which none is known.
   *
   * @return no readings, no properties
   */
  public static DeviceFacts none() {
    return new DeviceFacts(Map.of(), Map.of());
  }
}
