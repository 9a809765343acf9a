package io.jetfire.tflite.graph;

import java.util.Arrays;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The shape of a tensor: known dimensions, dynamic ones (-1), or an unknown rank. Immutable.
 *
 * <p>A dynamic dimension has a stand-in, the length that a runtime allocates until it is resized:
 * 1, unless the file says otherwise. Two shapes are equal if their dimensions are, whatever the
 * stand-ins.
 */
public final class Shape {
  private static final Shape UNKNOWN = new Shape(null, new int[0]);
  private static final Shape SCALAR = new Shape(new int[0], new int[0]);

  private final int @Nullable [] dims;
  private final int[] standIn;

  private Shape(int @Nullable [] dims, int[] standIn) {
    this.dims = dims;
    this.standIn = standIn;
  }

  /**
   * Returns a shape of these dimensions.
   *
   * @param dims lengths of 0 or more, or -1 where dynamic; none for a scalar
   * @return the shape
   * @throws IllegalArgumentException if a dimension is below -1
   */
  public static Shape of(int... dims) {
    int[] standIn = dims.clone();
    for (int i = 0; i < dims.length; i++) {
      if (dims[i] < -1) {
        throw new IllegalArgumentException(
            "dimension " + i + " of " + Arrays.toString(dims) + " is below -1");
      }
      standIn[i] = dims[i] == -1 ? 1 : dims[i];
    }
    return new Shape(dims.clone(), standIn);
  }

  /**
   * Returns a shape with dynamic dimensions and the lengths to allocate for them at first.
   *
   * @param standIn the lengths to allocate, 0 or more
   * @param signature the same lengths, or -1 where dynamic
   * @return the shape
   * @throws IllegalArgumentException if the ranks differ or a length is out of range
   */
  public static Shape dynamic(int[] standIn, int[] signature) {
    if (standIn.length != signature.length) {
      throw new IllegalArgumentException(
          "shape "
              + Arrays.toString(standIn)
              + " and signature "
              + Arrays.toString(signature)
              + " differ in rank");
    }
    for (int i = 0; i < standIn.length; i++) {
      if (standIn[i] < 0 || signature[i] < -1) {
        throw new IllegalArgumentException(
            "dimension "
                + i
                + " of shape "
                + Arrays.toString(standIn)
                + " with signature "
                + Arrays.toString(signature)
                + " is out of range");
      }
    }
    return new Shape(signature.clone(), standIn.clone());
  }

  /**
   * Returns the shape of a scalar.
   *
   * @return rank 0
   */
  public static Shape scalar() {
    return SCALAR;
  }

  /**
   * Returns the shape of which nothing is known, not even the rank.
   *
   * @return the unknown shape
   */
  public static Shape unknown() {
    return UNKNOWN;
  }

  /**
   * Says whether the rank is known.
   *
   * @return false for {@link #unknown()}
   */
  public boolean hasRank() {
    return dims != null;
  }

  /**
   * Returns the number of dimensions.
   *
   * @return 0 or more
   * @throws IllegalStateException if the rank is unknown
   */
  public int rank() {
    return known().length;
  }

  /**
   * Returns the length of a dimension.
   *
   * @param axis from 0; or negative to count from the end
   * @return its length, or -1 if dynamic
   * @throws IllegalStateException if the rank is unknown
   * @throws IndexOutOfBoundsException if there is no such dimension
   */
  public int dim(int axis) {
    int[] d = known();
    return d[axis < 0 ? axis + d.length : axis];
  }

  /**
   * Returns the dimensions.
   *
   * @return a new array, -1 where dynamic
   * @throws IllegalStateException if the rank is unknown
   */
  public int[] dims() {
    return known().clone();
  }

  /**
   * Returns the lengths that a runtime allocates before it is resized.
   *
   * @return a new array, without -1; empty if the rank is unknown
   */
  public int[] standIn() {
    return standIn.clone();
  }

  /**
   * Says whether every dimension is known.
   *
   * @return false if the rank is unknown or a dimension is dynamic
   */
  public boolean isStatic() {
    if (dims == null) {
      return false;
    }
    for (int d : dims) {
      if (d < 0) {
        return false;
      }
    }
    return true;
  }

  /**
   * Returns the number of elements.
   *
   * @return the product of the dimensions; 1 for a scalar
   * @throws IllegalStateException if the shape is not static
   * @throws ArithmeticException if the product does not fit a long
   */
  public long elementCount() {
    if (!isStatic()) {
      throw new IllegalStateException("the shape " + this + " has no fixed element count");
    }
    return product(known());
  }

  /**
   * Returns the number of elements with stand-ins for dynamic dimensions.
   *
   * @return the product of the lengths that a runtime allocates at first; 1 for an unknown rank
   * @throws ArithmeticException if the product does not fit a long
   */
  public long standInElementCount() {
    return product(standIn);
  }

  private static long product(int[] dims) {
    long n = 1;
    for (int d : dims) {
      if (d == 0) {
        return 0;
      }
    }
    for (int d : dims) {
      n = Math.multiplyExact(n, d);
    }
    return n;
  }

  private int[] known() {
    if (dims == null) {
      throw new IllegalStateException("the rank is unknown; check hasRank() first");
    }
    return dims;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Shape s && Arrays.equals(dims, s.dims);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(dims);
  }

  /** Returns the shape as {@code [1, 224, ?, 3]}, or {@code [*]} if the rank is unknown. */
  @Override
  public String toString() {
    return dims == null
        ? "[*]"
        : Arrays.stream(dims)
            .mapToObj(d -> d < 0 ? "?" : Integer.toString(d))
            .collect(Collectors.joining(", ", "[", "]"));
  }
}
