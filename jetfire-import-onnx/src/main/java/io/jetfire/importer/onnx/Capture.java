package io.jetfire.importer.onnx;

import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/** The tensors of a surrounding graph that a body reads: constants are copied, others passed in. */
final class Capture {
  private final Subgraph into;
  private final Map<Value, Value> passed = new LinkedHashMap<>();
  private final Map<Value, Value> constants = new HashMap<>();

  Capture(Subgraph into) {
    this.into = into;
  }

  /** What the body reads for a tensor of the surrounding graph. */
  Value of(Value outer) {
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

  /** The tensors that are passed in, and what they are inside, in the order of their first use. */
  Map<Value, Value> passed() {
    return passed;
  }
}
