package io.jetfire.tflite.graph;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Constant data of a tensor: little-endian, row-major bytes, shared by identity.
 *
 * <p>The bytes are usually a slice of a memory-mapped file and are not copied until somebody asks
 * for an array. Two tensors that hold the same object share one buffer in the file. Immutable, as
 * long as nobody writes to the bytes that it was made of.
 */
public final class Weights {

  /**
   * Where the bytes of a tensor lie outside the model file.
   *
   * @param group the file or URI
   * @param offset the first byte in it
   * @param length the number of bytes
   * @param packing how they are packed, as the file says; empty if it says nothing
   */
  public record External(String group, long offset, long length, String packing) {}

  private final ByteBuffer bytes;
  private final @Nullable External external;

  private Weights(ByteBuffer bytes, @Nullable External external) {
    this.bytes = bytes;
    this.external = external;
  }

  /**
   * Wraps the remaining bytes of a buffer without copying them.
   *
   * @param bytes little-endian data, heap, direct or mapped; not to be written to afterwards
   * @return the data
   */
  public static Weights of(ByteBuffer bytes) {
    return new Weights(bytes.slice().asReadOnlyBuffer(), null);
  }

  /**
   * Wraps bytes.
   *
   * @param bytes little-endian data; copied
   * @return the data
   */
  public static Weights of(byte[] bytes) {
    return of(ByteBuffer.wrap(bytes.clone()));
  }

  /**
   * Holds 32-bit floats.
   *
   * @param values copied
   * @return the data
   */
  public static Weights of(float[] values) {
    ByteBuffer b = allocate(values.length, 4);
    b.asFloatBuffer().put(values);
    return of(b);
  }

  /**
   * Holds 16-bit numbers: INT16, or the bits of FLOAT16 or BFLOAT16.
   *
   * @param values copied
   * @return the data
   */
  public static Weights of(short[] values) {
    ByteBuffer b = allocate(values.length, 2);
    b.asShortBuffer().put(values);
    return of(b);
  }

  /**
   * Holds 32-bit integers.
   *
   * @param values copied
   * @return the data
   */
  public static Weights of(int[] values) {
    ByteBuffer b = allocate(values.length, 4);
    b.asIntBuffer().put(values);
    return of(b);
  }

  /**
   * Holds 64-bit integers.
   *
   * @param values copied
   * @return the data
   */
  public static Weights of(long[] values) {
    ByteBuffer b = allocate(values.length, 8);
    b.asLongBuffer().put(values);
    return of(b);
  }

  /**
   * Packs integers of fewer than 8 bits, the first in the lowest bits.
   *
   * @param values one value per byte, signed or unsigned; only the low bits are kept
   * @param type INT4, UINT4 or INT2
   * @return the data
   * @throws IllegalArgumentException if the type is not below 8 bits
   */
  public static Weights packed(byte[] values, ElementType type) {
    int bits = type.bits();
    if (bits == 0 || bits >= 8) {
      throw new IllegalArgumentException(type + " is not packed; use of(byte[])");
    }
    int perByte = 8 / bits;
    byte[] packed = new byte[Math.toIntExact(type.byteSize(values.length))];
    int mask = (1 << bits) - 1;
    for (int i = 0; i < values.length; i++) {
      packed[i / perByte] |= (byte) ((values[i] & mask) << (i % perByte * bits));
    }
    return of(ByteBuffer.wrap(packed));
  }

  /**
   * Refers to bytes outside the model file.
   *
   * @param external where they lie
   * @return data without bytes of its own
   */
  public static Weights external(External external) {
    return new Weights(ByteBuffer.allocate(0).asReadOnlyBuffer(), external);
  }

  /**
   * Returns the bytes, without copying them.
   *
   * @return a new read-only, little-endian view
   * @throws IllegalStateException if they lie in another file
   */
  public ByteBuffer bytes() {
    if (external != null) {
      throw new IllegalStateException(
          "the data lie outside the model, in " + external.group() + "; open that file to read it");
    }
    return bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Returns the size.
   *
   * @return bytes, also of data in another file
   */
  public long byteSize() {
    return external == null ? bytes.remaining() : external.length();
  }

  /**
   * Returns where the bytes lie, if outside the model file.
   *
   * @return empty for data of the model itself
   */
  public Optional<External> external() {
    return Optional.ofNullable(external);
  }

  @Override
  public String toString() {
    return external == null ? "Weights[" + byteSize() + " bytes]" : "Weights[" + external + "]";
  }

  private static ByteBuffer allocate(int elements, int size) {
    return ByteBuffer.allocate(Math.multiplyExact(elements, size)).order(ByteOrder.LITTLE_ENDIAN);
  }
}
