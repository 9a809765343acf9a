package io.jetfire.importer.onnx;

import io.jetfire.Float16;
import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.importer.ProtoReader;
import io.jetfire.tflite.importer.ProtoReader.LongList;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A tensor of an ONNX file: its element type, its dimensions and where its elements are.
 *
 * <p>Elements stay where the file has them until {@link #bytes} is asked for.
 */
final class OnnxTensor {
  static final int FLOAT = 1;
  static final int UINT8 = 2;
  static final int INT8 = 3;
  static final int UINT16 = 4;
  static final int INT16 = 5;
  static final int INT32 = 6;
  static final int INT64 = 7;
  static final int STRING = 8;
  static final int BOOL = 9;
  static final int FLOAT16 = 10;
  static final int DOUBLE = 11;
  static final int UINT32 = 12;
  static final int UINT64 = 13;
  static final int COMPLEX64 = 14;
  static final int COMPLEX128 = 15;
  static final int BFLOAT16 = 16;
  static final int FLOAT8E4M3FN = 17;
  static final int FLOAT8E5M2FNUZ = 20;
  static final int UINT4 = 21;
  static final int INT4 = 22;

  private static final String[] NAMES = {
    "undefined",
    "float32",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "int32",
    "int64",
    "string",
    "bool",
    "float16",
    "float64",
    "uint32",
    "uint64",
    "complex64",
    "complex128",
    "bfloat16",
    "float8e4m3fn",
    "float8e4m3fnuz",
    "float8e5m2",
    "float8e5m2fnuz",
    "uint4",
    "int4",
    "float4e2m1",
    "float8e8m0",
    "uint2",
    "int2"
  };

  private final String name;
  private final int type;
  private final long[] dims;
  private final @Nullable ByteBuffer raw;
  private final @Nullable LongList typed;
  private final List<ByteBuffer> strings;
  private final Map<String, String> external;

  private OnnxTensor(
      String name,
      int type,
      long[] dims,
      @Nullable ByteBuffer raw,
      @Nullable LongList typed,
      List<ByteBuffer> strings,
      Map<String, String> external) {
    this.name = name;
    this.type = type;
    this.dims = dims;
    this.raw = raw;
    this.typed = typed;
    this.strings = strings;
    this.external = external;
  }

  static OnnxTensor of(String name, int type, long[] dims, ByteBuffer littleEndian) {
    return new OnnxTensor(name, type, dims, littleEndian, null, List.of(), Map.of());
  }

  static String typeName(int type) {
    return type >= 0 && type < NAMES.length ? NAMES[type] : "type " + type;
  }

  static OnnxTensor read(ProtoReader in) {
    String name = "";
    int type = 0;
    LongList dims = new LongList();
    LongList typed = new LongList();
    ByteBuffer raw = null;
    List<ByteBuffer> strings = new ArrayList<>();
    Map<String, String> external = new HashMap<>();
    boolean isExternal = false;
    while (in.next()) {
      switch (in.field()) {
        case 1 -> in.integers(dims);
        case 2 -> type = (int) in.integer();
        case 3 ->
            throw new UnsupportedModelException(
                "An ONNX tensor is stored in segments, which no exporter writes; export it anew");
        case 4 -> in.floatBits(typed);
        case 5, 7, 11 -> in.integers(typed);
        case 6 -> strings.add(in.bytes());
        case 8 -> name = in.string();
        case 9 -> raw = in.bytes();
        case 10 -> in.doubleBits(typed);
        case 13 -> entry(in.message(), external);
        case 14 -> isExternal = in.integer() == 1;
        default -> in.skip();
      }
    }
    return new OnnxTensor(
        name,
        type,
        dims.toArray(),
        raw,
        typed.size() == 0 ? null : typed,
        strings,
        isExternal ? external : Map.of());
  }

  private static void entry(ProtoReader in, Map<String, String> to) {
    String key = "";
    String value = "";
    while (in.next()) {
      switch (in.field()) {
        case 1 -> key = in.string();
        case 2 -> value = in.string();
        default -> in.skip();
      }
    }
    to.put(key, value);
  }

  String name() {
    return name;
  }

  int type() {
    return type;
  }

  long[] dims() {
    return dims;
  }

  List<ByteBuffer> strings() {
    return strings;
  }

  boolean isExternal() {
    return !external.isEmpty();
  }

  /** The shape as ints, checked: no negative dimension, at most 2^31 elements. */
  int[] shape() {
    long n = 1;
    int[] shape = new int[dims.length];
    for (int i = 0; i < dims.length; i++) {
      if (dims[i] < 0 || dims[i] > Integer.MAX_VALUE) {
        throw broken("has the shape " + Arrays.toString(dims));
      }
      shape[i] = (int) dims[i];
      n *= dims[i];
      if (n > Integer.MAX_VALUE) {
        throw broken("has the shape " + Arrays.toString(dims) + ", too large for one tensor");
      }
    }
    return shape;
  }

  int elementCount() {
    int n = 1;
    for (int d : shape()) {
      n *= d;
    }
    return n;
  }

  /** Bits per element in raw storage; 0 for types without a fixed size. */
  static int bits(int type) {
    return switch (type) {
      case FLOAT, INT32, UINT32 -> 32;
      case UINT8, INT8, BOOL, 17, 18, 19, 20, 24 -> 8;
      case UINT16, INT16, FLOAT16, BFLOAT16 -> 16;
      case INT64, DOUBLE, UINT64, COMPLEX64 -> 64;
      case COMPLEX128 -> 128;
      case UINT4, INT4, 23 -> 4;
      case 25, 26 -> 2;
      default -> 0;
    };
  }

  /**
   * The elements in the file's own type, little-endian, row-major; 4-bit and 2-bit elements packed.
   *
   * @param folder reads the external file, if the tensor is in one
   */
  ByteBuffer bytes(ExternalData folder) {
    int bits = bits(type);
    if (bits == 0) {
      throw broken("has the element type " + typeName(type) + ", which holds no numbers");
    }
    int n = elementCount();
    long needed = ((long) n * bits + 7) / 8;
    if (needed > Integer.MAX_VALUE - 16) {
      throw broken("needs " + needed + " bytes, more than one tensor can have");
    }
    if (isExternal()) {
      return folder.read(name, external, needed);
    }
    if (raw != null) {
      if (raw.remaining() != needed) {
        throw broken("has " + raw.remaining() + " bytes where its shape needs " + needed);
      }
      return raw.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }
    int have = typed == null ? 0 : typed.size();
    boolean packed = bits < 8;
    int perEntry = packed ? 8 / bits : 1;
    boolean complex = type == COMPLEX64 || type == COMPLEX128;
    long expected = complex ? 2L * n : ((long) n + perEntry - 1) / perEntry;
    if (have != expected) {
      throw broken("has " + have + " elements where its shape needs " + expected);
    }
    ByteBuffer out = ByteBuffer.allocate((int) needed).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < have; i++) {
      long v = java.util.Objects.requireNonNull(typed).get(i);
      switch (complex ? bits / 2 : bits) {
        case 64 -> out.putLong(v);
        case 32 -> out.putInt((int) v);
        case 16 -> out.putShort((short) v);
        default -> out.put((byte) v);
      }
    }
    return out.flip();
  }

  /** The elements as doubles, for every numeric type; exact but for 64-bit integers above 2^53. */
  double[] doubles(ExternalData folder) {
    ByteBuffer b = bytes(folder);
    int n = elementCount();
    double[] out = new double[n];
    for (int i = 0; i < n; i++) {
      out[i] =
          switch (type) {
            case FLOAT -> b.getFloat(i * 4);
            case DOUBLE -> b.getDouble(i * 8);
            case FLOAT16 -> Float16.toFloat(b.getShort(i * 2));
            case BFLOAT16 -> Float.intBitsToFloat(b.getShort(i * 2) << 16);
            case FLOAT8E4M3FN, 18, 19, FLOAT8E5M2FNUZ -> float8(b.get(i));
            default -> integer(b, i);
          };
    }
    return out;
  }

  private double float8(byte value) {
    boolean e5 = type >= 19;
    boolean fnuz = type == 18 || type == 20;
    int mantissaBits = e5 ? 2 : 3;
    int exponentBits = 7 - mantissaBits;
    int exponent = (value >> mantissaBits) & ((1 << exponentBits) - 1);
    int mantissa = value & ((1 << mantissaBits) - 1);
    int bias = (1 << (exponentBits - 1)) - (fnuz ? 0 : 1);
    double sign = value < 0 ? -1 : 1;
    if (fnuz && (value & 0xff) == 0x80) {
      return Double.NaN;
    }
    if (!fnuz && e5 && exponent == 31) {
      return mantissa == 0 ? sign * Double.POSITIVE_INFINITY : Double.NaN;
    }
    if (!fnuz && !e5 && (value & 0x7f) == 0x7f) {
      return Double.NaN;
    }
    double fraction = mantissa / (double) (1 << mantissaBits);
    return exponent == 0
        ? sign * Math.scalb(fraction, 1 - bias)
        : sign * Math.scalb(1 + fraction, exponent - bias);
  }

  /** The elements as longs, for every integer type and booleans. */
  long[] longs(ExternalData folder) {
    ByteBuffer b = bytes(folder);
    int n = elementCount();
    long[] out = new long[n];
    for (int i = 0; i < n; i++) {
      out[i] = integer(b, i);
    }
    return out;
  }

  private long integer(ByteBuffer b, int i) {
    return switch (type) {
      case UINT8 -> b.get(i) & 0xff;
      case INT8 -> b.get(i);
      case BOOL -> b.get(i) == 0 ? 0 : 1;
      case UINT16 -> b.getShort(i * 2) & 0xffff;
      case INT16 -> b.getShort(i * 2);
      case INT32 -> b.getInt(i * 4);
      case UINT32 -> b.getInt(i * 4) & 0xffffffffL;
      case INT64, UINT64 -> b.getLong(i * 8);
      case UINT4 -> (b.get(i / 2) >> (i % 2 * 4)) & 0xf;
      case INT4 -> ((b.get(i / 2) >> (i % 2 * 4)) & 0xf) << 28 >> 28;
      case 25 -> (b.get(i / 4) >> (i % 4 * 2)) & 3;
      case 26 -> ((b.get(i / 4) >> (i % 4 * 2)) & 3) << 30 >> 30;
      default ->
          throw broken("has the element type " + typeName(type) + ", where integers were expected");
    };
  }

  /** The dense form of these values at the given places of a tensor of zeros. */
  OnnxTensor scattered(OnnxTensor indices, long[] denseDims) {
    OnnxTensor shaped = new OnnxTensor(name, type, denseDims, null, null, List.of(), Map.of());
    int total = shaped.elementCount();
    int width = bits(type) / 8;
    if (width == 0) {
      throw broken("is sparse with the element type " + typeName(type));
    }
    if ((long) total * width > 1L << 30) {
      throw broken("is sparse with a dense size above 1 GB");
    }
    if (isExternal() || indices.isExternal()) {
      throw broken("is sparse and outside the file; store it dense");
    }
    ByteBuffer values = bytes(ExternalData.none());
    long[] at = indices.longs(ExternalData.none());
    int n = elementCount();
    int rank = denseDims.length;
    boolean linear = indices.dims().length == 1;
    if (at.length != (linear ? n : (long) n * rank)) {
      throw broken("is sparse with " + at.length + " indices for " + n + " values");
    }
    ByteBuffer out = ByteBuffer.allocate(total * width).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < n; i++) {
      long place = 0;
      if (linear) {
        place = at[i];
      } else {
        for (int d = 0; d < rank; d++) {
          place = place * denseDims[d] + at[i * rank + d];
        }
      }
      if (place < 0 || place >= total) {
        throw broken("is sparse with an index outside its shape");
      }
      for (int k = 0; k < width; k++) {
        out.put((int) place * width + k, values.get(i * width + k));
      }
    }
    return new OnnxTensor(name, type, denseDims, out, null, List.of(), Map.of());
  }

  private UnsupportedModelException broken(String what) {
    return new UnsupportedModelException(
        "The ONNX tensor '" + name + "' " + what + "; get the file again or export the model anew");
  }
}
