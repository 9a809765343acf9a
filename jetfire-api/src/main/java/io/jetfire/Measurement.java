package io.jetfire;

import java.time.Duration;

/**
 * A value that was measured: with its unit, where it comes from, and the line that says so.
 *
 * @param value finite; in {@code unit}
 * @param unit the unit
 * @param provenance whether a log says it or JetFire computed it from samples
 * @param line the number of the line, from 1; 0 if it does not come from one line
 */
public record Measurement(double value, Unit unit, Provenance provenance, long line) {

  /** Where a value comes from. */
  public enum Provenance {
    /** A log or a file says so. */
    REPORTED,
    /** JetFire computed it from reported values. */
    COMPUTED
  }

  /** Checks that the value is a number and the line is not negative. */
  public Measurement {
    if (!Double.isFinite(value) || line < 0) {
      throw new IllegalArgumentException("No measurement: value " + value + ", line " + line);
    }
  }

  /**
   * Returns a value that a log reports.
   *
   * @param value finite
   * @param unit its unit
   * @param line the line's number, from 1; 0 if there are no lines
   * @return the measurement
   */
  public static Measurement reported(double value, Unit unit, long line) {
    return new Measurement(value, unit, Provenance.REPORTED, line);
  }

  /**
   * Returns a value that was computed.
   *
   * @param value finite
   * @param unit its unit
   * @return the measurement
   */
  public static Measurement computed(double value, Unit unit) {
    return new Measurement(value, unit, Provenance.COMPUTED, 0);
  }

  /**
   * Returns the value in another unit.
   *
   * @param target a unit of the same dimension
   * @return the value
   * @throws IllegalArgumentException if the units measure different things
   */
  public double in(Unit target) {
    return unit.convert(value, target);
  }

  /**
   * Returns a time.
   *
   * @return to the nanosecond
   * @throws IllegalArgumentException if this is no time
   */
  public Duration duration() {
    return Duration.ofNanos(Math.round(in(Unit.NANOSECONDS)));
  }

  @Override
  public String toString() {
    String text =
        value == Math.rint(value) && Math.abs(value) < 1e15 ? "" + (long) value : "" + value;
    String from = provenance == Provenance.COMPUTED ? "computed" : line == 0 ? "" : "line " + line;
    String symbol = unit.symbol().isEmpty() ? "" : " " + unit.symbol();
    return text + symbol + (from.isEmpty() ? "" : " (" + from + ")");
  }
}
