package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.Graph;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs passes over a graph, in order and again until none changes anything.
 *
 * <pre>{@code
 * Optimizer.standard().run(graph);
 * }</pre>
 *
 * <p>Results stay equal up to float rounding. Immutable and thread-safe; a graph must not be used
 * by other threads while it is edited.
 */
public final class Optimizer {
  private static final Logger LOG = LoggerFactory.getLogger(Optimizer.class);

  /** Far more rounds than any graph needs: each removes operators or folds constants. */
  private static final int MAX_ROUNDS = 32;

  private final List<Pass> first;
  private final List<Pass> passes;

  private Optimizer(List<Pass> first, List<Pass> passes) {
    this.first = List.copyOf(first);
    this.passes = List.copyOf(passes);
  }

  /**
   * Returns the passes that every import goes through; inputs and outputs keep their layout.
   *
   * @return the optimizer
   */
  public static Optimizer standard() {
    return standard(LayoutOptions.keep());
  }

  /**
   * Returns the passes that every import goes through.
   *
   * @param layout the layout of inputs and outputs
   * @return the optimizer
   */
  public static Optimizer standard(LayoutOptions layout) {
    List<Pass> passes =
        List.of(
            ShapeInference.create(),
            ConstantFolding.create(),
            DeadCode.create(),
            Simplification.create(),
            CommonSubexpressions.create(),
            FunctionRecognition.create(),
            Fusion.create(),
            LayoutOptimizer.create(LayoutOptions.keep()),
            DeadCode.create());
    // Inputs and outputs change their layout once, and before anything else has moved transposes.
    List<Pass> once = List.of(ShapeInference.create(), LayoutOptimizer.create(layout));
    return new Optimizer(layout.equals(LayoutOptions.keep()) ? passes : once, passes);
  }

  /**
   * Returns an optimizer of given passes.
   *
   * @param passes in the order to run them
   * @return the optimizer
   */
  public static Optimizer of(Pass... passes) {
    return new Optimizer(List.of(passes), List.of(passes));
  }

  /**
   * Optimizes a graph in place.
   *
   * @param graph the graph
   * @return the same graph
   * @throws io.jetfire.UnsupportedModelException if the inputs of an operator contradict each other
   */
  public Graph run(Graph graph) {
    for (int round = 1; round <= MAX_ROUNDS; round++) {
      boolean changed = false;
      for (Pass pass : round == 1 ? first : passes) {
        boolean did = pass.run(graph);
        changed |= did;
        LOG.debug(
            "round {}: {} {}", round, pass.name(), did ? "changed the graph" : "found nothing");
      }
      if (!changed && (round > 1 || first.equals(passes))) {
        return graph;
      }
    }
    LOG.debug("the passes still find something after {} rounds", MAX_ROUNDS);
    return graph;
  }
}
