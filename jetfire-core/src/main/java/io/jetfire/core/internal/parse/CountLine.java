package io.jetfire.core.internal.parse;

import io.jetfire.Latency;
import io.jetfire.Latency.Statistic;
import io.jetfire.Measurement;
import io.jetfire.Unit;
import java.util.EnumMap;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Consumer;

/**
 * Reads {@code count=50 first=.. curr=.. min=.. max=.. avg=.. std=..} in all its forms: short for
 * one run or equal runs, with {@code p5= median= p95=} since late 2024, and {@code curr=} first in
 * builds of 2018. All values are in microseconds; avg has six significant digits.
 */
final class CountLine {
  private CountLine() {}

  /** Says whether a message is such a line. */
  static boolean matches(String message) {
    return message.startsWith("count=")
        || (message.startsWith("curr=") && message.contains(" count="));
  }

  /** Reads the line; values that cannot be are left out with a warning. */
  static Latency read(String message, long line, Consumer<String> warnings) {
    Map<Statistic, Measurement> found = new EnumMap<>(Statistic.class);
    boolean same = message.contains("(all same)");
    for (String part : message.split("[ \t]+")) {
      int equals = part.indexOf('=');
      if (equals <= 0) {
        continue;
      }
      String key = part.substring(0, equals);
      String text = part.substring(equals + 1).replace("(all", "");
      Statistic statistic =
          switch (key) {
            case "count" -> Statistic.COUNT;
            case "first" -> Statistic.FIRST;
            case "curr" -> Statistic.LAST;
            case "min" -> Statistic.MIN;
            case "max" -> Statistic.MAX;
            case "avg" -> Statistic.MEAN;
            case "std" -> Statistic.STANDARD_DEVIATION;
            case "p5" -> Statistic.P5;
            case "median" -> Statistic.P50;
            case "p95" -> Statistic.P95;
            default -> null;
          };
      if (statistic == null) {
        continue;
      }
      if (statistic == Statistic.COUNT) {
        OptionalLong count = Numbers.natural(text);
        if (count.isEmpty() || count.getAsLong() > 1_000_000_000_000L) {
          warnings.accept("line " + line + ": count cannot be '" + Plausible.shown(text) + "'");
        } else {
          found.put(statistic, Measurement.reported(count.getAsLong(), Unit.COUNT, line));
        }
      } else {
        Plausible.reported(key, text, Unit.MICROSECONDS, line, warnings)
            .ifPresent(m -> found.put(statistic, m));
      }
    }
    Measurement count = found.get(Statistic.COUNT);
    if (count != null && count.value() == 0) {
      return new Latency(Map.of(Statistic.COUNT, count));
    }
    Measurement last = found.get(Statistic.LAST);
    boolean single = count != null && count.value() == 1;
    if (last != null && (same || single) && !found.containsKey(Statistic.MEAN)) {
      // One run, or equal runs, are all there is to know: every statistic is that value.
      Measurement all =
          new Measurement(last.value(), last.unit(), Measurement.Provenance.COMPUTED, line);
      for (Statistic s :
          new Statistic[] {Statistic.FIRST, Statistic.MIN, Statistic.MAX, Statistic.MEAN}) {
        found.putIfAbsent(s, all);
      }
    }
    check(found, line, warnings);
    return new Latency(found);
  }

  /** Drops values that contradict each other. */
  static void check(Map<Statistic, Measurement> found, long line, Consumer<String> warnings) {
    Measurement min = found.get(Statistic.MIN);
    Measurement max = found.get(Statistic.MAX);
    if (min == null || max == null) {
      return;
    }
    if (min.value() > max.value()) {
      found.remove(Statistic.MIN);
      found.remove(Statistic.MAX);
      warnings.accept("line " + line + ": min is more than max; both left out");
      return;
    }
    // avg is printed with six digits, so it may leave the range by its rounding.
    double slack = max.value() * 1e-5 + 1e-9;
    for (Statistic s :
        new Statistic[] {
          Statistic.MEAN,
          Statistic.FIRST,
          Statistic.LAST,
          Statistic.P5,
          Statistic.P50,
          Statistic.P95
        }) {
      Measurement m = found.get(s);
      if (m != null
          && (m.in(min.unit()) < min.value() - slack || m.in(max.unit()) > max.value() + slack)) {
        found.remove(s);
        warnings.accept("line " + line + ": " + s + " is not between min and max; left out");
      }
    }
    Measurement std = found.get(Statistic.STANDARD_DEVIATION);
    if (std != null && std.in(max.unit()) > max.value() - min.value() + slack) {
      found.remove(Statistic.STANDARD_DEVIATION);
      warnings.accept("line " + line + ": std is more than the range; left out");
    }
  }
}
