package io.jetfire;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * An immutable dense array of numbers with its element type and shape, row-major, little-endian.
 *
 * <pre>{@code
 * Tensor image = Tensor.ofFloats(new float[2 * 2 * 3], 1, 2, 2, 3);
 * float[] values = image.toFloatArray();
 * }</pre>
 *
 * <p>Instances are thread-safe as long as nobody writes to the buffer that was handed to {@link
 * #of}.
 */
public final class Tensor {
  private final TensorType type;
  private final int[] shape;
  private final ByteBuffer data;

  private Tensor(TensorType type, int[] shape, ByteBuffer data) {
    this.type = type;
    this.shape = shape;
    this.data = data;
  }

  /**
   * Wraps the remaining bytes of a buffer, without copying them.
   *
   * @param type the element type
   * @param data exactly as many bytes as the shape needs, little-endian; must not change afterwards
   * @param shape the dimensions, each at least 0; none for a scalar
   * @return the tensor
   * @throws IllegalArgumentException if a dimension is negative or the number of bytes does not fit
   */
  public static Tensor of(TensorType type, ByteBuffer data, int... shape) {
    long elements = elementCount(shape);
    if (elements * type.bytes() != data.remaining()) {
      throw new IllegalArgumentException(
          "A "
              + type
              + " tensor of shape "
              + Arrays.toString(shape)
              + " needs "
              + elements * type.bytes()
              + " bytes, but the buffer has "
              + data.remaining());
    }
    return new Tensor(
        type, shape.clone(), data.slice().asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN));
  }

  /**
   * Copies floats into a {@link TensorType#FLOAT32} tensor.
   *
   * @param values the elements, row-major
   * @param shape the dimensions
   * @return the tensor
   * @throws IllegalArgumentException if the number of elements does not fit the shape
   */
  public static Tensor ofFloats(float[] values, int... shape) {
    ByteBuffer bytes = allocate(values.length, 4);
    bytes.asFloatBuffer().put(values);
    return of(TensorType.FLOAT32, bytes, shape);
  }

  /**
   * Copies ints into an {@link TensorType#INT32} tensor.
   *
   * @param values the elements, row-major
   * @param shape the dimensions
   * @return the tensor
   * @throws IllegalArgumentException if the number of elements does not fit the shape
   */
  public static Tensor ofInts(int[] values, int... shape) {
    ByteBuffer bytes = allocate(values.length, 4);
    bytes.asIntBuffer().put(values);
    return of(TensorType.INT32, bytes, shape);
  }

  /**
   * Copies longs into an {@link TensorType#INT64} tensor.
   *
   * @param values the elements, row-major
   * @param shape the dimensions
   * @return the tensor
   * @throws IllegalArgumentException if the number of elements does not fit the shape
   */
  public static Tensor ofLongs(long[] values, int... shape) {
    ByteBuffer bytes = allocate(values.length, 8);
    bytes.asLongBuffer().put(values);
    return of(TensorType.INT64, bytes, shape);
  }

  /**
   * Copies bytes into a {@link TensorType#UINT8} tensor, the usual form of an image.
   *
   * @param values the elements, row-major, each byte read as 0 to 255
   * @param shape the dimensions
   * @return the tensor
   * @throws IllegalArgumentException if the number of elements does not fit the shape
   */
  public static Tensor ofUnsignedBytes(byte[] values, int... shape) {
    return of(TensorType.UINT8, ByteBuffer.wrap(values.clone()), shape);
  }

  /**
   * Returns the element type.
   *
   * @return the type
   */
  public TensorType type() {
    return type;
  }

  /**
   * Returns the dimensions.
   *
   * @return a copy of the shape
   */
  public int[] shape() {
    return shape.clone();
  }

  /**
   * Returns the number of dimensions.
   *
   * @return 0 for a scalar
   */
  public int rank() {
    return shape.length;
  }

  /**
   * Returns one dimension.
   *
   * @param axis the index of the dimension; negative ones count from the end
   * @return its size
   * @throws IndexOutOfBoundsException if there is no such dimension
   */
  public int dimension(int axis) {
    return shape[axis < 0 ? axis + shape.length : axis];
  }

  /**
   * Returns the number of elements.
   *
   * @return the product of the dimensions, 1 for a scalar
   */
  public int elementCount() {
    return data.capacity() / type.bytes();
  }

  /**
   * Returns the bytes of all elements.
   *
   * @return a read-only, little-endian view with a position of its own
   */
  public ByteBuffer data() {
    return data.duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Copies the elements into floats, whatever numeric type they have; quantized values are returned
   * as the integers that they are (see {@link TensorSpec#dequantize}).
   *
   * @return one float per element; booleans become 0 and 1
   */
  public float[] toFloatArray() {
    int n = elementCount();
    float[] out = new float[n];
    ByteBuffer bytes = data();
    switch (type) {
      case FLOAT32 -> bytes.asFloatBuffer().get(out);
      case FLOAT64 -> {
        for (int i = 0; i < n; i++) {
          out[i] = (float) bytes.getDouble(i * 8);
        }
      }
      case FLOAT16 -> {
        for (int i = 0; i < n; i++) {
          out[i] = Float16.toFloat(bytes.getShort(i * 2));
        }
      }
      case INT8 -> {
        for (int i = 0; i < n; i++) {
          out[i] = bytes.get(i);
        }
      }
      case UINT8, BOOL -> {
        for (int i = 0; i < n; i++) {
          out[i] = bytes.get(i) & 0xff;
        }
      }
      case INT16 -> {
        for (int i = 0; i < n; i++) {
          out[i] = bytes.getShort(i * 2);
        }
      }
      case INT32 -> {
        for (int i = 0; i < n; i++) {
          out[i] = bytes.getInt(i * 4);
        }
      }
      case INT64 -> {
        for (int i = 0; i < n; i++) {
          out[i] = bytes.getLong(i * 8);
        }
      }
    }
    return out;
  }

  /**
   * Returns the same elements under another shape.
   *
   * @param newShape dimensions with the same product
   * @return a tensor that shares this one's data
   * @throws IllegalArgumentException if the number of elements differs
   */
  public Tensor reshape(int... newShape) {
    return of(type, data(), newShape);
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Tensor t
        && type == t.type
        && Arrays.equals(shape, t.shape)
        && data.equals(t.data);
  }

  @Override
  public int hashCode() {
    return (type.hashCode() * 31 + Arrays.hashCode(shape)) * 31 + data.hashCode();
  }

  @Override
  public String toString() {
    return "Tensor[" + type + " " + Arrays.toString(shape) + "]";
  }

  private static ByteBuffer allocate(int elements, int bytes) {
    return ByteBuffer.allocate(Math.multiplyExact(elements, bytes)).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static long elementCount(int[] shape) {
    long n = 1;
    boolean empty = false;
    boolean tooLarge = false;
    for (int d : shape) {
      if (d < 0) {
        throw new IllegalArgumentException("Negative dimension in " + Arrays.toString(shape));
      }
      empty |= d == 0;
      n *= Math.max(1, d);
      if (n > Integer.MAX_VALUE) {
        tooLarge = true;
        n = 1;
      }
    }
    if (tooLarge && !empty) {
      throw new IllegalArgumentException(
          "A tensor has at most "
              + Integer.MAX_VALUE
              + " elements, but the shape is "
              + Arrays.toString(shape));
    }
    return empty ? 0 : n;
  }
}
