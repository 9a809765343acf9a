package io.jetfire.tflite.importer.lowering;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * TFLite's WHILE and IF with the subgraphs that they run.
 *
 * <pre>{@code
 * // 100 times x = tanh(x), and all of them along a new first dimension
 * List<Value> out = ControlFlow.times(b, "walk", 100, List.of(x), (states, round, outer) -> {
 *   Value next = b.unary(OpKind.TANH, states.get(0));
 *   return List.of(next, next);
 * });
 * }</pre>
 *
 * <p>While a body is lowered, the builder appends to the body's subgraph. What the body reads of
 * the surrounding graph it must ask the {@link Capture} for.
 */
public final class ControlFlow {
  private ControlFlow() {}

  /** The body of a loop. */
  @FunctionalInterface
  public interface Body {
    /**
     * Lowers one round.
     *
     * @param states the states before, in the body
     * @param round the number of the round, a scalar of INT32 from 0
     * @param outer gives access to tensors of the surrounding graph
     * @return the states after, in the same order, then what is collected
     */
    List<Value> lower(List<Value> states, Value round, Capture outer);
  }

  /** A subgraph without states of its own. */
  @FunctionalInterface
  public interface Block {
    /**
     * Lowers it.
     *
     * @param inputs the states, in the subgraph
     * @param outer gives access to tensors of the surrounding graph
     * @return its results
     */
    List<Value> lower(List<Value> inputs, Capture outer);
  }

  /**
   * Runs a body a fixed number of times.
   *
   * @param b where the operator goes
   * @param name what its subgraphs are called after
   * @param rounds how often, at least 1
   * @param first the states before
   * @param body one round
   * @return the states after, then what was collected along a new first dimension
   */
  public static List<Value> times(Build b, String name, int rounds, List<Value> first, Body body) {
    Subgraph s = b.subgraph().graph().addSubgraph(name + "/body");
    Capture capture = new Capture(s);
    Value count = s.addInput("round", ElementType.INT32, Shape.scalar());
    List<Value> start = new ArrayList<>();
    List<Value> inside = new ArrayList<>();
    start.add(b.scalar(ElementType.INT32, 0));
    inside.add(count);
    for (Value v : first) {
      start.add(v);
      inside.add(s.addInput(v.name(), v.type(), v.shape()));
    }
    List<Value> states = List.copyOf(inside.subList(1, inside.size()));
    List<Value> collected = new ArrayList<>();
    List<Value> after =
        b.within(
            s,
            () -> {
              List<Value> out = new ArrayList<>();
              out.add(b.add(count, 1));
              List<Value> results = body.lower(states, count, capture);
              for (int i = 0; i < states.size(); i++) {
                requireSame(states.get(i), results.get(i));
                out.add(own(b, results.get(i), out));
              }
              for (Value v : results.subList(states.size(), results.size())) {
                int[] all = all(v, rounds);
                Value soFar = s.addInput("collected", v.type(), Shape.of(all));
                inside.add(soFar);
                collected.add(soFar);
                int[] zeros = new int[all.length - 1];
                Value at = b.reshape(count, 1);
                at = zeros.length == 0 ? at : b.concat(0, at, b.ints(zeros));
                out.add(
                    b.emit(
                        Op.of(OpKind.DYNAMIC_UPDATE_SLICE).inputs(soFar, b.unsqueeze(v, 0), at)));
              }
              return out;
            });
    for (Value v : collected) {
      start.add(b.filled(v.type(), 0, v.shape().dims()));
    }
    List<Value> out =
        loop(
            b,
            name,
            start,
            inside,
            after,
            capture,
            s,
            (in, outer) ->
                List.of(b.compare(OpKind.LESS, in.get(0), b.scalar(ElementType.INT32, rounds))));
    return out.subList(1, out.size());
  }

  private static int[] all(Value element, int rounds) {
    int[] one = Build.fixedFrom(element, 0);
    int[] all = new int[one.length + 1];
    System.arraycopy(one, 0, all, 1, one.length);
    all[0] = rounds;
    Build.count(all);
    return all;
  }

  /**
   * Runs a body as long as a condition holds, which is computed before every round.
   *
   * @param b where the operator goes
   * @param name what its subgraphs are called after
   * @param first the states before
   * @param condition gives one element of BOOL
   * @param body gives the states after a round
   * @return the states at last
   */
  public static List<Value> asLongAs(
      Build b, String name, List<Value> first, Block condition, Block body) {
    Subgraph s = b.subgraph().graph().addSubgraph(name + "/body");
    Capture capture = new Capture(s);
    List<Value> inside = new ArrayList<>();
    for (Value v : first) {
      inside.add(s.addInput(v.name(), v.type(), v.shape()));
    }
    List<Value> states = List.copyOf(inside);
    List<Value> after =
        b.within(
            s,
            () -> {
              List<Value> out = new ArrayList<>();
              List<Value> results = body.lower(states, capture);
              for (int i = 0; i < states.size(); i++) {
                requireSame(states.get(i), results.get(i));
                out.add(own(b, results.get(i), out));
              }
              return out;
            });
    return loop(b, name, new ArrayList<>(first), inside, after, capture, s, condition)
        .subList(0, first.size());
  }

  private static List<Value> loop(
      Build b,
      String name,
      List<Value> start,
      List<Value> inside,
      List<Value> after,
      Capture capture,
      Subgraph body,
      Block condition) {
    int states = start.size();
    Subgraph c = b.subgraph().graph().addSubgraph(name + "/condition");
    Capture other = new Capture(c);
    List<Value> inputs = new ArrayList<>();
    for (Value v : inside) {
      inputs.add(c.addInput(v.name(), v.type(), v.shape()));
    }
    List<Value> seen = List.copyOf(inputs);
    Value goes =
        b.within(c, () -> own(b, b.reshape(condition.lower(seen, other).get(0)), List.of()));
    Set<Value> passed = new LinkedHashSet<>(capture.passed().keySet());
    passed.addAll(other.passed().keySet());
    for (Value v : passed) {
      start.add(v);
      inside.add(capture.of(v));
      after.add(capture.of(v));
      inputs.add(other.of(v));
    }
    body.inputs(inside).outputs(after);
    c.inputs(inputs).outputs(goes);
    return b.emit(
            Op.of(OpKind.WHILE)
                .set("cond_subgraph_index", c.index())
                .set("body_subgraph_index", body.index())
                .inputs(start),
            start.size())
        .subList(0, states);
  }

  /**
   * Runs one of two blocks.
   *
   * @param b where the operator goes
   * @param name what its subgraphs are called after
   * @param condition one element of BOOL
   * @param then runs if it is true
   * @param otherwise runs if it is false
   * @return the results, which have the same types in both
   */
  public static List<Value> choose(
      Build b, String name, Value condition, Block then, Block otherwise) {
    List<Subgraph> subgraphs = new ArrayList<>();
    List<Capture> captures = new ArrayList<>();
    Set<Value> passed = new LinkedHashSet<>();
    for (Block block : Arrays.asList(then, otherwise)) {
      String which = subgraphs.isEmpty() ? "/then" : "/else";
      Subgraph s = b.subgraph().graph().addSubgraph(name + which);
      Capture capture = new Capture(s);
      subgraphs.add(s);
      captures.add(capture);
      s.outputs(
          b.within(
              s,
              () -> {
                List<Value> out = new ArrayList<>();
                block.lower(List.of(), capture).forEach(v -> out.add(own(b, v, out)));
                return out;
              }));
      passed.addAll(capture.passed().keySet());
    }
    for (int i = 0; i < 2; i++) {
      subgraphs.get(i).inputs(passed.stream().map(captures.get(i)::of).toList());
    }
    List<Value> one = subgraphs.get(0).outputs();
    List<Value> other = subgraphs.get(1).outputs();
    if (one.size() != other.size()) {
      throw new Refusal("its branches have different numbers of results", "export it anew");
    }
    for (int i = 0; i < one.size(); i++) {
      if (one.get(i).type() != other.get(i).type()) {
        throw new Refusal("its branches give different types", "cast them to one type");
      }
    }
    List<Value> inputs = new ArrayList<>();
    inputs.add(b.reshape(condition));
    inputs.addAll(passed);
    return b.emit(
        Op.of(OpKind.IF)
            .set("then_subgraph_index", subgraphs.get(0).index())
            .set("else_subgraph_index", subgraphs.get(1).index())
            .inputs(inputs),
        one.size());
  }

  private static void requireSame(Value before, Value after) {
    if (before.type() != after.type() || !before.shape().equals(after.shape())) {
      throw new Refusal(
          "its state '"
              + before.name()
              + "' is "
              + before.type()
              + before.shape()
              + " before a round and "
              + after.type()
              + after.shape()
              + " after it",
          "keep the types and shapes of a loop's states");
    }
  }

  /** A result that is no input, constant or other result of its subgraph: a copy where it is. */
  private static Value own(Build b, Value v, List<Value> others) {
    return !v.isInput() && !v.isConstant() && !others.contains(v) ? v : b.copy(v);
  }
}
