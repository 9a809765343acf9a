package io.jetfire.importer.onnx;

import io.jetfire.importer.onnx.OnnxModel.Attribute;
import io.jetfire.importer.onnx.OnnxModel.GraphProto;
import io.jetfire.importer.onnx.OnnxModel.NodeProto;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** One ONNX node while it is lowered: its inputs as values, its attributes, where results go. */
final class Node {
  final NodeProto proto;
  final Scope scope;
  final Build b;

  /** The version of the operator set that defines the node. */
  final int opset;

  Node(NodeProto proto, Scope scope, Build b, int opset) {
    this.proto = proto;
    this.scope = scope;
    this.b = b;
    this.opset = opset;
  }

  boolean has(int input) {
    return input < proto.inputs().size() && !proto.inputs().get(input).isEmpty();
  }

  Value in(int input) {
    if (!has(input)) {
      throw new Refusal("input " + input + " is missing", "export the model anew");
    }
    return scope.tensor(proto.inputs().get(input));
  }

  @Nullable Value optional(int input) {
    return has(input) ? in(input) : null;
  }

  /** All inputs, none of which may be missing. */
  List<Value> all() {
    List<Value> values = new ArrayList<>();
    for (int i = 0; i < inputs(); i++) {
      values.add(in(i));
    }
    return values;
  }

  int inputs() {
    return proto.inputs().size();
  }

  int outputs() {
    return proto.outputs().size();
  }

  boolean wants(int output) {
    return output < proto.outputs().size() && !proto.outputs().get(output).isEmpty();
  }

  void out(Value v) {
    out(0, v);
  }

  void out(int output, Value v) {
    if (wants(output)) {
      scope.define(proto.outputs().get(output), v);
    }
  }

  // ---- attributes

  boolean isSet(String name) {
    return proto.attributes().containsKey(name);
  }

  @Nullable Attribute attribute(String name) {
    return proto.attributes().get(name);
  }

  int integer(String name, int otherwise) {
    Attribute a = attribute(name);
    return a == null
        ? otherwise
        : (int) Math.max(Integer.MIN_VALUE, Math.min(Integer.MAX_VALUE, a.i()));
  }

  float real(String name, float otherwise) {
    Attribute a = attribute(name);
    return a == null ? otherwise : a.f();
  }

  String text(String name, String otherwise) {
    Attribute a = attribute(name);
    return a == null ? otherwise : a.text();
  }

  int @Nullable [] ints(String name) {
    Attribute a = attribute(name);
    if (a == null) {
      return null;
    }
    int[] out = new int[a.ints().length];
    for (int i = 0; i < out.length; i++) {
      out[i] = (int) Math.max(Integer.MIN_VALUE, Math.min(Integer.MAX_VALUE, a.ints()[i]));
    }
    return out;
  }

  int[] ints(String name, int... otherwise) {
    int[] found = ints(name);
    return found == null ? otherwise : found;
  }

  float[] reals(String name, float... otherwise) {
    Attribute a = attribute(name);
    return a == null ? otherwise : a.floats();
  }

  GraphProto graph(String name) {
    Attribute a = attribute(name);
    if (a == null || a.g() == null) {
      throw new Refusal("the attribute " + name + " is missing", "export the model anew");
    }
    return a.g();
  }

  // ---- inputs whose contents decide about the graph

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
    return b.known(in(input))
        .orElseThrow(
            () ->
                new Refusal(
                    "its "
                        + what
                        + " ("
                        + proto.inputs().get(input)
                        + ") is computed while the model runs",
                    "make the "
                        + what
                        + " a constant: bind the input '"
                        + proto.inputs().get(input)
                        + "' or the dimensions it is computed from"));
  }

  /**
   * The integers of an input, or of an attribute in older operator sets; null if neither is there.
   */
  int @Nullable [] knownOrAttribute(int input, String attribute) {
    if (has(input)) {
      return known(input, attribute);
    }
    return ints(attribute);
  }

  float knownFloat(int input, String what) {
    Value v = in(input);
    if (!v.isConstant() || v.shape().elementCount() < 1) {
      throw new Refusal(
          "its " + what + " (" + proto.inputs().get(input) + ") is computed while the model runs",
          "make the " + what + " a constant");
    }
    return v.floats()[0];
  }

  int rank(Value v) {
    return Build.rank(v);
  }

  int axis(int axis, int rank) {
    return Build.axis(axis, rank);
  }

  int[] fixedFrom(Value v, int firstAxis) {
    return Build.fixedFrom(v, firstAxis);
  }

  Optional<int[]> partial(int input) {
    return b.partial(in(input));
  }

  void requireFloat(Value v) {
    Build.requireFloat(v);
  }
}
