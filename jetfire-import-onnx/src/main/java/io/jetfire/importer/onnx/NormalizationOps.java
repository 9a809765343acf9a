package io.jetfire.importer.onnx;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import java.util.Arrays;
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

  private static Value inverseDeviation(Build b, Value variance, double epsilon) {
    return b.emit(Op.of(OpKind.RSQRT).inputs(b.add(variance, epsilon)));
  }

  private static void batch(Node n) {
    Value x = n.in(0);
    int rank = n.rank(x);
    float epsilon = n.real("epsilon", 1e-5f);
    Value mean = n.in(3);
    Value variance = n.in(4);
    boolean training = n.integer("training_mode", 0) != 0;
    if (training) {
      int[] axes = IntStream.range(0, rank).filter(i -> i != 1).toArray();
      Value sampleMean = n.b.reduce(OpKind.MEAN, x, false, axes);
      Value centred = n.b.sub(x, ConvolutionOps.perChannel(n, sampleMean, rank));
      Value sampleVariance = n.b.reduce(OpKind.MEAN, n.b.square(centred), false, axes);
      float momentum = n.real("momentum", 0.9f);
      n.out(1, n.b.add(n.b.mul(mean, momentum), n.b.mul(sampleMean, 1 - momentum)));
      n.out(2, n.b.add(n.b.mul(variance, momentum), n.b.mul(sampleVariance, 1 - momentum)));
      mean = sampleMean;
      variance = sampleVariance;
    }
    Value scale = n.b.mul(n.in(1), inverseDeviation(n.b, variance, epsilon));
    Value shift = n.b.sub(n.in(2), n.b.mul(mean, scale));
    if (rank == 2) {
      n.out(n.b.add(n.b.mul(x, scale), shift));
      return;
    }
    Value scaled = n.b.mul(x, ConvolutionOps.perChannel(n, scale, rank));
    n.out(n.b.add(scaled, ConvolutionOps.perChannel(n, shift, rank)));
  }

  /** (x - mean) / sqrt(variance + epsilon) over the given axes. */
  private static Value[] normalized(Build b, Value x, double epsilon, int... axes) {
    Value mean = b.reduce(OpKind.MEAN, x, true, axes);
    Value centred = b.sub(x, mean);
    Value variance = b.reduce(OpKind.MEAN, b.square(centred), true, axes);
    Value inverse = inverseDeviation(b, variance, epsilon);
    return new Value[] {b.mul(centred, inverse), mean, inverse};
  }

  private static void instance(Node n) {
    Value x = n.in(0);
    int rank = n.rank(x);
    Value y = normalized(n.b, x, n.real("epsilon", 1e-5f), IntStream.range(2, rank).toArray())[0];
    y = n.b.mul(y, ConvolutionOps.perChannel(n, n.in(1), rank));
    n.out(n.b.add(y, ConvolutionOps.perChannel(n, n.in(2), rank)));
  }

  private static void layer(Node n) {
    Value x = n.in(0);
    int rank = n.rank(x);
    int axis = n.axis(n.integer("axis", -1), rank);
    Value[] r = normalized(n.b, x, n.real("epsilon", 1e-5f), IntStream.range(axis, rank).toArray());
    Value y = n.b.mul(r[0], n.in(1));
    @Nullable Value bias = n.optional(2);
    n.out(bias == null ? y : n.b.add(y, bias));
    n.out(1, r[1]);
    n.out(2, r[2]);
  }

  private static void rms(Node n) {
    Value x = n.in(0);
    int rank = n.rank(x);
    int axis = n.axis(n.integer("axis", -1), rank);
    Value square =
        n.b.reduce(OpKind.MEAN, n.b.square(x), true, IntStream.range(axis, rank).toArray());
    Value y = n.b.mul(x, inverseDeviation(n.b, square, n.real("epsilon", 1e-5f)));
    n.out(n.b.mul(y, n.in(1)));
  }

  private static void group(Node n) {
    Value x = n.in(0);
    int rank = n.rank(x);
    int[] d = n.fixedFrom(x, 1);
    int groups = n.integer("num_groups", 1);
    int rest = 1;
    for (int i = 2; i < rank; i++) {
      rest *= d[i];
    }
    Value grouped = n.b.reshape(x, d[0], groups, d[1] / groups * rest);
    Value y = n.b.reshape(normalized(n.b, grouped, n.real("epsilon", 1e-5f), 2)[0], d);
    Value scale = n.in(1);
    Value bias = n.in(2);
    if (n.opset < 21 && groups != d[1]) {
      scale = repeated(n, scale, groups, d[1] / groups);
      bias = repeated(n, bias, groups, d[1] / groups);
    }
    y = n.b.mul(y, ConvolutionOps.perChannel(n, scale, rank));
    n.out(n.b.add(y, ConvolutionOps.perChannel(n, bias, rank)));
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
    Value deviation =
        ElementwiseOps.sqrt(n.b, n.b.reduce(OpKind.MEAN, n.b.square(centred), true, axes));
    n.out(n.b.div(centred, n.b.add(deviation, 1e-9)));
  }

  private static void lp(Node n) {
    Value x = n.in(0);
    int axis = n.axis(n.integer("axis", -1), n.rank(x));
    Value norm =
        n.integer("p", 2) == 1
            ? n.b.reduce(OpKind.SUM, n.b.abs(x), true, axis)
            : ElementwiseOps.sqrt(n.b, n.b.reduce(OpKind.SUM, n.b.square(x), true, axis));
    n.out(n.b.div(x, norm));
  }

  private static void localResponse(Node n) {
    Value x = n.in(0);
    int size = Build.repetitions(n.integer("size", 1));
    float alpha = n.real("alpha", 0.0001f);
    float beta = n.real("beta", 0.75f);
    float bias = n.real("bias", 1);
    if (n.rank(x) == 4 && size % 2 == 1) {
      Op op =
          Op.of(OpKind.LOCAL_RESPONSE_NORMALIZATION)
              .set("radius", (size - 1) / 2)
              .set("bias", bias)
              .set("alpha", alpha / size)
              .set("beta", beta);
      n.out(n.b.first(n.b.emit(op.inputs(n.b.last(x)))));
      return;
    }
    // The sum over neighbouring channels, as a sum of shifted images.
    int[] p = new int[2 * n.rank(x)];
    p[2] = (size - 1) / 2;
    p[3] = size - 1 - p[2];
    Value squares = n.b.pad(n.b.square(x), p, n.b.scalar(0));
    int channels = n.fixedFrom(x, 1)[1];
    Value sum = n.b.slice(squares, 1, 0, channels);
    for (int i = 1; i < size; i++) {
      sum = n.b.add(sum, n.b.slice(squares, 1, i, channels));
    }
    Value base = n.b.add(n.b.mul(sum, alpha / size), bias);
    Value power = n.b.emit(Op.of(OpKind.POW).inputs(base, n.b.scalar(ElementType.FLOAT32, -beta)));
    n.out(n.b.mul(x, power));
  }

  static int[] positive(Node n, int[] axes, int rank) {
    return Arrays.stream(axes).map(a -> n.axis(a, rank)).toArray();
  }
}
