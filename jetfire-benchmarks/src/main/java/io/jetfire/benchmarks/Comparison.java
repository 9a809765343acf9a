package io.jetfire.benchmarks;

import java.util.Map;

/**
 * Two benchmark methods that are run in turns.
 *
 * @param title what is compared, in a few words
 * @param base the method that everything is measured against, as {@code Class.method}
 * @param subject the method that is measured, as {@code Class.method}
 * @param parameters JMH parameters of both
 * @param rounds how many times both are run, each time in a new JVM; odd, for a median
 * @param limit what is asked for
 */
record Comparison(
    String title,
    String base,
    String subject,
    Map<String, String> parameters,
    int rounds,
    Limit limit) {

  Comparison {
    parameters = Map.copyOf(parameters);
    if (rounds < 1 || rounds % 2 == 0) {
      throw new IllegalArgumentException("rounds must be odd and positive, not " + rounds);
    }
  }

  /** What is asked for, on one quantity. */
  record Limit(Quantity quantity, double most) {

    static Limit ratio(double most) {
      return new Limit(Quantity.RATIO, most);
    }

    static Limit moreMicros(double most) {
      return new Limit(Quantity.MORE_MICROS, most);
    }

    static Limit seconds(double most) {
      return new Limit(Quantity.SECONDS, most);
    }
  }

  /** What a limit is on. Times are per operation of JMH. */
  enum Quantity {
    /** Time of the subject divided by time of the base. */
    RATIO("x"),
    /** Time of the subject minus time of the base, in microseconds. */
    MORE_MICROS("us more"),
    /** Time of the subject alone, in seconds. */
    SECONDS("s");

    private final String unit;

    Quantity(String unit) {
      this.unit = unit;
    }

    String unit() {
      return unit;
    }

    double of(double baseMicros, double subjectMicros) {
      return switch (this) {
        case RATIO -> subjectMicros / baseMicros;
        case MORE_MICROS -> subjectMicros - baseMicros;
        case SECONDS -> subjectMicros / 1e6;
      };
    }
  }
}
