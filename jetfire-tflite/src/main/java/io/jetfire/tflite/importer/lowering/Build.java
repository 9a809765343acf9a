package io.jetfire.tflite.importer.lowering;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.MirrorPadMode;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import io.jetfire.tflite.transform.GraphEmitter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/**
 * Short names for the TFLite operators that the lowerings compose, with casts around kernels that
 * lack a type.
 *
 * <pre>{@code
 * Build b = new Build(subgraph);
 * b.prefix("softsign");
 * Value y = b.div(x, b.add(b.abs(x), 1));
 * }</pre>
 *
 * <p>Results of constants are constants. What cannot be expressed ends in a {@link Refusal}. Not
 * thread-safe.
 */
public final class Build {
  private static final Set<ElementType> WHOLE = EnumSet.of(ElementType.INT32, ElementType.INT64);

  private static final int MAX_WRITTEN = 1 << 26;
  private static final int MAX_REPETITIONS = 8192;

  private GraphEmitter e;
  private String prefix = "";

  /**
   * Creates a builder that appends to a subgraph.
   *
   * @param subgraph where operators go
   */
  public Build(Subgraph subgraph) {
    e = GraphEmitter.into(subgraph);
  }

  /**
   * Sets what new values are called until the next call.
   *
   * @param name such as the name of the source's operator
   */
  public void prefix(String name) {
    prefix = name;
  }

  /**
   * Returns where operators go.
   *
   * @return the subgraph
   */
  public Subgraph subgraph() {
    return e.subgraph();
  }

  /**
   * Lowers something into another subgraph, such as the body of a loop.
   *
   * @param other where operators go meanwhile
   * @param work what is lowered
   * @param <T> its result
   * @return its result
   */
  public <T> T within(Subgraph other, Supplier<T> work) {
    GraphEmitter before = e;
    String name = prefix;
    e = GraphEmitter.into(other);
    try {
      return work.get();
    } finally {
      e = before;
      prefix = name;
    }
  }

  /**
   * Appends an operator with one output.
   *
   * @param op the operator with its attributes and inputs
   * @return its output, a constant if all inputs are
   */
  public Value emit(Op op) {
    return e.emit(prefix, op);
  }

  /**
   * Appends an operator.
   *
   * @param op the operator with its attributes and inputs
   * @param outputs how many outputs it has
   * @return its outputs, constants if all inputs are
   */
  public List<Value> emit(Op op, int outputs) {
    return e.emit(prefix, op, outputs);
  }

  // ---- constants

  /**
   * Adds a vector of INT32.
   *
   * @param values its elements
   * @return the constant
   */
  public Value ints(int... values) {
    return subgraph().addConstant(prefix + "/ints", Shape.of(values.length), values);
  }

  /**
   * Adds a constant of FLOAT32.
   *
   * @param shape its shape
   * @param values its elements, row-major
   * @return the constant
   */
  public Value floats(Shape shape, float... values) {
    return subgraph().addConstant(prefix + "/floats", shape, values);
  }

  /**
   * Adds a scalar.
   *
   * @param type its type
   * @param value its value; infinities only for FLOAT32
   * @return the constant
   */
  public Value scalar(ElementType type, double value) {
    return filled(type, value, new int[0]);
  }

  /**
   * Adds a scalar of FLOAT32.
   *
   * @param value its value
   * @return the constant
   */
  public Value scalar(double value) {
    return scalar(ElementType.FLOAT32, value);
  }

  /**
   * Counts the elements of a shape that the importer itself writes out, which must stay in bounds.
   *
   * @param shape the dimensions
   * @return their product
   * @throws Refusal if it is more than 2^26, or a dimension is negative
   */
  public static int count(int... shape) {
    long n = 1;
    for (int d : shape) {
      n *= d;
      if (d < 0 || n > MAX_WRITTEN) {
        throw new Refusal(
            "a table of the shape " + Arrays.toString(shape) + " would be written into the model",
            "use smaller tensors");
      }
    }
    return (int) n;
  }

  /**
   * Checks the length of a loop that writes operators; more than some thousand are a mistake or an
   * attack.
   *
   * @param n how often the loop runs
   * @return the same number
   * @throws Refusal if it is negative or more than 8192
   */
  public static int repetitions(int n) {
    if (n < 0 || n > MAX_REPETITIONS) {
      throw new Refusal("it unfolds to " + n + " parts", "use at most " + MAX_REPETITIONS);
    }
    return n;
  }

  /**
   * Adds a constant whose elements are all the same.
   *
   * @param type its type
   * @param value the element
   * @param shape its shape
   * @return the constant
   */
  public Value filled(ElementType type, double value, int... shape) {
    int n = count(shape);
    ByteBuffer b =
        ByteBuffer.allocate(Math.multiplyExact(n, type.bits() / 8)).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < n; i++) {
      switch (type) {
        case FLOAT32 -> b.putFloat((float) value);
        case INT32 -> b.putInt((int) value);
        case INT64 -> b.putLong((long) value);
        case INT16 -> b.putShort((short) value);
        case INT8, UINT8, BOOL -> b.put((byte) (int) value);
        default -> throw new IllegalArgumentException("no constant of " + type);
      }
    }
    return subgraph()
        .addConstant(prefix + "/constant", type, Shape.of(shape), Weights.of(b.flip()));
  }

  /**
   * Returns the integers of a small tensor that is constant or computed from known shapes.
   *
   * @param v an integer tensor
   * @return its elements, or empty if one is known only when the model runs
   */
  public Optional<int[]> known(Value v) {
    return e.integers(v);
  }

  /**
   * Returns what is known of the integers of a small tensor, such as a shape.
   *
   * @param v an integer tensor
   * @return its elements, -1 for an open one; empty if nothing is known
   */
  public Optional<int[]> partial(Value v) {
    return e.partialIntegers(v);
  }

  // ---- types

  /**
   * Converts the elements to a type as TFLite's CAST does.
   *
   * @param x the tensor
   * @param to the type
   * @return the tensor itself if it has that type
   */
  public Value cast(Value x, ElementType to) {
    if (x.type() == to) {
      return x;
    }
    return emit(
        Op.of(OpKind.CAST).set("in_data_type", x.type()).set("out_data_type", to).inputs(x));
  }

  /** The type that a kernel computes in, given those it has. */
  private static ElementType computed(ElementType type, Set<ElementType> kernels) {
    if (kernels.contains(type)) {
      return type;
    }
    if (type != ElementType.INT64 && kernels.contains(ElementType.INT32) && !type.isFloat()) {
      return ElementType.INT32;
    }
    if (kernels.contains(ElementType.INT64) && !type.isFloat()) {
      return ElementType.INT64;
    }
    if (kernels.contains(ElementType.FLOAT32) && type != ElementType.INT64) {
      return ElementType.FLOAT32;
    }
    throw new Refusal(
        "TensorFlow Lite has no kernel for " + type, "cast the tensor to float32 or int32 before");
  }

  private static Set<ElementType> kernels(OpKind kind) {
    return switch (kind) {
      case ADD, SUB, MUL, SUM, MEAN, REDUCE_PROD, CUMSUM, RANGE ->
          EnumSet.of(ElementType.FLOAT32, ElementType.INT32, ElementType.INT64);
      case DIV, POW, SQUARED_DIFFERENCE, SIGN -> EnumSet.of(ElementType.FLOAT32, ElementType.INT32);
      case MAXIMUM,
          MINIMUM,
          REDUCE_MAX,
          REDUCE_MIN,
          FLOOR_MOD,
          LESS,
          LESS_EQUAL,
          GREATER,
          GREATER_EQUAL,
          NEG,
          TOPK_V2 ->
          EnumSet.of(ElementType.FLOAT32, ElementType.INT32, ElementType.INT64);
      case EQUAL, NOT_EQUAL ->
          EnumSet.of(ElementType.FLOAT32, ElementType.INT32, ElementType.INT64, ElementType.BOOL);
      case ABS -> EnumSet.of(ElementType.FLOAT32, ElementType.INT32);
      case RIGHT_SHIFT, BITWISE_XOR ->
          EnumSet.of(ElementType.INT32, ElementType.INT8, ElementType.INT16, ElementType.UINT8);
      case LOGICAL_AND, LOGICAL_OR, LOGICAL_NOT, REDUCE_ANY, REDUCE_ALL ->
          EnumSet.of(ElementType.BOOL);
      case ARG_MAX, ARG_MIN -> EnumSet.of(ElementType.FLOAT32, ElementType.INT32);
      case SPLIT_V,
          PAD,
          PADV2,
          MIRROR_PAD,
          TRANSPOSE,
          SLICE,
          STRIDED_SLICE,
          GATHER,
          GATHER_ND,
          CONCATENATION ->
          EnumSet.allOf(ElementType.class);
      case TILE, SCATTER_ND ->
          EnumSet.of(
              ElementType.FLOAT32,
              ElementType.INT32,
              ElementType.INT64,
              ElementType.BOOL,
              ElementType.UINT8,
              ElementType.INT8);
      case SELECT_V2 ->
          EnumSet.of(
              ElementType.FLOAT32,
              ElementType.INT32,
              ElementType.INT64,
              ElementType.BOOL,
              ElementType.UINT8,
              ElementType.INT8,
              ElementType.INT16);
      case REVERSE_V2, REVERSE_SEQUENCE ->
          EnumSet.of(
              ElementType.FLOAT32,
              ElementType.INT32,
              ElementType.INT64,
              ElementType.UINT8,
              ElementType.INT16);
      case SPACE_TO_DEPTH, DEPTH_TO_SPACE ->
          EnumSet.of(ElementType.FLOAT32, ElementType.INT32, ElementType.INT64);
      default -> EnumSet.of(ElementType.FLOAT32);
    };
  }

  /**
   * Appends an operator of one tensor, computed in a type that its kernel has.
   *
   * @param kind the operator
   * @param x the tensor
   * @return a tensor of the same type
   */
  public Value unary(OpKind kind, Value x) {
    ElementType type = computed(x.type(), kernels(kind));
    return cast(emit(Op.of(kind).inputs(cast(x, type))), x.type());
  }

  /**
   * Appends an operator of two tensors that broadcast, computed in a type that its kernel has.
   *
   * @param kind the operator
   * @param x the first operand, whose type decides
   * @param y the second operand
   * @return a tensor of the type of the first
   */
  public Value binary(OpKind kind, Value x, Value y) {
    ElementType type = computed(x.type(), kernels(kind));
    return cast(elementwise(kind, cast(x, type), cast(y, type)), x.type());
  }

  /** An operator of broadcast operands; kernels take four dimensions, so more are merged. */
  private Value elementwise(OpKind kind, Value... operands) {
    int rank = 0;
    boolean fixed = true;
    for (Value v : operands) {
      rank = Math.max(rank, v.shape().hasRank() ? v.shape().rank() : 0);
      fixed &= v.shape().isStatic();
    }
    if (rank <= 4) {
      return emit(Op.of(kind).inputs(operands));
    }
    if (!fixed) {
      throw new Refusal(
          "TensorFlow Lite's kernel takes at most 4 dimensions",
          "bind the open dimensions to sizes");
    }
    int[] out = new int[rank];
    int[][] dims = new int[operands.length][];
    Arrays.fill(out, 1);
    for (int k = 0; k < operands.length; k++) {
      dims[k] = new int[rank];
      Arrays.fill(dims[k], 1);
      int[] own = operands[k].shape().dims();
      System.arraycopy(own, 0, dims[k], rank - own.length, own.length);
      for (int i = 0; i < rank; i++) {
        out[i] = out[i] == 1 ? dims[k][i] : out[i];
      }
    }
    // Neighbouring dimensions merge where every operand repeats both or neither; those of one
    // element join any.
    List<List<Integer>> groups = new ArrayList<>();
    int before = -1;
    for (int i = 0; i < rank; i++) {
      boolean joins = !groups.isEmpty();
      if (joins && out[i] != 1 && before >= 0) {
        for (int[] d : dims) {
          joins &= (d[i] == out[i]) == (d[before] == out[before]);
        }
      }
      if (joins) {
        groups.get(groups.size() - 1).add(i);
      } else {
        groups.add(new ArrayList<>(List.of(i)));
      }
      before = out[i] == 1 ? before : i;
    }
    Value[] merged = new Value[operands.length];
    if (groups.size() > 4) {
      // Nothing is repeated any more once all have the full shape.
      for (int k = 0; k < operands.length; k++) {
        merged[k] = reshape(broadcastTo(operands[k], out), count(out));
      }
      return reshape(emit(Op.of(kind).inputs(merged)), out);
    }
    for (int k = 0; k < operands.length; k++) {
      int[] small = new int[groups.size()];
      for (int i = 0; i < small.length; i++) {
        small[i] = 1;
        for (int d : groups.get(i)) {
          small[i] *= dims[k][d];
        }
      }
      merged[k] = reshape(operands[k], small);
    }
    return reshape(emit(Op.of(kind).inputs(merged)), out);
  }

  /**
   * Appends a comparison of two tensors that broadcast.
   *
   * @param kind the operator
   * @param x the first operand, whose type decides
   * @param y the second operand
   * @return a tensor of BOOL
   */
  public Value compare(OpKind kind, Value x, Value y) {
    ElementType type = computed(x.type(), kernels(kind));
    return elementwise(kind, cast(x, type), cast(y, type));
  }

  /**
   * Adds two tensors that broadcast.
   *
   * @param x the first operand
   * @param y the second operand
   * @return their sum
   */
  public Value add(Value x, Value y) {
    return binary(OpKind.ADD, x, y);
  }

  /**
   * Subtracts two tensors that broadcast.
   *
   * @param x the first operand
   * @param y the second operand
   * @return their difference
   */
  public Value sub(Value x, Value y) {
    return binary(OpKind.SUB, x, y);
  }

  /**
   * Multiplies two tensors that broadcast.
   *
   * @param x the first operand
   * @param y the second operand
   * @return their product
   */
  public Value mul(Value x, Value y) {
    return binary(OpKind.MUL, x, y);
  }

  /**
   * Divides two tensors that broadcast; integers are truncated towards zero.
   *
   * @param x the dividend
   * @param y the divisor
   * @return the quotient
   */
  public Value div(Value x, Value y) {
    if (x.type() == ElementType.INT64) {
      // There is no 64-bit DIV: 32 bits hold what such models divide, which is sizes and indices.
      Value q =
          emit(Op.of(OpKind.DIV).inputs(cast(x, ElementType.INT32), cast(y, ElementType.INT32)));
      return cast(q, ElementType.INT64);
    }
    return binary(OpKind.DIV, x, y);
  }

  /**
   * Adds a number.
   *
   * @param x the tensor
   * @param y the number
   * @return the sum
   */
  public Value add(Value x, double y) {
    return add(x, scalar(x.type(), y));
  }

  /**
   * Multiplies by a number.
   *
   * @param x the tensor
   * @param y the number
   * @return the product
   */
  public Value mul(Value x, double y) {
    return mul(x, scalar(x.type(), y));
  }

  /**
   * Takes the larger of each element and a number.
   *
   * @param x the tensor
   * @param y the number
   * @return the maximum
   */
  public Value max(Value x, double y) {
    return binary(OpKind.MAXIMUM, x, scalar(x.type(), y));
  }

  /**
   * Takes the smaller of each element and a number.
   *
   * @param x the tensor
   * @param y the number
   * @return the minimum
   */
  public Value min(Value x, double y) {
    return binary(OpKind.MINIMUM, x, scalar(x.type(), y));
  }

  /**
   * Appends a logical and.
   *
   * @param x a tensor of BOOL
   * @param y a tensor of BOOL
   * @return a tensor of BOOL
   */
  public Value and(Value x, Value y) {
    return elementwise(OpKind.LOGICAL_AND, x, y);
  }

  /**
   * Appends a logical or.
   *
   * @param x a tensor of BOOL
   * @param y a tensor of BOOL
   * @return a tensor of BOOL
   */
  public Value or(Value x, Value y) {
    return elementwise(OpKind.LOGICAL_OR, x, y);
  }

  /**
   * Appends a logical not.
   *
   * @param x a tensor of BOOL
   * @return a tensor of BOOL
   */
  public Value not(Value x) {
    return emit(Op.of(OpKind.LOGICAL_NOT).inputs(x));
  }

  /**
   * Takes magnitudes, also of INT64, which has no kernel.
   *
   * @param x the tensor
   * @return the magnitudes
   */
  public Value abs(Value x) {
    return x.type() == ElementType.INT64
        ? binary(OpKind.MAXIMUM, x, unary(OpKind.NEG, x))
        : unary(OpKind.ABS, x);
  }

  /**
   * Multiplies a tensor by itself.
   *
   * @param x the tensor
   * @return the squares
   */
  public Value square(Value x) {
    return mul(x, x);
  }

  /**
   * Picks from one tensor or the other by a condition; all three broadcast.
   *
   * @param condition a tensor of BOOL
   * @param x what to take where it is true
   * @param y what to take where it is false
   * @return a tensor of the type of {@code x}
   */
  public Value select(Value condition, Value x, Value y) {
    ElementType type = computed(x.type(), kernels(OpKind.SELECT_V2));
    return cast(elementwise(OpKind.SELECT_V2, condition, cast(x, type), cast(y, type)), x.type());
  }

  // ---- movement

  /**
   * Gives a tensor another shape.
   *
   * @param x the tensor
   * @param shape the new shape; at most one dimension may be -1
   * @return the reshaped tensor
   */
  public Value reshape(Value x, int... shape) {
    return e.reshape(x, shape);
  }

  /**
   * Gives a tensor a shape that may be known only at run time.
   *
   * @param x the tensor
   * @param shape a vector of integers
   * @return the reshaped tensor
   */
  public Value reshape(Value x, Value shape) {
    Optional<int[]> known = known(shape);
    if (known.isPresent()) {
      return reshape(x, known.get());
    }
    return emit(Op.of(OpKind.RESHAPE).inputs(x, cast(shape, ElementType.INT32)));
  }

  /**
   * Gives a tensor a shape of which one dimension may be open.
   *
   * @param x the tensor
   * @param to the new shape
   * @return the reshaped tensor
   */
  public Value reshape(Value x, Shape to) {
    int open = 0;
    for (int d : to.dims()) {
      open += d < 0 ? 1 : 0;
    }
    if (open > 1) {
      throw new Refusal(
          "a reshape with several open dimensions", "bind the open dimensions to sizes");
    }
    return reshape(x, to.dims());
  }

  /**
   * Permutes dimensions; those that stay neighbours are moved as one where TFLite has too few.
   *
   * @param x the tensor
   * @param perm which input dimension each output dimension is
   * @return the transposed tensor
   */
  public Value transpose(Value x, int... perm) {
    boolean identity = true;
    for (int i = 0; i < perm.length; i++) {
      identity &= perm[i] == i;
    }
    if (identity) {
      return x;
    }
    return perm.length > 5 && x.shape().isStatic()
        ? mergedTranspose(x, perm)
        : e.transpose(x, perm);
  }

  /** Dimensions that stay neighbours are moved as one. */
  private Value mergedTranspose(Value x, int[] perm) {
    List<int[]> runs = new ArrayList<>();
    for (int i = 0; i < perm.length; i++) {
      int[] last = runs.isEmpty() ? null : runs.get(runs.size() - 1);
      if (last != null && perm[i] == last[0] + last[1]) {
        last[1]++;
      } else {
        runs.add(new int[] {perm[i], 1});
      }
    }
    List<int[]> sorted = new ArrayList<>(runs);
    sorted.sort((a, b) -> Integer.compare(a[0], b[0]));
    int[] dims = new int[runs.size()];
    for (int i = 0; i < dims.length; i++) {
      dims[i] = 1;
      for (int d = 0; d < sorted.get(i)[1]; d++) {
        dims[i] *= x.shape().dim(sorted.get(i)[0] + d);
      }
    }
    if (dims.length > 6) {
      throw new Refusal("a transpose of " + perm.length + " dimensions", "transpose at most 6");
    }
    int[] out = new int[perm.length];
    for (int i = 0; i < perm.length; i++) {
      out[i] = x.shape().dim(perm[i]);
    }
    int[] small = runs.stream().mapToInt(sorted::indexOf).toArray();
    return reshape(e.transpose(reshape(x, dims), small), out);
  }

  /**
   * Returns the permutation from channels first to channels last.
   *
   * @param rank the number of dimensions
   * @return such as 0, 2, 3, 1
   */
  public static int[] toLast(int rank) {
    int[] p = new int[rank];
    for (int i = 1; i < rank - 1; i++) {
      p[i] = i + 1;
    }
    p[rank - 1] = 1;
    return p;
  }

  /**
   * Returns the permutation from channels last to channels first.
   *
   * @param rank the number of dimensions
   * @return such as 0, 3, 1, 2
   */
  public static int[] toFirst(int rank) {
    int[] p = new int[rank];
    p[1] = rank - 1;
    for (int i = 2; i < rank; i++) {
      p[i] = i - 1;
    }
    return p;
  }

  /**
   * Brings channels from dimension 1 to the end.
   *
   * @param x a tensor with channels first
   * @return the same with channels last
   */
  public Value last(Value x) {
    return transpose(x, toLast(x.shape().rank()));
  }

  /**
   * Brings channels from the end to dimension 1.
   *
   * @param x a tensor with channels last
   * @return the same with channels first
   */
  public Value first(Value x) {
    return transpose(x, toFirst(x.shape().rank()));
  }

  /**
   * Moves an axis to the end.
   *
   * @param x the tensor
   * @param axis which one, at least 0
   * @return the transposed tensor
   */
  public Value axisLast(Value x, int axis) {
    return transpose(x, axisLastPerm(x.shape().rank(), axis));
  }

  /**
   * Undoes {@link #axisLast}.
   *
   * @param x the tensor
   * @param axis where its last axis goes
   * @return the transposed tensor
   */
  public Value axisBack(Value x, int axis) {
    int rank = x.shape().rank();
    int[] perm = axisLastPerm(rank, axis);
    int[] inverse = new int[rank];
    for (int i = 0; i < rank; i++) {
      inverse[perm[i]] = i;
    }
    return transpose(x, inverse);
  }

  private static int[] axisLastPerm(int rank, int axis) {
    int[] perm = new int[rank];
    int n = 0;
    for (int i = 0; i < rank; i++) {
      if (i != axis) {
        perm[n++] = i;
      }
    }
    perm[n] = axis;
    return perm;
  }

  /**
   * Adds dimensions of size 1.
   *
   * @param x the tensor
   * @param axes where they stand in the result; negative ones count from its end
   * @return the reshaped tensor
   */
  public Value unsqueeze(Value x, int... axes) {
    int rank = x.shape().rank() + axes.length;
    boolean[] added = new boolean[rank];
    for (int a : axes) {
      added[a < 0 ? a + rank : a] = true;
    }
    int[] dims = new int[rank];
    int at = 0;
    int open = 0;
    for (int i = 0; i < rank; i++) {
      dims[i] = added[i] ? 1 : x.shape().dim(at++);
      open += dims[i] < 0 ? 1 : 0;
    }
    if (open <= 1) {
      return reshape(x, dims);
    }
    Value out = x;
    for (int i = 0; i < rank; i++) {
      if (added[i]) {
        out = emit(Op.of(OpKind.EXPAND_DIMS).inputs(out, scalar(ElementType.INT32, i)));
      }
    }
    return out;
  }

  /**
   * Removes dimensions of size 1.
   *
   * @param x the tensor
   * @param axes which ones; negative ones count from the end
   * @return the reshaped tensor
   */
  public Value squeeze(Value x, int... axes) {
    int rank = x.shape().rank();
    boolean[] gone = new boolean[rank];
    for (int a : axes) {
      gone[a < 0 ? a + rank : a] = true;
    }
    List<Integer> dims = new ArrayList<>();
    int open = 0;
    for (int i = 0; i < rank; i++) {
      if (!gone[i]) {
        dims.add(x.shape().dim(i));
        open += x.shape().dim(i) < 0 ? 1 : 0;
      } else if (x.shape().dim(i) > 1) {
        throw new Refusal("squeezing axis " + i + " of " + x.shape(), "squeeze axes of size 1");
      }
    }
    return open <= 1
        ? reshape(x, dims.stream().mapToInt(Integer::intValue).toArray())
        : emit(Op.of(OpKind.SQUEEZE).set("squeeze_dims", axes).inputs(x));
  }

  /**
   * Joins tensors along an axis.
   *
   * @param axis at least 0
   * @param parts the tensors
   * @return the joined tensor
   */
  public Value concat(int axis, Value... parts) {
    return concat(axis, Arrays.asList(parts));
  }

  /**
   * Joins tensors along an axis.
   *
   * @param axis at least 0
   * @param parts the tensors
   * @return the joined tensor
   */
  public Value concat(int axis, List<Value> parts) {
    if (parts.size() == 1) {
      return parts.get(0);
    }
    Op op = Op.of(OpKind.CONCATENATION).set("axis", axis);
    return emit(op.inputs(new ArrayList<>(parts)));
  }

  /**
   * Takes a part of a tensor.
   *
   * @param x the tensor
   * @param begin per dimension, the first element
   * @param size per dimension, the number of elements, -1 for the rest
   * @return the part
   */
  public Value slice(Value x, int[] begin, int[] size) {
    checkRank(x, 5);
    return emit(Op.of(OpKind.SLICE).inputs(x, ints(begin), ints(size)));
  }

  /**
   * Takes a part of one axis.
   *
   * @param x the tensor
   * @param axis at least 0
   * @param begin the first element
   * @param size the number of elements, -1 for the rest
   * @return the part
   */
  public Value slice(Value x, int axis, int begin, int size) {
    int rank = x.shape().rank();
    int[] b = new int[rank];
    int[] s = new int[rank];
    Arrays.fill(s, -1);
    b[axis] = begin;
    s[axis] = size;
    return slice(x, b, s);
  }

  /**
   * Refuses a tensor of more dimensions than a kernel takes.
   *
   * @param x the tensor
   * @param most how many it takes
   */
  public void checkRank(Value x, int most) {
    if (x.shape().hasRank() && x.shape().rank() > most) {
      throw new Refusal(
          "TensorFlow Lite's kernel takes at most " + most + " dimensions",
          "merge dimensions with a reshape before");
    }
  }

  /**
   * Picks along an axis.
   *
   * @param x the tensor
   * @param indices integers from 0
   * @param axis at least 0
   * @return the picked parts
   */
  public Value gather(Value x, Value indices, int axis) {
    return emit(Op.of(OpKind.GATHER).set("axis", axis).inputs(x, indices));
  }

  /**
   * Makes indices that count from the end, which TFLite lacks, count from the start.
   *
   * @param indices integers, negative ones from the end
   * @param x the tensor that they point into
   * @param axis the axis of it
   * @return integers from 0
   */
  public Value wrapped(Value indices, Value x, int axis) {
    if (indices.isConstant()) {
      boolean negative = Arrays.stream(indices.longs()).anyMatch(l -> l < 0);
      if (!negative) {
        return indices;
      }
    }
    Value n = cast(dimension(x, axis), indices.type());
    Value below = compare(OpKind.LESS, indices, scalar(indices.type(), 0));
    return select(below, add(indices, n), indices);
  }

  /**
   * Returns one dimension as a scalar of INT32.
   *
   * @param x the tensor
   * @param axis at least 0
   * @return a constant where it is fixed
   */
  public Value dimension(Value x, int axis) {
    if (x.shape().hasRank() && x.shape().dim(axis) >= 0) {
      return scalar(ElementType.INT32, x.shape().dim(axis));
    }
    return gather(shapeOf(x), scalar(ElementType.INT32, axis), 0);
  }

  /**
   * Returns the shape as a vector of INT32.
   *
   * @param x the tensor
   * @return a constant where it is fixed
   */
  public Value shapeOf(Value x) {
    return emit(Op.of(OpKind.SHAPE).set("out_type", ElementType.INT32).inputs(x));
  }

  /**
   * The same tensor once more, for an output that is an input, a constant or another output too:
   * outputs are made by an operator, once.
   *
   * @param x the tensor
   * @return another one of its shape and contents
   */
  public Value copy(Value x) {
    Op op = Op.of(OpKind.RESHAPE);
    if (x.shape().isStatic()) {
      int[] dims = x.shape().dims();
      op.set("new_shape", dims).inputs(x, ints(dims));
    } else {
      op.inputs(x, shapeOf(x));
    }
    Value out = subgraph().addValue(x.name() + "/copy", x.type(), x.shape());
    subgraph().append(op.outputs(out));
    return out;
  }

  /**
   * Reduces axes, computed in a type that the kernel has.
   *
   * @param kind such as SUM or MEAN
   * @param x the tensor
   * @param keep whether the axes stay, with size 1
   * @param axes which ones
   * @return a tensor of the same type
   */
  public Value reduce(OpKind kind, Value x, boolean keep, int... axes) {
    ElementType type = computed(x.type(), kernels(kind));
    Op op = Op.of(kind).set("keep_dims", keep).inputs(cast(x, type), ints(axes));
    return cast(emit(op), x.type());
  }

  /**
   * Pads with one value.
   *
   * @param x the tensor
   * @param paddings per dimension, before and after
   * @param fill a scalar
   * @return the padded tensor
   */
  public Value pad(Value x, int[] paddings, Value fill) {
    checkRank(x, 5);
    Value p =
        subgraph().addConstant(prefix + "/paddings", Shape.of(paddings.length / 2, 2), paddings);
    boolean zero = fill.isConstant() && fill.shape().elementCount() == 1 && fill.floats()[0] == 0;
    Op op = zero ? Op.of(OpKind.PAD).inputs(x, p) : Op.of(OpKind.PADV2).inputs(x, p, fill);
    if (x.type() == ElementType.BOOL) {
      return cast(
          pad(cast(x, ElementType.INT32), paddings, cast(fill, ElementType.INT32)),
          ElementType.BOOL);
    }
    return emit(op);
  }

  /**
   * Pads with the tensor's reflection, the edge not repeated.
   *
   * @param x the tensor
   * @param paddings per dimension, before and after
   * @return the padded tensor
   */
  public Value mirrorPad(Value x, int[] paddings) {
    Value p =
        subgraph().addConstant(prefix + "/paddings", Shape.of(paddings.length / 2, 2), paddings);
    return emit(Op.of(OpKind.MIRROR_PAD).set("mode", MirrorPadMode.REFLECT).inputs(x, p));
  }

  /**
   * Reverses an axis.
   *
   * @param x the tensor
   * @param axis at least 0
   * @return the reversed tensor
   */
  public Value reverse(Value x, int axis) {
    ElementType type = computed(x.type(), kernels(OpKind.REVERSE_V2));
    return cast(emit(Op.of(OpKind.REVERSE_V2).inputs(cast(x, type), ints(axis))), x.type());
  }

  /**
   * Repeats a tensor.
   *
   * @param x the tensor
   * @param times per dimension, how often
   * @return the repeated tensor
   */
  public Value tile(Value x, Value times) {
    ElementType type = computed(x.type(), kernels(OpKind.TILE));
    return cast(emit(Op.of(OpKind.TILE).inputs(cast(x, type), times)), x.type());
  }

  /**
   * Broadcasts a tensor to a shape known at run time.
   *
   * @param x the tensor
   * @param shape a vector of integers
   * @return the broadcast tensor
   */
  public Value broadcastTo(Value x, Value shape) {
    return emit(Op.of(OpKind.BROADCAST_TO).inputs(x, shape));
  }

  /**
   * Broadcasts a tensor.
   *
   * @param x the tensor
   * @param shape the new shape
   * @return the tensor itself if it has that shape
   */
  public Value broadcastTo(Value x, int... shape) {
    return x.shape().isStatic() && Arrays.equals(x.shape().dims(), shape)
        ? x
        : broadcastTo(x, ints(shape));
  }

  /**
   * Counts from a start to a limit.
   *
   * @param start a scalar, the first element
   * @param limit a scalar, which is not reached
   * @param delta a scalar, the step
   * @return a vector
   */
  public Value range(Value start, Value limit, Value delta) {
    ElementType type = computed(start.type(), kernels(OpKind.RANGE));
    return cast(
        emit(Op.of(OpKind.RANGE).inputs(cast(start, type), cast(limit, type), cast(delta, type))),
        start.type());
  }

  /**
   * Multiplies matrices, the last two dimensions; the others broadcast.
   *
   * @param x at least a matrix
   * @param y at least a matrix
   * @return the products
   */
  public Value matMul(Value x, Value y) {
    if (WHOLE.contains(x.type())) {
      throw new Refusal(
          "TensorFlow Lite has no matrix product of " + x.type(), "cast both operands to float32");
    }
    return emit(Op.of(OpKind.BATCH_MATMUL).inputs(x, y));
  }

  /**
   * Normalizes exponentials over the last dimension.
   *
   * @param x the tensor
   * @return the softmax
   */
  public Value softmax(Value x) {
    return emit(Op.of(OpKind.SOFTMAX).set("beta", 1f).inputs(x));
  }

  /**
   * Limits elements to a range.
   *
   * @param x the tensor
   * @param low the lower limit
   * @param high the upper limit
   * @return the limited tensor
   */
  public Value clamp(Value x, double low, double high) {
    return min(max(x, low), high);
  }

  // ---- what lowerings ask of their operands

  /**
   * Returns the number of dimensions.
   *
   * @param v a tensor
   * @return at least 0
   * @throws Refusal if it is known only when the model runs
   */
  public static int rank(Value v) {
    if (!v.shape().hasRank()) {
      throw new Refusal(
          "the rank of " + v.name() + " is known only while the model runs",
          "give the model's inputs fixed shapes");
    }
    return v.shape().rank();
  }

  /**
   * Counts an axis from the start.
   *
   * @param axis the axis; negative ones count from the end
   * @param rank the number of dimensions
   * @return at least 0
   * @throws Refusal if there is no such axis
   */
  public static int axis(int axis, int rank) {
    int positive = axis < 0 ? axis + rank : axis;
    if (positive < 0 || positive >= rank) {
      throw new Refusal("axis " + axis + " of " + rank + " dimensions", "export the model anew");
    }
    return positive;
  }

  /**
   * Counts axes from the start.
   *
   * @param axes the axes; negative ones count from the end
   * @param rank the number of dimensions
   * @return at least 0
   * @throws Refusal if there is no such axis
   */
  public static int[] axes(int[] axes, int rank) {
    return Arrays.stream(axes).map(a -> axis(a, rank)).toArray();
  }

  /**
   * Returns the dimensions of a tensor, which must be fixed from an axis on.
   *
   * @param v a tensor
   * @param firstAxis the first that must be fixed
   * @return all dimensions, -1 for open ones before that axis
   * @throws Refusal if one is open
   */
  public static int[] fixedFrom(Value v, int firstAxis) {
    rank(v);
    int[] dims = v.shape().dims();
    for (int i = firstAxis; i < dims.length; i++) {
      if (dims[i] < 0) {
        throw new Refusal(
            "dimension " + i + " of its input " + v.shape() + " is open",
            "bind the open dimensions to sizes");
      }
    }
    return dims;
  }

  /**
   * Refuses a tensor that is not of FLOAT32.
   *
   * @param v a tensor
   */
  public static void requireFloat(Value v) {
    if (v.type() != ElementType.FLOAT32) {
      throw new Refusal("its input is " + v.type(), "cast it to float32 before");
    }
  }

  /**
   * Gives a vector of one element per channel the shape that broadcasts with channels first.
   *
   * @param v a vector
   * @param rank the number of dimensions of the tensor that it meets
   * @return the vector as dimension 1
   */
  public Value perChannel(Value v, int rank) {
    int[] dims = new int[rank];
    Arrays.fill(dims, 1);
    dims[1] = -1;
    return reshape(v, dims);
  }
}
