package io.jetfire.importer.tensorflow;

import io.jetfire.tflite.graph.Value;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What an edge of a TensorFlow graph carries while the graph is lowered. */
sealed interface Item {

  /** A tensor. */
  record Tensor(Value value) implements Item {}

  /** A tensor of complex numbers, which exists only while importing. */
  record Complex(Value real, Value imaginary) implements Item {}

  /** A variable, by the name of the node of the outermost graph that makes its handle. */
  record Handle(String node) implements Item {}

  /**
   * A list of tensors, which exists only while importing.
   *
   * @param elements the tensors; null where none was written yet
   * @param shape the shape of an element, -1 where open, or null
   * @param type the element type in TensorFlow's numbers
   */
  record TensorList(List<@Nullable Value> elements, int @Nullable [] shape, int type)
      implements Item {}

  /** A result to be computed when it is asked for. */
  record Later(Scope scope, String reference) implements Item {}

  /** The side of a switch that is not taken. */
  record Dead() implements Item {}

  /** A result that a refused operator lacks. */
  record Refused() implements Item {}

  /** Texts, which only messages and checkpoints need. */
  record Texts(List<String> values) implements Item {}
}
