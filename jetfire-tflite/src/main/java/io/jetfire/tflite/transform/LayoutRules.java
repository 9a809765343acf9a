package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** How single operators take a permutation of the dimensions of their tensors. */
final class LayoutRules {
  private LayoutRules() {}

  /** What an operator does when its tensors are stored with other dimension order. */
  enum Kind {
    /** Nothing: it must have its tensors as they are. */
    FIXED,
    /** Works in either order; all its tensors are in the same. */
    FLEXIBLE,
    /** Takes its first tensor in either order; the result is the same. */
    ABSORBING,
    /** Computes on the last dimension as channels: convolutions, pooling, resizing. */
    CHANNELS_LAST
  }

  static Kind kind(Op op) {
    OpKind kind = op.kind();
    if (Elementwise.contains(kind)) {
      boolean perChannel =
          (kind == OpKind.DEQUANTIZE
                  && op.input(0).affine().map(a -> a.isPerChannel()).orElse(false))
              || (kind == OpKind.QUANTIZE
                  && op.output(0).affine().map(a -> a.isPerChannel()).orElse(false));
      return perChannel || op.activation() == Activation.SIGN_BIT ? Kind.FIXED : Kind.FLEXIBLE;
    }
    return switch (kind) {
      case CONCATENATION -> Kind.FLEXIBLE;
      case SPLIT -> constants(op, 0) ? Kind.FLEXIBLE : Kind.FIXED;
      case SPLIT_V -> constants(op, 1, 2) ? Kind.FLEXIBLE : Kind.FIXED;
      case PAD, MIRROR_PAD, TILE, REVERSE_V2, CUMSUM ->
          constants(op, 1) ? Kind.FLEXIBLE : Kind.FIXED;
      case BROADCAST_TO ->
          constants(op, 1)
                  && op.input(0).shape().hasRank()
                  && op.input(1).shape().elementCount() == op.input(0).shape().rank()
              ? Kind.FLEXIBLE
              : Kind.FIXED;
      case PADV2 -> constants(op, 1, 2) ? Kind.FLEXIBLE : Kind.FIXED;
      case SLICE -> constants(op, 1, 2) ? Kind.FLEXIBLE : Kind.FIXED;
      case STRIDED_SLICE ->
          constants(op, 1, 2, 3)
                  && op.input(0).shape().hasRank()
                  && op.input(1).shape().elementCount() == op.input(0).shape().rank()
                  && op.integer("ellipsis_mask") == 0
                  && op.integer("new_axis_mask") == 0
                  && op.integer("shrink_axis_mask") == 0
              ? Kind.FLEXIBLE
              : Kind.FIXED;
      case GATHER ->
          op.integer("batch_dims") == 0
                  && op.input(1).shape().hasRank()
                  && op.input(1).shape().rank() == 1
              ? Kind.FLEXIBLE
              : Kind.FIXED;
      case SUM,
          MEAN,
          REDUCE_PROD,
          REDUCE_MAX,
          REDUCE_MIN,
          REDUCE_ANY,
          REDUCE_ALL,
          ARG_MAX,
          ARG_MIN ->
          constants(op, 1) ? Kind.FLEXIBLE : Kind.FIXED;
      case SHAPE -> Kind.ABSORBING;
      case CONV_2D,
          DEPTHWISE_CONV_2D,
          AVERAGE_POOL_2D,
          MAX_POOL_2D,
          L2_POOL_2D,
          RESIZE_BILINEAR,
          RESIZE_NEAREST_NEIGHBOR,
          SPACE_TO_DEPTH,
          DEPTH_TO_SPACE,
          TRANSPOSE_CONV,
          CONV_3D,
          CONV_3D_TRANSPOSE,
          LOCAL_RESPONSE_NORMALIZATION,
          SPACE_TO_BATCH_ND,
          BATCH_TO_SPACE_ND ->
          Kind.CHANNELS_LAST;
      default -> Kind.FIXED;
    };
  }

  static boolean constants(Op op, int... inputs) {
    for (int i : inputs) {
      Value v = op.optionalInput(i).orElse(null);
      if (v == null || !v.isConstant() || v.data().orElseThrow().external().isPresent()) {
        return false;
      }
    }
    return true;
  }

  /** The inputs that are tensors of the operator's layout; the others are axes, sizes, indices. */
  static int[] dataInputs(Op op) {
    return switch (op.kind()) {
      case SPLIT -> new int[] {1};
      case SPLIT_V,
          PAD,
          PADV2,
          MIRROR_PAD,
          TILE,
          REVERSE_V2,
          CUMSUM,
          BROADCAST_TO,
          SLICE,
          STRIDED_SLICE,
          GATHER,
          SUM,
          MEAN,
          REDUCE_PROD,
          REDUCE_MAX,
          REDUCE_MIN,
          REDUCE_ANY,
          REDUCE_ALL,
          ARG_MAX,
          ARG_MIN,
          SHAPE,
          RESHAPE ->
          new int[] {0};
      default -> {
        int[] all = new int[op.inputs().size()];
        for (int i = 0; i < all.length; i++) {
          all[i] = i;
        }
        yield all;
      }
    };
  }

  /** The axes that a reduction without kept dimensions removes; null for other operators. */
  static int @Nullable [] removedAxes(Op op) {
    boolean arg = op.kind() == OpKind.ARG_MAX || op.kind() == OpKind.ARG_MIN;
    boolean reduction = arg;
    switch (op.kind()) {
      case SUM, MEAN, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN, REDUCE_ANY, REDUCE_ALL ->
          reduction = !op.flag("keep_dims");
      default -> {}
    }
    if (!reduction) {
      return null;
    }
    int rank = op.input(0).shape().rank();
    int[] axes = op.input(1).ints();
    for (int i = 0; i < axes.length; i++) {
      axes[i] = axes[i] < 0 ? axes[i] + rank : axes[i];
    }
    return axes;
  }

  /**
   * Rewrites the attributes and constant inputs of a flexible operator.
   *
   * @param perm which old dimension each new one is
   */
  static void permute(Op op, int[] perm) {
    Subgraph g = op.subgraph().orElseThrow();
    if (!Elementwise.contains(op.kind())) {
      for (int i : dataInputs(op)) {
        Value v = op.optionalInput(i).orElse(null);
        if (v != null && v.isConstant()) {
          op.input(i, broadcastPermuted(v, perm));
        }
      }
    }
    switch (op.kind()) {
      case CONCATENATION -> op.set("axis", moved(op.integer("axis"), perm));
      case SPLIT -> op.input(0, movedAxes(g, op.input(0), perm));
      case SPLIT_V -> op.input(2, movedAxes(g, op.input(2), perm));
      case SUM,
          MEAN,
          REDUCE_PROD,
          REDUCE_MAX,
          REDUCE_MIN,
          REDUCE_ANY,
          REDUCE_ALL,
          ARG_MAX,
          ARG_MIN,
          REVERSE_V2,
          CUMSUM ->
          op.input(1, movedAxes(g, op.input(1), perm));
      case PAD, PADV2, MIRROR_PAD -> op.input(1, permuted(g, op.input(1), perm, 2));
      case TILE, BROADCAST_TO -> op.input(1, permuted(g, op.input(1), perm, 1));
      case SLICE -> {
        op.input(1, permuted(g, op.input(1), perm, 1));
        op.input(2, permuted(g, op.input(2), perm, 1));
      }
      case STRIDED_SLICE -> {
        for (int i = 1; i <= 3; i++) {
          op.input(i, permuted(g, op.input(i), perm, 1));
        }
        op.set("begin_mask", movedMask(op.integer("begin_mask"), perm));
        op.set("end_mask", movedMask(op.integer("end_mask"), perm));
      }
      case GATHER -> op.set("axis", moved(op.integer("axis"), perm));
      default -> {
        if (!Elementwise.contains(op.kind())) {
          throw new IllegalStateException("no layout rule for " + op);
        }
        for (int i = 0; i < op.inputs().size(); i++) {
          Value v = op.optionalInput(i).orElse(null);
          if (v != null && v.isConstant() && v.shape().elementCount() != 1) {
            op.input(i, broadcastPermuted(v, perm));
          }
        }
      }
    }
  }

  /** A constant operand of lower or equal rank, with all dimensions written out and permuted. */
  static Value broadcastPermuted(Value v, int[] perm) {
    int[] dims = new int[perm.length];
    Arrays.fill(dims, 1);
    int shift = perm.length - v.shape().rank();
    for (int i = 0; i < v.shape().rank(); i++) {
      dims[shift + i] = v.shape().dim(i);
    }
    Value full = v;
    if (shift != 0) {
      full =
          v.subgraph()
              .addConstant(v.name(), v.type(), Shape.of(dims), v.data().orElseThrow())
              .quantization(v.quantization().orElse(null));
    }
    Value out = Permutations.transposed(full, perm);
    return out.quantization(v.quantization().orElse(null));
  }

  static int moved(int axis, int[] perm) {
    return Permutations.inverse(perm)[axis < 0 ? axis + perm.length : axis];
  }

  private static int movedMask(int mask, int[] perm) {
    int out = 0;
    for (int i = 0; i < perm.length; i++) {
      out |= (mask >> perm[i] & 1) << i;
    }
    return out;
  }

  private static Value movedAxes(Subgraph g, Value axes, int[] perm) {
    int[] out = axes.ints();
    for (int i = 0; i < out.length; i++) {
      out[i] = moved(out[i], perm);
    }
    return integers(g, axes, axes.shape(), out);
  }

  /** Rows of a constant of one row per dimension. */
  private static Value permuted(Subgraph g, Value v, int[] perm, int columns) {
    long[] in = v.longs();
    long[] out = new long[in.length];
    for (int i = 0; i < perm.length; i++) {
      for (int c = 0; c < columns; c++) {
        out[i * columns + c] = in[perm[i] * columns + c];
      }
    }
    HostTensor t = HostTensor.ofIntegers(v.type(), out, v.shape().dims());
    return g.addConstant(v.name(), v.type(), v.shape(), Weights.of(t.bytes()));
  }

  private static Value integers(Subgraph g, Value like, Shape shape, int[] values) {
    long[] longs = Arrays.stream(values).asLongStream().toArray();
    HostTensor t = HostTensor.ofIntegers(like.type(), longs, shape.dims());
    return g.addConstant(like.name(), like.type(), shape, Weights.of(t.bytes()));
  }

  /** How a RESHAPE of a channels-first tensor can work on the channels-last one. */
  enum ReshapeKind {
    NONE,
    /** The order of elements is the same in both. */
    SAME_ORDER,
    /** Batch and channels stay dimensions 0 and 1; only the space between is reshaped. */
    SPACE,
    /** Everything but the batch becomes one dimension. */
    FLATTEN
  }

  /** Classifies a reshape by the dimensions in channels-first order. */
  static ReshapeKind reshapeKind(Shape from, Shape to) {
    if (!from.hasRank() || !to.hasRank()) {
      return ReshapeKind.NONE;
    }
    int[] dims = from.dims();
    for (int i = 1; i < dims.length; i++) {
      if (dims[i] < 0) {
        return ReshapeKind.NONE;
      }
    }
    if (Permutations.keepsOrder(dims, Permutations.toLast(dims.length))) {
      return ReshapeKind.SAME_ORDER;
    }
    long rest = 1;
    for (int i = 1; i < dims.length; i++) {
      rest *= dims[i];
    }
    if (to.rank() == 2 && to.dim(1) == rest && sameBatch(from, to)) {
      return ReshapeKind.FLATTEN;
    }
    long sameRest = 1;
    for (int i = 1; i < to.rank(); i++) {
      sameRest = to.dim(i) < 0 ? -1 : sameRest * to.dim(i);
      if (sameRest < 0) {
        return ReshapeKind.NONE;
      }
    }
    if (to.rank() >= 3
        && to.rank() <= 5
        && to.dim(1) == dims[1]
        && sameRest == rest
        && sameBatch(from, to)) {
      return ReshapeKind.SPACE;
    }
    return ReshapeKind.NONE;
  }

  private static boolean sameBatch(Shape from, Shape to) {
    return from.dim(0) == to.dim(0);
  }

  /**
   * Where each element of a flattened channels-last image is in the flattened channels-first one.
   */
  static int[] flattened(int[] firstDims) {
    int[] space = Arrays.copyOfRange(firstDims, 1, firstDims.length);
    int[] strides = HostTensor.strides(space);
    List<Integer> order = new ArrayList<>();
    for (int i = 1; i < space.length; i++) {
      order.add(i);
    }
    order.add(0);
    int[] perm = order.stream().mapToInt(Integer::intValue).toArray();
    return HostTensor.places(Permutations.apply(space, perm), 0, Permutations.apply(strides, perm));
  }

  /** A constant whose last dimension is reordered: element i of it is the old element map[i]. */
  static Value reordered(Value v, int[] map) {
    int bits = v.type().bits();
    if (bits < 8) {
      HostTensor t = MovementKernels.take(ConstantFolding.tensor(v), map, v.shape().rank() - 1);
      return like(v, Weights.of(t.bytes()));
    }
    int width = bits / 8;
    var in = v.data().orElseThrow().bytes();
    int start = in.position();
    byte[] out = new byte[in.remaining()];
    int rows = out.length / (map.length * width);
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < map.length; i++) {
        in.get(start + (r * map.length + map[i]) * width, out, (r * map.length + i) * width, width);
      }
    }
    return like(v, Weights.of(java.nio.ByteBuffer.wrap(out)));
  }

  private static Value like(Value v, Weights data) {
    return v.subgraph()
        .addConstant(v.name(), v.type(), v.shape(), data)
        .quantization(v.quantization().orElse(null));
  }
}
