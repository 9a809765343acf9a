package io.jetfire.tflite.quantize;

import io.jetfire.TensorSpec;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Signature;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * A subgraph that the model's users run: the main one, or another that a signature names.
 *
 * @param index of the subgraph in the model
 * @param keys of the signatures that name it; none for a main subgraph that none names
 * @param namings what users may call the subgraph's inputs, in its order: by their tensors, or as a
 *     signature does
 */
record EntryPoint(int index, List<String> keys, List<List<String>> namings) {
  EntryPoint {
    keys = List.copyOf(keys);
    namings = List.copyOf(namings);
  }

  /**
   * Finds the entry points of a model. A subgraph that operators call is none, even if a signature
   * names it, as what goes in and out must suit its callers.
   *
   * @return the main subgraph first
   */
  static List<EntryPoint> of(Graph graph) {
    Set<Integer> called = new HashSet<>();
    graph.subgraphs().forEach(s -> s.ops().forEach(op -> called.addAll(op.calledSubgraphs())));
    Set<Subgraph> found = new LinkedHashSet<>();
    found.add(graph.main());
    for (Signature s : graph.signatures()) {
      if (!called.contains(s.subgraph().index())) {
        found.add(s.subgraph());
      }
    }
    return found.stream().map(s -> of(graph, s)).toList();
  }

  private static EntryPoint of(Graph graph, Subgraph subgraph) {
    List<String> keys = new ArrayList<>();
    Set<List<String>> namings = new LinkedHashSet<>();
    namings.add(subgraph.inputs().stream().map(Value::name).toList());
    for (Signature s : graph.signatures()) {
      if (s.subgraph() == subgraph) {
        keys.add(s.key());
        List<String> names =
            subgraph.inputs().stream()
                .map(v -> name(s, v).orElse(null))
                .filter(Objects::nonNull)
                .toList();
        if (names.size() == subgraph.inputs().size()) {
          namings.add(names);
        }
      }
    }
    return new EntryPoint(subgraph.index(), keys, List.copyOf(namings));
  }

  private static Optional<String> name(Signature signature, Value input) {
    return signature.inputs().entrySet().stream()
        .filter(e -> e.getValue() == input)
        .map(Map.Entry::getKey)
        .findFirst();
  }

  /** The naming in which some names, in any order, are all inputs of the subgraph. */
  Optional<List<String>> naming(Set<String> names) {
    return namings.stream()
        .filter(n -> n.size() == names.size() && names.containsAll(n))
        .findFirst();
  }

  /** The inputs by the names of tensors, from what they are called in a naming. */
  <T> Map<String, T> inTensorNames(List<String> naming, Map<String, T> inputs) {
    Map<String, T> renamed = new LinkedHashMap<>();
    List<String> tensors = namings.get(0);
    for (int i = 0; i < tensors.size(); i++) {
      renamed.put(tensors.get(i), inputs.get(naming.get(i)));
    }
    return renamed;
  }

  Subgraph in(Graph graph) {
    return graph.subgraphs().get(index);
  }

  /** The graph with this subgraph as the main one. */
  Graph asMain(Graph graph) {
    return graph.withMain(in(graph));
  }

  /** What to call it in messages. */
  String label() {
    return keys.isEmpty()
        ? "the main subgraph"
        : (keys.size() == 1 ? "signature '" : "signatures '") + String.join("', '", keys) + "'";
  }

  /** Its label and its inputs, with their types and shapes. */
  String describe(Graph graph) {
    List<String> inputs = new ArrayList<>();
    List<String> names = namings.get(namings.size() - 1);
    for (int i = 0; i < names.size(); i++) {
      Value v = in(graph).inputs().get(i);
      inputs.add(names.get(i) + " " + v.type() + v.shape());
    }
    return label() + " with " + (inputs.isEmpty() ? "no inputs" : String.join(", ", inputs));
  }

  /** What a sample has to be for this entry point. */
  List<TensorSpec> specs(Graph graph) {
    return Quantizer.specs(in(graph));
  }
}
