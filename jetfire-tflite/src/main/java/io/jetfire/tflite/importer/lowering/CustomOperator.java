package io.jetfire.tflite.importer.lowering;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An operator of the source that stays as a custom operator of TensorFlow Lite, for which the
 * application brings the kernel.
 *
 * <pre>{@code
 * List<Value> out = CustomOperator.named("my.Filter")
 *     .attributes(Map.of("radius", 3, "mode", "wrap"))
 *     .output(ElementType.FLOAT32, x.shape())
 *     .emit(b, List.of(x));
 * }</pre>
 *
 * <p>Attributes are stored as TensorFlow's own converter stores them: a FlexBuffer with a map, by
 * the names that they have in the source. Not thread-safe.
 */
public final class CustomOperator {
  private final String name;
  private Map<String, ?> attributes = Map.of();
  private final List<ElementType> types = new ArrayList<>();
  private final List<Shape> shapes = new ArrayList<>();

  private CustomOperator(String name) {
    this.name = name;
  }

  /**
   * Starts an operator.
   *
   * @param name what the application registers its kernel under
   * @return the operator
   */
  public static CustomOperator named(String name) {
    return new CustomOperator(name);
  }

  /**
   * Sets the attributes.
   *
   * @param values by name; Boolean, Number, String, byte[], or List or Map of them
   * @return this
   */
  public CustomOperator attributes(Map<String, ?> values) {
    attributes = Map.copyOf(values);
    return this;
  }

  /**
   * Adds an output after those there are.
   *
   * @param type its type
   * @param shape its shape; unknown if only the kernel knows it
   * @return this
   */
  public CustomOperator output(ElementType type, Shape shape) {
    types.add(type);
    shapes.add(shape);
    return this;
  }

  /**
   * Appends the operator.
   *
   * @param b where operators go
   * @param inputs its inputs; null for one that is left out
   * @return its outputs
   */
  public List<Value> emit(Build b, List<@Nullable Value> inputs) {
    List<Value> outputs = new ArrayList<>();
    for (int i = 0; i < types.size(); i++) {
      outputs.add(b.subgraph().addValue(name + "/output", types.get(i), shapes.get(i)));
    }
    Op op = Op.custom(name).inputs(inputs).outputs(outputs);
    if (!attributes.isEmpty()) {
      op.customOptions(Weights.of(ByteBuffer.wrap(FlexBuffer.of(attributes))));
    }
    b.subgraph().append(op);
    return outputs;
  }

  /**
   * Returns the refusal of an attribute that a custom operator cannot carry.
   *
   * @param attribute its name
   * @return to be thrown
   */
  public static Refusal notCarried(String attribute) {
    return new Refusal(
        "it is to stay as a custom operator, and its attribute '"
            + attribute
            + "' is no number or text",
        "give it as an input");
  }
}
