package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Small edits that several passes share. */
final class Edits {
  private Edits() {}

  /**
   * Lets the consumers of one value use another, and keeps the names of model outputs: a value that
   * takes the place of an output takes its name too, unless it is an input or an output itself.
   */
  static void replace(Subgraph subgraph, Value old, Value by) {
    boolean output = old.isOutput();
    boolean rename = output && !by.isInput() && !by.isOutput();
    subgraph.replaceAllUses(old, by);
    if (rename) {
      String name = old.name();
      old.name(subgraph.uniqueName(name + "/old"));
      by.name(name);
    }
  }

  /** Puts another value in the place of a model output, and leaves the consumers of the old one. */
  static void replaceOutput(Subgraph subgraph, Value old, Value by) {
    List<Op> users = old.consumers();
    List<List<@Nullable Value>> inputs = new ArrayList<>();
    for (Op user : users) {
      inputs.add(new ArrayList<>(user.inputs()));
    }
    replace(subgraph, old, by);
    for (int i = 0; i < users.size(); i++) {
      users.get(i).inputs(inputs.get(i));
    }
  }

  /** True if a value may be replaced by another without a model output losing its own tensor. */
  static boolean replaceable(Value old, Value by) {
    return !old.isOutput() || !(by.isInput() || by.isOutput() || by.isConstant());
  }

  static void removeAll(Subgraph subgraph, List<Op> ops) {
    for (Op op : ops) {
      subgraph.remove(op);
    }
  }

  /** The one consumer of a value that is no model output. */
  static Optional<Op> onlyConsumer(Value v) {
    return v.useCount() == 1 && !v.isOutput()
        ? Optional.of(v.consumers().get(0))
        : Optional.empty();
  }

  static boolean isFloatConstant(Value v) {
    return v.isConstant()
        && v.type() == ElementType.FLOAT32
        && v.shape().isStatic()
        && v.data().orElseThrow().external().isEmpty();
  }

  /** Appends a value with the shape and type that the operator gives, in front of an anchor. */
  static Value insertBefore(Op anchor, String name, Op op) {
    Subgraph subgraph = anchor.subgraph().orElseThrow();
    Value out = subgraph.addValue(name, ElementType.FLOAT32, Shape.unknown());
    op.outputs(out);
    subgraph.insertBefore(anchor, op);
    ShapeInference.run(op);
    return out;
  }

  static Op transpose(Subgraph subgraph, Value x, int... perm) {
    Value p = subgraph.addConstant(x.name() + "/perm", Shape.of(perm.length), perm);
    return Op.of(OpKind.TRANSPOSE).inputs(x, p);
  }

  static Op reshape(Subgraph subgraph, Value x, int... shape) {
    Value s = subgraph.addConstant(x.name() + "/shape", Shape.of(shape.length), shape);
    return Op.of(OpKind.RESHAPE).set("new_shape", shape).inputs(x, s);
  }

  static <T> Set<T> identitySet() {
    return Collections.newSetFromMap(new IdentityHashMap<>());
  }

  static <T> T present(@Nullable T value) {
    return Objects.requireNonNull(value);
  }
}
