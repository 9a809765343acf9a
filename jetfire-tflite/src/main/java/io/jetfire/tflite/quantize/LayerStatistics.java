package io.jetfire.tflite.quantize;

import java.util.Arrays;

/**
 * First and second moments of what a layer is fed with, collected row by row.
 *
 * <p>A row is what one output position sees: for a convolution the window as {@code
 * [tap][channel]}, for a fully connected layer its input vector. Two networks are watched at the
 * same positions: the one under quantization ("seen") and the float one ("meant"). Memory depends
 * on the layer alone, not on how many rows are added.
 */
abstract class LayerStatistics {
  final int groups;
  final int inputs;

  /** Whether second moments are known. */
  private final boolean squared;

  /** Whether the covariance of both networks is known. */
  final boolean crossed;

  private final double[] seenSum;
  private final double[] meantSum;
  private long rows;

  /**
   * The moments of one group of inputs.
   *
   * @param seen covariance of what the quantized network feeds, symmetric
   * @param cross covariance of seen (rows) with meant (columns); empty if it was not asked for
   * @param seenMean means of what the quantized network feeds
   * @param meantMean means of what the float network feeds
   */
  record Moments(double[][] seen, double[][] cross, double[] seenMean, double[] meantMean) {
    /** Without what regression alone needs, which takes much of the heap. */
    Moments withoutCross() {
      return new Moments(seen, new double[0][], seenMean, meantMean);
    }
  }

  private LayerStatistics(int groups, int inputs, boolean squared, boolean crossed) {
    this.groups = groups;
    this.inputs = inputs;
    this.squared = squared;
    this.crossed = crossed;
    this.seenSum = new double[groups * inputs];
    this.meantSum = new double[groups * inputs];
  }

  /**
   * Starts statistics.
   *
   * @param taps how many positions a window has
   * @param channels how many channels the input has
   * @param groups 1 if every output sees all channels; the number of channels for a depthwise layer
   * @param crossed whether the covariance of both networks is wanted, which regression needs; it
   *     costs twice as much as that of the quantized one
   */
  static LayerStatistics of(int taps, int channels, int groups, boolean crossed) {
    return groups == channels && groups > 1
        ? new Depthwise(taps, channels, crossed)
        : new Dense(taps, channels, groups, crossed);
  }

  /** How many numbers one output depends on. */
  final int inputs() {
    return inputs;
  }

  final long rows() {
    return rows;
  }

  /**
   * Adds one row.
   *
   * @param seen taps × channels
   * @param meant taps × channels
   */
  final void add(float[] seen, float[] meant) {
    accumulate(seen, meant);
    rows++;
  }

  /** Means alone, which is all that correcting biases needs. */
  static LayerStatistics means(int taps, int channels, int groups) {
    return new Means(taps, channels, groups);
  }

  /**
   * The moments of the rows that are in these statistics and not in others.
   *
   * @param part statistics of some of the rows
   */
  final Moments without(LayerStatistics part, int group) {
    flush();
    part.flush();
    double n = rows - part.rows;
    double a = rows / n;
    double b = part.rows / n;
    int k = inputs;
    double[] allSeen = new double[k];
    double[] allMeant = new double[k];
    double[] someSeen = new double[k];
    double[] someMeant = new double[k];
    means(group, allSeen, allMeant);
    part.means(group, someSeen, someMeant);
    double[] seenMean = new double[k];
    double[] meantMean = new double[k];
    for (int i = 0; i < k; i++) {
      seenMean[i] = a * allSeen[i] - b * someSeen[i];
      meantMean[i] = a * allMeant[i] - b * someMeant[i];
    }
    double[][] h = new double[k][k];
    double[][] c = new double[k][k];
    double[] someH = new double[k];
    double[] someC = new double[k];
    for (int i = 0; i < k; i++) {
      covariances(group, i, allSeen, allMeant, h[i], c[i]);
      part.covariances(group, i, someSeen, someMeant, someH, someC);
      // Covariances about the mean of all rows, so that no large squares cancel.
      double s = someSeen[i] - allSeen[i];
      double r = seenMean[i] - allSeen[i];
      for (int j = 0; j < k; j++) {
        double sj = someSeen[j] - allSeen[j];
        double mj = someMeant[j] - allMeant[j];
        h[i][j] = a * h[i][j] - b * (someH[j] + s * sj) - r * (seenMean[j] - allSeen[j]);
        c[i][j] = a * c[i][j] - b * (someC[j] + s * mj) - r * (meantMean[j] - allMeant[j]);
      }
    }
    return new Moments(h, c, seenMean, meantMean);
  }

  abstract void accumulate(float[] seen, float[] meant);

  /** The moments of a group. */
  final Moments moments(int group) {
    flush();
    double[] seenMean = new double[inputs];
    double[] meantMean = new double[inputs];
    means(group, seenMean, meantMean);
    double[][] h = new double[squared ? inputs : 0][inputs];
    double[][] c = new double[crossed ? inputs : 0][inputs];
    for (int i = 0; i < h.length; i++) {
      covariances(group, i, seenMean, meantMean, h[i], c.length == 0 ? h[i] : c[i]);
    }
    return new Moments(h, c, seenMean, meantMean);
  }

  /** Adds up what waits to be added up. */
  void flush() {}

  abstract void means(int group, double[] seenMean, double[] meantMean);

  /**
   * One row of the covariances.
   *
   * @param h is given that of seen with seen
   * @param c is given that of seen with meant, if it is known
   */
  abstract void covariances(
      int group, int i, double[] seenMean, double[] meantMean, double[] h, double[] c);

  private static void addTo(double[] sums, int from, float[] values) {
    for (int i = 0; i < values.length; i++) {
      sums[from + i] += values[i];
    }
  }

  /** Sums alone. */
  private static final class Means extends LayerStatistics {
    private final int taps;
    private final int channels;
    private final int width;
    private final boolean depthwise;

    Means(int taps, int channels, int groups) {
      super(groups, taps * (channels / groups), false, false);
      this.taps = taps;
      this.channels = channels;
      this.width = channels / groups;
      this.depthwise = width == 1;
    }

    @Override
    void accumulate(float[] seen, float[] meant) {
      for (int t = 0; t < taps; t++) {
        for (int c = 0; c < channels; c++) {
          int at = depthwise ? c * taps + t : c / width * inputs + t * width + c % width;
          super.seenSum[at] += seen[t * channels + c];
          super.meantSum[at] += meant[t * channels + c];
        }
      }
    }

    @Override
    void means(int g, double[] seenMean, double[] meantMean) {
      double n = Math.max(1, rows());
      Arrays.setAll(seenMean, i -> super.seenSum[g * inputs + i] / n);
      Arrays.setAll(meantMean, i -> super.meantSum[g * inputs + i] / n);
    }

    @Override
    void covariances(int g, int i, double[] seenMean, double[] meantMean, double[] h, double[] c) {
      throw new IllegalStateException("nothing but means was asked for");
    }
  }

  /** All outputs of a group see all of its inputs. */
  private static final class Dense extends LayerStatistics {
    /** Rows that the point near the mean is taken from. */
    private static final int FIRST = 32;

    private static final int BATCH = 128;
    private final int taps;
    private final int channels;
    private final float[][][] second;
    private final float[][][] cross;
    private final float[][][] seenBatch;
    private final float[][][] meantBatch;
    private final float[][] shift;
    private int filled;
    private boolean shifted;

    Dense(int taps, int channels, int groups, boolean crossed) {
      super(groups, taps * (channels / groups), true, crossed);
      this.taps = taps;
      this.channels = channels;
      this.second = new float[groups][inputs][inputs];
      this.cross = new float[groups][crossed ? inputs : 0][inputs];
      this.seenBatch = new float[groups][BATCH][inputs];
      this.meantBatch = new float[groups][BATCH][inputs];
      this.shift = new float[groups][inputs];
    }

    @Override
    void accumulate(float[] seen, float[] meant) {
      int width = channels / groups;
      for (int g = 0; g < groups; g++) {
        for (int t = 0; t < taps; t++) {
          System.arraycopy(seen, t * channels + g * width, seenBatch[g][filled], t * width, width);
          System.arraycopy(
              meant, t * channels + g * width, meantBatch[g][filled], t * width, width);
        }
        addTo(super.seenSum, g * inputs, seenBatch[g][filled]);
        addTo(super.meantSum, g * inputs, meantBatch[g][filled]);
      }
      if (++filled == BATCH) {
        flush();
      }
    }

    @Override
    void flush() {
      if (filled == 0) {
        return;
      }
      for (int g = 0; g < groups; g++) {
        if (!shifted) {
          // Second moments about a point near the mean: sums of large squares would lose the
          // small differences that matter.
          int first = Math.min(FIRST, filled);
          for (int r = 0; r < first; r++) {
            for (int i = 0; i < inputs; i++) {
              shift[g][i] += meantBatch[g][r][i] / first;
            }
          }
        }
        for (int r = 0; r < filled; r++) {
          subtract(seenBatch[g][r], shift[g]);
          if (crossed) {
            subtract(meantBatch[g][r], shift[g]);
          }
        }
        Matrices.addProduct(second[g], seenBatch[g], seenBatch[g], filled, true);
        if (crossed) {
          Matrices.addProduct(cross[g], seenBatch[g], meantBatch[g], filled, false);
        }
      }
      shifted = true;
      filled = 0;
    }

    private static void subtract(float[] row, float[] shift) {
      for (int i = 0; i < row.length; i++) {
        row[i] -= shift[i];
      }
    }

    @Override
    void means(int g, double[] seenMean, double[] meantMean) {
      double n = Math.max(1, rows());
      for (int i = 0; i < inputs; i++) {
        seenMean[i] = super.seenSum[g * inputs + i] / n;
        meantMean[i] = super.meantSum[g * inputs + i] / n;
      }
    }

    @Override
    void covariances(int g, int i, double[] seenMean, double[] meantMean, double[] h, double[] c) {
      double n = Math.max(1, rows());
      double si = seenMean[i] - shift[g][i];
      for (int j = 0; j < inputs; j++) {
        double both = second[g][Math.min(i, j)][Math.max(i, j)];
        h[j] = both / n - si * (seenMean[j] - shift[g][j]);
      }
      if (crossed) {
        for (int j = 0; j < inputs; j++) {
          c[j] = cross[g][i][j] / n - si * (meantMean[j] - shift[g][j]);
        }
      }
    }
  }

  /** Every channel sees itself alone. */
  private static final class Depthwise extends LayerStatistics {
    private static final int BATCH = 32;

    /** Multiplications below which a second thread is not worth starting. */
    private static final double LEAST_SHARED = 1e6;

    private final int taps;
    private final int channels;
    private final float[][][] second;
    private final float[][][] cross;
    private final float[] shift;
    private final float[][][] s;
    private final float[][][] m;
    private int filled;
    private final double[][] seenSums;
    private final double[][] meantSums;
    private boolean shifted;

    Depthwise(int taps, int channels, boolean crossed) {
      super(channels, taps, true, crossed);
      this.taps = taps;
      this.channels = channels;
      this.second = new float[taps][taps][channels];
      this.cross = new float[crossed ? taps : 0][taps][channels];
      this.shift = new float[channels];
      this.s = new float[BATCH][taps][channels];
      this.m = new float[BATCH][taps][channels];
      this.seenSums = new double[taps][channels];
      this.meantSums = new double[taps][channels];
    }

    @Override
    void accumulate(float[] seen, float[] meant) {
      if (!shifted) {
        for (int t = 0; t < taps; t++) {
          for (int c = 0; c < channels; c++) {
            shift[c] += meant[t * channels + c] / taps;
          }
        }
        shifted = true;
      }
      for (int t = 0; t < taps; t++) {
        take(seen, t, s[filled][t], seenSums[t]);
        take(meant, t, m[filled][t], meantSums[t]);
      }
      if (++filled == BATCH) {
        flush();
      }
    }

    private void take(float[] window, int tap, float[] to, double[] sums) {
      // Copied first: without an offset between the arrays, loops become vector instructions.
      System.arraycopy(window, tap * channels, to, 0, channels);
      for (int c = 0; c < channels; c++) {
        sums[c] += to[c];
      }
      for (int c = 0; c < channels; c++) {
        to[c] -= shift[c];
      }
    }

    @Override
    void flush() {
      int rows = filled;
      filled = 0;
      boolean shared = (double) rows * taps * taps * channels > LEAST_SHARED;
      Parallel.run(
          shared ? taps : 1,
          (share, shares) -> {
            for (int a = share; a < taps; a += shares) {
              for (int b = 0; b < taps; b++) {
                if (b >= a) {
                  addProducts(second[a][b], s, a, s, b, rows);
                }
                if (crossed) {
                  addProducts(cross[a][b], s, a, m, b, rows);
                }
              }
            }
          });
    }

    private static void addProducts(
        float[] sum, float[][][] a, int tapA, float[][][] b, int tapB, int rows) {
      int r = 0;
      for (; r + 4 <= rows; r += 4) {
        addProducts(
            sum,
            a[r][tapA],
            a[r + 1][tapA],
            a[r + 2][tapA],
            a[r + 3][tapA],
            b[r][tapB],
            b[r + 1][tapB],
            b[r + 2][tapB],
            b[r + 3][tapB]);
      }
      for (; r < rows; r++) {
        addProducts(sum, a[r][tapA], b[r][tapB]);
      }
    }

    private static void addProducts(
        float[] sum,
        float[] a0,
        float[] a1,
        float[] a2,
        float[] a3,
        float[] b0,
        float[] b1,
        float[] b2,
        float[] b3) {
      for (int i = 0; i < sum.length; i++) {
        sum[i] = sum[i] + a0[i] * b0[i] + a1[i] * b1[i] + a2[i] * b2[i] + a3[i] * b3[i];
      }
    }

    private static void addProducts(float[] sum, float[] a, float[] b) {
      for (int i = 0; i < sum.length; i++) {
        sum[i] += a[i] * b[i];
      }
    }

    @Override
    void means(int channel, double[] seenMean, double[] meantMean) {
      double n = Math.max(1, rows());
      Arrays.setAll(seenMean, t -> seenSums[t][channel] / n);
      Arrays.setAll(meantMean, t -> meantSums[t][channel] / n);
    }

    @Override
    void covariances(
        int channel, int a, double[] seenMean, double[] meantMean, double[] h, double[] c) {
      double n = Math.max(1, rows());
      double sa = seenMean[a] - shift[channel];
      for (int b = 0; b < taps; b++) {
        double both = second[Math.min(a, b)][Math.max(a, b)][channel];
        h[b] = both / n - sa * (seenMean[b] - shift[channel]);
        if (crossed) {
          c[b] = cross[a][b][channel] / n - sa * (meantMean[b] - shift[channel]);
        }
      }
    }
  }
}
