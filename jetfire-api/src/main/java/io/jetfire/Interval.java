package io.jetfire;

/**
 * A confidence interval.
 *
 * @param low the lower end
 * @param high the upper end, at least {@code low}
 * @param level how often such an interval holds the truth, such as 0.95
 */
public record Interval(double low, double high, double level) {
  /** Checks the order of the ends and the level. */
  public Interval {
    if (!(low <= high) || !(level > 0 && level < 1)) {
      throw new IllegalArgumentException("No interval: " + low + " to " + high + " at " + level);
    }
  }

  /**
   * Says whether a value is in the interval.
   *
   * @param value a value
   * @return true if it is
   */
  public boolean contains(double value) {
    return low <= value && value <= high;
  }
}
