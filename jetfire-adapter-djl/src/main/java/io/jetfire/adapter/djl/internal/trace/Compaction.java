package io.jetfire.adapter.djl.internal.trace;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Drops what no output needs, and numbers the rest without gaps. */
final class Compaction {
  private Compaction() {}

  static Trace of(Trace trace) {
    Set<Integer> needed = new HashSet<>(trace.outputs());
    List<TraceOp> kept = new ArrayList<>();
    for (int i = trace.ops().size() - 1; i >= 0; i--) {
      TraceOp op = trace.ops().get(i);
      if (op.results().stream().anyMatch(needed::contains)) {
        needed.addAll(Trace.operands(op));
        needed.addAll(op.results());
        kept.add(0, op);
      }
    }
    needed.addAll(trace.inputs());
    int[] numbers = new int[trace.values().size()];
    Arrays.fill(numbers, -1);
    List<TraceValue> values = new ArrayList<>();
    Map<Integer, byte[]> data = new HashMap<>();
    for (TraceValue value : trace.values()) {
      if (needed.contains(value.id())) {
        int id = values.size();
        numbers[value.id()] = id;
        values.add(new TraceValue(id, value.kind(), value.name(), value.type(), value.shape()));
        byte[] content = trace.data().get(value.id());
        if (content != null) {
          data.put(id, content);
        }
      }
    }
    return new Trace(
        values,
        renumber(trace.inputs(), numbers),
        renumber(trace.outputs(), numbers),
        kept.stream().map(op -> renumber(op, numbers)).toList(),
        trace.fixedBatch(),
        data);
  }

  private static TraceOp renumber(TraceOp op, int[] numbers) {
    return new TraceOp(
        op.call(),
        numbers[op.on()],
        op.args().stream().map(arg -> renumber(arg, numbers)).toList(),
        renumber(op.results(), numbers),
        op.place(),
        op.source());
  }

  private static TraceArg renumber(TraceArg arg, int[] numbers) {
    if (arg instanceof TraceArg.Ref ref) {
      return new TraceArg.Ref(numbers[ref.value()]);
    } else if (arg instanceof TraceArg.Refs refs) {
      return new TraceArg.Refs(renumber(refs.values(), numbers));
    } else if (arg instanceof TraceArg.Index index) {
      return new TraceArg.Index(
          index.items().stream()
              .map(
                  item ->
                      item instanceof TraceArg.Item.Take take
                          ? new TraceArg.Item.Take(numbers[take.value()])
                          : item)
              .toList());
    }
    return arg;
  }

  private static List<Integer> renumber(List<Integer> ids, int[] numbers) {
    return ids.stream().map(id -> numbers[id]).toList();
  }
}
