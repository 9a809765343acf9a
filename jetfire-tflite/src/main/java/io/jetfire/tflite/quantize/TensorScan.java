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
 * costs about as much as reading it from memory: pieces stay in the processor's cache, and extremes
 * are taken as integers that are in the order of the floats, in arrays of many lanes, which HotSpot
 * turns into vector instructions.
 */
final class TensorScan {
  private static final int PIECE = 8192;
  private static final int LANES = 1024;

  private static final int HIGHEST_FINITE = key(Float.floatToRawIntBits(Float.MAX_VALUE));
  private static final int LOWEST_FINITE = key(Float.floatToRawIntBits(-Float.MAX_VALUE));

  private ByteBuffer bytes = ByteBuffer.allocate(PIECE * 4).order(ByteOrder.LITTLE_ENDIAN);
  private int[] words = new int[PIECE];
  private float[] floats = new float[0];
  private int[] low = new int[LANES];
  private int[] high = new int[LANES];

  /** Values that the histogram counts. */
  float[] picked = new float[0];

  int picks;
  float min;
  float max;
  long elements;
  long nonFinite;
  float[] channelMin = new float[0];
  float[] channelMax = new float[0];
  float[] channelSum = new float[0];
  float[] channelSquares = new float[0];

  /** Where a tensor's bytes come from. */
  interface Source {
    /** As {@link io.jetfire.spi.ModelRuntime.Session#read}. */
    int read(long position, ByteBuffer target);
  }

  /** Takes a tensor in pieces, from its beginning to its end. */
  interface Reader {
    /** How many values must not be torn apart: the size of the tensor's last dimension. */
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
    int lanes = channels == 0 ? LANES : channels * Math.max(1, LANES / channels);
    int unit = channels == 0 ? 1 : lanes;
    for (Reader reader : readers) {
      reader.start();
      unit = Math.max(unit, reader.unit());
    }
    int piece = Math.max(1, PIECE / unit) * unit;
    boolean asFloats = channels > 0 || !readers.isEmpty();
    start(lanes, piece, channels, asFloats, expected);
    // An odd step walks over all channels, however many there are.
    int step = TensorStatistics.step(expected);
    long pick = step == 1 ? 0 : sample * 7919L % step;
    while (true) {
      bytes.clear().limit(piece * 4);
      int count = source.read(elements * 4, bytes) / 4;
      if (count <= 0) {
        break;
      }
      bytes.flip();
      bytes.asIntBuffer().get(words, 0, count);
      if (asFloats) {
        bytes.asFloatBuffer().get(floats, 0, count);
      }
      for (; pick < elements + count; pick += step) {
        if (picks < picked.length) {
          picked[picks++] = Float.intBitsToFloat(words[(int) (pick - elements)]);
        }
      }
      for (int from = 0; from < count; from += lanes) {
        int some = Math.min(lanes, count - from);
        if (careful) {
          finiteExtremes(from, some);
        } else {
          extremes(words, from, some, low, high);
        }
      }
      if (channels > 0) {
        moments(floats, count, channelSum, channelSquares);
      }
      for (Reader reader : readers) {
        reader.take(floats, count);
      }
      elements += count;
      if (elements > expected) {
        return true;
      }
    }
    return finish(lanes, channels);
  }

  private void start(int lanes, int piece, int channels, boolean asFloats, long expected) {
    if (words.length < piece) {
      bytes = ByteBuffer.allocate(piece * 4).order(ByteOrder.LITTLE_ENDIAN);
      words = new int[piece];
    }
    if (asFloats && floats.length < piece) {
      floats = new float[words.length];
    }
    if (low.length < lanes) {
      low = new int[lanes];
      high = new int[lanes];
    }
    Arrays.fill(low, 0, lanes, Integer.MAX_VALUE);
    Arrays.fill(high, 0, lanes, Integer.MIN_VALUE);
    if (channelSum.length != channels) {
      channelMin = new float[channels];
      channelMax = new float[channels];
      channelSum = new float[channels];
      channelSquares = new float[channels];
    }
    Arrays.fill(channelSum, 0);
    Arrays.fill(channelSquares, 0);
    int most = (int) (expected / TensorStatistics.step(expected)) + 1;
    if (picked.length < most) {
      picked = new float[most];
    }
    picks = 0;
    elements = 0;
    nonFinite = 0;
  }

  /** Order-preserving between the bits of a float and an integer; its own inverse. */
  private static int key(int bits) {
    return bits ^ ((bits >> 31) & 0x7fffffff);
  }

  private static void extremes(int[] words, int from, int count, int[] low, int[] high) {
    for (int j = 0; j < count; j++) {
      int bits = words[from + j];
      int k = key(bits);
      low[j] = Math.min(low[j], k);
      high[j] = Math.max(high[j], k);
    }
  }

  /** Sums in single precision, which statistics add up in double precision. */
  private static void moments(float[] values, int count, float[] sum, float[] squares) {
    int channels = sum.length;
    for (int from = 0; from + channels <= count; from += channels) {
      for (int c = 0; c < channels; c++) {
        float v = values[from + c];
        sum[c] += v;
        squares[c] += v * v;
      }
    }
  }

  /** As {@link #extremes}, but leaves out what is not finite, from sums too. */
  private void finiteExtremes(int from, int count) {
    for (int j = 0; j < count; j++) {
      int bits = words[from + j];
      if (Float.isFinite(Float.intBitsToFloat(bits))) {
        low[j] = Math.min(low[j], key(bits));
        high[j] = Math.max(high[j], key(bits));
      } else {
        nonFinite++;
        if (floats.length > 0) {
          floats[from + j] = 0;
        }
      }
    }
  }

  /** Whether all values were finite. */
  private boolean finish(int lanes, int channels) {
    int lo = Integer.MAX_VALUE;
    int hi = Integer.MIN_VALUE;
    for (int j = 0; j < lanes; j++) {
      lo = Math.min(lo, low[j]);
      hi = Math.max(hi, high[j]);
    }
    boolean any = lo <= hi;
    min = any ? Float.intBitsToFloat(key(lo)) : Float.POSITIVE_INFINITY;
    max = any ? Float.intBitsToFloat(key(hi)) : Float.NEGATIVE_INFINITY;
    for (int c = 0; c < channels; c++) {
      int least = Integer.MAX_VALUE;
      int most = Integer.MIN_VALUE;
      for (int j = c; j < lanes; j += channels) {
        least = Math.min(least, low[j]);
        most = Math.max(most, high[j]);
      }
      channelMin[c] = least <= most ? Float.intBitsToFloat(key(least)) : Float.POSITIVE_INFINITY;
      channelMax[c] = least <= most ? Float.intBitsToFloat(key(most)) : Float.NEGATIVE_INFINITY;
    }
    return lo >= LOWEST_FINITE && hi <= HIGHEST_FINITE;
  }
}
