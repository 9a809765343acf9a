package io.jetfire.tflite.importer;

import io.jetfire.Tensor;
import io.jetfire.tflite.importer.ImportVerification.Difference;
import java.util.Arrays;
import java.util.Optional;

/** Compares tensors, of which one may have its channels last where the other has them first. */
final class TensorComparison {
  private TensorComparison() {}

  /**
   * Compares two tensors of the same name.
   *
   * @param shapesMustFit whether a tensor of an unknown order of dimensions is a difference, or
   *     cannot be compared
   * @return empty if they cannot be compared
   */
  static Optional<Difference> compare(
      String name, Tensor expected, Tensor found, boolean shapesMustFit) {
    int[] shape = expected.shape();
    float[] e = expected.toFloatArray();
    float[] f = found.toFloatArray();
    Optional<Difference> best = Optional.empty();
    if (Arrays.equals(shape, found.shape())) {
      best = Optional.of(difference(name, e, f));
    }
    if (shape.length >= 3 && Arrays.equals(lastShape(shape), found.shape())) {
      Difference moved = difference(name, channelsLast(e, shape), f);
      if (best.isEmpty() || moved.share() < best.get().share()) {
        best = Optional.of(moved);
      }
    }
    if (best.isEmpty() && shapesMustFit) {
      return Optional.of(new Difference(name, Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY));
    }
    return best;
  }

  private static Difference difference(String name, float[] expected, float[] found) {
    double low = Double.POSITIVE_INFINITY;
    double high = Double.NEGATIVE_INFINITY;
    double largest = 0;
    for (int i = 0; i < expected.length; i++) {
      float e = expected[i];
      if (Float.isFinite(e)) {
        low = Math.min(low, e);
        high = Math.max(high, e);
      }
      // Equal infinities and equal non-numbers are no difference.
      if (Float.compare(e, found[i]) != 0 && e != found[i]) {
        double off = Math.abs((double) e - found[i]);
        largest = Math.max(largest, Double.isNaN(off) ? Double.POSITIVE_INFINITY : off);
      }
    }
    double range = high > low ? high - low : Math.max(Math.abs(high), Float.MIN_NORMAL);
    return new Difference(name, largest, largest == 0 ? 0 : largest / range);
  }

  private static int[] lastShape(int[] shape) {
    int[] last = shape.clone();
    System.arraycopy(shape, 2, last, 1, shape.length - 2);
    last[shape.length - 1] = shape[1];
    return last;
  }

  /** From [batch, channels, ...] to [batch, ..., channels]. */
  private static float[] channelsLast(float[] values, int[] shape) {
    int batch = shape[0];
    int channels = shape[1];
    int inner = batch == 0 || channels == 0 ? 0 : values.length / (batch * channels);
    float[] out = new float[values.length];
    for (int b = 0; b < batch; b++) {
      for (int c = 0; c < channels; c++) {
        for (int i = 0; i < inner; i++) {
          out[(b * inner + i) * channels + c] = values[(b * channels + c) * inner + i];
        }
      }
    }
    return out;
  }
}
