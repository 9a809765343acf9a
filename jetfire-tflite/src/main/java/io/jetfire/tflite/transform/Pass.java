package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.Graph;

/** An edit of a graph that keeps its results. */
public interface Pass {

  /**
   * Returns what logs and errors call the pass.
   *
   * @return a short name in lower case
   */
  String name();

  /**
   * Edits a graph in place.
   *
   * @param graph the graph
   * @return true if anything changed
   */
  boolean run(Graph graph);
}
