package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Subgraph;

/** Removes operators and values that no output depends on. */
public final class DeadCode implements Pass {
  private DeadCode() {}

  /**
   * Returns the pass.
   *
   * @return a pass that removes dead code
   */
  public static DeadCode create() {
    return new DeadCode();
  }

  @Override
  public String name() {
    return "dead code";
  }

  @Override
  public boolean run(Graph graph) {
    boolean changed = false;
    for (Subgraph subgraph : graph.subgraphs()) {
      changed |= subgraph.removeDead() > 0;
    }
    return changed;
  }
}
