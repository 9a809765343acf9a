package io.jetfire.importer.pytorch;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Normalizations;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Normalizations: by stored statistics, and by those of the sample. */
final class NormalizationOps {
  /**
   * What PyTorch adds to a mean square if the caller gives nothing: the spacing of float32 at 1.
   */
  private static final double FLOAT_EPSILON = 0x1p-23;

  private NormalizationOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("batch_norm", NormalizationOps::batch);
    ops.put("native_batch_norm", NormalizationOps::batch);
    ops.put("_native_batch_norm_legit", NormalizationOps::batch);
    ops.put("_native_batch_norm_legit_no_training", NormalizationOps::batch);
    ops.put("_batch_norm_with_update", NormalizationOps::batch);
    ops.put("_batch_norm_no_update", NormalizationOps::batch);
    ops.put("cudnn_batch_norm", NormalizationOps::batch);
    ops.put("instance_norm", NormalizationOps::instance);
    ops.put("layer_norm", NormalizationOps::layer);
    ops.put("native_layer_norm", NormalizationOps::layer);
    ops.put("group_norm", NormalizationOps::group);
    ops.put("native_group_norm", NormalizationOps::group);
    ops.put("rms_norm", NormalizationOps::rms);
    ops.put("_fused_rms_norm", NormalizationOps::rms);
  }

  private static double epsilon(Call c) {
    return c.real("eps", 1e-5);
  }

  private static @Nullable Value scale(Call c) {
    return c.optional("weight");
  }

  private static @Nullable Value bias(Call c) {
    return c.optional("bias");
  }

  private static void batch(Call c) {
    Value x = c.self();
    boolean inference = c.target().contains("no_training") || c.target().contains("no_update");
    boolean training =
        c.has("training") ? c.flag("training", false) : c.flag("train", !inference && !stored(c));
    if (!training && stored(c)) {
      Value mean = c.tensor("running_mean");
      Value variance = c.tensor("running_var");
      c.out(Normalizations.batch(c.b, x, scale(c), bias(c), mean, variance, epsilon(c)));
      return;
    }
    int rank = Build.rank(x);
    int[] axes = IntStream.range(0, rank).filter(i -> i != 1).toArray();
    Value mean = c.b.reduce(OpKind.MEAN, x, false, axes);
    Value centred = c.b.sub(x, rank == 2 ? mean : c.b.perChannel(mean, rank));
    Value variance = c.b.reduce(OpKind.MEAN, c.b.square(centred), false, axes);
    c.out(Normalizations.batch(c.b, x, scale(c), bias(c), mean, variance, epsilon(c)));
    c.out(1, mean);
    c.out(2, Normalizations.inverseDeviation(c.b, variance, epsilon(c)));
  }

  private static boolean stored(Call c) {
    return c.has("running_mean") && c.has("running_var");
  }

  private static void instance(Call c) {
    Value x = c.self();
    if (!c.flag("use_input_stats", true) && stored(c)) {
      Value mean = c.tensor("running_mean");
      Value variance = c.tensor("running_var");
      c.out(Normalizations.batch(c.b, x, scale(c), bias(c), mean, variance, epsilon(c)));
      return;
    }
    c.out(Normalizations.instance(c.b, x, scale(c), bias(c), epsilon(c)));
  }

  private static int[] last(Value x, int dimensions) {
    int rank = Build.rank(x);
    return IntStream.range(rank - dimensions, rank).toArray();
  }

  private static void layer(Call c) {
    Value x = c.b.cast(c.self(), ElementType.FLOAT32);
    int[] axes = last(x, c.vector("normalized_shape").shape().dim(0));
    Normalizations.Normalized r = Normalizations.along(c.b, x, epsilon(c), axes);
    @Nullable Value scale = scale(c);
    @Nullable Value bias = bias(c);
    Value y = scale == null ? r.result() : c.b.mul(r.result(), scale);
    c.out(List.of(bias == null ? y : c.b.add(y, bias), r.mean(), r.inverseDeviation()));
  }

  private static void rms(Call c) {
    Value x = c.b.cast(c.self(), ElementType.FLOAT32);
    int[] axes = last(x, c.vector("normalized_shape").shape().dim(0));
    c.out(Normalizations.rootMeanSquare(c.b, x, scale(c), c.real("eps", FLOAT_EPSILON), axes));
  }

  private static void group(Call c) {
    int groups = c.integer(c.has("group") ? "group" : "num_groups", 1);
    c.out(Normalizations.group(c.b, c.self(), groups, scale(c), bias(c), epsilon(c)));
  }
}
