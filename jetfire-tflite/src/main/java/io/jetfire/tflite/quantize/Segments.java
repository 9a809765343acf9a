package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Cuts pieces out of a subgraph, as graphs that can be executed alone. */
final class Segments {
  private Segments() {}

  /**
   * Copies some operators into a graph of their own.
   *
   * @param ops in the order of execution
   * @param inputs what the piece is fed with
   * @param outputs what it gives; each an input or made by one of the operators
   */
  static Graph extract(List<Op> ops, List<Value> inputs, List<Value> outputs) {
    Graph graph = Graph.create();
    Subgraph to = graph.addSubgraph("main");
    Map<Value, Value> copies = new IdentityHashMap<>();
    List<Value> ins = new ArrayList<>();
    for (Value v : inputs) {
      ins.add(copy(v, to, copies));
    }
    to.inputs(ins);
    for (Op op : ops) {
      Op c = op.copyAttributes();
      List<@Nullable Value> from = new ArrayList<>();
      for (Value v : op.inputs()) {
        from.add(v == null ? null : copy(v, to, copies));
      }
      c.inputs(from);
      c.outputs(op.outputs().stream().map(v -> copy(v, to, copies)).toList());
      List<@Nullable Value> between = new ArrayList<>();
      for (Value v : op.intermediates()) {
        between.add(v == null ? null : copy(v, to, copies));
      }
      c.intermediates(between);
      to.append(c);
    }
    to.outputs(outputs.stream().map(v -> copy(v, to, copies)).toList());
    return graph;
  }

  private static Value copy(Value v, Subgraph to, Map<Value, Value> copies) {
    Value known = copies.get(v);
    if (known != null) {
      return known;
    }
    Value c = to.addValue(v.name(), v.type(), v.shape());
    copies.put(v, c);
    c.data(v.data().orElse(null)).sparsity(v.sparsity().orElse(null)).variable(v.isVariable());
    v.quantization().ifPresent(q -> c.quantization(mapped(q, to, copies)));
    return c;
  }

  private static Quantization mapped(Quantization q, Subgraph to, Map<Value, Value> copies) {
    if (q instanceof Quantization.Blockwise b) {
      Value zero = b.zeroPoints();
      return new Quantization.Blockwise(
          copy(b.scales(), to, copies),
          zero == null ? null : copy(zero, to, copies),
          b.blockSize());
    }
    if (q instanceof Quantization.MultiAxis m) {
      Value zero = m.zeroPoints();
      return new Quantization.MultiAxis(
          copy(m.scales(), to, copies),
          zero == null ? null : copy(zero, to, copies),
          m.blockSize(),
          m.axes());
    }
    return q;
  }
}
