package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;

/**
 * How each operator takes part in integer quantization.
 *
 * <p>The rules are those of TensorFlow Lite's 8-bit quantization specification and of the checks in
 * its kernels: which inputs are quantized, which tensors must share their parameters, which
 * parameters are fixed.
 */
final class OperatorRules {
  /** What ties the parameters of an operator's tensors. */
  enum Tie {
    /** A layer with weights; its output has parameters of its own. */
    WEIGHTS,
    /** The output has parameters of its own. */
    FREE,
    /** The outputs have the parameters of the first quantized input. */
    SAME,
    /** The quantized inputs have the parameters of the output. */
    FROM_OUTPUT,
    /** The output's parameters are given. */
    FIXED,
    /** The output is not quantized, the inputs have one set of parameters between them. */
    NO_OUTPUT
  }

  /**
   * The rule of an operator.
   *
   * @param tie what ties parameters
   * @param inputs indices of the inputs that are quantized; empty means all
   * @param int16 whether there is a 16-bit form
   * @param axis the dimension of the weights that scales go along, or -1
   * @param since the first runtime with an 8-bit form, such as {@code 2.12.0}
   */
  record Rule(Tie tie, int[] inputs, boolean int16, int axis, String since) {
    boolean takes(int input) {
      if (inputs.length == 0) {
        return true;
      }
      for (int i : inputs) {
        if (i == input) {
          return true;
        }
      }
      return false;
    }
  }

  private static final Map<OpKind, Rule> RULES = table();

  private OperatorRules() {}

  static Optional<Rule> of(OpKind kind) {
    return Optional.ofNullable(RULES.get(kind));
  }

  /** The index of a layer's activation input: all but the transposed convolution take it first. */
  static int activationInput(OpKind kind) {
    return kind == OpKind.TRANSPOSE_CONV ? 2 : 0;
  }

  /** The index of a layer's weights. */
  static int weightInput(OpKind kind) {
    return 1;
  }

  /** Whether each output of an operator is a product of weights with what it sees of one tensor. */
  static boolean hasWindows(OpKind kind) {
    return kind == OpKind.CONV_2D
        || kind == OpKind.DEPTHWISE_CONV_2D
        || kind == OpKind.FULLY_CONNECTED;
  }

  /** The index of a layer's bias, or -1 if its kind has none. */
  static int biasInput(OpKind kind) {
    return switch (kind) {
      case CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED -> 2;
      case TRANSPOSE_CONV -> 3;
      default -> -1;
    };
  }

  /** Whether an operator carries a state from step to step. */
  static boolean isRecurrent(OpKind kind) {
    return recurrentWeights(kind).length > 0;
  }

  /**
   * The inputs that hold the weights of a recurrent operator, all of which its hybrid kernels take
   * in one type: of inputs, of the last output, peepholes, projection.
   */
  static int[] recurrentWeights(OpKind kind) {
    return switch (kind) {
      case LSTM, UNIDIRECTIONAL_SEQUENCE_LSTM -> new int[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16};
      case BIDIRECTIONAL_SEQUENCE_LSTM ->
          new int[] {
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 33,
            40, 41, 42, 43, 44, 45, 46, 47
          };
      case RNN, UNIDIRECTIONAL_SEQUENCE_RNN, SVDF -> new int[] {1, 2};
      case BIDIRECTIONAL_SEQUENCE_RNN -> new int[] {1, 2, 5, 6, 10, 11};
      default -> new int[0];
    };
  }

  /** The parameters that an operator's output must have. */
  static Parameters fixed(OpKind kind, ElementType type) {
    boolean wide = type == ElementType.INT16;
    return switch (kind) {
      case SOFTMAX, LOGISTIC ->
          wide ? new Parameters(type, 1f / 32768, 0) : new Parameters(type, 1f / 256, -128);
      case TANH -> new Parameters(type, wide ? 1f / 32768 : 1f / 128, 0);
      case LOG_SOFTMAX -> new Parameters(type, 16f / 256, 127);
      case L2_NORMALIZATION -> new Parameters(type, 1f / 128, 0);
      default -> throw new IllegalArgumentException(kind + " has no fixed parameters");
    };
  }

  /** Whether an operator reads the shape of its input and none of its numbers. */
  static boolean looksAtShapeAlone(OpKind kind) {
    return kind == OpKind.SHAPE || kind == OpKind.RANK;
  }

  /** Whether the output holds numbers of the input, moved or picked, and no others. */
  static boolean passesValues(Op op) {
    Rule rule = RULES.get(op.kind());
    return rule != null && rule.tie() == Tie.SAME && op.kind() != OpKind.SUM;
  }

  private static Map<OpKind, Rule> table() {
    Map<OpKind, Rule> t = new EnumMap<>(OpKind.class);
    int[] first = {0};
    int[] two = {0, 1};
    t.put(OpKind.CONV_2D, new Rule(Tie.WEIGHTS, first, true, 0, "1.14.0"));
    t.put(OpKind.DEPTHWISE_CONV_2D, new Rule(Tie.WEIGHTS, first, true, 3, "1.14.0"));
    t.put(OpKind.FULLY_CONNECTED, new Rule(Tie.WEIGHTS, first, true, 0, "1.14.0"));
    t.put(OpKind.TRANSPOSE_CONV, new Rule(Tie.WEIGHTS, new int[] {2}, true, 0, "2.2.0"));
    put(t, Tie.FREE, two, true, OpKind.BATCH_MATMUL, OpKind.ADD, OpKind.SUB, OpKind.MUL);
    put(t, Tie.FREE, two, false, OpKind.SQUARED_DIFFERENCE, OpKind.PRELU);
    put(t, Tie.FREE, first, true, OpKind.MEAN, OpKind.RELU, OpKind.RELU6, OpKind.LEAKY_RELU);
    put(t, Tie.FREE, first, false, OpKind.RELU_N1_TO_1, OpKind.HARD_SWISH, OpKind.SUM);
    t.put(OpKind.GELU, new Rule(Tie.FREE, first, false, -1, "2.9.0"));
    t.put(OpKind.EXP, new Rule(Tie.FREE, first, true, -1, "2.12.0"));
    t.put(OpKind.LOG, new Rule(Tie.FREE, first, true, -1, "2.15.0"));
    t.put(OpKind.SQRT, new Rule(Tie.FREE, first, true, -1, "2.21.0"));
    t.put(OpKind.RSQRT, new Rule(Tie.FREE, first, true, -1, "2.15.0"));
    t.put(OpKind.ABS, new Rule(Tie.FREE, first, true, -1, "2.5.0"));
    put(
        t,
        Tie.SAME,
        first,
        true,
        OpKind.AVERAGE_POOL_2D,
        OpKind.MAX_POOL_2D,
        OpKind.PAD,
        OpKind.MIRROR_PAD,
        OpKind.RESHAPE,
        OpKind.SQUEEZE,
        OpKind.EXPAND_DIMS,
        OpKind.TRANSPOSE,
        OpKind.SLICE,
        OpKind.STRIDED_SLICE,
        OpKind.SPLIT_V,
        OpKind.UNPACK,
        OpKind.GATHER,
        OpKind.GATHER_ND,
        OpKind.RESIZE_BILINEAR,
        OpKind.RESIZE_NEAREST_NEIGHBOR,
        OpKind.SPACE_TO_BATCH_ND,
        OpKind.BATCH_TO_SPACE_ND,
        OpKind.REDUCE_MAX,
        OpKind.REDUCE_MIN,
        OpKind.BROADCAST_TO);
    put(
        t,
        Tie.SAME,
        first,
        false,
        OpKind.SPACE_TO_DEPTH,
        OpKind.DEPTH_TO_SPACE,
        OpKind.TILE,
        OpKind.REVERSE_V2);
    put(t, Tie.SAME, new int[] {1}, true, OpKind.SPLIT);
    put(
        t,
        Tie.FROM_OUTPUT,
        new int[0],
        true,
        OpKind.CONCATENATION,
        OpKind.PACK,
        OpKind.MAXIMUM,
        OpKind.MINIMUM);
    put(t, Tie.FROM_OUTPUT, new int[] {1, 2}, true, OpKind.SELECT, OpKind.SELECT_V2);
    put(t, Tie.FROM_OUTPUT, new int[] {0, 2}, true, OpKind.PADV2);
    put(t, Tie.FROM_OUTPUT, two, false, OpKind.DYNAMIC_UPDATE_SLICE);
    put(t, Tie.FIXED, first, true, OpKind.SOFTMAX, OpKind.LOGISTIC, OpKind.TANH);
    put(t, Tie.FIXED, first, false, OpKind.LOG_SOFTMAX, OpKind.L2_NORMALIZATION);
    put(
        t,
        Tie.NO_OUTPUT,
        two,
        false,
        OpKind.EQUAL,
        OpKind.NOT_EQUAL,
        OpKind.GREATER,
        OpKind.GREATER_EQUAL,
        OpKind.LESS,
        OpKind.LESS_EQUAL);
    put(t, Tie.NO_OUTPUT, first, false, OpKind.ARG_MAX, OpKind.ARG_MIN);
    return t;
  }

  private static void put(
      Map<OpKind, Rule> t, Tie tie, int[] inputs, boolean int16, OpKind... kinds) {
    for (OpKind kind : kinds) {
      t.put(kind, new Rule(tie, inputs, int16, -1, "1.14.0"));
    }
  }
}
