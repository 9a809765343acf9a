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

  /** Arrays that the readers of one tensor after the other use; for one thread. */
  static final class Scratch {
    private float[] lanes = new float[0];
    private float[] line = new float[0];

    private void reserve(int values) {
      if (lanes.length < values) {
        lanes = new float[values];
        line = new float[values];
      }
    }
  }

  /**
   * What one sample adds; for one thread.
   *
   * <p>Whole lines are added up, as many as the same taps see one after the other; only then are
   * columns that the same taps see added up.
   */
  static final class Sums implements TensorScan.Reader {
    /** Lines that are added up in single precision. */
    private static final int MOST_LINES = 128;

    private final Windows windows;
    private final int channels;
    private final int unit;
    private final Kinds columns;
    private final Kinds rows;
    private final Scratch scratch;

    /** Per kind of row and kind of column. */
    private final double[][][] sums;

    private int kind;
    private int waiting;
    private long lines;

    /**
     * Starts.
     *
     * @param means what it is for
     * @param scratch that of no other reader of the same tensor
     */
    Sums(WindowMeans means, Scratch scratch) {
      this.windows = means.windows;
      this.channels = windows.channels();
      this.unit = windows.width() * channels;
      this.columns = new Kinds(windows.width(), windows.kernelWidth(), windows::seesColumn);
      this.rows = new Kinds(windows.height(), windows.kernelHeight(), windows::seesRow);
      this.scratch = scratch;
      this.sums = new double[rows.seen.size()][columns.seen.size()][channels];
    }

    /** A line of the tensor. */
    @Override
    public int unit() {
      return unit;
    }

    @Override
    public void start() {
      for (double[][] kind : sums) {
        for (double[] s : kind) {
          Arrays.fill(s, 0);
        }
      }
      scratch.reserve(unit);
      Arrays.fill(scratch.lanes, 0, unit, 0);
      waiting = 0;
      lines = 0;
    }

    @Override
    public void take(float[] values, int count) {
      for (int from = 0; from + unit <= count; from += unit) {
        int next = rows.of[(int) (lines % rows.of.length)];
        if (next != kind || waiting == MOST_LINES) {
          addLines();
        }
        kind = next;
        float[] line = values;
        if (from > 0) {
          // Without an offset, the addition is done in vectors.
          System.arraycopy(values, from, scratch.line, 0, unit);
          line = scratch.line;
        }
        add(scratch.lanes, line, unit);
        waiting++;
        lines++;
      }
    }

    private static void add(float[] sum, float[] values, int count) {
      for (int i = 0; i < count; i++) {
        sum[i] += values[i];
      }
    }

    private void addLines() {
      if (waiting == 0) {
        return;
      }
      float[] lanes = scratch.lanes;
      int from = 0;
      for (int column : columns.of) {
        double[] to = sums[kind][column];
        for (int c = 0; c < channels; c++) {
          to[c] += lanes[from + c];
        }
        from += channels;
      }
      Arrays.fill(lanes, 0, unit, 0);
      waiting = 0;
    }

    private long images() {
      return lines / rows.of.length;
    }

    /** Adds what every tap saw, as {@code [tap][channel]}. */
    private void addTo(double[] taps) {
      addLines();
      for (int ky = 0; ky < windows.kernelHeight(); ky++) {
        for (int kx = 0; kx < windows.kernelWidth(); kx++) {
          int at = (ky * windows.kernelWidth() + kx) * channels;
          for (int r = 0; r < sums.length; r++) {
            for (int k = 0; k < columns.seen.size(); k++) {
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
