package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Permutations of dimensions, and constants stored under them. */
final class Permutations {
  private Permutations() {}

  /** From channels-first to channels-last: {@code 0, 2, ..., rank-1, 1}. */
  static int[] toLast(int rank) {
    int[] p = new int[rank];
    for (int i = 1; i < rank - 1; i++) {
      p[i] = i + 1;
    }
    p[rank - 1] = 1;
    return p;
  }

  /** From channels-last to channels-first: {@code 0, rank-1, 1, ..., rank-2}. */
  static int[] toFirst(int rank) {
    return inverse(toLast(rank));
  }

  static int[] inverse(int[] perm) {
    int[] out = new int[perm.length];
    for (int i = 0; i < perm.length; i++) {
      out[perm[i]] = i;
    }
    return out;
  }

  /** The permutation of doing {@code first}, then {@code second}. */
  static int[] compose(int[] first, int[] second) {
    int[] out = new int[first.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = first[second[i]];
    }
    return out;
  }

  static boolean isIdentity(int[] perm) {
    for (int i = 0; i < perm.length; i++) {
      if (perm[i] != i) {
        return false;
      }
    }
    return true;
  }

  static int[] apply(int[] dims, int[] perm) {
    int[] out = new int[perm.length];
    for (int i = 0; i < perm.length; i++) {
      out[i] = dims[perm[i]];
    }
    return out;
  }

  /** True if the permutation moves only dimensions of size 1, so that the bytes stay in order. */
  static boolean keepsOrder(int[] dims, int[] perm) {
    int last = -1;
    for (int p : perm) {
      if (dims[p] != 1) {
        if (p < last) {
          return false;
        }
        last = p;
      }
    }
    return true;
  }

  /** A constant in the same subgraph with permuted dimensions; elements of whole bytes only. */
  static Value transposed(Value x, int[] perm) {
    int[] dims = x.shape().dims();
    int[] shape = apply(dims, perm);
    Weights data = x.data().orElseThrow();
    Weights moved = keepsOrder(dims, perm) ? data : Weights.of(permute(x, perm));
    return x.subgraph().addConstant(x.name() + "/transposed", x.type(), Shape.of(shape), moved);
  }

  private static ByteBuffer permute(Value x, int[] perm) {
    if (x.type().bits() < 8) {
      return MovementKernels.transpose(ConstantFolding.tensor(x), perm).bytes();
    }
    int width = x.type().bits() / 8;
    int[] dims = x.shape().dims();
    int[] strides = apply(HostTensor.strides(dims), perm);
    int[] shape = apply(dims, perm);
    int[] places = HostTensor.places(shape, 0, strides);
    ByteBuffer in = x.data().orElseThrow().bytes();
    int start = in.position();
    ByteBuffer out = ByteBuffer.allocate(places.length * width).order(ByteOrder.LITTLE_ENDIAN);
    for (int place : places) {
      int at = start + place * width;
      switch (width) {
        case 1 -> out.put(in.get(at));
        case 2 -> out.putShort(in.getShort(at));
        case 4 -> out.putInt(in.getInt(at));
        case 8 -> out.putLong(in.getLong(at));
        default -> {
          out.putLong(in.getLong(at));
          out.putLong(in.getLong(at + 8));
        }
      }
    }
    return out.flip();
  }
}
