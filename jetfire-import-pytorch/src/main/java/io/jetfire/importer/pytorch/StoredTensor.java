package io.jetfire.importer.pytorch;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * A tensor of the file: a view of a storage, with the steps from one element to the next.
 *
 * @param origin where its storage lies, the same for tensors that share it
 * @param type its type, as {@link Types} numbers them
 * @param sizes its dimensions
 * @param strides per dimension, how many elements of the storage lie between neighbours
 * @param offset the storage's element that is the first
 * @param storage the bytes, little-endian
 */
record StoredTensor(
    String origin, int type, int[] sizes, long[] strides, long offset, ByteBuffer storage) {
  /** Elements that a view may have beyond those of its storage, by strides of 0. */
  private static final long MAX_REPEATED = 1 << 24;

  StoredTensor {
    storage = storage.slice().order(ByteOrder.LITTLE_ENDIAN);
    int bytes = Types.byteSize(type);
    long stored = storage.limit() / bytes;
    long last = offset;
    long count = 1;
    if (sizes.length != strides.length || sizes.length > 16 || offset < 0) {
      throw Zip.broken(
          "a tensor has " + sizes.length + " sizes and " + strides.length + " strides");
    }
    for (int i = 0; i < sizes.length; i++) {
      if (sizes[i] < 0 || strides[i] < 0 || strides[i] > Integer.MAX_VALUE) {
        throw Zip.broken("a tensor has the sizes " + Arrays.toString(sizes));
      }
      count *= sizes[i];
      last = Math.min(last + Math.max(0, sizes[i] - 1) * strides[i], 1L << 40);
      if (count > Math.max(MAX_REPEATED, stored)) {
        throw Zip.broken("a tensor has more elements than its storage");
      }
    }
    if (count > 0 && last >= stored) {
      throw Zip.broken("a tensor reaches beyond its storage");
    }
  }

  /** The same for tensors that have the same elements at the same place. */
  String identity() {
    return origin + ' ' + this + Arrays.toString(strides) + offset;
  }

  int count() {
    int n = 1;
    for (int d : sizes) {
      n *= d;
    }
    return n;
  }

  private boolean isContiguous() {
    long step = 1;
    for (int i = sizes.length - 1; i >= 0; i--) {
      if (sizes[i] != 1 && strides[i] != step) {
        return count() == 0;
      }
      step *= sizes[i];
    }
    return true;
  }

  /** The elements in row-major order; a slice of the storage where it has them so. */
  ByteBuffer bytes() {
    int size = Types.byteSize(type);
    int n = count();
    if (n == 0) {
      return ByteBuffer.allocate(0).order(ByteOrder.LITTLE_ENDIAN);
    }
    if (isContiguous()) {
      return storage.slice((int) (offset * size), n * size).order(ByteOrder.LITTLE_ENDIAN);
    }
    ByteBuffer out = ByteBuffer.allocate(n * size).order(ByteOrder.LITTLE_ENDIAN);
    int[] index = new int[sizes.length];
    long at = offset;
    for (int i = 0; i < n; i++) {
      out.put(i * size, storage, (int) (at * size), size);
      for (int d = sizes.length - 1; d >= 0; d--) {
        at += strides[d];
        if (++index[d] < sizes[d]) {
          break;
        }
        at -= strides[d] * sizes[d];
        index[d] = 0;
      }
    }
    return out;
  }

  @Override
  public String toString() {
    return Types.name(type) + Arrays.toString(sizes);
  }
}
