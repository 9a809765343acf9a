package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The output shapes and types of each operator. */
final class ShapeRules {
  private ShapeRules() {}

  /** The type and shape of one output. */
  record Result(ElementType type, Shape shape) {}

  /** An operator whose inputs contradict each other. */
  static final class Contradiction extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Contradiction(String message) {
      super(message);
    }
  }

  /** What the operator gives; what it declares where there is no rule. */
  static List<Result> infer(Op op) {
    OpKind kind = op.kind();
    switch (kind) {
      case SPLIT, SPLIT_V -> {
        return split(op);
      }
      case UNPACK -> {
        Value x = op.input(0);
        Shape shape = Shape.unknown();
        if (x.shape().hasRank()) {
          int axis = axis(op.integer("axis"), x.shape().rank());
          shape = Shape.of(without(x.shape().dims(), axis));
        }
        return repeat(new Result(x.type(), shape), op.integer("num"));
      }
      case TOPK_V2 -> {
        Value x = op.input(0);
        int[] k = ShapeValues.ints(op.input(1));
        Shape shape = x.shape();
        if (shape.hasRank()) {
          int[] dims = shape.dims();
          dims[dims.length - 1] = k == null ? -1 : k[0];
          shape = Shape.of(dims);
        }
        ElementType index =
            op.outputs().size() > 1 && op.output(1).type() == ElementType.INT16
                ? ElementType.INT16
                : ElementType.INT32;
        return List.of(new Result(x.type(), shape), new Result(index, shape));
      }
      case IF, WHILE, CALL -> {
        return called(op);
      }
      case UNIQUE -> {
        return List.of(
            new Result(op.input(0).type(), Shape.of(-1)),
            new Result(op.choice("idx_out_type", ElementType.class), op.input(0).shape()));
      }
      case NON_MAX_SUPPRESSION_V4, NON_MAX_SUPPRESSION_V5 -> {
        int[] most = ShapeValues.ints(op.input(2));
        Shape n = Shape.of(most == null ? -1 : most[0]);
        Result count = new Result(ElementType.INT32, Shape.scalar());
        return kind == OpKind.NON_MAX_SUPPRESSION_V4
            ? List.of(new Result(ElementType.INT32, n), count)
            : List.of(new Result(ElementType.INT32, n), new Result(ElementType.FLOAT32, n), count);
      }
      default -> {
        Result r = single(op);
        if (r != null) {
          return List.of(r);
        }
        List<Result> declared = new ArrayList<>();
        for (Value v : op.outputs()) {
          declared.add(new Result(v.type(), v.shape()));
        }
        return declared;
      }
    }
  }

  private static @Nullable Result single(Op op) {
    OpKind kind = op.kind();
    if (op.inputs().isEmpty() || op.outputs().size() > 1) {
      return null;
    }
    Value x = op.optionalInput(0).orElse(null);
    if (x == null) {
      return null;
    }
    Shape s = x.shape();
    if (Elementwise.UNARY.contains(kind)) {
      return new Result(x.type(), s);
    } else if (Elementwise.BINARY.contains(kind)) {
      return new Result(x.type(), broadcast(s, op.input(1).shape()));
    } else if (Elementwise.COMPARISON.contains(kind)) {
      return new Result(ElementType.BOOL, broadcast(s, op.input(1).shape()));
    }
    return switch (kind) {
      case SOFTMAX,
          LOG_SOFTMAX,
          L2_NORMALIZATION,
          CUMSUM,
          REVERSE_V2,
          REVERSE_SEQUENCE,
          LOCAL_RESPONSE_NORMALIZATION,
          MATRIX_SET_DIAG,
          ADD_N ->
          new Result(x.type(), s);
      case SELECT, SELECT_V2 -> {
        Shape both = broadcast(op.input(1).shape(), op.input(2).shape());
        boolean rows = kind == OpKind.SELECT && s.hasRank() && s.rank() == 1;
        yield new Result(op.input(1).type(), rows ? both : broadcast(s, both));
      }
      case CAST -> {
        ElementType to = op.output(0).type();
        yield new Result(
            op.isSet("out_data_type") ? op.choice("out_data_type", ElementType.class) : to, s);
      }
      case QUANTIZE -> new Result(op.output(0).type(), s);
      case DEQUANTIZE -> new Result(ElementType.FLOAT32, s);
      case RESHAPE -> new Result(x.type(), reshape(op));
      case SQUEEZE, EXPAND_DIMS -> {
        int[] axis = op.inputs().size() > 1 ? ShapeValues.constant(op.input(1)) : null;
        if (!s.hasRank() || (kind == OpKind.EXPAND_DIMS && axis == null)) {
          yield new Result(x.type(), Shape.unknown());
        }
        yield new Result(x.type(), Shape.of(squeezeOrExpand(op, s.dims(), axis)));
      }
      case TRANSPOSE -> {
        int[] perm = ShapeValues.constant(op.input(1));
        if (!s.hasRank() || perm == null) {
          yield new Result(x.type(), s.hasRank() ? open(s.rank()) : Shape.unknown());
        }
        check(perm.length == s.rank(), "the permutation " + Arrays.toString(perm) + " of " + s);
        int[] dims = new int[perm.length];
        for (int i = 0; i < dims.length; i++) {
          dims[i] = s.dim(perm[i]);
        }
        yield new Result(x.type(), Shape.of(dims));
      }
      case CONCATENATION -> new Result(x.type(), concat(op));
      case PACK -> {
        if (!s.hasRank()) {
          yield new Result(x.type(), s);
        }
        Shape merged = s;
        for (Value v : op.inputs()) {
          merged = v == null ? merged : merge(merged, v.shape());
        }
        int axis = axis(op.integer("axis"), s.rank() + 1);
        yield new Result(x.type(), Shape.of(insert(merged.dims(), axis, op.inputs().size())));
      }
      case SLICE -> slice(op);
      case STRIDED_SLICE -> stridedSlice(op);
      case GATHER -> {
        Shape i = op.input(1).shape();
        if (!s.hasRank() || !i.hasRank()) {
          yield new Result(x.type(), Shape.unknown());
        }
        int axis = axis(op.integer("axis"), s.rank());
        int batch = axis(op.integer("batch_dims"), i.rank());
        check(axis >= 0 && axis < s.rank() && batch <= axis, "axis " + axis + " of " + s);
        yield new Result(
            x.type(),
            Shape.of(
                MovementKernels.join(
                    Arrays.copyOf(s.dims(), axis),
                    Arrays.copyOfRange(i.dims(), batch, i.rank()),
                    Arrays.copyOfRange(s.dims(), axis + 1, s.rank()))));
      }
      case GATHER_ND -> {
        Shape i = op.input(1).shape();
        if (!s.hasRank() || !i.hasRank() || i.dim(-1) < 0) {
          yield new Result(x.type(), Shape.unknown());
        }
        check(i.dim(-1) <= s.rank(), "indices of " + i.dim(-1) + " coordinates into " + s);
        yield new Result(
            x.type(),
            Shape.of(
                MovementKernels.join(
                    Arrays.copyOf(i.dims(), i.rank() - 1),
                    Arrays.copyOfRange(s.dims(), i.dim(-1), s.rank()))));
      }
      case SCATTER_ND -> new Result(op.input(1).type(), fromVector(op.input(2)));
      case PAD, PADV2, MIRROR_PAD -> {
        int[] p = ShapeValues.constant(op.input(1));
        if (!s.hasRank()) {
          yield new Result(x.type(), s);
        }
        int[] dims = s.dims();
        check(p == null || p.length == 2 * dims.length, "paddings for another rank than " + s);
        for (int i = 0; i < dims.length; i++) {
          dims[i] = p == null || dims[i] < 0 ? -1 : dims[i] + p[2 * i] + p[2 * i + 1];
          check(dims[i] >= -1, "a negative padding that is larger than " + s);
        }
        yield new Result(x.type(), Shape.of(dims));
      }
      case TILE -> {
        int[] times = ShapeValues.ints(op.input(1));
        if (!s.hasRank()) {
          yield new Result(x.type(), s);
        }
        int[] dims = s.dims();
        for (int i = 0; i < dims.length; i++) {
          dims[i] = times == null || times[i] < 0 || dims[i] < 0 ? -1 : dims[i] * times[i];
        }
        yield new Result(x.type(), Shape.of(dims));
      }
      case BROADCAST_TO -> new Result(x.type(), fromVector(op.input(1)));
      case BROADCAST_ARGS -> {
        Shape b = op.input(1).shape();
        boolean known = s.isStatic() && b.isStatic();
        yield new Result(
            x.type(), Shape.of(known ? (int) Math.max(s.elementCount(), b.elementCount()) : -1));
      }
      case FILL -> new Result(op.input(1).type(), fromVector(x));
      case RANGE -> {
        int n = -1;
        if (x.isConstant() && op.input(1).isConstant() && op.input(2).isConstant()) {
          double a = x.floats()[0];
          double b = op.input(1).floats()[0];
          double d = op.input(2).floats()[0];
          n = d == 0 ? -1 : (int) Math.max(0, Math.ceil((b - a) / d));
        }
        yield new Result(x.type(), Shape.of(n));
      }
      case SHAPE ->
          new Result(
              op.choice("out_type", ElementType.class), Shape.of(s.hasRank() ? s.rank() : -1));
      case RANK -> new Result(ElementType.INT32, Shape.scalar());
      case ONE_HOT -> {
        int[] depth = ShapeValues.ints(op.input(1));
        if (!s.hasRank()) {
          yield new Result(op.input(2).type(), s);
        }
        int axis = op.integer("axis") < 0 ? s.rank() : op.integer("axis");
        yield new Result(
            op.input(2).type(), Shape.of(insert(s.dims(), axis, depth == null ? -1 : depth[0])));
      }
      case WHERE ->
          new Result(ElementType.INT64, s.hasRank() ? Shape.of(-1, s.rank()) : Shape.of(-1, -1));
      case ARG_MAX, ARG_MIN -> {
        int[] axis = ShapeValues.constant(op.input(1));
        ElementType to = op.choice("output_type", ElementType.class);
        if (!s.hasRank() || axis == null) {
          yield new Result(to, s.hasRank() ? open(s.rank() - 1) : s);
        }
        yield new Result(to, Shape.of(without(s.dims(), axis(axis[0], s.rank()))));
      }
      case SUM, MEAN, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN, REDUCE_ANY, REDUCE_ALL ->
          new Result(x.type(), reduce(op));
      case CONV_2D, DEPTHWISE_CONV_2D -> convolution(op);
      case TRANSPOSE_CONV -> new Result(op.input(2).type(), fromVector(x));
      case CONV_3D -> convolution3d(op);
      case CONV_3D_TRANSPOSE -> new Result(op.input(2).type(), fromVector(x));
      case FULLY_CONNECTED -> fullyConnected(op);
      case BATCH_MATMUL -> matMul(op);
      case AVERAGE_POOL_2D, MAX_POOL_2D, L2_POOL_2D -> {
        if (!s.hasRank()) {
          yield new Result(x.type(), s);
        }
        check(s.rank() == 4, "pooling of " + s);
        yield new Result(
            x.type(),
            Shape.of(
                s.dim(0),
                length(
                    s.dim(1), op.integer("filter_height"), op.integer("stride_h"), 1, op.padding()),
                length(
                    s.dim(2), op.integer("filter_width"), op.integer("stride_w"), 1, op.padding()),
                s.dim(3)));
      }
      case RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR -> {
        int[] size = ShapeValues.ints(op.input(1));
        if (!s.hasRank()) {
          yield new Result(x.type(), s);
        }
        check(s.rank() == 4, "resizing of " + s);
        yield new Result(
            x.type(),
            Shape.of(s.dim(0), size == null ? -1 : size[0], size == null ? -1 : size[1], s.dim(3)));
      }
      case SPACE_TO_DEPTH, DEPTH_TO_SPACE -> {
        if (!s.hasRank()) {
          yield new Result(x.type(), s);
        }
        int b = op.integer("block_size");
        int[] d = s.dims();
        boolean down = kind == OpKind.SPACE_TO_DEPTH;
        check(
            down ? d[1] % b == 0 && d[2] % b == 0 || d[1] < 0 || d[2] < 0 : d[3] % (b * b) == 0,
            "blocks of " + b + " in " + s);
        yield new Result(
            x.type(),
            Shape.of(
                d[0],
                d[1] < 0 ? -1 : down ? d[1] / b : d[1] * b,
                d[2] < 0 ? -1 : down ? d[2] / b : d[2] * b,
                d[3] < 0 ? -1 : down ? d[3] * b * b : d[3] / (b * b)));
      }
      case SPACE_TO_BATCH_ND, BATCH_TO_SPACE_ND -> blocks(op);
      case EMBEDDING_LOOKUP -> {
        Shape w = op.input(1).shape();
        yield new Result(
            op.output(0).type(),
            w.hasRank() && s.hasRank()
                ? Shape.of(
                    MovementKernels.join(
                        new int[] {s.dim(0)}, Arrays.copyOfRange(w.dims(), 1, w.rank())))
                : Shape.unknown());
      }
      case RANDOM_UNIFORM, RANDOM_STANDARD_NORMAL -> new Result(ElementType.FLOAT32, fromVector(x));
      case SPARSE_TO_DENSE -> new Result(op.input(2).type(), fromVector(op.input(1)));
      case COMPLEX_ABS, REAL, IMAG -> new Result(ElementType.FLOAT32, s);
      case UNIDIRECTIONAL_SEQUENCE_LSTM -> {
        Shape w =
            op.input(16 < op.inputs().size() && op.optionalInput(16).isPresent() ? 16 : 2).shape();
        if (!s.hasRank() || !w.hasRank()) {
          yield new Result(x.type(), Shape.unknown());
        }
        yield new Result(x.type(), Shape.of(s.dim(0), s.dim(1), w.dim(0)));
      }
      case UNIDIRECTIONAL_SEQUENCE_RNN ->
          s.hasRank() && op.input(1).shape().hasRank()
              ? new Result(x.type(), Shape.of(s.dim(0), s.dim(1), op.input(1).shape().dim(0)))
              : null;
      case DYNAMIC_UPDATE_SLICE -> new Result(x.type(), s);
      case BUCKETIZE -> new Result(ElementType.INT32, s);
      default -> null;
    };
  }

  // ---- helpers

  static Shape broadcast(Shape a, Shape b) {
    if (!a.hasRank() || !b.hasRank()) {
      return Shape.unknown();
    }
    int rank = Math.max(a.rank(), b.rank());
    int[] out = new int[rank];
    for (int i = 0; i < rank; i++) {
      int x = i < rank - a.rank() ? 1 : a.dim(i - rank + a.rank());
      int y = i < rank - b.rank() ? 1 : b.dim(i - rank + b.rank());
      check(x == y || x == 1 || y == 1 || x < 0 || y < 0, a + " and " + b + " do not broadcast");
      out[i] = x == 1 ? y : y == 1 ? x : Math.max(x, y);
    }
    return Shape.of(out);
  }

  private static Shape merge(Shape a, Shape b) {
    if (!a.hasRank() || !b.hasRank()) {
      return a.hasRank() ? a : b;
    }
    check(a.rank() == b.rank(), a + " beside " + b);
    int[] out = new int[a.rank()];
    for (int i = 0; i < out.length; i++) {
      check(a.dim(i) == b.dim(i) || a.dim(i) < 0 || b.dim(i) < 0, a + " beside " + b);
      out[i] = Math.max(a.dim(i), b.dim(i));
    }
    return Shape.of(out);
  }

  private static Shape reshape(Op op) {
    int[] to =
        op.inputs().size() > 1 && op.optionalInput(1).isPresent()
            ? ShapeValues.ints(op.input(1))
            : op.integers("new_shape");
    if (to == null) {
      Shape vector = op.input(1).shape();
      return vector.isStatic() ? open((int) vector.elementCount()) : Shape.unknown();
    }
    boolean partial =
        op.inputs().size() > 1
            && op.optionalInput(1).isPresent()
            && ShapeValues.constant(op.input(1)) == null;
    int[] dims = to.clone();
    int opens = 0;
    long known = 1;
    int at = -1;
    for (int i = 0; i < dims.length; i++) {
      check(dims[i] >= -1, "a dimension " + dims[i] + " in the new shape");
      if (dims[i] < 0) {
        opens++;
        at = i;
      } else {
        known *= dims[i];
      }
    }
    Shape s = op.input(0).shape();
    check(opens <= 1 || partial, "the new shape " + Arrays.toString(to) + " with two open sizes");
    if (s.isStatic()) {
      long n = s.elementCount();
      if (opens == 1) {
        check(known == 0 ? n == 0 : n % known == 0, s + " reshaped to " + Arrays.toString(to));
        dims[at] = known == 0 ? 0 : (int) (n / known);
      } else if (opens == 0) {
        check(n == known, s + " reshaped to " + Arrays.toString(to));
      }
    }
    return Shape.of(dims);
  }

  static int[] squeezeOrExpand(Op op, int[] dims, int @Nullable [] axisInput) {
    if (op.kind() == OpKind.EXPAND_DIMS) {
      check(axisInput != null && axisInput.length == 1, "EXPAND_DIMS without an axis");
      int axis = axis(java.util.Objects.requireNonNull(axisInput)[0], dims.length + 1);
      return insert(dims, axis, 1);
    }
    int[] axes = op.integers("squeeze_dims");
    boolean[] gone = new boolean[dims.length];
    for (int a : axes) {
      int axis = axis(a, dims.length);
      check(
          axis >= 0 && axis < dims.length && (dims[axis] == 1 || dims[axis] < 0),
          "squeezing axis " + a + " of " + Arrays.toString(dims));
      gone[axis] = true;
    }
    List<Integer> kept = new ArrayList<>();
    for (int i = 0; i < dims.length; i++) {
      if (axes.length == 0 ? dims[i] != 1 : !gone[i]) {
        kept.add(dims[i]);
      }
    }
    return kept.stream().mapToInt(Integer::intValue).toArray();
  }

  private static Shape concat(Op op) {
    Shape first = op.input(0).shape();
    if (!first.hasRank()) {
      return first;
    }
    int axis = axis(op.integer("axis"), first.rank());
    check(axis >= 0 && axis < first.rank(), "axis " + op.integer("axis") + " of " + first);
    int[] dims = first.dims();
    dims[axis] = 0;
    for (Value v : op.inputs()) {
      if (v == null || !v.shape().hasRank()) {
        return open(first.rank());
      }
      check(v.shape().rank() == dims.length, first + " beside " + v.shape());
      for (int i = 0; i < dims.length; i++) {
        int d = v.shape().dim(i);
        if (i == axis) {
          dims[i] = d < 0 || dims[i] < 0 ? -1 : dims[i] + d;
        } else {
          check(dims[i] == d || dims[i] < 0 || d < 0, first + " beside " + v.shape());
          dims[i] = Math.max(dims[i], d);
        }
      }
    }
    return Shape.of(dims);
  }

  private static List<Result> split(Op op) {
    boolean even = op.kind() == OpKind.SPLIT;
    Value x = op.input(even ? 1 : 0);
    int[] axisValue = ShapeValues.constant(op.input(even ? 0 : 2));
    int n = op.integer("num_splits");
    if (!x.shape().hasRank() || axisValue == null) {
      return repeat(
          new Result(x.type(), x.shape().hasRank() ? open(x.shape().rank()) : Shape.unknown()), n);
    }
    int axis = axis(axisValue[0], x.shape().rank());
    check(axis >= 0 && axis < x.shape().rank(), "axis " + axisValue[0] + " of " + x.shape());
    int whole = x.shape().dim(axis);
    int[] sizes = even ? null : ShapeValues.constant(op.input(1));
    List<Result> out = new ArrayList<>();
    int rest = whole;
    if (sizes != null) {
      for (int size : sizes) {
        rest -= Math.max(0, size);
      }
    }
    for (int i = 0; i < n; i++) {
      int[] dims = x.shape().dims();
      if (even) {
        check(whole < 0 || whole % n == 0, x.shape() + " split into " + n);
        dims[axis] = whole < 0 ? -1 : whole / n;
      } else {
        dims[axis] = sizes == null ? -1 : sizes[i] >= 0 ? sizes[i] : whole < 0 ? -1 : rest;
      }
      out.add(new Result(x.type(), Shape.of(dims)));
    }
    return out;
  }

  private static Result slice(Op op) {
    Value x = op.input(0);
    Shape s = x.shape();
    int[] size = ShapeValues.constant(op.input(2));
    int[] begin = ShapeValues.constant(op.input(1));
    if (!s.hasRank()) {
      return new Result(x.type(), s);
    }
    int[] dims = new int[s.rank()];
    for (int i = 0; i < dims.length; i++) {
      if (size == null) {
        dims[i] = -1;
      } else if (size[i] >= 0) {
        dims[i] = size[i];
        check(
            begin == null || s.dim(i) < 0 || begin[i] + size[i] <= s.dim(i),
            "a slice to " + (begin == null ? 0 : begin[i] + size[i]) + " of " + s);
      } else {
        dims[i] = begin == null || s.dim(i) < 0 ? -1 : s.dim(i) - begin[i];
      }
    }
    return new Result(x.type(), Shape.of(dims));
  }

  private static Result stridedSlice(Op op) {
    Value x = op.input(0);
    Shape s = x.shape();
    int[] begin = ShapeValues.constant(op.input(1));
    int[] end = ShapeValues.constant(op.input(2));
    int[] step = ShapeValues.constant(op.input(3));
    if (!s.hasRank()) {
      return new Result(x.type(), Shape.unknown());
    }
    if (begin == null || end == null || step == null) {
      boolean plain =
          op.integer("ellipsis_mask") == 0
              && op.integer("new_axis_mask") == 0
              && op.integer("shrink_axis_mask") == 0;
      return new Result(x.type(), plain ? open(s.rank()) : Shape.unknown());
    }
    int[] with = s.standIn();
    MovementKernels.Slicing r = MovementKernels.slicing(with, begin, end, step, op);
    if (s.isStatic()) {
      return new Result(x.type(), Shape.of(r.outShape()));
    }
    // A dimension stays what it is only if it is taken whole; other slices of open ones are open.
    int[] probe = with.clone();
    for (int i = 0; i < probe.length; i++) {
      probe[i] = s.dim(i) < 0 ? 1009 : with[i];
    }
    int[] other = MovementKernels.slicing(probe, begin, end, step, op).outShape();
    int[] third = probe.clone();
    for (int i = 0; i < third.length; i++) {
      third[i] = s.dim(i) < 0 ? 2003 : with[i];
    }
    int[] last = MovementKernels.slicing(third, begin, end, step, op).outShape();
    int[] dims = new int[other.length];
    for (int i = 0; i < dims.length; i++) {
      dims[i] = other[i] == last[i] ? other[i] : -1;
    }
    return new Result(x.type(), Shape.of(dims));
  }

  private static Shape reduce(Op op) {
    Shape s = op.input(0).shape();
    int[] axes = ShapeValues.constant(op.input(1));
    boolean keep = op.flag("keep_dims");
    if (!s.hasRank()) {
      return s;
    }
    if (axes == null) {
      return keep ? open(s.rank()) : Shape.unknown();
    }
    boolean[] reduced = new boolean[s.rank()];
    for (int a : axes) {
      int axis = axis(a, s.rank());
      check(axis >= 0 && axis < s.rank(), "axis " + a + " of " + s);
      reduced[axis] = true;
    }
    List<Integer> dims = new ArrayList<>();
    for (int i = 0; i < reduced.length; i++) {
      if (!reduced[i]) {
        dims.add(s.dim(i));
      } else if (keep) {
        dims.add(1);
      }
    }
    return Shape.of(dims.stream().mapToInt(Integer::intValue).toArray());
  }

  static int length(int in, int kernel, int stride, int dilation, Padding padding) {
    if (in < 0) {
      return -1;
    }
    check(stride > 0, "a stride of " + stride);
    int n = SpatialKernels.outLength(in, kernel, stride, dilation, padding);
    check(n > 0 || in == 0, "a window of " + kernel + " on " + in + " elements");
    return n;
  }

  private static Result convolution(Op op) {
    Value x = op.input(0);
    Shape s = x.shape();
    Shape w = op.input(1).shape();
    if (!s.hasRank() || !w.isStatic()) {
      return new Result(x.type(), Shape.unknown());
    }
    check(s.rank() == 4 && w.rank() == 4, "a convolution of " + s + " with a filter of " + w);
    boolean depthwise = op.kind() == OpKind.DEPTHWISE_CONV_2D;
    int channels = s.dim(3);
    check(
        channels < 0
            || (depthwise ? w.dim(3) % channels == 0 : channels % Math.max(1, w.dim(3)) == 0),
        channels + " input channels with a filter of " + w);
    return new Result(
        x.type(),
        Shape.of(
            s.dim(0),
            length(
                s.dim(1),
                w.dim(1),
                op.integer("stride_h"),
                op.integer("dilation_h_factor"),
                op.padding()),
            length(
                s.dim(2),
                w.dim(2),
                op.integer("stride_w"),
                op.integer("dilation_w_factor"),
                op.padding()),
            depthwise ? w.dim(3) : w.dim(0)));
  }

  private static Result convolution3d(Op op) {
    Value x = op.input(0);
    Shape s = x.shape();
    Shape w = op.input(1).shape();
    if (!s.hasRank() || !w.isStatic()) {
      return new Result(x.type(), Shape.unknown());
    }
    check(s.rank() == 5 && w.rank() == 5, "a convolution of " + s + " with a filter of " + w);
    return new Result(
        x.type(),
        Shape.of(
            s.dim(0),
            length(
                s.dim(1),
                w.dim(0),
                op.integer("stride_d"),
                op.integer("dilation_d_factor"),
                op.padding()),
            length(
                s.dim(2),
                w.dim(1),
                op.integer("stride_h"),
                op.integer("dilation_h_factor"),
                op.padding()),
            length(
                s.dim(3),
                w.dim(2),
                op.integer("stride_w"),
                op.integer("dilation_w_factor"),
                op.padding()),
            w.dim(4)));
  }

  private static Result fullyConnected(Op op) {
    Value x = op.input(0);
    Shape s = x.shape();
    Shape w = op.input(1).shape();
    if (!s.hasRank() || !w.hasRank()) {
      return new Result(x.type(), Shape.unknown());
    }
    check(w.rank() == 2, "weights of " + w);
    if (op.flag("keep_num_dims")) {
      check(s.dim(-1) == w.dim(1) || s.dim(-1) < 0, s + " times weights of " + w);
      int[] dims = s.dims();
      dims[dims.length - 1] = w.dim(0);
      return new Result(x.type(), Shape.of(dims));
    }
    int rows = -1;
    if (s.isStatic() && w.dim(1) > 0) {
      check(s.elementCount() % w.dim(1) == 0, s + " times weights of " + w);
      rows = (int) (s.elementCount() / w.dim(1));
    }
    return new Result(x.type(), Shape.of(rows, w.dim(0)));
  }

  private static Result matMul(Op op) {
    Value x = op.input(0);
    Shape a = x.shape();
    Shape b = op.input(1).shape();
    if (!a.hasRank() || !b.hasRank()) {
      return new Result(x.type(), Shape.unknown());
    }
    check(a.rank() >= 2 && b.rank() >= 2, "a matrix product of " + a + " and " + b);
    boolean ax = op.flag("adj_x");
    boolean ay = op.flag("adj_y");
    int inner = a.dim(ax ? -2 : -1);
    int other = b.dim(ay ? -1 : -2);
    check(inner == other || inner < 0 || other < 0, "a matrix product of " + a + " and " + b);
    Shape batch =
        broadcast(
            Shape.of(Arrays.copyOf(a.dims(), a.rank() - 2)),
            Shape.of(Arrays.copyOf(b.dims(), b.rank() - 2)));
    return new Result(
        x.type(),
        Shape.of(
            MovementKernels.join(
                batch.dims(), new int[] {a.dim(ax ? -1 : -2), b.dim(ay ? -2 : -1)})));
  }

  private static Result blocks(Op op) {
    Value x = op.input(0);
    Shape s = x.shape();
    int[] block = ShapeValues.constant(op.input(1));
    int[] edges = ShapeValues.constant(op.input(2));
    if (!s.hasRank() || block == null || edges == null) {
      return new Result(x.type(), s.hasRank() ? open(s.rank()) : s);
    }
    int[] dims = s.dims();
    boolean down = op.kind() == OpKind.SPACE_TO_BATCH_ND;
    for (int i = 0; i < block.length; i++) {
      int edge = edges[2 * i] + edges[2 * i + 1];
      if (dims[i + 1] >= 0) {
        check(!down || (dims[i + 1] + edge) % block[i] == 0, "blocks of " + block[i] + " in " + s);
        dims[i + 1] = down ? (dims[i + 1] + edge) / block[i] : dims[i + 1] * block[i] - edge;
      }
      if (dims[0] >= 0) {
        dims[0] = down ? dims[0] * block[i] : dims[0] / block[i];
      }
    }
    return new Result(x.type(), Shape.of(dims));
  }

  private static List<Result> called(Op op) {
    Subgraph own = op.subgraph().orElse(null);
    String attribute =
        op.kind() == OpKind.IF
            ? "then_subgraph_index"
            : op.kind() == OpKind.WHILE ? "body_subgraph_index" : "subgraph";
    List<Result> out = new ArrayList<>();
    if (own == null || op.integer(attribute) >= own.graph().subgraphs().size()) {
      for (Value v : op.outputs()) {
        out.add(new Result(v.type(), v.shape()));
      }
      return out;
    }
    Subgraph body = own.graph().subgraphs().get(op.integer(attribute));
    for (int i = 0; i < body.outputs().size(); i++) {
      Value v = body.outputs().get(i);
      Shape shape = v.shape();
      if (op.kind() == OpKind.IF) {
        Value other =
            own.graph().subgraphs().get(op.integer("else_subgraph_index")).outputs().get(i);
        shape = same(shape, other.shape());
      } else if (op.kind() == OpKind.WHILE) {
        shape = same(shape, op.input(i).shape());
      }
      out.add(new Result(v.type(), shape));
    }
    return out;
  }

  /** What two alternatives have in common. */
  static Shape same(Shape a, Shape b) {
    if (!a.hasRank() || !b.hasRank() || a.rank() != b.rank()) {
      return Shape.unknown();
    }
    int[] dims = a.dims();
    for (int i = 0; i < dims.length; i++) {
      dims[i] = dims[i] == b.dim(i) ? dims[i] : -1;
    }
    return Shape.of(dims);
  }

  private static Shape fromVector(Value vector) {
    int[] dims = ShapeValues.ints(vector);
    if (dims != null) {
      return Shape.of(dims);
    }
    return vector.shape().isStatic() ? open((int) vector.shape().elementCount()) : Shape.unknown();
  }

  private static Shape open(int rank) {
    int[] dims = new int[rank];
    Arrays.fill(dims, -1);
    return Shape.of(dims);
  }

  static int axis(int axis, int rank) {
    return axis < 0 ? axis + rank : axis;
  }

  private static int[] insert(int[] dims, int axis, int value) {
    return MovementKernels.join(
        Arrays.copyOf(dims, axis), new int[] {value}, Arrays.copyOfRange(dims, axis, dims.length));
  }

  private static int[] without(int[] dims, int axis) {
    return MovementKernels.join(
        Arrays.copyOf(dims, axis), Arrays.copyOfRange(dims, axis + 1, dims.length));
  }

  private static List<Result> repeat(Result r, int times) {
    List<Result> out = new ArrayList<>();
    for (int i = 0; i < times; i++) {
      out.add(r);
    }
    return out;
  }

  private static void check(boolean condition, String found) {
    if (!condition) {
      throw new Contradiction(found);
    }
  }
}
