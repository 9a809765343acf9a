package io.jetfire.importer.pytorch;

import com.fasterxml.jackson.databind.JsonNode;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Capture;
import io.jetfire.tflite.importer.lowering.ControlFlow;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Operators that have graphs as arguments: branches and loops become IF and WHILE, unless the
 * condition is known now.
 */
final class ControlOps {
  private ControlOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("higher_order.cond", ControlOps::branch);
    ops.put("higher_order.wrap_with_set_grad_enabled", ControlOps::wrapped);
    ops.put("higher_order.wrap_with_autocast", ControlOps::wrapped);
    ops.put("higher_order.hints_wrapper", ControlOps::wrapped);
    ops.put("higher_order.while_loop", ControlOps::whileLoop);
    ops.put("higher_order.map_impl", ControlOps::map);
    ops.put("higher_order.scan", ControlOps::scan);
    ops.put(
        "higher_order.associative_scan",
        c -> {
          throw new Refusal(
              "it combines elements in an order of its own", "use scan, or cumsum and the like");
        });
  }

  private static void branch(Call c) {
    List<String> names = c.argumentNames();
    Value condition = c.tensor(names.get(0));
    List<Value> operands = c.operands(names.get(3));
    if (condition.isConstant()) {
      boolean then = condition.longs()[0] != 0;
      c.out(inlined(c, c.graph(names.get(then ? 1 : 2)), operands));
      return;
    }
    c.out(
        ControlFlow.choose(
            c.b,
            c.label(),
            condition,
            (none, outer) -> inlined(c, c.graph(names.get(1)), passed(operands, outer)),
            (none, outer) -> inlined(c, c.graph(names.get(2)), passed(operands, outer))));
  }

  private static List<Value> passed(List<Value> operands, Capture outer) {
    return operands.stream().map(outer::of).toList();
  }

  private static List<Value> joined(List<Value> first, List<Value> second) {
    List<Value> all = new ArrayList<>(first);
    all.addAll(second);
    return all;
  }

  /** Arguments: the condition, the body, the states, what else both read. */
  private static void whileLoop(Call c) {
    List<String> names = c.argumentNames();
    List<Value> more = names.size() > 3 ? c.operands(names.get(3)) : List.of();
    c.out(
        ControlFlow.asLongAs(
            c.b,
            c.label(),
            c.operands(names.get(2)),
            (states, outer) ->
                inlined(c, c.graph(names.get(0)), joined(states, passed(more, outer))),
            (states, outer) ->
                inlined(c, c.graph(names.get(1)), joined(states, passed(more, outer)))));
  }

  /** Arguments: the body, what it runs over, what else it reads. */
  private static void map(Call c) {
    List<String> names = c.argumentNames();
    over(c, names.get(0), List.of(), c.operands(names.get(1)), c.operands(names.get(2)));
  }

  /** Arguments: the body, the first states, what it runs over, what else it reads. */
  private static void scan(Call c) {
    List<String> names = c.argumentNames();
    List<Value> more = names.size() > 3 ? c.operands(names.get(3)) : List.of();
    over(c, names.get(0), c.operands(names.get(1)), c.operands(names.get(2)), more);
  }

  /** Runs a body over the first dimension of tensors. */
  private static void over(
      Call c, String body, List<Value> first, List<Value> data, List<Value> more) {
    if (data.isEmpty()) {
      throw new Refusal("it runs over no tensors", "export the program anew");
    }
    int rounds = Build.fixedFrom(data.get(0), 0)[0];
    c.out(
        ControlFlow.times(
            c.b,
            c.label(),
            rounds,
            first,
            (states, round, outer) -> {
              List<Value> arguments = new ArrayList<>(states);
              data.forEach(v -> arguments.add(c.b.gather(outer.of(v), round, 0)));
              arguments.addAll(passed(more, outer));
              return inlined(c, c.graph(body), arguments);
            }));
  }

  /** A body that runs as it is: switches of gradients and of automatic precision. */
  private static void wrapped(Call c) {
    JsonNode body = null;
    List<Value> operands = new ArrayList<>();
    for (String name : c.argumentNames()) {
      JsonNode arg = c.argument(name);
      if (arg.has("as_graph")) {
        body = c.graph(name);
      } else if (arg.has("as_tensor")) {
        operands.add(c.tensor(name));
      } else if (arg.has("as_tensors")) {
        operands.addAll(c.tensors(name));
      }
    }
    if (body == null) {
      throw new Refusal("it has no body", "export the program anew");
    }
    c.out(inlined(c, body, operands));
  }

  private static List<Value> inlined(Call c, JsonNode body, List<Value> operands) {
    Scope inner = c.scope().child(body);
    List<String> inputs = names(body.path("inputs"));
    if (inputs.size() > operands.size()) {
      throw new Refusal(
          "its body takes " + inputs.size() + " tensors of " + operands.size(),
          "export the program anew");
    }
    for (int i = 0; i < inputs.size(); i++) {
      inner.define(inputs.get(i), operands.get(i));
    }
    inner.run();
    return names(body.path("outputs")).stream().map(inner::value).toList();
  }

  private static List<String> names(JsonNode arguments) {
    List<String> names = new ArrayList<>();
    for (JsonNode arg : arguments) {
      arg.path("as_tensors").forEach(t -> names.add(t.path("name").asText()));
      if (arg.has("as_tensor")) {
        names.add(arg.path("as_tensor").path("name").asText());
      } else if (!arg.has("as_tensors") && !arg.has("as_none")) {
        arg.elements().forEachRemaining(v -> names.add(v.path("as_name").asText()));
      }
    }
    return names;
  }
}
