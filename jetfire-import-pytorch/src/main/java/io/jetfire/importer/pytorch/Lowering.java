package io.jetfire.importer.pytorch;

/** Writes one operator of PyTorch in TFLite's operators. */
@FunctionalInterface
interface Lowering {
  /**
   * Lowers a call.
   *
   * @throws io.jetfire.tflite.importer.lowering.Refusal if it cannot be expressed
   */
  void lower(Call c);
}
