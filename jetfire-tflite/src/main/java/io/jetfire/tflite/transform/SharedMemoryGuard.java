package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Keeps the TensorFlow Lite runtime from overwriting a tensor that is still needed.
 *
 * <p>The runtime lets some operators write their result over their input, and lets RESHAPE and its
 * like share the memory of theirs. Its planner ({@code ArenaPlanner::IdentifyInPlaceTensors} in
 * {@code tensorflow/lite/arena_planner.cc}) then looks at how often the <em>first</em> tensor of
 * such a chain is used, and not at the ones in between. So in {@code b = add(a, 1); c = reshape(b);
 * d = mul(c, 2)} the product overwrites {@code b}, even if {@code b} is read again later. Seen with
 * TensorFlow Lite 2.21: wrong numbers from the CPU kernels, without any error.
 *
 * <p>This pass finds such a {@code b} and copies it (a SLICE of all of it) before the RESHAPE. It
 * takes every operator that works element by element for one that may overwrite, which costs a copy
 * too many at worst. It is to be run last, since other passes take the copy for useless.
 */
public final class SharedMemoryGuard implements Pass {

  /** Operators whose result is their input under another shape. */
  private static final Set<OpKind> SHARING =
      EnumSet.of(OpKind.RESHAPE, OpKind.EXPAND_DIMS, OpKind.SQUEEZE, OpKind.BITCAST);

  /** Operators that may write their result over an input. */
  private static final Set<OpKind> OVERWRITING =
      EnumSet.of(
          OpKind.ADD,
          OpKind.SUB,
          OpKind.MUL,
          OpKind.DIV,
          OpKind.MAXIMUM,
          OpKind.MINIMUM,
          OpKind.POW,
          OpKind.FLOOR_DIV,
          OpKind.FLOOR_MOD,
          OpKind.SQUARED_DIFFERENCE,
          OpKind.RELU,
          OpKind.RELU6,
          OpKind.RELU_N1_TO_1,
          OpKind.RELU_0_TO_1,
          OpKind.LEAKY_RELU,
          OpKind.PRELU,
          OpKind.ELU,
          OpKind.GELU,
          OpKind.HARD_SWISH,
          OpKind.LOGISTIC,
          OpKind.TANH,
          OpKind.SOFTMAX,
          OpKind.LOG_SOFTMAX,
          OpKind.ABS,
          OpKind.NEG,
          OpKind.EXP,
          OpKind.LOG,
          OpKind.SQRT,
          OpKind.RSQRT,
          OpKind.SQUARE,
          OpKind.SIN,
          OpKind.COS,
          OpKind.SIGN,
          OpKind.FLOOR,
          OpKind.CEIL,
          OpKind.ROUND,
          OpKind.CAST,
          OpKind.SELECT,
          OpKind.SELECT_V2,
          OpKind.LOGICAL_AND,
          OpKind.LOGICAL_OR,
          OpKind.LOGICAL_NOT,
          OpKind.CUMSUM,
          OpKind.QUANTIZE,
          OpKind.DEQUANTIZE,
          OpKind.DYNAMIC_UPDATE_SLICE);

  private SharedMemoryGuard() {}

  /**
   * Returns the pass.
   *
   * @return a pass that copies tensors which the runtime would overwrite too early
   */
  public static SharedMemoryGuard create() {
    return new SharedMemoryGuard();
  }

  @Override
  public String name() {
    return "shared memory guard";
  }

  @Override
  public boolean run(Graph graph) {
    boolean changed = false;
    for (Subgraph subgraph : graph.subgraphs()) {
      for (Op op : List.copyOf(subgraph.ops())) {
        if (SHARING.contains(op.kind()) && isOverwrittenTooEarly(subgraph, op)) {
          copyInput(subgraph, op);
          changed = true;
        }
      }
    }
    return changed;
  }

  private static boolean isOverwrittenTooEarly(Subgraph subgraph, Op sharing) {
    Value value = sharing.input(0);
    Op producer = value.producer().orElse(null);
    if (producer == null || value.isOutput() || value.useCount() < 2) {
      return false;
    }
    // What an ordinary operator wrote heads its own chain, and its uses are counted.
    if (!OVERWRITING.contains(producer.kind()) && !SHARING.contains(producer.kind())) {
      return false;
    }
    Map<Op, Integer> positions = new HashMap<>();
    subgraph.ops().forEach(op -> positions.put(op, positions.size()));
    int overwritten = firstOverwrite(sharing.output(0), positions);
    return overwritten <= lastRead(value, sharing, positions);
  }

  /** The position of the first operator that may write over a value or one that shares with it. */
  private static int firstOverwrite(Value value, Map<Op, Integer> positions) {
    int first = Integer.MAX_VALUE;
    for (Op user : value.consumers()) {
      if (SHARING.contains(user.kind())) {
        first = Math.min(first, firstOverwrite(user.output(0), positions));
      } else if (OVERWRITING.contains(user.kind())) {
        first = Math.min(first, positions.getOrDefault(user, 0));
      }
    }
    return first;
  }

  /** The position of the last operator that reads a value or one that shares with it, but one. */
  private static int lastRead(Value value, Op except, Map<Op, Integer> positions) {
    int last = -1;
    for (Op user : value.consumers()) {
      if (user == except) {
        continue;
      }
      last = Math.max(last, positions.getOrDefault(user, 0));
      if (SHARING.contains(user.kind())) {
        last = Math.max(last, lastRead(user.output(0), except, positions));
      }
    }
    return last;
  }

  private static void copyInput(Subgraph subgraph, Op sharing) {
    Value value = sharing.input(0);
    int rank = value.shape().rank();
    int[] all = new int[rank];
    Arrays.fill(all, -1);
    Value copy =
        subgraph
            .addValue(value.name() + "/copy", value.type(), value.shape())
            .quantization(value.quantization().orElse(null));
    subgraph.insertBefore(
        sharing,
        Op.of(OpKind.SLICE)
            .inputs(
                value,
                subgraph.addConstant("const/begin", Shape.of(rank), new int[rank]),
                subgraph.addConstant("const/size", Shape.of(rank), all))
            .outputs(copy));
    sharing.input(0, copy);
  }
}
