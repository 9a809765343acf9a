package io.jetfire.report;

import java.util.ArrayList;
import java.util.List;

/** Maps values onto a line of the picture, and chooses its ticks. */
final class Axis {
  private static final double WIDE = 20;

  private final double low;
  private final double high;
  private final boolean logarithmic;
  private final double from;
  private final double to;

  private Axis(double low, double high, boolean logarithmic, double from, double to) {
    this.low = low;
    this.high = high;
    this.logarithmic = logarithmic;
    this.from = from;
    this.to = to;
  }

  /**
   * An axis over all values with some room at the ends; logarithmic if they are positive and span
   * more than a factor of 20.
   *
   * @param from where the lowest value is drawn
   * @param to where the highest value is drawn
   */
  static Axis over(List<Double> values, double from, double to) {
    double min = values.stream().mapToDouble(v -> v).min().orElse(0);
    double max = values.stream().mapToDouble(v -> v).max().orElse(1);
    if (min > 0 && max / min > WIDE) {
      double room = Math.pow(max / min, 0.06);
      return new Axis(min / room, max * room, true, from, to);
    }
    double span = max - min;
    // Equal values still need an axis; a tenth of the value around them shows no false detail.
    double room = span > 0 ? span * 0.1 : Math.max(Math.abs(max) * 0.1, 1e-6);
    double lower = min - room;
    return new Axis(min >= 0 && lower < 0 ? 0 : lower, max + room, false, from, to);
  }

  double at(double value) {
    double part =
        logarithmic ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    return from + Math.max(0, Math.min(1, part)) * (to - from);
  }

  boolean logarithmic() {
    return logarithmic;
  }

  /** Round values on the axis: 1, 2 and 5 times a power of ten. */
  List<Double> ticks() {
    List<Double> ticks = new ArrayList<>();
    if (logarithmic) {
      for (int power = (int) Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
        for (int digit : new int[] {1, 2, 5}) {
          double tick = digit * Math.pow(10, power);
          if (tick >= low && tick <= high) {
            ticks.add(tick);
          }
        }
      }
      return ticks;
    }
    double step = step();
    for (long i = (long) Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-12); i++) {
      ticks.add(i * step);
    }
    return ticks;
  }

  /** A tick as it is written. */
  String label(double tick) {
    double finest = logarithmic ? tick : step();
    return Numbers.fixed(tick, Math.max(0, -(int) Math.floor(Math.log10(finest) + 1e-9)));
  }

  private double step() {
    double rough = (high - low) / 5;
    double power = Math.pow(10, Math.floor(Math.log10(rough)));
    double digit = rough / power;
    return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
  }
}
