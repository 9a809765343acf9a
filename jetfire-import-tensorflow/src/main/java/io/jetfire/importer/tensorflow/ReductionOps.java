package io.jetfire.importer.tensorflow;

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
import java.util.stream.IntStream;

/** Reductions, softmax, extremes, sums along axes, and normalizations. */
final class ReductionOps {
  private ReductionOps() {}

  static void register(Map<String, Lowering> ops) {
    reduction(ops, "Sum", OpKind.SUM);
    reduction(ops, "Mean", OpKind.MEAN);
    reduction(ops, "Max", OpKind.REDUCE_MAX);
    reduction(ops, "Min", OpKind.REDUCE_MIN);
    reduction(ops, "Prod", OpKind.REDUCE_PROD);
    reduction(ops, "All", OpKind.REDUCE_ALL);
    reduction(ops, "Any", OpKind.REDUCE_ANY);
    ops.put(
        "EuclideanNorm",
        n ->
            n.out(
                Functions.sqrt(
                    n.b, n.b.reduce(OpKind.SUM, n.b.square(n.in(0)), keeps(n), axes(n)))));
    ops.put(
        "L2Loss",
        n -> {
          Value x = n.in(0);
          int[] all = IntStream.range(0, Build.rank(x)).toArray();
          n.out(n.b.mul(n.b.reduce(OpKind.SUM, n.b.square(x), false, all), 0.5));
        });
    ops.put("ArgMax", n -> argument(n, OpKind.ARG_MAX));
    ops.put("ArgMin", n -> argument(n, OpKind.ARG_MIN));
    ops.put("Softmax", n -> n.out(softmax(n, false)));
    ops.put("LogSoftmax", n -> n.out(softmax(n, true)));
    ops.put("TopKV2", n -> top(n, n.in(1)));
    ops.put("TopK", n -> top(n, n.b.scalar(ElementType.INT32, n.integer("k", 1))));
    ops.put("Cumsum", ReductionOps::cumulative);
    ops.put("FusedBatchNorm", ReductionOps::batchNorm);
    ops.put("FusedBatchNormV2", ReductionOps::batchNorm);
    ops.put("FusedBatchNormV3", ReductionOps::batchNorm);
    ops.put("BatchNormWithGlobalNormalization", ReductionOps::oldBatchNorm);
    ops.put("LRN", ReductionOps::localResponse);
    segments(ops, "UnsortedSegmentSum", OpKind.UNSORTED_SEGMENT_SUM);
    segments(ops, "UnsortedSegmentMax", OpKind.UNSORTED_SEGMENT_MAX);
    segments(ops, "UnsortedSegmentMin", OpKind.UNSORTED_SEGMENT_MIN);
    segments(ops, "UnsortedSegmentProd", OpKind.UNSORTED_SEGMENT_PROD);
  }

  private static void reduction(Map<String, Lowering> ops, String name, OpKind kind) {
    ops.put(name, n -> n.out(n.b.reduce(kind, n.in(0), keeps(n), axes(n))));
  }

  private static boolean keeps(Node n) {
    return n.flag("keep_dims", n.flag("keepdims", false));
  }

  private static int[] axes(Node n) {
    return Build.axes(n.known(1, "axes"), Build.rank(n.in(0)));
  }

  private static void argument(Node n, OpKind kind) {
    Value x = n.in(0);
    int axis = Build.axis(n.inputs() > 1 ? n.knownOne(1, "axis") : 0, Build.rank(x));
    Value at = Reductions.argument(n.b, x, kind, axis);
    n.out(n.b.cast(at, n.elementType("output_type", Types.INT64)));
  }

  private static Value softmax(Node n, boolean logarithm) {
    Value x = n.in(0);
    return Reductions.softmax(n.b, x, Build.rank(x) - 1, logarithm);
  }

  private static void top(Node n, Value k) {
    Value x = n.in(0);
    List<Value> found =
        Reductions.top(n.b, x, n.b.cast(k, ElementType.INT32), Build.rank(x) - 1, true);
    n.out(found.get(0));
    n.out(n.b.cast(found.get(1), n.elementType("index_type", Types.INT32)));
  }

  private static void cumulative(Node n) {
    int axis = Build.axis(n.knownOne(1, "axis"), Build.rank(n.in(0)));
    n.out(
        Reductions.cumulativeSum(
            n.b, n.in(0), axis, n.flag("exclusive", false), n.flag("reverse", false)));
  }

  private static void batchNorm(Node n) {
    Value x = n.in(0);
    boolean training = n.flag("is_training", true);
    boolean statistics =
        n.inputs() > 4 && n.in(3).shape().isStatic() && n.in(3).shape().elementCount() > 0;
    if (training || !statistics) {
      throw new Refusal(
          "it normalizes by the batch, as in training",
          "export the model for inference (training=False)");
    }
    double epsilon = n.real("epsilon", 1e-4f);
    Value y =
        n.channelsFirst()
            ? n.b.first(normalized(n, n.b.last(x), epsilon))
            : normalized(n, x, epsilon);
    n.out(y);
    n.out(n.in(3));
    n.out(n.in(4));
    n.out(n.in(3));
    n.out(n.in(4));
    n.out(n.in(4));
  }

  private static Value normalized(Node n, Value x, double epsilon) {
    return Spatial.normalized(n.b, x, n.in(1), n.in(2), n.in(3), n.in(4), epsilon);
  }

  private static void oldBatchNorm(Node n) {
    boolean scaled = n.flag("scale_after_normalization", true);
    n.out(
        Spatial.normalized(
            n.b,
            n.in(0),
            scaled ? n.in(4) : null,
            n.in(3),
            n.in(1),
            n.in(2),
            n.real("variance_epsilon", 1e-3f)));
  }

  private static void localResponse(Node n) {
    n.out(
        n.b.emit(
            Op.of(OpKind.LOCAL_RESPONSE_NORMALIZATION)
                .set("radius", n.integer("depth_radius", 5))
                .set("bias", n.real("bias", 1))
                .set("alpha", n.real("alpha", 1))
                .set("beta", n.real("beta", 0.5f))
                .inputs(n.in(0))));
  }

  private static void segments(Map<String, Lowering> ops, String name, OpKind kind) {
    ops.put(
        name,
        n -> {
          Value x = n.in(0);
          int[] d = Build.fixedFrom(x, 0);
          int rank = Build.rank(n.in(1));
          int[] out = new int[d.length - rank + 1];
          out[0] = Build.count(n.knownOne(2, "number of segments"));
          System.arraycopy(d, rank, out, 1, out.length - 1);
          Value y =
              n.b
                  .subgraph()
                  .addValue(n.def.name(), x.type(), io.jetfire.tflite.graph.Shape.of(out));
          n.b
              .subgraph()
              .append(
                  Op.of(kind)
                      .inputs(
                          x,
                          n.b.cast(n.in(1), ElementType.INT32),
                          n.b.cast(n.in(2), ElementType.INT32))
                      .outputs(y));
          n.out(y);
        });
  }
}
