package io.jetfire.tflite.quantize;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Finds the integers that stand for a layer's weights.
 *
 * <p>Three steps, each of which can be left out. The target: weights that, applied to what the
 * quantized network feeds, come closest to what the float layer gave (ridge regression towards the
 * float weights), which repairs errors made upstream. The rounding: column by column, with each
 * column's error carried over to those that correlate with it (successive projection on the factor
 * of the input covariance, known as GPTQ or Babai's nearest plane), then a few rounds of coordinate
 * descent. The bias: what remains of the mean error.
 */
final class WeightFit {
  /** Below this many rows per input, regression would learn the calibration samples by heart. */
  private static final int ROWS_PER_INPUT = 10;

  /** Beyond this many inputs the factorization would take longer than it is worth. */
  static final int MAX_INPUTS = 5000;

  private static final double DAMPING = 0.01;
  private static final int DESCENT_ROUNDS = 3;

  /** Shares of the ridge that are compared on rows held back. */
  private static final double[] RIDGE_SHARES = {1, 0.3, 0.1, 0.03, 0.01, 0.003};

  /** Smaller gains, relative to the signal, are luck. */
  private static final double TIE = 1e-7;

  /**
   * Scales that are tried for each output, from the one that covers all weights down to {@link
   * #LEAST_SHARE} of it or as far as steps of {@link #MOST_STEP} lead. The fewer the inputs, the
   * more a scale that happens to suit them gains.
   */
  private static final int TRIALS = 200;

  private static final double LEAST_SHARE = 0.6;
  private static final double MOST_STEP = 0.01;

  /** Multiplications spent on trials of one layer. */
  private static final double TRIAL_WORK = 2e9;

  /** Columns that are rounded side by side: enough to work in vectors, few enough for the cache. */
  private static final int COLUMNS = 64;

  /** Multiplications below which a second thread is not worth starting. */
  private static final double LEAST_SHARED = 4e6;

  /**
   * How to fit.
   *
   * @param bits of a weight; 0 to keep weights float
   * @param perChannel whether every output has a scale of its own
   * @param carryErrors whether rounding errors are carried over to correlated weights
   * @param regress whether weights are aimed at the float layer's outputs
   * @param correctBias whether the mean error goes into the bias
   * @param ridge how strongly regression holds on to the float weights, relative to the mean
   *     variance of an input
   * @param blockSize weights of an output that share a scale, in 4 bits; 0 if all of them do
   */
  record Settings(
      int bits,
      boolean perChannel,
      boolean carryErrors,
      boolean regress,
      boolean correctBias,
      double ridge,
      int blockSize) {
    Settings(
        int bits,
        boolean perChannel,
        boolean carryErrors,
        boolean regress,
        boolean correctBias,
        double ridge) {
      this(bits, perChannel, carryErrors, regress, correctBias, ridge, 0);
    }
  }

  /**
   * Fitted weights.
   *
   * @param integers outputs × inputs; empty if weights stay float
   * @param scales one per output, or one, or those of each output's blocks one after the other
   * @param weights outputs × inputs; empty if there are integers for them
   * @param bias one per output
   */
  record Fitted(byte[][] integers, float[] scales, float[][] weights, float[] bias) {
    /** The number that an integer stands for. */
    float real(int output, int input) {
      int perOutput = Math.max(1, scales.length / integers.length);
      int block = input / (integers[output].length / perOutput);
      return scales[scales.length == 1 ? 0 : output * perOutput + block] * integers[output][input];
    }
  }

  private WeightFit() {}

  /**
   * Fits a layer.
   *
   * @param weights outputs × inputs
   * @param bias one per output
   * @param statistics what the layer is fed with, or null to round to nearest
   * @param held the same for some of the rows, by which the strength of the regression is chosen,
   *     or null to regress as the settings say
   * @param minimumScale per output, the smallest scale with which the bias does not overflow
   */
  static Fitted fit(
      float[][] weights,
      float[] bias,
      @Nullable LayerStatistics statistics,
      @Nullable LayerStatistics held,
      float[] minimumScale,
      Settings settings) {
    return fit(weights, bias, statistics, held, minimumScale, settings, null);
  }

  /**
   * Fits a layer to which another one adds.
   *
   * @param weights outputs × inputs, of both layers together
   * @param others outputs × inputs, the weights that the other layer has; null if there is none
   */
  static Fitted fit(
      float[][] weights,
      float[] bias,
      @Nullable LayerStatistics statistics,
      @Nullable LayerStatistics held,
      float[] minimumScale,
      Settings settings,
      float @Nullable [] @Nullable [] others) {
    int outputs = weights.length;
    float[][] target = weights;
    double caution = 1;
    int groups = statistics == null ? 1 : statistics.groups;
    int perGroup = outputs / groups;
    LayerStatistics.Moments[] moments = new LayerStatistics.Moments[groups];
    if (statistics != null && statistics.rows() > 0) {
      double share =
          settings.regress() && held != null && held.rows() > 0 && held.rows() < statistics.rows()
              ? ridgeShare(weights, statistics, held, settings.ridge())
              : 1;
      // Fewer rows than inputs leave directions open that other samples will take.
      caution = Math.max(1, ROWS_PER_INPUT * (double) statistics.inputs() / statistics.rows());
      target = new float[outputs][];
      for (int g = 0; g < groups; g++) {
        moments[g] = statistics.moments(g);
        int from = g * perGroup;
        float[][] part = Arrays.copyOfRange(weights, from, from + perGroup);
        float[][] aimed =
            settings.regress()
                ? regress(part, moments[g], settings.ridge() * share * caution)
                : part;
        System.arraycopy(aimed, 0, target, from, perGroup);
        moments[g] = moments[g].withoutCross();
      }
    }
    if (others != null) {
      target = WeightSplit.minus(target, others);
    }
    byte[][] integers = new byte[0][];
    float[] scales = new float[0];
    if (settings.blockSize() > 0) {
      BlockWeights blocks = BlockWeights.of(target, settings.blockSize());
      Factor factor =
          moments[0] != null && settings.carryErrors()
              ? factor(moments[0], DAMPING * caution)
              : null;
      if (factor != null) {
        blocks = blocks.carry(target, factor.lower(), factor.order());
      }
      integers = blocks.integers();
      scales = blocks.flatScales();
    } else if (settings.bits() > 0) {
      scales = scales(target, settings, minimumScale);
      integers = new byte[outputs][];
      for (int g = 0; g < groups; g++) {
        int from = g * perGroup;
        float[][] part = Arrays.copyOfRange(target, from, from + perGroup);
        float[] partScales = new float[perGroup];
        for (int o = 0; o < perGroup; o++) {
          partScales[o] = scales[scales.length == 1 ? 0 : from + o];
        }
        LayerStatistics.Moments m = moments[g];
        byte[][] rounded =
            m != null && settings.carryErrors()
                ? carry(
                    part,
                    partScales,
                    Arrays.copyOfRange(minimumScale, from, from + perGroup),
                    settings.perChannel(),
                    m,
                    settings.bits(),
                    DAMPING * caution)
                : nearest(part, partScales, settings.bits());
        for (int o = 0; o < perGroup; o++) {
          if (scales.length > 1) {
            scales[from + o] = partScales[o];
          }
          integers[from + o] = rounded[o];
        }
      }
    }
    Fitted fitted =
        new Fitted(integers, scales, integers.length > 0 ? new float[0][] : target, bias);
    float[] corrected = bias.clone();
    if (settings.correctBias() && statistics != null && statistics.rows() > 0) {
      for (int o = 0; o < outputs; o++) {
        LayerStatistics.Moments m = moments[o / perGroup];
        double shift = 0;
        for (int i = 0; i < weights[o].length; i++) {
          float real = integers.length > 0 ? fitted.real(o, i) : target[o][i];
          real += others == null ? 0 : others[o][i];
          shift += weights[o][i] * m.meantMean()[i] - real * m.seenMean()[i];
        }
        corrected[o] = (float) (bias[o] + shift);
      }
    }
    return new Fitted(integers, scales, fitted.weights(), corrected);
  }

  static int limit(int bits) {
    return (1 << (bits - 1)) - 1;
  }

  private static float[] scales(float[][] target, Settings settings, float[] minimumScale) {
    int limit = limit(settings.bits());
    float[] scales = new float[target.length];
    for (int o = 0; o < target.length; o++) {
      float max = 0;
      for (float w : target[o]) {
        max = Math.max(max, Math.abs(w));
      }
      float scale = Math.max(max, 1e-9f) / limit;
      if (settings.bits() < 8) {
        scale *= bestShrink(target[o], scale, limit);
      }
      scales[o] = Math.max(scale, minimumScale[o]);
    }
    if (!settings.perChannel()) {
      float max = 0;
      for (float s : scales) {
        max = Math.max(max, s);
      }
      return new float[] {max};
    }
    return scales;
  }

  /** With few levels, clipping the largest weights a little costs less than coarse steps. */
  private static float bestShrink(float[] row, float scale, int limit) {
    float best = 1;
    double least = Double.MAX_VALUE;
    for (float f = 1f; f > 0.45f; f -= 0.05f) {
      double error = 0;
      for (float w : row) {
        double d = w - scale * f * clamp(Math.rint(w / (scale * f)), limit);
        error += d * d;
      }
      if (error < least) {
        least = error;
        best = f;
      }
    }
    return best;
  }

  static byte[][] nearest(float[][] target, float[] scales, int bits) {
    int limit = limit(bits);
    byte[][] out = new byte[target.length][];
    for (int o = 0; o < target.length; o++) {
      out[o] = new byte[target[o].length];
      for (int i = 0; i < out[o].length; i++) {
        out[o][i] = (byte) clamp(Math.rint(target[o][i] / scales[o]), limit);
      }
    }
    return out;
  }

  private static int clamp(double value, int limit) {
    return (int) Math.max(-limit, Math.min(limit, value));
  }

  private static double meanDiagonal(double[][] h) {
    double sum = 0;
    for (int i = 0; i < h.length; i++) {
      sum += h[i][i];
    }
    return sum / h.length;
  }

  /**
   * Chooses how much of the ridge to keep: the share with which weights that were aimed at the
   * other rows do best on the rows held back. Between equals, the largest.
   */
  private static double ridgeShare(
      float[][] weights, LayerStatistics all, LayerStatistics held, double ridge) {
    double best = 1;
    double least = Double.MAX_VALUE;
    int perGroup = weights.length / all.groups;
    LayerStatistics.Moments[] rest = new LayerStatistics.Moments[all.groups];
    LayerStatistics.Moments[] test = new LayerStatistics.Moments[all.groups];
    for (int g = 0; g < all.groups; g++) {
      rest[g] = all.without(held, g);
      test[g] = held.moments(g);
    }
    double unchanged = 0;
    for (double share : RIDGE_SHARES) {
      double error = 0;
      for (int g = 0; g < all.groups; g++) {
        float[][] part = Arrays.copyOfRange(weights, g * perGroup, (g + 1) * perGroup);
        float[][] aimed = share == 0 ? part : regress(part, rest[g], ridge * share);
        error += relativeError(part, aimed, test[g]);
      }
      if (error < least - TIE * Math.abs(unchanged)) {
        least = error;
        best = share;
      }
      unchanged = unchanged == 0 ? error : unchanged;
    }
    return best;
  }

  /** E|(aimed·seen) − (weights·meant)|² without means, but for what does not depend on aimed. */
  private static double relativeError(
      float[][] weights, float[][] aimed, LayerStatistics.Moments m) {
    int k = m.seen().length;
    double[] errors = new double[(weights.length + COLUMNS - 1) / COLUMNS];
    forBlocks(
        weights.length,
        k,
        (from, to) -> {
          double[][] meant = transposed(weights, from, to);
          double[][] seen = transposed(aimed, from, to);
          double[] row = new double[to - from];
          double sum = 0;
          for (int i = 0; i < k; i++) {
            Arrays.fill(row, 0);
            Matrices.addRows(row, row.length, m.cross()[i], meant, 0, k);
            for (int c = 0; c < row.length; c++) {
              row[c] *= -2;
            }
            Matrices.addRows(row, row.length, m.seen()[i], seen, 0, k);
            for (int c = 0; c < row.length; c++) {
              sum += seen[i][c] * row[c];
            }
          }
          errors[from / COLUMNS] = sum;
        });
    double sum = 0;
    for (double e : errors) {
      sum += e;
    }
    return sum;
  }

  /** w* = (H + λI)⁻¹·(C·w + λ·w), λ relative to the mean of H's diagonal. */
  private static float[][] regress(float[][] weights, LayerStatistics.Moments m, double ridge) {
    int k = m.seen().length;
    double lambda = ridge * meanDiagonal(m.seen());
    if (!(lambda > 0)) {
      return weights;
    }
    double[][] l = Matrices.lower(m.seen());
    for (int i = 0; i < k; i++) {
      l[i][i] += lambda;
    }
    if (!Matrices.factorReversed(l)) {
      return weights;
    }
    float[][] out = new float[weights.length][k];
    forBlocks(
        weights.length,
        k,
        (from, to) -> {
          double[][] part = transposed(weights, from, to);
          double[][] right = new double[k][];
          for (int i = 0; i < k; i++) {
            right[i] = new double[to - from];
            Matrices.addRows(right[i], to - from, m.cross()[i], part, 0, k);
            Matrices.addRow(right[i], 0, to - from, lambda, part[i]);
          }
          Matrices.solve(l, right);
          for (int i = 0; i < k; i++) {
            for (int o = from; o < to; o++) {
              out[o][i] = (float) right[i][o - from];
            }
          }
        });
    return out;
  }

  /** Work on some of the outputs. */
  private interface Block {
    void run(int from, int to);
  }

  /** Works on all outputs, a few at a time, on all processors where it pays. */
  private static void forBlocks(int outputs, int inputs, Block work) {
    int blocks = (outputs + COLUMNS - 1) / COLUMNS;
    Parallel.run(
        (int) Math.min(blocks, 1 + (double) inputs * inputs * outputs / LEAST_SHARED),
        (share, shares) -> {
          for (int b = share; b < blocks; b += shares) {
            work.run(b * COLUMNS, Math.min(outputs, (b + 1) * COLUMNS));
          }
        });
  }

  /** Some rows as columns. */
  private static double[][] transposed(float[][] rows, int from, int to) {
    double[][] out = new double[rows[from].length][to - from];
    for (int o = from; o < to; o++) {
      for (int i = 0; i < out.length; i++) {
        out[i][o - from] = rows[o][i];
      }
    }
    return out;
  }

  /**
   * Rounds and carries errors over.
   *
   * @param m its covariance of what is seen is used up: two of them would not fit the heap
   */
  private static byte[][] carry(
      float[][] target,
      float[] scales,
      float[] minimum,
      boolean freeScales,
      LayerStatistics.Moments m,
      int bits,
      double damping) {
    Factor factor = factor(m, damping);
    if (factor == null) {
      return nearest(target, scales, bits);
    }
    int k = factor.order().length;
    int outputs = target.length;
    int limit = limit(bits);
    int trials =
        freeScales
            ? (int) Math.max(1, Math.min(TRIALS, TRIAL_WORK / ((double) k * k * outputs)))
            : 1;
    byte[][] best = new byte[outputs][];
    // Every output is rounded by itself.
    Parallel.run(
        (int) Math.min(outputs, 1 + (double) trials * k * k * outputs / LEAST_SHARED),
        (share, shares) -> {
          int from = (int) ((long) outputs * share / shares);
          int to = (int) ((long) outputs * (share + 1) / shares);
          float[][] part = Arrays.copyOfRange(target, from, to);
          float[] partScales = Arrays.copyOfRange(scales, from, to);
          float[] partMinimum = Arrays.copyOfRange(minimum, from, to);
          byte[][] rounded =
              tryScales(
                  part, partScales, partMinimum, factor.lower(), factor.order(), limit, trials);
          descend(part, partScales, factor.h(), factor.order(), rounded, limit);
          System.arraycopy(partScales, 0, scales, from, to - from);
          System.arraycopy(rounded, 0, best, from, to - from);
        });
    return best;
  }

  /**
   * A covariance, made ready for rounding.
   *
   * @param order in which columns are rounded: those that vary most first
   * @param h the covariance with some of its mean variance added to the diagonal, in that order
   * @param lower L of H = Lᵀ·L
   */
  private record Factor(int[] order, double[][] h, double[][] lower) {}

  /**
   * Prepares a covariance.
   *
   * @param m its covariance of what is seen is used up: two of them would not fit the heap
   * @return null if it is too large, or says nothing
   */
  private static @Nullable Factor factor(LayerStatistics.Moments m, double damping) {
    int k = m.seen().length;
    double mean = meanDiagonal(m.seen());
    if (k > MAX_INPUTS || !(mean > 0)) {
      return null;
    }
    int[] order =
        IntStream.range(0, k)
            .boxed()
            .sorted(Comparator.comparingDouble(i -> -m.seen()[i][i]))
            .mapToInt(Integer::intValue)
            .toArray();
    double[][] h = reorder(m.seen(), order);
    for (int i = 0; i < k; i++) {
      h[i][i] += damping * mean;
    }
    double[][] lower = Matrices.lower(h);
    return Matrices.factorReversed(lower) ? new Factor(order, h, lower) : null;
  }

  /** Brings rows and columns of a symmetric matrix into another order, in its own memory. */
  private static double[][] reorder(double[][] matrix, int[] order) {
    int k = order.length;
    double[][] rows = new double[k][];
    double[] line = new double[k];
    for (int i = 0; i < k; i++) {
      rows[i] = matrix[order[i]];
      for (int j = 0; j < k; j++) {
        line[j] = rows[i][order[j]];
      }
      System.arraycopy(line, 0, rows[i], 0, k);
    }
    return rows;
  }

  /** Rounds with one scale after the other; keeps the best of each output. */
  private static byte[][] tryScales(
      float[][] target,
      float[] scales,
      float[] minimum,
      double[][] l,
      int[] order,
      int limit,
      int trials) {
    int k = l.length;
    double step = Math.min(MOST_STEP, (1 - LEAST_SHARE) / trials);
    byte[][] best = new byte[target.length][k];
    double[] least = new double[target.length];
    float[] bestScales = scales.clone();
    long columns = (long) target.length * trials;
    Projection projection = new Projection(l, order, limit, (int) Math.min(COLUMNS, columns));
    // An output with one of its scales is a column; columns are rounded side by side.
    for (long from = 0; from < columns; from += COLUMNS) {
      int count = (int) Math.min(COLUMNS, columns - from);
      for (int c = 0; c < count; c++) {
        int o = (int) ((from + c) / trials);
        int t = (int) ((from + c) % trials);
        projection.column(c, target[o], Math.max(minimum[o], (float) (scales[o] * (1 - step * t))));
      }
      projection.run(count);
      for (int c = 0; c < count; c++) {
        int o = (int) ((from + c) / trials);
        if ((from + c) % trials == 0 || projection.sum[c] < least[o]) {
          projection.integers(c, best[o]);
          least[o] = projection.sum[c];
          bestScales[o] = (float) projection.scales[c];
        }
      }
    }
    System.arraycopy(bestScales, 0, scales, 0, scales.length);
    return best;
  }

  /**
   * Rounds weight by weight. H = Lᵀ·L: weight j is rounded so that component j of L·(w − q), which
   * depends on the weights up to j alone, gets as small as it can.
   */
  private static final class Projection {
    private final double[][] l;
    private final int[] order;
    private final int limit;
    private final float[][] weights;
    private final double[] scales;

    /** The error that is left, per column. */
    private final double[] sum;

    /** Weights × columns. */
    private final double[][] error;

    private final byte[][] rounded;
    private final double[] carried;
    private final double[] present;
    private final double[] levels;

    Projection(double[][] l, int[] order, int limit, int columns) {
      this.l = l;
      this.order = order;
      this.limit = limit;
      this.weights = new float[columns][];
      this.scales = new double[columns];
      this.sum = new double[columns];
      this.error = new double[l.length][columns];
      this.rounded = new byte[l.length][columns];
      this.carried = new double[columns];
      this.present = new double[columns];
      this.levels = new double[columns];
    }

    void column(int column, float[] row, float scale) {
      weights[column] = row;
      scales[column] = scale;
    }

    /** The integers of a column, in the order of the weights. */
    void integers(int column, byte[] row) {
      for (int j = 0; j < order.length; j++) {
        row[order[j]] = rounded[j][column];
      }
    }

    void run(int columns) {
      Arrays.fill(sum, 0);
      for (int j = 0; j < l.length; j++) {
        Arrays.fill(carried, 0);
        Matrices.addRows(carried, columns, l[j], error, 0, j);
        for (int c = 0; c < columns; c++) {
          present[c] = weights[c][order[j]];
        }
        round(columns, l[j][j], limit, error[j]);
        for (int c = 0; c < columns; c++) {
          rounded[j][c] = (byte) levels[c];
        }
      }
    }

    private void round(int columns, double pivot, double most, double[] left) {
      for (int c = 0; c < columns; c++) {
        double q = Math.rint((present[c] + carried[c] / pivot) / scales[c]);
        levels[c] = Math.max(-most, Math.min(most, q));
      }
      for (int c = 0; c < columns; c++) {
        left[c] = present[c] - scales[c] * levels[c];
        double component = carried[c] + pivot * left[c];
        sum[c] += component * component;
      }
    }
  }

  /** Rounds every weight again, given all others, while that lowers the error. */
  private static void descend(
      float[][] target, float[] scales, double[][] h, int[] order, byte[][] q, int limit) {
    int k = order.length;
    double[] error = new double[k];
    double[] slope = new double[k];
    for (int o = 0; o < target.length; o++) {
      Arrays.fill(slope, 0);
      for (int i = 0; i < k; i++) {
        error[i] = target[o][order[i]] - (double) scales[o] * q[o][order[i]];
        Matrices.addRow(slope, 0, k, error[i], h[i]);
      }
      for (int round = 0; round < DESCENT_ROUNDS; round++) {
        boolean changed = false;
        for (int i = 0; i < k; i++) {
          int column = order[i];
          double w = target[o][column];
          double ideal = error[i] - slope[i] / h[i][i];
          int better = clamp(Math.rint((w - ideal) / scales[o]), limit);
          if (better != q[o][column]) {
            double step = (q[o][column] - better) * (double) scales[o];
            q[o][column] = (byte) better;
            error[i] += step;
            Matrices.addRow(slope, 0, k, step, h[i]);
            changed = true;
          }
        }
        if (!changed) {
          break;
        }
      }
    }
  }
}
