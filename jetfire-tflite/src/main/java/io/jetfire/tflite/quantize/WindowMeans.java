package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;

/**
 * The mean of everything that the windows of a layer see, per tap and channel.
 *
 * <p>A tap sees some rows and some columns of its input, whatever the values are; so the mean over
 * all windows is that over these rows and columns, and no window has to be put together.
 */
final class WindowMeans {
  private final Windows windows;
  private final int groups;
  private final double[] sums;
  private long positions;

  private WindowMeans(Windows windows, int groups) {
    this.windows = windows;
    this.groups = groups;
    this.sums = new double[windows.taps() * windows.channels()];
  }

  /**
   * Starts with no sample.
   *
   * @param op any operator
   * @return empty if it is no layer with weights, or if the shape of its input is not known
   */
  static Optional<WindowMeans> of(Op op) {
    if (!OperatorRules.hasWindows(op.kind())) {
      return Optional.empty();
    }
    Value in = op.input(OperatorRules.activationInput(op.kind()));
    Value weights = op.input(OperatorRules.weightInput(op.kind()));
    if (in.isConstant()
        || in.type() != ElementType.FLOAT32
        || !in.shape().hasRank()
        || !weights.isConstant()
        || !perImageShapeIsKnown(in)) {
      return Optional.empty();
    }
    Windows windows = Windows.of(op, in.shape().standIn(), weights);
    return windows.channels() != in.shape().dim(-1) || windows.perImage() == 0
        ? Optional.empty()
        : Optional.of(new WindowMeans(windows, Windows.groups(op, windows, weights)));
  }

  /** Batches may be of any size. */
  private static boolean perImageShapeIsKnown(Value v) {
    int[] dims = v.shape().dims();
    for (int i = 1; i < dims.length; i++) {
      if (dims[i] < 1) {
        return false;
      }
    }
    return dims.length > 1;
  }

  /** Adds a sample. */
  void add(Sums sample) {
    sample.addTo(sums);
    positions += sample.images() * windows.perImage();
  }

  /** Adds the samples of another one, of the same layer. */
  void add(WindowMeans other) {
    for (int i = 0; i < sums.length; i++) {
      sums[i] += other.sums[i];
    }
    positions += other.positions;
  }

  /** Whether a sample was added. */
  boolean isKnown() {
    return positions > 0;
  }

  /** The means, as {@code [tap][channel]}. */
  private float[] row() {
    float[] row = new float[sums.length];
    for (int i = 0; i < row.length; i++) {
      row[i] = (float) (sums[i] / positions);
    }
    return row;
  }

  /**
   * Means as statistics of a layer, with a single row.
   *
   * @param seen what the layer of the quantized network was fed with
   * @param meant what that of the float network was fed with in the same samples
   */
  static LayerStatistics statistics(WindowMeans seen, WindowMeans meant) {
    LayerStatistics means =
        LayerStatistics.means(meant.windows.taps(), meant.windows.channels(), meant.groups);
    means.add(seen.row(), meant.row());
    return means;
  }

  /**
   * What one sample adds; for one thread.
   *
   * <p>Columns that the same taps see are added up together, and so are rows: most are seen by all.
   */
  static final class Sums implements TensorScan.Reader {
    private final Windows windows;
    private final int channels;
    private final Kinds columns;
    private final Kinds rows;

    /** Of the line that is being read, per kind of column. */
    private final float[][] line;

    /** Per kind of row and kind of column. */
    private final double[][][] sums;

    private int x;
    private long lines;

    Sums(WindowMeans means) {
      this.windows = means.windows;
      this.channels = windows.channels();
      this.columns = new Kinds(windows.width(), windows.kernelWidth(), windows::seesColumn);
      this.rows = new Kinds(windows.height(), windows.kernelHeight(), windows::seesRow);
      this.line = new float[columns.seen.size()][channels];
      this.sums = new double[rows.seen.size()][columns.seen.size()][channels];
    }

    @Override
    public int unit() {
      return channels;
    }

    @Override
    public void start() {
      for (double[][] kind : sums) {
        for (double[] s : kind) {
          Arrays.fill(s, 0);
        }
      }
      for (float[] l : line) {
        Arrays.fill(l, 0);
      }
      x = 0;
      lines = 0;
    }

    @Override
    public void take(float[] values, int count) {
      for (int from = 0; from + channels <= count; from += channels) {
        add(line[columns.of[x]], values, from);
        if (++x == columns.of.length) {
          endOfLine();
        }
      }
    }

    private static void add(float[] sum, float[] values, int from) {
      for (int c = 0; c < sum.length; c++) {
        sum[c] += values[from + c];
      }
    }

    private void endOfLine() {
      double[][] to = sums[rows.of[(int) (lines % rows.of.length)]];
      for (int k = 0; k < line.length; k++) {
        addAndClear(to[k], line[k]);
      }
      x = 0;
      lines++;
    }

    private static void addAndClear(double[] sum, float[] values) {
      for (int c = 0; c < sum.length; c++) {
        sum[c] += values[c];
        values[c] = 0;
      }
    }

    private long images() {
      return lines / rows.of.length;
    }

    /** Adds what every tap saw, as {@code [tap][channel]}. */
    private void addTo(double[] taps) {
      for (int ky = 0; ky < windows.kernelHeight(); ky++) {
        for (int kx = 0; kx < windows.kernelWidth(); kx++) {
          int at = (ky * windows.kernelWidth() + kx) * channels;
          for (int r = 0; r < sums.length; r++) {
            for (int k = 0; k < line.length; k++) {
              if (rows.seen.get(r).get(ky) && columns.seen.get(k).get(kx)) {
                for (int c = 0; c < channels; c++) {
                  taps[at + c] += sums[r][k][c];
                }
              }
            }
          }
        }
      }
    }
  }

  /** Positions along one side, sorted by the taps that see them. */
  private static final class Kinds {
    private final int[] of;
    private final List<BitSet> seen = new ArrayList<>();

    /** Whether a tap ever lies on a position. */
    interface Sight {
      boolean sees(int tap, int position);
    }

    Kinds(int size, int taps, Sight sight) {
      of = new int[size];
      for (int p = 0; p < size; p++) {
        BitSet by = new BitSet();
        for (int t = 0; t < taps; t++) {
          by.set(t, sight.sees(t, p));
        }
        if (!seen.contains(by)) {
          seen.add(by);
        }
        of[p] = seen.indexOf(by);
      }
    }
  }
}
