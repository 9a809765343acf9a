package io.jetfire.importer.pytorch;

import com.fasterxml.jackson.databind.JsonNode;
import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ImportProblems;
import io.jetfire.tflite.importer.ModelFiles;
import io.jetfire.tflite.importer.ModelImporter;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import io.jetfire.tflite.quantize.IntegerOperators;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;

/**
 * Reads PyTorch programs: {@code .pt2} files that {@code torch.export.save} wrote, in the layouts
 * of PyTorch 2.8 and newer, and of earlier ones.
 *
 * <pre>{@code
 * Graph graph = new PytorchImporter().read(Path.of("detector.pt2"), ImportOptions.defaults());
 * }</pre>
 *
 * <p>Operators may be those that torch.export gives directly, or those after {@code
 * run_decompositions()}. Nothing in the file is executed: tensors are raw bytes, and pickles of the
 * older layout are read by a reader that knows tensors only.
 *
 * <p>Numbers are computed in the types that TFLite's kernels have: float16, bfloat16 and float64
 * become float32 (at inputs and outputs too), uint16 becomes int32. An open first dimension of an
 * input is the batch and takes {@link ImportOptions#batch()}; other open dimensions stay open
 * unless {@link ImportOptions#dimension} binds their symbol, such as {@code s77}, or their place,
 * such as {@code tokens.1}.
 *
 * <p>Immutable and thread-safe.
 */
public final class PytorchImporter implements ModelImporter {

  /** Creates the importer as the service loader does. */
  public PytorchImporter() {}

  @Override
  public String id() {
    return "pytorch";
  }

  @Override
  public boolean accepts(Path file, byte[] header) {
    boolean zip = header.length > 30 && header[0] == 'P' && header[1] == 'K' && header[2] == 3;
    if (!zip) {
      return false;
    }
    Path name = file.getFileName();
    if (name != null && name.toString().toLowerCase(Locale.ROOT).endsWith(".pt2")) {
      return true;
    }
    int length = Math.min((header[26] & 0xff) | (header[27] & 0xff) << 8, header.length - 30);
    String first = new String(header, 30, length, StandardCharsets.US_ASCII);
    return first.contains("/data/weights/")
        || first.endsWith("archive_format")
        || first.contains("serialized_exported_program.json");
  }

  @Override
  public Graph read(Path file, ImportOptions options) {
    ByteBuffer bytes = ModelFiles.read(file, "use a larger heap, or export parts of it");
    return read(bytes, String.valueOf(file.getFileName()), options);
  }

  Graph read(ByteBuffer bytes, String name, ImportOptions options) {
    Archive archive = Archive.read(bytes);
    JsonNode module = archive.program().path("graph_module");
    JsonNode program = module.path("graph");
    if (!program.path("nodes").isArray() || !module.path("signature").isObject()) {
      throw Zip.broken("its program has no graph");
    }
    int version = archive.program().path("schema_version").path("major").asInt(-1);
    if (version > 8 || version < 1) {
      throw new UnsupportedModelException(
          "The program is written in version "
              + version
              + " of PyTorch's schema, and versions up to 8 are known; save it with PyTorch 2.4 to"
              + " 2.13");
    }
    ImportProblems problems = new ImportProblems(name);
    Scope.Shared shared = new Scope.Shared(problems, Lowerings.all(), options.customOperators());
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    try {
      new Reading(archive, module, main, options, shared).run(graph);
    } catch (Refusal e) {
      problems.add("program", name, "no inputs", String.valueOf(e.getMessage()), e.suggestion());
    }
    problems.raise();
    main.removeDead();
    graph.verify();
    options.optimize(graph);
    if (options.isOptimized()) {
      IntegerOperators.create(shared.scales).run(graph);
    }
    return options.finish(graph);
  }

  /** One program while it is read. */
  private static final class Reading {
    private final Archive archive;
    private final JsonNode module;
    private final JsonNode program;
    private final JsonNode signature;
    private final Subgraph main;
    private final ImportOptions options;
    private final ImportProblems problems;
    private final Build b;
    private final Scope scope;
    private final Symbols symbols;
    private final Map<String, Value> constants = new LinkedHashMap<>();

    Reading(
        Archive archive,
        JsonNode module,
        Subgraph main,
        ImportOptions options,
        Scope.Shared shared) {
      this.archive = archive;
      this.module = module;
      this.main = main;
      this.options = options;
      problems = shared.problems;
      symbols = shared.symbols;
      program = module.path("graph");
      signature = module.path("signature");
      b = new Build(main);
      scope = new Scope(shared, b, program, 0);
    }

    void run(Graph graph) {
      bindSymbols();
      Map<String, Value> inputs = inputs();
      scope.run();
      Map<String, Value> outputs = outputs();
      problems.raise();
      graph.addSignature("serving_default", main, inputs, outputs);
    }

    private List<JsonNode> specs(String list, String kind) {
      List<JsonNode> found = new ArrayList<>();
      for (JsonNode spec : signature.path(list)) {
        if (spec.has(kind)) {
          found.add(spec.path(kind));
        }
      }
      return found;
    }

    private void bindSymbols() {
      options.dimensions().forEach(symbols::bind);
      for (boolean batch : new boolean[] {false, true}) {
        for (JsonNode spec : specs("input_specs", "user_input")) {
          String name = spec.path("arg").path("as_tensor").path("name").asText();
          JsonNode sizes = program.path("tensor_values").path(name).path("sizes");
          for (int i = 0; i < sizes.size(); i++) {
            String symbol = Symbols.symbol(sizes.path(i).path("as_expr").path("expr_str").asText());
            Integer given = options.dimensions().get(name + "." + i);
            if (symbol.isEmpty()) {
              continue;
            }
            if (given != null) {
              symbols.bind(symbol, given);
            } else if (batch && i == 0 && !options.openBatch()) {
              symbols.bind(symbol, options.batch());
            }
          }
        }
      }
    }

    private Map<String, Value> inputs() {
      Map<String, Value> inputs = new LinkedHashMap<>();
      for (JsonNode spec : signature.path("input_specs")) {
        for (String kind : List.of("parameter", "buffer", "tensor_constant")) {
          if (spec.has(kind)) {
            JsonNode tensor = spec.path(kind);
            String name = tensor.path("arg").path("name").asText();
            String key = tensor.path(kind + "_name").asText();
            scope.define(name, () -> stored(key));
          }
        }
        JsonNode arg = spec.path("user_input").path("arg");
        if (arg.has("as_tensor")) {
          String name = arg.path("as_tensor").path("name").asText();
          try {
            inputs.put(name, input(name));
          } catch (Refusal e) {
            problems.add(
                "input", name, "no inputs", String.valueOf(e.getMessage()), e.suggestion());
          }
        } else if (arg.has("as_sym_int")) {
          String name = arg.path("as_sym_int").path("as_name").asText();
          Value v = main.addInput(name, ElementType.INT64, Shape.scalar());
          inputs.put(name, v);
          scope.define(name, v);
        }
      }
      problems.raise();
      return inputs;
    }

    private Value input(String name) {
      JsonNode meta = program.path("tensor_values").path(name);
      JsonNode sizes = meta.path("sizes");
      if (!sizes.isArray() || sizes.size() > 16) {
        throw new Refusal("its shape is unknown", "export the program anew");
      }
      int[] dims = new int[sizes.size()];
      long elements = 1;
      for (int i = 0; i < dims.length; i++) {
        JsonNode d = sizes.path(i);
        OptionalLong size =
            d.has("as_int")
                ? OptionalLong.of(d.path("as_int").asLong())
                : symbols.value(d.path("as_expr").path("expr_str").asText());
        if (size.isPresent() && (size.getAsLong() < 0 || size.getAsLong() > Integer.MAX_VALUE)) {
          throw new Refusal("its dimension " + i + " is " + size.getAsLong(), "use another size");
        }
        Integer byPlace = options.dimensions().get(name + "." + i);
        boolean batch = i == 0 && !options.openBatch();
        dims[i] =
            size.isPresent()
                ? (int) size.getAsLong()
                : byPlace != null ? byPlace : batch ? options.batch() : -1;
        elements *= Math.max(1, dims[i]);
        if (elements > Integer.MAX_VALUE) {
          throw new Refusal("it has more than 2^31 elements", "use smaller tensors");
        }
      }
      Value v = main.addInput(name, Types.of(meta.path("dtype").asInt()), Shape.of(dims));
      scope.define(name, v);
      return v;
    }

    /** The constant of a stored tensor; tensors with the same memory are one constant. */
    private Value stored(String key) {
      StoredTensor t = archive.state(key);
      boolean fromState = t != null;
      t = fromState ? t : archive.constant(key);
      if (t == null) {
        throw new Refusal("the archive has no tensor '" + key + "'", "save the program anew");
      }
      // Both layouts keep state and constants apart, so equal origins mean the same bytes.
      String identity = (fromState ? "state " : "constant ") + t.identity();
      Value known = constants.get(identity);
      if (known == null) {
        known = Types.constant(main, key, t);
        constants.put(identity, known);
      }
      return known;
    }

    private Map<String, Value> outputs() {
      List<JsonNode> specs = new ArrayList<>();
      signature.path("output_specs").forEach(specs::add);
      JsonNode given = program.path("outputs");
      List<String> names = outputNames(specs.size());
      Map<String, Value> outputs = new LinkedHashMap<>();
      for (int i = 0; i < specs.size(); i++) {
        JsonNode spec = specs.get(i);
        if (!spec.has("user_output")) {
          refuseState(spec);
          continue;
        }
        JsonNode arg = given.has(i) ? given.path(i) : spec.path("user_output").path("arg");
        try {
          output(arg, names.get(i), outputs);
        } catch (Scope.Missing e) {
          continue; // the refused operator behind it is reported
        } catch (Refusal e) {
          problems.add(
              "output",
              names.get(i).isEmpty() ? arg.path("as_tensor").path("name").asText() : names.get(i),
              "no inputs",
              String.valueOf(e.getMessage()),
              e.suggestion());
        }
      }
      main.outputs(List.copyOf(outputs.values()));
      return outputs;
    }

    /** State that the program changes would be lost: TFLite gives outputs only. */
    private void refuseState(JsonNode spec) {
      for (String kind : List.of("buffer_mutation", "user_input_mutation", "parameter_mutation")) {
        JsonNode m = spec.path(kind);
        String name = m.path("buffer_name").asText(m.path("user_input_name").asText());
        if (spec.has(kind) && !name.endsWith("num_batches_tracked")) {
          problems.add(
              kind,
              name,
              "no inputs",
              "it changes '" + name + "' while it runs, and TensorFlow Lite keeps no such state",
              "call model.eval() before exporting, or take and give the state as tensors");
        }
      }
    }

    private void output(JsonNode arg, String wanted, Map<String, Value> outputs) {
      Value v;
      String own = "";
      if (arg.has("as_tensor")) {
        own = arg.path("as_tensor").path("name").asText();
        v = scope.value(own);
      } else if (arg.has("as_sym_int") && arg.path("as_sym_int").has("as_name")) {
        own = arg.path("as_sym_int").path("as_name").asText();
        v = b.cast(scope.value(own), ElementType.INT64);
      } else if (arg.has("as_none")) {
        return;
      } else {
        throw new Refusal(
            "it is a constant of Python, and TensorFlow Lite gives tensors", "give tensors only");
      }
      String name = wanted.isEmpty() ? own : wanted;
      b.prefix(name);
      if (v.isInput() || outputs.containsValue(v)) {
        v = b.copy(v);
      }
      while (outputs.containsKey(name)) {
        name = name + "_again";
      }
      outputs.put(name, v);
      if (!v.name().equals(name)) {
        String free = name;
        main.value(name).ifPresent(other -> other.name(main.uniqueName(free + "/inner")));
        v.name(name);
      }
    }

    /** The keys of a dictionary that the model returns, else empty texts. */
    private List<String> outputNames(int count) {
      List<String> names = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        names.add("");
      }
      JsonNode first = module.path("module_call_graph").path(0).path("signature");
      String text = first.path("out_spec").asText();
      if (text.isEmpty() || text.length() > 1 << 20) {
        return names;
      }
      try {
        JsonNode spec = Archive.json(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
        JsonNode root = spec.path(1);
        JsonNode keys =
            Archive.json(
                ByteBuffer.wrap(root.path("context").asText().getBytes(StandardCharsets.UTF_8)));
        JsonNode children = root.path("children_spec");
        boolean flat = root.path("type").asText().equals("builtins.dict");
        for (JsonNode child : children) {
          flat &= child.path("type").isNull() && child.path("children_spec").isEmpty();
        }
        if (flat && keys.size() == children.size() && keys.size() <= count) {
          int shift = count - keys.size(); // changed state comes before the user's outputs
          for (int i = 0; i < keys.size(); i++) {
            names.set(shift + i, keys.path(i).asText());
          }
        }
      } catch (UnsupportedModelException e) {
        return names; // the outputs keep the names of their operators
      }
      return names;
    }
  }

  @Override
  public String toString() {
    return "PytorchImporter";
  }
}
