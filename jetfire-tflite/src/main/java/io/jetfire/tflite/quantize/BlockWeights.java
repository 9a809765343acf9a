package io.jetfire.tflite.quantize;

import io.jetfire.Float16;
import io.jetfire.tflite.graph.Weights;

/**
 * Weights of a fully connected layer in 4 bits, with one scale for every block along its inputs.
 *
 * <p>As TensorFlow Lite stores them: scales are 16-bit floats, rounded through bfloat16 as its
 * kernels do, so that what is rounded to here is what is computed with there.
 *
 * @param integers outputs × inputs, −8 to 7
 * @param scales outputs × blocks
 */
record BlockWeights(byte[][] integers, float[][] scales) {
  private static final int LOWEST = -8;
  private static final int HIGHEST = 7;
  private static final int TRIALS = 40;
  private static final double LEAST_SHARE = 0.7;

  /** The largest and the smallest scale that both 16-bit floats and bfloat16 hold exactly. */
  private static final float LARGEST_SCALE = 65_280;

  private static final float SMALLEST_SCALE = 1 / 16_384f;

  /**
   * Rounds weights, each block with the scale that leaves it the least squared error.
   *
   * @param rows outputs × inputs; inputs are a multiple of the block size
   * @param blockSize weights per block
   */
  static BlockWeights of(float[][] rows, int blockSize) {
    byte[][] integers = new byte[rows.length][];
    float[][] scales = new float[rows.length][];
    for (int o = 0; o < rows.length; o++) {
      integers[o] = new byte[rows[o].length];
      scales[o] = new float[rows[o].length / blockSize];
      for (int b = 0; b < scales[o].length; b++) {
        scales[o][b] = fit(rows[o], b * blockSize, blockSize, integers[o]);
      }
    }
    return new BlockWeights(integers, scales);
  }

  /** The scales of each output's blocks, one output after the other. */
  float[] flatScales() {
    float[] all = new float[scales.length * scales[0].length];
    for (int i = 0; i < all.length; i++) {
      all[i] = scales[i / scales[0].length][i % scales[0].length];
    }
    return all;
  }

  /** Scales as the file holds them. */
  static Weights halves(float[] scales) {
    short[] halves = new short[scales.length];
    for (int i = 0; i < halves.length; i++) {
      halves[i] = Float16.fromFloat(scales[i]);
    }
    return Weights.of(halves);
  }

  /**
   * Rounds weights with these scales, one after the other, carrying each error over to those that
   * are read together with it.
   *
   * @param rows outputs × inputs
   * @param lower L of the covariance of the inputs, Lᵀ·L, with inputs in an order
   * @param order the inputs in that order
   */
  BlockWeights carry(float[][] rows, double[][] lower, int[] order) {
    byte[][] rounded = new byte[rows.length][order.length];
    Parallel.run(
        rows.length,
        (share, shares) -> {
          double[] errors = new double[order.length];
          for (int o = share; o < rows.length; o += shares) {
            int size = order.length / scales[o].length;
            for (int j = 0; j < order.length; j++) {
              double carried = 0;
              for (int i = 0; i < j; i++) {
                carried += lower[j][i] * errors[i];
              }
              float w = rows[o][order[j]];
              float scale = scales[o][order[j] / size];
              int q = round((float) (w + carried / lower[j][j]), scale);
              rounded[o][order[j]] = (byte) q;
              errors[j] = w - (double) scale * q;
            }
          }
        });
    return new BlockWeights(rounded, scales);
  }

  private static float fit(float[] row, int from, int size, byte[] out) {
    float max = 0;
    for (int i = from; i < from + size; i++) {
      max = Math.max(max, Math.abs(row[i]));
    }
    float best = representable(max / HIGHEST);
    double least = error(row, from, size, best);
    for (int t = 1; t <= TRIALS && least > 0; t++) {
      double share = 1 - (1 - LEAST_SHARE) * t / TRIALS;
      float scale = representable((float) (max / HIGHEST * share));
      double e = error(row, from, size, scale);
      if (e < least) {
        least = e;
        best = scale;
      }
    }
    for (int i = from; i < from + size; i++) {
      out[i] = (byte) round(row[i], best);
    }
    return best;
  }

  private static double error(float[] row, int from, int size, float scale) {
    double sum = 0;
    for (int i = from; i < from + size; i++) {
      double d = row[i] - (double) scale * round(row[i], scale);
      sum += d * d;
    }
    return sum;
  }

  private static int round(float value, float scale) {
    return (int) Math.max(LOWEST, Math.min(HIGHEST, Math.rint(value / scale)));
  }

  /** The nearest scale with a mantissa of 7 bits, in the range of normal 16-bit floats. */
  static float representable(float scale) {
    float bounded = Math.max(SMALLEST_SCALE, Math.min(LARGEST_SCALE, scale));
    int bits = Float.floatToRawIntBits(bounded);
    int rounded = bits + 0x7fff + (bits >> 16 & 1);
    return Math.min(LARGEST_SCALE, Float.intBitsToFloat(rounded & 0xffff0000));
  }
}
