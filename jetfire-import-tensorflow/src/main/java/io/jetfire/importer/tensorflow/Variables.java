package io.jetfire.importer.tensorflow;

import io.jetfire.UnsupportedModelException;
import io.jetfire.importer.tensorflow.GraphFile.Attr;
import io.jetfire.importer.tensorflow.GraphFile.FunctionDef;
import io.jetfire.importer.tensorflow.GraphFile.GraphDef;
import io.jetfire.importer.tensorflow.GraphFile.MetaGraph;
import io.jetfire.importer.tensorflow.GraphFile.NodeDef;
import io.jetfire.tflite.importer.ProtoReader;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which array of the checkpoint each variable of a graph has.
 *
 * <p>The graph itself says it: the operator that restores the model reads keys of the checkpoint
 * and assigns them to variables, in TensorFlow 1 in the graph, in TensorFlow 2 in a function. Where
 * a file lacks that, names are compared. Not thread-safe.
 */
final class Variables {
  private static final int MAX_HOPS = 64;
  private static final String SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE";

  private final Checkpoint checkpoint;
  private final Map<String, NodeDef> nodes = new HashMap<>();
  private final Map<String, FunctionDef> functions;
  private final Map<String, Source> sources = new HashMap<>();
  private final Map<String, Optional<Array>> read = new HashMap<>();

  /** A key of the checkpoint, and the part of its array. */
  private record Source(String key, String part) {}

  private Variables(Checkpoint checkpoint, GraphDef graph) {
    this.checkpoint = checkpoint;
    this.functions = graph.functions();
    graph.nodes().forEach(n -> nodes.put(n.name(), n));
  }

  /** A graph without variables. */
  static Variables none() {
    return new Variables(Checkpoint.none(), new GraphDef(List.of(), Map.of()));
  }

  static Variables of(MetaGraph meta, Checkpoint checkpoint) {
    Variables v = new Variables(checkpoint, meta.graph());
    if (!meta.restoreOp().isEmpty()) {
      v.follow(new Frame(v.nodes, Map.of()), Scope.name(meta.restoreOp()), 0);
    }
    meta.graph().nodes().forEach(v::noteCopy);
    return v;
  }

  /**
   * Notes a variable that starts as a copy of another one. {@code tf.saved_model.save} makes such
   * copies of a Keras 3 model's variables and saves those, while functions go on with the others.
   */
  private void noteCopy(NodeDef n) {
    if (!n.op().equals("AssignVariableOp") || n.inputs().size() < 2) {
      return;
    }
    Frame outermost = new Frame(nodes, Map.of());
    String copy = handle(outermost, n.inputs().get(0));
    NodeDef value = nodes.get(Scope.name(n.inputs().get(1)));
    boolean reads = value != null && value.op().equals("ReadVariableOp");
    if (copy == null || value == null || !reads || value.inputs().isEmpty()) {
      return;
    }
    String original = handle(outermost, value.inputs().get(0));
    Source source = sources.get(copy);
    if (original != null && source != null) {
      sources.putIfAbsent(original, source);
    }
  }

  /** The array of a variable, by the node that makes its handle or is it. */
  Optional<Array> find(String node) {
    return read.computeIfAbsent(node, this::load);
  }

  private Optional<Array> load(String node) {
    Source s = sources.get(node);
    if (s != null) {
      Optional<Array> found = checkpoint.read(s.key, s.part);
      if (found.isPresent()) {
        return found;
      }
    }
    List<String> names = new ArrayList<>();
    NodeDef def = nodes.get(node);
    if (def != null) {
      Attr shared = def.attrs().get("shared_name");
      if (shared != null && shared.s() != null && shared.s().hasRemaining()) {
        names.add(GraphFile.text(shared.s()));
      }
    }
    names.add(node);
    for (String name : names) {
      for (String key : new String[] {name, name + SUFFIX}) {
        Optional<Array> found = checkpoint.read(key, "");
        if (found.isPresent()) {
          return found;
        }
      }
    }
    return Optional.empty();
  }

  // ---- the restoring operator

  /** The nodes of a graph or function, and what its arguments are in the outermost graph. */
  private record Frame(Map<String, NodeDef> nodes, Map<String, String> handles) {}

  /** Walks back from a node over all its inputs and notes every assignment on the way. */
  private void follow(Frame frame, String start, int depth) {
    if (depth > 8) {
      return;
    }
    Deque<String> todo = new ArrayDeque<>();
    Set<String> seen = new HashSet<>();
    todo.push(start);
    while (!todo.isEmpty()) {
      String name = todo.pop();
      NodeDef n = frame.nodes.get(name);
      if (n == null || !seen.add(name)) {
        continue;
      }
      switch (n.op()) {
        case "AssignVariableOp", "Assign" -> assign(frame, n);
        case "StatefulPartitionedCall", "PartitionedCall" -> call(frame, n, depth);
        default -> {}
      }
      for (String input : n.inputs()) {
        todo.push(Scope.name(input.startsWith("^") ? input.substring(1) : input));
      }
    }
  }

  private void call(Frame frame, NodeDef n, int depth) {
    Attr f = n.attrs().get("f");
    FunctionDef function = f == null ? null : functions.get(f.function());
    if (function == null) {
      return;
    }
    Map<String, String> handles = new HashMap<>();
    for (int i = 0; i < function.inputs().size() && i < n.inputs().size(); i++) {
      String handle = handle(frame, n.inputs().get(i));
      if (handle != null) {
        handles.put(function.inputs().get(i).name(), handle);
      }
    }
    Map<String, NodeDef> inner = new HashMap<>();
    function.nodes().forEach(k -> inner.put(k.name(), k));
    Frame next = new Frame(inner, handles);
    for (NodeDef k : function.nodes()) {
      switch (k.op()) {
        case "AssignVariableOp", "Assign" -> assign(next, k);
        case "StatefulPartitionedCall", "PartitionedCall" -> {
          if (depth < 8) {
            call(next, k, depth + 1);
          }
        }
        default -> {}
      }
    }
  }

  /** The variable's node in the outermost graph behind a reference, or null. */
  private @Nullable String handle(Frame frame, String reference) {
    String at = reference;
    for (int hops = 0; hops < MAX_HOPS; hops++) {
      String outer = frame.handles.get(at);
      if (outer != null) {
        return outer;
      }
      NodeDef n = frame.nodes.get(Scope.name(at));
      if (n == null) {
        return null;
      }
      switch (n.op()) {
        case "VarHandleOp", "VariableV2", "Variable" -> {
          return n.name();
        }
        case "Identity", "RefIdentity" -> {
          if (n.inputs().isEmpty()) {
            return null;
          }
          at = n.inputs().get(0);
        }
        default -> {
          return null;
        }
      }
    }
    return null;
  }

  private void assign(Frame frame, NodeDef n) {
    if (n.inputs().size() < 2) {
      return;
    }
    String variable = handle(frame, n.inputs().get(0));
    String at = n.inputs().get(1);
    for (int hops = 0; variable != null && hops < MAX_HOPS; hops++) {
      NodeDef source = frame.nodes.get(Scope.name(at));
      if (source == null || source.inputs().isEmpty()) {
        return;
      }
      if (source.op().equals("RestoreV2")) {
        restored(frame, variable, source, at);
        return;
      }
      at = source.inputs().get(0);
    }
  }

  private void restored(Frame frame, String variable, NodeDef restore, String reference) {
    if (restore.inputs().size() < 3) {
      return;
    }
    List<String> keys = texts(frame, restore.inputs().get(1));
    List<String> parts = texts(frame, restore.inputs().get(2));
    int colon = reference.lastIndexOf(':');
    int i = 0;
    if (colon >= 0) {
      try {
        i = Integer.parseInt(reference.substring(colon + 1));
      } catch (NumberFormatException e) {
        return;
      }
    }
    if (i >= 0 && i < keys.size()) {
      sources.put(variable, new Source(keys.get(i), i < parts.size() ? parts.get(i) : ""));
    }
  }

  private static List<String> texts(Frame frame, String reference) {
    NodeDef n = frame.nodes.get(Scope.name(reference));
    Attr value = n == null ? null : n.attrs().get("value");
    if (n == null || !n.op().equals("Const") || value == null || value.tensor() == null) {
      return List.of();
    }
    try {
      List<String> out = new ArrayList<>();
      for (ByteBuffer t : Array.read(new ProtoReader("TensorFlow", value.tensor())).texts()) {
        out.add(GraphFile.text(t));
      }
      return out;
    } catch (UnsupportedModelException e) {
      return List.of(); // a broken constant that only restores; names are compared instead
    }
  }
}
