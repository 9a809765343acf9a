package io.jetfire.importer.tensorflow;

import com.fasterxml.jackson.databind.JsonNode;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Indexing;
import io.jetfire.tflite.importer.lowering.Matrices;
import io.jetfire.tflite.importer.lowering.Reductions;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Functions among the layers of a Functional model: {@code keras.ops} of Keras 3, and TensorFlow's
 * own functions, which Keras 2 wraps as {@code TFOpLambda}.
 */
final class KerasFunctions {
  private static final Map<String, KerasLayer> ALL = table();

  private KerasFunctions() {}

  /** The lowering of a function, or null if it is not known. */
  static @Nullable KerasLayer find(String className, JsonNode config) {
    if (className.equals("SlicingOpLambda")) {
      return ALL.get("getitem");
    }
    String name = className;
    if (className.equals("TFOpLambda")) {
      String function = config.path("function").asText("");
      name = function.substring(function.lastIndexOf('.') + 1);
    }
    return ALL.get(name.replace("_", "").toLowerCase(Locale.ROOT));
  }

  private static Map<String, KerasLayer> table() {
    Map<String, KerasLayer> f = new HashMap<>();
    binary(f, OpKind.ADD, "add", "addv2");
    binary(f, OpKind.SUB, "subtract", "sub");
    binary(f, OpKind.MUL, "multiply", "mul");
    binary(f, OpKind.DIV, "divide", "truedivide", "truediv", "div");
    binary(f, OpKind.MAXIMUM, "maximum");
    binary(f, OpKind.MINIMUM, "minimum");
    binary(f, OpKind.FLOOR_MOD, "mod", "floormod");
    binary(f, OpKind.SQUARED_DIFFERENCE, "squareddifference");
    f.put("power", KerasLayer.of(c -> Functions.pow(c.b, x(c), operand(c, 1, x(c), "x2", "y"))));
    f.put("pow", Required.of(f, "power"));
    unary(f, OpKind.NEG, "negative", "neg");
    unary(f, OpKind.ABS, "absolute", "abs");
    unary(f, OpKind.SQRT, "sqrt");
    unary(f, OpKind.RSQRT, "rsqrt");
    unary(f, OpKind.EXP, "exp");
    unary(f, OpKind.LOG, "log");
    unary(f, OpKind.SIN, "sin");
    unary(f, OpKind.COS, "cos");
    unary(f, OpKind.FLOOR, "floor");
    unary(f, OpKind.CEIL, "ceil");
    unary(f, OpKind.ROUND, "round");
    unary(f, OpKind.TANH, "tanh");
    f.put("square", KerasLayer.of(c -> c.b.square(x(c))));
    f.put("erf", KerasLayer.of(c -> Functions.erf(c.b, x(c))));
    f.put("identity", KerasLayer.of(KerasFunctions::x));
    f.put("stopgradient", KerasLayer.of(KerasFunctions::x));
    for (String name :
        new String[] {
          "relu",
          "relu6",
          "sigmoid",
          "elu",
          "selu",
          "softplus",
          "softsign",
          "silu",
          "swish",
          "hard_sigmoid",
          "hard_silu",
          "log_sigmoid",
          "mish",
          "glu",
          "hard_tanh",
          "squareplus"
        }) {
      f.put(
          name.replace("_", ""),
          KerasLayer.of(
              c -> Activations.apply(c.b, name, c.b.cast(x(c), ElementType.FLOAT32), false)));
    }
    f.put("gelu", KerasLayer.of(c -> Functions.gelu(c.b, x(c), flag(c, "approximate", false))));
    f.put(
        "leakyrelu",
        KerasLayer.of(
            c -> Functions.leakyRelu(c.b, x(c), number(c, 0.2, "negative_slope", "alpha"))));
    f.put("softmax", KerasLayer.of(c -> Activations.softmax(c.b, x(c), axis(c, -1))));
    f.put(
        "logsoftmax",
        KerasLayer.of(
            c -> Reductions.softmax(c.b, x(c), Build.axis(axis(c, -1), Build.rank(x(c))), true)));
    f.put("clip", KerasLayer.of(c -> clip(c, "x_min", "x_max")));
    f.put("clipbyvalue", KerasLayer.of(c -> clip(c, "clip_value_min", "clip_value_max")));
    reduction(f, OpKind.MEAN, "mean", "reducemean");
    reduction(f, OpKind.SUM, "sum", "reducesum");
    reduction(f, OpKind.REDUCE_MAX, "max", "reducemax", "amax");
    reduction(f, OpKind.REDUCE_MIN, "min", "reducemin", "amin");
    reduction(f, OpKind.REDUCE_PROD, "prod", "reduceprod");
    f.put("var", KerasLayer.of(c -> variance(c)));
    f.put("std", KerasLayer.of(c -> Functions.sqrt(c.b, variance(c))));
    f.put("reshape", KerasLayer.of(KerasFunctions::reshape));
    f.put("transpose", KerasLayer.of(KerasFunctions::transpose));
    f.put("concatenate", KerasLayer.of(KerasFunctions::concatenate));
    f.put("concat", KerasLayer.of(KerasFunctions::concatenate));
    f.put("stack", KerasLayer.of(KerasFunctions::stack));
    f.put("getitem", KerasLayer.of(KerasFunctions::item));
    f.put(
        "expanddims",
        KerasLayer.of(c -> c.b.unsqueeze(x(c), ints(c, "axis").orElse(new int[] {0}))));
    f.put("squeeze", KerasLayer.of(KerasFunctions::squeeze));
    f.put("matmul", KerasLayer.of(KerasFunctions::matMul));
    f.put(
        "einsum",
        KerasLayer.of(
            c -> {
              String equation = text(c, "subscripts", text(c, "equation", ""));
              return Matrices.einsum(c.b, equation, operands(c));
            }));
    f.put("cast", KerasLayer.of(KerasFunctions::cast));
    f.put("pad", KerasLayer.of(KerasFunctions::pad));
    f.put("flip", KerasLayer.of(c -> c.b.reverse(x(c), Build.axis(axis(c, 0), Build.rank(x(c))))));
    f.put("split", KerasFunctions::split);
    f.put("tile", KerasLayer.of(c -> c.b.tile(x(c), c.b.ints(need(c, "repeats", "multiples")))));
    f.put("swapaxes", KerasLayer.of(KerasFunctions::swapAxes));
    f.put("where", KerasLayer.of(KerasFunctions::where));
    f.put(
        "argmax",
        KerasLayer.of(
            c ->
                c.b.cast(
                    Reductions.argument(
                        c.b, x(c), OpKind.ARG_MAX, Build.axis(axis(c, -1), Build.rank(x(c)))),
                    ElementType.INT32)));
    f.put("oneslike", KerasLayer.of(c -> filled(c, 1)));
    f.put("zeroslike", KerasLayer.of(c -> filled(c, 0)));
    f.put("sign", KerasLayer.of(c -> Functions.sign(c.b, x(c))));
    f.put("logsumexp", KerasLayer.of(c -> Reductions.logSumExp(c.b, x(c), keeps(c), axes(c))));
    f.put("norm", KerasLayer.of(KerasFunctions::norm));
    f.put("normalize", KerasLayer.of(KerasFunctions::normalize));
    f.put("repeat", KerasLayer.of(KerasFunctions::repeat));
    f.put("roll", KerasLayer.of(KerasFunctions::roll));
    f.put(
        "cumsum",
        KerasLayer.of(
            c ->
                Reductions.cumulativeSum(
                    c.b, x(c), Build.axis(axis(c, 0), Build.rank(x(c))), false, false)));
    compare(f, OpKind.GREATER, "greater");
    compare(f, OpKind.GREATER_EQUAL, "greaterequal");
    compare(f, OpKind.LESS, "less");
    compare(f, OpKind.LESS_EQUAL, "lessequal");
    compare(f, OpKind.EQUAL, "equal");
    compare(f, OpKind.NOT_EQUAL, "notequal");
    return Map.copyOf(f);
  }

  /** Another name of a function. */
  private static final class Required {
    private Required() {}

    static KerasLayer of(Map<String, KerasLayer> f, String name) {
      return java.util.Objects.requireNonNull(f.get(name));
    }
  }

  private static void binary(Map<String, KerasLayer> f, OpKind kind, String... names) {
    for (String name : names) {
      f.put(name, KerasLayer.of(c -> binary(c, kind)));
    }
  }

  private static Value binary(Call c, OpKind kind) {
    Object left = c.argument(0, "x");
    Object right = c.argument(1, "y");
    if (right instanceof JsonNode n && n.isMissingNode()) {
      right = c.named.getOrDefault("x2", n);
    }
    Value like = left instanceof Value v ? v : right instanceof Value w ? w : x(c);
    Value x = value(c, left, like.type());
    Value y = value(c, right, like.type());
    if (x.type() != y.type()) {
      boolean real = x.type().isFloat() || y.type().isFloat();
      ElementType type = real ? ElementType.FLOAT32 : x.type();
      x = c.b.cast(x, type);
      y = c.b.cast(y, type);
    }
    if (kind == OpKind.DIV) {
      x = c.b.cast(x, ElementType.FLOAT32);
      y = c.b.cast(y, ElementType.FLOAT32);
    }
    return c.b.binary(kind, x, y);
  }

  private static void compare(Map<String, KerasLayer> f, OpKind kind, String name) {
    f.put(
        name,
        KerasLayer.of(
            c -> c.b.compare(kind, x(c), c.b.cast(operand(c, 1, x(c), "x2", "y"), x(c).type()))));
  }

  private static void unary(Map<String, KerasLayer> f, OpKind kind, String... names) {
    for (String name : names) {
      f.put(name, KerasLayer.of(c -> c.b.unary(kind, x(c))));
    }
  }

  private static void reduction(Map<String, KerasLayer> f, OpKind kind, String... names) {
    for (String name : names) {
      f.put(name, KerasLayer.of(c -> c.b.reduce(kind, x(c), keeps(c), axes(c))));
    }
  }

  private static boolean keeps(Call c) {
    return flag(c, "keepdims", false) || flag(c, "keep_dims", false);
  }

  private static Value filled(Call c, double value) {
    Value x = x(c);
    // Keeps the shape even where it is open.
    return c.b.add(c.b.mul(x, 0), value);
  }

  private static Value euclidean(Call c, Value x, boolean keep, int... axes) {
    return Functions.sqrt(c.b, c.b.reduce(OpKind.SUM, c.b.square(x), keep, axes));
  }

  private static Value norm(Call c) {
    JsonNode order = parameter(c, "ord");
    if (order != null && !order.isNull() && order.asText().matches("[^2]|..+")) {
      throw new Refusal("a norm of order " + order, "use the Euclidean norm");
    }
    return euclidean(c, x(c), keeps(c), axes(c));
  }

  private static Value normalize(Call c) {
    if (number(c, 2, "order") != 2) {
      throw new Refusal("a norm of order " + parameter(c, "order"), "use the Euclidean norm");
    }
    Value x = x(c);
    double epsilon = number(c, 1e-7, "epsilon");
    int along = Build.axis(axis(c, -1), Build.rank(x));
    return c.b.div(x, c.b.max(euclidean(c, x, true, along), epsilon));
  }

  private static Value repeat(Call c) {
    Value x = x(c);
    int times = need(c, "repeats")[0];
    int along = Build.axis(axis(c, 0), Build.rank(x));
    int[] d = Build.fixedFrom(x, 0);
    int[] repeats = new int[d.length + 1];
    Arrays.fill(repeats, 1);
    repeats[along + 1] = times;
    d[along] = Math.multiplyExact(d[along], times);
    return c.b.reshape(c.b.tile(c.b.unsqueeze(x, along + 1), c.b.ints(repeats)), d);
  }

  private static Value roll(Call c) {
    Value x = x(c);
    int along = Build.axis(axis(c, 0), Build.rank(x));
    int size = Build.fixedFrom(x, 0)[along];
    int by = Math.floorMod(need(c, "shift")[0], size);
    return by == 0
        ? x
        : c.b.concat(along, c.b.slice(x, along, size - by, by), c.b.slice(x, along, 0, size - by));
  }

  private static Value x(Call c) {
    return value(c, c.argument(0, "x"), ElementType.FLOAT32);
  }

  // ---- parameters, which stand in the configuration (Keras 3) or among the arguments (Keras 2)

  private static @Nullable JsonNode parameter(Call c, String... names) {
    for (String name : names) {
      Object a = c.named.get(name);
      if (a instanceof JsonNode n) {
        return n;
      }
      if (a instanceof List<?> list && list.stream().allMatch(JsonNode.class::isInstance)) {
        var array = com.fasterxml.jackson.databind.node.JsonNodeFactory.instance.arrayNode();
        list.forEach(e -> array.add((JsonNode) e));
        return array;
      }
      if (a instanceof Value) {
        throw new Refusal("its argument '" + name + "' is a tensor", "use a constant");
      }
      JsonNode n = c.config.path(name);
      if (!n.isMissingNode()) {
        return n;
      }
    }
    return null;
  }

  private static boolean flag(Call c, String name, boolean otherwise) {
    JsonNode n = parameter(c, name);
    return n == null ? otherwise : n.asBoolean(otherwise);
  }

  private static String text(Call c, String name, String otherwise) {
    JsonNode n = parameter(c, name);
    return n != null && n.isTextual() ? n.textValue() : otherwise;
  }

  private static double number(Call c, double otherwise, String... names) {
    JsonNode n = parameter(c, names);
    return n != null && n.isNumber() ? n.doubleValue() : otherwise;
  }

  private static java.util.Optional<int[]> ints(Call c, String... names) {
    JsonNode n = parameter(c, names);
    return n == null || n.isNull()
        ? java.util.Optional.empty()
        : java.util.Optional.of(Call.ints(n));
  }

  private static int[] need(Call c, String... names) {
    return ints(c, names)
        .orElseThrow(() -> new Refusal("its " + names[0] + " is missing", "save the model anew"));
  }

  private static int axis(Call c, int otherwise) {
    return (int) number(c, otherwise, "axis");
  }

  private static int[] axes(Call c) {
    int rank = Build.rank(x(c));
    return ints(c, "axis", "axes")
        .map(a -> Build.axes(a, rank))
        .orElseGet(() -> IntStream.range(0, rank).toArray());
  }

  private static Value operand(Call c, int index, Value like, String... names) {
    if (index < c.arguments.size()) {
      return value(c, c.arguments.get(index), like.type());
    }
    for (String name : names) {
      Object a = c.named.get(name);
      if (a != null) {
        return value(c, a, like.type());
      }
    }
    throw new Refusal("its argument " + names[0] + " is missing", "save the model anew");
  }

  private static List<Value> operands(Call c) {
    List<Value> out = new ArrayList<>();
    for (Object a : c.arguments) {
      if (a instanceof List<?> list) {
        list.forEach(e -> out.add(value(c, e, ElementType.FLOAT32)));
      } else {
        out.add(value(c, a, ElementType.FLOAT32));
      }
    }
    return out;
  }

  /** A tensor, number or array as a tensor. */
  private static Value value(Call c, Object a, ElementType type) {
    if (a instanceof Value v) {
      return v;
    }
    if (a instanceof List<?> list && list.size() == 1) {
      return value(c, list.get(0), type);
    }
    if (a instanceof JsonNode n) {
      if (n.isNumber()) {
        return c.b.scalar(type, n.doubleValue());
      }
      if (n.isBoolean()) {
        return c.b.scalar(ElementType.BOOL, n.booleanValue() ? 1 : 0);
      }
      JsonNode inner = n.path("config").path("value");
      if (inner.isArray() || inner.isNumber()) {
        List<Integer> shape = new ArrayList<>();
        for (JsonNode d = inner; d.isArray() && shape.size() < 8; d = d.path(0)) {
          shape.add(d.size());
        }
        int[] dims = shape.stream().mapToInt(Integer::intValue).toArray();
        float[] flat = new float[Build.count(dims)];
        int filled = flatten(inner, flat, 0, 0);
        if (filled != flat.length) {
          throw new Refusal("a constant of ragged rows", "use constants of full rows");
        }
        Value v = c.b.floats(Shape.of(dims), flat);
        String dtype = n.path("config").path("dtype").asText("float32");
        return c.b.cast(v, elementType(dtype));
      }
    }
    throw new Refusal("an argument that is neither tensor nor number", "use tensors and numbers");
  }

  private static int flatten(JsonNode n, float[] to, int at, int depth) {
    if (n.isNumber()) {
      to[at] = (float) n.doubleValue();
      return at + 1;
    }
    int next = at;
    if (depth < 8) {
      for (JsonNode e : n) {
        next = flatten(e, to, next, depth + 1);
      }
    }
    return next;
  }

  private static ElementType elementType(String name) {
    return switch (name) {
      case "float32", "float16", "float64", "bfloat16" -> ElementType.FLOAT32;
      case "int32" -> ElementType.INT32;
      case "int64" -> ElementType.INT64;
      case "uint8" -> ElementType.UINT8;
      case "int8" -> ElementType.INT8;
      case "bool" -> ElementType.BOOL;
      default -> throw new Refusal("the type " + name, "use float32 or int32");
    };
  }

  // ---- functions

  private static Value clip(Call c, String low, String high) {
    return c.b.clamp(
        x(c),
        number(c, Double.NEGATIVE_INFINITY, low, "x_min"),
        number(c, Double.POSITIVE_INFINITY, high, "x_max"));
  }

  private static Value variance(Call c) {
    Value x = x(c);
    int[] axes = axes(c);
    Value centred = c.b.sub(x, c.b.reduce(OpKind.MEAN, x, true, axes));
    return c.b.reduce(OpKind.MEAN, c.b.square(centred), keeps(c), axes);
  }

  private static Value reshape(Call c) {
    Value x = x(c);
    int[] to = need(c, "newshape", "shape");
    JsonNode n = parameter(c, "newshape", "shape");
    if (n != null && n.path(0).isNull()) {
      to[0] = x.shape().dim(0);
    }
    return KerasShapes.to(c.b, x, to);
  }

  private static Value transpose(Call c) {
    Value x = x(c);
    int rank = Build.rank(x);
    int[] perm =
        ints(c, "axes", "perm")
            .orElseGet(() -> IntStream.range(0, rank).map(i -> rank - 1 - i).toArray());
    return c.b.transpose(x, Build.axes(perm, rank));
  }

  private static Value concatenate(Call c) {
    List<Value> all = operands(c);
    return c.b.concat(Build.axis(axis(c, 0), Build.rank(all.get(0))), all);
  }

  private static Value stack(Call c) {
    List<Value> all = operands(c);
    int axis = Build.axis(axis(c, 0), Build.rank(all.get(0)) + 1);
    return c.b.concat(axis, all.stream().map(v -> c.b.unsqueeze(v, axis)).toList());
  }

  private static Value squeeze(Call c) {
    Value x = x(c);
    int[] d = x.shape().dims();
    int[] axes =
        ints(c, "axis")
            .map(a -> Build.axes(a, d.length))
            .orElseGet(() -> IntStream.range(0, d.length).filter(i -> d[i] == 1).toArray());
    return c.b.squeeze(x, axes);
  }

  private static Value matMul(Call c) {
    Value x = x(c);
    Value y = operand(c, 1, x, "x2", "b", "y");
    if (flag(c, "transpose_b", false)) {
      return c.b.emit(Op.of(OpKind.BATCH_MATMUL).set("adj_y", true).inputs(x, y));
    }
    return Matrices.product(c.b, x, y);
  }

  private static Value cast(Call c) {
    JsonNode n = parameter(c, "dtype");
    return Functions.cast(c.b, x(c), elementType(n == null ? "float32" : n.asText("float32")));
  }

  private static Value pad(Call c) {
    JsonNode n = parameter(c, "pad_width", "paddings");
    int rank = Build.rank(x(c));
    int[] p = new int[2 * rank];
    if (n == null || n.size() != rank) {
      throw new Refusal("its paddings " + n, "pad every dimension");
    }
    for (int i = 0; i < rank; i++) {
      int[] pair = Call.ints(n.path(i));
      p[2 * i] = pair[0];
      p[2 * i + 1] = pair[pair.length - 1];
    }
    String mode = text(c, "mode", "constant").toLowerCase(Locale.ROOT);
    double fill = number(c, 0, "constant_values");
    return Indexing.pad(c.b, x(c), p, mode, c.b.scalar(x(c).type(), fill));
  }

  private static List<Value> split(Call c) {
    Value x = x(c);
    int axis = Build.axis(axis(c, 0), Build.rank(x));
    int whole = Build.fixedFrom(x, axis)[axis];
    JsonNode n = parameter(c, "indices_or_sections", "num_or_size_splits");
    int[] sizes;
    if (n != null && n.isNumber()) {
      sizes = new int[Build.repetitions(n.intValue())];
      if (sizes.length == 0 || whole % sizes.length != 0) {
        throw new Refusal(whole + " elements in " + n + " parts", "split evenly");
      }
      Arrays.fill(sizes, whole / sizes.length);
    } else if (n != null && c.className.equals("Split")) {
      int[] at = Call.ints(n);
      sizes = new int[at.length + 1];
      for (int i = 0; i < sizes.length; i++) {
        sizes[i] = (i < at.length ? at[i] : whole) - (i == 0 ? 0 : at[i - 1]);
      }
    } else {
      sizes = need(c, "num_or_size_splits");
    }
    return Indexing.split(c.b, x, axis, sizes);
  }

  private static Value swapAxes(Call c) {
    int rank = Build.rank(x(c));
    int[] perm = IntStream.range(0, rank).toArray();
    int p = Build.axis(need(c, "axis1")[0], rank);
    int q = Build.axis(need(c, "axis2")[0], rank);
    perm[p] = q;
    perm[q] = p;
    return c.b.transpose(x(c), perm);
  }

  private static Value where(Call c) {
    Value condition = c.b.cast(x(c), ElementType.BOOL);
    Value like = c.tensors().get(c.tensors().size() - 1);
    ElementType type = like.type() == ElementType.BOOL ? ElementType.FLOAT32 : like.type();
    Value typed = c.b.scalar(type, 0);
    return c.b.select(condition, operand(c, 1, typed, "x1", "x"), operand(c, 2, typed, "x2", "y"));
  }

  /** Python's indexing by numbers, slices, ellipsis and None. */
  private static Value item(Call c) {
    Value x = x(c);
    int rank = Build.rank(x);
    List<JsonNode> keys = new ArrayList<>();
    Object key = c.argument(1, c.named.containsKey("slice_spec") ? "slice_spec" : "key");
    if (key instanceof List<?> list) {
      for (Object k : list) {
        if (!(k instanceof JsonNode n)) {
          throw new Refusal("indexing by tensors", "use take");
        }
        keys.add(n);
      }
    } else if (key instanceof JsonNode n) {
      keys.add(n);
    } else {
      throw new Refusal("indexing by a tensor", "use take");
    }
    int consuming = (int) keys.stream().filter(k -> !k.isNull() && !isEllipsis(k)).count();
    List<Integer> axes = new ArrayList<>();
    List<int[]> parts = new ArrayList<>();
    List<Integer> dropped = new ArrayList<>();
    List<Integer> added = new ArrayList<>();
    int axis = 0;
    int out = 0;
    for (JsonNode k : keys) {
      if (k.isNull()) {
        added.add(out++);
      } else if (isEllipsis(k)) {
        int skip = rank - consuming;
        axis += skip;
        out += skip;
      } else if (k.isNumber()) {
        int at = k.intValue();
        axes.add(axis);
        parts.add(new int[] {at, at == -1 ? Integer.MAX_VALUE : at + 1, 1});
        dropped.add(axis++);
      } else {
        JsonNode s = k.has("config") ? k.path("config") : k;
        int step = s.path("step").isNumber() ? s.path("step").intValue() : 1;
        JsonNode start = s.path("start");
        JsonNode stop = s.path("stop");
        axes.add(axis++);
        parts.add(
            new int[] {
              start.isNumber() ? start.intValue() : step > 0 ? 0 : Integer.MAX_VALUE,
              stop.isNumber() ? stop.intValue() : step > 0 ? Integer.MAX_VALUE : Integer.MIN_VALUE,
              step
            });
        out++;
      }
    }
    Value y =
        axes.isEmpty()
            ? x
            : Indexing.slice(
                c.b,
                x,
                parts.stream().mapToInt(p -> p[0]).toArray(),
                parts.stream().mapToInt(p -> p[1]).toArray(),
                axes.stream().mapToInt(Integer::intValue).toArray(),
                parts.stream().mapToInt(p -> p[2]).toArray());
    if (!dropped.isEmpty()) {
      y = c.b.squeeze(y, dropped.stream().mapToInt(Integer::intValue).toArray());
    }
    return added.isEmpty()
        ? y
        : c.b.unsqueeze(y, added.stream().mapToInt(Integer::intValue).toArray());
  }

  private static boolean isEllipsis(JsonNode k) {
    return k.path("class_name").asText("").equals("__ellipsis__")
        || k.path("type").asText("").equals("Ellipsis");
  }
}
