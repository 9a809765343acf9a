package io.jetfire.tflite.graph;

import io.jetfire.TensorType;
import java.util.Optional;

/**
 * The element type of a tensor; the ordinal is the code in the file ({@code TensorType} of the
 * TFLite schema, all 23).
 */
public enum ElementType {
  /** IEEE 754 single precision. */
  FLOAT32(32),
  /** IEEE 754 half precision. */
  FLOAT16(16),
  /** Signed 32-bit integer. */
  INT32(32),
  /** Unsigned 8-bit integer. */
  UINT8(8),
  /** Signed 64-bit integer. */
  INT64(64),
  /** Byte strings of any length; the elements have no fixed size. */
  STRING(0),
  /** One byte, 0 or 1. */
  BOOL(8),
  /** Signed 16-bit integer. */
  INT16(16),
  /** Two single-precision numbers. */
  COMPLEX64(64),
  /** Signed 8-bit integer. */
  INT8(8),
  /** IEEE 754 double precision. */
  FLOAT64(64),
  /** Two double-precision numbers. */
  COMPLEX128(128),
  /** Unsigned 64-bit integer. */
  UINT64(64),
  /** A handle to a resource such as a hash table or a variable; no fixed size. */
  RESOURCE(0),
  /** A value of any type; no fixed size. */
  VARIANT(0),
  /** Unsigned 32-bit integer. */
  UINT32(32),
  /** Unsigned 16-bit integer. */
  UINT16(16),
  /** Signed 4-bit integer, two per byte, the first in the low bits. */
  INT4(4),
  /** The upper half of a single-precision number. */
  BFLOAT16(16),
  /** Signed 2-bit integer, four per byte, the first in the lowest bits. */
  INT2(2),
  /** Unsigned 4-bit integer, two per byte, the first in the low bits. */
  UINT4(4),
  /** 8-bit float with 4 exponent and 3 mantissa bits, no infinities. */
  FLOAT8_E4M3FN(8),
  /** 8-bit float with 5 exponent and 2 mantissa bits. */
  FLOAT8_E5M2(8);

  private final int bits;

  ElementType(int bits) {
    this.bits = bits;
  }

  /**
   * Returns the size of one element in bits.
   *
   * @return 2, 4, 8, 16, 32, 64 or 128; 0 where elements have no fixed size
   */
  public int bits() {
    return bits;
  }

  /**
   * Returns the number in the file.
   *
   * @return 0 to 22
   */
  public int code() {
    return ordinal();
  }

  /**
   * Says whether elements have a fixed size.
   *
   * @return false for STRING, RESOURCE and VARIANT
   */
  public boolean isFixedSize() {
    return bits > 0;
  }

  /**
   * Returns the number of bytes that so many elements take; sub-byte types round up.
   *
   * @param elements the element count, 0 or more
   * @return the size in bytes
   * @throws ArithmeticException if it does not fit a long
   * @throws IllegalStateException if elements have no fixed size
   */
  public long byteSize(long elements) {
    if (bits == 0) {
      throw new IllegalStateException(this + " elements have no fixed size");
    }
    return bits >= 8
        ? Math.multiplyExact(elements, bits / 8L)
        : Math.addExact(Math.multiplyExact(elements, bits), 7) / 8;
  }

  /**
   * Says whether elements are floating-point numbers.
   *
   * @return true for the real float types of any width
   */
  public boolean isFloat() {
    return switch (this) {
      case FLOAT32, FLOAT16, FLOAT64, BFLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2 -> true;
      default -> false;
    };
  }

  /**
   * Says whether elements are integers.
   *
   * @return true for signed and unsigned integers of any width; not for BOOL
   */
  public boolean isInteger() {
    return switch (this) {
      case INT2, INT4, UINT4, INT8, UINT8, INT16, UINT16, INT32, UINT32, INT64, UINT64 -> true;
      default -> false;
    };
  }

  /**
   * Returns the same type in the API's words.
   *
   * @return empty for types that cannot stand at a model's edge
   */
  public Optional<TensorType> tensorType() {
    return switch (this) {
      case FLOAT32 -> Optional.of(TensorType.FLOAT32);
      case FLOAT16 -> Optional.of(TensorType.FLOAT16);
      case FLOAT64 -> Optional.of(TensorType.FLOAT64);
      case INT8 -> Optional.of(TensorType.INT8);
      case UINT8 -> Optional.of(TensorType.UINT8);
      case INT16 -> Optional.of(TensorType.INT16);
      case INT32 -> Optional.of(TensorType.INT32);
      case INT64 -> Optional.of(TensorType.INT64);
      case BOOL -> Optional.of(TensorType.BOOL);
      default -> Optional.empty();
    };
  }

  /**
   * Returns the type of the API's type.
   *
   * @param type the type at a model's edge
   * @return the same type
   */
  public static ElementType of(TensorType type) {
    return valueOf(type.name());
  }
}
