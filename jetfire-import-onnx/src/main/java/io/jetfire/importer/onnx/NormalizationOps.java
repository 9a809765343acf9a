package io.jetfire.importer.onnx;

import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Normalizations;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Normalizations: by stored statistics, by those of the sample, across channels. */
final class NormalizationOps {
  private NormalizationOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("BatchNormalization", NormalizationOps::batch);
    ops.put("InstanceNormalization", NormalizationOps::instance);
    ops.put("LayerNormalization", NormalizationOps::layer);
    ops.put("GroupNormalization", NormalizationOps::group);
    ops.put("RMSNormalization", NormalizationOps::rms);
    ops.put("MeanVarianceNormalization", NormalizationOps::meanVariance);
    ops.put("LpNormalization", NormalizationOps::lp);
    ops.put("LRN", NormalizationOps::localResponse);
  }

  private static void batch(Node n) {
    Value x = n.in(0);
    int rank = n.rank(x);
    Value mean = n.in(3);
    Value variance = n.in(4);
    if (n.integer("training_mode", 0) != 0) {
      int[] axes = IntStream.range(0, rank).filter(i -> i != 1).toArray();
      Value sampleMean = n.b.reduce(OpKind.MEAN, x, false, axes);
      Value centred = n.b.sub(x, n.b.perChannel(sampleMean, rank));
      Value sampleVariance = n.b.reduce(OpKind.MEAN, n.b.square(centred), false, axes);
      float momentum = n.real("momentum", 0.9f);
      n.out(1, n.b.add(n.b.mul(mean, momentum), n.b.mul(sampleMean, 1 - momentum)));
      n.out(2, n.b.add(n.b.mul(variance, momentum), n.b.mul(sampleVariance, 1 - momentum)));
      mean = sampleMean;
      variance = sampleVariance;
    }
    n.out(Normalizations.batch(n.b, x, n.in(1), n.in(2), mean, variance, epsilon(n)));
  }

  private static float epsilon(Node n) {
    return n.real("epsilon", 1e-5f);
  }

  private static void instance(Node n) {
    n.out(Normalizations.instance(n.b, n.in(0), n.in(1), n.in(2), epsilon(n)));
  }

  /** The axes from the node's axis on. */
  private static int[] fromAxis(Node n, Value x) {
    int rank = n.rank(x);
    return IntStream.range(n.axis(n.integer("axis", -1), rank), rank).toArray();
  }

  private static void layer(Node n) {
    Value x = n.in(0);
    Normalizations.Normalized r = Normalizations.along(n.b, x, epsilon(n), fromAxis(n, x));
    Value y = n.b.mul(r.result(), n.in(1));
    @Nullable Value bias = n.optional(2);
    n.out(bias == null ? y : n.b.add(y, bias));
    n.out(1, r.mean());
    n.out(2, r.inverseDeviation());
  }

  private static void rms(Node n) {
    Value x = n.in(0);
    n.out(Normalizations.rootMeanSquare(n.b, x, n.in(1), epsilon(n), fromAxis(n, x)));
  }

  private static void group(Node n) {
    Value x = n.in(0);
    int channels = n.fixedFrom(x, 1)[1];
    int groups = n.integer("num_groups", 1);
    Value scale = n.in(1);
    Value bias = n.in(2);
    if (n.opset < 21 && groups != channels) {
      scale = repeated(n, scale, groups, channels / groups);
      bias = repeated(n, bias, groups, channels / groups);
    }
    n.out(Normalizations.group(n.b, x, groups, scale, bias, epsilon(n)));
  }

  private static Value repeated(Node n, Value v, int groups, int times) {
    if (v.shape().dim(0) != groups) {
      return v;
    }
    return n.b.reshape(n.b.broadcastTo(n.b.reshape(v, groups, 1), groups, times), groups * times);
  }

  private static void meanVariance(Node n) {
    Value x = n.in(0);
    int rank = n.rank(x);
    int[] axes = n.ints("axes", 0, 2, 3);
    for (int i = 0; i < axes.length; i++) {
      axes[i] = n.axis(axes[i], rank);
    }
    Value centred = n.b.sub(x, n.b.reduce(OpKind.MEAN, x, true, axes));
    Value deviation = Functions.sqrt(n.b, n.b.reduce(OpKind.MEAN, n.b.square(centred), true, axes));
    n.out(n.b.div(centred, n.b.add(deviation, 1e-9)));
  }

  private static void lp(Node n) {
    Value x = n.in(0);
    int axis = n.axis(n.integer("axis", -1), n.rank(x));
    Value norm =
        n.integer("p", 2) == 1
            ? n.b.reduce(OpKind.SUM, n.b.abs(x), true, axis)
            : Functions.sqrt(n.b, n.b.reduce(OpKind.SUM, n.b.square(x), true, axis));
    n.out(n.b.div(x, norm));
  }

  private static void localResponse(Node n) {
    n.out(
        Normalizations.localResponse(
            n.b,
            n.in(0),
            n.integer("size", 1),
            n.real("alpha", 0.0001f),
            n.real("beta", 0.75f),
            n.real("bias", 1)));
  }
}
