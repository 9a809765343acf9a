package io.jetfire.tflite.format;

import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.LstmKernelType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import io.jetfire.tflite.graph.WeightsFormat;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Which version of an operator a use of it needs, and since which runtime that version is known.
 *
 * <p>A runtime finds a kernel by operator and version, so a model must not carry a version above
 * what the target registers. The rules are those of {@code op_version.cc} and {@code
 * runtime_version.cc} of LiteRT (August 2026), with one difference: 16x8 convolutions without a
 * bias type get the version that brought int16 and not 1, so that a runtime without int16 kernels
 * refuses them at once.
 */
public final class OpVersions {
  /** The metadata entry that names the lowest runtime for the whole model. */
  public static final String MIN_RUNTIME_VERSION = "min_runtime_version";

  private static final int MIN_RUNTIME_BYTES = 16;

  // Operator, then version:runtime, then the types that need a version: of input 0, or of the one
  // behind "@". What depends on more than a type is in version().
  private static final String TABLE =
      """
      ADD 1:1.5.0 2:1.14.0 3:2.4.0 4:2.6.0 5:2.13.0 6:2.23.0 | i8=2 i64=4 f16=6
      AVERAGE_POOL_2D 1:1.5.0 2:1.14.0 3:2.3.0 | i8=2 i16=3
      CONCATENATION 1:1.5.0 2:1.14.0 3:2.3.0 4:2.14.0 5:2.21.0 6:2.23.0 7:2.23.0 | i8=2 i16=3 \
        u32=4 i4=5 f16=6 f8=7
      CONV_2D 1:1.5.0 2:1.14.0 3:1.14.0 4:2.3.0 5:2.4.0 6:2.9.0 7:2.11.0 8:2.15.0
      DEPTHWISE_CONV_2D 1:1.5.0 2:1.12.0 3:1.14.0 4:2.2.0 5:2.3.0 6:2.3.0 7:2.11.0
      DEPTH_TO_SPACE 1:2.1.0 2:2.5.0 | i8=2
      DEQUANTIZE 1:1.13.1 2:1.14.0 3:1.15.0 4:2.2.0 5:2.7.0 6:2.18.0 7:2.21.0 8:2.22.0 9:2.23.0 | \
        i8=2 i16=3 f16=3 i4=6 i2=7 u4=8 f8=9
      EMBEDDING_LOOKUP 1:1.13.0 2:1.14.0 3:1.14.0 4:2.18.0 5:2.21.0 | i8@1=3 i4@1=4 i2@1=5
      FLOOR 1:1.9.0
      FULLY_CONNECTED 1:1.5.0 2:1.10.0 3:1.14.0 4:1.14.0 5:2.0.0 6:2.1.0 7:2.3.0 8:2.3.0 9:2.3.0 \
        10:2.11.0 11:2.15.0 12:2.17.0 13:2.18.0 14:2.21.0
      HASHTABLE_LOOKUP 1:1.5.0
      L2_NORMALIZATION 1:1.5.0 2:1.14.0 | i8=2
      L2_POOL_2D 1:1.5.0
      LOCAL_RESPONSE_NORMALIZATION 1:1.5.0
      LOGISTIC 1:1.14.0 2:1.14.0 3:2.3.0 | i8=2 i16=3
      LSH_PROJECTION 1:1.5.0
      LSTM 1:1.7.0 2:1.10.0 3:1.14.0 4:2.3.0
      MAX_POOL_2D 1:1.5.0 2:1.14.0 3:2.3.0 | i8=2 i16=3
      MUL 1:1.5.0 2:1.14.0 3:1.15.0 4:2.3.0 5:2.6.0 6:2.11.0 7:2.13.0 8:2.23.0 | i8=2 i64=5 c64=6 \
        u32=7 f16=8
      RELU 1:1.5.0 2:2.1.0 3:2.5.0 | i8=2 i16=3
      RELU_N1_TO_1 1:1.5.0
      RELU6 1:1.5.0 2:1.14.0 3:2.5.0 | i8=2 i16=3
      RESHAPE 1:1.5.0
      RESIZE_BILINEAR 1:1.7.0 2:1.14.0 3:2.2.0 4:2.5.0 | i8=2 i16=4
      RNN 1:1.5.0 2:1.14.0 3:2.3.0
      SOFTMAX 1:1.5.0 2:1.14.0 3:2.3.0 4:2.23.0 | i8=2 i16=3 f16=4
      SPACE_TO_DEPTH 1:1.5.0 2:1.14.0 | i8=2
      SVDF 1:1.5.0 2:1.14.0 3:2.2.0 4:2.3.0 | i8=3
      TANH 1:1.14.0 2:1.14.0 3:2.3.0 | i8=2 i16=3
      SKIP_GRAM 1:1.5.0
      EMBEDDING_LOOKUP_SPARSE 1:1.5.0
      PAD 1:1.5.0 2:1.14.0 3:2.4.0 4:2.6.0 5:2.20.0 6:2.23.0 | i8=2 i16=3 bool=5 f8=6
      UNIDIRECTIONAL_SEQUENCE_RNN 1:1.14.0 2:1.14.0 3:2.3.0
      GATHER 1:1.6.0 2:1.14.0 3:1.15.0 4:2.4.0 5:2.5.0 6:2.13.0 7:2.15.0 8:2.23.0 | i8=2 bool=3 \
        i16=4 i16@1=6 i4=7 f8=8
      BATCH_TO_SPACE_ND 1:1.6.0 2:1.14.0 3:2.3.0 4:2.12.0 | i8=2 i16=4
      SPACE_TO_BATCH_ND 1:1.6.0 2:1.14.0 3:2.3.0 4:2.12.0 | i8=2 i16=4
      TRANSPOSE 1:1.6.0 2:1.14.0 3:1.15.0 4:2.3.0 5:2.4.0 6:2.12.0 7:2.14.4 8:2.22.0 9:2.23.0 | \
        i8=2 bool=3 i16=5 i4=7 bf16=8 f16=9
      MEAN 1:1.6.0 2:1.14.0 3:2.4.0 | i8=2 i16=3
      SUB 1:1.6.0 2:1.14.0 3:2.3.0 4:2.4.0 5:2.4.0 | i8=2 i64=4
      DIV 1:1.6.0 2:2.3.0
      SQUEEZE 1:1.6.0 2:2.5.0 | str=2
      UNIDIRECTIONAL_SEQUENCE_LSTM 1:1.13.1 2:1.14.0 3:2.3.0 4:2.12.0
      STRIDED_SLICE 1:1.6.0 2:1.14.0 3:2.1.0 4:2.2.0 5:2.5.0 6:2.6.0 7:2.14.0 8:2.14.0 | i8=2 \
        bool=3 str=5 u32=7
      BIDIRECTIONAL_SEQUENCE_RNN 1:1.14.0 2:1.14.0 3:2.3.0
      EXP 1:1.7.0 2:2.12.0 | i8=2 i16=2
      TOPK_V2 1:1.7.0 2:1.14.0 3:2.13.0 | i8=2 i16=3 i16@1=3
      SPLIT 1:1.5.0 2:1.14.0 3:1.14.0 4:2.3.0 5:2.23.0 | i8@1=2 i32@1=3 i16@1=4 f8@1=5
      LOG_SOFTMAX 1:1.14.0 2:1.14.0 | i8=2
      BIDIRECTIONAL_SEQUENCE_LSTM 1:1.14.0 2:1.14.0 3:1.14.0
      CAST 1:1.5.0 2:2.7.0 3:2.8.0 4:2.9.0 5:2.12.0 6:2.15.0 7:2.17.0 8:2.21.0 9:2.23.0 | u32=2 \
        i8=3 u16=4 f64=5 f16=5 i4=6 bf16=7 i2=8 u4=8 f8=9 u32@out=2 i8@out=3 u16@out=4 f64@out=5 \
        f16@out=5 i4@out=6 bf16@out=7 i2@out=8 u4@out=8 f8@out=9
      PRELU 1:1.8.0
      MAXIMUM 1:1.14.0 2:1.14.0 3:2.3.0 4:2.3.0 | i8=2 i16=4
      ARG_MAX 1:1.9.0 2:1.14.0 3:2.9.0 | i8=2 bool=3
      MINIMUM 1:1.14.0 2:1.14.0 3:2.3.0 4:2.3.0 | i8=2 i16=4
      LESS 1:1.14.0 2:1.14.0 3:2.13.0 | i8=2 i16=3
      NEG 1:1.9.0
      PADV2 1:1.9.0 2:1.14.0 3:2.4.0 4:2.6.0 5:2.20.0 6:2.23.0 | i8=2 i16=3 bool=5 f8=6
      GREATER 1:1.14.0 2:1.14.0 | i8=2
      GREATER_EQUAL 1:1.14.0 2:1.14.0 3:2.13.0 | i8=2 i16=3
      LESS_EQUAL 1:1.14.0 2:1.14.0 | i8=2
      SELECT 1:1.14.0 2:1.14.0 3:2.12.0 4:2.12.0 | i8@1=2 u32@1=4
      SLICE 1:1.14.0 2:1.14.0 3:1.14.0 4:2.4.0 5:2.5.0 6:2.14.0 7:2.21.0 8:2.23.0 | i8=2 str=3 \
        i16=4 u32=6 i4=7 f16=8
      SIN 1:1.9.0 2:2.23.0 | f16=2
      TRANSPOSE_CONV 1:1.9.0 2:2.2.0 3:2.3.0 4:2.13.0 5:2.15.0 | i8@1=2
      SPARSE_TO_DENSE 1:1.9.0 2:1.14.0 3:1.15.0 | i64@2=2 i8@2=3 u8@2=3
      TILE 1:1.10.1 2:2.2.0 3:2.8.0 | str=2 i8=3
      EXPAND_DIMS 1:1.10.0
      EQUAL 1:1.14.0 2:1.14.0 3:2.3.0 4:2.13.0 5:2.21.0 | i8=2 str=3 i16=5
      NOT_EQUAL 1:1.14.0 2:1.14.0 3:2.3.0 4:2.21.0 | i8=2 str=3 i16=4
      LOG 1:1.14.0 2:2.15.0 | i8=2 i16=2
      SUM 1:1.10.0 2:1.15.0 | i8=2
      SQRT 1:1.10.0 2:2.21.0 | i8=2 i16=2
      RSQRT 1:1.10.0 2:2.5.0 3:2.15.0 | i8=2 i16=3
      SHAPE 1:1.10.0
      POW 1:1.10.0
      ARG_MIN 1:1.9.0 2:1.14.0 3:2.9.0 | i8=2 bool=3
      FAKE_QUANT 1:1.5.0 2:1.10.0
      REDUCE_PROD 1:1.11.0 2:2.6.0 | i8=2 i16=2
      REDUCE_MAX 1:1.11.0 2:1.14.0 3:2.5.0 | i8=2 i16=3
      PACK 1:1.11.0 2:1.14.0 3:2.3.0 4:2.13.0 5:2.23.0 | i8=2 i16=3 u32=4 f8=5
      LOGICAL_OR 1:1.11.0
      ONE_HOT 1:1.11.0
      LOGICAL_AND 1:1.11.0
      LOGICAL_NOT 1:1.11.0
      UNPACK 1:1.11.0 2:1.14.0 3:2.2.0 4:2.3.0 5:2.22.0 6:2.23.0 | i8=2 u8=2 bool=3 i16=4 f16=5 \
        bf16=5 f8=6
      REDUCE_MIN 1:1.11.0 2:1.14.0 3:2.5.0 | i8=2 i16=3
      FLOOR_DIV 1:1.14.0 2:1.14.0 3:2.13.0 | f32=2 i8=3 i16=3
      REDUCE_ANY 1:1.11.0
      SQUARE 1:1.12.0
      ZEROS_LIKE 1:1.12.0
      FILL 1:1.13.0 2:2.3.0 3:2.5.0 4:2.12.0 5:2.23.0 | bool@1=2 str@1=2 i8@1=3 i16@1=3 f16@1=4 \
        f8@1=5
      FLOOR_MOD 1:1.13.0 2:2.13.0 | i8=2 i16=2
      RANGE 1:1.13.0 2:2.14.0 | i64=2
      RESIZE_NEAREST_NEIGHBOR 1:1.13.1 2:1.14.0 3:2.3.0 4:2.4.0 | i8=2 i16=4
      LEAKY_RELU 1:1.13.1 2:2.3.0 | i16=2
      SQUARED_DIFFERENCE 1:1.13.1 2:2.5.0 | i8=2
      MIRROR_PAD 1:1.13.1 2:2.3.0 3:2.12.0 | i8=2 i16=3
      ABS 1:1.13.0 2:2.4.0 3:2.5.0 4:2.6.0 5:2.12.0 | i8=2 i32=5
      SPLIT_V 1:1.13.1 2:2.3.0 3:2.23.0 | i8=2 f8=3
      UNIQUE 1:1.14.0
      CEIL 1:1.14.0
      REVERSE_V2 1:1.14.0 2:2.2.0 3:2.5.0 4:2.23.0 | bool=2 i8=3 f8=4
      ADD_N 1:1.14.0
      GATHER_ND 1:1.14.0 2:2.3.0 3:2.5.0 4:2.13.0 5:2.16.0 6:2.23.0 | str=2 i16=3 i16@1=4 bool=5 \
        f8=6
      COS 1:1.14.0 2:2.23.0 | f16=2
      WHERE 1:1.14.0 2:2.8.0 | f32=2 i32=2 i64=2 u32=2 i8=2 u8=2
      RANK 1:1.14.0
      ELU 1:1.14.0
      REVERSE_SEQUENCE 1:1.14.0
      MATRIX_DIAG 1:1.14.0
      QUANTIZE 1:1.14.0 2:1.15.0 3:2.7.0 4:2.21.0 5:2.21.0 6:2.21.0 | i16=2 i16@out=2 i4@out=4 \
        u4@out=5
      MATRIX_SET_DIAG 1:1.14.0
      ROUND 1:1.14.0
      HARD_SWISH 1:1.15.0
      IF 1:1.15.0
      WHILE 1:1.15.0
      NON_MAX_SUPPRESSION_V4 1:2.1.0
      NON_MAX_SUPPRESSION_V5 1:2.1.0
      SCATTER_ND 1:2.1.0
      SELECT_V2 1:2.2.0 2:2.12.0 | u32@1=2
      DENSIFY 1:2.2.0
      SEGMENT_SUM 1:2.2.0
      BATCH_MATMUL 1:2.3.0 2:2.3.0 3:2.4.0 4:2.5.0 | i8=2 i16=3
      CUMSUM 1:2.4.0
      CALL_ONCE 1:2.5.0
      BROADCAST_TO 2:2.5.0 3:2.5.0 4:2.23.0 | i8=3 i16=3 f8=4
      RFFT2D 1:2.5.0
      CONV_3D 1:2.5.0
      IMAG 1:2.5.0
      REAL 1:2.5.0
      COMPLEX_ABS 1:2.5.0
      HASHTABLE 1:2.5.0
      HASHTABLE_FIND 1:2.5.0
      HASHTABLE_IMPORT 1:2.5.0
      HASHTABLE_SIZE 1:2.5.0
      REDUCE_ALL 1:2.6.0
      CONV_3D_TRANSPOSE 1:2.6.0
      VAR_HANDLE 1:2.6.0
      READ_VARIABLE 1:2.6.0
      ASSIGN_VARIABLE 1:2.6.0
      BROADCAST_ARGS 1:2.6.0
      RANDOM_STANDARD_NORMAL 1:2.8.0
      BUCKETIZE 1:2.8.0
      RANDOM_UNIFORM 1:2.8.0
      MULTINOMIAL 1:2.8.0
      GELU 1:2.9.0 2:2.9.0 3:2.23.0 | i8=2 u8=2 f16=3
      DYNAMIC_UPDATE_SLICE 1:2.9.0 2:2.17.0 3:2.19.0 4:2.20.0 5:2.21.0 6:2.22.0 | i64@2=2 f16=3 \
        i16=4 i4=5 bf16=6
      RELU_0_TO_1 1:2.10.0
      UNSORTED_SEGMENT_PROD 1:2.10.0
      UNSORTED_SEGMENT_MAX 1:2.10.0
      UNSORTED_SEGMENT_SUM 1:2.10.0
      ATAN2 1:2.10.0
      UNSORTED_SEGMENT_MIN 1:2.11.0
      SIGN 1:2.11.0 2:2.12.0 | i32=2
      BITCAST 1:2.13.0
      BITWISE_XOR 1:2.13.0
      RIGHT_SHIFT 1:2.13.0
      STABLEHLO_ADD 1:2.16.0
      STABLEHLO_MULTIPLY 1:2.16.0
      STABLEHLO_MAXIMUM 1:2.16.0
      STABLEHLO_AND 1:2.17.0
      STABLEHLO_MINIMUM 1:2.16.0
      STABLEHLO_SCATTER 1:2.15.0
      STABLEHLO_PAD 1:2.16.0
      STABLEHLO_REDUCE_WINDOW 1:2.16.0
      STABLEHLO_GATHER 1:2.16.0
      DILATE 1:2.15.0
      STABLEHLO_RNG_BIT_GENERATOR 1:2.15.0
      REDUCE_WINDOW 1:2.15.0
      STABLEHLO_COMPOSITE 1:2.17.0
      STABLEHLO_SHIFT_LEFT 1:2.17.0
      STABLEHLO_CASE 1:2.17.0
      """;

  private static final Map<String, List<ElementType>> TYPES =
      Map.ofEntries(
          Map.entry("f32", List.of(ElementType.FLOAT32)),
          Map.entry("f16", List.of(ElementType.FLOAT16)),
          Map.entry("bf16", List.of(ElementType.BFLOAT16)),
          Map.entry("f64", List.of(ElementType.FLOAT64)),
          Map.entry("f8", List.of(ElementType.FLOAT8_E4M3FN, ElementType.FLOAT8_E5M2)),
          Map.entry("i2", List.of(ElementType.INT2)),
          Map.entry("i4", List.of(ElementType.INT4)),
          Map.entry("u4", List.of(ElementType.UINT4)),
          Map.entry("i8", List.of(ElementType.INT8)),
          Map.entry("u8", List.of(ElementType.UINT8)),
          Map.entry("i16", List.of(ElementType.INT16)),
          Map.entry("u16", List.of(ElementType.UINT16)),
          Map.entry("i32", List.of(ElementType.INT32)),
          Map.entry("u32", List.of(ElementType.UINT32)),
          Map.entry("i64", List.of(ElementType.INT64)),
          Map.entry("c64", List.of(ElementType.COMPLEX64)),
          Map.entry("bool", List.of(ElementType.BOOL)),
          Map.entry("str", List.of(ElementType.STRING)));

  private static final int OUTPUT = -1;

  private record TypeRule(int input, List<ElementType> types, int version) {}

  private record Entry(TreeMap<Integer, TargetRuntime> runtimes, List<TypeRule> rules) {}

  private static final Map<OpKind, Entry> ENTRIES = parse();

  private OpVersions() {}

  /**
   * Returns the lowest version that a use of an operator needs.
   *
   * @param op with its tensors and attributes
   * @return from 1; 1 for custom operators
   */
  public static int version(Op op) {
    Entry entry = ENTRIES.get(op.kind());
    if (entry == null) {
      return 1;
    }
    int version = op.kind() == OpKind.BROADCAST_TO ? 2 : 1;
    for (TypeRule rule : entry.rules()) {
      ElementType type = rule.input() == OUTPUT ? output(op) : type(op, rule.input());
      if (type != null && rule.types().contains(type)) {
        version = Math.max(version, rule.version());
      }
    }
    return Math.max(version, special(op));
  }

  /**
   * Returns the first runtime that has a kernel for an operator's version.
   *
   * @param kind the operator, not CUSTOM
   * @param version from 1
   * @return empty if no runtime known to this table has one
   */
  public static Optional<TargetRuntime> minimumRuntime(OpKind kind, int version) {
    Entry entry = ENTRIES.get(kind);
    return entry == null ? Optional.empty() : Optional.ofNullable(entry.runtimes().get(version));
  }

  /**
   * Returns the highest version of an operator that a runtime has a kernel for.
   *
   * @param kind the operator, not CUSTOM
   * @param target the runtime
   * @return 0 if it has none
   */
  public static int highestVersion(OpKind kind, TargetRuntime target) {
    Entry entry = ENTRIES.get(kind);
    int highest = 0;
    if (entry != null) {
      for (Map.Entry<Integer, TargetRuntime> e : entry.runtimes().entrySet()) {
        if (e.getValue().compareTo(target) <= 0) {
          highest = e.getKey();
        }
      }
    }
    return highest;
  }

  /**
   * Returns the versions with which a graph would be written.
   *
   * @param graph the graph
   * @return one version per operator
   */
  public static Assigned assign(Graph graph) {
    Map<Op, Integer> versions = new IdentityHashMap<>();
    boolean changed = false;
    for (Subgraph s : graph.subgraphs()) {
      for (Op op : s.ops()) {
        int computed = version(op);
        boolean keep =
            op.version().isPresent()
                && (op.computedVersion() == 0 || op.computedVersion() == computed);
        versions.put(op, keep ? op.version().getAsInt() : computed);
        changed |= !keep;
      }
    }
    return new Assigned(versions, changed);
  }

  /** The versions of a graph's operators. */
  public static final class Assigned {
    private final Map<Op, Integer> versions;
    private final boolean changed;

    private Assigned(Map<Op, Integer> versions, boolean changed) {
      this.versions = versions;
      this.changed = changed;
    }

    /**
     * Returns the version of an operator.
     *
     * @param op an operator of the graph
     * @return from 1
     */
    public int of(Op op) {
      Integer version = versions.get(op);
      if (version == null) {
        throw new IllegalArgumentException(op + " is not an operator of the graph");
      }
      return version;
    }

    /**
     * Lists the operators that a runtime has no kernel for.
     *
     * @param target the runtime
     * @return one line per operator and version, with the count and the reason; empty if it takes
     *     all
     */
    public List<String> unknownTo(TargetRuntime target) {
      Map<String, List<Op>> found = new LinkedHashMap<>();
      versions.forEach(
          (op, version) ->
              reason(op, version, target)
                  .ifPresent(r -> found.computeIfAbsent(r, k -> new ArrayList<>()).add(op)));
      List<String> lines = new ArrayList<>();
      found.forEach((reason, ops) -> lines.add(reason + " (" + ops.size() + " in the model)"));
      lines.sort(null);
      return lines;
    }

    /**
     * Returns the content of the {@value #MIN_RUNTIME_VERSION} metadata entry.
     *
     * @return empty if every operator is as the file had it, so that the file's entry still holds
     */
    public Optional<Weights> minimumRuntime() {
      if (!changed) {
        return Optional.empty();
      }
      TargetRuntime highest = null;
      for (Map.Entry<Op, Integer> e : versions.entrySet()) {
        TargetRuntime needed =
            OpVersions.minimumRuntime(e.getKey().kind(), e.getValue()).orElse(null);
        if (needed != null && (highest == null || needed.compareTo(highest) > 0)) {
          highest = needed;
        }
      }
      if (highest == null) {
        return Optional.empty();
      }
      byte[] text = highest.toString().getBytes(StandardCharsets.US_ASCII);
      byte[] padded = new byte[MIN_RUNTIME_BYTES];
      System.arraycopy(text, 0, padded, 0, text.length);
      return Optional.of(Weights.of(padded));
    }
  }

  /**
   * Says why a runtime has no kernel for an operator.
   *
   * @param op the operator
   * @param version the version that it carries
   * @param target the runtime
   * @return empty if it has one, or if the operator is a custom one, which the application brings
   */
  public static Optional<String> reason(Op op, int version, TargetRuntime target) {
    if (op.kind() == OpKind.CUSTOM || target.isAny()) {
      return Optional.empty();
    }
    TargetRuntime needed = minimumRuntime(op.kind(), version).orElse(null);
    String name = op.kind() + " version " + version;
    if (needed == null) {
      return Optional.of(
          ENTRIES.containsKey(op.kind())
              ? name + " is newer than every runtime known to this version of JetFire"
              : op.kind() + " has no kernel in any runtime");
    }
    return needed.compareTo(target) > 0
        ? Optional.of(name + " needs TensorFlow Lite " + needed)
        : Optional.empty();
  }

  // ---- rules that depend on more than one type

  private static int special(Op op) {
    return switch (op.kind()) {
      case ADD -> {
        boolean int16 = type(op, 0) == ElementType.INT16;
        yield int16 && !quantized(op, 0) ? 5 : int16 && generalScale(op) ? 3 : 1;
      }
      case SUB ->
          type(op, 0) == ElementType.INT16 && generalScale(op)
              ? 5
              : broadcastAboveRank4(op) ? 3 : 1;
      case MUL ->
          type(op, 0) == ElementType.INT16
              ? quantized(op, 0) ? 4 : 7
              : type(op, 0) == ElementType.INT8 && bigScale(op) ? 3 : 1;
      case DIV -> broadcastAboveRank4(op) ? 2 : 1;
      case MAXIMUM, MINIMUM -> broadcastAboveRank4(op) ? 3 : 1;
      case CONV_2D -> conv(op);
      case DEPTHWISE_CONV_2D -> depthwise(op);
      case FULLY_CONNECTED -> fullyConnected(op);
      case TRANSPOSE_CONV -> transposeConv(op);
      case DEQUANTIZE -> type(op, 0) == ElementType.INT8 && perChannel(op.optionalInput(0)) ? 5 : 1;
      case QUANTIZE -> !op.outputs().isEmpty() && perChannel(Optional.of(op.output(0))) ? 3 : 1;
      case EMBEDDING_LOOKUP -> perChannel(op.optionalInput(1)) ? 4 : 1;
      case LSTM ->
          hybrid(op, 2)
              ? asymmetric(op) ? 4 : 3
              : kernel(op) == LstmKernelType.BASIC
                  ? 2
                  : type(op, 0) == ElementType.INT16 ? 4 : type(op, 0) == ElementType.INT8 ? 3 : 1;
      case UNIDIRECTIONAL_SEQUENCE_LSTM ->
          flag(op, "diagonal_recurrent_tensors")
              ? 4
              : hybrid(op, 2)
                  ? asymmetric(op) ? 3 : 2
                  : type(op, 0) == ElementType.INT16 || type(op, 0) == ElementType.INT8 ? 3 : 1;
      case BIDIRECTIONAL_SEQUENCE_LSTM ->
          hybrid(op, 2) && asymmetric(op) ? 3 : flag(op, "time_major") ? 1 : 2;
      case RNN, UNIDIRECTIONAL_SEQUENCE_RNN, BIDIRECTIONAL_SEQUENCE_RNN ->
          hybrid(op, 1) ? asymmetric(op) ? 3 : 2 : 1;
      case SVDF -> hybrid(op, 1) ? asymmetric(op) ? 4 : 2 : 1;
      case BATCH_MATMUL -> hybrid(op, 1) && asymmetric(op) ? 4 : 1;
      case RESIZE_BILINEAR -> flag(op, "half_pixel_centers") ? 3 : 1;
      case RESIZE_NEAREST_NEIGHBOR ->
          flag(op, "half_pixel_centers") || flag(op, "align_corners") ? 3 : 1;
      case PAD, PADV2 -> rank(op, 0) > 4 ? 4 : 1;
      case GATHER -> op.has("batch_dims") && op.integer("batch_dims") != 0 ? 5 : 1;
      case BATCH_TO_SPACE_ND, SPACE_TO_BATCH_ND -> rank(op, 0) >= 0 && rank(op, 0) != 4 ? 3 : 1;
      case TRANSPOSE -> rank(op, 0) > 6 ? 8 : rank(op, 0) > 5 ? 6 : rank(op, 0) > 4 ? 4 : 1;
      case STRIDED_SLICE ->
          flag(op, "offset")
              ? 8
              : mask(op, "ellipsis_mask") || mask(op, "new_axis_mask")
                  ? 6
                  : rank(op, 0) > 4 ? 4 : 1;
      case SLICE -> rank(op, 0) > 4 ? 5 : 1;
      case SELECT -> rank(op, 1) > 4 ? 3 : 1;
      case ABS -> type(op, 0) == ElementType.INT16 ? quantized(op, 0) ? 3 : 4 : 1;
      case FAKE_QUANT -> flag(op, "narrow_range") ? 2 : 1;
      default -> 1;
    };
  }

  private static int conv(Op op) {
    ElementType in = type(op, 0);
    ElementType filter = type(op, 1);
    if (in == ElementType.INT16) {
      return filter == ElementType.INT8 && biasType(op) ? 8 : 4;
    }
    if (grouped(op)) {
      return 6;
    }
    if (in == ElementType.INT8) {
      return filter == ElementType.INT4 ? 7 : 3;
    }
    return hybrid(op, 1) ? perChannel(op.optionalInput(1)) ? 5 : 2 : 1;
  }

  private static boolean grouped(Op op) {
    Shape in = op.optionalInput(0).map(Value::shape).orElse(Shape.unknown());
    Shape filter = op.optionalInput(1).map(Value::shape).orElse(Shape.unknown());
    return in.hasRank()
        && filter.hasRank()
        && in.rank() == 4
        && filter.rank() == 4
        && in.dim(3) > 0
        && filter.dim(3) > 0
        && in.dim(3) != filter.dim(3);
  }

  private static int depthwise(Op op) {
    ElementType in = type(op, 0);
    if (in == ElementType.INT16) {
      return 5;
    }
    if (hybrid(op, 1)) {
      return perChannel(op.optionalInput(1)) ? 6 : 4;
    }
    if (in == ElementType.INT8) {
      return type(op, 1) == ElementType.INT4 ? 7 : 3;
    }
    boolean dilated =
        op.has("dilation_w_factor")
            && (op.integer("dilation_w_factor") != 1 || op.integer("dilation_h_factor") != 1);
    return dilated ? 2 : 1;
  }

  // In LiteRT's order: the first rule that applies decides.
  private static int fullyConnected(Op op) {
    ElementType in = type(op, 0);
    ElementType filter = type(op, 1);
    boolean hybrid = hybrid(op, 1);
    if (filter == ElementType.INT2) {
      return 14;
    }
    if (in == ElementType.INT16 && filter == ElementType.INT4) {
      return 13;
    }
    if (hybrid && perChannel(op.optionalInput(1))) {
      return 12;
    }
    if (in == ElementType.INT16 && filter == ElementType.INT8 && biasType(op)) {
      return 11;
    }
    if (op.optionalInput(1).flatMap(Value::sparsity).isPresent()) {
      return 8;
    }
    if (in == ElementType.INT16) {
      return 7;
    }
    if (op.inputs().size() == 2) {
      return 6;
    }
    if (flag(op, "keep_num_dims")) {
      return 5;
    }
    if (in == ElementType.INT8) {
      return filter == ElementType.INT4 ? 10 : 4;
    }
    if (hybrid) {
      return asymmetric(op) ? 9 : 3;
    }
    boolean shuffled =
        op.has("weights_format")
            && op.choice("weights_format", WeightsFormat.class) != WeightsFormat.DEFAULT;
    return shuffled ? 2 : 1;
  }

  private static int transposeConv(Op op) {
    if (type(op, 2) == ElementType.INT16 && type(op, 1) == ElementType.INT8 && biasType(op)) {
      return 5;
    }
    return op.activation() != Activation.NONE ? 4 : op.optionalInput(3).isPresent() ? 3 : 1;
  }

  private static boolean bigScale(Op op) {
    Quantization.Affine a = op.optionalInput(0).flatMap(Value::affine).orElse(null);
    Quantization.Affine b = op.optionalInput(1).flatMap(Value::affine).orElse(null);
    Quantization.Affine out = op.outputs().isEmpty() ? null : op.output(0).affine().orElse(null);
    return a != null
        && b != null
        && out != null
        && a.scale(0) * (double) b.scale(0) / out.scale(0) >= 1;
  }

  private static boolean broadcastAboveRank4(Op op) {
    Shape a = op.optionalInput(0).map(Value::shape).orElse(Shape.unknown());
    Shape b = op.optionalInput(1).map(Value::shape).orElse(Shape.unknown());
    return a.hasRank() && b.hasRank() && !a.equals(b) && Math.max(a.rank(), b.rank()) > 4;
  }

  // Float activations with integer weights.
  private static boolean hybrid(Op op, int weights) {
    ElementType w = type(op, weights);
    return type(op, 0) == ElementType.FLOAT32
        && (w == ElementType.INT8 || w == ElementType.UINT8 || w == ElementType.INT4);
  }

  private static boolean perChannel(Optional<Value> value) {
    return value.flatMap(Value::affine).map(Quantization.Affine::isPerChannel).orElse(false);
  }

  private static boolean quantized(Op op, int input) {
    return op.optionalInput(input).flatMap(Value::affine).isPresent();
  }

  private static boolean biasType(Op op) {
    return op.has("quantized_bias_type")
        && op.choice("quantized_bias_type", ElementType.class) != ElementType.FLOAT32;
  }

  private static boolean asymmetric(Op op) {
    return flag(op, "asymmetric_quantize_inputs");
  }

  private static LstmKernelType kernel(Op op) {
    return op.has("kernel_type")
        ? op.choice("kernel_type", LstmKernelType.class)
        : LstmKernelType.FULL;
  }

  private static boolean flag(Op op, String attribute) {
    return op.has(attribute) && op.flag(attribute);
  }

  private static boolean generalScale(Op op) {
    return op.has("pot_scale_int16") && !op.flag("pot_scale_int16");
  }

  private static boolean mask(Op op, String attribute) {
    return op.has(attribute) && op.integer(attribute) != 0;
  }

  private static int rank(Op op, int input) {
    Shape shape = op.optionalInput(input).map(Value::shape).orElse(Shape.unknown());
    return shape.hasRank() ? shape.rank() : -1;
  }

  private static @Nullable ElementType type(Op op, int input) {
    return op.optionalInput(input).map(Value::type).orElse(null);
  }

  private static @Nullable ElementType output(Op op) {
    return op.outputs().isEmpty() ? null : op.output(0).type();
  }

  // ---- the table

  private static Map<OpKind, Entry> parse() {
    Map<OpKind, Entry> entries = new EnumMap<>(OpKind.class);
    for (String line : TABLE.lines().toList()) {
      TreeMap<Integer, TargetRuntime> runtimes = new TreeMap<>();
      List<TypeRule> rules = new ArrayList<>();
      String[] words = line.trim().split("\\s+");
      for (int i = 1; i < words.length; i++) {
        int colon = words[i].indexOf(':');
        if (colon > 0) {
          runtimes.put(
              Integer.parseInt(words[i].substring(0, colon)),
              TargetRuntime.of(words[i].substring(colon + 1)));
        } else if (!words[i].equals("|")) {
          rules.add(rule(words[i]));
        }
      }
      entries.put(OpKind.valueOf(words[0]), new Entry(runtimes, rules));
    }
    return entries;
  }

  private static TypeRule rule(String text) {
    int equals = text.indexOf('=');
    int at = text.indexOf('@');
    String type = text.substring(0, at < 0 ? equals : at);
    String input = at < 0 ? "0" : text.substring(at + 1, equals);
    List<ElementType> types = TYPES.get(type);
    if (types == null) {
      throw new IllegalArgumentException("unknown type in " + text);
    }
    return new TypeRule(
        input.equals("out") ? OUTPUT : Integer.parseInt(input),
        types,
        Integer.parseInt(text.substring(equals + 1)));
  }
}
