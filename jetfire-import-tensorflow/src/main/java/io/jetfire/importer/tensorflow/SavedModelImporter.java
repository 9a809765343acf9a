package io.jetfire.importer.tensorflow;

import io.jetfire.UnsupportedModelException;
import io.jetfire.importer.tensorflow.GraphFile.MetaGraph;
import io.jetfire.importer.tensorflow.GraphFile.SignatureDef;
import io.jetfire.importer.tensorflow.GraphFile.TensorInfo;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Signature;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ImportProblems;
import io.jetfire.tflite.importer.ModelFiles;
import io.jetfire.tflite.importer.ModelImporter;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Reads SavedModels of TensorFlow 1 and 2: folders with {@code saved_model.pb} and the variables'
 * checkpoint.
 *
 * <pre>{@code
 * Graph graph = SavedModelImporter.create().read(Path.of("export/1"), ImportOptions.defaults());
 * }</pre>
 *
 * <p>Functions are inlined, and only what a signature's outputs need is read, so training, saving
 * and restoring stay behind. Every signature is kept, each as a subgraph; inputs and outputs are
 * called as in the signature. Loops of a known number of steps are unrolled; other loops and
 * conditions become TFLite's. An open first dimension of an input is the batch and takes {@link
 * ImportOptions#batch()}; other open dimensions stay open. Numbers are computed in the types that
 * TFLite's kernels have: float16, bfloat16 and float64 become float32.
 *
 * <p>Formats: {@code saved_model.proto} and {@code tensor_bundle.proto} of TensorFlow 2.21.
 * Immutable and thread-safe.
 */
public final class SavedModelImporter implements ModelImporter {
  private static final String FILE = "saved_model.pb";
  private static final String DEFAULT = "serving_default";

  private final String signature;

  /** Creates the importer as the service loader does; the same as {@link #create()}. */
  public SavedModelImporter() {
    this("");
  }

  private SavedModelImporter(String signature) {
    this.signature = signature;
  }

  /**
   * Returns the importer of all signatures.
   *
   * @return the importer
   */
  public static SavedModelImporter create() {
    return new SavedModelImporter();
  }

  /**
   * Returns an importer of one signature.
   *
   * @param key its key in the model, such as {@code serving_default}
   * @return the importer
   */
  public SavedModelImporter signature(String key) {
    return new SavedModelImporter(key);
  }

  @Override
  public String id() {
    return "saved-model";
  }

  @Override
  public boolean accepts(Path file, byte[] header) {
    Path name = file.getFileName();
    return Files.isDirectory(file)
        ? Files.isRegularFile(file.resolve(FILE))
        : name != null && name.toString().equals(FILE);
  }

  @Override
  public Graph read(Path file, ImportOptions options) {
    Path folder = Files.isDirectory(file) ? file : file.toAbsolutePath().getParent();
    if (folder == null) {
      folder = Path.of("");
    }
    ByteBuffer bytes = bytes(folder.resolve(FILE));
    return read(
        GraphFile.savedModel(bytes),
        Checkpoint.in(folder),
        String.valueOf(file.getFileName()),
        options);
  }

  static ByteBuffer bytes(Path file) {
    return ModelFiles.read(file, "keep variables in a checkpoint");
  }

  Graph read(List<MetaGraph> graphs, Checkpoint checkpoint, String name, ImportOptions options) {
    MetaGraph meta = serving(graphs);
    Map<String, SignatureDef> wanted = wanted(meta);
    Graph graph = Graph.create();
    ImportProblems problems = new ImportProblems(name);
    try {
      Variables variables = Variables.of(meta, checkpoint);
      for (Map.Entry<String, SignatureDef> s : wanted.entrySet()) {
        add(graph, s.getKey(), s.getValue(), meta, variables, problems, options);
      }
      problems.raise();
    } catch (Refusal e) {
      problems.add("model", name, "no inputs", String.valueOf(e.getMessage()), e.suggestion());
      problems.raise();
    }
    return Edges.optimized(graph, options);
  }

  /** Adds a signature: on the subgraph of an earlier one that computes the same, or its own. */
  private static void add(
      Graph graph,
      String key,
      SignatureDef s,
      MetaGraph meta,
      Variables variables,
      ImportProblems problems,
      ImportOptions options) {
    if (graph.signatures().isEmpty()) {
      lower(graph, graph.addSubgraph("main"), key, s, meta, variables, problems, options);
      return;
    }
    Graph trial = Graph.create();
    ImportProblems found = new ImportProblems(key);
    Subgraph g = trial.addSubgraph(key);
    lower(trial, g, key, s, meta, variables, found, options);
    if (!found.all().isEmpty()) {
      found.all().stream()
          .filter(p -> !problems.all().contains(p))
          .forEach(
              p -> problems.add(p.operation(), p.place(), p.shapes(), p.reason(), p.suggestion()));
      return;
    }
    Signature own = trial.signature(key).orElseThrow();
    for (Signature earlier : List.copyOf(graph.signatures())) {
      Optional<Map<Value, Value>> twins =
          Twins.of(earlier.subgraph(), g, List.copyOf(own.outputs().values()));
      if (twins.isPresent()) {
        Map<String, Value> inputs = new LinkedHashMap<>();
        own.inputs()
            .forEach(
                (name, v) ->
                    inputs.put(name, earlier.subgraph().inputs().get(g.inputs().indexOf(v))));
        Map<String, Value> outputs = new LinkedHashMap<>();
        own.outputs()
            .forEach((name, v) -> outputs.put(name, Objects.requireNonNull(twins.get().get(v))));
        graph.addSignature(key, earlier.subgraph(), inputs, outputs);
        return;
      }
    }
    lower(graph, graph.addSubgraph(key), key, s, meta, variables, problems, options);
  }

  private static void lower(
      Graph graph,
      Subgraph g,
      String key,
      SignatureDef s,
      MetaGraph meta,
      Variables variables,
      ImportProblems problems,
      ImportOptions options) {
    Build b = new Build(g);
    Map<String, Value> inputs = new LinkedHashMap<>();
    Map<String, Item> bound = new HashMap<>();
    s.inputs()
        .forEach(
            (name, info) -> {
              try {
                Value v = g.addInput(name, Types.of(info.type()), shape(info.shape(), options));
                inputs.put(name, v);
                bound.put(Scope.name(info.name()), new Item.Tensor(v));
              } catch (Refusal e) {
                problems.add(
                    "input", name, "no inputs", String.valueOf(e.getMessage()), e.suggestion());
              }
            });
    Scope scope =
        new Scope(
            new Scope.Shared(graph, meta.graph(), variables, problems, options.customOperators()),
            b,
            meta.graph().nodes(),
            bound);
    Map<String, Value> outputs = new LinkedHashMap<>();
    for (Map.Entry<String, TensorInfo> out : s.outputs().entrySet()) {
      result(scope, out.getValue().name(), problems).ifPresent(v -> outputs.put(out.getKey(), v));
    }
    if (problems.all().isEmpty()) {
      Edges.finish(graph, g, b, key, inputs, outputs);
      g.removeDead();
    }
  }

  /** The tensor of a name; what stands in its way is noted. */
  static Optional<Value> result(Scope scope, String name, ImportProblems problems) {
    try {
      Item item = scope.get(name);
      if (item instanceof Item.Tensor t) {
        return Optional.of(t.value());
      }
      if (!(item instanceof Item.Refused)) {
        throw new Refusal("the output is no tensor", "return tensors from the model");
      }
    } catch (Refusal e) {
      problems.add("output", name, "no inputs", String.valueOf(e.getMessage()), e.suggestion());
    }
    return Optional.empty();
  }

  static Shape shape(int @Nullable [] given, ImportOptions options) {
    if (given == null) {
      throw new Refusal(
          "the input's rank is unknown", "give the model's inputs shapes when exporting");
    }
    int[] dims = given.clone();
    long elements = 1;
    for (int i = 0; i < dims.length; i++) {
      dims[i] = dims[i] < 0 && i == 0 ? options.batch() : dims[i];
      elements *= Math.max(1, dims[i]);
      if (elements > Integer.MAX_VALUE) {
        throw new Refusal("the input has more than 2^31 elements", "use smaller tensors");
      }
    }
    return Shape.of(dims);
  }

  private static MetaGraph serving(List<MetaGraph> graphs) {
    if (graphs.isEmpty()) {
      throw new UnsupportedModelException(
          "The SavedModel is broken: it holds no graph; get it again or export the model anew");
    }
    return graphs.stream()
        .filter(g -> g.tags().contains("serve"))
        .findFirst()
        .orElse(graphs.get(0));
  }

  private Map<String, SignatureDef> wanted(MetaGraph meta) {
    Map<String, SignatureDef> all = new LinkedHashMap<>();
    SignatureDef first = meta.signatures().get(DEFAULT);
    if (first != null) {
      all.put(DEFAULT, first);
    }
    meta.signatures()
        .forEach(
            (key, s) -> {
              // TensorFlow keeps its own operators among the signatures.
              if (!key.startsWith("__saved_model") && !s.outputs().isEmpty()) {
                all.putIfAbsent(key, s);
              }
            });
    if (!signature.isEmpty()) {
      SignatureDef one = all.get(signature);
      if (one == null) {
        throw new UnsupportedModelException(
            "The SavedModel has no signature '"
                + signature
                + "'; it has "
                + new ArrayList<>(all.keySet()));
      }
      return Map.of(signature, one);
    }
    if (all.isEmpty()) {
      throw new UnsupportedModelException(
          "The SavedModel has no signatures, so its inputs and outputs are not known; save it with"
              + " one (tf.saved_model.save with signatures, or model.export)");
    }
    return all;
  }

  @Override
  public String toString() {
    return "SavedModelImporter[" + (signature.isEmpty() ? "all signatures" : signature) + "]";
  }
}
