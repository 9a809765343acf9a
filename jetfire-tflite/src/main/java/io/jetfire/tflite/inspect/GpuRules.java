package io.jetfire.tflite.inspect;

import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.LstmKernelType;
import io.jetfire.tflite.graph.MirrorPadMode;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.WeightsFormat;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the GPU delegate takes.
 *
 * <p>Source: {@code CheckGpuDelegateCompatibility} in TensorFlow's {@code
 * tensorflow/lite/tools/versioning/gpu_compatibility.cc} (commit 03a5e4e1), which the delegate's
 * {@code model_builder.cc} asks for every operator. It takes tensors of up to four dimensions, and
 * half-precision constants behind a DEQUANTIZE count as constants. Two things are left out: the
 * versions of operators, which differ between releases, and custom operators, of which the delegate
 * knows four that converters of this decade do not write.
 */
final class GpuRules {
  private static final Set<OpKind> TAKEN =
      DelegateRules.kinds(
          "ABS ADD ADD_N ATAN2 AVERAGE_POOL_2D BATCH_MATMUL CAST CEIL CONCATENATION CONV_2D COS"
              + " CUMSUM DENSIFY DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV"
              + " DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL EXP FLOOR FLOOR_DIV FLOOR_MOD"
              + " FULLY_CONNECTED GATHER GELU GREATER GREATER_EQUAL HARD_SWISH LEAKY_RELU LESS"
              + " LESS_EQUAL LOG LOGICAL_AND LOGISTIC LSTM MAXIMUM MAX_POOL_2D MEAN MINIMUM"
              + " MIRROR_PAD MUL NEG NOT_EQUAL ONE_HOT PACK PAD PADV2 POW PRELU QUANTIZE REDUCE_MAX"
              + " REDUCE_MIN REDUCE_PROD RELU RELU6 RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR"
              + " RESIZE_NEAREST_NEIGHBOR RSQRT SELECT SELECT_V2 SIGN SIN SLICE SOFTMAX"
              + " SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE STABLEHLO_CLAMP"
              + " STRIDED_SLICE SUB SUM TANH TILE TRANSPOSE TRANSPOSE_CONV");

  private GpuRules() {}

  static @Nullable String refusal(Op op) {
    String common = DelegateRules.common(op, TAKEN, 4);
    if (common != null) {
      return common;
    }
    if (DelegateRules.isUnknown(op)) {
      return "an output of unknown rank";
    }
    String type = type(op);
    if (type != null) {
      return type;
    }
    if (op.activation() == Activation.SIGN_BIT) {
      return "fused SIGN_BIT";
    }
    return switch (op.kind()) {
      case ADD, MUL -> op.inputs().size() == 2 ? broadcast(op) : "not two inputs";
      case ADD_N -> op.inputs().size() == 2 ? null : "more than 2 inputs";
      case CONV_2D, TRANSPOSE_CONV ->
          runtimeInputs(op) > 2 ? "more than 2 inputs that are no constants" : null;
      case DEPTHWISE_CONV_2D -> depthwise(op);
      case FULLY_CONNECTED -> fullyConnected(op);
      case CAST -> cast(op);
      case CUMSUM -> constant(op, 1);
      case DEPTH_TO_SPACE, SPACE_TO_DEPTH ->
          op.integer("block_size") > 1 ? null : "a block size below 2";
      case GATHER -> gather(op);
      case LSTM -> lstm(op);
      case MEAN, SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD -> axes(op);
      case MIRROR_PAD ->
          op.choice("mode", MirrorPadMode.class) == MirrorPadMode.REFLECT
              ? paddings(op)
              : "a mode other than REFLECT";
      case PAD, PADV2 -> paddings(op);
      case ONE_HOT -> oneHot(op);
      case RESHAPE, TRANSPOSE, TILE, RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR ->
          runtimeInputs(op) == 1 ? null : "a shape that is no constant";
      case SELECT, SELECT_V2 -> select(op);
      case SLICE -> rankThreeOrFour(op);
      case STRIDED_SLICE ->
          op.integer("ellipsis_mask") != 0
                  || op.integer("new_axis_mask") != 0
                  || op.integer("shrink_axis_mask") != 0
              ? "an ellipsis, a new axis or a removed axis"
              : rankThreeOrFour(op);
      case SOFTMAX -> op.real("beta") == 1 ? null : "beta other than 1";
      default -> null;
    };
  }

  /** Quantized tensors are taken as floats that are rounded, where that is left allowed. */
  private static @Nullable String type(Op op) {
    for (Value v : op.outputs()) {
      switch (v.type()) {
        case FLOAT32, FLOAT16, INT8, UINT8, INT32, BOOL -> {}
        default -> {
          return v.type() + " tensors";
        }
      }
    }
    Value first = op.optionalInput(0).orElse(null);
    return first != null && first.type() == ElementType.INT16 ? "INT16 tensors" : null;
  }

  private static boolean isConstant(Value v) {
    return v.isConstant() || DelegateRules.isHalfConstant(v);
  }

  private static long runtimeInputs(Op op) {
    return op.inputs().stream().filter(v -> v != null && !isConstant(v)).count();
  }

  private static @Nullable String constant(Op op, int input) {
    Value v = op.optionalInput(input).orElse(null);
    return v == null || v.isConstant() ? null : "input " + input + " is no constant";
  }

  private static @Nullable String axes(Op op) {
    Value axes = op.optionalInput(1).orElse(null);
    if (axes == null || !axes.isConstant()) {
      return "axes that are no constant";
    }
    return axes.type() == ElementType.INT32 ? null : "axes of type " + axes.type();
  }

  private static boolean hasRank(Value v, int... ranks) {
    if (!v.shape().hasRank()) {
      return true;
    }
    for (int rank : ranks) {
      if (v.shape().rank() == rank) {
        return true;
      }
    }
    return false;
  }

  private static @Nullable String rankThreeOrFour(Op op) {
    return hasRank(op.input(0), 3, 4) ? null : "rank " + op.input(0).shape().rank();
  }

  /** Dimensions count from the last; one of each pair is the other or 1. */
  private static @Nullable String broadcast(Op op) {
    Value a = op.input(0);
    Value b = op.input(1);
    if (!a.shape().isStatic() || !b.shape().isStatic()) {
      return null;
    }
    int[] x = a.shape().dims();
    int[] y = b.shape().dims();
    boolean firstSmaller = false;
    boolean secondSmaller = false;
    for (int i = 1; i <= Math.min(x.length, y.length); i++) {
      int p = x[x.length - i];
      int q = y[y.length - i];
      if (x.length > 1 && y.length > 1 && p != q && p != 1 && q != 1) {
        return "shapes that it cannot broadcast";
      }
      firstSmaller |= p < q;
      secondSmaller |= q < p;
    }
    return op.kind() == OpKind.MUL && x.length == y.length && firstSmaller && secondSmaller
        ? "both inputs are broadcast"
        : null;
  }

  private static @Nullable String depthwise(Op op) {
    if (runtimeInputs(op) > 2) {
      return "more than 2 inputs that are no constants";
    }
    for (Value v : new Value[] {op.input(0), op.input(1), op.output(0)}) {
      if (!hasRank(v, 4)) {
        return "rank " + v.shape().rank() + " instead of 4";
      }
    }
    Value input = op.input(0);
    int multiplier = op.integer("depth_multiplier");
    boolean one = !input.shape().hasRank() || input.shape().dim(3) == 1;
    return multiplier != 1 && !one ? "a depth multiplier of " + multiplier : null;
  }

  private static @Nullable String fullyConnected(Op op) {
    if (op.choice("weights_format", WeightsFormat.class) != WeightsFormat.DEFAULT) {
      return "shuffled weights";
    }
    if (runtimeInputs(op) > 2) {
      return "more than 2 inputs that are no constants";
    }
    if (isConstant(op.input(0))) {
      return "a constant input";
    }
    Value in = op.input(0);
    Value out = op.output(0);
    boolean ranks = in.shape().hasRank() && out.shape().hasRank();
    return op.flag("keep_num_dims") && ranks && in.shape().rank() != out.shape().rank()
        ? "keep_num_dims with another rank"
        : null;
  }

  private static @Nullable String cast(Op op) {
    ElementType from = op.input(0).type();
    ElementType to = op.output(0).type();
    boolean bool = from == ElementType.BOOL || to == ElementType.BOOL;
    boolean floats = isFloat(from) || isFloat(to);
    boolean numbers =
        (from == ElementType.FLOAT32 || from == ElementType.INT32)
            && (to == ElementType.FLOAT32 || to == ElementType.INT32);
    return numbers || (bool && floats) ? null : "from " + from + " to " + to;
  }

  private static boolean isFloat(ElementType type) {
    return type == ElementType.FLOAT32 || type == ElementType.FLOAT16;
  }

  private static @Nullable String gather(Op op) {
    if (op.input(0).type() == ElementType.INT32) {
      return "INT32 tensors";
    }
    if (!hasRank(op.input(1), 1)) {
      return "indices of rank " + op.input(1).shape().rank();
    }
    return op.input(1).type() == ElementType.INT32 ? null : op.input(1).type() + " indices";
  }

  private static @Nullable String lstm(Op op) {
    if (op.choice("kernel_type", LstmKernelType.class) == LstmKernelType.BASIC) {
      if (op.activation() != Activation.TANH) {
        return "an activation other than TANH";
      }
      return op.real("cell_clip") == 0 && op.real("proj_clip") == 0 ? null : "clipping";
    }
    int inputs = op.inputs().size();
    if (inputs != 20 && inputs != 24) {
      return inputs + " inputs instead of 20 or 24";
    }
    return op.activation() == Activation.TANH ? null : "an activation other than TANH";
  }

  private static @Nullable String oneHot(Op op) {
    if (op.input(0).type() != ElementType.INT32) {
      return op.input(0).type() + " indices";
    }
    for (int i = 2; i < 4; i++) {
      Value v = op.input(i);
      if (v.type() != ElementType.FLOAT32 || !v.isConstant()) {
        return "an on or off value that is no FLOAT32 constant";
      }
    }
    return null;
  }

  private static @Nullable String paddings(Op op) {
    Value paddings = op.input(1);
    if (op.kind() != OpKind.PADV2 && !paddings.isConstant()) {
      return "paddings that are no constant";
    }
    if (!paddings.shape().isStatic()) {
      return null;
    }
    int[] shape = paddings.shape().dims();
    boolean taken = shape.length == 2 && (shape[0] == 3 || shape[0] == 4) && shape[1] == 2;
    return taken ? null : "paddings for other than 3 or 4 dimensions";
  }

  private static @Nullable String select(Op op) {
    ElementType condition = op.input(0).type();
    if (condition != ElementType.BOOL && !isFloat(condition)) {
      return "a condition of type " + condition;
    }
    for (int i = 1; i < 3; i++) {
      Value v = op.input(i);
      if (!isFloat(v.type())) {
        return v.type() + " values";
      }
      boolean known = v.shape().isStatic() && op.output(0).shape().isStatic();
      boolean scalar = known && v.shape().elementCount() == 1;
      if (known && !scalar && !v.shape().equals(op.output(0).shape())) {
        return "values that are broadcast";
      }
    }
    return null;
  }
}
