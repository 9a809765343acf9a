package io.jetfire.importer.tensorflow;

import io.jetfire.tflite.importer.lowering.Refusal;

/** Writes one TensorFlow operator in TFLite's operators. */
@FunctionalInterface
interface Lowering {
  /**
   * Lowers a node.
   *
   * @throws Refusal if it cannot be expressed
   */
  void lower(Node n);
}
