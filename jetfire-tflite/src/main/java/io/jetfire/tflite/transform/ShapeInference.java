package io.jetfire.tflite.transform;

import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.List;

/**
 * Computes the shape and type of every value from the graph's inputs and constants.
 *
 * <p>Open dimensions (-1) stay open where the result depends on them; integer tensors computed from
 * shapes are followed, so that a reshape to such a tensor gets the dimensions that are known.
 * Operators without a rule (custom ones) keep what they declare. The rules are those of TFLite's
 * kernels when they prepare a model.
 */
public final class ShapeInference implements Pass {
  private ShapeInference() {}

  /**
   * Returns the pass.
   *
   * @return a pass that sets shapes and types
   */
  public static ShapeInference create() {
    return new ShapeInference();
  }

  @Override
  public String name() {
    return "shape inference";
  }

  /**
   * Sets shapes and types of all operator outputs.
   *
   * @param graph the graph to edit
   * @return true if a shape or type changed
   * @throws UnsupportedModelException if the inputs of an operator contradict each other; the
   *     message names the operator, its inputs and outputs
   */
  @Override
  public boolean run(Graph graph) {
    boolean changed = false;
    // Called subgraphs come after their callers, so the last is the first to be known.
    List<Subgraph> subgraphs = graph.subgraphs();
    for (int i = subgraphs.size() - 1; i >= 0; i--) {
      for (Op op : subgraphs.get(i).ops()) {
        changed |= run(op);
      }
    }
    return changed;
  }

  static boolean run(Op op) {
    List<ShapeRules.Result> results = infer(op);
    boolean changed = false;
    for (int i = 0; i < op.outputs().size() && i < results.size(); i++) {
      Value v = op.output(i);
      ShapeRules.Result r = results.get(i);
      if (v.type() != r.type()) {
        v.type(r.type());
        changed = true;
      }
      if (!v.shape().equals(r.shape()) && (r.shape().hasRank() || !v.shape().hasRank())) {
        v.shape(r.shape());
        changed = true;
      }
    }
    return changed;
  }

  /** The results of an operator, with an error that names it. */
  static List<ShapeRules.Result> infer(Op op) {
    try {
      return ShapeRules.infer(op);
    } catch (ShapeRules.Contradiction
        | IndexOutOfBoundsException
        | ArithmeticException
        | IllegalArgumentException
        | IllegalStateException e) {
      String place = op.subgraph().map(s -> " in subgraph " + s.name()).orElse("");
      throw new UnsupportedModelException(
          "The operator "
              + op
              + place
              + " does not fit its inputs "
              + op.inputs()
              + ": "
              + e.getMessage()
              + "; check the shapes that the model was exported with",
          e);
    }
  }
}
