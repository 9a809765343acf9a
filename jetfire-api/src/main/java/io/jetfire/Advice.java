package io.jetfire;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Which recipes are worth having for a model. {@link #toString()} is a printable table.
 *
 * @param measure what accuracy is, such as {@code SQNR dB}; larger is better
 * @param budget the least accuracy that is acceptable
 * @param trials the recipes that were tried, in that order; one evaluation each
 * @param complete false if the time limit or a cancellation ended the search early
 */
public record Advice(String measure, double budget, List<Trial> trials, boolean complete) {

  /**
   * A recipe that was tried.
   *
   * @param recipe what was applied
   * @param sizeBytes size of the file
   * @param cost estimated cost of the multiplications of layers with weights, 1 for each in 8-bit
   *     integers
   * @param accuracy by the measure that was asked for; larger is better
   */
  public record Trial(Recipe recipe, long sizeBytes, double cost, double accuracy) {
    /** Whether this trial is at least as good in everything, and better in something. */
    private boolean beats(Trial other) {
      return sizeBytes <= other.sizeBytes
          && cost <= other.cost
          && accuracy >= other.accuracy
          && (sizeBytes < other.sizeBytes || cost < other.cost || accuracy > other.accuracy);
    }

    @Override
    public String toString() {
      return String.format(
          Locale.ROOT, "%,14d %10.3g %10.3f  %s", sizeBytes, cost, accuracy, recipe);
    }
  }

  /** Copies the list. */
  public Advice {
    trials = List.copyOf(trials);
  }

  /**
   * Returns the trials that no other beats in size, cost and accuracy at once.
   *
   * @return the Pareto front, smallest first
   */
  public List<Trial> front() {
    return trials.stream()
        .filter(t -> trials.stream().noneMatch(o -> o.beats(t)))
        .sorted(Comparator.comparingLong(Trial::sizeBytes))
        .toList();
  }

  /**
   * Returns the smallest trial within the budget.
   *
   * @return empty if none that was tried is
   */
  public Optional<Trial> smallest() {
    return front().stream().filter(t -> t.accuracy() >= budget).findFirst();
  }

  @Override
  public String toString() {
    Optional<Trial> smallest = smallest();
    StringBuilder b = new StringBuilder();
    b.append(String.format(Locale.ROOT, "  %14s %10s %10s  recipe%n", "bytes", "cost", measure));
    for (Trial t : front()) {
      b.append(smallest.isPresent() && smallest.get() == t ? "> " : "  ");
      b.append(t).append(System.lineSeparator());
    }
    b.append(
        smallest
            .map(t -> "Smallest with " + measure + " of at least " + budget + ": " + t.recipe())
            .orElse(
                "No recipe that was tried reaches "
                    + measure
                    + " of at least "
                    + budget
                    + "; keep the model float, or lower the budget"));
    return b.append("; ")
        .append(trials.size())
        .append(trials.size() == 1 ? " evaluation" : " evaluations")
        .append(complete ? "" : ", ended early")
        .toString();
  }
}
