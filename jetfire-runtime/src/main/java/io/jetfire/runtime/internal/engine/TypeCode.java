package io.jetfire.runtime.internal.engine;

/** TensorFlow Lite's element type codes ({@code TfLiteType} of the C API), which never change. */
public final class TypeCode {
  public static final int FLOAT32 = 1;
  public static final int INT32 = 2;
  public static final int UINT8 = 3;
  public static final int INT64 = 4;
  public static final int STRING = 5;
  public static final int BOOL = 6;
  public static final int INT16 = 7;
  public static final int COMPLEX64 = 8;
  public static final int INT8 = 9;
  public static final int FLOAT16 = 10;
  public static final int FLOAT64 = 11;
  public static final int COMPLEX128 = 12;
  public static final int UINT64 = 13;
  public static final int RESOURCE = 14;
  public static final int VARIANT = 15;
  public static final int UINT32 = 16;
  public static final int UINT16 = 17;
  public static final int INT4 = 18;
  public static final int BFLOAT16 = 19;
  public static final int INT2 = 20;
  public static final int UINT4 = 21;

  private static final String[] NAMES = {
    "none",
    "float32",
    "int32",
    "uint8",
    "int64",
    "string",
    "bool",
    "int16",
    "complex64",
    "int8",
    "float16",
    "float64",
    "complex128",
    "uint64",
    "resource",
    "variant",
    "uint32",
    "uint16",
    "int4",
    "bfloat16",
    "int2",
    "uint4"
  };

  private static final int[] BITS = {
    0, 32, 32, 8, 64, 0, 8, 16, 64, 8, 16, 64, 128, 64, 0, 0, 32, 16, 4, 16, 2, 4
  };

  private TypeCode() {}

  /** The type's name, lower case. */
  public static String name(int type) {
    return type >= 0 && type < NAMES.length ? NAMES[type] : "type " + type;
  }

  /** Bits of one element; 0 where elements have no fixed size. */
  public static int bits(int type) {
    return type >= 0 && type < BITS.length ? BITS[type] : 0;
  }

  /** Bytes of so many elements, packed as the runtime packs them; -1 where they have no size. */
  public static long bytes(int type, long elements) {
    int bits = bits(type);
    return bits == 0 ? -1 : Math.addExact(Math.multiplyExact(elements, bits), 7) / 8;
  }
}
