package io.jetfire.tflite.importer.lowering;

import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The tensors of a surrounding graph that a body reads: constants are copied, others passed in.
 *
 * <pre>{@code
 * Capture capture = new Capture(body);
 * Value inside = capture.of(outside);
 * }</pre>
 *
 * <p>Not thread-safe.
 */
public final class Capture {
  private final Subgraph into;
  private final Map<Value, Value> passed = new LinkedHashMap<>();
  private final Map<Value, Value> constants = new HashMap<>();

  /**
   * Starts without tensors.
   *
   * @param into the body
   */
  public Capture(Subgraph into) {
    this.into = into;
  }

  /**
   * Returns what the body reads for a tensor of the surrounding graph.
   *
   * @param outer the tensor
   * @return a constant with the same data, or an input of the body
   */
  public Value of(Value outer) {
    if (outer.isConstant()) {
      return constants.computeIfAbsent(
          outer,
          v ->
              into.addConstant(v.name(), v.type(), v.shape(), v.data().orElseThrow())
                  .quantization(v.quantization().orElse(null)));
    }
    return passed.computeIfAbsent(
        outer,
        v ->
            into.addInput(v.name(), v.type(), v.shape())
                .quantization(v.quantization().orElse(null)));
  }

  /**
   * Returns the tensors that are passed in, and what they are inside.
   *
   * @return a read-only view, in the order of their first use
   */
  public Map<Value, Value> passed() {
    return Collections.unmodifiableMap(passed);
  }
}
