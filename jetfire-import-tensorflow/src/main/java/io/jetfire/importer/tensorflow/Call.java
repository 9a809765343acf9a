package io.jetfire.importer.tensorflow;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** One call of a Keras layer while it is lowered: its description, weights and arguments. */
final class Call {
  final KerasModel model;
  final Build b;
  final String className;
  final JsonNode config;
  final KerasWeights weights;

  /** Positional arguments: a {@link Value}, a list of arguments, or a {@link JsonNode}. */
  final List<Object> arguments;

  final Map<String, Object> named;

  /** How deeply layers nest here. */
  final int depth;

  Call(
      KerasModel model,
      String className,
      JsonNode config,
      KerasWeights weights,
      List<Object> arguments,
      Map<String, Object> named,
      int depth) {
    this.model = model;
    this.b = model.b;
    this.className = className;
    this.config = config;
    this.weights = weights;
    this.arguments = arguments;
    this.named = named;
    this.depth = depth;
  }

  /** The same layer on other arguments. */
  Call on(Value x) {
    return new Call(model, className, config, weights, List.of(x), Map.of(), depth);
  }

  // ---- arguments

  /** The only tensor, or the first. */
  Value x() {
    List<Value> all = tensors();
    if (all.isEmpty()) {
      throw new Refusal("it is called without a tensor", "save the model anew");
    }
    return all.get(0);
  }

  /** All tensors among the positional arguments, lists flattened. */
  List<Value> tensors() {
    List<Value> out = new ArrayList<>();
    flatten(arguments, out);
    return out;
  }

  static void flatten(Object argument, List<Value> to) {
    if (argument instanceof Value v) {
      to.add(v);
    } else if (argument instanceof List<?> list) {
      list.forEach(a -> flatten(a, to));
    }
  }

  /**
   * An argument by position or name: a Value, a List or a JsonNode; a missing node if not given.
   */
  Object argument(int index, String name) {
    if (index < arguments.size()) {
      return arguments.get(index);
    }
    return named.getOrDefault(name, MissingNode.getInstance());
  }

  /** An argument as a JSON constant, which otherwise stands in the configuration. */
  JsonNode option(int index, String name) {
    Object a = argument(index, name);
    if (a instanceof JsonNode n && !n.isMissingNode()) {
      return n;
    }
    if (a instanceof Value || (a instanceof List<?> l && !l.isEmpty() && !json(l))) {
      throw new Refusal("its argument '" + name + "' is a tensor", "use a constant");
    }
    if (a instanceof List<?> l && json(l)) {
      var array = com.fasterxml.jackson.databind.node.JsonNodeFactory.instance.arrayNode();
      l.forEach(e -> array.add((JsonNode) e));
      return array;
    }
    return config.path(name);
  }

  private static boolean json(List<?> list) {
    return list.stream().allMatch(JsonNode.class::isInstance);
  }

  // ---- the configuration

  String text(String name, String otherwise) {
    JsonNode n = config.path(name);
    return n.isTextual() ? n.textValue() : otherwise;
  }

  int integer(String name, int otherwise) {
    JsonNode n = config.path(name);
    return n.isNumber() ? n.intValue() : otherwise;
  }

  double real(String name, double otherwise) {
    JsonNode n = config.path(name);
    // Keras 2 writes numbers that came as NumPy scalars as {"class_name": ..., "value": ...}.
    if (n.isObject() && n.path("value").isNumber()) {
      n = n.path("value");
    }
    return n.isNumber() ? n.doubleValue() : otherwise;
  }

  boolean flag(String name, boolean otherwise) {
    JsonNode n = config.path(name);
    return n.isBoolean() ? n.booleanValue() : otherwise;
  }

  boolean isSet(String name) {
    JsonNode n = config.path(name);
    return !n.isMissingNode() && !n.isNull();
  }

  /** One number for all, or as many as {@code count}. */
  int[] ints(String name, int count, int otherwise) {
    JsonNode n = config.path(name);
    int[] out = new int[count];
    if (n.isArray()) {
      int[] given = ints(n);
      if (given.length != count) {
        throw new Refusal(
            "its " + name + " " + n + " has not " + count + " elements", "save the model anew");
      }
      return given;
    }
    Arrays.fill(out, n.isNumber() ? n.intValue() : otherwise);
    return out;
  }

  static int[] ints(JsonNode n) {
    if (n.isNumber()) {
      return new int[] {n.intValue()};
    }
    int[] out = new int[n.size()];
    for (int i = 0; i < out.length; i++) {
      if (!n.path(i).isNumber()) {
        throw new Refusal("the list " + shortened(n) + " is not of numbers", "save the model anew");
      }
      out[i] = n.path(i).intValue();
    }
    return out;
  }

  static String shortened(JsonNode n) {
    String s = n.toString();
    return s.length() > 60 ? s.substring(0, 60) + "..." : s;
  }

  boolean channelsFirst() {
    return text("data_format", "channels_last").equals("channels_first");
  }

  // ---- constants

  Value constant(String name, Hdf5.Array a) {
    return b.subgraph().addConstant(model.path() + "/" + name, Shape.of(a.shape()), a.values());
  }

  Value weight(int index, String name) {
    return constant(name, weights.get(index, name));
  }

  static void requireElements(Value v, int... shape) {
    if (!Arrays.equals(v.shape().dims(), shape)) {
      throw new Refusal(
          "its weights " + v.name() + " are " + v.shape() + " and not " + Arrays.toString(shape),
          "save the model anew");
    }
  }

  /** Numbers are computed in float32. */
  Value floatX() {
    Value v = x();
    return v.type() == ElementType.FLOAT32 ? v : b.cast(v, ElementType.FLOAT32);
  }
}
