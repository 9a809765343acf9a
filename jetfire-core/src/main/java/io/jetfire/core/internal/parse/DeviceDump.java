package io.jetfire.core.internal.parse;

import io.jetfire.DeviceFacts;
import io.jetfire.Measurement;
import io.jetfire.Unit;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads {@code dumpsys battery}, {@code thermalservice} and {@code meminfo}, and getprop. */
final class DeviceDump {
  private static final int MOST = 5000;
  private static final Pattern PROPERTY =
      Pattern.compile("^\\[([\\w.:-]{1,200})\\]: \\[(.{0,1000})\\]$");
  private static final Pattern TEMPERATURE =
      Pattern.compile(
          "^\\s*Temperature\\{mValue=([0-9.eE+-]{1,30}), mType=(\\d{1,3}), mName=([^,}]{1,80}), mStatus=(\\d{1,3})\\}$");
  private static final Pattern BATTERY = Pattern.compile("^  ([A-Za-z ]{2,30}): (.{1,60})$");
  private static final Pattern SUMMARY =
      Pattern.compile(
          "(Java Heap|Native Heap|Code|Stack|Graphics|Private Other|System|TOTAL PSS|TOTAL RSS"
              + "|TOTAL SWAP PSS|TOTAL SWAP \\(KB\\)|TOTAL): +(\\d{1,12})(?: |$)");
  private static final Pattern PROC =
      Pattern.compile("^(MemTotal|MemAvailable|VmHWM|VmRSS): +(\\d{1,15}) kB$");

  private enum Block {
    NONE,
    BATTERY,
    THERMAL_HAL,
    THERMAL_CACHED,
    COOLING,
    MEMINFO
  }

  private final Map<String, Measurement> readings = new TreeMap<>();
  private final Map<String, String> properties = new TreeMap<>();
  private Block block = Block.NONE;
  private boolean hal;

  boolean read(long number, String m, Consumer<String> warnings) {
    String t = m.trim();
    if (t.equals("Current Battery Service state:")) {
      block = Block.BATTERY;
      return true;
    }
    if (t.equals("Current temperatures from HAL:")) {
      block = Block.THERMAL_HAL;
      // Cached temperatures are stale: fresh ones replace them.
      readings.keySet().removeIf(k -> k.startsWith("thermal.") && !k.equals("thermal.status"));
      hal = true;
      return true;
    }
    if (t.equals("Cached temperatures:")) {
      block = Block.THERMAL_CACHED;
      return true;
    }
    if (t.startsWith("Current cooling devices") || t.startsWith("Temperature static thresholds")) {
      block = Block.COOLING;
      return true;
    }
    if (t.startsWith("Thermal Status: ")) {
      put("thermal.status", t.substring(16), Unit.COUNT, number, 1, warnings);
      return true;
    }
    if (t.startsWith("** MEMINFO in pid ") || t.equals("App Summary")) {
      block = Block.MEMINFO;
      return true;
    }
    if (m.startsWith("[")) {
      Matcher p = PROPERTY.matcher(m);
      if (p.matches() && properties.size() < MOST) {
        properties.put(p.group(1), p.group(2));
        return true;
      }
    }
    if (m.startsWith("Mem") || m.startsWith("Vm")) {
      Matcher p = PROC.matcher(m);
      if (p.matches()) {
        put("proc." + p.group(1), p.group(2), Unit.KIBIBYTES, number, 1, warnings);
        return true;
      }
    }
    return switch (block) {
      case NONE, COOLING -> false;
      case BATTERY -> battery(m, number, warnings);
      case THERMAL_HAL, THERMAL_CACHED -> thermal(m, number, warnings);
      case MEMINFO -> meminfo(m, number, warnings);
    };
  }

  private boolean battery(String m, long number, Consumer<String> warnings) {
    Matcher b = BATTERY.matcher(m);
    if (!b.matches()) {
      block = m.isBlank() ? block : Block.NONE;
      return false;
    }
    String value = b.group(2).trim();
    switch (b.group(1).trim()) {
      case "temperature" -> put("battery.temperature", value, Unit.CELSIUS, number, 0.1, warnings);
      case "voltage" -> put("battery.voltage", value, Unit.MILLIVOLTS, number, 1, warnings);
      case "level" -> put("battery.level", value, Unit.COUNT, number, 1, warnings);
      case "scale" -> put("battery.scale", value, Unit.COUNT, number, 1, warnings);
      case "Charge counter" ->
          put("battery.charge counter", value, Unit.COUNT, number, 1, warnings);
      case "status" ->
          property(
              "battery.status",
              value,
              "unknown",
              "charging",
              "discharging",
              "not charging",
              "full");
      case "health" ->
          property(
              "battery.health",
              value,
              "unknown",
              "good",
              "overheat",
              "dead",
              "over voltage",
              "unspecified failure",
              "cold");
      default -> {
        if (properties.size() < MOST) {
          properties.put("battery." + b.group(1).trim().toLowerCase(Locale.ROOT), value);
        }
      }
    }
    return true;
  }

  private boolean thermal(String m, long number, Consumer<String> warnings) {
    Matcher t = TEMPERATURE.matcher(m);
    if (!t.matches()) {
      return false;
    }
    if (block == Block.THERMAL_CACHED && hal) {
      return true;
    }
    int type = (int) Numbers.natural(t.group(2)).orElse(99);
    // Types 6 to 8 are battery current limits: voltage, current and percentage.
    if (type < 6 || type > 8) {
      put("thermal." + t.group(3), t.group(1), Unit.CELSIUS, number, 1, warnings);
    }
    return true;
  }

  private boolean meminfo(String m, long number, Consumer<String> warnings) {
    // The last line of the summary has several totals.
    Matcher s = SUMMARY.matcher(m);
    boolean any = false;
    while (s.find()) {
      String name = s.group(1).toLowerCase(Locale.ROOT).replace("total pss", "total");
      put("meminfo." + name, s.group(2), Unit.KIBIBYTES, number, 1, warnings);
      any = true;
    }
    return any;
  }

  private void property(String name, String code, String... words) {
    int i = (int) Numbers.natural(code).orElse(0);
    properties.put(name, i >= 1 && i <= words.length ? words[i - 1] : code);
  }

  private void put(
      String name, String text, Unit unit, long number, double scale, Consumer<String> warnings) {
    OptionalDouble value = Numbers.decimal(text.trim());
    if (value.isEmpty()) {
      warnings.accept("line " + number + ": " + name + " is no number");
    } else if (readings.size() < MOST) {
      double scaled =
          scale == 1 ? value.getAsDouble() : value.getAsDouble() / Math.round(1 / scale);
      Plausible.reported(name, scaled, unit, number, warnings)
          .ifPresent(m -> readings.put(name, m));
    }
  }

  DeviceFacts facts() {
    return new DeviceFacts(readings, properties);
  }
}
