package io.jetfire.importer.onnx;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Reductions;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.stream.IntStream;

/** Operators along axes: reductions, arg-max, softmax, top-k, cumulative sums. */
final class ReductionOps {
  private ReductionOps() {}

  static void register(Map<String, Lowering> ops) {
    reduce(ops, "ReduceSum", 13, (r, x) -> r.reduce(OpKind.SUM, x));
    reduce(ops, "ReduceMean", 18, (r, x) -> r.reduce(OpKind.MEAN, x));
    reduce(ops, "ReduceProd", 18, (r, x) -> r.reduce(OpKind.REDUCE_PROD, x));
    reduce(ops, "ReduceMax", 18, (r, x) -> r.reduce(OpKind.REDUCE_MAX, x));
    reduce(ops, "ReduceMin", 18, (r, x) -> r.reduce(OpKind.REDUCE_MIN, x));
    reduce(ops, "ReduceL1", 18, (r, x) -> r.reduce(OpKind.SUM, r.n.b.abs(x)));
    reduce(
        ops,
        "ReduceL2",
        18,
        (r, x) -> r.real(x, f -> Functions.sqrt(r.n.b, r.reduce(OpKind.SUM, r.n.b.square(f)))));
    reduce(ops, "ReduceSumSquare", 18, (r, x) -> r.reduce(OpKind.SUM, r.n.b.square(x)));
    reduce(
        ops,
        "ReduceLogSum",
        18,
        (r, x) -> r.real(x, f -> Functions.log(r.n.b, r.reduce(OpKind.SUM, f))));
    reduce(ops, "ReduceLogSumExp", 18, (r, x) -> r.real(x, r::logSumExp));
    ops.put("ArgMax", n -> arg(n, OpKind.ARG_MAX));
    ops.put("ArgMin", n -> arg(n, OpKind.ARG_MIN));
    ops.put("Softmax", n -> n.out(softmax(n, OpKind.SOFTMAX)));
    ops.put("LogSoftmax", n -> n.out(softmax(n, OpKind.LOG_SOFTMAX)));
    ops.put("Hardmax", n -> n.out(softmax(n, OpKind.ONE_HOT)));
    ops.put("CumSum", ReductionOps::cumSum);
    ops.put("TopK", ReductionOps::topK);
    ops.put("Unique", ReductionOps::unique);
  }

  /** A reduction with its axes. */
  private record Reduction(Node n, int[] axes, boolean keep) {
    Value reduce(OpKind kind, Value x) {
      return n.b.reduce(kind, x, keep, axes);
    }

    Value real(Value x, java.util.function.UnaryOperator<Value> f) {
      return n.b.cast(f.apply(n.b.cast(x, ElementType.FLOAT32)), x.type());
    }

    Value logSumExp(Value x) {
      return Reductions.logSumExp(n.b, x, keep, axes);
    }
  }

  private static void reduce(
      Map<String, Lowering> ops,
      String name,
      int inputSince,
      BiFunction<Reduction, Value, Value> f) {
    ops.put(
        name,
        n -> {
          Value x = n.in(0);
          int rank = n.rank(x);
          int[] axes =
              n.opset < inputSince && !n.has(1) ? n.ints("axes") : n.knownOrAttribute(1, "axes");
          if (axes == null || axes.length == 0) {
            if (n.integer("noop_with_empty_axes", 0) != 0) {
              n.out(name.equals("ReduceSum") ? x : f.apply(new Reduction(n, new int[0], true), x));
              return;
            }
            axes = IntStream.range(0, rank).toArray();
          }
          int[] positive = Build.axes(axes, rank);
          boolean keep = n.integer("keepdims", 1) != 0;
          n.out(f.apply(new Reduction(n, positive, keep), x));
        });
  }

  private static void arg(Node n, OpKind kind) {
    Value x = n.in(0);
    int axis = n.axis(n.integer("axis", 0), n.rank(x));
    boolean last = n.integer("select_last_index", 0) != 0;
    Value data = last ? n.b.reverse(x, axis) : x;
    Value i = Reductions.argument(n.b, data, kind, axis);
    if (last) {
      Value end = n.b.add(n.b.cast(n.b.dimension(x, axis), ElementType.INT64), -1);
      i = n.b.sub(end, i);
    }
    n.out(n.integer("keepdims", 1) != 0 ? n.b.unsqueeze(i, axis) : i);
  }

  private static Value softmax(Node n, OpKind kind) {
    Value x = n.in(0);
    n.requireFloat(x);
    int rank = n.rank(x);
    if (n.opset >= 13) {
      int axis = n.axis(n.integer("axis", -1), rank);
      Value y = overLast(n, n.b.axisLast(x, axis), kind);
      return n.b.axisBack(y, axis);
    }
    int axis = n.axis(n.integer("axis", 1), rank);
    if (axis == rank - 1) {
      return overLast(n, x, kind);
    }
    // Older operator sets normalize over all dimensions from the axis on, as one.
    int[] d = n.fixedFrom(x, axis);
    int columns = 1;
    for (int i = axis; i < rank; i++) {
      columns *= d[i];
    }
    Value y = overLast(n, n.b.reshape(x, -1, columns), kind);
    return n.b.reshape(y, x.shape());
  }

  private static Value overLast(Node n, Value x, OpKind kind) {
    if (x.shape().rank() == 1) {
      Value two = n.b.reshape(x, 1, -1);
      return n.b.reshape(overLast(n, two, kind), x.shape().dims());
    }
    if (kind == OpKind.ONE_HOT) {
      Value i =
          n.b.emit(
              Op.of(OpKind.ARG_MAX)
                  .set("output_type", ElementType.INT32)
                  .inputs(x, n.b.ints(x.shape().rank() - 1)));
      return n.b.emit(
          Op.of(OpKind.ONE_HOT)
              .set("axis", -1)
              .inputs(
                  i,
                  n.b.scalar(
                      ElementType.INT32,
                      n.fixedFrom(x, x.shape().rank() - 1)[x.shape().rank() - 1]),
                  n.b.scalar(1),
                  n.b.scalar(0)));
    }
    return kind == OpKind.SOFTMAX ? n.b.softmax(x) : Reductions.logSoftmax(n.b, x);
  }

  private static void cumSum(Node n) {
    Value x = n.in(0);
    int axis = n.axis(n.known(1, "axis")[0], n.rank(x));
    boolean exclusive = n.integer("exclusive", 0) != 0;
    boolean reverse = n.integer("reverse", 0) != 0;
    n.out(Reductions.cumulativeSum(n.b, x, axis, exclusive, reverse));
  }

  private static void topK(Node n) {
    Value x = n.in(0);
    int rank = n.rank(x);
    int axis = n.axis(n.integer("axis", -1), rank);
    boolean largest = n.integer("largest", 1) != 0;
    Value k =
        n.opset < 10
            ? n.b.scalar(ElementType.INT32, n.integer("k", 1))
            : n.b.reshape(n.b.cast(n.in(1), ElementType.INT32));
    List<Value> r = Reductions.top(n.b, x, k, axis, largest);
    n.out(0, r.get(0));
    n.out(1, r.get(1));
  }

  private static void unique(Node n) {
    throw new Refusal(
        "TensorFlow Lite's UNIQUE keeps the order of first appearance and counts nothing",
        "compute unique values outside the model");
  }
}
