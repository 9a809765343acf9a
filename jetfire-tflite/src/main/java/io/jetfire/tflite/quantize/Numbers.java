package io.jetfire.tflite.quantize;

import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Value;
import java.util.Optional;

/** Between integers and the real numbers that they stand for. */
final class Numbers {
  private Numbers() {}

  /** The real numbers in a tensor that has the form of a value. */
  static float[] reals(Value value, Tensor tensor) {
    float[] numbers = tensor.toFloatArray();
    Optional<Quantization.Affine> q = value.affine().filter(Quantization.Affine::isQuantized);
    if (q.isPresent() && !value.type().isFloat()) {
      float scale = q.get().scale(0);
      float zero = q.get().zeroPoint(0);
      for (int i = 0; i < numbers.length; i++) {
        numbers[i] = (numbers[i] - zero) * scale;
      }
    }
    return numbers;
  }

  /** A tensor of real numbers in the form of a value. */
  static Tensor toForm(Value value, Tensor reals) {
    Optional<Quantization.Affine> q = value.affine().filter(Quantization.Affine::isQuantized);
    if (q.isEmpty() || value.type().isFloat() || !reals.type().isFloat()) {
      return reals;
    }
    return TensorSpec.quantized(
            value.name(),
            value.type().tensorType().orElseThrow(),
            new TensorSpec.Quantization(q.get().scale(0), (int) q.get().zeroPoint(0)),
            value.shape().dims())
        .quantize(reals);
  }

  /**
   * The ratio of signal to error.
   *
   * @return 10·log10(Σ reference² / Σ (reference − actual)²) in dB; infinite if they are equal
   */
  static double decibels(double signal, double error) {
    return error == 0 ? Double.POSITIVE_INFINITY : 10 * Math.log10(signal / error);
  }
}
