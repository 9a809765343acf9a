package io.jetfire.tflite.quantize;

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
