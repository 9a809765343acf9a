package io.jetfire.adapter.djl.internal.lower;

import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** What moves numbers without changing them: shapes, order of dimensions, joining, repeating. */
final class ShapeRules {
  private ShapeRules() {}

  static void addTo(Map<String, Rule> rules) {
    for (String method : List.of("reshape", "flatten", "expandDims", "squeeze")) {
      rules.put(method, call -> call.result(call.emit().reshape(call.on(), call.resultShape())));
    }
    rules.put("transpose", ShapeRules::transpose);
    rules.put("swapAxes", ShapeRules::swapAxes);
    rules.put("concat", ShapeRules::concat);
    rules.put("stack", ShapeRules::stack);
    rules.put("pad", ShapeRules::pad);
    rules.put("broadcast", ShapeRules::broadcast);
    rules.put("tile", ShapeRules::tile);
    rules.put("repeat", ShapeRules::repeat);
    rules.put("flip", ShapeRules::flip);
    rules.put("toType", ShapeRules::toType);
  }

  /** The order of dimensions in which two have changed places. */
  static int[] swap(int rank, int a, int b) {
    int[] order = IntStream.range(0, rank).toArray();
    order[a] = b;
    order[b] = a;
    return order;
  }

  private static void transpose(TracedCall call) {
    int rank = Emitter.shape(call.on()).length;
    int[] order =
        call.argCount() == 0
            ? IntStream.range(0, rank).map(i -> rank - 1 - i).toArray()
            : IntStream.of(call.dims(0)).map(a -> Math.floorMod(a, rank)).toArray();
    call.result(call.emit().transpose(call.on(), order));
  }

  private static void swapAxes(TracedCall call) {
    int rank = Emitter.shape(call.on()).length;
    int a = Math.floorMod(call.whole(0), rank);
    int b = Math.floorMod(call.whole(1), rank);
    call.result(call.emit().transpose(call.on(), swap(rank, a, b)));
  }

  /** The receiver and the arrays of the first argument, and the axis of the last one, or zero. */
  private static List<Value> joined(TracedCall call) {
    List<Value> values = new ArrayList<>();
    values.add(call.on());
    if (call.isArray(0)) {
      values.add(call.array(0));
    } else {
      values.addAll(call.arrays(0));
    }
    values.replaceAll(v -> call.emit().cast(v, call.resultType()));
    return values;
  }

  private static int joinAxis(TracedCall call) {
    int rank = call.resultShape().length;
    return call.argCount() < 2 ? 0 : Math.floorMod(call.whole(1), rank);
  }

  private static void concat(TracedCall call) {
    List<Value> values = joined(call);
    call.result(values.size() == 1 ? values.get(0) : call.emit().concat(values, joinAxis(call)));
  }

  private static void stack(TracedCall call) {
    List<Value> values = joined(call);
    int axis = joinAxis(call);
    call.result(
        call.emit()
            .op(
                OpKind.PACK,
                call.resultType(),
                call.resultShape(),
                op -> op.set("values_count", values.size()).set("axis", axis),
                values.toArray(new Value[0])));
  }

  /** pad(padding, value): pairs of before and after, the last dimension first. */
  private static void pad(TracedCall call) {
    int rank = Emitter.shape(call.on()).length;
    int[] pairs = call.dims(0);
    int[][] padding = new int[rank][2];
    for (int i = 0; i < pairs.length / 2; i++) {
      padding[rank - 1 - i] = new int[] {pairs[2 * i], pairs[2 * i + 1]};
      if (pairs[2 * i] < 0 || pairs[2 * i + 1] < 0) {
        throw new Unsupported("it cuts off by negative padding", "use get(...) to cut");
      }
    }
    call.result(call.emit().pad(call.on(), padding, (float) call.number(1)));
  }

  private static void broadcast(TracedCall call) {
    int[] shape = call.resultShape();
    Value value = call.on();
    call.result(
        Arrays.equals(shape, Emitter.shape(value))
            ? value
            : call.emit()
                .op(OpKind.BROADCAST_TO, value.type(), shape, value, call.emit().ints(shape)));
  }

  /** tile(n) or tile(repeats), the latter for the last dimensions or with new ones in front. */
  private static void tile(TracedCall call) {
    int[] shape = Emitter.shape(call.on());
    int[] result = call.resultShape();
    int[] aligned = new int[result.length];
    Arrays.fill(aligned, 1);
    System.arraycopy(shape, 0, aligned, result.length - shape.length, shape.length);
    int[] repeats = new int[result.length];
    for (int i = 0; i < repeats.length; i++) {
      repeats[i] = result[i] / aligned[i];
    }
    Value value = call.emit().reshape(call.on(), aligned);
    call.result(
        call.emit().op(OpKind.TILE, value.type(), result, value, call.emit().ints(repeats)));
  }

  /** Each element so many times in a row, unlike tile. */
  private static void repeat(TracedCall call) {
    int[] result = call.resultShape();
    Value value = call.on();
    int[] shape = Emitter.shape(value);
    if (shape.length != result.length) {
      throw new Unsupported("it adds dimensions", "use expandDims and repeat along an axis");
    }
    for (int axis = 0; axis < shape.length; axis++) {
      int times = result[axis] / Math.max(1, shape[axis]);
      if (times != 1) {
        int[] indices = IntStream.range(0, result[axis]).map(i -> i / times).toArray();
        value = call.emit().gather(value, call.emit().ints(indices), axis);
      }
    }
    call.result(value);
  }

  private static void flip(TracedCall call) {
    int rank = Emitter.shape(call.on()).length;
    Value value = call.on();
    for (int axis : call.dims(0)) {
      value =
          call.emit().like(OpKind.REVERSE_V2, value, call.emit().ints(Math.floorMod(axis, rank)));
    }
    call.result(value);
  }

  private static void toType(TracedCall call) {
    call.result(call.emit().cast(call.on(), call.resultType()));
  }
}
