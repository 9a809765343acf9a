package io.jetfire.tflite.format;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Checks one operator against what its kernel takes for granted. */
final class OpCheck {
  // Kernels multiply windows, strides and dilations in 32 bits.
  private static final int MOST_WINDOW = 1 << 20;

  // Parsed without a look at whether they are there, or all zero without them.
  private static final Set<OpKind> NEED_OPTIONS =
      EnumSet.of(
          OpKind.CONV_2D,
          OpKind.DEPTHWISE_CONV_2D,
          OpKind.CONV_3D,
          OpKind.CONV_3D_TRANSPOSE,
          OpKind.TRANSPOSE_CONV,
          OpKind.AVERAGE_POOL_2D,
          OpKind.MAX_POOL_2D,
          OpKind.L2_POOL_2D,
          OpKind.FULLY_CONNECTED,
          OpKind.SOFTMAX,
          OpKind.CONCATENATION,
          OpKind.SVDF,
          OpKind.RNN,
          OpKind.LSTM,
          OpKind.UNIDIRECTIONAL_SEQUENCE_LSTM,
          OpKind.BIDIRECTIONAL_SEQUENCE_LSTM,
          OpKind.UNIDIRECTIONAL_SEQUENCE_RNN,
          OpKind.BIDIRECTIONAL_SEQUENCE_RNN,
          OpKind.SPACE_TO_DEPTH,
          OpKind.DEPTH_TO_SPACE,
          OpKind.STRIDED_SLICE,
          OpKind.SPLIT,
          OpKind.SPLIT_V,
          OpKind.PACK,
          OpKind.UNPACK,
          OpKind.IF,
          OpKind.WHILE,
          OpKind.CALL_ONCE,
          OpKind.LEAKY_RELU,
          OpKind.MIRROR_PAD,
          OpKind.BATCH_MATMUL,
          OpKind.STABLEHLO_COMPOSITE,
          OpKind.LOCAL_RESPONSE_NORMALIZATION,
          OpKind.VAR_HANDLE,
          OpKind.BUCKETIZE);

  private static final Set<OpKind> UNARY =
      EnumSet.of(
          OpKind.ABS,
          OpKind.CEIL,
          OpKind.COS,
          OpKind.ELU,
          OpKind.EXP,
          OpKind.FLOOR,
          OpKind.GELU,
          OpKind.HARD_SWISH,
          OpKind.L2_NORMALIZATION,
          OpKind.LEAKY_RELU,
          OpKind.LOG,
          OpKind.LOGISTIC,
          OpKind.LOG_SOFTMAX,
          OpKind.NEG,
          OpKind.RELU,
          OpKind.RELU6,
          OpKind.RELU_0_TO_1,
          OpKind.RELU_N1_TO_1,
          OpKind.ROUND,
          OpKind.RSQRT,
          OpKind.SIGN,
          OpKind.SIN,
          OpKind.SQRT,
          OpKind.SQUARE,
          OpKind.TANH,
          OpKind.SOFTMAX,
          OpKind.LOCAL_RESPONSE_NORMALIZATION,
          OpKind.LOGICAL_NOT);

  private static final Set<OpKind> BINARY =
      EnumSet.of(
          OpKind.ADD,
          OpKind.SUB,
          OpKind.MUL,
          OpKind.DIV,
          OpKind.POW,
          OpKind.MAXIMUM,
          OpKind.MINIMUM,
          OpKind.SQUARED_DIFFERENCE,
          OpKind.FLOOR_DIV,
          OpKind.FLOOR_MOD,
          OpKind.ATAN2);

  private static final Set<OpKind> COMPARISONS =
      EnumSet.of(
          OpKind.EQUAL,
          OpKind.NOT_EQUAL,
          OpKind.LESS,
          OpKind.LESS_EQUAL,
          OpKind.GREATER,
          OpKind.GREATER_EQUAL);

  // Move values without computing, so types stay.
  private static final Set<OpKind> MOVERS =
      EnumSet.of(
          OpKind.RESHAPE,
          OpKind.SQUEEZE,
          OpKind.EXPAND_DIMS,
          OpKind.TRANSPOSE,
          OpKind.PAD,
          OpKind.PADV2,
          OpKind.MIRROR_PAD,
          OpKind.SLICE,
          OpKind.STRIDED_SLICE,
          OpKind.GATHER,
          OpKind.GATHER_ND,
          OpKind.TILE,
          OpKind.CONCATENATION,
          OpKind.PACK,
          OpKind.UNPACK,
          OpKind.AVERAGE_POOL_2D,
          OpKind.MAX_POOL_2D,
          OpKind.L2_POOL_2D,
          OpKind.SPACE_TO_DEPTH,
          OpKind.DEPTH_TO_SPACE,
          OpKind.BATCH_TO_SPACE_ND,
          OpKind.SPACE_TO_BATCH_ND,
          OpKind.RESIZE_BILINEAR,
          OpKind.RESIZE_NEAREST_NEIGHBOR,
          OpKind.REVERSE_V2,
          OpKind.BROADCAST_TO,
          OpKind.CUMSUM,
          OpKind.REVERSE_SEQUENCE,
          OpKind.MATRIX_DIAG,
          OpKind.MATRIX_SET_DIAG,
          OpKind.DYNAMIC_UPDATE_SLICE);

  private final ModelCheck.Problems problems;
  private final String where;
  private final ModelCheck.WorkBudget budget;

  OpCheck(ModelCheck.Problems problems, String where, ModelCheck.WorkBudget budget) {
    this.budget = budget;
    this.problems = problems;
    this.where = where;
  }

  void check(Op op) {
    if (op.kind() == OpKind.CUSTOM) {
      if (op.customName().isEmpty()) {
        problem(op, "a custom operator without a name");
      }
      return;
    }
    if (op.kind().options().isPresent()
        && op.options().isPresent()
        && !op.options().equals(op.kind().options())) {
      problem(op, "it carries " + op.options().get() + " instead of " + op.kind().options().get());
      return;
    }
    if (NEED_OPTIONS.contains(op.kind()) && op.options().isEmpty()) {
      problem(op, "its options are missing");
      return;
    }
    if (!checkArity(op)) {
      return;
    }
    checkTypes(op);
    checkScales(op);
    switch (op.kind()) {
      case CONV_2D -> checkConv(op);
      case DEPTHWISE_CONV_2D -> checkDepthwise(op);
      case TRANSPOSE_CONV -> checkTransposeConv(op);
      case CONV_3D, CONV_3D_TRANSPOSE -> checkConv3d(op);
      case AVERAGE_POOL_2D, MAX_POOL_2D, L2_POOL_2D -> checkPool(op);
      case FULLY_CONNECTED -> checkFullyConnected(op);
      case SVDF -> checkSvdf(op);
      case BATCH_MATMUL -> checkBatchMatMul(op);
      case CONCATENATION -> checkConcatenation(op);
      case RESHAPE, SQUEEZE, EXPAND_DIMS -> checkSameCount(op);
      case TRANSPOSE -> checkTranspose(op);
      case PAD, PADV2, MIRROR_PAD -> checkPad(op);
      case SPACE_TO_DEPTH, DEPTH_TO_SPACE -> positive(op, "block_size", MOST_WINDOW);
      case BATCH_TO_SPACE_ND, SPACE_TO_BATCH_ND -> checkBlocks(op);
      case RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR -> checkResize(op);
      case SPLIT, SPLIT_V -> count(op, "num_splits", op.outputs().size());
      case UNPACK -> count(op, "num", op.outputs().size());
      case PACK -> count(op, "values_count", op.inputs().size());
      case GATHER -> checkGather(op);
      case STRIDED_SLICE -> checkStridedSlice(op);
      case TILE, FILL, BROADCAST_TO, SLICE -> checkShapeInput(op);
      case MEAN, SUM, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN, REDUCE_ANY, REDUCE_ALL ->
          checkAxes(op, 1);
      case ARG_MAX, ARG_MIN -> checkAxes(op, 1);
      case LOCAL_RESPONSE_NORMALIZATION -> {
        if (op.integer("radius") < 0) {
          problem(op, "radius is " + op.integer("radius"));
        }
      }
      case FAKE_QUANT -> {
        int bits = op.has("num_bits") ? op.integer("num_bits") : 8;
        if (bits < 2 || bits > 16) {
          problem(op, "num_bits is " + bits + "; kernels take 2 to 16");
        }
      }
      default -> {}
    }
  }

  private void problem(Op op, String text) {
    problems.add(where + ", " + op + ": " + text);
  }

  // ---- inputs, outputs, types

  private boolean checkArity(Op op) {
    OpArity arity = OpArity.of(op).orElse(null);
    if (arity == null) {
      return true;
    }
    int in = op.inputs().size();
    int out = op.outputs().size();
    if (in < arity.minInputs() || in > arity.maxInputs()) {
      problem(op, in + " inputs; it takes " + range(arity.minInputs(), arity.maxInputs()));
      return false;
    }
    if (out < arity.minOutputs() || out > arity.maxOutputs()) {
      problem(op, out + " outputs; it makes " + range(arity.minOutputs(), arity.maxOutputs()));
      return false;
    }
    for (int i = 0; i < in; i++) {
      boolean mayBeAbsent = arity.optional().contains(i) && !(op.kind() == OpKind.LSTM && in == 5);
      if (op.inputs().get(i) == null && !mayBeAbsent) {
        problem(op, "input " + i + " is left out, but it is needed");
        return false;
      }
    }
    if (!op.mutatingInputs().isEmpty() && op.mutatingInputs().size() != in) {
      problem(op, op.mutatingInputs().size() + " mutating flags for " + in + " inputs");
    }
    return true;
  }

  private static String range(int low, int high) {
    return low == high
        ? "" + low
        : high == Integer.MAX_VALUE ? low + " or more" : low + " to " + high;
  }

  private void checkTypes(Op op) {
    OpKind kind = op.kind();
    if (op.outputs().isEmpty() || op.inputs().isEmpty()) {
      return;
    }
    ElementType in = op.optionalInput(0).map(Value::type).orElse(ElementType.FLOAT32);
    ElementType out = op.output(0).type();
    boolean rescaled = in == ElementType.INT8 && out == ElementType.INT16;
    if (kind == OpKind.SPLIT) {
      in = op.input(1).type();
    }
    if ((UNARY.contains(kind) && !rescaled)
        || BINARY.contains(kind)
        || MOVERS.contains(kind)
        || kind == OpKind.SPLIT
        || kind == OpKind.SPLIT_V) {
      for (Value v : op.outputs()) {
        if (v.type() != in) {
          problem(op, "it turns " + in + " into " + v.type() + ", which no kernel does");
          return;
        }
      }
      out = op.output(0).type();
    }
    if (BINARY.contains(kind) || COMPARISONS.contains(kind)) {
      if (op.input(1).type() != in) {
        problem(op, "its inputs are " + in + " and " + op.input(1).type());
        return;
      }
      checkBroadcast(op);
    }
    if (kind == OpKind.CONCATENATION || kind == OpKind.PACK || kind == OpKind.ADD_N) {
      for (Value v : op.inputs()) {
        if (v != null && v.type() != in) {
          problem(op, "its inputs are " + in + " and " + v.type());
          return;
        }
      }
    }
    if (COMPARISONS.contains(kind) && out != ElementType.BOOL) {
      problem(op, "a comparison makes BOOL, not " + out);
    }
    if (UNARY.contains(kind)) {
      checkSameShape(op);
    }
  }

  private void checkBroadcast(Op op) {
    Shape a = op.input(0).shape();
    Shape b = op.input(1).shape();
    if (!a.isStatic() || !b.isStatic()) {
      return;
    }
    int rank = Math.max(a.rank(), b.rank());
    int[] out = new int[rank];
    for (int i = 1; i <= rank; i++) {
      int da = i <= a.rank() ? a.dim(-i) : 1;
      int db = i <= b.rank() ? b.dim(-i) : 1;
      if (da != db && da != 1 && db != 1) {
        problem(op, "shapes " + a + " and " + b + " do not go together");
        return;
      }
      out[rank - i] = da == 1 ? db : da;
    }
    declared(op, Shape.of(out));
  }

  private void checkSameShape(Op op) {
    Shape in = op.input(0).shape();
    if (in.isStatic()) {
      declared(op, in);
    }
  }

  // A file that declares another shape than the kernel makes hides what a run takes. A scalar may
  // be
  // written as [] or [1], and files older than has_rank leave [] for the unknown.
  private void declared(Op op, Shape computed) {
    Shape declared = op.output(0).shape();
    if (declared.isStatic()
        && !declared.equals(computed)
        && !(declared.rank() == 0 || computed.rank() == 0)) {
      problem(op, "the output is declared as " + declared + ", the kernel makes " + computed);
    }
  }

  private void checkScales(Op op) {
    switch (op.kind()) {
      case CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED -> {
        boolean integerInput = isQuantizedType(op.input(0).type());
        boolean integerWeights =
            isQuantizedType(op.input(1).type()) || op.input(1).type().bits() < 8;
        if (integerWeights && op.input(1).quantization().isEmpty()) {
          problem(op, "its integer weights " + op.input(1).name() + " carry no quantization");
        } else if (integerInput
            && (op.input(0).affine().isEmpty()
                || (isQuantizedType(op.output(0).type()) && op.output(0).affine().isEmpty()))) {
          problem(op, "its integer activations carry no quantization");
        }
      }
      case SOFTMAX -> softmaxScale(op);
      case ADD, SUB -> addScales(op);
      case SQUARED_DIFFERENCE -> ratio(op, 1 << 7);
      case AVERAGE_POOL_2D,
          RELU,
          RELU6,
          LOGISTIC,
          TANH,
          HARD_SWISH,
          L2_NORMALIZATION,
          CONCATENATION,
          MUL,
          LEAKY_RELU,
          PRELU,
          MEAN,
          LOG_SOFTMAX -> {
        if ((op.input(0).type() == ElementType.INT8 || op.input(0).type() == ElementType.UINT8)
            && (scale(op.input(0)).isEmpty() || scale(op.output(0)).isEmpty())) {
          problem(op, "its integer tensors carry no quantization");
        }
      }
      default -> {
        if (COMPARISONS.contains(op.kind())) {
          for (Value v : List.of(op.input(0), op.input(1))) {
            if (isQuantizedType(v.type()) && scale(v).orElse(0f) >= 1) {
              problem(op, "the kernel takes scales below 1 only; " + v.name() + " has more");
            }
          }
        }
      }
    }
  }

  private static boolean isQuantizedType(ElementType type) {
    return type == ElementType.INT8 || type == ElementType.UINT8 || type == ElementType.INT16;
  }

  private static Optional<Float> scale(Value v) {
    return v.affine().map(a -> a.scale(0));
  }

  // The kernel needs beta * scale * 2^26 above 1 and stops the process otherwise.
  private void softmaxScale(Op op) {
    if (op.input(0).type() == ElementType.INT8 || op.input(0).type() == ElementType.UINT8) {
      double product = (double) op.real("beta") * scale(op.input(0)).orElse(0f) * (1 << 26);
      if (!(product > 1)) {
        problem(op, "beta times scale is too small for the integer kernel");
      }
    } else if (!Float.isFinite(op.real("beta"))) {
      problem(op, "beta is " + op.real("beta"));
    }
  }

  // The kernels bring both inputs to twice the bigger scale, shifted left, and then down again;
  // they
  // stop the process if that is not down.
  private void addScales(Op op) {
    ElementType type = op.input(0).type();
    if (type == ElementType.INT8 || type == ElementType.UINT8) {
      ratio(op, 1 << 20);
    } else if (type == ElementType.INT16 && op.input(0).affine().isPresent()) {
      ratio(op, 1 << 15);
    }
  }

  private void ratio(Op op, int shift) {
    if (!isQuantizedType(op.input(0).type())) {
      return;
    }
    float a = scale(op.input(0)).orElse(0f);
    float b = scale(op.input(1)).orElse(0f);
    float out = scale(op.output(0)).orElse(0f);
    if (a <= 0 || b <= 0 || out <= 0 || 2.0 * Math.max(a, b) / ((double) shift * out) >= 1) {
      problem(op, "scales " + a + ", " + b + " and " + out + " are too far apart or missing");
    }
  }

  // ---- windows

  private boolean positive(Op op, String attribute, int most) {
    int value = op.has(attribute) ? op.integer(attribute) : 1;
    if (value < 1 || value > most) {
      problem(op, attribute + " is " + value + "; it must lie between 1 and " + most);
      return false;
    }
    return true;
  }

  private boolean positive(Op op, String... attributes) {
    boolean ok = true;
    for (String a : attributes) {
      ok &= positive(op, a, MOST_WINDOW);
    }
    return ok;
  }

  private boolean rank(Op op, int input, int rank) {
    Shape s = op.input(input).shape();
    if (s.hasRank() && s.rank() != rank) {
      problem(op, "input " + input + " has the shape " + s + "; the kernel takes rank " + rank);
      return false;
    }
    return s.hasRank();
  }

  private void checkConv(Op op) {
    boolean attributes =
        positive(op, "stride_w", "stride_h", "dilation_w_factor", "dilation_h_factor");
    if (!(rank(op, 0, 4) & rank(op, 1, 4)) || !attributes) {
      return;
    }
    Shape in = op.input(0).shape();
    Shape filter = op.input(1).shape();
    if (!filter.isStatic()) {
      return;
    }
    int channels = filter.dim(3);
    if (in.dim(3) > 0
        && (channels == 0
            || in.dim(3) % channels != 0
            || filter.dim(0) % (in.dim(3) / channels) != 0)) {
      problem(
          op,
          "an input of shape "
              + in
              + " does not fit a filter of shape "
              + filter
              + " [out, height, width, in]");
      return;
    }
    checkBias(op, 2, filter.dim(0));
    checkWindow(
        op,
        filter.dim(1),
        filter.dim(2),
        op.integer("dilation_h_factor"),
        op.integer("dilation_w_factor"),
        filter.dim(0));
  }

  private void checkDepthwise(Op op) {
    boolean attributes =
        positive(op, "stride_w", "stride_h", "dilation_w_factor", "dilation_h_factor");
    if (!(rank(op, 0, 4) & rank(op, 1, 4)) || !attributes) {
      return;
    }
    Shape in = op.input(0).shape();
    Shape filter = op.input(1).shape();
    if (!filter.isStatic()) {
      return;
    }
    if (filter.dim(0) != 1 || (in.dim(3) > 0 && filter.dim(3) % in.dim(3) != 0)) {
      problem(
          op,
          "an input of shape "
              + in
              + " does not fit a depthwise filter of shape "
              + filter
              + " [1, height, width, channels]");
      return;
    }
    int multiplier = op.integer("depth_multiplier");
    if (multiplier < 0
        || (multiplier > 0 && in.dim(3) > 0 && (long) multiplier * in.dim(3) != filter.dim(3))) {
      problem(op, "depth_multiplier is " + multiplier + " for " + in + " and " + filter);
      return;
    }
    checkBias(op, 2, filter.dim(3));
    checkWindow(
        op,
        filter.dim(1),
        filter.dim(2),
        op.integer("dilation_h_factor"),
        op.integer("dilation_w_factor"),
        filter.dim(3));
  }

  private void checkPool(Op op) {
    if (positive(op, "stride_w", "stride_h", "filter_width", "filter_height") && rank(op, 0, 4)) {
      checkWindow(
          op,
          op.integer("filter_height"),
          op.integer("filter_width"),
          1,
          1,
          op.input(0).shape().dim(3));
    }
  }

  // The output must have at least one position, and the one that the file declares.
  private void checkWindow(
      Op op, int height, int width, int dilationH, int dilationW, int channels) {
    Shape in = op.input(0).shape();
    if (height < 1 || width < 1) {
      problem(op, "a window of " + height + " by " + width);
      return;
    }
    if (in.dim(1) < 0 || in.dim(2) < 0 || in.dim(0) < 0) {
      return;
    }
    long h = positions(op, in.dim(1), height, dilationH, op.integer("stride_h"));
    long w = positions(op, in.dim(2), width, dilationW, op.integer("stride_w"));
    if (h < 1 || w < 1) {
      problem(
          op,
          "a window of "
              + height
              + " by "
              + width
              + " (dilated by "
              + dilationH
              + ", "
              + dilationW
              + ") finds no place in an input of shape "
              + in);
    } else if (channels > 0) {
      declared(op, Shape.of(in.dim(0), (int) h, (int) w, channels));
    }
  }

  private static long positions(Op op, int in, int window, int dilation, int stride) {
    long effective = (window - 1L) * dilation + 1;
    return op.padding() == Padding.SAME
        ? (in + (long) stride - 1) / stride
        : (in - effective + stride) / stride;
  }

  private void checkBias(Op op, int input, int channels) {
    Shape bias = op.optionalInput(input).map(Value::shape).orElse(Shape.unknown());
    if (bias.isStatic() && bias.elementCount() != channels) {
      problem(op, "a bias of shape " + bias + " for " + channels + " output channels");
    }
  }

  private void checkTransposeConv(Op op) {
    boolean attributes = positive(op, "stride_w", "stride_h");
    if (!(rank(op, 1, 4) & rank(op, 2, 4)) || !attributes) {
      return;
    }
    Shape filter = op.input(1).shape();
    Shape in = op.input(2).shape();
    if (filter.isStatic() && in.dim(3) > 0 && filter.dim(3) != in.dim(3)) {
      problem(op, "an input of shape " + in + " does not fit a filter of shape " + filter);
      return;
    }
    if (filter.isStatic()) {
      checkBias(op, 3, filter.dim(0));
    }
    if (op.input(0).isConstant()) {
      if (op.input(0).type() != ElementType.INT32 || !fits(op.input(0))) {
        problem(op, "the output shape is no INT32 constant");
        return;
      }
      int[] out = op.input(0).ints();
      if (out.length != 4 || Arrays.stream(out).anyMatch(d -> d < 1)) {
        problem(op, "the output shape is " + Arrays.toString(out));
      } else if (filter.isStatic() && out[3] != filter.dim(0)) {
        problem(op, "output shape " + Arrays.toString(out) + " for a filter of shape " + filter);
      } else {
        declared(op, Shape.of(out));
      }
    }
  }

  private void checkConv3d(Op op) {
    positive(
        op,
        "stride_d",
        "stride_w",
        "stride_h",
        "dilation_d_factor",
        "dilation_w_factor",
        "dilation_h_factor");
    rank(op, 1, 5);
    rank(op, op.kind() == OpKind.CONV_3D ? 0 : 2, 5);
  }

  // ---- matrices

  private void checkFullyConnected(Op op) {
    if (!rank(op, 1, 2)) {
      return;
    }
    Shape in = op.input(0).shape();
    Shape weights = op.input(1).shape();
    if (!weights.isStatic()) {
      return;
    }
    int size = weights.dim(1);
    if (size < 1 || weights.dim(0) < 1) {
      problem(op, "weights of shape " + weights);
      return;
    }
    checkBias(op, 2, weights.dim(0));
    if (!in.isStatic()) {
      return;
    }
    boolean keep = op.flag("keep_num_dims");
    if (in.elementCount() % size != 0 || (keep && (in.rank() == 0 || in.dim(-1) != size))) {
      problem(op, "an input of shape " + in + " does not fit weights of shape " + weights);
      return;
    }
    Shape out = op.output(0).shape();
    if (out.isStatic()
        && out.rank() > 0
        && out.elementCount()
            != MemoryEstimate.multiply(in.elementCount() / size, weights.dim(0))) {
      problem(
          op, "the output is declared as " + out + " for input " + in + " and weights " + weights);
    }
  }

  private void checkSvdf(Op op) {
    if (!positive(op, "rank", MOST_WINDOW) || !(rank(op, 1, 2) & rank(op, 2, 2))) {
      return;
    }
    Shape features = op.input(1).shape();
    Shape time = op.input(2).shape();
    if (features.isStatic()
        && time.isStatic()
        && (features.dim(0) % op.integer("rank") != 0 || time.dim(0) != features.dim(0))) {
      problem(
          op,
          "weights of shapes "
              + features
              + " and "
              + time
              + " do not fit rank "
              + op.integer("rank"));
    }
    if (!op.input(4).isVariable()) {
      problem(op, "its state is no variable");
    }
    if (op.input(0).type() == ElementType.INT8
        && (op.input(2).type() != ElementType.INT16 || op.input(4).type() != ElementType.INT16)) {
      problem(
          op,
          "8-bit time weights or state run on microcontrollers only; the kernel for phones and"
              + " hosts takes INT16 and reads past the end of others");
    }
  }

  private void checkBatchMatMul(Op op) {
    Shape a = op.input(0).shape();
    Shape b = op.input(1).shape();
    if (!a.isStatic() || !b.isStatic()) {
      return;
    }
    if (a.rank() < 2 || b.rank() < 2) {
      problem(op, "matrices of shapes " + a + " and " + b);
      return;
    }
    int inner = a.dim(op.flag("adj_x") ? -2 : -1);
    int other = b.dim(op.flag("adj_y") ? -1 : -2);
    if (inner != other) {
      problem(op, "matrices of shapes " + a + " and " + b + " do not fit");
    }
  }

  // ---- movement

  private void checkConcatenation(Op op) {
    Shape first = op.input(0).shape();
    if (!first.isStatic()) {
      return;
    }
    int axis = op.integer("axis");
    int at = axis < 0 ? axis + first.rank() : axis;
    if (at < 0 || at >= first.rank()) {
      problem(op, "axis is " + axis + " for inputs like " + first);
      return;
    }
    long sum = 0;
    for (Value v : op.inputs()) {
      if (v == null || !v.shape().isStatic()) {
        return;
      }
      Shape s = v.shape();
      boolean same = s.rank() == first.rank();
      for (int i = 0; same && i < s.rank(); i++) {
        same = i == at || s.dim(i) == first.dim(i);
      }
      if (!same) {
        problem(op, "inputs of shapes " + first + " and " + s + " differ beside axis " + axis);
        return;
      }
      sum += s.dim(at);
    }
    if (sum > Integer.MAX_VALUE) {
      problem(op, "the output would be " + sum + " long on axis " + axis);
      return;
    }
    int[] dims = first.dims();
    dims[at] = (int) sum;
    declared(op, Shape.of(dims));
  }

  private void checkSameCount(Op op) {
    Shape in = op.input(0).shape();
    Shape out = op.output(0).shape();
    if (in.isStatic()
        && out.isStatic()
        && out.rank() > 0
        && in.elementCount() != out.elementCount()) {
      problem(op, "it turns shape " + in + " into " + out + " of another size");
    }
  }

  private void checkTranspose(Op op) {
    int[] order = constantInts(op, 1);
    Shape in = op.input(0).shape();
    if (order.length == 0 || !in.hasRank()) {
      return;
    }
    boolean[] seen = new boolean[in.rank()];
    boolean ok = order.length == in.rank();
    for (int i = 0; ok && i < order.length; i++) {
      int o = order[i] < 0 ? order[i] + in.rank() : order[i];
      ok = o >= 0 && o < in.rank() && !seen[o];
      if (ok) {
        seen[o] = true;
      }
    }
    if (!ok) {
      problem(op, Arrays.toString(order) + " is no order of the dimensions of " + in);
      return;
    }
    if (in.isStatic()) {
      int[] dims = new int[order.length];
      for (int i = 0; i < dims.length; i++) {
        dims[i] = in.dim(order[i]);
      }
      declared(op, Shape.of(dims));
    }
  }

  private void checkPad(Op op) {
    Shape in = op.input(0).shape();
    Value paddings = op.input(1);
    if (!paddings.isConstant()
        || !fits(paddings)
        || !in.isStatic()
        || (paddings.type() != ElementType.INT32 && paddings.type() != ElementType.INT64)) {
      return;
    }
    long[] pads = paddings.longs();
    if (pads.length != 2L * in.rank()) {
      problem(op, "paddings of shape " + paddings.shape() + " for an input of shape " + in);
      return;
    }
    int[] dims = in.dims();
    for (int i = 0; i < dims.length; i++) {
      long before = pads[2 * i];
      long after = pads[2 * i + 1];
      boolean tooFar = op.kind() == OpKind.MIRROR_PAD && Math.max(before, after) > in.dim(i);
      if (before < 0
          || after < 0
          || before > Integer.MAX_VALUE
          || after > Integer.MAX_VALUE
          || dims[i] + before + after > Integer.MAX_VALUE
          || tooFar) {
        problem(op, "dimension " + i + " of " + in + " is padded by " + before + " and " + after);
        return;
      }
      dims[i] += (int) (before + after);
    }
    declared(op, Shape.of(dims));
  }

  private void checkBlocks(Op op) {
    for (int b : constantInts(op, 1)) {
      if (b < 1) {
        problem(op, "a block of length " + b);
        return;
      }
    }
    for (int p : constantInts(op, 2)) {
      if (p < 0) {
        problem(op, "padding or crop of " + p);
        return;
      }
    }
  }

  private void checkResize(Op op) {
    if (!rank(op, 0, 4)) {
      return;
    }
    int[] size = constantInts(op, 1);
    if (op.input(1).isConstant() && (size.length != 2 || size[0] < 1 || size[1] < 1)) {
      problem(op, "the new size is " + Arrays.toString(size));
      return;
    }
    Shape in = op.input(0).shape();
    if (size.length == 2 && in.isStatic()) {
      declared(op, Shape.of(in.dim(0), size[0], size[1], in.dim(3)));
    }
    if (op.has("align_corners") && op.flag("align_corners") && op.flag("half_pixel_centers")) {
      problem(op, "align_corners and half_pixel_centers exclude each other");
    }
  }

  private void count(Op op, String attribute, int actual) {
    if (op.has(attribute) && op.integer(attribute) != actual) {
      problem(op, attribute + " is " + op.integer(attribute) + ", but there are " + actual);
    }
  }

  private void checkGather(Op op) {
    Shape in = op.input(0).shape();
    if (!in.hasRank()) {
      return;
    }
    int axis = op.has("axis") ? op.integer("axis") : 0;
    int at = axis < 0 ? axis + in.rank() : axis;
    if (at < 0 || at >= in.rank()) {
      problem(op, "axis is " + axis + " for an input of shape " + in);
      return;
    }
    int batch = op.has("batch_dims") ? op.integer("batch_dims") : 0;
    if (Math.abs((long) batch) > in.rank()) {
      problem(op, "batch_dims is " + batch + " for an input of shape " + in);
      return;
    }
    int length = in.dim(at);
    if (length < 0) {
      return;
    }
    for (int i : constantInts(op, 1)) {
      if (i < 0 || i >= length) {
        problem(op, "index " + i + " of " + length + " on axis " + axis);
        return;
      }
    }
  }

  private void checkStridedSlice(Op op) {
    for (int s : constantInts(op, 3)) {
      if (s == 0) {
        problem(op, "a stride of 0");
        return;
      }
    }
    Shape in = op.input(0).shape();
    Shape begin = op.input(1).shape();
    for (int i = 2; i < 4; i++) {
      if (begin.isStatic()
          && op.input(i).shape().isStatic()
          && !begin.equals(op.input(i).shape())) {
        problem(op, "begin, end and strides differ in length");
        return;
      }
    }
    if (in.hasRank()
        && begin.isStatic()
        && begin.rank() == 1
        && begin.dim(0) > in.rank() + Integer.bitCount(op.integer("new_axis_mask")) + 1) {
      problem(op, "begin has the shape " + begin + " for an input of shape " + in);
    }
  }

  // Multiples, dims or sizes; a wild one makes a huge output.
  private void checkShapeInput(Op op) {
    int input = op.kind() == OpKind.FILL ? 0 : op.kind() == OpKind.SLICE ? 2 : 1;
    int[] dims = constantInts(op, input);
    if (dims.length == 0) {
      return;
    }
    for (int d : dims) {
      if (d < (op.kind() == OpKind.SLICE ? -1 : 0)) {
        problem(op, "input " + input + " is " + Arrays.toString(dims));
        return;
      }
    }
    Shape in = op.input(op.kind() == OpKind.FILL ? 1 : 0).shape();
    if (op.kind() == OpKind.FILL || op.kind() == OpKind.BROADCAST_TO) {
      declared(op, Shape.of(dims));
    } else if (op.kind() == OpKind.TILE && in.isStatic() && in.rank() == dims.length) {
      int[] out = in.dims();
      for (int i = 0; i < out.length; i++) {
        long length = (long) out[i] * dims[i];
        if (length > Integer.MAX_VALUE) {
          problem(op, "multiples " + Arrays.toString(dims) + " of shape " + in);
          return;
        }
        out[i] = (int) length;
      }
      declared(op, Shape.of(out));
    }
  }

  private void checkAxes(Op op, int input) {
    Shape in = op.input(0).shape();
    if (!in.hasRank()) {
      return;
    }
    for (int a : constantInts(op, input)) {
      int at = a < 0 ? a + in.rank() : a;
      if ((at < 0 || at >= in.rank()) && in.rank() > 0) {
        problem(op, "axis " + a + " of an input of shape " + in);
        return;
      }
    }
  }

  // Whether the data are as long as the type and shape say, so that they can be read.
  private boolean fits(Value v) {
    return v.data().isPresent()
        && v.data().get().external().isEmpty()
        && v.sparsity().isEmpty()
        && v.type().isFixedSize()
        && v.shape().isStatic()
        && MemoryEstimate.bytes(v) == v.data().get().byteSize()
        && MemoryEstimate.bytes(v) < MOST_WINDOW
        && budget.spend(MemoryEstimate.bytes(v));
  }

  // The values of a constant, or none if it is no readable INT32 or INT64 constant.
  private int[] constantInts(Op op, int input) {
    Value v = op.optionalInput(input).orElse(null);
    if (v == null || !v.isConstant() || !fits(v)) {
      return new int[0];
    }
    if (v.type() == ElementType.INT32) {
      return v.ints();
    }
    if (v.type() == ElementType.INT64) {
      return Arrays.stream(v.longs())
          .mapToInt(l -> (int) Math.max(Integer.MIN_VALUE, Math.min(Integer.MAX_VALUE, l)))
          .toArray();
    }
    return new int[0];
  }
}
