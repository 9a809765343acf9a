package io.jetfire.adapter.djl.internal.lower;

import io.jetfire.adapter.djl.internal.trace.Dim;
import io.jetfire.adapter.djl.internal.trace.TraceArg;
import io.jetfire.adapter.djl.internal.trace.TraceArg.Item;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** What takes a part of an array. */
final class IndexRules {
  private IndexRules() {}

  static void addTo(Map<String, Rule> rules) {
    rules.put("get", IndexRules::get);
    rules.put("split", IndexRules::split);
    rules.put("take", IndexRules::take);
    rules.put("embedding", IndexRules::embedding);
    rules.put("oneHot", IndexRules::oneHot);
  }

  /** First cuts along every dimension, then takes positions along one, then fixes the shape. */
  private static void get(TracedCall call) {
    Value value = call.on();
    int[] shape = Emitter.shape(value);
    int rank = shape.length;
    int[] begin = new int[rank];
    int[] end = shape.clone();
    int[] step = new int[rank];
    Arrays.fill(step, 1);
    int takeAxis = -1;
    int takeId = -1;
    int axis = 0;
    for (Item item : call.index(0).items()) {
      if (item instanceof Item.Ellipsis) {
        axis = rank - dimensionsBehindEllipsis(call.index(0));
      } else if (item instanceof Item.All) {
        axis++;
      } else if (item instanceof Item.At at) {
        int position = call.number(at.position());
        begin[axis] = position < 0 ? position + shape[axis] : position;
        end[axis] = begin[axis] + 1;
        axis++;
      } else if (item instanceof Item.Range range) {
        step[axis] = range.step().isEmpty() ? 1 : call.number(range.step().get(0));
        begin[axis] = bound(call, range.from(), 0, shape[axis]);
        end[axis] = Math.max(begin[axis], bound(call, range.to(), shape[axis], shape[axis]));
        axis++;
      } else if (item instanceof Item.Take take) {
        if (takeAxis >= 0) {
          throw new Unsupported(
              "it takes positions along several dimensions", "take along one after the other");
        }
        if (call.value(take.value()).type() == ElementType.BOOL) {
          throw new Unsupported(
              "how many numbers a mask takes depends on the input",
              "multiply with the mask, or use where");
        }
        takeAxis = axis++;
        takeId = take.value();
      }
    }
    Value cut = cut(call.emit(), value, begin, end, step);
    if (takeAxis >= 0) {
      cut = call.emit().gather(cut, positions(call, takeId, shape[takeAxis]), takeAxis);
    }
    call.result(call.emit().reshape(cut, call.resultShape()));
  }

  private static int dimensionsBehindEllipsis(TraceArg.Index index) {
    int count = 0;
    boolean behind = false;
    for (Item item : index.items()) {
      if (item instanceof Item.Ellipsis) {
        behind = true;
      } else if (behind && !(item instanceof Item.NewAxis)) {
        count++;
      }
    }
    return count;
  }

  /** A bound that is open, counted from the end, or beyond it. */
  private static int bound(TracedCall call, List<Dim> bound, int open, int extent) {
    if (bound.isEmpty()) {
      return open;
    }
    int position = call.number(bound.get(0));
    return Math.max(0, Math.min(extent, position < 0 ? position + extent : position));
  }

  private static Value cut(Emitter emit, Value value, int[] begin, int[] end, int[] step) {
    int[] size = new int[begin.length];
    boolean plain = true;
    for (int i = 0; i < size.length; i++) {
      size[i] = (end[i] - begin[i] + step[i] - 1) / step[i];
      plain &= step[i] == 1;
    }
    return plain
        ? emit.slice(value, begin, size)
        : emit.op(
            OpKind.STRIDED_SLICE,
            value.type(),
            size,
            value,
            emit.ints(begin),
            emit.ints(end),
            emit.ints(step));
  }

  /** Positions without negative ones, which TensorFlow Lite does not count from the end. */
  private static Value positions(TracedCall call, int id, int extent) {
    float[] stored = call.storedFloats(id).orElse(null);
    if (stored == null) {
      return call.value(id);
    }
    int[] positions = new int[stored.length];
    for (int i = 0; i < positions.length; i++) {
      positions[i] = (int) (stored[i] < 0 ? stored[i] + extent : stored[i]);
    }
    return call.emit().reshape(call.emit().ints(positions), Emitter.shape(call.value(id)));
  }

  /** split(sections), split(indices), each with an axis or along the first. */
  private static void split(TracedCall call) {
    Emitter emit = call.emit();
    int rank = Emitter.shape(call.on()).length;
    int axis = call.argCount() < 2 ? 0 : Math.floorMod(call.whole(1), rank);
    int[] sizes = new int[call.resultCount()];
    List<Value> parts = new ArrayList<>();
    boolean equal = true;
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = call.resultShape(i)[axis];
      equal &= sizes[i] == sizes[0];
      parts.add(
          emit.subgraph()
              .addValue(
                  call.op().place() + "/split", call.on().type(), Shape.of(call.resultShape(i))));
    }
    Op op =
        Op.of(equal ? OpKind.SPLIT : OpKind.SPLIT_V).set("num_splits", sizes.length).outputs(parts);
    if (equal) {
      op.inputs(emit.intScalar(axis), call.on());
    } else {
      op.inputs(call.on(), emit.ints(sizes), emit.intScalar(axis));
    }
    emit.subgraph().append(op);
    for (int i = 0; i < sizes.length; i++) {
      call.result(i, parts.get(i));
    }
  }

  /** take(positions): of the numbers in one row. */
  private static void take(TracedCall call) {
    int count = Arrays.stream(Emitter.shape(call.on())).reduce(1, Math::multiplyExact);
    Value row = call.emit().reshape(call.on(), count);
    call.result(call.emit().gather(row, positions(call, call.arrayId(0), count), 0));
  }

  /** embedding(positions, table, sparse). */
  private static void embedding(TracedCall call) {
    call.result(call.emit().gather(call.array(1), call.array(0), 0));
  }

  /** oneHot(depth) or oneHot(depth, type). */
  private static void oneHot(TracedCall call) {
    Emitter emit = call.emit();
    ElementType type = call.resultType();
    Value indices = emit.cast(call.on(), ElementType.INT32);
    call.result(
        emit.op(
            OpKind.ONE_HOT,
            type,
            call.resultShape(),
            op -> op.set("axis", -1),
            indices,
            emit.intScalar(call.whole(0)),
            emit.scalar(type, 1),
            emit.scalar(type, 0)));
  }
}
