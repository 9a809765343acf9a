package io.jetfire.importer.tensorflow;

import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import io.jetfire.tflite.importer.ProtoReader;
import io.jetfire.tflite.importer.ProtoReader.LongList;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A stored array of TensorFlow: little-endian elements of the file, or texts.
 *
 * @param type its type in TensorFlow's numbers
 * @param shape its dimensions
 * @param bytes the elements; empty for texts
 * @param texts the elements of an array of strings
 */
record Array(int type, int[] shape, ByteBuffer bytes, List<ByteBuffer> texts) {
  /** The most elements that one stored number may stand for. */
  private static final int MAX_REPEATED = 1 << 24;

  /** The shape of a TensorShapeProto: -1 where open, null if the rank is not known. */
  static int @Nullable [] shape(ProtoReader in) {
    LongList dims = new LongList();
    boolean unknown = false;
    while (in.next()) {
      switch (in.field()) {
        case 2 -> {
          ProtoReader dim = in.message();
          long size = 0;
          while (dim.next()) {
            if (dim.field() == 1) {
              size = dim.integer();
            } else {
              dim.skip();
            }
          }
          dims.add(size);
        }
        case 3 -> unknown = in.integer() != 0;
        default -> in.skip();
      }
    }
    if (unknown) {
      return null;
    }
    int[] out = new int[dims.size()];
    for (int i = 0; i < out.length; i++) {
      long d = dims.get(i);
      if (d > Integer.MAX_VALUE || d < -1) {
        throw broken("a dimension of " + d);
      }
      out[i] = (int) d;
    }
    return out;
  }

  /** Reads a TensorProto. */
  static Array read(ProtoReader in) {
    int type = 0;
    int[] shape = new int[0];
    ByteBuffer content = null;
    LongList values = new LongList();
    LongList parts = new LongList();
    List<ByteBuffer> texts = new ArrayList<>();
    while (in.next()) {
      switch (in.field()) {
        case 1 -> type = (int) in.integer();
        case 2 -> {
          int[] s = shape(in.message());
          shape = s == null ? new int[0] : s;
        }
        case 4 -> content = in.bytes();
        case 5 -> in.floatBits(values);
        case 6 -> in.doubleBits(values);
        case 7, 10, 11, 13, 16, 17 -> in.integers(values);
        case 8 -> texts.add(in.bytes());
        case 9 -> in.floatBits(parts);
        default -> in.skip();
      }
    }
    for (int i = 0; i + 1 < parts.size(); i += 2) {
      values.add((parts.get(i) & 0xffffffffL) | parts.get(i + 1) << 32);
    }
    for (int d : shape) {
      if (d < 0) {
        throw broken("a constant of open shape");
      }
    }
    long elements = count(shape);
    if (type == Types.STRING) {
      return new Array(type, shape, ByteBuffer.allocate(0), texts);
    }
    int size = Types.bytes(type);
    if (size == 0 || size > 8) {
      return new Array(type, shape, ByteBuffer.allocate(0), List.of());
    }
    if (content != null && content.hasRemaining()) {
      if (content.remaining() == elements * size) {
        return new Array(type, shape, content, List.of());
      }
      if (content.remaining() != size) {
        throw broken(
            "a constant of " + content.remaining() + " bytes for " + Arrays.toString(shape));
      }
    }
    if (elements > Math.max(MAX_REPEATED, values.size())) {
      throw broken("a constant of " + elements + " elements of which one is stored");
    }
    ByteBuffer out = ByteBuffer.allocate((int) elements * size).order(ByteOrder.LITTLE_ENDIAN);
    // The last value stands for all that follow.
    for (int i = 0; i < elements; i++) {
      if (content != null && content.hasRemaining()) {
        out.put(content.duplicate());
        continue;
      }
      long v = values.size() == 0 ? 0 : values.get(Math.min(i, values.size() - 1));
      switch (size) {
        case 1 -> out.put((byte) v);
        case 2 -> out.putShort((short) v);
        case 4 -> out.putInt((int) v);
        default -> out.putLong(v);
      }
    }
    return new Array(type, shape, out.flip().order(ByteOrder.LITTLE_ENDIAN), List.of());
  }

  static long count(int[] shape) {
    long n = 1;
    for (int d : shape) {
      n *= d;
      if (n > Integer.MAX_VALUE) {
        throw broken("an array of the shape " + Arrays.toString(shape));
      }
    }
    return n;
  }

  private static UnsupportedModelException broken(String what) {
    return new UnsupportedModelException(
        "The TensorFlow file is broken: found " + what + "; get it again or export the model anew");
  }

  /** Adds the array as a constant, in the type that stands for its own. */
  Value constant(Subgraph g, String name) {
    ElementType to = Types.of(type);
    long elements = count(shape);
    if (bytes.remaining() != elements * Types.bytes(type)) {
      throw new Refusal("a constant of " + bytes.remaining() + " bytes", "export the model anew");
    }
    if (Types.bytes(type) == to.bits() / 8) {
      return g.addConstant(name, to, Shape.of(shape), Weights.of(bytes));
    }
    ByteBuffer in = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer out =
        ByteBuffer.allocate(Math.toIntExact(elements * to.bits() / 8))
            .order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < elements; i++) {
      switch (type % Types.REFERENCE) {
        case Types.DOUBLE -> out.putFloat((float) in.getDouble());
        case Types.HALF -> out.putFloat(half(in.getShort()));
        case Types.BFLOAT16 -> out.putFloat(Float.intBitsToFloat(in.getShort() << 16));
        case Types.UINT16 -> out.putInt(in.getShort() & 0xffff);
        case Types.UINT32 -> out.putLong(in.getInt() & 0xffffffffL);
        default -> throw new Refusal("a constant of " + Types.name(type), "use float32");
      }
    }
    return g.addConstant(name, to, Shape.of(shape), Weights.of(out.flip()));
  }

  private static float half(short bits) {
    int sign = (bits & 0x8000) << 16;
    int exponent = bits >> 10 & 0x1f;
    int fraction = bits & 0x3ff;
    if (exponent == 0) {
      float f = fraction * 0x1p-24f;
      return sign == 0 ? f : -f;
    }
    int biased = exponent == 0x1f ? 0xff : exponent + 112;
    return Float.intBitsToFloat(sign | biased << 23 | fraction << 13);
  }
}
