package io.jetfire.importer.tensorflow;

import io.jetfire.UnsupportedModelException;
import io.jetfire.importer.tensorflow.GraphFile.Arg;
import io.jetfire.importer.tensorflow.GraphFile.FunctionDef;
import io.jetfire.importer.tensorflow.GraphFile.GraphDef;
import io.jetfire.importer.tensorflow.GraphFile.NodeDef;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ImportProblems;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The nodes of a graph or function while they are lowered: only those are that the results need, so
 * whatever trains, saves or restores is left behind.
 *
 * <p>Not thread-safe.
 */
final class Scope {
  private static final int MAX_DEPTH = 48;
  private static final int MAX_NODES = 1 << 18;

  /** What all scopes of one import share. */
  static final class Shared {
    final Graph graph;
    final Map<String, FunctionDef> functions;
    final Variables variables;
    final ImportProblems problems;
    final Map<String, Lowering> lowerings = Lowerings.all();
    private final Map<FunctionDef, Map<String, NodeDef>> byName = new IdentityHashMap<>();
    private final Set<String> reported = new HashSet<>();

    /** The operators that stay as custom ones. */
    final Set<String> custom;

    private int nodes;

    Shared(
        Graph graph,
        GraphDef file,
        Variables variables,
        ImportProblems problems,
        Set<String> custom) {
      this.custom = custom;
      this.graph = graph;
      this.functions = file.functions();
      this.variables = variables;
      this.problems = problems;
    }

    FunctionDef function(String name) {
      FunctionDef f = functions.get(name);
      if (f == null) {
        throw new Refusal("it calls the function '" + name + "', which the file lacks", "");
      }
      return f;
    }

    Map<String, NodeDef> nodes(FunctionDef f) {
      return byName.computeIfAbsent(f, k -> index(k.nodes()));
    }
  }

  /** The names of results of operators with more than one; others have one, or one list. */
  private static final Map<String, List<String>> RESULTS =
      Map.ofEntries(
          results("FusedBatchNorm", "y batch_mean batch_variance reserve_space_1 reserve_space_2"),
          results(
              "FusedBatchNormV2", "y batch_mean batch_variance reserve_space_1 reserve_space_2"),
          results(
              "FusedBatchNormV3",
              "y batch_mean batch_variance reserve_space_1 reserve_space_2 reserve_space_3"),
          results("TopKV2", "values indices"),
          results("TopK", "values indices"),
          results("Unique", "y idx"),
          results("UniqueV2", "y idx"),
          results("UniqueWithCounts", "y idx count"),
          results("NonMaxSuppressionV4", "selected_indices valid_outputs"),
          results("NonMaxSuppressionV5", "selected_indices selected_scores valid_outputs"),
          results("TensorListPopBack", "output_handle tensor"),
          results("Switch", "output_false output_true"),
          results("Merge", "output value_index"),
          results("MaxPoolWithArgmax", "output argmax"),
          results("Moments", "mean variance"));

  private static Map.Entry<String, List<String>> results(String op, String names) {
    return Map.entry(op, List.of(names.split(" ")));
  }

  final Shared shared;
  final Build b;
  final int depth;
  private final Map<String, NodeDef> nodes;
  private final Map<String, Item> arguments;
  private final Map<String, List<Item>> done = new HashMap<>();

  /** Opens the outermost graph; arguments are results of nodes that are bound, by node name. */
  Scope(Shared shared, Build b, List<NodeDef> nodes, Map<String, Item> bound) {
    this.shared = shared;
    this.b = b;
    this.depth = 0;
    this.nodes = index(nodes);
    this.arguments = Map.of();
    bound.forEach((name, item) -> done.put(name, List.of(item)));
  }

  private Scope(Shared shared, Build b, FunctionDef f, Map<String, Item> arguments, int depth) {
    this.shared = shared;
    this.b = b;
    this.depth = depth;
    this.nodes = shared.nodes(f);
    this.arguments = arguments;
    if (depth > MAX_DEPTH) {
      throw new Refusal(
          "functions call each other more than " + MAX_DEPTH + " deep", "flatten the functions");
    }
  }

  private static Map<String, NodeDef> index(List<NodeDef> nodes) {
    Map<String, NodeDef> byName = new HashMap<>();
    for (NodeDef n : nodes) {
      byName.put(n.name(), n);
    }
    return byName;
  }

  /** Calls a function; its results are computed when they are asked for. */
  List<Item> call(FunctionDef f, List<Item> items, Build into) {
    Map<String, Item> given = new HashMap<>();
    if (f.inputs().size() != items.size()) {
      throw new Refusal(
          "the function '"
              + f.name()
              + "' takes "
              + f.inputs().size()
              + " arguments, not "
              + items.size(),
          "export the model anew");
    }
    for (int i = 0; i < items.size(); i++) {
      given.put(f.inputs().get(i).name(), items.get(i));
    }
    Scope inner = new Scope(shared, into, f, given, depth + 1);
    List<Item> out = new ArrayList<>();
    for (Arg result : f.outputs()) {
      String reference = f.results().get(result.name());
      if (reference == null) {
        throw new Refusal(
            "the function '" + f.name() + "' lacks its result '" + result.name() + "'",
            "export the model anew");
      }
      out.add(new Item.Later(inner, reference));
    }
    return out;
  }

  /** The argument that a function passes on unchanged as a result, or -1. */
  static int passedOn(FunctionDef f, int output, Shared shared) {
    String reference = f.results().get(f.outputs().get(output).name());
    Map<String, NodeDef> nodes = shared.nodes(f);
    for (int hops = 0; reference != null && hops < 16; hops++) {
      for (int i = 0; i < f.inputs().size(); i++) {
        if (f.inputs().get(i).name().equals(reference)) {
          return i;
        }
      }
      NodeDef n = nodes.get(name(reference));
      if (n == null || !n.op().equals("Identity") || n.inputs().isEmpty()) {
        return -1;
      }
      reference = n.inputs().get(0);
    }
    return -1;
  }

  // ---- references: "node", "node:2" in graphs; "argument", "node:result:2" in functions

  static String name(String reference) {
    int colon = reference.indexOf(':');
    return colon < 0 ? reference : reference.substring(0, colon);
  }

  private int index(String reference, NodeDef node) {
    String[] words = reference.split(":");
    if (words.length < 2) {
      return 0;
    }
    int n = number(words[words.length - 1]);
    if (words.length == 2) {
      return Math.max(0, n);
    }
    List<String> names = RESULTS.get(node.op());
    int first = names == null ? 0 : Math.max(0, names.indexOf(words[1]));
    return first + Math.max(0, n);
  }

  private static int number(String text) {
    try {
      return Integer.parseInt(text);
    } catch (NumberFormatException e) {
      return -1;
    }
  }

  // ---- evaluation

  /** The item of a reference; computes what it needs first. */
  Item get(String reference) {
    Item given = arguments.get(reference);
    if (given != null) {
      return resolved(given);
    }
    String name = name(reference);
    NodeDef node = nodes.get(name);
    if (node == null && !done.containsKey(name)) {
      throw new Refusal("its input '" + reference + "' is not in the graph", "export it anew");
    }
    if (!done.containsKey(name)) {
      evaluate(java.util.Objects.requireNonNull(node));
    }
    List<Item> results = java.util.Objects.requireNonNull(done.get(name));
    int i = node == null ? 0 : index(reference, node);
    boolean one = results.size() == 1;
    if (one && (results.get(0) instanceof Item.Refused || results.get(0) instanceof Item.Dead)) {
      return results.get(0);
    }
    if (i >= results.size()) {
      return new Item.Refused();
    }
    Item item = resolved(results.get(i));
    if (item != results.get(i)) {
      List<Item> changed = new ArrayList<>(results);
      changed.set(i, item);
      done.put(name, changed);
    }
    return item;
  }

  private static Item resolved(Item item) {
    Item at = item;
    for (int hops = 0; at instanceof Item.Later later; hops++) {
      if (hops > MAX_DEPTH) {
        throw new Refusal("functions that only call each other", "flatten the functions");
      }
      at = later.scope().get(later.reference());
    }
    return at;
  }

  /** Lowers a node after those it needs; without recursion, since graphs are deep. */
  private void evaluate(NodeDef wanted) {
    Deque<NodeDef> stack = new ArrayDeque<>();
    Set<NodeDef> open = Collections.newSetFromMap(new IdentityHashMap<>());
    stack.push(wanted);
    while (!stack.isEmpty()) {
      NodeDef node = stack.peek();
      if (done.containsKey(node.name())) {
        stack.pop();
        continue;
      }
      boolean first = open.add(node);
      boolean ready = true;
      for (String input : node.inputs()) {
        if (input.startsWith("^") || arguments.containsKey(input)) {
          continue;
        }
        NodeDef before = nodes.get(name(input));
        if (before != null && !done.containsKey(before.name())) {
          if (!first && open.contains(before)) {
            refuse(
                node,
                "it waits for its own result through '" + input + "'",
                "use tf.while_loop of TensorFlow 2 (control flow version 2) for loops");
            ready = false;
            break;
          }
          ready = false;
          stack.push(before);
        }
      }
      if (ready) {
        stack.pop();
        lower(node);
      } else if (done.containsKey(node.name())) {
        stack.pop();
      }
    }
  }

  private void refuse(NodeDef node, String reason, String suggestion) {
    if (shared.reported.add(node.name() + "\n" + node.op())) {
      shared.problems.addOperator(node.op(), node.name(), shapes(node), reason, suggestion);
    }
    done.put(node.name(), List.of(new Item.Refused()));
  }

  private void lower(NodeDef node) {
    if (++shared.nodes > MAX_NODES) {
      throw new Refusal(
          "the model unfolds to more than " + MAX_NODES + " operators",
          "shorten its loops or use functions less deeply");
    }
    Node n = null;
    try {
      FunctionDef f = shared.functions.get(node.op());
      boolean asked = shared.custom.contains(node.op());
      Lowering lowering = shared.lowerings.get(node.op());
      boolean any = shared.custom.contains(ImportOptions.ANY_OPERATOR);
      if (lowering == null && f == null && !asked && !any) {
        throw new Refusal(
            "no TensorFlow Lite operator or composition is known for it",
            "replace it by operators that TensorFlow Lite has, or compute it outside the model");
      }
      List<Item> inputs = new ArrayList<>();
      boolean dead = false;
      for (String input : node.inputs()) {
        if (input.startsWith("^")) {
          NodeDef before = nodes.get(input.substring(1));
          if (before != null && before.op().startsWith("Assign")) {
            throw new Refusal(
                "it runs after '" + before.name() + "' changes a variable",
                "make the state an input and an output of the model");
          }
          continue;
        }
        Item item = get(input);
        if (item instanceof Item.Refused) {
          done.put(node.name(), List.of(item));
          return;
        }
        dead |= item instanceof Item.Dead;
        inputs.add(item);
      }
      if (dead && !node.op().equals("Merge")) {
        // Whatever number of results it has, all are of the side that is not taken.
        done.put(node.name(), List.of(new Item.Dead()));
        return;
      }
      b.prefix(node.name());
      n = new Node(node, this, b, inputs);
      Lowering mixing = ComplexOps.mixing(node.op(), inputs);
      if (asked) {
        n.custom(results(node));
      } else if (mixing != null) {
        mixing.lower(n);
      } else if (lowering != null && ComplexOps.isPartByPart(node.op(), inputs)) {
        Node real = new Node(node, this, b, ComplexOps.parts(inputs, Item.Complex::real));
        Node other = new Node(node, this, b, ComplexOps.parts(inputs, Item.Complex::imaginary));
        lowering.lower(real);
        lowering.lower(other);
        n.results(ComplexOps.joined(real.results(), other.results()));
      } else if (f != null && lowering == null) {
        n.results(call(f, inputs, b));
      } else if (lowering != null) {
        lowering.lower(n);
      } else {
        throw new Refusal("no TensorFlow Lite operator or composition is known for it", "");
      }
      if (n.results().isEmpty()) {
        throw new Refusal("it has no result", "export the model anew");
      }
      done.put(node.name(), n.results());
    } catch (Refusal e) {
      refuse(node, n, e);
    } catch (UnsupportedModelException e) {
      refuse(node, n, new Refusal(String.valueOf(e.getMessage()), ""));
    } catch (IllegalArgumentException
        | IllegalStateException
        | IndexOutOfBoundsException
        | ArithmeticException
        | java.nio.BufferUnderflowException
        | NegativeArraySizeException e) {
      refuse(
          node,
          n,
          new Refusal(
              "its inputs and attributes do not fit the operator (" + e.getMessage() + ")",
              "check the shapes that the model was exported with"));
    }
  }

  /** Notes a node that cannot be lowered, or keeps it as a custom operator if all such are. */
  private void refuse(NodeDef node, @Nullable Node lowered, Refusal why) {
    Refusal reason = why;
    if (lowered != null && shared.custom.contains(ImportOptions.ANY_OPERATOR)) {
      try {
        Node again = new Node(node, this, b, lowered.inputs);
        again.custom(results(node));
        done.put(node.name(), again.results());
        return;
      } catch (Refusal e) {
        reason = e;
      }
    }
    refuse(node, String.valueOf(reason.getMessage()), reason.suggestion());
  }

  /** How many results of a node others use, at least one. */
  private int results(NodeDef node) {
    int most = 1;
    for (NodeDef other : nodes.values()) {
      for (String input : other.inputs()) {
        if (!input.startsWith("^") && name(input).equals(node.name())) {
          most = Math.max(most, 1 + index(input, node));
        }
      }
    }
    return Build.repetitions(most);
  }

  private String shapes(NodeDef node) {
    List<String> texts = new ArrayList<>();
    for (String input : node.inputs()) {
      if (input.startsWith("^")) {
        continue;
      }
      String text = "unknown";
      Item item = arguments.get(input);
      List<Item> results = done.get(name(input));
      if (item == null && results != null) {
        NodeDef before = nodes.get(name(input));
        int i = before == null ? 0 : index(input, before);
        item = i < results.size() ? results.get(i) : null;
      }
      if (item instanceof Item.Tensor t) {
        Value v = t.value();
        text = v.type().name().toLowerCase(Locale.ROOT) + v.shape();
      } else if (item instanceof Item.Handle h) {
        text = "variable " + h.node();
      } else if (item instanceof Item.Complex c) {
        text = "complex64" + c.real().shape();
      } else if (item instanceof Item.TensorList) {
        text = "list";
      }
      texts.add(text);
    }
    return texts.isEmpty() ? "no inputs" : String.join(", ", texts);
  }
}
