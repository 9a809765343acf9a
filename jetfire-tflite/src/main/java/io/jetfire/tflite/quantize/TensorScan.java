package io.jetfire.tflite.quantize;

import io.jetfire.Tensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;

/**
 * Reads one tensor of one sample piece by piece and keeps what statistics need of it.
 *
 * <p>One object serves one thread for all tensors, so that nothing is allocated per value. A value
 * costs about as much as reading it from memory: pieces stay in the processor's cache, and element
 * i of a piece is only ever put to element i of another array. HotSpot 17 turns such loops into
 * vector instructions, but not those with an offset between the arrays, and not {@code Math.min} of
 * integers (measured: four to ten times slower).
 */
final class TensorScan {
  /** Values at a time, unless the tensor or a reader needs more; small enough for the L1 cache. */
  private static final int PIECE = 2048;

  private ByteBuffer bytes = ByteBuffer.allocate(PIECE * 4).order(ByteOrder.LITTLE_ENDIAN);
  private float[] floats = new float[PIECE];
  private float[] low = new float[PIECE];
  private float[] high = new float[PIECE];
  private float[] sums = new float[0];
  private float[] squares = new float[0];

  /** Values that the histogram counts. */
  float[] picked = new float[0];

  int picks;
  float min;
  float max;
  long elements;
  long nonFinite;
  float[] channelMin = new float[0];
  float[] channelMax = new float[0];
  double[] channelSum = new double[0];
  double[] channelSquares = new double[0];

  /** Where a tensor's bytes come from. */
  interface Source {
    /** As {@link io.jetfire.spi.ModelRuntime.Session#read}. */
    int read(long position, ByteBuffer target);
  }

  /** Takes a tensor in pieces, from its beginning to its end. */
  interface Reader {
    /**
     * How many values must not be torn apart: a multiple of the tensor's last dimension. The
     * largest unit of a tensor's readers must be a multiple of all others.
     */
    int unit();

    /** A tensor begins. */
    void start();

    /**
     * Takes the next piece.
     *
     * @param values the piece is at its beginning
     * @param count how many values the piece has
     */
    void take(float[] values, int count);
  }

  /** A tensor in memory as a source. */
  static Source source(Tensor tensor) {
    ByteBuffer data = tensor.data();
    return (position, target) -> {
      if (position >= data.limit()) {
        return -1;
      }
      int count = (int) Math.min(target.remaining(), data.limit() - position);
      target.put(data.slice((int) position, count));
      return count;
    };
  }

  /**
   * Reads a tensor of 32-bit floats.
   *
   * @param expected how many values it should have
   * @param channels the size of its last dimension, or 0 to leave channels out
   * @param sample the sample's number
   * @param readers look at all values, too; those that are not finite are given as 0
   * @return false if it has another number of values; then nothing of it may be used
   */
  boolean scan(
      Source source, long expected, int channels, int sample, List<? extends Reader> readers) {
    boolean finite = scan(source, expected, channels, sample, readers, false);
    if (elements == expected && !finite) {
      scan(source, expected, channels, sample, readers, true);
    }
    return elements == expected;
  }

  private boolean scan(
      Source source,
      long expected,
      int channels,
      int sample,
      List<? extends Reader> readers,
      boolean careful) {
    int unit = Math.max(1, channels);
    for (Reader reader : readers) {
      reader.start();
      unit = Math.max(unit, reader.unit());
    }
    int piece = Math.max(1, PIECE / unit) * unit;
    start(piece, channels, expected);
    // An odd step walks over all channels, however many there are.
    int step = TensorStatistics.step(expected);
    long pick = step == 1 ? 0 : sample * 7919L % step;
    while (true) {
      int count = fill(source, piece);
      if (count <= 0) {
        break;
      }
      pick = pick(pick, step, count);
      if (careful) {
        finiteExtremes(count);
      } else {
        extremes(floats, low, high, count);
      }
      if (channels > 0) {
        moments(floats, sums, squares, count);
      }
      for (Reader reader : readers) {
        reader.take(floats, count);
      }
      elements += count;
      if (elements > expected) {
        return true;
      }
    }
    return finish(piece, channels);
  }

  private int fill(Source source, int piece) {
    bytes.clear().limit(piece * 4);
    int count = source.read(elements * 4, bytes) / 4;
    if (count > 0) {
      bytes.flip();
      bytes.asFloatBuffer().get(floats, 0, count);
    }
    return count;
  }

  /** Keeps every so manieth value and returns where the next one is. */
  private long pick(long first, int step, int count) {
    long pick = first;
    for (; pick < elements + count; pick += step) {
      if (picks < picked.length) {
        picked[picks++] = floats[(int) (pick - elements)];
      }
    }
    return pick;
  }

  private void start(int piece, int channels, long expected) {
    if (floats.length < piece) {
      bytes = ByteBuffer.allocate(piece * 4).order(ByteOrder.LITTLE_ENDIAN);
      floats = new float[piece];
      low = new float[piece];
      high = new float[piece];
    }
    Arrays.fill(low, 0, piece, Float.POSITIVE_INFINITY);
    Arrays.fill(high, 0, piece, Float.NEGATIVE_INFINITY);
    if (channels > 0) {
      if (sums.length < piece) {
        sums = new float[piece];
        squares = new float[piece];
      }
      Arrays.fill(sums, 0, piece, 0);
      Arrays.fill(squares, 0, piece, 0);
    }
    if (channelSum.length != channels) {
      channelMin = new float[channels];
      channelMax = new float[channels];
      channelSum = new double[channels];
      channelSquares = new double[channels];
    }
    int most = (int) (expected / TensorStatistics.step(expected)) + 1;
    if (picked.length < most) {
      picked = new float[most];
    }
    picks = 0;
    elements = 0;
    nonFinite = 0;
  }

  /** What is not finite shows in the result: NaN wins over all numbers. */
  private static void extremes(float[] values, float[] low, float[] high, int count) {
    for (int j = 0; j < count; j++) {
      low[j] = Math.min(low[j], values[j]);
      high[j] = Math.max(high[j], values[j]);
    }
  }

  /** Sums in single precision, of few values each. */
  private static void moments(float[] values, float[] sums, float[] squares, int count) {
    for (int j = 0; j < count; j++) {
      sums[j] += values[j];
      squares[j] += values[j] * values[j];
    }
  }

  /** As {@link #extremes}, but leaves out what is not finite, from sums too. */
  private void finiteExtremes(int count) {
    for (int j = 0; j < count; j++) {
      if (Float.isFinite(floats[j])) {
        low[j] = Math.min(low[j], floats[j]);
        high[j] = Math.max(high[j], floats[j]);
      } else {
        nonFinite++;
        floats[j] = 0;
      }
    }
  }

  /** Whether all values were finite. */
  private boolean finish(int piece, int channels) {
    min = Float.POSITIVE_INFINITY;
    max = Float.NEGATIVE_INFINITY;
    int used = (int) Math.min(piece, elements);
    for (int j = 0; j < used; j++) {
      min = Math.min(min, low[j]);
      max = Math.max(max, high[j]);
    }
    if (channels > 0) {
      finishChannels(channels, used);
    }
    return min >= -Float.MAX_VALUE && max <= Float.MAX_VALUE;
  }

  private void finishChannels(int channels, int used) {
    Arrays.fill(channelMin, Float.POSITIVE_INFINITY);
    Arrays.fill(channelMax, Float.NEGATIVE_INFINITY);
    Arrays.fill(channelSum, 0);
    Arrays.fill(channelSquares, 0);
    for (int j = 0; j < used; j++) {
      int c = j % channels;
      channelMin[c] = Math.min(channelMin[c], low[j]);
      channelMax[c] = Math.max(channelMax[c], high[j]);
      channelSum[c] += sums[j];
      channelSquares[c] += squares[j];
    }
  }
}
