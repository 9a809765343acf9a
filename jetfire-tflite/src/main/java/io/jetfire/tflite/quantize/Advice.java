package io.jetfire.tflite.quantize;

import io.jetfire.Recipe;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Which recipes are worth having. {@link #toString()} is a printable table.
 *
 * @param front the trials that no other beats in size, cost and accuracy at once, smallest first
 * @param smallest the smallest trial within the budget; empty if none is, or none was tried in time
 * @param evaluations how many recipes were tried
 * @param complete false if the time limit or a cancellation ended the search early
 */
public record Advice(
    List<Trial> front, Optional<Trial> smallest, int evaluations, boolean complete) {

  /**
   * A recipe that was tried.
   *
   * @param recipe what was applied
   * @param sizeBytes size of the file
   * @param cost estimated cost of the multiplications, 1 for each in 8-bit integers
   * @param accuracy by the measure that was asked for; larger is better
   */
  public record Trial(Recipe recipe, long sizeBytes, double cost, double accuracy) {
    /** Whether this trial is at least as good in everything, and better in something. */
    boolean beats(Trial other) {
      return sizeBytes <= other.sizeBytes
          && cost <= other.cost
          && accuracy >= other.accuracy
          && (sizeBytes < other.sizeBytes || cost < other.cost || accuracy > other.accuracy);
    }

    @Override
    public String toString() {
      return String.format(
          Locale.ROOT, "%10d bytes %12.3g %10.3f  %s", sizeBytes, cost, accuracy, recipe);
    }
  }

  /** Copies the list. */
  public Advice {
    front = List.copyOf(front);
  }

  @Override
  public String toString() {
    StringBuilder b = new StringBuilder();
    front.forEach(t -> b.append(t).append(System.lineSeparator()));
    b.append(
        smallest
            .map(t -> "smallest within the budget: " + t)
            .orElse("no recipe that was tried is within the budget"));
    return b.append(", after ")
        .append(evaluations)
        .append(complete ? " evaluations" : " evaluations, ended early")
        .toString();
  }
}
