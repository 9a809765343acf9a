package io.jetfire.importer.tensorflow;

import io.jetfire.importer.tensorflow.GraphFile.Attr;
import io.jetfire.importer.tensorflow.GraphFile.FunctionDef;
import io.jetfire.importer.tensorflow.GraphFile.ListAttr;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Calls, branches and loops: folded where their course is known, else TFLite's own subgraphs.
 *
 * <p>TensorFlow 1's Switch and Merge are folded if the condition is a constant; its loops are
 * refused.
 */
final class ControlOps {
  /** Iterations beyond which a loop is not unrolled. */
  private static final int MAX_ITERATIONS = 1024;

  private ControlOps() {}

  static void register(Map<String, Lowering> ops) {
    for (String name : new String[] {"PartitionedCall", "StatefulPartitionedCall"}) {
      ops.put(name, n -> n.results(n.scope.call(n.function("f"), n.inputs, n.b)));
    }
    for (String name : new String[] {"If", "StatelessIf"}) {
      ops.put(name, ControlOps::branch);
    }
    for (String name : new String[] {"Case", "StatelessCase"}) {
      ops.put(name, ControlOps::choice);
    }
    for (String name : new String[] {"While", "StatelessWhile"}) {
      ops.put(name, ControlOps::loop);
    }
    ops.put("Switch", ControlOps::switched);
    ops.put("RefSwitch", ControlOps::switched);
    ops.put("_SwitchN", ControlOps::switchedMany);
    ops.put("Merge", ControlOps::merged);
    for (String name : new String[] {"Enter", "RefEnter", "Exit", "NextIteration", "LoopCond"}) {
      ops.put(
          name,
          n -> {
            throw new Refusal(
                "it belongs to a loop of TensorFlow 1",
                "export with control flow version 2 (tf.compat.v1.enable_control_flow_v2)");
          });
    }
  }

  // ---- branches

  private static void branch(Node n) {
    Value condition = n.in(0);
    List<Item> arguments = n.inputs.subList(1, n.inputs.size());
    FunctionDef then = n.function("then_branch");
    FunctionDef otherwise = n.function("else_branch");
    if (condition.isConstant()) {
      boolean taken = truth(condition);
      n.results(n.scope.call(taken ? then : otherwise, arguments, n.b));
      return;
    }
    Value c = condition;
    if (c.type() != ElementType.BOOL) {
      c = n.b.compare(OpKind.NOT_EQUAL, c, n.b.scalar(c.type(), 0));
    }
    c = Build.rank(c) == 0 ? c : n.b.reshape(c);
    List<Value> outer = tensors(arguments);
    Subgraph x = body(n, then, arguments, outer, "then");
    Subgraph y = body(n, otherwise, arguments, outer, "else");
    List<Value> inputs = new ArrayList<>();
    inputs.add(c);
    inputs.addAll(outer);
    if (x.outputs().size() != y.outputs().size()) {
      throw new Refusal("branches of different results", "export the model anew");
    }
    n.outs(
        n.b.emit(
            Op.of(OpKind.IF)
                .set("then_subgraph_index", x.index())
                .set("else_subgraph_index", y.index())
                .inputs(new ArrayList<>(inputs)),
            x.outputs().size()));
  }

  private static boolean truth(Value v) {
    if (v.shape().elementCount() != 1) {
      return v.shape().elementCount() > 0;
    }
    return v.type().isFloat() ? v.floats()[0] != 0 : v.longs()[0] != 0;
  }

  /** The tensors among the arguments that are known only while the model runs. */
  private static List<Value> tensors(List<Item> items) {
    List<Value> out = new ArrayList<>();
    for (Item item : items) {
      if (item instanceof Item.Tensor t && !t.value().isConstant()) {
        out.add(t.value());
      }
      requireNoList(item);
    }
    return out;
  }

  private static void requireNoList(Item item) {
    if (item instanceof Item.TensorList) {
      throw new Refusal(
          "a list of tensors in control flow that is decided while the model runs",
          "use a fixed number of steps, so that the loop can be unrolled");
    }
  }

  /** A function as a subgraph: tensors become inputs, constants and variables are written anew. */
  private static Subgraph body(
      Node n, FunctionDef f, List<Item> arguments, List<Value> outer, String name) {
    Subgraph g = n.scope.shared.graph.addSubgraph(n.def.name() + "/" + name);
    Build inner = new Build(g);
    List<Item> items = new ArrayList<>();
    int next = 0;
    for (Item item : arguments) {
      if (item instanceof Item.Tensor t) {
        Value v = t.value();
        if (v.isConstant()) {
          items.add(new Item.Tensor(again(g, v)));
        } else {
          Value in = g.addInput("in" + next, v.type(), outer.get(next).shape());
          next++;
          items.add(new Item.Tensor(in));
        }
      } else {
        items.add(item);
      }
    }
    List<Value> results = new ArrayList<>();
    for (Item item : evaluated(n.scope.call(f, items, inner))) {
      results.add(made(inner, item, results));
    }
    g.outputs(results);
    g.removeDead();
    return g;
  }

  private static Value again(Subgraph g, Value constant) {
    return g.addConstant(
        constant.name(), constant.type(), constant.shape(), constant.data().orElseThrow());
  }

  /** Results are asked for through an operator that passes them on, so that all are computed. */
  private static List<Item> evaluated(List<Item> items) {
    List<Item> out = new ArrayList<>();
    for (Item item : items) {
      Item at = item;
      for (int hops = 0; at instanceof Item.Later later && hops < 64; hops++) {
        at = later.scope().get(later.reference());
      }
      if (at instanceof Item.Refused) {
        throw new Refusal("a part of it cannot be converted", "see the other operators");
      }
      out.add(at);
    }
    return out;
  }

  /** The tensor of a result: an output of a subgraph is made by an operator, once. */
  private static Value made(Build b, Item item, List<Value> before) {
    if (!(item instanceof Item.Tensor t)) {
      requireNoList(item);
      throw new Refusal("a result that is no tensor", "return tensors only");
    }
    Value v = t.value();
    if (v.isInput() || v.isConstant() || before.contains(v)) {
      return b.copy(v);
    }
    return v;
  }

  private static void choice(Node n) {
    Value index = n.in(0);
    Attr branches = n.attr("branches");
    ListAttr list = branches == null ? null : branches.list();
    if (!index.isConstant() || list == null || list.functions().isEmpty()) {
      throw new Refusal(
          "its branch is chosen while the model runs", "use nested conditions instead");
    }
    long i = index.longs()[0];
    int size = list.functions().size();
    FunctionDef f =
        n.scope.shared.function(list.functions().get((int) (i < 0 || i >= size ? size - 1 : i)));
    n.results(n.scope.call(f, n.inputs.subList(1, n.inputs.size()), n.b));
  }

  // ---- loops

  private static void loop(Node n) {
    FunctionDef condition = n.function("cond");
    FunctionDef body = n.function("body");
    List<Item> carried = new ArrayList<>(n.inputs);
    for (int k = 0; ; k++) {
      Item c = evaluated(n.scope.call(condition, carried, n.b)).get(0);
      if (!(c instanceof Item.Tensor t)) {
        throw new Refusal("a condition that is no tensor", "export the model anew");
      }
      if (!t.value().isConstant()) {
        if (k > 0) {
          throw new Refusal(
              "its condition is known at first and later computed while the model runs",
              "use a fixed number of steps");
        }
        n.results(dynamic(n, condition, body));
        return;
      }
      if (!truth(t.value())) {
        break;
      }
      if (k >= MAX_ITERATIONS) {
        boolean lists = n.inputs.stream().anyMatch(Item.TensorList.class::isInstance);
        if (lists) {
          throw new Refusal(
              "it runs more than " + MAX_ITERATIONS + " times over lists", "shorten the loop");
        }
        n.results(dynamic(n, condition, body));
        return;
      }
      carried = evaluated(n.scope.call(body, carried, n.b));
    }
    n.results(carried);
  }

  /** TFLite's own loop; what the body does not change stays outside. */
  private static List<Item> dynamic(Node n, FunctionDef condition, FunctionDef body) {
    int count = n.inputs.size();
    boolean[] fixed = new boolean[count];
    List<Value> outer = new ArrayList<>();
    List<Integer> places = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Item item = n.inputs.get(i);
      requireNoList(item);
      boolean same = Scope.passedOn(body, i, n.scope.shared) == i;
      fixed[i] = !(item instanceof Item.Tensor t) || (same && t.value().isConstant());
      if (!fixed[i]) {
        Value v = n.in(i);
        places.add(i);
        outer.add(v);
      }
    }
    Subgraph test = inside(n, condition, fixed, "cond", null);
    Subgraph step = inside(n, body, fixed, "body", places);
    for (int i = 0; i < outer.size(); i++) {
      if (!step.outputs().get(i).shape().equals(outer.get(i).shape())) {
        throw new Refusal(
            "a carried tensor changes its shape from "
                + outer.get(i).shape()
                + " to "
                + step.outputs().get(i).shape(),
            "carry tensors of fixed shapes");
      }
    }
    List<Value> out =
        n.b.emit(
            Op.of(OpKind.WHILE)
                .set("cond_subgraph_index", test.index())
                .set("body_subgraph_index", step.index())
                .inputs(new ArrayList<>(outer)),
            outer.size());
    List<Item> results = new ArrayList<>(n.inputs);
    for (int i = 0; i < out.size(); i++) {
      results.set(places.get(i), new Item.Tensor(out.get(i)));
    }
    return results;
  }

  private static Subgraph inside(
      Node n, FunctionDef f, boolean[] fixed, String name, @Nullable List<Integer> places) {
    Subgraph g = n.scope.shared.graph.addSubgraph(n.def.name() + "/" + name);
    Build inner = new Build(g);
    List<Item> items = new ArrayList<>();
    for (int i = 0; i < fixed.length; i++) {
      Item item = n.inputs.get(i);
      if (!fixed[i]) {
        Value v = n.in(i);
        items.add(new Item.Tensor(g.addInput("in" + i, v.type(), v.shape())));
      } else if (item instanceof Item.Tensor t) {
        items.add(new Item.Tensor(again(g, t.value())));
      } else {
        items.add(item);
      }
    }
    List<Item> all = n.scope.call(f, items, inner);
    List<Item> wanted = new ArrayList<>();
    if (places == null) {
      wanted.add(all.get(0));
    } else {
      places.forEach(p -> wanted.add(all.get(p)));
    }
    List<Value> results = new ArrayList<>();
    for (Item item : evaluated(wanted)) {
      results.add(made(inner, item, results));
    }
    g.outputs(results);
    g.removeDead();
    return g;
  }

  // ---- TensorFlow 1

  private static void switched(Node n) {
    Value condition = n.in(1);
    if (!condition.isConstant()) {
      throw new Refusal(
          "its condition is computed while the model runs, in TensorFlow 1's notation",
          "export with control flow version 2 (tf.compat.v1.enable_control_flow_v2)");
    }
    boolean taken = truth(condition);
    n.out(taken ? new Item.Dead() : n.item(0));
    n.out(taken ? n.item(0) : new Item.Dead());
  }

  private static void switchedMany(Node n) {
    int outputs = Build.repetitions(n.integer("num_outs", 1));
    int taken = n.knownOne(1, "branch");
    for (int i = 0; i < outputs; i++) {
      boolean last = i == outputs - 1 && (taken < 0 || taken >= outputs);
      n.out(i == taken || last ? n.item(0) : new Item.Dead());
    }
  }

  private static void merged(Node n) {
    for (int i = 0; i < n.inputs(); i++) {
      if (!(n.item(i) instanceof Item.Dead)) {
        n.out(n.item(i));
        n.out(n.b.scalar(ElementType.INT32, i));
        return;
      }
    }
    n.out(new Item.Dead());
    n.out(new Item.Dead());
  }
}
