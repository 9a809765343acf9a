package io.jetfire.adapter.djl.internal.lower;

import io.jetfire.adapter.djl.internal.trace.TraceArg;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import java.util.Map;
import java.util.stream.IntStream;

/** What makes fewer numbers of many, and normalizations by them. */
final class ReductionRules {
  private ReductionRules() {}

  static void addTo(Map<String, Rule> rules) {
    rules.put("mean", call -> reduce(call, OpKind.MEAN));
    rules.put("sum", call -> reduce(call, OpKind.SUM));
    rules.put("max", call -> reduce(call, OpKind.REDUCE_MAX));
    rules.put("min", call -> reduce(call, OpKind.REDUCE_MIN));
    rules.put("prod", call -> reduce(call, OpKind.REDUCE_PROD));
    rules.put("argMax", call -> position(call, OpKind.ARG_MAX));
    rules.put("argMin", call -> position(call, OpKind.ARG_MIN));
    rules.put("cumSum", ReductionRules::cumulativeSum);
    rules.put("topK", ReductionRules::topK);
    rules.put("layerNorm", ReductionRules::layerNorm);
    rules.put("normalize", ReductionRules::normalize);
    rules.put("norm", ReductionRules::norm);
  }

  /** mean(), mean(axes), mean(axes, keepDims). */
  private static void reduce(TracedCall call, OpKind kind) {
    Value value = call.emit().cast(call.on(), call.resultType());
    int rank = Emitter.shape(value).length;
    int[] axes =
        call.argCount() == 0 ? IntStream.range(0, rank).toArray() : normalized(call.dims(0), rank);
    boolean keep = call.argCount() > 1 && call.flag(1);
    call.result(call.emit().reduce(kind, value, keep, axes));
  }

  private static int[] normalized(int[] axes, int rank) {
    return IntStream.of(axes).map(a -> Math.floorMod(a, rank)).distinct().sorted().toArray();
  }

  private static void position(TracedCall call, OpKind kind) {
    Emitter emit = call.emit();
    Value value = call.on();
    int axis;
    if (call.argCount() == 0) {
      int[] shape = Emitter.shape(value);
      value = emit.reshape(value, IntStream.of(shape).reduce(1, Math::multiplyExact));
      axis = 0;
    } else {
      axis = Math.floorMod(call.whole(0), Emitter.shape(value).length);
    }
    ElementType type = call.resultType();
    call.result(
        emit.op(
            kind,
            type,
            call.resultShape(),
            op -> op.set("output_type", type),
            value,
            emit.intScalar(axis)));
  }

  private static void cumulativeSum(TracedCall call) {
    Value value = call.emit().cast(call.on(), call.resultType());
    int rank = Emitter.shape(value).length;
    int axis = call.argCount() == 0 ? 0 : Math.floorMod(call.whole(0), rank);
    call.result(call.emit().like(OpKind.CUMSUM, value, call.emit().intScalar(axis)));
  }

  /** topK(k, axis) or topK(k, axis, largest, sorted): values and positions. */
  private static void topK(TracedCall call) {
    Emitter emit = call.emit();
    int rank = Emitter.shape(call.on()).length;
    int axis = Math.floorMod(call.whole(1), rank);
    if (axis != rank - 1 || (call.argCount() > 2 && !call.flag(2))) {
      throw new Unsupported(
          "TensorFlow Lite finds the largest numbers along the last dimension",
          "move the dimension to the end, and negate to find the smallest");
    }
    int[] shape = call.resultShape();
    Value numbers =
        emit.subgraph().addValue(call.op().place() + "/topK", call.on().type(), Shape.of(shape));
    Value positions =
        emit.subgraph()
            .addValue(call.op().place() + "/topK/positions", ElementType.INT32, Shape.of(shape));
    emit.subgraph()
        .append(
            Op.of(OpKind.TOPK_V2)
                .inputs(call.on(), emit.intScalar(call.whole(0)))
                .outputs(numbers, positions));
    call.result(0, numbers);
    call.result(1, emit.cast(positions, ElementType.INT64));
  }

  /** layerNorm(input, normalizedShape, gamma, beta, epsilon). */
  private static void layerNorm(TracedCall call) {
    Emitter emit = call.emit();
    Value x = call.array(0);
    int rank = Emitter.shape(x).length;
    int[] normalized = call.dims(1);
    int[] axes = IntStream.range(rank - normalized.length, rank).toArray();
    Value centered = emit.binary(OpKind.SUB, x, emit.reduce(OpKind.MEAN, x, true, axes));
    Value variance = emit.reduce(OpKind.MEAN, emit.like(OpKind.SQUARE, centered), true, axes);
    Value factor = emit.like(OpKind.RSQRT, emit.binary(OpKind.ADD, variance, call.number(4)));
    Value result = emit.binary(OpKind.MUL, centered, factor);
    if (!call.isNone(2)) {
      result = emit.binary(OpKind.MUL, result, call.array(2));
    }
    if (!call.isNone(3)) {
      result = emit.binary(OpKind.ADD, result, call.array(3));
    }
    call.result(result);
  }

  /** normalize(), normalize(p, axis), normalize(p, axis, epsilon): x / max(norm, epsilon). */
  private static void normalize(TracedCall call) {
    if (call.op().call().startsWith("NDArrayEx")) {
      throw new Unsupported(
          "an image is normalized inside the model by arrays", "do it in the preprocessing");
    }
    Emitter emit = call.emit();
    double p = call.argCount() > 0 ? call.number(0) : 2;
    if (p != 2) {
      throw new Unsupported("it uses the norm of order " + p, "use order 2");
    }
    int rank = Emitter.shape(call.on()).length;
    int axis = Math.floorMod(call.argCount() > 1 ? call.whole(1) : 1, rank);
    double epsilon = call.argCount() > 2 ? call.number(2) : 1e-12;
    Value norm = norm(emit, call.on(), true, axis);
    call.result(emit.binary(OpKind.DIV, call.on(), emit.binary(OpKind.MAXIMUM, norm, epsilon)));
  }

  private static Value norm(Emitter emit, Value x, boolean keep, int... axes) {
    return emit.like(OpKind.SQRT, emit.reduce(OpKind.SUM, emit.like(OpKind.SQUARE, x), keep, axes));
  }

  /** norm(), norm(keepDims), norm(axes), norm(axes, keepDims), norm(order, axes, keepDims). */
  private static void norm(TracedCall call) {
    int rank = Emitter.shape(call.on()).length;
    int[] axes = IntStream.range(0, rank).toArray();
    boolean keep = false;
    for (int i = 0; i < call.argCount(); i++) {
      if (call.arg(i) instanceof TraceArg.Dims) {
        int[] given = normalized(call.dims(i), rank);
        axes = given.length == 0 ? axes : given;
      } else if (call.arg(i) instanceof TraceArg.Flag) {
        keep = call.flag(i);
      } else if (call.whole(i) != 2) {
        throw new Unsupported("it uses the norm of order " + call.whole(i), "use order 2");
      }
    }
    call.result(norm(call.emit(), call.on(), keep, axes));
  }
}
