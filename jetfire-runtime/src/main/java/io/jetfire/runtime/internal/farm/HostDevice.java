package io.jetfire.runtime.internal.farm;

import io.jetfire.Device;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/** What is known of the host; what cannot be found out is absent. */
final class HostDevice {
  /** The id of the only device. */
  static final String ID = "host";

  private HostDevice() {}

  static Device find() {
    Map<String, String> facts = new TreeMap<>();
    String os = os();
    facts.put("os", os);
    facts.put("version", System.getProperty("os.version", ""));
    facts.put("arch", System.getProperty("os.arch", ""));
    facts.put("cores", Integer.toString(Runtime.getRuntime().availableProcessors()));
    facts.put("form", "host");
    facts.put("model", "host");
    facts.put("java", System.getProperty("java.version", ""));
    cpu().ifPresent(cpu -> facts.put("soc", cpu));
    memoryBytes().ifPresent(bytes -> facts.put("ram", Long.toString(bytes)));
    String name =
        "This host ("
            + os
            + facts.getOrDefault("soc", "").transform(cpu -> cpu.isEmpty() ? cpu : ", " + cpu)
            + ")";
    return new Device(ID, name, facts);
  }

  private static String os() {
    String name = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
    if (name.contains("mac")) {
      return "macos";
    }
    return name.contains("windows") ? "windows" : name.replace(' ', '-');
  }

  private static Optional<String> cpu() {
    Optional<String> model = first(Path.of("/proc/cpuinfo"), "model name");
    return model.isPresent() ? model : Optional.ofNullable(System.getenv("PROCESSOR_IDENTIFIER"));
  }

  private static Optional<Long> memoryBytes() {
    return ManagementFactory.getOperatingSystemMXBean()
            instanceof com.sun.management.OperatingSystemMXBean bean
        ? Optional.of(bean.getTotalMemorySize())
        : Optional.empty();
  }

  /** The value of the first line "key : value" of a file of the kernel. */
  private static Optional<String> first(Path file, String key) {
    try (Stream<String> lines = Files.lines(file, StandardCharsets.ISO_8859_1)) {
      return lines
          .filter(line -> line.startsWith(key))
          .map(line -> line.substring(line.indexOf(':') + 1).trim())
          .filter(value -> !value.isEmpty())
          .findFirst();
    } catch (IOException | java.io.UncheckedIOException e) {
      return Optional.empty();
    }
  }
}
