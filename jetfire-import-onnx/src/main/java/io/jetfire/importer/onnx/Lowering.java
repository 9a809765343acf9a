package io.jetfire.importer.onnx;

import io.jetfire.tflite.importer.lowering.Refusal;

/** Writes one ONNX operator in TFLite's operators. */
@FunctionalInterface
interface Lowering {
  /**
   * Lowers a node.
   *
   * @throws Refusal if it cannot be expressed
   */
  void lower(Node n);
}
