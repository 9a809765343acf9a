package io.jetfire.importer.tensorflow;

import io.jetfire.importer.tensorflow.GraphFile.Attr;
import io.jetfire.importer.tensorflow.GraphFile.FunctionDef;
import io.jetfire.importer.tensorflow.GraphFile.ListAttr;
import io.jetfire.importer.tensorflow.GraphFile.NodeDef;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.ProtoReader;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.CustomOperator;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One TensorFlow node while it is lowered: its inputs, its attributes, its results. */
final class Node {
  final NodeDef def;
  final Scope scope;
  final Build b;
  final List<Item> inputs;
  private final List<Item> results = new ArrayList<>();

  Node(NodeDef def, Scope scope, Build b, List<Item> inputs) {
    this.def = def;
    this.scope = scope;
    this.b = b;
    this.inputs = inputs;
  }

  List<Item> results() {
    return results;
  }

  void results(List<Item> items) {
    results.addAll(items);
  }

  void out(Item item) {
    results.add(item);
  }

  void out(Value v) {
    results.add(new Item.Tensor(v));
  }

  void outs(List<Value> values) {
    values.forEach(this::out);
  }

  // ---- inputs

  int inputs() {
    return inputs.size();
  }

  Item item(int i) {
    if (i >= inputs.size()) {
      throw new Refusal("input " + i + " is missing", "export the model anew");
    }
    return inputs.get(i);
  }

  Value in(int i) {
    Item item = item(i);
    if (item instanceof Item.Tensor t) {
      return t.value();
    }
    throw new Refusal(
        "input " + i + " is no tensor but a " + kind(item),
        "use tensors here, or freeze the model's variables");
  }

  private static String kind(Item item) {
    if (item instanceof Item.Handle) {
      return "variable";
    }
    if (item instanceof Item.TensorList) {
      return "list of tensors";
    }
    if (item instanceof Item.Complex) {
      return "tensor of complex numbers";
    }
    return item instanceof Item.Texts ? "text" : "missing value";
  }

  /** All inputs, which must be tensors. */
  List<Value> all() {
    List<Value> out = new ArrayList<>();
    for (int i = 0; i < inputs.size(); i++) {
      out.add(in(i));
    }
    return out;
  }

  /** The integers of an input that must be known now. */
  int[] known(int input, String what) {
    Value v = in(input);
    if (v.isConstant() && v.type().isFloat()) {
      float[] f = v.floats();
      int[] out = new int[f.length];
      for (int i = 0; i < out.length; i++) {
        out[i] = (int) f[i];
      }
      return out;
    }
    return b.known(v)
        .orElseThrow(
            () ->
                new Refusal(
                    "its " + what + " is computed while the model runs",
                    "make the " + what + " a constant, or give the model's inputs fixed shapes"));
  }

  int knownOne(int input, String what) {
    int[] all = known(input, what);
    if (all.length != 1) {
      throw new Refusal("its " + what + " has " + all.length + " elements", "use one");
    }
    return all[0];
  }

  float knownFloat(int input, String what) {
    Value v = in(input);
    if (!v.isConstant() || v.shape().elementCount() < 1) {
      throw new Refusal(
          "its " + what + " is computed while the model runs", "make the " + what + " a constant");
    }
    return v.type().isFloat() ? v.floats()[0] : v.longs()[0];
  }

  // ---- attributes, with TensorFlow's defaults, which exported models leave out

  @Nullable Attr attr(String name) {
    return def.attrs().get(name);
  }

  boolean flag(String name, boolean otherwise) {
    Attr a = attr(name);
    return a == null ? otherwise : a.b();
  }

  int integer(String name, int otherwise) {
    Attr a = attr(name);
    return a == null
        ? otherwise
        : (int) Math.max(Integer.MIN_VALUE, Math.min(Integer.MAX_VALUE, a.i()));
  }

  float real(String name, float otherwise) {
    Attr a = attr(name);
    return a == null ? otherwise : a.f();
  }

  String text(String name, String otherwise) {
    Attr a = attr(name);
    return a == null || a.s() == null ? otherwise : GraphFile.text(a.s());
  }

  int[] ints(String name, int... otherwise) {
    Attr a = attr(name);
    ListAttr list = a == null ? null : a.list();
    if (list == null) {
      return otherwise;
    }
    return Arrays.stream(list.i())
        .mapToInt(v -> (int) Math.max(Integer.MIN_VALUE, Math.min(Integer.MAX_VALUE, v)))
        .toArray();
  }

  int type(String name, int otherwise) {
    Attr a = attr(name);
    return a == null || a.type() == 0 ? otherwise : a.type();
  }

  ElementType elementType(String name, int otherwise) {
    return Types.of(type(name, otherwise));
  }

  FunctionDef function(String name) {
    Attr a = attr(name);
    if (a == null || a.function().isEmpty()) {
      throw new Refusal("the attribute " + name + " is missing", "export the model anew");
    }
    return scope.shared.function(a.function());
  }

  Array array(String name) {
    Attr a = attr(name);
    if (a == null || a.tensor() == null) {
      throw new Refusal("the attribute " + name + " is missing", "export the model anew");
    }
    return Array.read(new ProtoReader("TensorFlow", a.tensor()));
  }

  boolean channelsFirst() {
    String format = text("data_format", "NHWC");
    return format.startsWith("NC");
  }

  // ---- custom operators

  /** Writes the node as a custom operator; the file may say what its results are. */
  void custom(int count) {
    CustomOperator op = CustomOperator.named(def.op()).attributes(attributes());
    Attr shapes = attr("_output_shapes");
    for (int i = 0; i < count; i++) {
      List<int @Nullable []> known =
          shapes == null || shapes.list() == null ? List.of() : shapes.list().shapes();
      int[] dims = i < known.size() ? known.get(i) : null;
      op.output(resultType(i), dims == null ? Shape.unknown() : Shape.of(dims));
    }
    outs(op.emit(b, new ArrayList<>(all())));
  }

  /** The type of a result, which the definition of the operator calls by one of these names. */
  private ElementType resultType(int result) {
    for (String name : List.of("Tout", "out_type", "output_type", "dtype", "output_types", "T")) {
      Attr a = attr(name);
      if (a != null && a.type() != 0) {
        return Types.of(a.type());
      }
      if (a != null && a.list() != null && result < a.list().types().length) {
        return Types.of((int) a.list().types()[result]);
      }
    }
    throw new Refusal(
        "it is to stay as a custom operator, and the file says not of which type its results are",
        "give the operator an attribute T or Tout");
  }

  private Map<String, Object> attributes() {
    Map<String, Object> out = new LinkedHashMap<>();
    def.attrs()
        .forEach(
            (name, a) -> {
              if (!name.startsWith("_")) {
                Object v = plain(name, a);
                if (v != null) {
                  out.put(name, v);
                }
              }
            });
    return out;
  }

  /** A number, text or list; what is not given in the file is TensorFlow's zero of its kind. */
  private static @Nullable Object plain(String name, Attr a) {
    if (a.tensor() != null || !a.function().isEmpty()) {
      throw CustomOperator.notCarried(name);
    }
    ListAttr list = a.list();
    if (list != null) {
      List<Object> all = new ArrayList<>();
      list.s().forEach(s -> all.add(GraphFile.text(s)));
      Arrays.stream(list.i()).forEach(all::add);
      Arrays.stream(list.types()).forEach(all::add);
      for (float f : list.f()) {
        all.add(f);
      }
      list.shapes().forEach(s -> all.add(dimensions(s)));
      return all;
    }
    if (a.s() != null) {
      return GraphFile.text(a.s());
    }
    if (a.shape() != null) {
      return dimensions(a.shape());
    }
    return switch (a.kind()) {
      case 3 -> a.i();
      case 4 -> a.f();
      case 5 -> a.b();
      case 6 -> a.type();
      default -> null;
    };
  }

  private static List<Integer> dimensions(int @Nullable [] shape) {
    return shape == null ? List.of() : Arrays.stream(shape).boxed().toList();
  }
}
