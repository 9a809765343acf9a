package io.jetfire.report;

import java.util.Locale;

/** How numbers are written. */
final class Numbers {
  /** What stands where the data give no number. */
  static final String ABSENT = "–";

  private Numbers() {}

  static String fixed(double value, int decimals) {
    return String.format(Locale.ROOT, "%." + decimals + "f", value);
  }

  /** Decimals with which a number keeps three significant digits, at most three. */
  static int decimals(double value) {
    if (value == 0 || !Double.isFinite(value)) {
      return 0;
    }
    return Math.max(0, Math.min(3, 2 - (int) Math.floor(Math.log10(Math.abs(value)))));
  }

  /** A size in the unit that suits it, of 1000 bytes and their powers. */
  static String size(double bytes) {
    if (bytes < 1000) {
      return fixed(bytes, 0) + " B";
    }
    String[] units = {"kB", "MB", "GB", "TB"};
    double value = bytes / 1000;
    int unit = 0;
    while (value >= 999.5 && unit < units.length - 1) {
      value /= 1000;
      unit++;
    }
    return fixed(value, Math.min(2, decimals(value))) + " " + units[unit];
  }

  static String percent(double share) {
    return fixed(share * 100, share > 0 && share < 0.0995 ? 1 : 0) + " %";
  }

  static String signed(double value, int decimals) {
    String text = fixed(Math.abs(value), decimals);
    boolean zero = Double.parseDouble(text) == 0;
    return zero ? text : (value < 0 ? "−" : "+") + text;
  }

  /** A measured metric: decibels with two decimals, errors by exponent, all else with four. */
  static String metric(String name, double value) {
    if (name.contains("(dB)")) {
      return fixed(value, 2);
    }
    if (name.contains("error")) {
      return String.format(Locale.ROOT, "%.2e", value);
    }
    return fixed(value, 4);
  }

  static String duration(java.time.Duration duration) {
    double seconds = duration.toMillis() / 1000.0;
    if (seconds < 60) {
      return fixed(seconds, 1) + " s";
    }
    long whole = Math.round(seconds);
    return whole < 3600
        ? whole / 60 + " min " + whole % 60 + " s"
        : whole / 3600 + " h " + whole % 3600 / 60 + " min";
  }

  /** The words of a constant's name. */
  static String words(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  /** A number of things. */
  static String plural(long count, String noun) {
    return count + " " + noun + (count == 1 ? "" : "s");
  }
}
