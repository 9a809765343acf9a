package io.jetfire.importer.tensorflow;

import io.jetfire.UnsupportedModelException;
import io.jetfire.importer.tensorflow.GraphFile.Attr;
import io.jetfire.importer.tensorflow.GraphFile.GraphDef;
import io.jetfire.importer.tensorflow.GraphFile.NodeDef;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ImportProblems;
import io.jetfire.tflite.importer.ModelImporter;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Reads frozen graphs: {@code .pb} files of one GraphDef whose variables are constants.
 *
 * <pre>{@code
 * Graph graph = FrozenGraphImporter.create()
 *     .inputs("image").outputs("scores", "boxes:1")
 *     .read(Path.of("frozen_inference_graph.pb"), ImportOptions.defaults());
 * }</pre>
 *
 * <p>Such a file does not say what its inputs and outputs are. Unless they are named, inputs are
 * the placeholders and outputs are the operators whose results nothing uses. They form the
 * signature {@code serving_default}. An open first dimension of an input is the batch and takes
 * {@link ImportOptions#batch()}; other open dimensions stay open.
 *
 * <p>Format: {@code graph.proto} of TensorFlow 2.21. Immutable and thread-safe.
 */
public final class FrozenGraphImporter implements ModelImporter {
  /** Operators without a result that anybody would want. */
  private static final Set<String> NO_RESULT =
      Set.of("Const", "NoOp", "Assert", "Placeholder", "SaveV2", "MergeV2Checkpoints", "Print");

  private final List<String> inputs;
  private final List<String> outputs;

  /** Creates the importer as the service loader does; the same as {@link #create()}. */
  public FrozenGraphImporter() {
    this(List.of(), List.of());
  }

  private FrozenGraphImporter(List<String> inputs, List<String> outputs) {
    this.inputs = List.copyOf(inputs);
    this.outputs = List.copyOf(outputs);
  }

  /**
   * Returns the importer that finds inputs and outputs.
   *
   * @return the importer
   */
  public static FrozenGraphImporter create() {
    return new FrozenGraphImporter();
  }

  /**
   * Returns this importer with named inputs.
   *
   * @param nodes names of nodes; one that is no placeholder is cut off from what it is computed of
   * @return the importer
   */
  public FrozenGraphImporter inputs(String... nodes) {
    return new FrozenGraphImporter(List.of(nodes), outputs);
  }

  /**
   * Returns this importer with named outputs.
   *
   * @param tensors names of nodes, with {@code :1} and so on for results other than the first
   * @return the importer
   */
  public FrozenGraphImporter outputs(String... tensors) {
    return new FrozenGraphImporter(inputs, List.of(tensors));
  }

  @Override
  public String id() {
    return "frozen-graph";
  }

  @Override
  public boolean accepts(Path file, byte[] header) {
    Path name = file.getFileName();
    String text = name == null ? "" : name.toString().toLowerCase(Locale.ROOT);
    // A graph starts with a node (field 1), a node with its name (field 1).
    boolean node = header.length > 4 && header[0] == 0x0a;
    return text.endsWith(".pb") && !text.equals("saved_model.pb") && node;
  }

  @Override
  public Graph read(Path file, ImportOptions options) {
    return read(SavedModelImporter.bytes(file), String.valueOf(file.getFileName()), options);
  }

  Graph read(ByteBuffer bytes, String name, ImportOptions options) {
    GraphDef file = GraphFile.graph(bytes);
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    ImportProblems problems = new ImportProblems(name);
    try {
      Build b = new Build(main);
      Map<String, Value> given = new LinkedHashMap<>();
      Map<String, Item> bound = new HashMap<>();
      List<String> wanted = results(file);
      for (NodeDef node : sources(file, wanted)) {
        try {
          Value v = input(main, node, options);
          given.put(node.name(), v);
          bound.put(node.name(), new Item.Tensor(v));
        } catch (Refusal e) {
          problems.add(
              node.op(), node.name(), "no inputs", String.valueOf(e.getMessage()), e.suggestion());
        }
      }
      problems.raise();
      Scope scope =
          new Scope(
              new Scope.Shared(graph, file, Variables.none(), problems, options.customOperators()),
              b,
              file.nodes(),
              bound);
      Map<String, Value> results = new LinkedHashMap<>();
      for (String output : wanted) {
        SavedModelImporter.result(scope, output, problems)
            .ifPresent(v -> results.put(output.endsWith(":0") ? Scope.name(output) : output, v));
      }
      problems.raise();
      Edges.finish(graph, main, b, "serving_default", given, results);
    } catch (Refusal e) {
      problems.add("model", name, "no inputs", String.valueOf(e.getMessage()), e.suggestion());
      problems.raise();
    }
    return Edges.optimized(graph, options);
  }

  private static Value input(Subgraph main, NodeDef node, ImportOptions options) {
    Attr shape = node.attrs().get("shape");
    if (shape == null || shape.shape() == null) {
      shape = node.attrs().get("_output_shapes");
      if (shape != null && shape.list() != null && !shape.list().shapes().isEmpty()) {
        int[] first = shape.list().shapes().get(0);
        return add(main, node, first, options);
      }
      throw new Refusal(
          "the input's shape is not in the file", "name an input that is a placeholder");
    }
    return add(main, node, shape.shape(), options);
  }

  private static Value add(
      Subgraph main,
      NodeDef node,
      int @org.jspecify.annotations.Nullable [] shape,
      ImportOptions options) {
    Attr type = node.attrs().getOrDefault("dtype", node.attrs().get("T"));
    return main.addInput(
        node.name(),
        Types.of(type == null ? Types.FLOAT : type.type()),
        SavedModelImporter.shape(shape, options));
  }

  private List<NodeDef> sources(GraphDef file, List<String> wanted) {
    List<NodeDef> out = new ArrayList<>();
    if (inputs.isEmpty()) {
      Set<String> needed = needed(file, wanted);
      for (NodeDef n : file.nodes()) {
        if (n.op().equals("Placeholder") && needed.contains(n.name())) {
          out.add(n);
        }
      }
      return out;
    }
    for (String input : inputs) {
      String name = Scope.name(input);
      out.add(
          file.nodes().stream()
              .filter(n -> n.name().equals(name))
              .findFirst()
              .orElseThrow(() -> unknown("input", input, file)));
    }
    return out;
  }

  /** The nodes that results are computed of. */
  private static Set<String> needed(GraphDef file, List<String> wanted) {
    Map<String, NodeDef> nodes = new HashMap<>();
    file.nodes().forEach(n -> nodes.put(n.name(), n));
    Set<String> seen = new HashSet<>();
    Deque<String> todo = new ArrayDeque<>();
    wanted.forEach(w -> todo.push(Scope.name(w)));
    while (!todo.isEmpty()) {
      String name = todo.pop();
      NodeDef n = nodes.get(name);
      if (seen.add(name) && n != null) {
        n.inputs().stream().filter(i -> !i.startsWith("^")).forEach(i -> todo.push(Scope.name(i)));
      }
    }
    return seen;
  }

  private static UnsupportedModelException unknown(String what, String name, GraphDef file) {
    List<String> placeholders =
        file.nodes().stream()
            .filter(n -> n.op().equals("Placeholder"))
            .map(NodeDef::name)
            .limit(10)
            .toList();
    return new UnsupportedModelException(
        "The graph has no "
            + what
            + " '"
            + name
            + "'; it has "
            + file.nodes().size()
            + " nodes, among them the placeholders "
            + placeholders);
  }

  private List<String> results(GraphDef file) {
    Set<String> names = new HashSet<>();
    file.nodes().forEach(n -> names.add(n.name()));
    if (!outputs.isEmpty()) {
      for (String output : outputs) {
        if (!names.contains(Scope.name(output))) {
          throw unknown("output", output, file);
        }
      }
      return outputs;
    }
    Set<String> used = new HashSet<>();
    for (NodeDef n : file.nodes()) {
      for (String input : n.inputs()) {
        used.add(Scope.name(input.startsWith("^") ? input.substring(1) : input));
      }
    }
    List<String> sinks =
        file.nodes().stream()
            .filter(n -> !used.contains(n.name()) && !NO_RESULT.contains(n.op()))
            .filter(n -> n.inputs().stream().anyMatch(i -> !i.startsWith("^")))
            .map(NodeDef::name)
            .toList();
    if (sinks.isEmpty()) {
      throw new UnsupportedModelException(
          "The frozen graph has no operator whose result nothing uses; name its outputs with"
              + " FrozenGraphImporter.outputs");
    }
    return sinks;
  }

  @Override
  public String toString() {
    return "FrozenGraphImporter[inputs " + inputs + ", outputs " + outputs + "]";
  }
}
