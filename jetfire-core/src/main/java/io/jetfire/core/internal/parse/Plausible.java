package io.jetfire.core.internal.parse;

import io.jetfire.Measurement;
import io.jetfire.Unit;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Consumer;

/**
 * Lets through values that can be. What cannot be, such as a negative time, is a fault of the log
 * and becomes a warning.
 */
final class Plausible {
  /** Times over 30 days, in seconds. */
  private static final double MOST_SECONDS = 30 * 24 * 3600.0;

  /** 100 TB. */
  private static final double MOST_BYTES = 1e14;

  private Plausible() {}

  /** Reads a reported value; empty with a warning if it is no number or cannot be. */
  static Optional<Measurement> reported(
      String name, String text, Unit unit, long line, Consumer<String> warnings) {
    OptionalDouble value = Numbers.decimal(text);
    if (value.isEmpty()) {
      warnings.accept("line " + line + ": " + name + " is no number: '" + shown(text) + "'");
      return Optional.empty();
    }
    return reported(name, value.getAsDouble(), unit, line, warnings);
  }

  /** Checks a reported value; empty with a warning if it cannot be. */
  static Optional<Measurement> reported(
      String name, double value, Unit unit, long line, Consumer<String> warnings) {
    if (!possible(value, unit)) {
      warnings.accept(
          "line "
              + line
              + ": "
              + name
              + " cannot be "
              + value
              + " "
              + unit.symbol()
              + "; left out");
      return Optional.empty();
    }
    // Adding zero makes zero of the negative zero that "-0" is read as.
    return Optional.of(Measurement.reported(value + 0.0, unit, line));
  }

  private static boolean possible(double value, Unit unit) {
    if (!Double.isFinite(value)) {
      return false;
    }
    return switch (unit.dimension()) {
      case TIME -> value >= 0 && unit.convert(value, Unit.SECONDS) <= MOST_SECONDS;
      case SIZE -> value >= 0 && unit.convert(value, Unit.BYTES) <= MOST_BYTES;
      case NUMBER -> unit == Unit.FRACTION ? value >= 0 && value <= 1 : Math.abs(value) <= 1e12;
      case TEMPERATURE -> value >= -100 && value <= 300;
      case VOLTAGE -> value >= 0 && value <= 1e6;
      case CYCLES -> value >= 0 && value <= 1e18;
      case RATE -> value >= 0 && value <= 1e9;
    };
  }

  /** Shortens a text for a message, without control characters. */
  static String shown(String text) {
    String cut = text.length() > 60 ? text.substring(0, 60) + "..." : text;
    return cut.replaceAll("\\p{Cntrl}", "?");
  }
}
