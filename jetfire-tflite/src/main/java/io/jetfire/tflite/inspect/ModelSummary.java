package io.jetfire.tflite.inspect;

import io.jetfire.Delegate;
import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.format.CheckReport;
import io.jetfire.tflite.format.ModelCheck;
import io.jetfire.tflite.format.OpVersions;
import io.jetfire.tflite.format.TargetRuntime;
import io.jetfire.tflite.format.TfliteReader;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Signature;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import io.jetfire.tflite.transform.ShapeInference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;

/**
 * What a model consists of, layer by layer and in sum. Immutable.
 *
 * <p>Shapes are inferred where the file leaves them open; dynamic dimensions count with their
 * stand-in, usually 1. Constant data are not read.
 */
public final class ModelSummary {
  private final Graph graph;
  private final OpVersions.Assigned versions;
  private final List<Layer> layers;
  private final List<String> signatures;
  private final List<String> metadata;
  private final long peakActivationBytes;

  private ModelSummary(Graph graph) {
    this.graph = graph;
    this.versions = OpVersions.assign(graph);
    List<Layer> all = new ArrayList<>();
    Set<Object> counted = Collections.newSetFromMap(new IdentityHashMap<>());
    int s = 0;
    for (Subgraph subgraph : graph.subgraphs()) {
      int i = 0;
      for (Op op : subgraph.ops()) {
        all.add(layer(s, i++, op, counted));
      }
      s++;
    }
    layers = List.copyOf(all);
    signatures = graph.signatures().stream().map(ModelSummary::text).toList();
    metadata = List.copyOf(graph.metadata().keySet());
    CheckReport report = ModelCheck.check(graph, Long.MAX_VALUE);
    peakActivationBytes = report.peakActivationBytes();
  }

  /**
   * Maps a file and summarizes it.
   *
   * @param path the model
   * @return the summary
   * @throws io.jetfire.tflite.format.ModelFormatException if it is no valid model
   * @throws io.jetfire.StorageException if the file cannot be opened
   */
  public static ModelSummary of(Path path) {
    return of(TfliteReader.read(path));
  }

  /**
   * Summarizes a graph.
   *
   * @param graph the graph; not changed, and not looked at again
   * @return the summary
   */
  public static ModelSummary of(Graph graph) {
    Graph copy = graph.copy();
    try {
      ShapeInference.create().run(copy);
    } catch (UnsupportedModelException e) {
      // The shapes contradict each other: show those that the file declares.
      copy = graph.copy();
    }
    return new ModelSummary(copy);
  }

  // ---- layers

  /**
   * Returns the operators of all subgraphs, in the order in which they run.
   *
   * @return one layer each
   */
  public List<Layer> layers() {
    return layers;
  }

  /**
   * Counts operators by name.
   *
   * @return the counts, sorted by name
   */
  public Map<String, Integer> operatorCounts() {
    Map<String, Integer> counts = new TreeMap<>();
    layers.forEach(l -> counts.merge(l.operator(), 1, Integer::sum));
    return counts;
  }

  /**
   * Returns the number of weights and biases; shared ones count once.
   *
   * @return elements
   */
  public long parameters() {
    return layers.stream().mapToLong(Layer::parameters).sum();
  }

  /**
   * Returns the size of the constants in the file; shared ones count once.
   *
   * @return bytes
   */
  public long constantBytes() {
    return layers.stream().mapToLong(Layer::constantBytes).sum();
  }

  /**
   * Returns the multiply-accumulates of one inference.
   *
   * @return empty if those of some layer cannot be told
   */
  public OptionalLong macs() {
    return layers.stream().allMatch(l -> l.macs().isPresent())
        ? OptionalLong.of(layers.stream().mapToLong(l -> l.macs().orElse(0)).sum())
        : OptionalLong.empty();
  }

  /**
   * Returns an estimate of the memory that activations and scratch buffers take at most.
   *
   * @return bytes; empty if the model breaks a rule that {@link ModelCheck} knows
   */
  public OptionalLong peakActivationBytes() {
    return peakActivationBytes == 0 ? OptionalLong.empty() : OptionalLong.of(peakActivationBytes);
  }

  /**
   * Returns the inputs of the main subgraph.
   *
   * @return such as {@code image: UINT8[1, 224, 224, 3]}
   */
  public List<String> inputs() {
    return graph.main().inputs().stream().map(ModelSummary::text).toList();
  }

  /**
   * Returns the outputs of the main subgraph.
   *
   * @return such as {@code scores: FLOAT32[1, 10]}
   */
  public List<String> outputs() {
    return graph.main().outputs().stream().map(ModelSummary::text).toList();
  }

  /**
   * Returns the signatures.
   *
   * @return such as {@code serving_default(x: FLOAT32[1, 4]) -> (y: FLOAT32[1, 3])}
   */
  public List<String> signatures() {
    return signatures;
  }

  /**
   * Returns the lowest runtime that the file says it needs.
   *
   * @return the text of its {@code min_runtime_version} metadata, or empty
   */
  public Optional<String> minimumRuntime() {
    Weights w = graph.metadata().get(OpVersions.MIN_RUNTIME_VERSION);
    if (w == null || w.byteSize() > 64) {
      return Optional.empty();
    }
    String text = StandardCharsets.US_ASCII.decode(w.bytes()).toString();
    int end = text.indexOf('\0');
    return Optional.of((end < 0 ? text : text.substring(0, end)).strip()).filter(t -> !t.isEmpty());
  }

  // ---- who takes it

  /**
   * Says whether the model computes on integers somewhere.
   *
   * @return true if an operator's output is quantized to 8 or 16 bits
   */
  public boolean isQuantized() {
    return graph.subgraphs().stream()
        .flatMap(s -> s.ops().stream())
        .filter(op -> op.kind() != OpKind.QUANTIZE)
        .anyMatch(ModelSummary::computesOnIntegers);
  }

  /**
   * Lists operators that were left float in a quantized model.
   *
   * @return layers with a float output, but QUANTIZE, DEQUANTIZE and CAST; empty if the model is
   *     not quantized
   */
  public List<Layer> floatOperators() {
    if (!isQuantized()) {
      return List.of();
    }
    List<Layer> found = new ArrayList<>();
    for (Layer l : layers) {
      Op op = graph.subgraphs().get(l.subgraph()).ops().get(l.index());
      boolean edge =
          op.kind() == OpKind.DEQUANTIZE
              || op.kind() == OpKind.QUANTIZE
              || op.kind() == OpKind.CAST;
      if (!edge && op.outputs().stream().anyMatch(v -> v.type().isFloat())) {
        found.add(l);
      }
    }
    return found;
  }

  /**
   * Lists operators that a runtime has no kernel for.
   *
   * @param target the runtime
   * @return empty if it takes all; custom operators are the application's business
   */
  public List<Refusal> refusals(TargetRuntime target) {
    List<Refusal> found = new ArrayList<>();
    for (Layer l : layers) {
      Op op = op(l);
      OpVersions.reason(op, versions.of(op), target).ifPresent(r -> found.add(refusal(l, r)));
    }
    return found;
  }

  /**
   * Lists operators that a delegate leaves to the CPU kernels, as far as its documentation tells.
   *
   * <p>What really happens depends on the delegate's version and the device; only the device's log
   * says it.
   *
   * @param delegate XNNPACK, GPU or NNAPI; CPU takes all
   * @return empty if it takes all
   * @throws io.jetfire.ConfigurationException if nothing is known of the delegate
   */
  public List<Refusal> refusals(Delegate delegate) {
    DelegateRules rules = DelegateRules.of(delegate);
    List<Refusal> found = new ArrayList<>();
    for (Layer l : layers) {
      rules.refusal(op(l)).ifPresent(r -> found.add(refusal(l, r)));
    }
    return found;
  }

  private Op op(Layer l) {
    return graph.subgraphs().get(l.subgraph()).ops().get(l.index());
  }

  private static Refusal refusal(Layer l, String reason) {
    return new Refusal(l.subgraph(), l.index(), l.operator(), l.output(), reason);
  }

  // ---- text

  /** Returns a table: the model's edges, one line per layer, and the sums. */
  @Override
  public String toString() {
    StringBuilder out = new StringBuilder();
    if (!graph.description().isEmpty()) {
      out.append(graph.description()).append('\n');
    }
    inputs().forEach(t -> out.append("input   ").append(t).append('\n'));
    outputs().forEach(t -> out.append("output  ").append(t).append('\n'));
    signatures.forEach(t -> out.append("signature  ").append(t).append('\n'));
    if (!metadata.isEmpty()) {
      out.append("metadata  ").append(String.join(", ", metadata)).append('\n');
    }
    TextTable table = new TextTable();
    table.row("#", "operator", "v", "output", "shape", "parameters", "constants B", "MACs");
    for (Layer l : layers) {
      table.row(
          graph.subgraphs().size() > 1 ? l.subgraph() + ":" + l.index() : l.index(),
          l.operator(),
          l.version(),
          shorten(l.output()),
          l.outputs().isEmpty() ? "" : l.outputs().get(0),
          number(l.parameters()),
          number(l.constantBytes()),
          l.macs().isPresent() ? number(l.macs().getAsLong()) : "?");
    }
    table.row(
        "",
        layers.size() + " operators",
        "",
        "",
        "",
        number(parameters()),
        number(constantBytes()),
        macs().isPresent() ? number(macs().getAsLong()) : "?");
    out.append(table);
    if (peakActivationBytes > 0) {
      out.append("peak activations about ").append(number(peakActivationBytes)).append(" B\n");
    }
    List<Layer> floats = floatOperators();
    if (!floats.isEmpty()) {
      out.append("left float in a quantized model: ");
      out.append(
          String.join(", ", floats.stream().map(l -> l.operator() + " " + l.output()).toList()));
      out.append('\n');
    }
    return out.toString();
  }

  static String number(long n) {
    return String.format(Locale.ROOT, "%,d", n);
  }

  private static String shorten(String name) {
    return name.length() <= 40 ? name : "..." + name.substring(name.length() - 37);
  }

  static String text(Value v) {
    return v.name() + ": " + type(v);
  }

  static String type(Value v) {
    return v.type() + v.shape().toString();
  }

  private static String text(Signature s) {
    List<String> in = new ArrayList<>();
    s.inputs().forEach((name, v) -> in.add(name + ": " + type(v)));
    List<String> out = new ArrayList<>();
    s.outputs().forEach((name, v) -> out.add(name + ": " + type(v)));
    return s.key() + "(" + String.join(", ", in) + ") -> (" + String.join(", ", out) + ")";
  }

  // ---- one layer

  private Layer layer(int subgraph, int index, Op op, Set<Object> counted) {
    long parameters = 0;
    long bytes = 0;
    List<String> inputs = new ArrayList<>();
    for (Value v : op.inputs()) {
      inputs.add(v == null ? "-" : type(v));
      Weights data = v == null ? null : v.data().orElse(null);
      if (v != null && data != null && counted.add(data)) {
        bytes += data.byteSize();
        parameters += isParameter(v) ? v.shape().standInElementCount() : 0;
      }
    }
    long outputBytes = 0;
    for (Value v : op.outputs()) {
      outputBytes += v.type().isFixedSize() ? size(v) : 0;
    }
    return new Layer(
        subgraph,
        index,
        op.name(),
        versions.of(op),
        op.outputs().isEmpty() ? "" : op.output(0).name(),
        inputs,
        op.outputs().stream().map(ModelSummary::type).toList(),
        parameters,
        bytes,
        outputBytes,
        Macs.of(op));
  }

  private static long size(Value v) {
    try {
      return v.type().byteSize(v.shape().standInElementCount());
    } catch (ArithmeticException e) {
      return 0;
    }
  }

  // Integers without a scale are axes, shapes and indices.
  private static boolean isParameter(Value v) {
    return v.type().isFloat() || v.quantization().isPresent();
  }

  private static boolean computesOnIntegers(Op op) {
    return op.outputs().stream()
        .anyMatch(
            v ->
                v.affine().isPresent()
                    && (v.type() == ElementType.INT8
                        || v.type() == ElementType.UINT8
                        || v.type() == ElementType.INT16));
  }
}
