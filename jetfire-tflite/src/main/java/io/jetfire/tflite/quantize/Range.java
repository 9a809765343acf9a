package io.jetfire.tflite.quantize;

/**
 * A range of real numbers.
 *
 * @param min the lower end
 * @param max the upper end, not below {@code min}
 */
record Range(float min, float max) {

  /** 8-bit parameters: asymmetric, zero exactly representable. */
  Parameters toInt8() {
    double lo = Math.min(0, min);
    double hi = Math.max(0, max);
    float scale = (float) (Math.max(hi - lo, 1e-9) / 255);
    long zeroPoint = Math.round(Math.rint(-128 - lo / scale));
    return new Parameters(
        io.jetfire.tflite.graph.ElementType.INT8,
        scale,
        (int) Math.max(-128, Math.min(127, zeroPoint)));
  }

  /** 16-bit parameters: symmetric, zero point 0. */
  Parameters toInt16() {
    float magnitude = Math.max(Math.max(Math.abs(min), Math.abs(max)), 1e-9f);
    return new Parameters(
        io.jetfire.tflite.graph.ElementType.INT16, (float) (magnitude / 32767.0), 0);
  }

  Range scaled(float factor) {
    return new Range(min * factor, max * factor);
  }

  Range union(Range other) {
    return new Range(Math.min(min, other.min), Math.max(max, other.max));
  }
}
