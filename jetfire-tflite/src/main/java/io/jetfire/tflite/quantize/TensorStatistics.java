package io.jetfire.tflite.quantize;

/**
 * What calibration saw of one tensor: extremes, a histogram, extremes per channel.
 *
 * <p>Of fixed size however many samples are added. Not thread-safe.
 */
final class TensorStatistics {
  /** Bins of the histogram, half of them for negative values. */
  static final int BINS = 4096;

  private static final int HALF = BINS / 2;

  /** Values of one sample that the histogram counts at most; extremes are taken from all. */
  private static final int MOST_PER_SAMPLE = 8192;

  /** Entropy looks at ranges from this share of each end. */
  private static final double LEAST_ENTROPY_SHARE = 0.02;

  private float min = Float.POSITIVE_INFINITY;
  private float max = Float.NEGATIVE_INFINITY;
  private final float[] halfMin = {Float.POSITIVE_INFINITY, Float.POSITIVE_INFINITY};
  private final float[] halfMax = {Float.NEGATIVE_INFINITY, Float.NEGATIVE_INFINITY};
  private long total;
  private long counted;

  /** Those counted that are not zero. */
  private long inBins;

  private long nonFinite;

  /** Bin i covers [(i − HALF)·width, (i − HALF + 1)·width). */
  private final int[] bins = new int[BINS];

  private float width;
  private final float[] channelMin;
  private final float[] channelMax;
  private final double[] channelSum;
  private final double[] channelSquares;

  /**
   * Starts statistics.
   *
   * @param channels the size of the tensor's last dimension, or 0 to leave channels out
   */
  TensorStatistics(int channels) {
    this.channelMin = new float[channels];
    this.channelMax = new float[channels];
    this.channelSum = new double[channels];
    this.channelSquares = new double[channels];
    java.util.Arrays.fill(channelMin, Float.POSITIVE_INFINITY);
    java.util.Arrays.fill(channelMax, Float.NEGATIVE_INFINITY);
  }

  /** How far apart the values are that the histogram counts; odd, to walk over all channels. */
  static int step(long elements) {
    return (int) Math.max(1, elements / MOST_PER_SAMPLE) | 1;
  }

  /** How many channels are watched, or 0. */
  int channels() {
    return channelMin.length;
  }

  /**
   * Adds one sample. The order in which samples are added matters in the last digits.
   *
   * @param scan what was found in it
   * @param sample the sample's number
   */
  void add(TensorScan scan, int sample) {
    total += scan.elements;
    nonFinite += scan.nonFinite;
    if (scan.min <= scan.max) {
      min = Math.min(min, scan.min);
      max = Math.max(max, scan.max);
      halfMin[sample & 1] = Math.min(halfMin[sample & 1], scan.min);
      halfMax[sample & 1] = Math.max(halfMax[sample & 1], scan.max);
      grow(Math.max(Math.abs(scan.min), Math.abs(scan.max)));
    }
    count(scan);
    for (int c = 0; c < channelMin.length; c++) {
      channelMin[c] = Math.min(channelMin[c], scan.channelMin[c]);
      channelMax[c] = Math.max(channelMax[c], scan.channelMax[c]);
      channelSum[c] += scan.channelSum[c];
      channelSquares[c] += scan.channelSquares[c];
    }
  }

  private void count(TensorScan scan) {
    // Bins hold 31 bits; after two thousand million values, more change nothing.
    if (counted > Integer.MAX_VALUE - scan.picks) {
      return;
    }
    int zeros = 0;
    int finite = 0;
    float inverse = width == 0 ? 0 : 1 / width;
    for (int i = 0; i < scan.picks; i++) {
      float v = scan.picked[i];
      if (scan.nonFinite > 0 && !Float.isFinite(v)) {
        continue;
      }
      // Without a branch on zero, which half of all values are after a ReLU.
      zeros += v == 0 ? 1 : 0;
      int bin = (int) (HALF + v * inverse);
      bins[Math.max(0, Math.min(BINS - 1, bin))]++;
      finite++;
    }
    counted += finite;
    inBins += finite;
    bins[HALF] -= zeros;
    inBins -= zeros;
  }

  private void grow(float magnitude) {
    if (width == 0) {
      if (magnitude > 0) {
        width = Math.max(Float.MIN_NORMAL, magnitude / HALF);
        // A power of two, so that doubling merges bins exactly.
        width = Math.scalb(1f, Math.getExponent(width) + 1);
      }
      return;
    }
    while (magnitude >= width * HALF) {
      for (int i = 0; i < HALF / 2; i++) {
        bins[HALF + i] = bins[HALF + 2 * i] + bins[HALF + 2 * i + 1];
        bins[HALF - 1 - i] = bins[HALF - 1 - 2 * i] + bins[HALF - 2 - 2 * i];
      }
      for (int i = HALF / 2; i < HALF; i++) {
        bins[HALF + i] = 0;
        bins[HALF - 1 - i] = 0;
      }
      width *= 2;
    }
  }

  boolean isEmpty() {
    return !(min <= max);
  }

  /** How many values were NaN or infinite. */
  long nonFinite() {
    return nonFinite;
  }

  Range minMax() {
    return isEmpty() ? new Range(0, 0) : new Range(min, max);
  }

  /**
   * Says how far the ranges of the even and of the odd samples differ.
   *
   * @return 0 if they are the same; 1 if they differ by the whole range; NaN with fewer than two
   *     samples
   */
  double instability() {
    if (!(halfMin[0] <= halfMax[0]) || !(halfMin[1] <= halfMax[1])) {
      return Double.NaN;
    }
    double size = (double) max - min;
    return size == 0
        ? 0
        : (Math.abs((double) halfMin[0] - halfMin[1]) + Math.abs((double) halfMax[0] - halfMax[1]))
            / size;
  }

  /** The largest magnitude per channel; empty if channels were left out or nothing was seen. */
  float[] channelMagnitudes() {
    float[] out = new float[channelMin.length];
    for (int c = 0; c < out.length; c++) {
      out[c] = Math.max(0, Math.max(-channelMin[c], channelMax[c]));
    }
    return out;
  }

  /** The largest value per channel. */
  float[] channelMaxima() {
    return channelMax.clone();
  }

  /** The variance per channel. */
  double[] channelVariances() {
    double[] out = new double[channelSum.length];
    double n = Math.max(1, valuesPerChannel());
    for (int c = 0; c < out.length; c++) {
      double mean = channelSum[c] / n;
      out[c] = Math.max(0, channelSquares[c] / n - mean * mean);
    }
    return out;
  }

  /** How many values each channel saw. */
  long valuesPerChannel() {
    return channelMin.length == 0 ? 0 : total / channelMin.length;
  }

  /**
   * Returns the range that leaves the given share of values outside, half at each end where both
   * signs occur.
   *
   * @param percent such as 99.99
   */
  Range percentile(double percent) {
    if (isEmpty()) {
      return minMax();
    }
    double outside = counted * (100 - percent) / 100;
    double each = min < 0 && max > 0 ? outside / 2 : outside;
    float hi = max;
    float lo = min;
    double seen = 0;
    if (max > 0) {
      for (int i = BINS - 1; i >= HALF; i--) {
        seen += bins[i];
        if (seen > each) {
          hi = Math.min(max, (i - HALF + 1) * width);
          break;
        }
      }
    }
    seen = 0;
    if (min < 0) {
      for (int i = 0; i < HALF; i++) {
        seen += bins[i];
        if (seen > each) {
          lo = Math.max(min, (i - HALF) * width);
          break;
        }
      }
    }
    return new Range(lo, hi);
  }

  /**
   * Returns the range with the least mean squared error after quantization.
   *
   * @param levels how many steps the range is divided into, such as 255
   */
  Range meanSquaredError(int levels) {
    return RangeSearch.search(minMax(), (lo, hi) -> meanSquaredError(lo, hi, levels));
  }

  /**
   * Estimates the mean squared error of a range: rounding errors are uniform over a step, values
   * outside are clipped, zero is exact.
   */
  double meanSquaredError(double lo, double hi, int levels) {
    double step = (hi - lo) / levels;
    double clipped = 0;
    long outside = 0;
    // Of the bins inside nothing but the number counts.
    for (int i = BINS - 1; i >= 0 && beyond(i, lo, hi) > step / 2; i--) {
      double beyond = beyond(i, lo, hi);
      clipped += bins[i] * (beyond * beyond);
      outside += bins[i];
    }
    for (int i = 0; i < BINS && beyond(i, lo, hi) > step / 2; i++) {
      double beyond = beyond(i, lo, hi);
      clipped += bins[i] * (beyond * beyond);
      outside += bins[i];
    }
    double rounding = step * step / 12;
    return counted == 0 ? 0 : (clipped + (inBins - outside) * rounding) / counted;
  }

  /** How far the middle of a bin lies outside a range. */
  private double beyond(int bin, double lo, double hi) {
    double center = (bin - HALF + 0.5) * width;
    return center > hi ? center - hi : center < lo ? lo - center : 0;
  }

  /**
   * Returns the range whose quantized histogram tells the least apart from the original one
   * (Kullback-Leibler divergence). Both ends are moved on their own: a glitch at one of them says
   * nothing about the other.
   *
   * @param levels how many steps the range is divided into, such as 255
   */
  Range entropy(int levels) {
    if (isEmpty() || width == 0) {
      return minMax();
    }
    return RangeSearch.search(
        minMax(), (lo, hi) -> divergence(lo, hi, levels), LEAST_ENTROPY_SHARE);
  }

  private double divergence(double lo, double hi, int levels) {
    int first = Math.max(0, HALF + (int) Math.floor(lo / width));
    int last = Math.min(BINS - 1, HALF + (int) Math.ceil(hi / width) - 1);
    double[] p = new double[Math.max(1, last - first + 1)];
    double total = 0;
    for (int i = 0; i < BINS; i++) {
      int at = Math.max(first, Math.min(last, i)) - first;
      p[at] += bins[i];
      total += bins[i];
    }
    if (total == 0) {
      return 0;
    }
    double[] merged = new double[levels + 1];
    int[] filled = new int[levels + 1];
    for (int i = 0; i < p.length; i++) {
      int level = (int) ((long) i * levels / p.length);
      long inside = bins[first + i];
      if (inside > 0) {
        merged[level] += inside;
        filled[level]++;
      }
    }
    double divergence = 0;
    for (int i = 0; i < p.length; i++) {
      if (p[i] > 0) {
        int level = (int) ((long) i * levels / p.length);
        double q = filled[level] == 0 ? 0.5 / total : merged[level] / filled[level] / total;
        double share = p[i] / total;
        divergence += share * Math.log(share / Math.max(q, 1e-12));
      }
    }
    return divergence;
  }
}
