package io.jetfire.importer.onnx;

import io.jetfire.importer.onnx.OnnxModel.GraphProto;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Capture;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Control flow whose course is known only while the model runs, as TFLite's IF and WHILE with
 * subgraphs.
 *
 * <p>A WHILE carries, in this order: the number of the iteration, whether to go on, the states,
 * what has been collected, and the tensors of the surrounding graph that the body reads.
 */
final class SubgraphOps {
  /** Elements up to which the tensor that a loop fills is prepared in full. */
  private static final int MOST_PREPARED = 1 << 20;

  private SubgraphOps() {}

  /** A body that has been lowered into a subgraph of its own. */
  private record Body(Subgraph subgraph, Build b, Capture capture, Scope scope) {
    static Body in(Node n, String name) {
      Graph graph = n.b.subgraph().graph();
      Subgraph s = graph.addSubgraph(n.proto.outputs().get(0) + "/" + name);
      Build inside = new Build(s);
      Capture capture = new Capture(s);
      return new Body(s, inside, capture, n.scope.body(inside, capture));
    }

    Value tensor(String name) {
      if (scope.isSequence(name)) {
        throw new Refusal(
            "the sequence '" + name + "' leaves a body that is chosen while the model runs",
            "use tensors instead of sequences");
      }
      return scope.tensor(name);
    }
  }

  // ---- IF

  static void branch(Node n, Value condition) {
    GraphProto then = n.graph("then_branch");
    GraphProto otherwise = n.graph("else_branch");
    if (then.outputs().size() != otherwise.outputs().size()) {
      throw new Refusal("its branches have different outputs", "export the model anew");
    }
    Body a = branch(n, then, "then");
    Body b = branch(n, otherwise, "else");
    Set<Value> passed = new LinkedHashSet<>(a.capture.passed().keySet());
    passed.addAll(b.capture.passed().keySet());
    List<Value> inputs = new ArrayList<>();
    inputs.add(scalar(n.b, condition));
    inputs.addAll(passed);
    for (Body body : List.of(a, b)) {
      body.subgraph.inputs(passed.stream().map(body.capture::of).toList());
    }
    for (int i = 0; i < then.outputs().size(); i++) {
      if (a.subgraph.outputs().get(i).type() != b.subgraph.outputs().get(i).type()) {
        throw new Refusal("its branches give different types", "cast them to one type");
      }
    }
    List<Value> out =
        n.b.emit(
            Op.of(OpKind.IF)
                .set("then_subgraph_index", a.subgraph.index())
                .set("else_subgraph_index", b.subgraph.index())
                .inputs(inputs),
            then.outputs().size());
    for (int i = 0; i < out.size(); i++) {
      n.out(i, out.get(i));
    }
  }

  private static Body branch(Node n, GraphProto g, String name) {
    Body body = Body.in(n, name);
    body.scope.run(g);
    List<Value> outputs = new ArrayList<>();
    for (int i = 0; i < g.outputs().size(); i++) {
      outputs.add(own(body.b, body.tensor(g.outputs().get(i).name()), outputs));
    }
    body.subgraph.outputs(outputs);
    return body;
  }

  /** A result that is no input, constant or other result of the body: a copy where it is one. */
  private static Value own(Build b, Value v, List<Value> others) {
    if (!v.isInput() && !v.isConstant() && !others.contains(v)) {
      return v;
    }
    return b.copy(v);
  }

  private static Value scalar(Build b, Value v) {
    return v.shape().hasRank() && v.shape().rank() == 0 ? v : b.reshape(v);
  }

  // ---- WHILE

  /** A body, once for each of a loop's iterations. */
  interface Iteration {
    /** Gives the body its inputs. */
    void begin(Scope body, Build b, Value iteration, List<Value> states);
  }

  /**
   * Runs a body as often as a count and its own first result allow.
   *
   * @param most the number of iterations, or null if only the condition ends the loop
   * @param goes whether there is a first iteration, or null if there is
   * @param conditional whether the body's first output says if there is another
   * @param first the states before
   * @return the states after, then what was collected along a new first dimension
   */
  static List<Value> loop(
      Node n,
      GraphProto g,
      @Nullable Value most,
      @Nullable Value goes,
      boolean conditional,
      List<Value> first,
      Iteration iteration) {
    Body body = Body.in(n, "body");
    Subgraph s = body.subgraph;
    List<Value> start = new ArrayList<>();
    List<Value> inside = new ArrayList<>();
    List<Value> after = new ArrayList<>();
    start.add(n.b.scalar(ElementType.INT32, 0));
    Value count = s.addInput("iteration", ElementType.INT32, Shape.scalar());
    inside.add(count);
    start.add(goes == null ? n.b.scalar(ElementType.BOOL, 1) : scalar(n.b, goes));
    inside.add(s.addInput("condition", ElementType.BOOL, Shape.scalar()));
    for (Value v : first) {
      start.add(v);
      inside.add(s.addInput(v.name(), v.type(), v.shape()));
    }
    List<Value> states = List.copyOf(inside.subList(2, inside.size()));
    iteration.begin(body.scope, body.b, count, states);
    body.scope.run(g);
    int at = conditional ? 1 : 0;
    body.b.prefix("next");
    after.add(body.b.add(count, body.b.scalar(ElementType.INT32, 1)));
    Value next =
        conditional
            ? scalar(body.b, body.tensor(g.outputs().get(0).name()))
            : body.b.scalar(ElementType.BOOL, 1);
    after.add(own(body.b, next, after));
    for (int i = 0; i < states.size(); i++) {
      Value v = body.tensor(g.outputs().get(at + i).name());
      Value before = states.get(i);
      boolean kept =
          v.shape().equals(before.shape()) || declared(g.outputs().get(at + i), before.shape());
      if (v.type() != before.type() || !kept) {
        throw new Refusal(
            "its state '"
                + g.outputs().get(at + i).name()
                + "' is "
                + before.type()
                + before.shape()
                + " before an iteration and "
                + v.type()
                + v.shape()
                + " after it",
            "keep the shapes of a loop's states, or give it a fixed number of iterations");
      }
      after.add(own(body.b, v, after));
    }
    List<Collected> collected = new ArrayList<>();
    for (int i = at + states.size(); i < g.outputs().size(); i++) {
      Collected c = Collected.of(body.tensor(g.outputs().get(i).name()), most, conditional);
      start.add(c.start(n.b));
      Value soFar = s.addInput("collected", c.element.type(), c.shape());
      inside.add(soFar);
      after.add(c.add(body.b, soFar, count));
      collected.add(c);
    }
    Value limit = most == null || most.isConstant() ? null : body.capture.of(most);
    body.capture
        .passed()
        .forEach(
            (outer, inner) -> {
              start.add(outer);
              inside.add(inner);
              after.add(inner);
            });
    s.inputs(inside).outputs(after);
    Subgraph condition = condition(n, inside, most, limit);
    List<Value> out =
        n.b.emit(
            Op.of(OpKind.WHILE)
                .set("cond_subgraph_index", condition.index())
                .set("body_subgraph_index", s.index())
                .inputs(start),
            start.size());
    List<Value> results = new ArrayList<>(out.subList(2, 2 + states.size()));
    for (int i = 0; i < collected.size(); i++) {
      results.add(collected.get(i).end(n.b, out.get(2 + states.size() + i), out.get(0)));
    }
    return results;
  }

  /** Whether the model says that a result has this shape, where inference cannot tell. */
  private static boolean declared(OnnxModel.ValueInfo info, Shape shape) {
    List<OnnxModel.Dim> dims = info.shape();
    if (dims == null || !shape.isStatic() || dims.size() != shape.rank()) {
      return false;
    }
    for (int i = 0; i < dims.size(); i++) {
      if (dims.get(i).value() != shape.dim(i)) {
        return false;
      }
    }
    return true;
  }

  /**
   * How the results of iterations are collected: written into a tensor of the full size if that is
   * known, else appended. The tensor that is appended to starts with one element too many, since
   * the runtime carries no empty tensors.
   *
   * @param element what one iteration gives, in the body
   * @param most the size, or -1 if it is not known
   * @param early whether the loop may end before
   */
  private record Collected(Value element, int most, boolean early) {
    static Collected of(Value element, @Nullable Value most, boolean early) {
      boolean kernel =
          element.type() == ElementType.FLOAT32
              || element.type() == ElementType.INT32
              || element.type() == ElementType.INT64;
      long size = most != null && most.isConstant() && kernel ? most.longs()[0] : -1;
      long elements = size;
      for (int d : Build.fixedFrom(element, 0)) {
        elements *= d;
      }
      boolean fits = size > 0 && elements <= MOST_PREPARED;
      return new Collected(element, fits ? (int) size : -1, early);
    }

    private int[] dims(int first) {
      int[] element = this.element.shape().dims();
      int[] all = new int[element.length + 1];
      System.arraycopy(element, 0, all, 1, element.length);
      all[0] = first;
      return all;
    }

    Shape shape() {
      return Shape.of(dims(most));
    }

    Value start(Build b) {
      return b.filled(element.type(), 0, dims(most < 0 ? 1 : most));
    }

    Value add(Build b, Value soFar, Value count) {
      Value one = b.unsqueeze(element, 0);
      if (most < 0) {
        return b.concat(0, soFar, one);
      }
      int others = element.shape().rank();
      Value at = b.reshape(count, 1);
      if (others > 0) {
        at = b.concat(0, at, b.ints(new int[others]));
      }
      return b.emit(Op.of(OpKind.DYNAMIC_UPDATE_SLICE).inputs(soFar, one, at));
    }

    Value end(Build b, Value all, Value count) {
      int[] begin = new int[element.shape().rank() + 1];
      int[] size = dims(-1);
      if (most < 0) {
        begin[0] = 1;
        return b.emit(Op.of(OpKind.SLICE).inputs(all, b.ints(begin), b.ints(size)));
      }
      if (!early) {
        return all;
      }
      Value sizes = b.reshape(count, 1);
      if (size.length > 1) {
        sizes = b.concat(0, sizes, b.ints(Arrays.copyOfRange(size, 1, size.length)));
      }
      return b.emit(Op.of(OpKind.SLICE).inputs(all, b.ints(begin), sizes));
    }
  }

  private static Subgraph condition(
      Node n, List<Value> inside, @Nullable Value most, @Nullable Value limit) {
    Body body = Body.in(n, "condition");
    Subgraph s = body.subgraph;
    List<Value> inputs = new ArrayList<>();
    for (Value v : inside) {
      inputs.add(s.addInput(v.name(), v.type(), v.shape()));
    }
    body.b.prefix("goes");
    Value goes = inputs.get(1);
    if (most != null) {
      Value end = limit == null ? body.capture.of(most) : inputs.get(inside.indexOf(limit));
      end = scalar(body.b, end);
      // A count beyond what fits is as good as none.
      long known = end.isConstant() ? end.longs()[0] : 0;
      end =
          end.isConstant()
              ? body.b.scalar(ElementType.INT32, Math.min(known, Integer.MAX_VALUE))
              : body.b.cast(
                  body.b.binary(OpKind.MINIMUM, end, body.b.scalar(end.type(), Integer.MAX_VALUE)),
                  ElementType.INT32);
      goes = body.b.and(body.b.compare(OpKind.LESS, inputs.get(0), end), goes);
    }
    s.inputs(inputs).outputs(own(body.b, goes, Arrays.asList()));
    return s;
  }
}
