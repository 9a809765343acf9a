package io.jetfire.tflite.format;

import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * How many inputs and outputs an operator's kernel takes, and which inputs may be left out.
 *
 * <p>Source: what the kernels of LiteRT (August 2026) demand when they are prepared.
 */
record OpArity(
    int minInputs, int maxInputs, int minOutputs, int maxOutputs, Set<Integer> optional) {
  private static final int MANY = Integer.MAX_VALUE;

  // Operators, inputs, outputs ("2-3" a range, "1+" at least), and inputs that may be left out.
  private static final String TABLE =
      """
      ABS,CEIL,COS,ELU,EXP,FLOOR,GELU,HARD_SWISH,L2_NORMALIZATION,LEAKY_RELU,LOG,LOGISTIC 1 1
      LOG_SOFTMAX,NEG,RELU,RELU6,RELU_0_TO_1,RELU_N1_TO_1,ROUND,RSQRT,SIGN,SIN,SQRT,SQUARE,TANH 1 1
      AVERAGE_POOL_2D,L2_POOL_2D,MAX_POOL_2D,LOCAL_RESPONSE_NORMALIZATION,SOFTMAX,SHAPE,RANK 1 1
      CAST,BITCAST,BUCKETIZE,COMPLEX_ABS,DENSIFY,DEPTH_TO_SPACE,SPACE_TO_DEPTH,DEQUANTIZE 1 1
      QUANTIZE,FAKE_QUANT,IMAG,REAL,LOGICAL_NOT,MATRIX_DIAG,SQUEEZE,WHERE,ZEROS_LIKE,SKIP_GRAM 1 1
      HASHTABLE_SIZE,READ_VARIABLE,RANDOM_STANDARD_NORMAL,RANDOM_UNIFORM 1 1
      ADD,SUB,MUL,DIV,ATAN2,POW,MAXIMUM,MINIMUM,SQUARED_DIFFERENCE,FLOOR_DIV,FLOOR_MOD,PRELU 2 1
      EQUAL,NOT_EQUAL,LESS,LESS_EQUAL,GREATER,GREATER_EQUAL,LOGICAL_AND,LOGICAL_OR 2 1
      BITWISE_XOR,RIGHT_SHIFT,ARG_MAX,ARG_MIN,BATCH_MATMUL,BROADCAST_ARGS,BROADCAST_TO,CUMSUM 2 1
      EMBEDDING_LOOKUP,EXPAND_DIMS,FILL,GATHER,GATHER_ND,MATRIX_SET_DIAG,MEAN,SUM,MIRROR_PAD 2 1
      MULTINOMIAL,PAD,REDUCE_ALL,REDUCE_ANY,REDUCE_MAX,REDUCE_MIN,REDUCE_PROD,RESIZE_BILINEAR 2 1
      RESIZE_NEAREST_NEIGHBOR,REVERSE_SEQUENCE,REVERSE_V2,RFFT2D,SEGMENT_SUM,TILE,TRANSPOSE 2 1
      PADV2,RANGE,SELECT,SELECT_V2,SLICE,BATCH_TO_SPACE_ND,SPACE_TO_BATCH_ND,SCATTER_ND 3 1
      DYNAMIC_UPDATE_SLICE,DILATE,HASHTABLE_FIND,UNSORTED_SEGMENT_MAX,UNSORTED_SEGMENT_MIN 3 1
      UNSORTED_SEGMENT_PROD,UNSORTED_SEGMENT_SUM 3 1
      ONE_HOT,SPARSE_TO_DENSE,STRIDED_SLICE 4 1
      ADD_N,CONCATENATION,PACK 1+ 1
      ASSIGN_VARIABLE 2 0
      HASHTABLE,VAR_HANDLE 0 1
      HASHTABLE_IMPORT 3 0
      HASHTABLE_LOOKUP 3 2
      CALL_ONCE 0 0
      IF,WHILE 1+ 0+
      CONV_2D,CONV_3D,DEPTHWISE_CONV_2D 2-3 1 2
      FULLY_CONNECTED 2-3 1-2 2
      CONV_3D_TRANSPOSE,TRANSPOSE_CONV 3-4 1 3
      EMBEDDING_LOOKUP_SPARSE 5 1
      LSH_PROJECTION 2-3 1 2
      RESHAPE 1-2 1
      SPLIT 2 1+
      SPLIT_V 3 1+
      UNPACK 1 1+
      TOPK_V2 2 2
      UNIQUE 1 2
      NON_MAX_SUPPRESSION_V4 5 2
      NON_MAX_SUPPRESSION_V5 6 3
      RNN,UNIDIRECTIONAL_SEQUENCE_RNN 5 1 3
      BIDIRECTIONAL_SEQUENCE_RNN 12 1-2 4,7,9,10,11
      SVDF 5 1 3
      LSTM 5-24 1-4 1,5,9,10,11,12,16,17,20,21,22,23
      UNIDIRECTIONAL_SEQUENCE_LSTM 20-24 1 1,5,9,10,11,12,16,17,20,21,22,23
      BIDIRECTIONAL_SEQUENCE_LSTM 48 1-2 1,5,9,10,11,12,16,17,18,22,26,27,28,29,33,34,39,40,41,42,\
      43,44,45,46,47
      """;

  private static final Map<OpKind, OpArity> ALL = parse();

  static Optional<OpArity> of(Op op) {
    return Optional.ofNullable(ALL.get(op.kind()));
  }

  private static Map<OpKind, OpArity> parse() {
    Map<OpKind, OpArity> all = new EnumMap<>(OpKind.class);
    for (String line : TABLE.lines().toList()) {
      String[] words = line.trim().split(" ");
      Set<Integer> optional = new HashSet<>();
      if (words.length > 3) {
        for (String i : words[3].split(",")) {
          optional.add(Integer.parseInt(i));
        }
      }
      OpArity arity =
          new OpArity(low(words[1]), high(words[1]), low(words[2]), high(words[2]), optional);
      for (String name : words[0].split(",")) {
        all.put(OpKind.valueOf(name), arity);
      }
    }
    return all;
  }

  private static int low(String range) {
    return Integer.parseInt(range.split("[-+]")[0]);
  }

  private static int high(String range) {
    String[] ends = range.split("-");
    return range.endsWith("+") ? MANY : Integer.parseInt(ends[ends.length - 1]);
  }
}
