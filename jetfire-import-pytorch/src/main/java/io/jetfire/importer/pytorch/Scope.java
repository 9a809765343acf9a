package io.jetfire.importer.pytorch;

import com.fasterxml.jackson.databind.JsonNode;
import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ImportProblems;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.io.Serial;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The names of one graph of the program, and the values they stand for. */
final class Scope {
  private static final int MAX_DEPTH = 16;

  /** How many operators a program may unfold to. */
  private static final int MAX_NODES = 200_000;

  /** Operators whose result shares the memory of their first argument. */
  private static final Set<String> VIEWS =
      Set.of(
          "alias",
          "as_strided",
          "chunk",
          "contiguous",
          "detach",
          "diagonal",
          "dropout",
          "expand",
          "expand_as",
          "flatten",
          "movedim",
          "narrow",
          "permute",
          "reshape",
          "select",
          "slice",
          "split",
          "split_with_sizes",
          "squeeze",
          "swapaxes",
          "t",
          "tensor_split",
          "to",
          "transpose",
          "unbind",
          "unflatten",
          "unsqueeze",
          "view",
          "view_as");

  /** What is common to all scopes of one import. */
  static final class Shared {
    final ImportProblems problems;
    final Map<String, Lowering> lowerings;
    final List<float[]> scales = new ArrayList<>();

    /** The operators that stay as custom ones. */
    final Set<String> custom;

    /** The sizes that the program leaves open. */
    final Symbols symbols = new Symbols();

    int nodes;

    Shared(ImportProblems problems, Map<String, Lowering> lowerings, Set<String> custom) {
      this.custom = custom;
      this.problems = problems;
      this.lowerings = lowerings;
    }
  }

  /** What a name is a part of, and the call that made it so. */
  private record View(String base, Call call, String operator) {}

  /** Thrown for an operator whose input comes from one that has been refused already. */
  static final class Missing extends RuntimeException {
    @Serial private static final long serialVersionUID = 1L;
  }

  private final Shared shared;
  private final Build b;
  private final JsonNode graph;
  private final int depth;
  private final Map<String, Value> values = new HashMap<>();
  private final Map<String, Supplier<Value>> stored = new HashMap<>();
  private final Map<String, String> absent = new HashMap<>();
  private final Set<String> refused = new HashSet<>();
  private final Map<String, String> roots = new HashMap<>();
  private final Map<String, View> views = new HashMap<>();
  private final Map<String, Integer> lastUses = new HashMap<>();
  private int writing;

  Scope(Shared shared, Build b, JsonNode graph, int depth) {
    this.shared = shared;
    this.b = b;
    this.graph = graph;
    this.depth = depth;
    if (depth > MAX_DEPTH) {
      throw new Refusal("its graphs nest more than " + MAX_DEPTH + " deep", "flatten the model");
    }
    JsonNode nodes = graph.path("nodes");
    for (int i = 0; i < nodes.size(); i++) {
      note(nodes.path(i).path("inputs"), i);
    }
    note(graph.path("outputs"), Integer.MAX_VALUE);
  }

  private void note(JsonNode used, int at) {
    if (used.isObject() && used.has("nodes")) {
      return; // a body has names of its own
    }
    if (used.path("name").isTextual()) {
      lastUses.put(used.path("name").asText(), at);
    }
    for (JsonNode part : used) {
      note(part, at);
    }
  }

  Build build() {
    return b;
  }

  JsonNode graph() {
    return graph;
  }

  /** A scope for a graph that an operator has as an argument. */
  Scope child(JsonNode body) {
    return new Scope(shared, b, body, depth + 1);
  }

  void define(String name, Value v) {
    values.put(name, v);
  }

  /** Defines a name whose tensor is read when it is needed. */
  void define(String name, Supplier<Value> tensor) {
    stored.put(name, tensor);
  }

  /** Notes why a name has no value, for the error if it is used. */
  void absent(String name, String reason) {
    absent.put(name, reason);
  }

  /** Whether an operator or a result of the graph reads a name. */
  boolean isUsed(String name) {
    return lastUses.containsKey(name);
  }

  boolean isDefined(String name) {
    return values.containsKey(name) || stored.containsKey(name);
  }

  /** The value of a name. */
  Value value(String name) {
    Value v = values.get(name);
    if (v != null) {
      return v;
    }
    if (refused.contains(name)) {
      throw new Missing();
    }
    Supplier<Value> tensor = stored.get(name);
    if (tensor != null) {
      Value constant = tensor.get();
      values.put(name, constant);
      return constant;
    }
    throw new Refusal(
        absent.getOrDefault(name, "its input '" + name + "' is never computed"),
        "export the program anew");
  }

  /** Remembers the scales of a constant, so that weights can become integers again. */
  void scales(float[] values) {
    if (shared.scales.stream().noneMatch(known -> Arrays.equals(known, values))) {
      shared.scales.add(values.clone());
    }
  }

  /** The value of an expression of sizes; -1 if it is open. */
  int size(String expression) {
    java.util.OptionalLong size = shared.symbols.value(expression);
    return size.isPresent() && size.getAsLong() >= 0 && size.getAsLong() <= Integer.MAX_VALUE
        ? (int) size.getAsLong()
        : -1;
  }

  /** What the file says of a tensor. */
  JsonNode meta(String name) {
    return graph.path("tensor_values").path(name);
  }

  void run() {
    JsonNode nodes = graph.path("nodes");
    for (int i = 0; i < nodes.size(); i++) {
      if (++shared.nodes > MAX_NODES) {
        throw new Refusal(
            "the program unfolds to more than " + MAX_NODES + " operators", "make it smaller");
      }
      run(nodes.path(i), i);
    }
  }

  private void run(JsonNode node, int position) {
    Call call = new Call(node, this, b);
    try {
      b.prefix(call.label());
      if (call.aliases().stream().anyMatch(shared.custom::contains)) {
        call.custom();
        return;
      }
      String operator = call.operator();
      Lowering lowering = shared.lowerings.get(operator);
      boolean writes = false;
      if (lowering == null && operator.endsWith("_") && !operator.endsWith("__")) {
        operator = operator.substring(0, operator.length() - 1);
        lowering = shared.lowerings.get(operator);
        writes = true;
      }
      if (lowering == null) {
        throw new Refusal(
            "no TensorFlow Lite operator or composition is known for it",
            "export with decompositions: torch.export.export(...).run_decompositions()");
      }
      String target = writes ? written(call, position) : null;
      lowering.lower(call);
      call.finish();
      if (target != null) {
        write(target, value(call.outputs().get(0)));
      }
      if (writes || VIEWS.contains(operator)) {
        String of = call.firstTensor();
        if (of != null) {
          String root = root(of);
          for (String out : call.outputs()) {
            roots.put(out, root);
            if (!out.equals(of)) {
              views.put(out, new View(of, call, writes ? "alias" : operator));
            }
          }
        }
      }
    } catch (Missing e) {
      refused.addAll(call.outputs());
    } catch (Refusal e) {
      report(call, String.valueOf(e.getMessage()), e.suggestion());
    } catch (UnsupportedModelException e) {
      report(call, String.valueOf(e.getMessage()), "");
    } catch (IllegalArgumentException
        | IllegalStateException
        | IndexOutOfBoundsException
        | ArithmeticException
        | java.util.NoSuchElementException
        | NegativeArraySizeException e) {
      report(
          call,
          "its arguments do not fit the operator (" + e.getMessage() + ")",
          "check the shapes that the program was exported with");
    }
  }

  /** Gives a name a new value, and what it is a part of too. */
  private void write(String name, Value v) {
    values.put(name, v);
    View view = views.get(name);
    if (view == null || !isUsedAfterWrite(view.base)) {
      return;
    }
    Value base = value(view.base);
    b.prefix(view.base);
    write(
        view.base,
        switch (view.operator) {
          case "select" -> IndexOps.selectInto(view.call, base, v);
          case "slice" -> IndexOps.sliceInto(view.call, base, v);
          case "alias",
              "contiguous",
              "detach",
              "flatten",
              "reshape",
              "squeeze",
              "unflatten",
              "unsqueeze",
              "view" ->
              b.reshape(v, Build.fixedFrom(base, 0));
          default ->
              throw new Refusal(
                  "it writes through " + view.operator + " into '" + view.base + "'",
                  "export without writes: torch.export.export(...).run_decompositions()");
        });
  }

  private String root(String name) {
    return roots.getOrDefault(name, name);
  }

  /** The name that an in-place operator writes to, if nobody looks at its memory by another. */
  private @Nullable String written(Call call, int position) {
    String name = call.firstTensor();
    if (name == null) {
      return null;
    }
    String root = root(name);
    Set<String> others = new HashSet<>(roots.keySet());
    others.add(root);
    writing = position;
    for (View v = views.get(name); v != null; v = views.get(v.base)) {
      others.remove(v.base); // gets the new value too
    }
    for (String other : others) {
      boolean shares = !other.equals(name) && root(other).equals(root);
      if (shares && lastUses.getOrDefault(other, -1) > position) {
        throw new Refusal(
            "it writes into '" + name + "', whose memory '" + other + "' shares",
            "export without writes: torch.export.export(...).run_decompositions()");
      }
    }
    return name;
  }

  /** Whether a tensor, or one that it is a part of, is looked at after the write. */
  private boolean isUsedAfterWrite(String name) {
    if (lastUses.getOrDefault(name, -1) > writing) {
      return true;
    }
    View view = views.get(name);
    return view != null && isUsedAfterWrite(view.base);
  }

  private void report(Call call, String reason, String suggestion) {
    for (String out : call.outputs()) {
      values.remove(out);
    }
    String why = reason;
    String instead = suggestion;
    if (shared.custom.contains(ImportOptions.ANY_OPERATOR)) {
      try {
        call.custom();
        return;
      } catch (Missing e) {
        refused.addAll(call.outputs());
        return;
      } catch (Refusal e) {
        why = String.valueOf(e.getMessage());
        instead = e.suggestion();
      }
    }
    refused.addAll(call.outputs());
    shared.problems.addOperator(call.target(), call.place(), shapes(call), why, instead);
  }

  private String shapes(Call call) {
    List<String> texts = new ArrayList<>();
    for (String name : call.tensorNames()) {
      try {
        Value v = value(name);
        texts.add(v.type().name().toLowerCase(Locale.ROOT) + v.shape());
      } catch (RuntimeException e) {
        texts.add("unknown"); // the message is about another problem
      }
    }
    return texts.isEmpty() ? "no inputs" : String.join(", ", texts);
  }
}
