package io.jetfire.importer.tensorflow;

import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.lowering.Build;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Inputs, outputs and signatures of a subgraph, and what every import ends with. */
final class Edges {
  private Edges() {}

  /** Names the results and adds the signature. */
  static void finish(
      Graph graph,
      Subgraph g,
      Build b,
      String signature,
      Map<String, Value> inputs,
      Map<String, Value> results) {
    Map<String, Value> outputs = new LinkedHashMap<>();
    List<Value> order = new ArrayList<>();
    Set<Value> taken = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Map.Entry<String, Value> e : results.entrySet()) {
      Value v = e.getValue();
      if (v.isInput() || v.isConstant() || !taken.add(v)) {
        // An output is a tensor of its own, made by an operator.
        b.prefix(e.getKey());
        v = b.copy(v);
        taken.add(v);
      }
      Value other = g.value(e.getKey()).orElse(null);
      if (other != null && other != v && !other.isInput() && !taken.contains(other)) {
        other.name(g.uniqueName(e.getKey() + "/inner"));
        other = null;
      }
      if (other == null) {
        v.name(e.getKey());
      }
      outputs.put(e.getKey(), v);
      order.add(v);
    }
    g.outputs(order);
    graph.addSignature(signature, g, inputs, outputs);
  }

  static Graph optimized(Graph graph, ImportOptions options) {
    graph.subgraphs().forEach(Subgraph::removeDead);
    graph.verify();
    options.optimize(graph);
    return options.finish(graph);
  }
}
