package io.jetfire.importer.tensorflow;

import io.jetfire.importer.tensorflow.Spatial.Geometry;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Matrices;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Convolutions and pooling. */
final class KerasConvolutions {
  private KerasConvolutions() {}

  static void register(Map<String, KerasLayer> layers) {
    for (int rank = 1; rank <= 3; rank++) {
      int n = rank;
      String d = rank + "D";
      for (String name : new String[] {"Conv" + d, "Convolution" + d}) {
        layers.put(name, KerasLayer.of(c -> convolution(c, n)));
      }
      for (String name : new String[] {"Conv" + d + "Transpose", "Convolution" + d + "Transpose"}) {
        layers.put(name, KerasLayer.of(c -> transposed(c, n)));
      }
      for (String name : new String[] {"MaxPooling" + d, "MaxPool" + d}) {
        layers.put(name, KerasLayer.of(c -> pool(c, n, OpKind.MAX_POOL_2D)));
      }
      for (String name : new String[] {"AveragePooling" + d, "AvgPool" + d}) {
        layers.put(name, KerasLayer.of(c -> pool(c, n, OpKind.AVERAGE_POOL_2D)));
      }
      for (String name : new String[] {"GlobalMaxPooling" + d, "GlobalMaxPool" + d}) {
        layers.put(name, KerasLayer.of(c -> global(c, n, OpKind.REDUCE_MAX)));
      }
      layers.put("AdaptiveAveragePooling" + d, KerasLayer.of(c -> adaptive(c, n)));
      for (String name : new String[] {"GlobalAveragePooling" + d, "GlobalAvgPool" + d}) {
        layers.put(name, KerasLayer.of(c -> global(c, n, OpKind.MEAN)));
      }
      if (rank < 3) {
        layers.put("DepthwiseConv" + d, KerasLayer.of(c -> depthwise(c, n)));
        layers.put("SeparableConv" + d, KerasLayer.of(c -> separable(c, n)));
        layers.put("SeparableConvolution" + d, KerasLayer.of(c -> separable(c, n)));
      }
    }
  }

  /** Runs on channels last, whatever the layer's own layout is. */
  static Value channelsLast(Call c, UnaryOperator<Value> body) {
    Value x = c.floatX();
    return c.channelsFirst() ? c.b.first(body.apply(c.b.last(x))) : body.apply(x);
  }

  private static Padding padding(Call c) {
    String name = c.text("padding", "valid").toLowerCase(Locale.ROOT);
    return switch (name) {
      case "same" -> Padding.SAME;
      case "valid", "causal" -> Padding.VALID;
      default -> throw new Refusal("its padding '" + name + "'", "use same, valid or causal");
    };
  }

  private static Geometry geometry(Call c, int rank) {
    return new Geometry(c.ints("strides", rank, 1), c.ints("dilation_rate", rank, 1), padding(c));
  }

  /** Pads in front of a sequence, so that no step sees a later one. */
  private static Value causal(Call c, Value x, int kernel, int dilation) {
    if (!c.text("padding", "").equalsIgnoreCase("causal")) {
      return x;
    }
    int[] p = new int[2 * Build.rank(x)];
    p[2] = (kernel - 1) * dilation;
    return c.b.pad(x, p, c.b.scalar(0));
  }

  private static @Nullable Value bias(Call c, int index) {
    return c.flag("use_bias", true) ? c.weight(index, "bias") : null;
  }

  private static Value activated(Call c, Value y) {
    return Activations.apply(c.b, c.config.path("activation"), y, c.model.old);
  }

  private static Value convolution(Call c, int rank) {
    return channelsLast(
        c,
        x -> {
          Value kernel = c.weight(0, "kernel");
          Geometry g = geometry(c, rank);
          Value in = causal(c, x, kernel.shape().dim(0), g.dilation()[0]);
          return activated(c, Spatial.convolution(c.b, in, kernel, bias(c, 1), g));
        });
  }

  private static Value depthwise(Call c, int rank) {
    return channelsLast(
        c,
        x -> {
          // Keras 3 and late Keras 2 files call it kernel.
          Value kernel = either(c, 0, "depthwise_kernel", "kernel");
          Geometry g = geometry(c, rank);
          Value in = causal(c, x, kernel.shape().dim(0), g.dilation()[0]);
          return activated(c, Spatial.depthwise(c.b, in, kernel, bias(c, 1), g));
        });
  }

  private static Value either(Call c, int index, String name, String other) {
    return c.constant(
        name, c.weights.find(index, name).orElseGet(() -> c.weights.get(index, other)));
  }

  private static Value separable(Call c, int rank) {
    return channelsLast(
        c,
        x -> {
          Value deep = c.weight(0, "depthwise_kernel");
          Value point = c.weight(1, "pointwise_kernel");
          Geometry g = geometry(c, rank);
          Value in = causal(c, x, deep.shape().dim(0), g.dilation()[0]);
          Value y = Spatial.depthwise(c.b, in, deep, null, g);
          int[] ones = new int[rank];
          Arrays.fill(ones, 1);
          Geometry one = Geometry.of(ones, Padding.VALID);
          return activated(c, Spatial.convolution(c.b, y, point, bias(c, 2), one));
        });
  }

  private static Value transposed(Call c, int rank) {
    return channelsLast(
        c,
        x -> {
          Value kernel = c.weight(0, "kernel");
          Geometry g = geometry(c, rank);
          int[] in = Build.fixedFrom(x, 1);
          int[] extra = c.isSet("output_padding") ? c.ints("output_padding", rank, 0) : null;
          int[] out = new int[rank];
          for (int i = 0; i < rank; i++) {
            int k = kernel.shape().dim(i);
            int stride = g.stride()[i];
            boolean same = g.padding() == Padding.SAME;
            if (extra == null) {
              out[i] = in[i + 1] * stride + (same ? 0 : Math.max(k - stride, 0));
            } else {
              int pad = same ? k / 2 : 0;
              out[i] = (in[i + 1] - 1) * stride + k - 2 * pad + extra[i];
            }
          }
          return activated(c, Spatial.transposed(c.b, x, kernel, bias(c, 1), out, g));
        });
  }

  private static Value pool(Call c, int rank, OpKind kind) {
    int[] size =
        c.isSet("pool_size") ? c.ints("pool_size", rank, 2) : c.ints("pool_length", rank, 2);
    int[] stride = c.isSet("strides") ? c.ints("strides", rank, 1) : size;
    Geometry g = Geometry.of(stride, padding(c));
    return channelsLast(c, x -> Spatial.pool(c.b, x, kind, size, g));
  }

  /** Means of windows that cover the input evenly, one dimension after the other. */
  private static Value adaptive(Call c, int rank) {
    return channelsLast(
        c,
        x -> {
          int[] out = c.ints("output_size", rank, 1);
          int[] in = Build.fixedFrom(x, 1);
          Value y = x;
          for (int i = 0; i < rank; i++) {
            int n = in[i + 1];
            float[] means = new float[Build.count(out[i], n)];
            for (int k = 0; k < out[i]; k++) {
              int from = k * n / out[i];
              int to = ((k + 1) * n + out[i] - 1) / out[i];
              for (int j = from; j < to; j++) {
                means[k * n + j] = 1f / (to - from);
              }
            }
            String dims = "bhwdc".replaceAll(rank == 1 ? "[wd]" : rank == 2 ? "d" : "-", "");
            char at = dims.charAt(i + 1);
            y =
                Matrices.einsum(
                    c.b,
                    dims + ",z" + at + "->" + dims.replace(at, 'z'),
                    List.of(y, c.b.floats(Shape.of(out[i], n), means)));
          }
          return y;
        });
  }

  private static Value global(Call c, int rank, OpKind kind) {
    Value x = c.floatX();
    Value mask = rank == 1 && kind == OpKind.MEAN ? c.model.mask(c.x()) : null;
    int first = c.channelsFirst() ? 2 : 1;
    if (Build.rank(x) != rank + 2) {
      throw new Refusal("its input is " + x.shape(), "give it " + (rank + 2) + " dimensions");
    }
    int[] axes = IntStream.range(first, first + rank).toArray();
    boolean keep = c.flag("keepdims", false);
    if (mask != null) {
      Value counts = c.b.unsqueeze(c.b.cast(mask, ElementType.FLOAT32), c.channelsFirst() ? 1 : 2);
      return c.b.div(
          c.b.reduce(OpKind.SUM, c.b.mul(x, counts), keep, axes),
          c.b.reduce(OpKind.SUM, counts, keep, axes));
    }
    return c.b.reduce(kind, x, keep, axes);
  }
}
