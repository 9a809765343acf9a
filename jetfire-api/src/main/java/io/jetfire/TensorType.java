package io.jetfire;

/** The element type of a tensor at a model's edge. */
public enum TensorType {
  /** IEEE 754 single precision, 4 bytes. */
  FLOAT32(4),
  /** IEEE 754 half precision, 2 bytes. */
  FLOAT16(2),
  /** IEEE 754 double precision, 8 bytes. */
  FLOAT64(8),
  /** Signed, 1 byte. */
  INT8(1),
  /** Unsigned, 1 byte. */
  UINT8(1),
  /** Signed, 2 bytes. */
  INT16(2),
  /** Signed, 4 bytes. */
  INT32(4),
  /** Signed, 8 bytes. */
  INT64(8),
  /** One byte, 0 or 1. */
  BOOL(1);

  private final int bytes;

  TensorType(int bytes) {
    this.bytes = bytes;
  }

  /**
   * Returns the size of one element in bytes.
   *
   * @return 1, 2, 4 or 8
   */
  public int bytes() {
    return bytes;
  }

  /**
   * Says whether elements are floating-point numbers.
   *
   * @return true for the three float types
   */
  public boolean isFloat() {
    return this == FLOAT32 || this == FLOAT16 || this == FLOAT64;
  }
}
