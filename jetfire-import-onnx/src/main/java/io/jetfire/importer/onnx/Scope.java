package io.jetfire.importer.onnx;

import io.jetfire.importer.onnx.OnnxModel.Attribute;
import io.jetfire.importer.onnx.OnnxModel.FunctionProto;
import io.jetfire.importer.onnx.OnnxModel.GraphProto;
import io.jetfire.importer.onnx.OnnxModel.NodeProto;
import io.jetfire.importer.onnx.OnnxModel.ValueInfo;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ImportProblems;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Capture;
import io.jetfire.tflite.importer.lowering.CustomOperator;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The names of one ONNX graph or function body, and the tensors they stand for. */
final class Scope {
  /** Depth of calls and of nested bodies; a model of honest exporters has a handful. */
  private static final int MAX_DEPTH = 32;

  /** How many operators a model may unfold to, so that nested loops end. */
  private static final int MAX_NODES = 200_000;

  /** What is common to all scopes of one import. */
  static final class Shared {
    final OnnxModel model;
    final ExternalData folder;
    final ImportProblems problems;
    final Map<String, Lowering> lowerings;

    /** The operators that stay as custom ones. */
    final Set<String> custom;

    /** The sizes of named dimensions, as far as the inputs have them. */
    final Map<String, Integer> dimensions = new HashMap<>();

    /** The scales that constants were dequantized with. */
    final Set<Scales> scales = new LinkedHashSet<>();

    int nodes;

    Shared(
        OnnxModel model,
        ExternalData folder,
        ImportProblems problems,
        Map<String, Lowering> lowerings,
        Set<String> custom) {
      this.custom = custom;
      this.model = model;
      this.folder = folder;
      this.problems = problems;
      this.lowerings = lowerings;
    }
  }

  /** Scales of a whole tensor or along one of its dimensions. */
  record Scales(List<Float> values) {
    float[] toArray() {
      float[] out = new float[values.size()];
      for (int i = 0; i < out.length; i++) {
        out[i] = values.get(i);
      }
      return out;
    }
  }

  /** Thrown for a node whose input comes from one that has been refused already. */
  static final class Missing extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private final Shared shared;
  private final Build b;
  private final @Nullable Scope parent;
  private final Map<String, Long> opsets;
  private final int depth;
  private @Nullable Capture capture;
  private final Map<String, Value> values = new HashMap<>();
  private final Map<String, List<Value>> sequences = new HashMap<>();
  private final Map<String, OnnxTensor> initializers = new HashMap<>();
  private final Set<String> refused = new HashSet<>();
  private final Map<String, ValueInfo> infos = new HashMap<>();

  Scope(Shared shared, Build b, @Nullable Scope parent, Map<String, Long> opsets) {
    this.shared = shared;
    this.b = b;
    this.parent = parent;
    this.opsets = opsets;
    depth = parent == null ? 0 : parent.depth + 1;
    if (depth > MAX_DEPTH) {
      throw new Refusal(
          "its bodies nest more than " + MAX_DEPTH + " deep", "flatten the control flow");
    }
  }

  /** Remembers the scales of a constant, so that weights can become integers again. */
  void scales(float[] values) {
    List<Float> list = new ArrayList<>();
    for (float v : values) {
      list.add(v);
    }
    shared.scales.add(new Scales(list));
  }

  ExternalData folder() {
    return shared.folder;
  }

  Scope child() {
    return new Scope(shared, b, this, opsets);
  }

  /** A body that is a subgraph of its own, into which tensors from outside are passed. */
  Scope body(Build inside, Capture passed) {
    Scope s = new Scope(shared, inside, this, opsets);
    s.capture = passed;
    return s;
  }

  /** What a tensor of the surrounding graph is in this body. */
  Value captured(Value outer) {
    return capture == null ? outer : capture.of(outer);
  }

  void initializers(Map<String, OnnxTensor> tensors) {
    initializers.putAll(tensors);
  }

  void define(String name, Value v) {
    values.put(name, v);
  }

  void defineSequence(String name, List<Value> parts) {
    sequences.put(name, List.copyOf(parts));
  }

  List<Value> sequence(String name) {
    List<Value> found = sequences.get(name);
    if (found != null) {
      return found;
    }
    if (refused.contains(name)) {
      throw new Missing();
    }
    if (parent == null) {
      throw new Refusal(
          "the sequence '" + name + "' is known only while the model runs",
          "use tensors instead of sequences at the model's edges");
    }
    List<Value> outer = parent.sequence(name);
    Capture c = capture;
    return c == null ? outer : outer.stream().map(c::of).toList();
  }

  boolean isSequence(String name) {
    for (Scope s = this; s != null; s = s.parent) {
      if (s.sequences.containsKey(name)) {
        return true;
      }
    }
    return false;
  }

  /** The tensor of a name, from here or an enclosing graph. */
  Value tensor(String name) {
    Value v = values.get(name);
    if (v != null) {
      return v;
    }
    if (refused.contains(name)) {
      throw new Missing();
    }
    OnnxTensor t = initializers.get(name);
    if (t != null) {
      Value constant = Types.constant(b.subgraph(), name, t, shared.folder);
      values.put(name, constant);
      return constant;
    }
    if (parent == null) {
      throw new Refusal("its input '" + name + "' is never computed", "export the model anew");
    }
    Value outer = parent.tensor(name);
    return capture == null ? outer : capture.of(outer);
  }

  /** Lowers the nodes of a graph; its initializers become visible first. */
  void run(GraphProto graph) {
    initializers(graph.initializers());
    infos.putAll(graph.valueInfos());
    graph.outputs().forEach(info -> infos.put(info.name(), info));
    run(graph.nodes());
  }

  void run(List<NodeProto> nodes) {
    for (NodeProto node : nodes) {
      if (++shared.nodes > MAX_NODES) {
        throw new Refusal(
            "the model unfolds to more than " + MAX_NODES + " operators",
            "shorten its loops or use functions less deeply");
      }
      run(node);
    }
  }

  private void run(NodeProto node) {
    int before = b.subgraph().ops().size();
    try {
      if (shared.custom.contains(type(node)) || shared.custom.contains(node.opType())) {
        custom(node);
        return;
      }
      lower(node);
      for (String out : node.outputs()) {
        if (!out.isEmpty() && !values.containsKey(out) && !sequences.containsKey(out)) {
          throw new Refusal(
              "its output '" + out + "' cannot be computed", "do not use this output");
        }
        name(out, before);
      }
    } catch (Missing e) {
      refused.addAll(node.outputs());
    } catch (Refusal e) {
      refuse(node, e);
    }
  }

  /** Notes a node that cannot be lowered, or keeps it as a custom operator if all such are. */
  private void refuse(NodeProto node, Refusal why) {
    values.keySet().removeAll(node.outputs());
    Refusal reason = why;
    if (shared.custom.contains(ImportOptions.ANY_OPERATOR)) {
      try {
        custom(node);
        return;
      } catch (Missing e) {
        refused.addAll(node.outputs());
        return;
      } catch (Refusal e) {
        reason = e;
      }
    }
    refused.addAll(node.outputs());
    String place = node.name().isEmpty() ? String.join(", ", node.outputs()) : node.name();
    place = node.location().isEmpty() ? place : place + " (" + node.location() + ")";
    shared.problems.addOperator(
        type(node), place, shapes(node), String.valueOf(reason.getMessage()), reason.suggestion());
  }

  /** Writes a node as a custom operator, whose outputs are as the file says. */
  private void custom(NodeProto node) {
    CustomOperator op = CustomOperator.named(type(node)).attributes(attributes(node));
    for (String out : node.outputs()) {
      ValueInfo info = infos.get(out);
      if (info == null && !out.isEmpty()) {
        throw new Refusal(
            "it is to stay as a custom operator, but the file says not what its output '"
                + out
                + "' is",
            "run onnx.shape_inference or add a value_info for '" + out + "'");
      }
      op.output(
          info == null ? ElementType.FLOAT32 : Types.of(info.elementType()),
          info == null ? Shape.unknown() : shape(info));
    }
    List<@Nullable Value> inputs = new ArrayList<>();
    for (String in : node.inputs()) {
      inputs.add(in.isEmpty() ? null : tensor(in));
    }
    List<Value> outputs = op.emit(b, inputs);
    for (int i = 0; i < outputs.size(); i++) {
      String name = node.outputs().get(i);
      if (!name.isEmpty()) {
        outputs.get(i).name(b.subgraph().uniqueName(name));
        define(name, outputs.get(i));
      }
    }
  }

  /** Notes the sizes that an input gives named dimensions. */
  void bind(List<OnnxModel.Dim> dims, Shape shape) {
    for (int i = 0; i < dims.size(); i++) {
      if (!dims.get(i).parameter().isEmpty() && shape.dim(i) >= 0) {
        shared.dimensions.putIfAbsent(dims.get(i).parameter(), shape.dim(i));
      }
    }
  }

  private Shape shape(ValueInfo info) {
    if (info.shape() == null) {
      return Shape.unknown();
    }
    int[] dims = new int[info.shape().size()];
    for (int i = 0; i < dims.length; i++) {
      OnnxModel.Dim d = info.shape().get(i);
      boolean fixed = d.value() >= 0 && d.value() <= Integer.MAX_VALUE;
      dims[i] = fixed ? (int) d.value() : shared.dimensions.getOrDefault(d.parameter(), -1);
    }
    return Shape.of(dims);
  }

  private static Map<String, Object> attributes(NodeProto node) {
    Map<String, Object> out = new LinkedHashMap<>();
    node.attributes()
        .forEach(
            (name, a) -> {
              // AttributeProto.AttributeType of onnx.proto
              switch (a.type()) {
                case 1 -> out.put(name, a.f());
                case 2 -> out.put(name, a.i());
                case 3 -> out.put(name, a.text());
                case 6 -> {
                  List<Float> floats = new ArrayList<>();
                  for (float f : a.floats()) {
                    floats.add(f);
                  }
                  out.put(name, floats);
                }
                case 7 -> out.put(name, Arrays.stream(a.ints()).boxed().toList());
                case 8 -> out.put(name, a.strings());
                default -> throw CustomOperator.notCarried(name);
              }
            });
    return out;
  }

  private void lower(NodeProto node) {
    try {
      b.prefix(node.outputs().isEmpty() ? node.opType() : node.outputs().get(0));
      FunctionProto function = shared.model.functions().get(node.key());
      boolean standard = node.domain().isEmpty();
      Lowering lowering =
          standard || isKnownDomain(node.domain()) ? shared.lowerings.get(node.opType()) : null;
      if (lowering != null && (standard || function == null)) {
        lowering.lower(new Node(node, this, b, opset(node.domain())));
      } else if (function != null) {
        call(function, node);
      } else {
        throw new Refusal(
            (standard ? "" : "operators of the domain '" + node.domain() + "' are unknown; ")
                + "no TensorFlow Lite operator or composition is known for it",
            "replace it by standard operators before exporting");
      }
    } catch (io.jetfire.UnsupportedModelException e) {
      throw new Refusal(String.valueOf(e.getMessage()), "");
    } catch (IllegalArgumentException
        | IllegalStateException
        | IndexOutOfBoundsException
        | ArithmeticException
        | NegativeArraySizeException e) {
      throw new Refusal(
          "its inputs and attributes do not fit the operator (" + e.getMessage() + ")",
          "check the shapes that the model was exported with");
    }
  }

  /** Gives a node's result the name that the model has for it, and a part of it another one. */
  private void name(String output, int before) {
    Value v = values.get(output);
    if (v == null || v.name().equals(output)) {
      return;
    }
    List<Op> made = b.subgraph().ops().subList(before, b.subgraph().ops().size());
    if (made.stream().anyMatch(op -> op.outputs().contains(v))) {
      made.stream()
          .flatMap(op -> op.outputs().stream())
          .filter(other -> other.name().equals(output))
          .forEach(other -> other.name(b.subgraph().uniqueName(output + "/part")));
      v.name(b.subgraph().uniqueName(output));
    }
  }

  private static boolean isKnownDomain(String domain) {
    return domain.equals("com.microsoft") || domain.equals("org.pytorch.aten");
  }

  private static String type(NodeProto node) {
    return node.domain().isEmpty() ? node.opType() : node.domain() + "." + node.opType();
  }

  private String shapes(NodeProto node) {
    List<String> texts = new ArrayList<>();
    for (String name : node.inputs()) {
      String text = name.isEmpty() ? "none" : "unknown";
      try {
        Value v = name.isEmpty() ? null : tensor(name);
        text = v == null ? text : v.type().name().toLowerCase(java.util.Locale.ROOT) + v.shape();
      } catch (RuntimeException e) {
        // the message is about another problem; the input stays unknown in it
      }
      texts.add(text);
    }
    return texts.isEmpty() ? "no inputs" : String.join(", ", texts);
  }

  private int opset(String domain) {
    Long version = opsets.get(domain.equals("ai.onnx") ? "" : domain);
    return (int) Math.min(version == null ? 1 : version, 1000);
  }

  /** Lowers a function's body in place of the call. */
  private void call(FunctionProto f, NodeProto node) {
    Map<String, Long> sets = new HashMap<>(opsets);
    sets.putAll(f.opsets());
    Scope body = new Scope(shared, b, this, sets);
    // A function sees only its parameters; names of the caller must not shine through.
    Scope inner = new Scope(shared, b, null, sets);
    for (int i = 0; i < f.inputs().size(); i++) {
      boolean given = i < node.inputs().size() && !node.inputs().get(i).isEmpty();
      if (given) {
        inner.define(f.inputs().get(i), tensor(node.inputs().get(i)));
      }
    }
    if (body.depth > MAX_DEPTH) {
      throw new Refusal("functions call each other too deeply", "flatten the functions");
    }
    Scope run = new Scope(shared, b, null, sets, body.depth, inner.values);
    List<NodeProto> nodes = new ArrayList<>();
    for (NodeProto n : f.nodes()) {
      nodes.add(bound(n, f, node, inner));
    }
    run.run(nodes);
    for (int i = 0; i < f.outputs().size() && i < node.outputs().size(); i++) {
      if (!node.outputs().get(i).isEmpty()) {
        define(node.outputs().get(i), run.tensor(f.outputs().get(i)));
      }
    }
  }

  private Scope(
      Shared shared,
      Build b,
      @Nullable Scope parent,
      Map<String, Long> opsets,
      int depth,
      Map<String, Value> known) {
    this.shared = shared;
    this.b = b;
    this.parent = parent;
    this.opsets = opsets;
    this.depth = depth;
    values.putAll(known);
  }

  /** A node of a function with the caller's attributes, and without inputs that were left out. */
  private static NodeProto bound(NodeProto n, FunctionProto f, NodeProto call, Scope inner) {
    Map<String, Attribute> attributes = new LinkedHashMap<>();
    n.attributes()
        .forEach(
            (name, a) -> {
              Attribute value = a;
              if (!a.reference().isEmpty()) {
                value = call.attributes().get(a.reference());
                value = value == null ? f.defaults().get(a.reference()) : value;
              }
              if (value != null) {
                attributes.put(
                    name,
                    new Attribute(
                        name,
                        value.f(),
                        value.i(),
                        value.s(),
                        value.t(),
                        value.g(),
                        value.floats(),
                        value.ints(),
                        value.strings(),
                        value.graphs(),
                        value.type(),
                        ""));
              }
            });
    List<String> inputs = new ArrayList<>();
    for (String in : n.inputs()) {
      inputs.add(f.inputs().contains(in) && !inner.values.containsKey(in) ? "" : in);
    }
    return new NodeProto(
        n.name(), n.opType(), n.domain(), inputs, n.outputs(), attributes, n.location());
  }
}
