package io.jetfire.tflite.transform;

import io.jetfire.Float16;
import io.jetfire.tflite.graph.ElementType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * A dense array in memory that the Java kernels work on: doubles for floating-point types (rounded
 * to the type after each operator), longs for integers and booleans.
 *
 * <p>The arrays are shared, not copied; kernels never write to an input.
 */
final class HostTensor {
  private final ElementType type;
  private final int[] shape;
  private final double[] reals;
  private final long[] integers;

  private HostTensor(ElementType type, int[] shape, double[] reals, long[] integers) {
    this.type = type;
    this.shape = shape;
    this.reals = reals;
    this.integers = integers;
  }

  private static final double[] NO_REALS = new double[0];
  private static final long[] NO_INTEGERS = new long[0];

  static HostTensor allocate(ElementType type, int... shape) {
    int n = count(shape);
    return type.isFloat()
        ? new HostTensor(type, shape, new double[n], NO_INTEGERS)
        : new HostTensor(type, shape, NO_REALS, new long[n]);
  }

  static HostTensor ofReals(ElementType type, double[] values, int... shape) {
    return new HostTensor(type, shape, values, NO_INTEGERS);
  }

  static HostTensor ofIntegers(ElementType type, long[] values, int... shape) {
    return new HostTensor(type, shape, NO_REALS, values);
  }

  static HostTensor ofInts(int... values) {
    return ofIntegers(
        ElementType.INT32, Arrays.stream(values).asLongStream().toArray(), values.length);
  }

  static boolean supports(ElementType type) {
    return switch (type) {
      case FLOAT32, FLOAT16, FLOAT64, BFLOAT16 -> true;
      case INT4, UINT4, INT2, INT8, UINT8, INT16, UINT16, INT32, UINT32, INT64, UINT64, BOOL ->
          true;
      default -> false;
    };
  }

  /** Reads little-endian bytes; 4- and 2-bit elements are packed. */
  static HostTensor read(ElementType type, ByteBuffer bytes, int... shape) {
    HostTensor t = allocate(type, shape);
    int n = t.size();
    ByteBuffer b = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    int at = b.position();
    for (int i = 0; i < n; i++) {
      switch (type) {
        case FLOAT32 -> t.reals[i] = b.getFloat(at + i * 4);
        case FLOAT64 -> t.reals[i] = b.getDouble(at + i * 8);
        case FLOAT16 -> t.reals[i] = Float16.toFloat(b.getShort(at + i * 2));
        case BFLOAT16 -> t.reals[i] = Float.intBitsToFloat(b.getShort(at + i * 2) << 16);
        case INT8 -> t.integers[i] = b.get(at + i);
        case UINT8, BOOL -> t.integers[i] = b.get(at + i) & 0xff;
        case INT16 -> t.integers[i] = b.getShort(at + i * 2);
        case UINT16 -> t.integers[i] = b.getShort(at + i * 2) & 0xffff;
        case INT32 -> t.integers[i] = b.getInt(at + i * 4);
        case UINT32 -> t.integers[i] = b.getInt(at + i * 4) & 0xffffffffL;
        case INT64, UINT64 -> t.integers[i] = b.getLong(at + i * 8);
        case INT4 -> t.integers[i] = ((b.get(at + i / 2) >> (i % 2 * 4)) & 0xf) << 28 >> 28;
        case UINT4 -> t.integers[i] = (b.get(at + i / 2) >> (i % 2 * 4)) & 0xf;
        case INT2 -> t.integers[i] = ((b.get(at + i / 4) >> (i % 4 * 2)) & 3) << 30 >> 30;
        default -> throw new IllegalArgumentException("no kernel reads " + type);
      }
    }
    return t;
  }

  /** The elements as a model file stores them. */
  ByteBuffer bytes() {
    int n = size();
    ByteBuffer b =
        ByteBuffer.allocate(Math.toIntExact(type.byteSize(n))).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < n; i++) {
      switch (type) {
        case FLOAT32 -> b.putFloat((float) reals[i]);
        case FLOAT64 -> b.putDouble(reals[i]);
        case FLOAT16 -> b.putShort(Float16.fromFloat((float) reals[i]));
        case BFLOAT16 -> b.putShort((short) (Float.floatToRawIntBits((float) reals[i]) >>> 16));
        case INT8, UINT8, BOOL -> b.put((byte) integers[i]);
        case INT16, UINT16 -> b.putShort((short) integers[i]);
        case INT32, UINT32 -> b.putInt((int) integers[i]);
        case INT64, UINT64 -> b.putLong(integers[i]);
        case INT4, UINT4 ->
            b.put(i / 2, (byte) (b.get(i / 2) | (integers[i] & 0xf) << (i % 2 * 4)));
        case INT2 -> b.put(i / 4, (byte) (b.get(i / 4) | (integers[i] & 3) << (i % 4 * 2)));
        default -> throw new IllegalArgumentException("no kernel writes " + type);
      }
    }
    return b.rewind();
  }

  ElementType type() {
    return type;
  }

  int[] shape() {
    return shape;
  }

  int rank() {
    return shape.length;
  }

  int dim(int axis) {
    return shape[axis < 0 ? axis + shape.length : axis];
  }

  int size() {
    return isReal() ? reals.length : integers.length;
  }

  boolean isReal() {
    return type.isFloat();
  }

  double[] reals() {
    return reals;
  }

  long[] integers() {
    return integers;
  }

  double real(int i) {
    return isReal() ? reals[i] : integers[i];
  }

  long integer(int i) {
    return isReal() ? (long) reals[i] : integers[i];
  }

  int[] ints() {
    int[] out = new int[size()];
    for (int i = 0; i < out.length; i++) {
      long v = integer(i);
      out[i] = (int) Math.max(Integer.MIN_VALUE, Math.min(Integer.MAX_VALUE, v));
    }
    return out;
  }

  void set(int i, double value) {
    reals[i] = type == ElementType.FLOAT32 ? (float) value : round(type, value);
  }

  void set(int i, long value) {
    integers[i] = wrap(type, value);
  }

  /** Copies one element of a tensor of the same kind. */
  void copy(int to, HostTensor from, int i) {
    if (isReal()) {
      reals[to] = from.reals[i];
    } else {
      integers[to] = from.integers[i];
    }
  }

  HostTensor reshape(int... newShape) {
    if (count(newShape) != size()) {
      throw new IllegalArgumentException(
          Arrays.toString(shape) + " cannot become " + Arrays.toString(newShape));
    }
    return new HostTensor(type, newShape, reals, integers);
  }

  static double round(ElementType type, double value) {
    return switch (type) {
      case FLOAT32 -> (float) value;
      case FLOAT16 -> Float16.toFloat(Float16.fromFloat((float) value));
      case BFLOAT16 -> Float.intBitsToFloat(Float.floatToRawIntBits((float) value) & 0xffff0000);
      default -> value;
    };
  }

  static long wrap(ElementType type, long value) {
    return switch (type) {
      case INT8 -> (byte) value;
      case UINT8 -> value & 0xff;
      case INT16 -> (short) value;
      case UINT16 -> value & 0xffff;
      case INT32 -> (int) value;
      case UINT32 -> value & 0xffffffffL;
      case BOOL -> value == 0 ? 0 : 1;
      case INT4 -> value << 60 >> 60;
      case UINT4 -> value & 0xf;
      case INT2 -> value << 62 >> 62;
      default -> value;
    };
  }

  static int count(int... shape) {
    long n = 1;
    for (int d : shape) {
      n = Math.multiplyExact(n, (long) d);
    }
    return Math.toIntExact(n);
  }

  /** Row-major strides. */
  static int[] strides(int[] shape) {
    int[] s = new int[shape.length];
    int step = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      s[i] = step;
      step *= shape[i];
    }
    return s;
  }

  /** The places in a source, row-major over {@code shape}, that the given strides lead to. */
  static int[] places(int[] shape, int offset, int[] strides) {
    int n = count(shape);
    int[] out = new int[n];
    if (n == 0) {
      return out;
    }
    int[] index = new int[shape.length];
    int at = offset;
    for (int i = 0; ; i++) {
      out[i] = at;
      int d = shape.length - 1;
      while (d >= 0 && ++index[d] == shape[d]) {
        at -= strides[d] * (shape[d] - 1);
        index[d--] = 0;
      }
      if (d < 0) {
        return out;
      }
      at += strides[d];
    }
  }

  /** A new tensor whose elements are those at the given places. */
  HostTensor gather(int[] places, int... newShape) {
    HostTensor out = allocate(type, newShape);
    if (isReal()) {
      for (int i = 0; i < places.length; i++) {
        out.reals[i] = reals[places[i]];
      }
    } else {
      for (int i = 0; i < places.length; i++) {
        out.integers[i] = integers[places[i]];
      }
    }
    return out;
  }

  /** A view in the shape of a broadcast: the places for each element of {@code to}. */
  int[] broadcastPlaces(int... to) {
    int[] own = strides(shape);
    int[] s = new int[to.length];
    int shift = to.length - shape.length;
    for (int i = 0; i < shape.length; i++) {
      s[i + shift] = shape[i] == 1 ? 0 : own[i];
    }
    return places(to, 0, s);
  }

  @Override
  public String toString() {
    return type + Arrays.toString(shape);
  }
}
