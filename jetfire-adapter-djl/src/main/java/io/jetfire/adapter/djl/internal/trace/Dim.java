package io.jetfire.adapter.djl.internal.trace;

import java.util.List;

/**
 * A whole number in a recorded computation that may be a multiple of the batch size.
 *
 * <p>A block is traced with two batch sizes; a number that grew with the batch (the extent of an
 * output, the first argument of a {@code reshape}) becomes {@code value * batch}, every other one
 * stays as it was. So a recorded computation can be replayed and converted with any batch size.
 *
 * @param value the number, or the factor of the batch size
 * @param ofBatch whether {@code value} is to be multiplied with the batch size
 */
public record Dim(long value, boolean ofBatch) {

  /** A number that does not depend on the batch size. */
  public static Dim of(long value) {
    return new Dim(value, false);
  }

  /** A multiple of the batch size. */
  public static Dim ofBatch(long factor) {
    return new Dim(factor, true);
  }

  /** The number for one batch size. */
  public long at(long batch) {
    return ofBatch ? Math.multiplyExact(value, batch) : value;
  }

  /** The numbers of a list for one batch size. */
  public static long[] at(List<Dim> dims, long batch) {
    return dims.stream().mapToLong(d -> d.at(batch)).toArray();
  }

  @Override
  public String toString() {
    if (!ofBatch) {
      return Long.toString(value);
    }
    return value == 1 ? "batch" : value + "*batch";
  }
}
