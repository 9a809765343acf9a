package io.jetfire.importer.pytorch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.CustomOperator;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One call of an operator while it is lowered: its arguments by name, where results go.
 *
 * <p>Arguments that have the operator's default are not in the file, so every lowering names it.
 */
final class Call {
  private static final int MAX_PLACE = 200;

  final Build b;
  private final JsonNode node;
  private final Scope scope;
  private final Map<String, JsonNode> arguments = new LinkedHashMap<>();
  private final List<String> outputs = new ArrayList<>();
  private final List<Boolean> tensorOutputs = new ArrayList<>();

  Call(JsonNode node, Scope scope, Build b) {
    this.node = node;
    this.scope = scope;
    this.b = b;
    for (JsonNode input : node.path("inputs")) {
      String name = input.path("name").asText();
      arguments.put(name.isEmpty() ? "#" + arguments.size() : name, input.path("arg"));
    }
    for (JsonNode output : node.path("outputs")) {
      collect(output);
    }
  }

  private void collect(JsonNode output) {
    output
        .properties()
        .forEach(
            e -> {
              JsonNode v = e.getValue();
              switch (e.getKey()) {
                case "as_tensor" -> add(v.path("name").asText(), true);
                case "as_tensors" -> v.forEach(t -> add(t.path("name").asText(), true));
                case "as_sym_int", "as_sym_float", "as_sym_bool" ->
                    add(v.path("as_name").asText(), false);
                default -> {}
              }
            });
  }

  private void add(String name, boolean tensor) {
    outputs.add(name);
    tensorOutputs.add(tensor);
  }

  Scope scope() {
    return scope;
  }

  // ---- what it is called

  String target() {
    String text = node.path("target").asText();
    return text.startsWith("torch.ops.") ? text.substring("torch.ops.".length()) : text;
  }

  /** The operator without its namespace and overload: {@code add} of {@code aten.add.Tensor}. */
  String operator() {
    String[] parts = target().split("\\.", -1);
    return switch (parts[0]) {
      case "aten" -> parts.length > 1 ? parts[1] : target();
      case "_operator", "math", "builtins" -> parts[0] + "." + parts[parts.length - 1];
      default -> target().endsWith(".default") ? target().replace(".default", "") : target();
    };
  }

  /** The overload: {@code Tensor} of {@code aten.add.Tensor}. */
  String overload() {
    String target = target();
    return target.substring(target.lastIndexOf('.') + 1);
  }

  String label() {
    return outputs.isEmpty() ? operator() : outputs.get(0);
  }

  List<String> outputs() {
    return outputs;
  }

  /** Where the call stands: its name, the module, the line of the model's own source. */
  String place() {
    JsonNode metadata = node.path("metadata");
    StringBuilder text = new StringBuilder(label());
    String modules = metadata.path("nn_module_stack").asText();
    String module = modules.substring(modules.lastIndexOf(';') + 1);
    String[] parts = module.split(",", -1);
    String line = line(metadata.path("stack_trace").asText());
    List<String> more = new ArrayList<>();
    if (parts.length == 3 && !parts[1].isEmpty()) {
      more.add("module " + parts[1]);
    }
    if (!line.isEmpty()) {
      more.add(line);
    }
    if (!more.isEmpty()) {
      text.append(" (").append(String.join(", ", more)).append(')');
    }
    return text.length() > MAX_PLACE ? text.substring(0, MAX_PLACE) : text.toString();
  }

  /** The innermost line of a stack trace that is not PyTorch's own. */
  private static String line(String trace) {
    String found = "";
    for (String line : trace.split("\n", -1)) {
      String text = line.trim();
      if (text.startsWith("File \"") && !text.contains("/torch/")) {
        found = text.substring("File ".length());
      }
    }
    return found;
  }

  // ---- arguments

  /** Whether an argument is there and not None. */
  boolean has(String name) {
    JsonNode arg = arguments.get(name);
    return arg != null && arg.isObject() && !arg.has("as_none");
  }

  private JsonNode arg(String name) {
    return arguments.getOrDefault(name, MissingNode.getInstance());
  }

  private static Refusal missing(String name) {
    return new Refusal("its argument '" + name + "' is missing", "export the program anew");
  }

  /** The name of the first tensor that it takes; null if it takes none. */
  @Nullable String firstTensor() {
    for (JsonNode arg : arguments.values()) {
      if (arg.path("as_tensor").path("name").isTextual()) {
        return arg.path("as_tensor").path("name").asText();
      }
    }
    return null;
  }

  List<String> tensorNames() {
    List<String> names = new ArrayList<>();
    for (JsonNode arg : arguments.values()) {
      if (arg.has("as_tensor")) {
        names.add(arg.path("as_tensor").path("name").asText());
      }
      arg.path("as_tensors").forEach(t -> names.add(t.path("name").asText()));
    }
    return names;
  }

  /** A tensor that must be there; numbers become scalars of the type that PyTorch gives them. */
  Value tensor(String name) {
    if (!has(name)) {
      throw missing(name);
    }
    JsonNode arg = arg(name);
    JsonNode tensor = arg.has("as_tensor") ? arg.path("as_tensor") : arg.path("as_optional_tensor");
    if (tensor.has("as_tensor")) {
      tensor = tensor.path("as_tensor");
    }
    if (tensor.path("name").isTextual()) {
      return scope.value(tensor.path("name").asText());
    }
    return number(name);
  }

  /** The tensor that it works on. */
  Value self() {
    return tensor(has("self") ? "self" : has("input") ? "input" : "x");
  }

  @Nullable Value optional(String name) {
    return has(name) ? tensor(name) : null;
  }

  /** The tensors of a list; null for None. */
  List<@Nullable Value> optionals(String name) {
    JsonNode arg = arg(name);
    List<@Nullable Value> all = new ArrayList<>();
    arg.path("as_tensors").forEach(t -> all.add(scope.value(t.path("name").asText())));
    arg.path("as_optional_tensors")
        .forEach(
            t ->
                all.add(
                    t.path("as_tensor").path("name").isTextual()
                        ? scope.value(t.path("as_tensor").path("name").asText())
                        : null));
    return all;
  }

  List<Value> tensors(String name) {
    List<Value> all = new ArrayList<>();
    for (Value v : optionals(name)) {
      if (v == null) {
        throw missing(name);
      }
      all.add(v);
    }
    return all;
  }

  /** Whether an argument is a number and not a tensor. */
  boolean isNumber(String name) {
    return has(name) && !arg(name).has("as_tensor");
  }

  /** Whether an argument is a floating-point number. */
  boolean isReal(String name) {
    return arg(name).has("as_float") || arg(name).has("as_sym_float");
  }

  /** A number as a scalar: FLOAT32, INT64 or BOOL. */
  private Value number(String name) {
    return number(name, arg(name));
  }

  private Value number(String name, JsonNode arg) {
    if (arg.has("as_float")) {
      return b.scalar(real(arg.path("as_float")));
    }
    if (arg.has("as_int")) {
      return integer(arg.path("as_int").asLong());
    }
    if (arg.has("as_bool")) {
      return b.scalar(ElementType.BOOL, arg.path("as_bool").asBoolean() ? 1 : 0);
    }
    for (String kind : List.of("as_sym_int", "as_sym_float", "as_sym_bool")) {
      if (arg.has(kind)) {
        JsonNode symbol = arg.path(kind);
        return symbol.has("as_name")
            ? scope.value(symbol.path("as_name").asText())
            : number(name, symbol);
      }
    }
    throw new Refusal("its argument '" + name + "' is no number", "export the program anew");
  }

  private Value integer(long v) {
    return b.subgraph()
        .addConstant(
            "number",
            ElementType.INT64,
            Shape.scalar(),
            io.jetfire.tflite.graph.Weights.of(new long[] {v}));
  }

  /** A tensor or number in a type. */
  Value operand(String name, ElementType type) {
    if (isNumber(name) && !arg(name).has("as_optional_tensor")) {
      JsonNode arg = arg(name);
      if (arg.has("as_float") || arg.has("as_int") || arg.has("as_bool")) {
        return b.scalar(type, real(name, 0));
      }
    }
    return Functions.cast(b, tensor(name), type);
  }

  boolean flag(String name, boolean otherwise) {
    return has(name) ? arg(name).path("as_bool").asBoolean(otherwise) : otherwise;
  }

  String text(String name, String otherwise) {
    return has(name) ? arg(name).path("as_string").asText(otherwise) : otherwise;
  }

  int integer(String name, int otherwise) {
    return has(name) ? knownInt(name, arg(name)) : otherwise;
  }

  private int knownInt(String name, JsonNode arg) {
    if (arg.isIntegralNumber()) {
      return clamp(arg.asLong());
    }
    if (arg.has("as_int")) {
      return clamp(arg.path("as_int").asLong());
    }
    if (arg.has("as_bool")) {
      return arg.path("as_bool").asBoolean() ? 1 : 0;
    }
    if (arg.has("as_float")) {
      return clamp((long) real(arg.path("as_float")));
    }
    Value v = number(name, arg.has("as_name") ? wrapped(arg) : arg);
    return b.known(v)
        .filter(k -> k.length == 1)
        .map(k -> k[0])
        .orElseThrow(
            () ->
                new Refusal(
                    "its argument '" + name + "' is computed while the model runs",
                    "bind the open dimensions that it depends on"));
  }

  private static JsonNode wrapped(JsonNode symbol) {
    return com.fasterxml.jackson.databind.node.JsonNodeFactory.instance
        .objectNode()
        .set("as_sym_int", symbol);
  }

  private static int clamp(long v) {
    return (int) Math.max(Integer.MIN_VALUE, Math.min(Integer.MAX_VALUE, v));
  }

  double real(String name, double otherwise) {
    if (!has(name)) {
      return otherwise;
    }
    JsonNode arg = arg(name);
    if (arg.has("as_float")) {
      return real(arg.path("as_float"));
    }
    if (arg.has("as_int") || arg.has("as_bool")) {
      return arg.has("as_int")
          ? arg.path("as_int").asLong()
          : arg.path("as_bool").asBoolean() ? 1 : 0;
    }
    Value v = tensor(name);
    if (v.isConstant() && v.shape().elementCount() == 1) {
      return v.type().isFloat() ? v.floats()[0] : v.longs()[0];
    }
    throw new Refusal(
        "its argument '" + name + "' is computed while the model runs", "make it a constant");
  }

  /** Infinities and NaN are texts, since JSON has no numbers for them. */
  private static double real(JsonNode v) {
    if (!v.isTextual()) {
      return v.asDouble();
    }
    return switch (v.asText()) {
      case "Infinity", "inf" -> Double.POSITIVE_INFINITY;
      case "-Infinity", "-inf" -> Double.NEGATIVE_INFINITY;
      case "NaN", "nan" -> Double.NaN;
      default -> throw new Refusal("the number '" + v.asText() + "'", "export the program anew");
    };
  }

  private List<JsonNode> elements(String name) {
    JsonNode arg = arg(name);
    List<JsonNode> all = new ArrayList<>();
    for (String kind : List.of("as_ints", "as_sym_ints", "as_bools", "as_floats")) {
      arg.path(kind).forEach(all::add);
    }
    if (all.isEmpty() && (arg.has("as_int") || arg.has("as_sym_int"))) {
      all.add(arg);
    }
    return all;
  }

  /** Integers that must be known now. */
  int[] ints(String name, int... otherwise) {
    if (!has(name)) {
      return otherwise;
    }
    List<JsonNode> all = elements(name);
    int[] out = new int[all.size()];
    for (int i = 0; i < out.length; i++) {
      JsonNode e = all.get(i);
      out[i] = e.isBoolean() ? (e.asBoolean() ? 1 : 0) : knownInt(name, e);
    }
    return out;
  }

  /** Integers per dimension, of which one stands for all. */
  int[] repeated(String name, int dimensions, int otherwise) {
    int[] given = ints(name);
    int[] out = new int[dimensions];
    if (given.length > 1 && given.length != dimensions) {
      throw new Refusal(
          "its argument '"
              + name
              + "' has "
              + given.length
              + " numbers for "
              + dimensions
              + " dimensions",
          "export the program anew");
    }
    for (int i = 0; i < dimensions; i++) {
      out[i] = given.length == 0 ? otherwise : given[given.length == 1 ? 0 : i];
    }
    return out;
  }

  double[] reals(String name) {
    List<Double> all = new ArrayList<>();
    arg(name).path("as_floats").forEach(v -> all.add(real(v)));
    return all.stream().mapToDouble(Double::doubleValue).toArray();
  }

  boolean[] flags(String name) {
    JsonNode list = arg(name).path("as_bools");
    boolean[] out = new boolean[list.size()];
    for (int i = 0; i < out.length; i++) {
      out[i] = list.path(i).asBoolean();
    }
    return out;
  }

  /** The integers of a list if all are known now. */
  Optional<int[]> known(String name) {
    return b.known(vector(name));
  }

  /** The integers of a list as a vector of INT32. */
  Value vector(String name) {
    List<JsonNode> all = elements(name);
    int[] fixed = new int[all.size()];
    boolean open = false;
    for (int i = 0; i < fixed.length; i++) {
      JsonNode e = all.get(i);
      boolean literal = e.isIntegralNumber() || e.has("as_int");
      open |= !literal;
      fixed[i] = literal ? knownInt(name, e) : 0;
    }
    if (!open) {
      return b.ints(fixed);
    }
    List<Value> parts = new ArrayList<>();
    for (JsonNode e : all) {
      boolean literal = e.isIntegralNumber() || e.has("as_int");
      Value v =
          literal ? b.ints(knownInt(name, e)) : number(name, e.has("as_name") ? wrapped(e) : e);
      parts.add(b.reshape(b.cast(v, ElementType.INT32), 1));
    }
    return b.concat(0, parts);
  }

  /** A type given as an argument. */
  @Nullable ElementType type(String name) {
    return has(name) ? Types.of(arg(name).path("as_scalar_type").asInt()) : null;
  }

  /** A graph given as an argument. */
  JsonNode graph(String name) {
    JsonNode g = arg(name).path("as_graph").path("graph");
    if (!g.isObject()) {
      throw missing(name);
    }
    return g;
  }

  List<String> argumentNames() {
    return List.copyOf(arguments.keySet());
  }

  JsonNode argument(String name) {
    return arg(name);
  }

  /** A value of a list of arguments of an operator that takes graphs. */
  List<Value> operands(String name) {
    List<Value> all = new ArrayList<>(tensors(name));
    if (all.isEmpty()) {
      for (JsonNode e : elements(name)) {
        all.add(number(name, e.isObject() ? e : wrappedInt(e)));
      }
    }
    return all;
  }

  private static JsonNode wrappedInt(JsonNode number) {
    return com.fasterxml.jackson.databind.node.JsonNodeFactory.instance
        .objectNode()
        .set("as_int", number);
  }

  // ---- results

  /** The type of a result, as the file says. */
  ElementType outType() {
    return outType(0);
  }

  ElementType outType(int output) {
    if (output < outputs.size()) {
      JsonNode dtype = scope.meta(outputs.get(output)).path("dtype");
      if (dtype.isInt()) {
        return Types.of(dtype.asInt());
      }
    }
    return ElementType.FLOAT32;
  }

  /** The dimensions of a result, as the file says; -1 for open ones, null if it says nothing. */
  int @Nullable [] outShape(int output) {
    JsonNode sizes = scope.meta(outputs.get(output)).path("sizes");
    if (!sizes.isArray()) {
      return null;
    }
    int[] dims = new int[sizes.size()];
    for (int i = 0; i < dims.length; i++) {
      JsonNode d = sizes.path(i);
      dims[i] = d.has("as_int") ? clamp(d.path("as_int").asLong()) : -1;
    }
    return dims;
  }

  /** Whether anything reads a result. */
  boolean isUsed(int output) {
    return wants(output) && scope.isUsed(outputs.get(output));
  }

  boolean wants(int output) {
    return output < outputs.size() && !outputs.get(output).isEmpty();
  }

  void out(Value v) {
    out(0, v);
  }

  void out(int output, Value v) {
    if (!wants(output)) {
      return;
    }
    Value result = v;
    if (tensorOutputs.get(output)) {
      result = Functions.cast(b, v, outType(output));
      check(output, result.shape());
    }
    scope.define(outputs.get(output), result);
  }

  void out(List<Value> all) {
    for (int i = 0; i < all.size(); i++) {
      out(i, all.get(i));
    }
  }

  /** What was lowered must have the shape that PyTorch computed. */
  private void check(int output, Shape found) {
    int[] said = outShape(output);
    if (said == null || !found.hasRank()) {
      return;
    }
    boolean fits = said.length == found.rank();
    for (int i = 0; fits && i < said.length; i++) {
      fits = said[i] < 0 || found.dim(i) < 0 || said[i] == found.dim(i);
    }
    if (!fits) {
      throw new Refusal(
          "its result would have the shape "
              + found
              + ", and the program says "
              + java.util.Arrays.toString(said),
          "export the program anew");
    }
  }

  // ---- custom operators

  /** What a caller may call the operator: {@code mine.filter}, {@code mine::filter} and so on. */
  List<String> aliases() {
    String target = target();
    int dot = target.lastIndexOf('.');
    String name = dot > 0 ? target.substring(0, dot) : target;
    return List.of(target, name, name.replaceFirst("\\.", "::"));
  }

  /** Writes the call as a custom operator, whose outputs are as the file says. */
  void custom() {
    if (tensorOutputs.contains(false) || outputs.isEmpty()) {
      throw new Refusal(
          "it is to stay as a custom operator, and gives something else than tensors",
          "give tensors only");
    }
    String target = target();
    String name = target.endsWith(".default") ? aliases().get(1) : target;
    List<@Nullable Value> inputs = new ArrayList<>();
    Map<String, Object> attributes = new LinkedHashMap<>();
    arguments.forEach(
        (argument, value) -> {
          if (value.has("as_tensor") || value.has("as_optional_tensor")) {
            inputs.add(tensor(argument));
          } else if (value.has("as_tensors") || value.has("as_optional_tensors")) {
            inputs.addAll(optionals(argument));
          } else {
            attribute(argument, value, attributes);
          }
        });
    CustomOperator op = CustomOperator.named(name).attributes(attributes);
    for (int i = 0; i < outputs.size(); i++) {
      int[] dims = outShape(i);
      op.output(outType(i), dims == null ? Shape.unknown() : bound(dims, i));
    }
    List<Value> results = op.emit(b, inputs);
    for (int i = 0; i < results.size(); i++) {
      results.get(i).name(b.subgraph().uniqueName(outputs.get(i)));
      scope.define(outputs.get(i), results.get(i));
    }
  }

  private Shape bound(int[] dims, int output) {
    JsonNode sizes = scope.meta(outputs.get(output)).path("sizes");
    for (int i = 0; i < dims.length; i++) {
      if (dims[i] < 0) {
        dims[i] = scope.size(sizes.path(i).path("as_expr").path("expr_str").asText());
      }
    }
    return Shape.of(dims);
  }

  private void attribute(String name, JsonNode value, Map<String, Object> to) {
    for (String kind : List.of("as_int", "as_float", "as_bool", "as_string", "as_scalar_type")) {
      JsonNode v = value.path(kind);
      if (value.has(kind)) {
        to.put(
            name,
            switch (kind) {
              case "as_float" -> real(v);
              case "as_bool" -> v.asBoolean();
              case "as_string" -> v.asText();
              default -> v.asLong();
            });
        return;
      }
    }
    if (value.has("as_floats")) {
      List<Double> all = new ArrayList<>();
      value.path("as_floats").forEach(v -> all.add(real(v)));
      to.put(name, all);
    } else if (value.has("as_bools")) {
      List<Boolean> all = new ArrayList<>();
      value.path("as_bools").forEach(v -> all.add(v.asBoolean()));
      to.put(name, all);
    } else if (value.has("as_strings")) {
      List<String> all = new ArrayList<>();
      value.path("as_strings").forEach(v -> all.add(v.asText()));
      to.put(name, all);
    } else if (value.has("as_ints") || value.has("as_sym_ints")) {
      List<Integer> all = new ArrayList<>();
      for (int v : ints(name)) {
        all.add(v);
      }
      to.put(name, all);
    } else if (value.has("as_sym_int")) {
      to.put(name, knownInt(name, value));
    } else if (!value.has("as_none") && !value.has("as_device") && !value.has("as_layout")) {
      throw new Refusal(
          "it is to stay as a custom operator, and its argument '"
              + name
              + "' is no tensor, number or text",
          "give it as a tensor");
    }
  }

  /** Results that the lowering did not give are an error only if they are used. */
  void finish() {
    for (String out : outputs) {
      if (!scope.isDefined(out)) {
        scope.absent(out, "the result '" + out + "' of " + target() + " cannot be computed");
      }
    }
  }
}
