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
   */
  record Settings(
      int bits,
      boolean perChannel,
      boolean carryErrors,
      boolean regress,
      boolean correctBias,
      double ridge) {}

  /**
   * Fitted weights.
   *
   * @param integers outputs × inputs; empty if weights stay float
   * @param scales one per output, or one
   * @param weights outputs × inputs; empty if there are integers for them
   * @param bias one per output
   */
  record Fitted(int[][] integers, float[] scales, float[][] weights, float[] bias) {}

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
      }
    }
    if (others != null) {
      target = WeightSplit.minus(target, others);
    }
    int[][] integers = new int[0][];
    float[] scales = new float[0];
    if (settings.bits() > 0) {
      scales = scales(target, settings, minimumScale);
      integers = new int[outputs][];
      for (int g = 0; g < groups; g++) {
        int from = g * perGroup;
        float[][] part = Arrays.copyOfRange(target, from, from + perGroup);
        float[] partScales = new float[perGroup];
        for (int o = 0; o < perGroup; o++) {
          partScales[o] = scales[scales.length == 1 ? 0 : from + o];
        }
        LayerStatistics.Moments m = moments[g];
        int[][] rounded =
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
    float[] corrected = bias.clone();
    if (settings.correctBias() && statistics != null && statistics.rows() > 0) {
      for (int o = 0; o < outputs; o++) {
        LayerStatistics.Moments m = moments[o / perGroup];
        float scale = scales.length == 0 ? 0 : scales[scales.length == 1 ? 0 : o];
        double shift = 0;
        for (int i = 0; i < weights[o].length; i++) {
          float real = settings.bits() > 0 ? scale * integers[o][i] : target[o][i];
          real += others == null ? 0 : others[o][i];
          shift += weights[o][i] * m.meantMean()[i] - real * m.seenMean()[i];
        }
        corrected[o] = (float) (bias[o] + shift);
      }
    }
    return new Fitted(integers, scales, settings.bits() > 0 ? new float[0][] : target, corrected);
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

  static int[][] nearest(float[][] target, float[] scales, int bits) {
    int limit = limit(bits);
    int[][] out = new int[target.length][];
    for (int o = 0; o < target.length; o++) {
      out[o] = new int[target[o].length];
      for (int i = 0; i < out[o].length; i++) {
        out[o][i] = clamp(Math.rint(target[o][i] / scales[o]), limit);
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
    double sum = 0;
    int k = m.seen().length;
    double[] a = new double[k];
    for (int o = 0; o < weights.length; o++) {
      Arrays.fill(a, 0);
      for (int i = 0; i < k; i++) {
        Matrices.addRow(a, 0, k, aimed[o][i], m.seen()[i]);
      }
      for (int i = 0; i < k; i++) {
        double c = 0;
        double[] cross = m.cross()[i];
        for (int j = 0; j < k; j++) {
          c += cross[j] * weights[o][j];
        }
        sum += aimed[o][i] * (a[i] - 2 * c);
      }
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
    double[][] h = new double[k][];
    for (int i = 0; i < k; i++) {
      h[i] = m.seen()[i].clone();
      h[i][i] += lambda;
    }
    double[][] right = new double[k][weights.length];
    double[][] transposed = new double[k][weights.length];
    for (int i = 0; i < k; i++) {
      for (int o = 0; o < weights.length; o++) {
        transposed[i][o] = weights[o][i];
      }
    }
    for (int i = 0; i < k; i++) {
      for (int j = 0; j < k; j++) {
        Matrices.addRow(right[i], 0, weights.length, m.cross()[i][j], transposed[j]);
      }
      Matrices.addRow(right[i], 0, weights.length, lambda, transposed[i]);
    }
    if (!Matrices.factorReversed(h)) {
      return weights;
    }
    Matrices.solve(h, right);
    float[][] out = new float[weights.length][k];
    for (int i = 0; i < k; i++) {
      for (int o = 0; o < weights.length; o++) {
        out[o][i] = (float) right[i][o];
      }
    }
    return out;
  }

  private static int[][] carry(
      float[][] target,
      float[] scales,
      float[] minimum,
      boolean freeScales,
      LayerStatistics.Moments m,
      int bits,
      double damping) {
    int k = m.seen().length;
    int outputs = target.length;
    double mean = meanDiagonal(m.seen());
    if (k > MAX_INPUTS || !(mean > 0)) {
      return nearest(target, scales, bits);
    }
    int[] order =
        IntStream.range(0, k)
            .boxed()
            .sorted(Comparator.comparingDouble(i -> -m.seen()[i][i]))
            .mapToInt(Integer::intValue)
            .toArray();
    double[][] h = new double[k][k];
    for (int i = 0; i < k; i++) {
      for (int j = 0; j < k; j++) {
        h[i][j] = m.seen()[order[i]][order[j]];
      }
      h[i][i] += damping * mean;
    }
    double[][] l = new double[k][];
    for (int i = 0; i < k; i++) {
      l[i] = h[i].clone();
    }
    if (!Matrices.factorReversed(l)) {
      return nearest(target, scales, bits);
    }
    int limit = limit(bits);
    int trials =
        freeScales
            ? (int) Math.max(1, Math.min(TRIALS, TRIAL_WORK / ((double) k * k * outputs)))
            : 1;
    int[][] best = new int[outputs][];
    // Every output is rounded by itself.
    Parallel.run(
        (int) Math.min(outputs, 1 + (double) trials * k * k * outputs / LEAST_SHARED),
        (share, shares) -> {
          int from = (int) ((long) outputs * share / shares);
          int to = (int) ((long) outputs * (share + 1) / shares);
          float[][] part = Arrays.copyOfRange(target, from, to);
          float[] partScales = Arrays.copyOfRange(scales, from, to);
          float[] partMinimum = Arrays.copyOfRange(minimum, from, to);
          int[][] rounded = tryScales(part, partScales, partMinimum, l, order, limit, trials);
          descend(part, partScales, h, order, rounded, limit);
          System.arraycopy(partScales, 0, scales, from, to - from);
          System.arraycopy(rounded, 0, best, from, to - from);
        });
    return best;
  }

  /** Rounds with one scale after the other; keeps the best of each output. */
  private static int[][] tryScales(
      float[][] target,
      float[] scales,
      float[] minimum,
      double[][] l,
      int[] order,
      int limit,
      int trials) {
    int k = l.length;
    int outputs = target.length;
    double step = Math.min(MOST_STEP, (1 - LEAST_SHARE) / trials);
    int[][] best = new int[outputs][];
    double[] least = new double[outputs];
    float[] bestScales = scales.clone();
    for (int t = 0; t < trials; t++) {
      float[] tried = new float[outputs];
      for (int o = 0; o < outputs; o++) {
        tried[o] = Math.max(minimum[o], (float) (scales[o] * (1 - step * t)));
      }
      int[][] q = new int[outputs][k];
      double[] errors = project(target, tried, l, order, q, limit);
      for (int o = 0; o < outputs; o++) {
        if (best[o] == null || errors[o] < least[o]) {
          best[o] = q[o];
          least[o] = errors[o];
          bestScales[o] = tried[o];
        }
      }
    }
    System.arraycopy(bestScales, 0, scales, 0, outputs);
    return best;
  }

  /**
   * Rounds column by column. H = Lᵀ·L: column j is rounded so that component j of L·(w − q), which
   * depends on the columns up to j alone, gets as small as it can.
   *
   * @return the error that is left, per output
   */
  private static double[] project(
      float[][] target, float[] scales, double[][] l, int[] order, int[][] q, int limit) {
    int k = l.length;
    int outputs = target.length;
    double[][] error = new double[k][outputs];
    double[] carried = new double[outputs];
    double[] sum = new double[outputs];
    for (int j = 0; j < k; j++) {
      Arrays.fill(carried, 0);
      for (int i = 0; i < j; i++) {
        double f = l[j][i];
        if (f != 0) {
          Matrices.addRow(carried, 0, outputs, f, error[i]);
        }
      }
      double pivot = l[j][j];
      int column = order[j];
      for (int o = 0; o < outputs; o++) {
        double w = target[o][column];
        q[o][column] = clamp(Math.rint((w + carried[o] / pivot) / scales[o]), limit);
        error[j][o] = w - (double) scales[o] * q[o][column];
        double left = carried[o] + pivot * error[j][o];
        sum[o] += left * left;
      }
    }
    return sum;
  }

  /** Rounds every weight again, given all others, while that lowers the error. */
  private static void descend(
      float[][] target, float[] scales, double[][] h, int[] order, int[][] q, int limit) {
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
            q[o][column] = better;
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
