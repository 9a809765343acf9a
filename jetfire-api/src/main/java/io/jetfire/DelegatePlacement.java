package io.jetfire;

import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * How much of the model one delegate executes in one subgraph.
 *
 * @param delegate what the log calls it, such as {@code XNNPACK}, {@code GPU}, {@code
 *     TfLiteQnnDelegate}
 * @param extent how much it took
 * @param delegatedNodes how many operators it took
 * @param totalNodes how many operators there are
 * @param partitions into how many pieces the whole plan fell, those of the CPU included
 * @param delegateKernels how many of the pieces are the delegate's
 * @param line the line that says so; 0 if there are no lines
 */
public record DelegatePlacement(
    String delegate,
    Extent extent,
    OptionalInt delegatedNodes,
    OptionalInt totalNodes,
    OptionalInt partitions,
    OptionalInt delegateKernels,
    long line) {

  /** How much of a model a delegate took. */
  public enum Extent {
    /** Every operator. */
    FULL,
    /** Some operators; the CPU executes the others. */
    PARTIAL,
    /** None: the CPU executes everything. */
    NONE,
    /** The log does not tell. */
    UNKNOWN
  }

  /**
   * Returns the share of the operators that the delegate took.
   *
   * @return from 0 to 1; empty if the log does not tell
   */
  public OptionalDouble share() {
    if (delegatedNodes.isPresent() && totalNodes.isPresent() && totalNodes.getAsInt() > 0) {
      return OptionalDouble.of(delegatedNodes.getAsInt() / (double) totalNodes.getAsInt());
    }
    return switch (extent) {
      case FULL -> OptionalDouble.of(1);
      case NONE -> OptionalDouble.of(0);
      default -> OptionalDouble.empty();
    };
  }
}
