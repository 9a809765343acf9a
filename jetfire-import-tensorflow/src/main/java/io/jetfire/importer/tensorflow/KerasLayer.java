package io.jetfire.importer.tensorflow;

import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.List;

/** Writes one kind of Keras layer in TFLite's operators. */
@FunctionalInterface
interface KerasLayer {
  /**
   * Lowers a call.
   *
   * @return the call's results, in Keras' order
   * @throws Refusal if it cannot be expressed
   */
  List<Value> lower(Call c);

  /** A layer of one result. */
  @FunctionalInterface
  interface Single {
    Value lower(Call c);
  }

  static KerasLayer of(Single layer) {
    return c -> List.of(layer.lower(c));
  }
}
