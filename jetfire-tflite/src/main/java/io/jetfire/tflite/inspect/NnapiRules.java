package io.jetfire.tflite.inspect;

import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.LstmKernelType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Value;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the NNAPI delegate takes on Android 11 and later (NNAPI 1.3), where no accelerator was
 * named.
 *
 * <p>Source: {@code NNAPIDelegateKernel::Validate} in TensorFlow's {@code
 * tensorflow/lite/delegates/nnapi/nnapi_delegate.cc} (commit 002e5f47). What a phone's drivers take
 * of that is known to the phone alone.
 */
final class NnapiRules {
  /** The highest version of each operator that is mapped. */
  private static final Map<OpKind, Integer> VERSIONS =
      versions(
          "ABS:1 ADD:2 ARG_MAX:2 ARG_MIN:2 AVERAGE_POOL_2D:2 BATCH_TO_SPACE_ND:2"
              + " BIDIRECTIONAL_SEQUENCE_LSTM:1 CAST:1 CONCATENATION:2 CONV_2D:3 DENSIFY:9"
              + " DEPTHWISE_CONV_2D:3 DEPTH_TO_SPACE:9 DEQUANTIZE:2 DIV:1 ELU:1 EMBEDDING_LOOKUP:1"
              + " EQUAL:2 EXP:1 EXPAND_DIMS:1 FILL:1 FLOOR:1 FULLY_CONNECTED:5 GATHER:2 GREATER:2"
              + " GREATER_EQUAL:2 HARD_SWISH:9 HASHTABLE_LOOKUP:1 L2_NORMALIZATION:2 L2_POOL_2D:1"
              + " LEAKY_RELU:1 LESS:2 LESS_EQUAL:2 LOCAL_RESPONSE_NORMALIZATION:1 LOG:1"
              + " LOGICAL_AND:1 LOGICAL_NOT:1 LOGICAL_OR:1 LOGISTIC:2 LOG_SOFTMAX:1"
              + " LSH_PROJECTION:1 LSTM:3 MAXIMUM:3 MAX_POOL_2D:2 MEAN:2 MINIMUM:3 MUL:2 NEG:2"
              + " NOT_EQUAL:2 PACK:2 PAD:2 PADV2:2 POW:1 PRELU:1 QUANTIZE:2 REDUCE_ANY:2"
              + " REDUCE_MAX:2 REDUCE_MIN:2 REDUCE_PROD:1 RELU:2 RELU6:2 RELU_N1_TO_1:2 RESHAPE:1"
              + " RESIZE_BILINEAR:3 RESIZE_NEAREST_NEIGHBOR:3 RNN:1 RSQRT:1 SELECT:2 SIN:1 SLICE:2"
              + " SOFTMAX:2 SPACE_TO_BATCH_ND:2 SPACE_TO_DEPTH:2 SPLIT:3 SQRT:1 SQUEEZE:1"
              + " STRIDED_SLICE:2 SUB:3 SUM:1 SVDF:1 TANH:2 TILE:1 TOPK_V2:2 TRANSPOSE:2"
              + " TRANSPOSE_CONV:3 UNIDIRECTIONAL_SEQUENCE_LSTM:2 UNIDIRECTIONAL_SEQUENCE_RNN:1");

  private static final Set<ElementType> FLOAT = EnumSet.of(ElementType.FLOAT32);
  private static final Set<ElementType> NUMBERS =
      EnumSet.of(ElementType.FLOAT32, ElementType.INT8, ElementType.UINT8);
  private static final Set<ElementType> NUMBERS_INT32 = with(NUMBERS, ElementType.INT32);
  private static final Set<ElementType> ALL_NUMBERS = with(NUMBERS_INT32, ElementType.FLOAT16);
  private static final Set<ElementType> COMPARED = with(NUMBERS_INT32, ElementType.BOOL);

  private NnapiRules() {}

  static @Nullable String refusal(Op op) {
    String common = DelegateRules.common(op, VERSIONS.keySet(), 4);
    if (common != null) {
      return common;
    }
    int most = VERSIONS.getOrDefault(op.kind(), 1);
    if (op.version().orElse(1) > most) {
      return "version " + op.version().orElse(1) + "; it takes up to " + most;
    }
    if (DelegateRules.isUnknown(op)) {
      return "an output of unknown rank";
    }
    Set<ElementType> types = types(op.kind());
    ElementType type = data(op).type();
    if (!types.contains(type) && !isHalfDequantize(op)) {
      return type + " tensors";
    }
    return details(op, type);
  }

  private static Set<ElementType> types(OpKind kind) {
    return switch (kind) {
      case ABS,
          EXP,
          LOG,
          RSQRT,
          POW,
          SIN,
          SQRT,
          DIV,
          LOG_SOFTMAX,
          L2_POOL_2D,
          REDUCE_PROD,
          SUM,
          ELU ->
          FLOAT;
      case AVERAGE_POOL_2D,
          MAX_POOL_2D,
          HARD_SWISH,
          SOFTMAX,
          RESHAPE,
          RESIZE_BILINEAR,
          RESIZE_NEAREST_NEIGHBOR,
          RELU,
          RELU_N1_TO_1,
          RELU6,
          LOGISTIC,
          TANH,
          PAD,
          PADV2,
          SPACE_TO_DEPTH,
          DEPTH_TO_SPACE,
          LEAKY_RELU,
          PRELU,
          MEAN,
          REDUCE_MAX,
          REDUCE_MIN,
          QUANTIZE ->
          NUMBERS;
      case DEQUANTIZE -> EnumSet.of(ElementType.INT8, ElementType.UINT8);
      case ADD, MUL, SUB, MAXIMUM, MINIMUM, CAST, TILE, SLICE, SPLIT, TOPK_V2, SELECT ->
          NUMBERS_INT32;
      case ARG_MAX, ARG_MIN, GATHER, EXPAND_DIMS -> ALL_NUMBERS;
      case CONCATENATION -> with(NUMBERS, ElementType.FLOAT16);
      case LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, EQUAL, NOT_EQUAL -> COMPARED;
      case LOGICAL_AND, LOGICAL_NOT, LOGICAL_OR, REDUCE_ANY -> EnumSet.of(ElementType.BOOL);
      case NEG -> EnumSet.of(ElementType.FLOAT32, ElementType.INT32);
      case PACK -> EnumSet.of(ElementType.FLOAT32, ElementType.INT32, ElementType.INT8);
      case FILL -> EnumSet.of(ElementType.FLOAT32, ElementType.INT32, ElementType.INT64);
      // What NNAPI itself has tensors for.
      default -> COMPARED;
    };
  }

  /** The input whose type counts. */
  private static Value data(Op op) {
    int input =
        switch (op.kind()) {
          case SPLIT, FILL, SELECT -> 1;
          case TRANSPOSE_CONV -> 2;
          case HASHTABLE_LOOKUP -> 2;
          default -> 0;
        };
    return op.optionalInput(input).orElseGet(() -> op.output(0));
  }

  private static boolean isHalfDequantize(Op op) {
    return op.kind() == OpKind.DEQUANTIZE && op.input(0).type() == ElementType.FLOAT16;
  }

  private static @Nullable String details(Op op, ElementType type) {
    boolean quantized = type == ElementType.INT8 || type == ElementType.UINT8;
    if (op.activation() == Activation.TANH || op.activation() == Activation.SIGN_BIT) {
      if (op.kind() != OpKind.LSTM && !isSequence(op.kind())) {
        return "fused " + op.activation();
      }
    }
    return switch (op.kind()) {
      case ADD, MUL, SUB ->
          type == ElementType.INT32 && op.activation() != Activation.NONE
              ? "INT32 tensors with a fused " + op.activation()
              : null;
      case ARG_MAX, ARG_MIN ->
          op.output(0).type() == ElementType.INT32 ? null : op.output(0).type() + " results";
      case AVERAGE_POOL_2D ->
          quantized && op.integer("filter_width") * op.integer("filter_height") > 256
              ? "a quantized window of more than 256"
              : null;
      case CONV_2D -> op.inputs().size() == 3 ? null : "no bias";
      case FULLY_CONNECTED -> op.output(0).type() == ElementType.INT16 ? "INT16 tensors" : null;
      case RESHAPE, TRANSPOSE, RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR, TOPK_V2, EXPAND_DIMS ->
          constant(op, 1);
      case SPLIT, FILL -> constant(op, 0);
      case TRANSPOSE_CONV -> {
        String first = constant(op, 0);
        yield first == null ? constant(op, 1) : first;
      }
      case CONCATENATION, L2_NORMALIZATION ->
          op.activation() == Activation.NONE ? null : "a fused " + op.activation();
      case DEQUANTIZE -> null;
      case DENSIFY -> constant(op, 0);
      case MEAN -> isScalar(op.output(0)) ? "a scalar as result" : sameScale(op);
      case REDUCE_ANY, REDUCE_PROD, SUM -> isScalar(op.output(0)) ? "a scalar as result" : null;
      case REDUCE_MAX, REDUCE_MIN -> isScalar(op.input(0)) ? "a scalar" : null;
      case CAST -> NUMBERS_INT32.contains(op.output(0).type()) ? null : "to " + op.output(0).type();
      case QUANTIZE ->
          op.output(0).type() == ElementType.INT8 || op.output(0).type() == ElementType.UINT8
              ? null
              : op.output(0).type() + " results";
      case MAXIMUM, MINIMUM -> {
        for (int i = 0; i < 2; i++) {
          if (isScalar(op.input(i)) && !op.input(i).isConstant()) {
            yield "a scalar that is no constant";
          }
        }
        yield null;
      }
      case GATHER -> isScalar(op.input(1)) ? "a scalar as indices" : int32(op, 1);
      case SLICE, TILE -> int32(op, 1);
      case SELECT ->
          op.input(0).shape().equals(op.input(1).shape()) ? null : "a condition that is broadcast";
      case PACK -> {
        int axis = op.integer("axis");
        boolean last =
            axis == -1 || (op.input(0).shape().hasRank() && axis == op.input(0).shape().rank());
        yield last ? "packing along a new last axis" : null;
      }
      case BATCH_TO_SPACE_ND -> crops(op);
      case RNN, SVDF ->
          op.inputs().size() != 5
              ? "other than 5 inputs"
              : op.input(1).type() == ElementType.FLOAT32 ? null : "quantized weights";
      case EMBEDDING_LOOKUP ->
          op.input(1).type() == ElementType.FLOAT32 ? null : "quantized values";
      case LSTM -> lstm(op);
      case UNIDIRECTIONAL_SEQUENCE_LSTM ->
          op.inputs().size() != 20 && op.inputs().size() != 24
              ? "other than 20 or 24 inputs"
              : hybrid(op, type);
      case UNIDIRECTIONAL_SEQUENCE_RNN, BIDIRECTIONAL_SEQUENCE_LSTM -> hybrid(op, type);
      default -> null;
    };
  }

  private static boolean isSequence(OpKind kind) {
    return kind == OpKind.UNIDIRECTIONAL_SEQUENCE_LSTM
        || kind == OpKind.UNIDIRECTIONAL_SEQUENCE_RNN
        || kind == OpKind.BIDIRECTIONAL_SEQUENCE_LSTM
        || kind == OpKind.RNN
        || kind == OpKind.SVDF;
  }

  private static @Nullable String constant(Op op, int input) {
    Value v = op.optionalInput(input).orElse(null);
    return v == null || v.isConstant() ? null : "input " + input + " is no constant";
  }

  private static @Nullable String int32(Op op, int input) {
    Value v = op.optionalInput(input).orElse(null);
    return v == null || v.type() == ElementType.INT32 ? null : "input " + input + " is " + v.type();
  }

  private static boolean isScalar(Value v) {
    return v.shape().hasRank() && v.shape().rank() == 0;
  }

  private static @Nullable String sameScale(Op op) {
    Quantization.Affine in = op.input(0).affine().orElse(null);
    Quantization.Affine out = op.output(0).affine().orElse(null);
    boolean same =
        in == null || out == null
            ? in == out
            : in.scale(0) == out.scale(0) && in.zeroPoint(0) == out.zeroPoint(0);
    return same ? null : "another scale of the result than of the input";
  }

  private static @Nullable String crops(Op op) {
    Value crops = op.input(2);
    if (!crops.isConstant()) {
      return "crops that are no constant";
    }
    long[] values = crops.longs();
    return values.length == 4 && Arrays.stream(values).allMatch(c -> c == 0)
        ? null
        : "crops other than 0 in two dimensions";
  }

  private static @Nullable String hybrid(Op op, ElementType type) {
    for (int i = 1; i < op.inputs().size(); i++) {
      Value v = op.optionalInput(i).orElse(null);
      boolean integer =
          v != null && (v.type() == ElementType.INT8 || v.type() == ElementType.UINT8);
      if (type == ElementType.FLOAT32 && integer) {
        return "float activations with integer weights";
      }
    }
    return null;
  }

  private static @Nullable String lstm(Op op) {
    boolean basic = op.choice("kernel_type", LstmKernelType.class) == LstmKernelType.BASIC;
    Value weights = op.optionalInput(basic ? 2 : 4).orElse(null);
    if (weights == null) {
      return null;
    }
    if (basic) {
      return weights.type() == ElementType.UINT8 && weights.isConstant()
          ? null
          : "a basic cell without constant UINT8 weights";
    }
    return NUMBERS.contains(weights.type()) ? null : weights.type() + " weights";
  }

  private static Set<ElementType> with(Set<ElementType> types, ElementType more) {
    Set<ElementType> all = EnumSet.copyOf(types);
    all.add(more);
    return all;
  }

  private static Map<OpKind, Integer> versions(String text) {
    Map<OpKind, Integer> versions = new EnumMap<>(OpKind.class);
    for (String entry : text.split(" ")) {
      int colon = entry.indexOf(':');
      versions.put(
          OpKind.valueOf(entry.substring(0, colon)), Integer.valueOf(entry.substring(colon + 1)));
    }
    return versions;
  }
}
