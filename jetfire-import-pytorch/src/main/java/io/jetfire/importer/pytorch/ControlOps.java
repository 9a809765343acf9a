package io.jetfire.importer.pytorch;

import com.fasterxml.jackson.databind.JsonNode;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Operators that have graphs as arguments. A branch whose condition is known only at run time
 * becomes both bodies and a choice of their results.
 */
final class ControlOps {
  private ControlOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("higher_order.cond", ControlOps::branch);
    ops.put("higher_order.wrap_with_set_grad_enabled", ControlOps::wrapped);
    ops.put("higher_order.wrap_with_autocast", ControlOps::wrapped);
    ops.put("higher_order.hints_wrapper", ControlOps::wrapped);
    for (String loop : List.of("while_loop", "scan", "map_impl", "associative_scan")) {
      ops.put(
          "higher_order." + loop,
          c -> {
            throw new Refusal(
                "its number of rounds is known only while the model runs",
                "write the loop in Python, which export unrolls");
          });
    }
  }

  private static void branch(Call c) {
    Value condition = c.tensor(c.argumentNames().get(0));
    List<Value> operands = c.operands(c.argumentNames().get(3));
    if (condition.isConstant()) {
      boolean then = condition.longs()[0] != 0;
      c.out(inlined(c, c.graph(c.argumentNames().get(then ? 1 : 2)), operands));
      return;
    }
    // Operators have no effects besides their results: both branches run, one result is taken.
    List<Value> one = inlined(c, c.graph(c.argumentNames().get(1)), operands);
    List<Value> other = inlined(c, c.graph(c.argumentNames().get(2)), operands);
    for (int i = 0; i < Math.min(one.size(), other.size()); i++) {
      c.out(i, c.b.select(c.b.reshape(condition), one.get(i), other.get(i)));
    }
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
