package io.jetfire.importer.tensorflow;

import com.fasterxml.jackson.databind.JsonNode;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ImportProblems;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Lowers a Keras model, layer by layer: Sequential, Functional, and either inside the other.
 *
 * <p>Every layer that cannot be expressed is noted, and what depends on its results is passed over,
 * so that one error names all of them.
 */
final class KerasModel {
  private static final int MAX_DEPTH = 24;
  private static final int MAX_CALLS = 100_000;

  /** Rounds over the layers that still lack inputs; files list layers in the order of use. */
  private static final int MAX_ROUNDS = 64;

  final Build b;

  /** Whether the file is of Keras 2. */
  final boolean old;

  private final ImportProblems problems;
  private final ImportOptions options;
  private final Map<String, KerasLayer> layers;
  private final List<String> path = new ArrayList<>();
  private int calls;

  /** Which steps of a sequence count, as Keras passes it on beside the tensors. */
  private final Map<Value, Mask> masks = new HashMap<>();

  /**
   * A mask.
   *
   * @param steps BOOL, batch by steps; null if a layer changed it in a way that is not followed
   * @param layer the layer that made it
   */
  private record Mask(@Nullable Value steps, String layer) {}

  /** Layers that pass on the mask of their input. */
  private static final Set<String> PASSING =
      Set.of(
          "Activation",
          "ActivityRegularization",
          "AlphaDropout",
          "BatchNormalization",
          "Dense",
          "Dropout",
          "ELU",
          "GaussianDropout",
          "GaussianNoise",
          "GroupNormalization",
          "Identity",
          "LayerNormalization",
          "LeakyReLU",
          "PReLU",
          "ReLU",
          "Rescaling",
          "SpatialDropout1D",
          "TimeDistributed",
          "UnitNormalization");

  /** Layers that take masks themselves, or whose results have none. */
  private static final Set<String> ENDING =
      Set.of(
          "Bidirectional",
          "Embedding",
          "Flatten",
          "GRU",
          "GlobalAveragePooling1D",
          "GlobalAvgPool1D",
          "GlobalMaxPool1D",
          "GlobalMaxPooling1D",
          "LSTM",
          "Masking",
          "RNN",
          "SimpleRNN");

  /** Thrown where an input comes from a layer that was refused already. */
  private static final class Missing extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Missing() {
      super(null, null, false, false);
    }
  }

  KerasModel(Build b, boolean old, ImportProblems problems, ImportOptions options) {
    this.b = b;
    this.old = old;
    this.problems = problems;
    this.options = options;
    this.layers = KerasLayers.all();
  }

  /** The names of the models and the layer being lowered. */
  String path() {
    return String.join("/", path);
  }

  /** Notes the mask of a tensor. */
  void mask(Value of, Value steps) {
    masks.put(of, new Mask(steps, path()));
  }

  /** The mask of a layer's input, BOOL of batch by steps; null if there is none. */
  @Nullable Value mask(Value of) {
    Mask found = masks.get(of);
    if (found != null && found.steps == null) {
      throw refusal(found);
    }
    return found == null ? null : found.steps;
  }

  private static Refusal refusal(Mask mask) {
    return new Refusal(
        "it takes the mask that the layer '" + mask.layer + "' makes",
        "train without masking, on sequences of one length, or export the model as a SavedModel");
  }

  /** Refuses a layer that would use a mask which another layer gives. */
  void requireNoMask(List<Value> inputs) {
    for (Value v : inputs) {
      Mask found = masks.get(v);
      if (found != null) {
        throw refusal(found);
      }
    }
  }

  /** What becomes of the masks of a layer's inputs. */
  private void passMasks(String className, boolean function, List<Object> inputs, Value result) {
    List<Value> all = new ArrayList<>();
    Call.flatten(inputs, all);
    if (function || ENDING.contains(className)) {
      return;
    }
    for (Value v : all) {
      Mask mask = masks.get(v);
      if (mask != null) {
        masks.putIfAbsent(result, PASSING.contains(className) ? mask : new Mask(null, mask.layer));
      }
    }
  }

  // ---- the outermost model

  /** The results of the outermost model, by name. */
  Map<String, Value> run(JsonNode model, KerasWeights weights, Map<String, Value> inputs) {
    try {
      return outermost(model, weights, inputs);
    } catch (Missing e) {
      problems.raise();
      throw new Refusal("its output is never computed", "save the model anew");
    }
  }

  private Map<String, Value> outermost(
      JsonNode model, KerasWeights weights, Map<String, Value> inputs) {
    String className = model.path("class_name").asText("");
    JsonNode config = model.path("config");
    path.clear();
    if (className.equals("Sequential")) {
      Value x = sequentialInput(model, config, inputs);
      List<Value> out = sequential(config, weights, List.of(x), 0);
      String name = lastName(config);
      problems.raise();
      return Map.of(name, out.get(0));
    }
    if (!isFunctional(className, config)) {
      throw new Refusal(
          "the model is of the class '" + className + "', whose layers only its own code calls",
          "save it as a SavedModel (model.export), or build it as Functional or Sequential");
    }
    Map<String, List<@Nullable Value>> known = new HashMap<>();
    for (JsonNode ref : references(config.path("input_layers"))) {
      String name = ref.path(0).asText("");
      Value v = input(name, layer(config, name), inputs);
      known.put(key(ref), List.of(v));
    }
    List<JsonNode> refs = references(config.path("output_layers"));
    List<@Nullable Value> out = functional(config, weights, known, refs, 0);
    problems.raise();
    Map<String, Value> results = new LinkedHashMap<>();
    for (int i = 0; i < refs.size(); i++) {
      String name = refs.get(i).path(0).asText("");
      String unique = name;
      for (int n = 1; results.containsKey(unique); n++) {
        unique = name + "_" + n;
      }
      Value v = out.get(i);
      if (v == null) {
        throw new Refusal("its output '" + name + "' is never computed", "save the model anew");
      }
      results.put(unique, v);
    }
    return results;
  }

  private static boolean isFunctional(String className, JsonNode config) {
    return (className.equals("Functional") || className.equals("Model"))
        || (config.path("input_layers").isContainerNode() && config.path("layers").isArray());
  }

  private static JsonNode layer(JsonNode config, String name) {
    for (JsonNode layer : config.path("layers")) {
      if (name(layer).equals(name)) {
        return layer;
      }
    }
    throw new Refusal("the model has no layer '" + name + "'", "save the model anew");
  }

  private static String name(JsonNode layer) {
    String own = layer.path("name").asText("");
    return own.isEmpty() ? layer.path("config").path("name").asText("") : own;
  }

  private static String lastName(JsonNode config) {
    JsonNode all = layersOf(config);
    String name = all.isEmpty() ? "" : name(all.get(all.size() - 1));
    return name.isEmpty() ? "output" : name;
  }

  private static JsonNode layersOf(JsonNode config) {
    return config.isArray() ? config : config.path("layers");
  }

  private Value sequentialInput(JsonNode model, JsonNode config, Map<String, Value> inputs) {
    JsonNode first = layersOf(config).path(0);
    JsonNode shape = first.path("config").path("batch_shape");
    String name = first.path("class_name").asText("").equals("InputLayer") ? name(first) : "";
    if (!shape.isArray()) {
      shape = first.path("config").path("batch_input_shape");
    }
    // A nested model may come first, with its own input.
    for (int depth = 0; !shape.isArray() && depth < MAX_DEPTH; depth++) {
      JsonNode inner = first.path("config").path("layers").path(0);
      if (inner.isMissingNode()) {
        break;
      }
      shape = inner.path("config").path("batch_shape");
      shape = shape.isArray() ? shape : inner.path("config").path("batch_input_shape");
      first = inner;
    }
    if (!shape.isArray()) {
      shape = config.path("build_input_shape");
    }
    if (!shape.isArray()) {
      shape = model.path("build_config").path("input_shape");
    }
    if (!shape.isArray()) {
      throw new Refusal(
          "the model's input has no shape", "build the model on its input before saving it");
    }
    String inputName = name.isEmpty() ? name(layersOf(config).path(0)) + "_input" : name;
    Value v = b.subgraph().addInput(inputName, type(first.path("config")), shape(shape));
    inputs.put(inputName, v);
    return v;
  }

  private Value input(String name, JsonNode layer, Map<String, Value> inputs) {
    JsonNode config = layer.path("config");
    JsonNode shape = config.path("batch_shape");
    shape = shape.isArray() ? shape : config.path("batch_input_shape");
    if (!shape.isArray()) {
      throw new Refusal("the input '" + name + "' has no shape", "give it one and save again");
    }
    Value v = b.subgraph().addInput(name, type(config), shape(shape));
    inputs.put(name, v);
    return v;
  }

  private Shape shape(JsonNode shape) {
    int[] dims = new int[shape.size()];
    long elements = 1;
    for (int i = 0; i < dims.length; i++) {
      JsonNode d = shape.get(i);
      if (d.isNull()) {
        dims[i] = i == 0 ? options.batch() : -1;
      } else if (d.canConvertToInt() && d.intValue() >= 0) {
        dims[i] = d.intValue();
      } else {
        throw new Refusal("the input shape " + Call.shortened(shape), "save the model anew");
      }
      elements *= Math.max(1, dims[i]);
      if (elements > Integer.MAX_VALUE) {
        throw new Refusal("the input has more than 2^31 elements", "use smaller tensors");
      }
    }
    return Shape.of(dims);
  }

  private static ElementType type(JsonNode config) {
    JsonNode dtype = config.path("dtype");
    String name =
        dtype.isTextual() ? dtype.textValue() : dtype.path("config").path("name").asText("");
    return switch (name) {
      case "int32" -> ElementType.INT32;
      case "int64" -> ElementType.INT64;
      case "uint8" -> ElementType.UINT8;
      case "int8" -> ElementType.INT8;
      case "int16" -> ElementType.INT16;
      case "bool" -> ElementType.BOOL;
      case "string" ->
          throw new Refusal("its input is of strings", "look words up outside the model");
      default -> ElementType.FLOAT32;
    };
  }

  // ---- models inside models

  /** Whether a layer is a model of its own. */
  private static boolean isModel(String className, JsonNode config) {
    return className.equals("Sequential") || isFunctional(className, config);
  }

  private List<@Nullable Value> nested(
      String className, JsonNode config, KerasWeights weights, List<Value> inputs, int depth) {
    if (depth > MAX_DEPTH) {
      throw new Refusal("models nest more than " + MAX_DEPTH + " deep", "flatten the model");
    }
    if (className.equals("Sequential")) {
      return new ArrayList<>(sequential(config, weights, inputs, depth));
    }
    List<JsonNode> refs = references(config.path("input_layers"));
    if (refs.size() != inputs.size()) {
      throw new Refusal(
          "it takes " + refs.size() + " inputs and is given " + inputs.size(),
          "save the model anew");
    }
    Map<String, List<@Nullable Value>> known = new HashMap<>();
    for (int i = 0; i < refs.size(); i++) {
      known.put(key(refs.get(i)), List.of(inputs.get(i)));
    }
    return functional(config, weights, known, references(config.path("output_layers")), depth);
  }

  private List<Value> sequential(
      JsonNode config, KerasWeights weights, List<Value> inputs, int depth) {
    JsonNode all = layersOf(config);
    Map<String, KerasWeights> byName = weights.layers(named(all));
    List<@Nullable Value> current = new ArrayList<>(inputs);
    for (JsonNode layer : all) {
      if (layer.path("class_name").asText("").equals("InputLayer")) {
        continue;
      }
      List<Object> arguments = new ArrayList<>();
      boolean missing = false;
      for (Value v : current) {
        missing |= v == null;
        if (v != null) {
          arguments.add(v);
        }
      }
      current = call(layer, byName, missing ? null : arguments, Map.of(), depth);
    }
    List<Value> out = new ArrayList<>();
    for (Value v : current) {
      if (v == null) {
        throw new Missing();
      }
      out.add(v);
    }
    return out;
  }

  /** Whether a node calls a function; layers say whether they train, functions do not. */
  private static boolean isFunction(JsonNode layer) {
    String module = layer.path("module").asText("");
    String className = layer.path("class_name").asText("");
    if (className.equals("TFOpLambda") || className.equals("SlicingOpLambda")) {
      return true;
    }
    if (!module.isEmpty()) {
      return module.startsWith("keras.") && module.contains(".ops.");
    }
    JsonNode config = layer.path("config");
    return config.isObject()
        && !config.has("trainable")
        && !className.equals("InputLayer")
        && !isModel(className, config)
        && KerasFunctions.find(className, config) != null;
  }

  private static List<KerasWeights.Named> named(JsonNode all) {
    List<KerasWeights.Named> out = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    for (JsonNode layer : all) {
      // Functions such as an addition stand among the layers, but have no weights and no number.
      if (!isFunction(layer) && seen.add(name(layer))) {
        out.add(new KerasWeights.Named(name(layer), layer.path("class_name").asText("")));
      }
    }
    return out;
  }

  private List<@Nullable Value> functional(
      JsonNode config,
      KerasWeights weights,
      Map<String, List<@Nullable Value>> known,
      List<JsonNode> outputs,
      int depth) {
    JsonNode all = config.path("layers");
    Map<String, KerasWeights> byName = weights.layers(named(all));
    record Pending(JsonNode layer, String key, JsonNode node) {}
    Map<String, Integer> highest = new HashMap<>();
    for (JsonNode layer : all) {
      noteReferences(layer.path("inbound_nodes"), highest, 0);
    }
    outputs.forEach(ref -> noteReferences(ref, highest, 0));
    List<Pending> pending = new ArrayList<>();
    for (JsonNode layer : all) {
      JsonNode nodes = layer.path("inbound_nodes");
      // A model that was built on inputs of its own counts that as its call 0, which no file lists.
      boolean built = !nodes.isEmpty() && highest.getOrDefault(name(layer), 0) == nodes.size();
      for (int i = 0; i < nodes.size(); i++) {
        String key = name(layer) + "\n" + (built ? i + 1 : i);
        if (!known.containsKey(key)) {
          pending.add(new Pending(layer, key, nodes.get(i)));
        }
      }
    }
    for (int round = 0; !pending.isEmpty(); round++) {
      List<Pending> later = new ArrayList<>();
      for (Pending p : pending) {
        Arguments a = new Arguments(known);
        boolean ready = a.read(p.node);
        if (!ready) {
          later.add(p);
          continue;
        }
        List<@Nullable Value> results =
            call(p.layer, byName, a.missing ? null : a.positional, a.named, depth);
        known.put(p.key, results);
      }
      if (later.size() == pending.size() || round > MAX_ROUNDS) {
        String which = name(later.get(0).layer);
        throw new Refusal(
            "the layer '" + which + "' takes what no layer gives, or layers wait for each other",
            "save the model anew");
      }
      pending = later;
    }
    List<@Nullable Value> out = new ArrayList<>();
    for (JsonNode ref : outputs) {
      List<@Nullable Value> results = known.get(key(ref));
      int index = ref.path(2).asInt(0);
      if (results == null || (index >= results.size() && !results.contains(null))) {
        throw new Refusal(
            "its output " + Call.shortened(ref) + " is never computed", "save the model anew");
      }
      out.add(index < results.size() ? results.get(index) : null);
    }
    return out;
  }

  /** {@code [layer, node, tensor]}, one or a list or a dictionary of them. */
  private static List<JsonNode> references(JsonNode node) {
    List<JsonNode> out = new ArrayList<>();
    if (node.isArray() && node.path(0).isTextual()) {
      out.add(node);
    } else {
      for (JsonNode ref : node) {
        if (ref.isArray() && ref.path(0).isTextual()) {
          out.add(ref);
        }
      }
    }
    if (out.isEmpty()) {
      throw new Refusal(
          "the model's inputs and outputs are not listed: " + Call.shortened(node),
          "save the model anew");
    }
    return out;
  }

  /** Notes the highest number of a call that each layer is referred to with. */
  private static void noteReferences(JsonNode node, Map<String, Integer> highest, int depth) {
    JsonNode history = node.path("keras_history");
    JsonNode ref = history.isArray() ? history : node;
    if (ref.isArray() && ref.path(0).isTextual() && ref.path(1).isInt() && ref.path(2).isInt()) {
      highest.merge(ref.path(0).textValue(), ref.path(1).intValue(), Math::max);
    }
    if (depth < MAX_DEPTH) {
      for (JsonNode part : node) {
        noteReferences(part, highest, depth + 1);
      }
    }
  }

  private static String key(JsonNode ref) {
    return ref.path(0).asText("") + "\n" + ref.path(1).asInt(0);
  }

  /** The arguments of one call, in the notation of Keras 2 or 3. */
  private static final class Arguments {
    final Map<String, List<@Nullable Value>> known;
    List<Object> positional = new ArrayList<>();
    final Map<String, Object> named = new LinkedHashMap<>();
    boolean missing;
    private boolean ready = true;

    Arguments(Map<String, List<@Nullable Value>> known) {
      this.known = known;
    }

    /** False if an input is not computed yet. */
    boolean read(JsonNode node) {
      if (node.isObject()) {
        node.path("args").forEach(a -> positional.add(argument(a, 0)));
        node.path("kwargs")
            .properties()
            .forEach(e -> named.put(e.getKey(), argument(e.getValue(), 0)));
        return ready;
      }
      List<Object> values = new ArrayList<>();
      for (JsonNode ref : references2(node)) {
        values.add(tensor(ref.path(0).asText(""), ref.path(1).asInt(0), ref.path(2).asInt(0)));
        ref.path(3).properties().forEach(e -> named.put(e.getKey(), old(e.getValue(), 0)));
      }
      positional.add(values.size() == 1 ? values.get(0) : values);
      return ready;
    }

    private static List<JsonNode> references2(JsonNode node) {
      List<JsonNode> out = new ArrayList<>();
      if (node.path(0).isTextual()) {
        out.add(node);
      } else {
        node.forEach(out::add);
      }
      return out;
    }

    private Object argument(JsonNode a, int depth) {
      if (depth > MAX_DEPTH) {
        throw new Refusal("arguments nest more than " + MAX_DEPTH + " deep", "flatten them");
      }
      if (a.path("class_name").asText("").equals("__keras_tensor__")) {
        JsonNode h = a.path("config").path("keras_history");
        return tensor(h.path(0).asText(""), h.path(1).asInt(0), h.path(2).asInt(0));
      }
      if (a.isArray()) {
        List<Object> out = new ArrayList<>();
        a.forEach(e -> out.add(argument(e, depth + 1)));
        return out;
      }
      return a;
    }

    /** A named argument of Keras 2, where {@code ["layer", 0, 0]} is a tensor. */
    private Object old(JsonNode a, int depth) {
      boolean reference =
          a.isArray()
              && a.size() >= 3
              && a.path(0).isTextual()
              && a.path(1).isInt()
              && a.path(2).isInt();
      if (reference) {
        return tensor(a.path(0).textValue(), a.path(1).intValue(), a.path(2).intValue());
      }
      if (a.isArray() && depth < MAX_DEPTH) {
        List<Object> out = new ArrayList<>();
        a.forEach(e -> out.add(old(e, depth + 1)));
        return out;
      }
      return a;
    }

    private Object tensor(String layer, int node, int index) {
      List<@Nullable Value> results = known.get(layer + "\n" + node);
      if (results == null) {
        ready = false;
        return List.of();
      }
      Value v = index >= 0 && index < results.size() ? results.get(index) : null;
      if (v == null) {
        missing = true;
        return List.of();
      }
      return v;
    }
  }

  // ---- layers

  /** Lowers a call and notes what stands in its way; results that are missing are null. */
  private List<@Nullable Value> call(
      JsonNode layer,
      Map<String, KerasWeights> byName,
      @Nullable List<Object> arguments,
      Map<String, Object> named,
      int depth) {
    String className = layer.path("class_name").asText("");
    String name = name(layer);
    path.add(name);
    try {
      if (++calls > MAX_CALLS) {
        throw new Refusal("the model has more than " + MAX_CALLS + " calls", "use fewer layers");
      }
      b.prefix(path());
      KerasWeights weights = byName.get(name);
      List<Value> out =
          lower(
              layer,
              weights == null ? KerasWeights.Flat.of(null) : weights,
              arguments,
              named,
              depth);
      return new ArrayList<>(out);
    } catch (Missing e) {
      return missing();
    } catch (Refusal e) {
      report(className, arguments, String.valueOf(e.getMessage()), e.suggestion());
      return missing();
    } catch (io.jetfire.UnsupportedModelException e) {
      report(className, arguments, String.valueOf(e.getMessage()), "");
      return missing();
    } catch (IllegalArgumentException
        | IllegalStateException
        | IndexOutOfBoundsException
        | ArithmeticException
        | ClassCastException
        | NegativeArraySizeException e) {
      report(
          className,
          arguments,
          "its weights and configuration do not fit its input (" + e.getMessage() + ")",
          "save the model anew");
      return missing();
    } finally {
      path.remove(path.size() - 1);
    }
  }

  private static List<@Nullable Value> missing() {
    List<@Nullable Value> out = new ArrayList<>();
    out.add(null);
    return out;
  }

  /** Lowers a layer; without arguments only what can be said of its class is said. */
  List<Value> lower(
      JsonNode layer,
      KerasWeights weights,
      @Nullable List<Object> arguments,
      Map<String, Object> named,
      int depth) {
    if (depth > MAX_DEPTH) {
      throw new Refusal("layers nest more than " + MAX_DEPTH + " deep", "flatten the model");
    }
    String className = layer.path("class_name").asText("");
    JsonNode config = layer.path("config");
    if (isModel(className, config)) {
      List<Value> inputs = new ArrayList<>();
      if (arguments == null) {
        throw new Missing();
      }
      Call.flatten(arguments, inputs);
      List<Value> out = new ArrayList<>();
      for (Value v : nested(className, config, weights, inputs, depth + 1)) {
        if (v == null) {
          throw new Missing();
        }
        out.add(v);
      }
      return out;
    }
    String module = layer.path("module").asText("");
    boolean own = module.isEmpty() || module.startsWith("keras");
    KerasLayer lowering =
        isFunction(layer)
            ? KerasFunctions.find(className, config)
            : own ? layers.get(className) : null;
    if (lowering == null) {
      throw new Refusal(
          own
              ? "no TensorFlow Lite operator or composition is known for it"
              : "it is a layer of the module '" + module + "', whose code is not in the file",
          "replace it by layers of Keras, or export the model as a SavedModel (model.export)");
    }
    if (arguments == null) {
      throw new Missing();
    }
    List<Value> out =
        lowering.lower(new Call(this, className, config, weights, arguments, named, depth + 1));
    if (!out.isEmpty()) {
      passMasks(className, isFunction(layer), arguments, out.get(0));
    }
    return out;
  }

  private void report(
      String className, @Nullable List<Object> arguments, String reason, String suggestion) {
    List<Value> values = new ArrayList<>();
    if (arguments != null) {
      Call.flatten(arguments, values);
    }
    List<String> shapes = new ArrayList<>();
    for (Value v : values) {
      shapes.add(v.type().name().toLowerCase(Locale.ROOT) + v.shape());
    }
    String on =
        arguments == null
            ? "inputs that are not known"
            : shapes.isEmpty() ? "no inputs" : String.join(", ", shapes);
    problems.add(className, path(), on, reason, suggestion);
  }
}
