package io.jetfire.importer.onnx;

import io.jetfire.Tensor;
import io.jetfire.importer.onnx.OnnxModel.Dim;
import io.jetfire.importer.onnx.OnnxModel.ValueInfo;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ImportProblems;
import io.jetfire.tflite.importer.ImportVerification;
import io.jetfire.tflite.importer.ModelFiles;
import io.jetfire.tflite.importer.ModelImporter;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import io.jetfire.tflite.quantize.IntegerOperators;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * Reads ONNX models: operator sets 7 and newer, with functions, external data and every storage of
 * tensors.
 *
 * <pre>{@code
 * Graph graph = OnnxImporter.create().dimension("sequence", 128).read(file, ImportOptions.defaults());
 * }</pre>
 *
 * <p>Numbers are computed in the types that TFLite's kernels have: float16, bfloat16 and float64
 * become float32 (at inputs and outputs too), uint16 becomes int32, uint32 and uint64 become int64.
 * An open first dimension of an input is the batch and takes {@link ImportOptions#batch()}; other
 * open dimensions stay open unless {@link #dimension} binds their name.
 *
 * <p>Immutable and thread-safe.
 */
public final class OnnxImporter implements ModelImporter {
  private final Map<String, Integer> dimensions;
  private final Map<String, Tensor> constants;
  private final boolean openBatch;

  /** Creates the importer as the service loader does; the same as {@link #create()}. */
  public OnnxImporter() {
    this(Map.of(), Map.of(), false);
  }

  private OnnxImporter(
      Map<String, Integer> dimensions, Map<String, Tensor> constants, boolean openBatch) {
    this.dimensions = Map.copyOf(dimensions);
    this.constants = Map.copyOf(constants);
    this.openBatch = openBatch;
  }

  /**
   * Returns the importer without bindings.
   *
   * @return the importer
   */
  public static OnnxImporter create() {
    return new OnnxImporter();
  }

  /**
   * Returns this importer with a size for an open dimension.
   *
   * @param name the dimension's name in the model, such as {@code sequence_length}
   * @param size at least 0
   * @return the importer
   */
  public OnnxImporter dimension(String name, int size) {
    if (size < 0) {
      throw new io.jetfire.ConfigurationException(
          "The dimension '" + name + "' must be at least 0, but is " + size);
    }
    Map<String, Integer> more = new HashMap<>(dimensions);
    more.put(name, size);
    return new OnnxImporter(more, constants, openBatch);
  }

  /**
   * Returns this importer with a constant in the place of an input, such as the shape of a reshape.
   *
   * @param input the input's name in the model
   * @param value its contents
   * @return the importer
   */
  public OnnxImporter constant(String input, Tensor value) {
    Map<String, Tensor> more = new HashMap<>(constants);
    more.put(input, value);
    return new OnnxImporter(dimensions, more, openBatch);
  }

  /**
   * Returns this importer with the batch left open where the model has it open.
   *
   * @return the importer
   */
  public OnnxImporter openBatch() {
    return new OnnxImporter(dimensions, constants, true);
  }

  @Override
  public String id() {
    return "onnx";
  }

  @Override
  public boolean accepts(Path file, byte[] header) {
    Path name = file.getFileName();
    boolean named = name != null && name.toString().toLowerCase(Locale.ROOT).endsWith(".onnx");
    // A model starts with its IR version: field 1, a small number, and then field 2, 5, 7 or 8.
    boolean looksSo =
        header.length > 3
            && header[0] == 0x08
            && header[1] > 0
            && header[1] < 32
            && (header[2] == 0x12 || header[2] == 0x28 || header[2] == 0x3a || header[2] == 0x42);
    return named ? header.length > 0 : looksSo;
  }

  @Override
  public Graph read(Path file, ImportOptions options) {
    ByteBuffer bytes = ModelFiles.read(file, "store its weights as external data");
    Path folder = file.toAbsolutePath().getParent();
    ExternalData data = folder == null ? ExternalData.none() : ExternalData.in(folder);
    return read(bytes, data, String.valueOf(file.getFileName()), options);
  }

  Graph read(ByteBuffer bytes, ExternalData folder, String name, ImportOptions options) {
    OnnxModel model = OnnxModel.read(bytes);
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    ImportProblems problems = new ImportProblems(name);
    Build b = new Build(main);
    Scope.Shared shared =
        new Scope.Shared(model, folder, problems, Lowerings.all(), options.customOperators());
    try {
      Scope scope = new Scope(shared, b, null, model.opsets());
      checkOpset(model, problems);
      Map<String, Value> inputs = inputs(model, main, scope, options, problems);
      problems.raise();
      scope.run(model.graph());
      problems.raise();
      Map<String, Value> outputs = outputs(model, main, scope, b);
      problems.raise();
      graph.addSignature("serving_default", main, inputs, outputs);
    } catch (Refusal e) {
      problems.add("model", name, "no inputs", String.valueOf(e.getMessage()), e.suggestion());
      problems.raise();
    }
    main.removeDead();
    graph.verify();
    options.optimize(graph);
    if (options.isOptimized()) {
      IntegerOperators.create(shared.scales.stream().map(Scope.Scales::toArray).toList())
          .run(graph);
    }
    return options.finish(graph);
  }

  private static void checkOpset(OnnxModel model, ImportProblems problems) {
    long version = model.opsets().getOrDefault("", 0L);
    if (version < 1 && model.functions().isEmpty() && !model.graph().nodes().isEmpty()) {
      boolean standard = model.graph().nodes().stream().anyMatch(n -> n.domain().isEmpty());
      if (standard) {
        problems.add(
            "model",
            "its operator sets",
            model.opsets().toString(),
            "the model names no version of the standard operator set",
            "export it with operator set 7 or newer");
      }
    }
  }

  private Map<String, Value> inputs(
      OnnxModel model, Subgraph main, Scope scope, ImportOptions options, ImportProblems problems) {
    Map<String, Value> inputs = new LinkedHashMap<>();
    for (ValueInfo info : model.graph().inputs()) {
      if (model.graph().initializers().containsKey(info.name())) {
        continue;
      }
      try {
        if (!info.kind().equals("tensor")) {
          throw new Refusal(
              "the input is a " + info.kind() + ", and TensorFlow Lite has tensors only",
              "take and give tensors at the model's edges");
        }
        ElementType type = Types.of(info.elementType());
        Tensor constant = constants.get(info.name());
        if (constant != null) {
          ElementType given = ElementType.of(constant.type());
          Value v =
              main.addConstant(
                  info.name(), given, Shape.of(constant.shape()), Weights.of(constant.data()));
          Build b = new Build(main);
          b.prefix(info.name());
          scope.define(info.name(), b.cast(v, type));
          continue;
        }
        Shape shape = shape(info, options);
        Value v = main.addInput(info.name(), type, shape);
        scope.bind(java.util.Objects.requireNonNull(info.shape()), shape);
        inputs.put(info.name(), v);
        scope.define(info.name(), v);
      } catch (Refusal e) {
        problems.add(
            "input", info.name(), "no inputs", String.valueOf(e.getMessage()), e.suggestion());
      }
    }
    return inputs;
  }

  private Shape shape(ValueInfo info, ImportOptions options) {
    if (info.shape() == null) {
      throw new Refusal(
          "the input's rank is unknown", "give the model's inputs shapes when exporting");
    }
    int[] dims = new int[info.shape().size()];
    for (int i = 0; i < dims.length; i++) {
      Dim d = info.shape().get(i);
      Integer bound = dimensions.get(d.parameter());
      bound = bound == null ? options.dimensions().get(d.parameter()) : bound;
      Integer byPlace = options.dimensions().get(info.name() + "." + i);
      if (d.value() > Integer.MAX_VALUE) {
        throw new Refusal("dimension " + i + " is " + d.value(), "use smaller tensors");
      }
      if (d.value() >= 0) {
        dims[i] = (int) d.value();
      } else if (bound != null && !d.parameter().isEmpty()) {
        dims[i] = bound;
      } else if (byPlace != null) {
        dims[i] = byPlace;
      } else {
        dims[i] = i == 0 && !openBatch && !options.openBatch() ? options.batch() : -1;
      }
    }
    long elements = 1;
    for (int d : dims) {
      elements *= Math.max(1, d);
      if (elements > Integer.MAX_VALUE) {
        throw new Refusal("the input has more than 2^31 elements", "use smaller tensors");
      }
    }
    return Shape.of(dims);
  }

  private static Map<String, Value> outputs(OnnxModel model, Subgraph main, Scope scope, Build b) {
    Map<String, Value> outputs = new LinkedHashMap<>();
    for (ValueInfo info : model.graph().outputs()) {
      if (scope.isSequence(info.name())) {
        throw new Refusal(
            "the output '" + info.name() + "' is a sequence, and TensorFlow Lite has tensors only",
            "take and give tensors at the model's edges");
      }
      Value v;
      try {
        v = scope.tensor(info.name());
      } catch (Scope.Missing e) {
        continue; // the refused operator behind it is reported
      }
      b.prefix(info.name());
      if (v.isInput() || outputs.containsValue(v) || v.isConstant()) {
        v = v.isConstant() && !outputs.containsValue(v) && !v.isInput() ? v : b.copy(v);
      }
      outputs.put(info.name(), v);
      if (!v.name().equals(info.name())) {
        main.value(info.name())
            .ifPresent(other -> other.name(main.uniqueName(info.name() + "/inner")));
        v.name(info.name());
      }
    }
    main.outputs(java.util.List.copyOf(outputs.values()));
    return outputs;
  }

  @Override
  public List<ImportVerification.Example> examples(Path file) {
    return ExampleData.beside(file);
  }

  @Override
  public String toString() {
    return "OnnxImporter[dimensions "
        + dimensions
        + ", constants "
        + constants.keySet()
        + (openBatch ? ", open batch" : "")
        + "]";
  }

  @Override
  public boolean equals(@org.jspecify.annotations.Nullable Object other) {
    return other instanceof OnnxImporter o
        && dimensions.equals(o.dimensions)
        && constants.equals(o.constants)
        && openBatch == o.openBatch;
  }

  @Override
  public int hashCode() {
    return Objects.hash(dimensions, constants.keySet(), openBatch);
  }
}
