package io.jetfire.tflite.importer.lowering;

import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import java.util.List;

/**
 * Fourier transforms as products with matrices of cosines and sines: TFLite's own transforms give
 * complex numbers, which few of its kernels take.
 */
public final class Spectrum {
  private Spectrum() {}

  /**
   * Adds a matrix of waves.
   *
   * @param b where operators go
   * @param rows how many frequencies, from 0 on
   * @param columns how many samples, from 0 on
   * @param size the samples of the lowest frequency's period
   * @param sine whether the waves are sines, else cosines
   * @param factor what they are multiplied by
   * @return the constant, rows by columns
   */
  public static Value waves(Build b, int rows, int columns, int size, boolean sine, double factor) {
    float[] t = new float[Build.count(rows, columns)];
    for (int k = 0; k < rows; k++) {
      for (int n = 0; n < columns; n++) {
        double a = angle(k, n, size);
        // Half turns are exactly 0, so that the angle of a real number is one.
        boolean zero = sine && 2L * k * n % size == 0;
        t[k * columns + n] = zero ? 0 : (float) (factor * (sine ? Math.sin(a) : Math.cos(a)));
      }
    }
    return b.floats(Shape.of(rows, columns), t);
  }

  /**
   * Returns how far a wave has turned.
   *
   * @param frequency in periods per size
   * @param sample the number of the sample
   * @param size the samples of the lowest frequency's period
   * @return radians, from 0 to a whole turn
   */
  public static double angle(int frequency, int sample, int size) {
    return 2 * Math.PI * ((long) frequency * sample % size) / size;
  }

  /**
   * Transforms real signals along their last dimension.
   *
   * @param b where operators go
   * @param x the signals, whose last dimension is fixed
   * @param size what they are cut or padded with zeros to, at least 1
   * @return real and imaginary parts of the frequencies from 0 to half of the size
   */
  public static List<Value> ofReal(Build b, Value x, int size) {
    Build.requireFloat(x);
    if (size < 1) {
      throw new Refusal("a transform of the length " + size, "use at least 1");
    }
    int last = Build.rank(x) - 1;
    int used = Math.min(size, Build.fixedFrom(x, last)[last]);
    Value data = b.slice(x, last, 0, used);
    int bins = size / 2 + 1;
    return List.of(
        Matrices.linear(b, data, waves(b, bins, used, size, false, 1), null),
        Matrices.linear(b, data, waves(b, bins, used, size, true, -1), null));
  }
}
