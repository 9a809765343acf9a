package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.MirrorPadMode;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Evaluates single operators in Java, to fold constants and to check passes.
 *
 * <p>Semantics are those of TFLite's reference kernels on unquantized tensors.
 */
final class Kernels {
  private Kernels() {}

  /**
   * Evaluates an operator.
   *
   * @param inputs one per input, null for one that is left out
   * @return one per output, or null if no Java kernel covers the case
   * @throws RuntimeException if the inputs do not fit the operator
   */
  static @Nullable List<HostTensor> evaluate(Op op, List<@Nullable HostTensor> inputs) {
    HostTensor one = single(op, inputs);
    if (one != null) {
      return List.of(one);
    }
    return switch (op.kind()) {
      case SPLIT -> {
        HostTensor value = at(inputs, 1);
        int n = op.integer("num_splits");
        int axis = axis(at(inputs, 0).ints()[0], value.rank());
        int[] sizes = new int[n];
        Arrays.fill(sizes, value.dim(axis) / n);
        yield pieces(value, sizes, axis);
      }
      case SPLIT_V -> {
        HostTensor value = at(inputs, 0);
        int axis = axis(at(inputs, 2).ints()[0], value.rank());
        int[] sizes = at(inputs, 1).ints();
        int left = value.dim(axis);
        for (int s : sizes) {
          left -= Math.max(0, s);
        }
        for (int i = 0; i < sizes.length; i++) {
          sizes[i] = sizes[i] < 0 ? left : sizes[i];
        }
        yield pieces(value, sizes, axis);
      }
      case UNPACK -> {
        HostTensor value = at(inputs, 0);
        int axis = axis(op.integer("axis"), value.rank());
        List<HostTensor> out = new ArrayList<>();
        for (int i = 0; i < value.dim(axis); i++) {
          HostTensor piece = MovementKernels.take(value, new int[] {i}, axis);
          out.add(piece.reshape(without(value.shape(), axis)));
        }
        yield out;
      }
      case TOPK_V2 -> List.of(ReductionKernels.topK(at(inputs, 0), at(inputs, 1).ints()[0]));
      default -> null;
    };
  }

  private static @Nullable HostTensor single(Op op, List<@Nullable HostTensor> in) {
    OpKind kind = op.kind();
    if (in.size() == 1 && in.get(0) != null) {
      HostTensor x = at(in, 0);
      var real = ElementwiseKernels.realUnary(kind, op);
      var whole = ElementwiseKernels.integerUnary(kind);
      if (x.isReal() ? real != null : whole != null) {
        return ElementwiseKernels.unary(x, real, whole);
      }
    }
    if (in.size() == 2 && in.get(0) != null && in.get(1) != null) {
      HostTensor out = ElementwiseKernels.binary(kind, at(in, 0), at(in, 1));
      if (out != null) {
        return ElementwiseKernels.activate(out, op.activation());
      }
    }
    return switch (kind) {
      case CAST -> ElementwiseKernels.cast(at(in, 0), op.output(0).type());
      case SELECT, SELECT_V2 -> {
        HostTensor c = at(in, 0);
        HostTensor x = at(in, 1);
        if (kind == OpKind.SELECT && c.rank() == 1 && x.rank() > 1) {
          int[] shape = new int[x.rank()];
          Arrays.fill(shape, 1);
          shape[0] = c.dim(0);
          c = c.reshape(shape);
        }
        yield ElementwiseKernels.select(c, x, at(in, 2));
      }
      case RESHAPE -> {
        HostTensor x = at(in, 0);
        int[] to = in.size() > 1 ? at(in, 1).ints() : op.integers("new_shape");
        yield x.reshape(resolve(to, x.size()));
      }
      case SQUEEZE, EXPAND_DIMS -> {
        HostTensor x = at(in, 0);
        int[] shape =
            ShapeRules.squeezeOrExpand(op, x.shape(), in.size() > 1 ? at(in, 1).ints() : null);
        yield x.reshape(shape);
      }
      case TRANSPOSE -> MovementKernels.transpose(at(in, 0), positive(at(in, 1)));
      case CONCATENATION ->
          ElementwiseKernels.activate(
              MovementKernels.concat(all(in), op.integer("axis")), op.activation());
      case PACK -> {
        HostTensor x = at(in, 0);
        int axis = axis(op.integer("axis"), x.rank() + 1);
        int[] shape =
            MovementKernels.join(
                Arrays.copyOf(x.shape(), axis),
                new int[] {1},
                Arrays.copyOfRange(x.shape(), axis, x.rank()));
        yield MovementKernels.concat(all(in).stream().map(t -> t.reshape(shape)).toList(), axis);
      }
      case SLICE -> MovementKernels.slice(at(in, 0), at(in, 1).ints(), at(in, 2).ints());
      case STRIDED_SLICE -> {
        HostTensor x = at(in, 0);
        yield MovementKernels.stridedSlice(
            x,
            MovementKernels.slicing(
                x.shape(), at(in, 1).ints(), at(in, 2).ints(), at(in, 3).ints(), op));
      }
      case GATHER ->
          MovementKernels.gather(
              at(in, 0), at(in, 1), op.integer("axis"), op.integer("batch_dims"));
      case GATHER_ND -> MovementKernels.gatherNd(at(in, 0), at(in, 1));
      case SCATTER_ND -> MovementKernels.scatterNd(at(in, 0), at(in, 1), at(in, 2).ints());
      case PAD -> MovementKernels.pad(at(in, 0), at(in, 1).ints(), 0, 0);
      case PADV2 -> {
        HostTensor fill = at(in, 2);
        yield MovementKernels.pad(at(in, 0), at(in, 1).ints(), fill.real(0), fill.integer(0));
      }
      case MIRROR_PAD ->
          MovementKernels.mirrorPad(
              at(in, 0),
              at(in, 1).ints(),
              op.choice("mode", MirrorPadMode.class) == MirrorPadMode.SYMMETRIC);
      case TILE -> MovementKernels.tile(at(in, 0), at(in, 1).ints());
      case REVERSE_V2 -> MovementKernels.reverse(at(in, 0), at(in, 1).ints());
      case BROADCAST_TO -> {
        HostTensor x = at(in, 0);
        int[] shape = at(in, 1).ints();
        yield x.gather(x.broadcastPlaces(shape), shape);
      }
      case BROADCAST_ARGS -> {
        int[] shape = ElementwiseKernels.broadcast(at(in, 0).ints(), at(in, 1).ints());
        yield ElementwiseKernels.cast(HostTensor.ofInts(shape), at(in, 0).type());
      }
      case FILL -> {
        int[] shape = at(in, 0).ints();
        HostTensor v = at(in, 1);
        yield v.reshape().gather(new int[HostTensor.count(shape)], shape);
      }
      case RANGE -> range(at(in, 0), at(in, 1), at(in, 2));
      case SHAPE -> {
        HostTensor shape = HostTensor.ofInts(at(in, 0).shape());
        yield ElementwiseKernels.cast(shape, op.choice("out_type", ElementType.class));
      }
      case RANK -> HostTensor.ofInts(at(in, 0).rank()).reshape();
      case ONE_HOT ->
          MovementKernels.oneHot(
              at(in, 0), at(in, 1).ints()[0], at(in, 2), at(in, 3), op.integer("axis"));
      case WHERE -> MovementKernels.where(at(in, 0));
      case CUMSUM ->
          ReductionKernels.cumulativeSum(
              at(in, 0), at(in, 1).ints()[0], op.flag("exclusive"), op.flag("reverse"));
      case ARG_MAX, ARG_MIN ->
          ReductionKernels.argBest(
              at(in, 0),
              at(in, 1).ints()[0],
              kind == OpKind.ARG_MAX,
              op.choice("output_type", ElementType.class));
      case SUM, MEAN, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN, REDUCE_ANY, REDUCE_ALL ->
          ReductionKernels.reduce(kind, at(in, 0), at(in, 1).ints(), op.flag("keep_dims"));
      case SOFTMAX -> ReductionKernels.softmax(at(in, 0), op.real("beta"), false);
      case LOG_SOFTMAX -> ReductionKernels.softmax(at(in, 0), 1, true);
      case L2_NORMALIZATION -> ReductionKernels.l2Normalize(at(in, 0));
      case SPACE_TO_DEPTH -> MovementKernels.spaceToDepth(at(in, 0), op.integer("block_size"));
      case DEPTH_TO_SPACE -> MovementKernels.depthToSpace(at(in, 0), op.integer("block_size"));
      case SPACE_TO_BATCH_ND ->
          MovementKernels.spaceToBatch(at(in, 0), at(in, 1).ints(), at(in, 2).ints());
      case BATCH_TO_SPACE_ND ->
          MovementKernels.batchToSpace(at(in, 0), at(in, 1).ints(), at(in, 2).ints());
      case CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV, FULLY_CONNECTED, BATCH_MATMUL ->
          product(op, in);
      case AVERAGE_POOL_2D, MAX_POOL_2D, L2_POOL_2D -> {
        HostTensor x = at(in, 0);
        if (!x.isReal()) {
          yield null;
        }
        SpatialKernels.Pool pool =
            kind == OpKind.MAX_POOL_2D
                ? SpatialKernels.Pool.MAX
                : kind == OpKind.L2_POOL_2D ? SpatialKernels.Pool.L2 : SpatialKernels.Pool.AVERAGE;
        yield ElementwiseKernels.activate(SpatialKernels.pool(x, op, pool), op.activation());
      }
      case RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR ->
          at(in, 0).isReal() || kind == OpKind.RESIZE_NEAREST_NEIGHBOR
              ? SpatialKernels.resize(
                  at(in, 0), at(in, 1).ints(), kind == OpKind.RESIZE_BILINEAR, op)
              : null;
      case DEQUANTIZE -> dequantize(op, at(in, 0));
      default -> null;
    };
  }

  private static @Nullable HostTensor product(Op op, List<@Nullable HostTensor> in) {
    for (HostTensor t : in.subList(op.kind() == OpKind.TRANSPOSE_CONV ? 1 : 0, in.size())) {
      if (t != null && !t.isReal() && op.kind() != OpKind.BATCH_MATMUL) {
        return null;
      }
    }
    HostTensor bias = in.size() > 2 ? in.get(2) : null;
    HostTensor out =
        switch (op.kind()) {
          case CONV_2D -> SpatialKernels.conv(at(in, 0), at(in, 1), bias, op, false);
          case DEPTHWISE_CONV_2D -> SpatialKernels.conv(at(in, 0), at(in, 1), bias, op, true);
          case TRANSPOSE_CONV ->
              SpatialKernels.transposeConv(
                  at(in, 0).ints(), at(in, 1), at(in, 2), in.size() > 3 ? in.get(3) : null, op);
          case FULLY_CONNECTED ->
              SpatialKernels.fullyConnected(at(in, 0), at(in, 1), bias, op.flag("keep_num_dims"));
          default ->
              SpatialKernels.batchMatMul(at(in, 0), at(in, 1), op.flag("adj_x"), op.flag("adj_y"));
        };
    return ElementwiseKernels.activate(out, op.activation());
  }

  private static @Nullable HostTensor dequantize(Op op, HostTensor x) {
    if (x.isReal()) {
      return ElementwiseKernels.cast(x, ElementType.FLOAT32);
    }
    var affine = op.input(0).affine();
    if (affine.isEmpty()) {
      return null;
    }
    var q = affine.get();
    int inner = 1;
    int channels = 1;
    if (q.isPerChannel()) {
      channels = x.dim(q.axis());
      inner = HostTensor.count(Arrays.copyOfRange(x.shape(), q.axis() + 1, x.rank()));
    }
    HostTensor out = HostTensor.allocate(ElementType.FLOAT32, x.shape());
    for (int i = 0; i < x.size(); i++) {
      int c = i / inner % channels;
      out.set(i, (double) q.scale(c) * (x.integers()[i] - q.zeroPoint(c)));
    }
    return out;
  }

  private static HostTensor range(HostTensor start, HostTensor limit, HostTensor delta) {
    double step = delta.real(0);
    int n = (int) Math.max(0, Math.ceil((limit.real(0) - start.real(0)) / step));
    HostTensor out = HostTensor.allocate(start.type(), n);
    for (int i = 0; i < n; i++) {
      if (out.isReal()) {
        out.set(i, start.real(0) + i * step);
      } else {
        out.set(i, start.integer(0) + i * delta.integer(0));
      }
    }
    return out;
  }

  private static List<HostTensor> pieces(HostTensor x, int[] sizes, int axis) {
    List<HostTensor> out = new ArrayList<>();
    int[] begin = new int[x.rank()];
    for (int size : sizes) {
      int[] shape = x.shape().clone();
      shape[axis] = size;
      out.add(MovementKernels.slice(x, begin, shape));
      begin[axis] += size;
    }
    return out;
  }

  static int[] resolve(int[] to, int elements) {
    int[] shape = to.clone();
    int open = -1;
    long known = 1;
    for (int i = 0; i < shape.length; i++) {
      if (shape[i] < 0) {
        open = i;
      } else {
        known *= shape[i];
      }
    }
    if (open >= 0) {
      shape[open] = known == 0 ? 0 : (int) (elements / known);
    }
    return shape;
  }

  static int axis(int axis, int rank) {
    return axis < 0 ? axis + rank : axis;
  }

  private static int[] positive(HostTensor axes) {
    int[] out = axes.ints();
    for (int i = 0; i < out.length; i++) {
      out[i] = axis(out[i], out.length);
    }
    return out;
  }

  private static int[] without(int[] shape, int axis) {
    return MovementKernels.join(
        Arrays.copyOf(shape, axis), Arrays.copyOfRange(shape, axis + 1, shape.length));
  }

  private static HostTensor at(List<@Nullable HostTensor> in, int index) {
    HostTensor t = index < in.size() ? in.get(index) : null;
    if (t == null) {
      throw new IllegalArgumentException("input " + index + " is missing");
    }
    return t;
  }

  private static List<HostTensor> all(List<@Nullable HostTensor> in) {
    List<HostTensor> out = new ArrayList<>();
    for (int i = 0; i < in.size(); i++) {
      out.add(at(in, i));
    }
    return out;
  }
}
