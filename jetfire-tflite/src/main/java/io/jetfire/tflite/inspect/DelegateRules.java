package io.jetfire.tflite.inspect;

import io.jetfire.ConfigurationException;
import io.jetfire.Delegate;
import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What a delegate takes, by its public documentation.
 *
 * <p>Sources: XNNPACK delegate, its README, corrected where the delegate of 2.21 was seen to decide
 * otherwise (half precision with float biases, integer SOFTMAX and RELU, COS and SIN, hybrid
 * depthwise convolutions); the others are in {@link GpuRules} and {@link NnapiRules}.
 */
final class DelegateRules {
  private static final Set<OpKind> XNNPACK_FLOAT =
      kinds(
          "ABS ADD AVERAGE_POOL_2D BATCH_MATMUL CEIL CONCATENATION CONV_2D COS SIN DEPTH_TO_SPACE"
              + " DEPTHWISE_CONV_2D DIV ELU EXPAND_DIMS FULLY_CONNECTED FLOOR GELU HARD_SWISH"
              + " LEAKY_RELU LOGISTIC MAX_POOL_2D MAXIMUM MEAN MINIMUM MUL NEG PAD PRELU RELU RELU6"
              + " RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR ROUND RSQRT SLICE SOFTMAX SPACE_TO_DEPTH"
              + " SPLIT SQRT SQUARE SQUARED_DIFFERENCE STRIDED_SLICE SUB SUM TANH TRANSPOSE"
              + " TRANSPOSE_CONV QUANTIZE DEQUANTIZE");

  private static final Set<OpKind> XNNPACK_INTEGER =
      kinds(
          "ADD CONCATENATION CONV_2D DEPTH_TO_SPACE DEPTHWISE_CONV_2D DEQUANTIZE ELU EXPAND_DIMS"
              + " FULLY_CONNECTED LEAKY_RELU LOGISTIC MAX_POOL_2D MEAN MUL PAD QUANTIZE"
              + " RESHAPE RESIZE_BILINEAR SLICE SPLIT STRIDED_SLICE SUB TANH TRANSPOSE"
              + " TRANSPOSE_CONV");

  private final Function<Op, @Nullable String> rule;

  private DelegateRules(Function<Op, @Nullable String> rule) {
    this.rule = rule;
  }

  static DelegateRules of(Delegate delegate) {
    return switch (delegate.name()) {
      case "CPU" -> new DelegateRules(op -> null);
      case "XNNPACK" -> new DelegateRules(DelegateRules::xnnpack);
      case "GPU" -> new DelegateRules(GpuRules::refusal);
      case "NNAPI" -> new DelegateRules(NnapiRules::refusal);
      default ->
          throw new ConfigurationException(
              "nothing is known of what the delegate "
                  + delegate.name()
                  + " takes; ask for CPU, XNNPACK, GPU or NNAPI, or read the device's log");
    };
  }

  Optional<String> refusal(Op op) {
    return Optional.ofNullable(rule.apply(op));
  }

  // ---- XNNPACK

  private static @Nullable String xnnpack(Op op) {
    String common = common(op, XNNPACK_FLOAT, 6);
    if (common != null) {
      return common;
    }
    ElementType type = activations(op);
    if (op.kind() == OpKind.DEQUANTIZE && type == ElementType.FLOAT16) {
      return halfWeights(op);
    }
    boolean integer = type == ElementType.INT8 || type == ElementType.UINT8;
    if (integer && !XNNPACK_INTEGER.contains(op.kind())) {
      return "no " + type + " kernel for it";
    }
    if (!integer && type != ElementType.FLOAT32) {
      return type + " tensors";
    }
    if (isUnknown(op)) {
      return "an output of unknown rank";
    }
    if (op.activation() == Activation.TANH || op.activation() == Activation.SIGN_BIT) {
      return "fused " + op.activation();
    }
    return switch (op.kind()) {
      case CONV_2D -> staticInputs(op, 1, 2);
      case DEPTHWISE_CONV_2D ->
          type == ElementType.FLOAT32 && op.input(1).type() == ElementType.INT8
              ? "float activations with integer weights"
              : staticInputs(op, 1, 2);
      case QUANTIZE -> op.output(0).type() == ElementType.INT16 ? "INT16 tensors" : null;
      case FULLY_CONNECTED -> staticInputs(op, 1);
      case TRANSPOSE_CONV -> staticInputs(op, 0, 1, 3);
      case PRELU, PAD, RESHAPE, RESIZE_BILINEAR, TRANSPOSE, MEAN, SUM -> staticInputs(op, 1);
      case SLICE -> staticInputs(op, 1, 2);
      case STRIDED_SLICE -> staticInputs(op, 1, 2, 3);
      case SOFTMAX -> op.has("beta") && op.real("beta") == 1 ? null : "beta other than 1";
      case SPLIT -> op.outputs().size() > 4 ? "more than 4 outputs" : null;
      case CONCATENATION -> op.inputs().size() > 5 ? "more than 5 inputs" : null;
      case AVERAGE_POOL_2D, MAX_POOL_2D ->
          op.integer("filter_width") == 1
                  && op.integer("filter_height") == 1
                  && (op.integer("stride_w") > 1 || op.integer("stride_h") > 1)
              ? "a 1x1 window with a stride"
              : null;
      case ADD, SUB, MUL -> integer && op.input(0).affine().isEmpty() ? "no scale" : null;
      default -> null;
    };
  }

  // Seen on 2.21: half-precision weights are taken only if the biases are half precision too.
  private static @Nullable String halfWeights(Op dequantize) {
    if (!dequantize.input(0).isConstant()) {
      return "FLOAT16 activations";
    }
    for (Op user : dequantize.output(0).consumers()) {
      Value bias = user.optionalInput(2).orElse(null);
      boolean layer =
          user.kind() == OpKind.CONV_2D
              || user.kind() == OpKind.DEPTHWISE_CONV_2D
              || user.kind() == OpKind.FULLY_CONNECTED;
      if (layer && bias != null && bias.isConstant() && bias.type() == ElementType.FLOAT32) {
        return "half-precision weights beside a FLOAT32 bias of " + user.name();
      }
    }
    return null;
  }

  private static @Nullable String staticInputs(Op op, int... inputs) {
    for (int i : inputs) {
      Value v = op.optionalInput(i).orElse(null);
      if (v != null && !v.isConstant() && !isHalfConstant(v)) {
        return "input " + i + " is no constant";
      }
    }
    return null;
  }

  static boolean isHalfConstant(Value v) {
    Op producer = v.producer().orElse(null);
    return producer != null
        && producer.kind() == OpKind.DEQUANTIZE
        && producer.input(0).isConstant();
  }

  // ---- shared

  static @Nullable String common(Op op, Set<OpKind> taken, int mostRank) {
    if (op.kind() == OpKind.CUSTOM) {
      return "a custom operator";
    }
    if (!taken.contains(op.kind())) {
      return "not among the operators that it knows";
    }
    for (Value v : op.inputs()) {
      if (v != null && v.shape().hasRank() && v.shape().rank() > mostRank) {
        return "rank " + v.shape().rank() + "; it takes up to " + mostRank;
      }
    }
    return null;
  }

  private static ElementType activations(Op op) {
    int data = op.kind() == OpKind.TRANSPOSE_CONV ? 2 : op.kind() == OpKind.SPLIT ? 1 : 0;
    return op.optionalInput(data)
        .map(Value::type)
        .orElse(op.outputs().isEmpty() ? ElementType.FLOAT32 : op.output(0).type());
  }

  // Dynamic dimensions alone do no harm: a runtime has lengths for them when it delegates.
  static boolean isUnknown(Op op) {
    return op.outputs().stream().anyMatch(v -> !v.shape().hasRank());
  }

  static Set<OpKind> kinds(String names) {
    Set<OpKind> kinds = EnumSet.noneOf(OpKind.class);
    Arrays.stream(names.split(" ")).map(OpKind::valueOf).forEach(kinds::add);
    return kinds;
  }
}
