package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import java.util.Arrays;
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
    boolean layer =
        op.kind() == OpKind.CONV_2D
            || op.kind() == OpKind.DEPTHWISE_CONV_2D
            || op.kind() == OpKind.FULLY_CONNECTED;
    if (!layer) {
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
    for (int i = 0; i < sums.length; i++) {
      sums[i] += sample.sums[i];
    }
    positions += sample.line / windows.height() * windows.perImage();
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

  /** What one sample adds; for one thread. */
  static final class Sums implements TensorScan.Reader {
    private final Windows windows;
    private final int channels;
    private final double[] sums;

    /** Of the row that is being read, per column of taps. */
    private final float[][] row;

    /** Whether a column of taps ever lies on a column of the input. */
    private final boolean[][] sees;

    private int x;
    private long line;

    Sums(WindowMeans means) {
      this.windows = means.windows;
      this.channels = windows.channels();
      this.sums = new double[means.sums.length];
      this.row = new float[windows.kernelWidth()][channels];
      this.sees = new boolean[row.length][windows.width()];
      for (int kx = 0; kx < row.length; kx++) {
        for (int column = 0; column < windows.width(); column++) {
          sees[kx][column] = windows.seesColumn(kx, column);
        }
      }
    }

    @Override
    public int unit() {
      return channels;
    }

    @Override
    public void start() {
      Arrays.fill(sums, 0);
      for (float[] r : row) {
        Arrays.fill(r, 0);
      }
      x = 0;
      line = 0;
    }

    @Override
    public void take(float[] values, int count) {
      for (int from = 0; from + channels <= count; from += channels) {
        for (int kx = 0; kx < row.length; kx++) {
          if (sees[kx][x]) {
            add(row[kx], values, from);
          }
        }
        if (++x == windows.width()) {
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
      int y = (int) (line % windows.height());
      for (int ky = 0; ky < windows.kernelHeight(); ky++) {
        if (windows.seesRow(ky, y)) {
          for (int kx = 0; kx < row.length; kx++) {
            int at = (ky * row.length + kx) * channels;
            for (int c = 0; c < channels; c++) {
              sums[at + c] += row[kx][c];
            }
          }
        }
      }
      for (float[] r : row) {
        Arrays.fill(r, 0);
      }
      x = 0;
      line++;
    }
  }
}
