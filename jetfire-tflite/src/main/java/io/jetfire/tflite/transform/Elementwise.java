package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.OpKind;
import java.util.EnumSet;
import java.util.Set;

/** The operators that compute each element of the result from the elements at its place. */
final class Elementwise {
  /** One operand; the result has its type and shape. */
  static final Set<OpKind> UNARY =
      EnumSet.of(
          OpKind.ABS,
          OpKind.NEG,
          OpKind.EXP,
          OpKind.LOG,
          OpKind.SQRT,
          OpKind.RSQRT,
          OpKind.SQUARE,
          OpKind.SIN,
          OpKind.COS,
          OpKind.FLOOR,
          OpKind.CEIL,
          OpKind.ROUND,
          OpKind.SIGN,
          OpKind.LOGISTIC,
          OpKind.TANH,
          OpKind.RELU,
          OpKind.RELU6,
          OpKind.RELU_N1_TO_1,
          OpKind.RELU_0_TO_1,
          OpKind.ELU,
          OpKind.HARD_SWISH,
          OpKind.LEAKY_RELU,
          OpKind.GELU,
          OpKind.ZEROS_LIKE,
          OpKind.LOGICAL_NOT,
          OpKind.FAKE_QUANT);

  /** Two operands that broadcast; the result has the type of the first. */
  static final Set<OpKind> BINARY =
      EnumSet.of(
          OpKind.PRELU,
          OpKind.ADD,
          OpKind.SUB,
          OpKind.MUL,
          OpKind.DIV,
          OpKind.MAXIMUM,
          OpKind.MINIMUM,
          OpKind.POW,
          OpKind.FLOOR_DIV,
          OpKind.FLOOR_MOD,
          OpKind.ATAN2,
          OpKind.SQUARED_DIFFERENCE,
          OpKind.LOGICAL_AND,
          OpKind.LOGICAL_OR,
          OpKind.BITWISE_XOR,
          OpKind.RIGHT_SHIFT);

  /** Two operands that broadcast; the result is BOOL. */
  static final Set<OpKind> COMPARISON =
      EnumSet.of(
          OpKind.EQUAL,
          OpKind.NOT_EQUAL,
          OpKind.LESS,
          OpKind.LESS_EQUAL,
          OpKind.GREATER,
          OpKind.GREATER_EQUAL);

  /** The rest: results of another type, or more operands. */
  private static final Set<OpKind> OTHER =
      EnumSet.of(OpKind.CAST, OpKind.QUANTIZE, OpKind.DEQUANTIZE, OpKind.SELECT_V2, OpKind.ADD_N);

  private Elementwise() {}

  static boolean contains(OpKind kind) {
    return UNARY.contains(kind)
        || BINARY.contains(kind)
        || COMPARISON.contains(kind)
        || OTHER.contains(kind);
  }
}
