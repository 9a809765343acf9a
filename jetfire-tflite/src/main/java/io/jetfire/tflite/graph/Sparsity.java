package io.jetfire.tflite.graph;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How the non-zero blocks of a sparse constant are stored ({@code SparsityParameters} of the TFLite
 * schema, after the TACO format). Arrays are copied in and out.
 *
 * @param traversalOrder the order of the dimensions, block dimensions after the original ones
 * @param blockMap the original dimension of each block dimension
 * @param dimensions one per traversed dimension
 */
public record Sparsity(int[] traversalOrder, int[] blockMap, List<Dimension> dimensions) {
  /** Copies the collections. */
  public Sparsity {
    traversalOrder = traversalOrder.clone();
    blockMap = blockMap.clone();
    dimensions = List.copyOf(dimensions);
  }

  @Override
  public int[] traversalOrder() {
    return traversalOrder.clone();
  }

  @Override
  public int[] blockMap() {
    return blockMap.clone();
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Sparsity s
        && Arrays.equals(traversalOrder, s.traversalOrder)
        && Arrays.equals(blockMap, s.blockMap)
        && dimensions.equals(s.dimensions);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(traversalOrder) + dimensions.hashCode();
  }

  @Override
  public String toString() {
    return "Sparsity[order " + Arrays.toString(traversalOrder) + ", " + dimensions + "]";
  }

  /**
   * One traversed dimension.
   *
   * @param dense whether all of it is stored
   * @param denseSize its length if dense, otherwise 0
   * @param segments where the indices of each row begin (CSR), or null if dense
   * @param indices the stored indices (CSR), or null if dense
   */
  public record Dimension(
      boolean dense, int denseSize, @Nullable Indices segments, @Nullable Indices indices) {}

  /**
   * A list of indices with its width in the file. The array is copied.
   *
   * @param bytes 4, 2 or 1: the width of one index in the file; the narrow ones are unsigned
   * @param values the indices
   */
  public record Indices(int bytes, int[] values) {
    /** Copies the array. */
    public Indices {
      values = values.clone();
    }

    @Override
    public int[] values() {
      return values.clone();
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Indices i && bytes == i.bytes && Arrays.equals(values, i.values);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(values);
    }

    @Override
    public String toString() {
      return values.length + " indices of " + bytes + " bytes";
    }
  }
}
