package io.jetfire;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The times of the operators, as the profiler of benchmark_model prints or writes them.
 *
 * @param stage what was profiled
 * @param graph the subgraph's name as printed; empty for the only one
 * @param operators in the order of execution
 * @param byType summed up by kind of operator
 * @param nodesObserved how many nodes the profiler saw, if it says so
 */
public record OperatorProfile(
    Stage stage,
    String graph,
    List<OperatorTiming> operators,
    List<TypeTiming> byType,
    OptionalLong nodesObserved) {

  /** Copies the lists. */
  public OperatorProfile {
    operators = List.copyOf(operators);
    byType = List.copyOf(byType);
  }

  /** What was profiled. */
  public enum Stage {
    /** Preparing the interpreter. */
    INIT,
    /** The measured runs. */
    RUN,
    /** What a delegate does inside. */
    DELEGATE
  }

  /**
   * One operator. A value is absent where the table has no such column.
   *
   * @param type the kind, such as {@code CONV_2D}
   * @param name its outputs' names and index, such as {@code [add]:71}
   * @param start when it started in a run
   * @param first how long it took in the first run
   * @param average how long it takes on average; in cycles on a Hexagon DSP
   * @param percent its share of the whole, from 0 to 100
   * @param memory the memory it took
   * @param timesCalled how often a run calls it
   * @param line the line's number; 0 if there are no lines
   */
  public record OperatorTiming(
      String type,
      String name,
      Optional<Measurement> start,
      Optional<Measurement> first,
      Optional<Measurement> average,
      Optional<Measurement> percent,
      Optional<Measurement> memory,
      OptionalLong timesCalled,
      long line) {}

  /**
   * All operators of a kind.
   *
   * @param type the kind
   * @param count how many
   * @param average how long they take on average, together
   * @param percent their share of the whole, from 0 to 100
   * @param memory the memory they took
   * @param timesCalled how often a run calls them
   * @param line the line's number
   */
  public record TypeTiming(
      String type,
      long count,
      Optional<Measurement> average,
      Optional<Measurement> percent,
      Optional<Measurement> memory,
      OptionalLong timesCalled,
      long line) {}
}
