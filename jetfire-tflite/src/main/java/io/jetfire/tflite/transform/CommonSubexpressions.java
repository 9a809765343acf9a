package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/** Computes once what several operators compute alike. */
public final class CommonSubexpressions implements Pass {
  /** Constants up to this size are compared by content, larger ones by identity of their data. */
  private static final int COMPARED_BYTES = 1024;

  private CommonSubexpressions() {}

  /**
   * Returns the pass.
   *
   * @return a pass that merges equal operators
   */
  public static CommonSubexpressions create() {
    return new CommonSubexpressions();
  }

  @Override
  public String name() {
    return "common subexpressions";
  }

  @Override
  public boolean run(Graph graph) {
    boolean changed = false;
    for (Subgraph subgraph : graph.subgraphs()) {
      changed |= run(subgraph);
    }
    return changed;
  }

  private static boolean run(Subgraph subgraph) {
    Map<List<Object>, Op> seen = new HashMap<>();
    Map<Value, Object> constants = new IdentityHashMap<>();
    boolean changed = false;
    for (Op op : List.copyOf(subgraph.ops())) {
      if (!pure(op)) {
        continue;
      }
      List<Object> key = new ArrayList<>();
      key.add(op.kind());
      op.attributes().forEach((k, v) -> key.add(k + "=" + text(v)));
      for (Value v : op.inputs()) {
        key.add(
            v == null
                ? "none"
                : v.isConstant() ? constants.computeIfAbsent(v, CommonSubexpressions::content) : v);
      }
      for (Value v : op.outputs()) {
        key.add(v.type());
        key.add(v.quantization());
      }
      Op first = seen.putIfAbsent(key, op);
      if (first == null) {
        continue;
      }
      boolean free = true;
      for (int i = 0; i < op.outputs().size(); i++) {
        free &= Edits.replaceable(op.output(i), first.output(i));
      }
      if (free) {
        for (int i = 0; i < op.outputs().size(); i++) {
          Edits.replace(subgraph, op.output(i), first.output(i));
        }
        subgraph.remove(op);
        changed = true;
      }
    }
    return changed;
  }

  private static boolean pure(Op op) {
    return switch (op.kind()) {
      case CUSTOM,
          CALL,
          IF,
          WHILE,
          CALL_ONCE,
          VAR_HANDLE,
          READ_VARIABLE,
          ASSIGN_VARIABLE,
          RANDOM_UNIFORM,
          RANDOM_STANDARD_NORMAL,
          MULTINOMIAL,
          HASHTABLE,
          HASHTABLE_FIND,
          HASHTABLE_IMPORT,
          HASHTABLE_SIZE,
          UNIDIRECTIONAL_SEQUENCE_LSTM,
          BIDIRECTIONAL_SEQUENCE_LSTM,
          LSTM,
          RNN,
          SVDF,
          UNIDIRECTIONAL_SEQUENCE_RNN,
          BIDIRECTIONAL_SEQUENCE_RNN ->
          false;
      default -> !op.outputs().isEmpty() && op.kind().code() < OpKind.STABLEHLO_COMPOSITE.code();
    };
  }

  private static String text(Object v) {
    return v instanceof int[] a
        ? Arrays.toString(a)
        : v instanceof long[] l
            ? Arrays.toString(l)
            : v instanceof float[] f
                ? Arrays.toString(f)
                : v instanceof byte[] b ? Arrays.toString(b) : v.toString();
  }

  private static Object content(Value v) {
    var data = v.data().orElseThrow();
    boolean small = data.external().isEmpty() && data.byteSize() <= COMPARED_BYTES;
    ByteBuffer bytes = small ? data.bytes() : null;
    return List.of(v.type(), v.shape(), v.quantization(), bytes != null ? bytes : new Same(data));
  }

  /** Equal only to itself wrapped anew. */
  private record Same(Object data) {
    @Override
    public boolean equals(Object other) {
      return other instanceof Same s && s.data == data;
    }

    @Override
    public int hashCode() {
      return System.identityHashCode(data);
    }
  }
}
