package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Appends operators to a subgraph and gives their results at once: shapes are inferred, and what
 * can be computed now is a constant. Importers lower their operators with it.
 *
 * <pre>{@code
 * GraphEmitter e = GraphEmitter.into(subgraph);
 * Value y = e.emit("y", Op.of(OpKind.RELU).inputs(x));
 * }</pre>
 *
 * <p>Not thread-safe.
 */
public final class GraphEmitter {
  private final Subgraph subgraph;

  private GraphEmitter(Subgraph subgraph) {
    this.subgraph = subgraph;
  }

  /**
   * Creates an emitter that appends to a subgraph.
   *
   * @param subgraph where operators go
   * @return the emitter
   */
  public static GraphEmitter into(Subgraph subgraph) {
    return new GraphEmitter(subgraph);
  }

  /**
   * Returns where operators go.
   *
   * @return the subgraph
   */
  public Subgraph subgraph() {
    return subgraph;
  }

  /**
   * Appends an operator with one output.
   *
   * @param name the wanted name of the output; made unique
   * @param op the operator with its attributes and inputs
   * @return the output, a constant if all inputs are
   * @throws io.jetfire.UnsupportedModelException if the inputs contradict each other
   */
  public Value emit(String name, Op op) {
    return emit(name, op, 1).get(0);
  }

  /**
   * Appends an operator.
   *
   * @param name the wanted name of the outputs; made unique
   * @param op the operator with its attributes and inputs
   * @param outputs how many outputs it has
   * @return the outputs, constants if all inputs are
   * @throws io.jetfire.UnsupportedModelException if the inputs contradict each other
   */
  public List<Value> emit(String name, Op op, int outputs) {
    List<Value> out = new ArrayList<>();
    ElementType type =
        op.kind() == OpKind.CAST
            ? op.choice("out_data_type", ElementType.class)
            : ElementType.FLOAT32;
    for (int i = 0; i < outputs; i++) {
      out.add(subgraph.addValue(name, type, Shape.unknown()));
    }
    op.outputs(out);
    subgraph.append(op);
    ShapeInference.run(op);
    List<Value> folded = ConstantFolding.fold(op, false);
    if (folded != null) {
      subgraph.remove(op);
      out.forEach(subgraph::remove);
      return folded;
    }
    return out;
  }

  /**
   * Returns the integers of a small tensor that is constant or computed from known shapes.
   *
   * @param value an integer tensor
   * @return its elements, or empty if one of them is known only when the model runs
   */
  public Optional<int[]> integers(Value value) {
    return Optional.ofNullable(ShapeValues.constant(value));
  }

  /**
   * Returns what is known of the integers of a small tensor, such as a shape.
   *
   * @param value an integer tensor
   * @return its elements, -1 for one that is known only when the model runs; empty if none is known
   */
  public Optional<int[]> partialIntegers(Value value) {
    return Optional.ofNullable(ShapeValues.ints(value));
  }

  /**
   * Transposes a constant without an operator, or appends one.
   *
   * @param x the tensor
   * @param perm which input dimension each output dimension is
   * @return the transposed tensor
   */
  public Value transpose(Value x, int... perm) {
    Value constant = constantTranspose(x, perm);
    return constant != null
        ? constant
        : emit(x.name() + "/transposed", Edits.transpose(subgraph, x, perm));
  }

  private @Nullable Value constantTranspose(Value x, int[] perm) {
    if (!x.isConstant() || !x.shape().isStatic() || x.affine().isPresent()) {
      return null;
    }
    return Permutations.transposed(x, perm);
  }

  /**
   * Gives a tensor another shape; a constant shares its data.
   *
   * @param x the tensor
   * @param shape the new shape; at most one dimension may be -1
   * @return the reshaped tensor
   */
  public Value reshape(Value x, int... shape) {
    if (x.isConstant() && x.shape().isStatic() && x.affine().isEmpty()) {
      int[] resolved = Kernels.resolve(shape, Math.toIntExact(x.shape().elementCount()));
      if (HostTensor.count(resolved) == x.shape().elementCount()) {
        Weights data = x.data().orElseThrow();
        return subgraph.addConstant(x.name(), x.type(), Shape.of(resolved), data);
      }
    }
    return emit(x.name() + "/reshaped", Edits.reshape(subgraph, x, shape));
  }
}
