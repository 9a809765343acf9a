package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Quantization;

/**
 * How one activation tensor is quantized.
 *
 * @param type INT8 or INT16
 * @param scale the size of a step
 * @param zeroPoint the integer that stands for 0
 */
record Parameters(ElementType type, float scale, int zeroPoint) {

  /** The smallest real number that can be represented. */
  double lowest() {
    return (double) scale * (minimum() - zeroPoint);
  }

  /** The largest real number that can be represented. */
  double highest() {
    return (double) scale * (maximum() - zeroPoint);
  }

  int minimum() {
    return type == ElementType.INT8 ? -128 : -32768;
  }

  int maximum() {
    return type == ElementType.INT8 ? 127 : 32767;
  }

  Quantization.Affine quantization() {
    return Quantization.perTensor(scale, zeroPoint);
  }

  int quantize(double value) {
    double q = Math.rint(value / scale) + zeroPoint;
    return (int) Math.max(minimum(), Math.min(maximum(), q));
  }

  double dequantize(int q) {
    return (double) scale * (q - zeroPoint);
  }
}
