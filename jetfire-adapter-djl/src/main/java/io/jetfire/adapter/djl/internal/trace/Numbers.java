package io.jetfire.adapter.djl.internal.trace;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import java.util.Arrays;

/** The numbers of an array as doubles, whatever its type. */
final class Numbers {
  private Numbers() {}

  static double[] of(NDArray array) {
    NDArray wide = array.toType(DataType.FLOAT64, true);
    double[] numbers = wide.toDoubleArray();
    wide.close();
    return numbers;
  }

  /**
   * The distance from the smallest to the largest finite number, at least the largest magnitude.
   */
  static double range(double[] numbers) {
    double min = Arrays.stream(numbers).filter(Double::isFinite).min().orElse(0);
    double max = Arrays.stream(numbers).filter(Double::isFinite).max().orElse(0);
    return Math.max(max - min, Math.max(Math.abs(min), Math.abs(max)));
  }
}
