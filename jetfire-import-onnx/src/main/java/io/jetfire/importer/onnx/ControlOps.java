package io.jetfire.importer.onnx;

import io.jetfire.importer.onnx.OnnxModel.GraphProto;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Control flow: branches of a constant condition, short loops of a constant count, scans, and
 * sequences are put together while importing; the rest becomes IF and WHILE.
 */
final class ControlOps {
  /** Iterations beyond which a loop is not unrolled. */
  private static final int MAX_ITERATIONS = 4096;

  /** Operators beyond which a loop becomes a WHILE. */
  private static final int MAX_UNROLLED = 2048;

  private ControlOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("If", ControlOps::branch);
    ops.put("Loop", ControlOps::loop);
    ops.put("Scan", ControlOps::scan);
    ops.put("SequenceEmpty", n -> n.scope.defineSequence(n.proto.outputs().get(0), List.of()));
    ops.put("SequenceConstruct", ControlOps::construct);
    ops.put("SequenceInsert", ControlOps::insert);
    ops.put("SequenceErase", ControlOps::erase);
    ops.put("SequenceAt", ControlOps::at);
    ops.put(
        "SequenceLength",
        n ->
            n.out(n.b.scalar(ElementType.INT64, n.scope.sequence(n.proto.inputs().get(0)).size())));
    ops.put("ConcatFromSequence", ControlOps::concat);
    ops.put("SplitToSequence", ControlOps::split);
  }

  private static void forward(Node n, Scope body, String from, int output) {
    if (!n.wants(output)) {
      return;
    }
    if (body.isSequence(from)) {
      n.scope.defineSequence(n.proto.outputs().get(output), body.sequence(from));
    } else {
      n.out(output, body.tensor(from));
    }
  }

  private static void branch(Node n) {
    Value condition = n.in(0);
    if (!condition.isConstant()) {
      SubgraphOps.branch(n, condition);
      return;
    }
    boolean then = condition.longs()[0] != 0;
    GraphProto g = n.graph(then ? "then_branch" : "else_branch");
    Scope body = n.scope.child();
    body.run(g);
    for (int i = 0; i < g.outputs().size(); i++) {
      forward(n, body, g.outputs().get(i).name(), i);
    }
  }

  private static void loop(Node n) {
    GraphProto g = n.graph("body");
    int states = n.inputs() - 2;
    boolean sequences = false;
    for (int i = 0; i < states; i++) {
      sequences |= n.scope.isSequence(n.proto.inputs().get(i + 2));
    }
    Value count = n.optional(0);
    Value first = n.optional(1);
    boolean known = (count == null || count.isConstant()) && (first == null || first.isConstant());
    long most = known && count != null ? Math.max(0, count.longs()[0]) : Long.MAX_VALUE;
    if (!sequences && (!known || (count != null && tooLong(most, g)))) {
      running(n, g, states, count, first);
      return;
    }
    if (!known) {
      int open = count != null && !count.isConstant() ? 0 : 1;
      throw new Refusal(
          "it carries sequences, and its "
              + (open == 0 ? "number of iterations" : "condition")
              + " ("
              + n.proto.inputs().get(open)
              + ") is computed while the model runs",
          "export with a fixed number of iterations, or carry tensors");
    }
    boolean goes = first == null || first.longs()[0] != 0;
    List<Object> carried = new ArrayList<>();
    for (int i = 0; i < states; i++) {
      String name = n.proto.inputs().get(i + 2);
      carried.add(n.scope.isSequence(name) ? n.scope.sequence(name) : n.in(i + 2));
    }
    List<List<Value>> scanned = new ArrayList<>();
    int scans = g.outputs().size() - 1 - states;
    for (int i = 0; i < scans; i++) {
      scanned.add(new ArrayList<>());
    }
    for (long k = 0; k < most && goes; k++) {
      if (k >= MAX_ITERATIONS) {
        throw new Refusal("it runs more than " + MAX_ITERATIONS + " times", "shorten the loop");
      }
      Scope body = n.scope.child();
      body.define(g.inputs().get(0).name(), n.b.scalar(ElementType.INT64, k));
      body.define(g.inputs().get(1).name(), n.b.scalar(ElementType.BOOL, 1));
      for (int i = 0; i < states; i++) {
        put(body, g.inputs().get(i + 2).name(), carried.get(i));
      }
      body.run(g);
      Value next = body.tensor(g.outputs().get(0).name());
      if (!next.isConstant()) {
        if (sequences) {
          throw new Refusal(
              "it carries sequences, and its condition is computed while the model runs",
              "use a fixed count");
        }
        running(n, g, states, count, first); // what was unrolled so far is dead code
        return;
      }
      goes = next.longs()[0] != 0;
      for (int i = 0; i < states; i++) {
        String out = g.outputs().get(i + 1).name();
        carried.set(i, body.isSequence(out) ? body.sequence(out) : body.tensor(out));
      }
      for (int i = 0; i < scans; i++) {
        Value v = body.tensor(g.outputs().get(1 + states + i).name());
        scanned.get(i).add(n.b.unsqueeze(v, 0));
      }
    }
    for (int i = 0; i < states; i++) {
      if (n.wants(i)) {
        put(n.scope, n.proto.outputs().get(i), carried.get(i));
      }
    }
    for (int i = 0; i < scans; i++) {
      if (!n.wants(states + i)) {
        continue;
      }
      if (scanned.get(i).isEmpty()) {
        throw new Refusal("it never runs, so its scan outputs are empty", "remove the loop");
      }
      n.out(states + i, n.b.concat(0, scanned.get(i)));
    }
  }

  /** Whether a loop is shorter as a WHILE than unrolled. */
  private static boolean tooLong(long iterations, GraphProto g) {
    return iterations > MAX_UNROLLED / Math.max(1, g.nodes().size());
  }

  /** A loop that decides while the model runs. */
  private static void running(
      Node n, GraphProto g, int states, @Nullable Value count, @Nullable Value first) {
    List<Value> before = new ArrayList<>();
    for (int i = 0; i < states; i++) {
      before.add(n.in(i + 2));
    }
    List<Value> after;
    try {
      after =
          SubgraphOps.loop(
              n,
              g,
              count,
              first,
              true,
              before,
              (body, b, k, inside) -> {
                body.define(g.inputs().get(0).name(), b.cast(k, ElementType.INT64));
                body.define(g.inputs().get(1).name(), b.scalar(ElementType.BOOL, 1));
                for (int i = 0; i < inside.size(); i++) {
                  body.define(g.inputs().get(i + 2).name(), inside.get(i));
                }
              });
    } catch (Refusal e) {
      StringBuilder open = new StringBuilder(String.valueOf(e.getMessage()));
      for (int i = 0; i < 2; i++) {
        if (n.has(i) && !n.in(i).isConstant()) {
          open.append(i == 0 ? "; its number of iterations (" : "; its condition (")
              .append(n.proto.inputs().get(i))
              .append(") is computed while the model runs");
        }
      }
      throw new Refusal(open.toString(), e.suggestion());
    }
    for (int i = 0; i < after.size(); i++) {
      n.out(i, after.get(i));
    }
  }

  @SuppressWarnings("unchecked")
  private static void put(Scope scope, String name, Object value) {
    if (value instanceof Value v) {
      scope.define(name, v);
    } else {
      scope.defineSequence(name, (List<Value>) value);
    }
  }

  private static void scan(Node n) {
    GraphProto g = n.graph("body");
    int scans = n.integer("num_scan_inputs", 1);
    // Operator set 8 has a leading batch dimension and optional sequence lengths.
    boolean old = n.opset < 9;
    int first = old ? 1 : 0;
    int states = n.inputs() - first - scans;
    int[] axes = n.ints("scan_input_axes", new int[scans]);
    int[] outAxes = n.ints("scan_output_axes", new int[g.outputs().size() - states]);
    int[] directions = n.ints(old ? "directions" : "scan_input_directions", new int[scans]);
    if (old && (n.has(0) || n.fixedFrom(n.in(first + states), 0)[0] != 1)) {
      throw new Refusal("a scan of several samples of operator set 8", "export to a newer one");
    }
    List<Value> carried = new ArrayList<>();
    for (int i = 0; i < states; i++) {
      carried.add(old ? n.b.squeeze(n.in(first + i), 0) : n.in(first + i));
    }
    List<Value> data = new ArrayList<>();
    for (int i = 0; i < scans; i++) {
      Value v = n.in(first + states + i);
      data.add(old ? n.b.squeeze(v, 0) : v);
    }
    int axis0 = n.axis(axes[0], n.rank(data.get(0)));
    int length = n.fixedFrom(data.get(0), axis0)[axis0];
    int outs = g.outputs().size() - states;
    boolean plain = Arrays.stream(outAxes).allMatch(a -> a == 0);
    int[] outOrder = n.ints("scan_output_directions", new int[outs]);
    if (!old && plain && Arrays.stream(outOrder).allMatch(d -> d == 0) && tooLong(length, g)) {
      scanRunning(n, g, carried, data, axes, directions, length);
      return;
    }
    if (length > MAX_ITERATIONS) {
      throw new Refusal("it runs more than " + MAX_ITERATIONS + " times", "shorten the loop");
    }
    List<List<Value>> collected = new ArrayList<>();
    for (int i = 0; i < outs; i++) {
      collected.add(new ArrayList<>());
    }
    for (int k = 0; k < length; k++) {
      Scope body = n.scope.child();
      for (int i = 0; i < states; i++) {
        body.define(g.inputs().get(i).name(), carried.get(i));
      }
      for (int i = 0; i < scans; i++) {
        int axis = n.axis(axes[i], n.rank(data.get(i)));
        int at = directions[i] == 1 ? length - 1 - k : k;
        Value element = n.b.squeeze(n.b.slice(data.get(i), axis, at, 1), axis);
        body.define(g.inputs().get(states + i).name(), element);
      }
      body.run(g);
      for (int i = 0; i < states; i++) {
        carried.set(i, body.tensor(g.outputs().get(i).name()));
      }
      for (int i = 0; i < outs; i++) {
        Value v = body.tensor(g.outputs().get(states + i).name());
        int axis = n.axis(outAxes[i], n.rank(v) + 1);
        collected.get(i).add(n.b.unsqueeze(v, axis));
      }
    }
    int[] outDirections = n.ints("scan_output_directions", new int[outs]);
    for (int i = 0; i < states; i++) {
      n.out(i, old ? n.b.unsqueeze(carried.get(i), 0) : carried.get(i));
    }
    for (int i = 0; i < outs; i++) {
      List<Value> parts = collected.get(i);
      if (outDirections[i] == 1) {
        java.util.Collections.reverse(parts);
      }
      int axis = n.axis(outAxes[i], n.rank(parts.get(0)));
      Value all = n.b.concat(axis, parts);
      n.out(states + i, old ? n.b.unsqueeze(all, 0) : all);
    }
  }

  /** A scan as a WHILE, which picks its elements by the number of the iteration. */
  private static void scanRunning(
      Node n,
      GraphProto g,
      List<Value> carried,
      List<Value> data,
      int[] axes,
      int[] directions,
      int length) {
    List<Value> after =
        SubgraphOps.loop(
            n,
            g,
            n.b.scalar(ElementType.INT32, length),
            null,
            false,
            carried,
            (body, b, k, inside) -> {
              for (int i = 0; i < inside.size(); i++) {
                body.define(g.inputs().get(i).name(), inside.get(i));
              }
              for (int i = 0; i < data.size(); i++) {
                Value all = body.captured(data.get(i));
                Value at =
                    directions[i] == 1 ? b.sub(b.scalar(ElementType.INT32, length - 1), k) : k;
                int axis = Build.axis(axes[i], Build.rank(all));
                body.define(g.inputs().get(inside.size() + i).name(), b.gather(all, at, axis));
              }
            });
    for (int i = 0; i < after.size(); i++) {
      n.out(i, after.get(i));
    }
  }

  // ---- sequences

  private static void construct(Node n) {
    List<Value> parts = new ArrayList<>();
    for (int i = 0; i < n.inputs(); i++) {
      parts.add(n.in(i));
    }
    n.scope.defineSequence(n.proto.outputs().get(0), parts);
  }

  private static int position(Node n, int input, int size, int otherwise) {
    if (!n.has(input)) {
      return otherwise;
    }
    int at = n.known(input, "position")[0];
    return at < 0 ? at + size : at;
  }

  private static void insert(Node n) {
    List<Value> parts = new ArrayList<>(n.scope.sequence(n.proto.inputs().get(0)));
    parts.add(position(n, 2, parts.size(), parts.size()), n.in(1));
    n.scope.defineSequence(n.proto.outputs().get(0), parts);
  }

  private static void erase(Node n) {
    List<Value> parts = new ArrayList<>(n.scope.sequence(n.proto.inputs().get(0)));
    parts.remove(position(n, 1, parts.size(), parts.size() - 1));
    n.scope.defineSequence(n.proto.outputs().get(0), parts);
  }

  private static void at(Node n) {
    List<Value> parts = n.scope.sequence(n.proto.inputs().get(0));
    n.out(parts.get(position(n, 1, parts.size(), 0)));
  }

  private static void concat(Node n) {
    List<Value> parts = new ArrayList<>(n.scope.sequence(n.proto.inputs().get(0)));
    int axis = n.integer("axis", 0);
    if (n.integer("new_axis", 0) != 0) {
      int at = n.axis(axis, n.rank(parts.get(0)) + 1);
      parts.replaceAll(v -> n.b.unsqueeze(v, at));
      n.out(n.b.concat(at, parts));
      return;
    }
    n.out(n.b.concat(n.axis(axis, n.rank(parts.get(0))), parts));
  }

  private static void split(Node n) {
    Value x = n.in(0);
    int axis = n.axis(n.integer("axis", 0), n.rank(x));
    int whole = n.fixedFrom(x, axis)[axis];
    boolean keep = n.integer("keepdims", 1) != 0 || n.has(1);
    List<Value> parts = new ArrayList<>();
    int[] given = n.has(1) ? n.known(1, "split") : new int[] {1};
    boolean chunks = !n.has(1) || n.in(1).shape().rank() == 0;
    for (int at = 0, i = 0; at < whole; i++) {
      int size = Math.min(whole - at, chunks ? given[0] : given[i]);
      if (size <= 0) {
        throw new Refusal("parts of " + size + " elements", "split into parts of at least 1");
      }
      Value part = n.b.slice(x, axis, at, size);
      parts.add(keep ? part : n.b.squeeze(part, axis));
      at += size;
    }
    n.scope.defineSequence(n.proto.outputs().get(0), parts);
  }
}
