package io.jetfire;

/**
 * The unit of a {@link Measurement}, as printed by the tool that reported it.
 *
 * <p>benchmark_model says MB for two things: model sizes are millions of bytes ({@link
 * #MEGABYTES}), memory is 1024 kB ({@link #MEBIBYTES}).
 */
public enum Unit {
  /** 1e-9 s. */
  NANOSECONDS("ns", Dimension.TIME, 1),
  /** 1e-6 s. */
  MICROSECONDS("us", Dimension.TIME, 1e3),
  /** 1e-3 s. */
  MILLISECONDS("ms", Dimension.TIME, 1e6),
  /** Seconds. */
  SECONDS("s", Dimension.TIME, 1e9),
  /** Bytes. */
  BYTES("B", Dimension.SIZE, 1),
  /** 1024 bytes. */
  KIBIBYTES("KiB", Dimension.SIZE, 1024),
  /** 1024 * 1024 bytes. */
  MEBIBYTES("MiB", Dimension.SIZE, 1024 * 1024),
  /** 1,000,000 bytes. */
  MEGABYTES("MB", Dimension.SIZE, 1e6),
  /** A number of things. */
  COUNT("", Dimension.NUMBER, 1),
  /** A share, 1 for all. */
  FRACTION("", Dimension.NUMBER, 1),
  /** Degrees Celsius. */
  CELSIUS("C", Dimension.TEMPERATURE, 1),
  /** 1e-3 V. */
  MILLIVOLTS("mV", Dimension.VOLTAGE, 1),
  /** Clock cycles. */
  CYCLES("cycles", Dimension.CYCLES, 1),
  /** 1,000,000 bytes in a second. */
  MEGABYTES_PER_SECOND("MB/s", Dimension.RATE, 1e6);

  /** What units measure; only units of one dimension can be converted into each other. */
  public enum Dimension {
    /** Base unit: nanosecond. */
    TIME,
    /** Base unit: byte. */
    SIZE,
    /** Base unit: one. */
    NUMBER,
    /** Base unit: degree Celsius. */
    TEMPERATURE,
    /** Base unit: millivolt. */
    VOLTAGE,
    /** Base unit: cycle. */
    CYCLES,
    /** Base unit: byte per second. */
    RATE
  }

  private final String symbol;
  private final Dimension dimension;
  private final double factor;

  Unit(String symbol, Dimension dimension, double factor) {
    this.symbol = symbol;
    this.dimension = dimension;
    this.factor = factor;
  }

  /**
   * Returns how the unit is written.
   *
   * @return such as {@code us}; empty for numbers
   */
  public String symbol() {
    return symbol;
  }

  /**
   * Returns what the unit measures.
   *
   * @return the dimension
   */
  public Dimension dimension() {
    return dimension;
  }

  /**
   * Converts a value of this unit.
   *
   * @param value in this unit
   * @param target the unit wanted
   * @return the value in that unit
   * @throws IllegalArgumentException if the units measure different things
   */
  public double convert(double value, Unit target) {
    if (this == target) {
      return value;
    }
    if (dimension != target.dimension) {
      throw new IllegalArgumentException(this + " cannot be converted into " + target);
    }
    return value * factor / target.factor;
  }
}
