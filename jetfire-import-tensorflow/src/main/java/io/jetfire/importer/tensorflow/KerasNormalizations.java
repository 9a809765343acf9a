package io.jetfire.importer.tensorflow;

import com.fasterxml.jackson.databind.JsonNode;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Normalizations;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Normalizations by trained statistics and by those of the sample. */
final class KerasNormalizations {
  private KerasNormalizations() {}

  static void register(Map<String, KerasLayer> layers) {
    for (String name :
        new String[] {"BatchNormalization", "BatchNormalizationV1", "SyncBatchNormalization"}) {
      layers.put(name, KerasLayer.of(KerasNormalizations::batch));
    }
    layers.put("LayerNormalization", KerasLayer.of(KerasNormalizations::layer));
    layers.put("RMSNormalization", KerasLayer.of(KerasNormalizations::rootMeanSquare));
    layers.put("GroupNormalization", KerasLayer.of(KerasNormalizations::group));
    layers.put("UnitNormalization", KerasLayer.of(KerasNormalizations::unit));
    layers.put("Normalization", KerasLayer.of(KerasNormalizations::given));
  }

  private static int[] axes(Call c, Value x) {
    JsonNode n = c.config.path("axis");
    int[] given = n.isMissingNode() || n.isNull() ? new int[] {-1} : Call.ints(n);
    return Build.axes(given, Build.rank(x));
  }

  /** Gives a vector the shape that broadcasts along an axis. */
  private static Value along(Call c, Value vector, int axis, int rank) {
    if (axis == rank - 1) {
      return vector;
    }
    int[] dims = new int[rank];
    Arrays.fill(dims, 1);
    dims[axis] = -1;
    return c.b.reshape(vector, dims);
  }

  private static Value batch(Call c) {
    if (c.flag("renorm", false)) {
      throw new Refusal("batch renormalization", "train with plain batch normalization");
    }
    Value x = c.floatX();
    int rank = Build.rank(x);
    int[] axes = axes(c, x);
    if (axes.length != 1) {
      throw new Refusal("batch normalization over " + axes.length + " axes", "use one axis");
    }
    int at = 0;
    Value gamma = c.flag("scale", true) ? c.weight(at++, "gamma") : null;
    Value beta = c.flag("center", true) ? c.weight(at++, "beta") : null;
    Value mean = c.weight(at++, "moving_mean");
    Value variance = c.weight(at, "moving_variance");
    int axis = axes[0];
    return Spatial.normalized(
        c.b,
        x,
        gamma == null ? null : along(c, gamma, axis, rank),
        beta == null ? null : along(c, beta, axis, rank),
        along(c, mean, axis, rank),
        along(c, variance, axis, rank),
        c.real("epsilon", 1e-3));
  }

  /** Broadcasts a parameter over the normalized axes. */
  private static Value over(Call c, Value parameter, int[] axes, Value x) {
    int rank = Build.rank(x);
    int[] dims = new int[rank];
    Arrays.fill(dims, 1);
    boolean last = true;
    for (int i = 0; i < axes.length; i++) {
      dims[axes[i]] = x.shape().dim(axes[i]);
      last &= axes[i] == rank - axes.length + i;
    }
    return last ? parameter : c.b.reshape(parameter, dims);
  }

  private static Value layer(Call c) {
    Value x = c.floatX();
    int[] axes = axes(c, x);
    Arrays.sort(axes);
    int at = 0;
    boolean scale = c.flag("scale", true);
    boolean center = c.flag("center", true);
    Value gamma =
        scale || c.flag("rms_scaling", false) ? over(c, c.weight(at++, "gamma"), axes, x) : null;
    double epsilon = c.real("epsilon", 1e-3);
    if (c.flag("rms_scaling", false)) {
      // Keras divides by the deviation here, not by the root of the mean square.
      Value mean = c.b.reduce(OpKind.MEAN, x, true, axes);
      Value variance = c.b.reduce(OpKind.MEAN, c.b.square(c.b.sub(x, mean)), true, axes);
      Value inverse = Normalizations.inverseDeviation(c.b, variance, epsilon);
      return gamma == null ? c.b.mul(x, inverse) : c.b.mul(c.b.mul(x, inverse), gamma);
    }
    Value beta = center ? over(c, c.weight(at, "beta"), axes, x) : null;
    Value y = Normalizations.along(c.b, x, epsilon, axes).result();
    y = gamma == null ? y : c.b.mul(y, gamma);
    return beta == null ? y : c.b.add(y, beta);
  }

  private static Value rootMeanSquare(Call c) {
    Value x = c.floatX();
    int[] axes = axes(c, x);
    Value scale = over(c, c.weight(0, "scale"), axes, x);
    return Normalizations.rootMeanSquare(c.b, x, scale, c.real("epsilon", 1e-6), axes);
  }

  private static Value group(Call c) {
    Value x = c.floatX();
    int rank = Build.rank(x);
    int axis = Build.axis(c.config.path("axis").asInt(-1), rank);
    if (axis == 0) {
      throw new Refusal("groups of the batch", "group the channels");
    }
    Value last = c.b.axisLast(x, axis);
    int[] d = Build.fixedFrom(last, 1);
    int channels = d[rank - 1];
    int groups = c.integer("groups", 32);
    groups = groups == -1 ? channels : groups;
    if (groups < 1 || channels % groups != 0) {
      throw new Refusal(groups + " groups of " + channels + " channels", "save the model anew");
    }
    int cells = 1;
    for (int i = 1; i < rank - 1; i++) {
      cells = Math.multiplyExact(cells, d[i]);
    }
    Value grouped = KerasShapes.to(c.b, last, d[0], cells, groups, channels / groups);
    Value y = Normalizations.along(c.b, grouped, c.real("epsilon", 1e-3), 1, 3).result();
    y = c.b.reshape(y, d);
    int at = 0;
    if (c.flag("scale", true)) {
      y = c.b.mul(y, c.weight(at++, "gamma"));
    }
    if (c.flag("center", true)) {
      y = c.b.add(y, c.weight(at, "beta"));
    }
    return c.b.axisBack(y, axis);
  }

  private static Value unit(Call c) {
    Value x = c.floatX();
    int[] axes = axes(c, x);
    Value sum = c.b.reduce(OpKind.SUM, c.b.square(x), true, axes);
    return c.b.mul(x, c.b.emit(Op.of(OpKind.RSQRT).inputs(c.b.max(sum, 1e-12))));
  }

  private static @Nullable Value statistic(Call c, int index, String name) {
    JsonNode n = c.config.path(name);
    if (n.isNumber() || n.isArray()) {
      float[] flat = new float[elements(n)];
      fill(n, flat, 0);
      return c.b.floats(flat.length == 1 ? Shape.scalar() : Shape.of(flat.length), flat);
    }
    Optional<Hdf5.Array> found = c.weights.find(index, name);
    return found.map(a -> c.constant(name, a)).orElse(null);
  }

  private static int elements(JsonNode n) {
    int count = n.isNumber() ? 1 : 0;
    for (JsonNode inner : n) {
      count += elements(inner);
    }
    return count;
  }

  private static int fill(JsonNode n, float[] to, int at) {
    int next = at;
    if (n.isNumber()) {
      to[next++] = (float) n.doubleValue();
    }
    for (JsonNode inner : n) {
      next = fill(inner, to, next);
    }
    return next;
  }

  /** The preprocessing layer: statistics that were adapted to a data set, or given. */
  private static Value given(Call c) {
    Value x = c.floatX();
    Value mean = statistic(c, 0, "mean");
    Value variance = statistic(c, 1, "variance");
    if (mean == null || variance == null) {
      throw new Refusal("its mean and variance are not in the file", "adapt it, then save again");
    }
    JsonNode axis = c.config.path("axis");
    int rank = Build.rank(x);
    if (!axis.isNull() && mean.shape().rank() > 0) {
      int[] axes = axes(c, x);
      int[] dims = new int[rank];
      Arrays.fill(dims, 1);
      for (int a : axes) {
        dims[a] = x.shape().dim(a);
      }
      mean = c.b.reshape(mean, dims);
      variance = c.b.reshape(variance, dims);
    }
    Value deviation = c.b.max(c.b.emit(Op.of(OpKind.SQRT).inputs(variance)), 1e-7);
    Value inverse = c.b.div(c.b.scalar(ElementType.FLOAT32, 1), deviation);
    if (c.flag("invert", false)) {
      return c.b.add(c.b.mul(x, deviation), mean);
    }
    return c.b.mul(c.b.sub(x, mean), inverse);
  }
}
