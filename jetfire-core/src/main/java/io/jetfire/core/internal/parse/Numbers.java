package io.jetfire.core.internal.parse;

import java.util.OptionalDouble;
import java.util.OptionalLong;

/** Reads numbers strictly: what is no plain decimal number is no number. */
final class Numbers {
  private Numbers() {}

  /** Reads an integer or a decimal, with or without an exponent, finite. */
  static OptionalDouble decimal(String text) {
    int n = text.length();
    if (n == 0 || n > 40) {
      return OptionalDouble.empty();
    }
    boolean digit = false;
    for (int i = 0; i < n; i++) {
      char c = text.charAt(i);
      if (c >= '0' && c <= '9') {
        digit = true;
      } else if (c != '.' && c != '-' && c != '+' && !((c == 'e' || c == 'E') && digit)) {
        return OptionalDouble.empty();
      }
    }
    try {
      double value = Double.parseDouble(text);
      return Double.isFinite(value) ? OptionalDouble.of(value) : OptionalDouble.empty();
    } catch (NumberFormatException e) {
      return OptionalDouble.empty();
    }
  }

  /** Reads an integer without a sign. */
  static OptionalLong natural(String text) {
    int n = text.length();
    if (n == 0 || n > 18) {
      return OptionalLong.empty();
    }
    long value = 0;
    for (int i = 0; i < n; i++) {
      char c = text.charAt(i);
      if (c < '0' || c > '9') {
        return OptionalLong.empty();
      }
      value = 10 * value + (c - '0');
    }
    return OptionalLong.of(value);
  }

  /**
   * Returns the number that a text starts with, after blanks: the longest run of its characters.
   */
  static String leading(String text) {
    int from = 0;
    while (from < text.length() && text.charAt(from) == ' ') {
      from++;
    }
    int to = from;
    while (to < text.length()) {
      char c = text.charAt(to);
      boolean part =
          (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
      if (!part) {
        break;
      }
      to++;
    }
    return text.substring(from, to);
  }

  /** Returns the natural number that follows a text in a line. */
  static OptionalLong naturalAfter(String line, String before) {
    int at = line.indexOf(before);
    if (at < 0) {
      return OptionalLong.empty();
    }
    int from = at + before.length();
    int to = from;
    while (to < line.length() && Character.isDigit(line.charAt(to)) && to - from < 19) {
      to++;
    }
    return natural(line.substring(from, to));
  }
}
