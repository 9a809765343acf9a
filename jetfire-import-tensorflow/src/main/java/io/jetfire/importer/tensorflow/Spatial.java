package io.jetfire.importer.tensorflow;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Convolutions and pooling over one, two or three dimensions with channels last, as TensorFlow has
 * them: paddings are SAME or VALID, which are TFLite's own, so nothing is transposed.
 *
 * <p>One dimension is computed as two with a height of 1.
 */
final class Spatial {
  private Spatial() {}

  /**
   * The geometry of a window; one number per spatial dimension.
   *
   * @param padding SAME or VALID
   */
  record Geometry(int[] stride, int[] dilation, Padding padding) {
    static Geometry of(int[] stride, Padding padding) {
      int[] ones = new int[stride.length];
      Arrays.fill(ones, 1);
      return new Geometry(stride, ones, padding);
    }

    private Geometry widened() {
      return new Geometry(new int[] {1, stride[0]}, new int[] {1, dilation[0]}, padding);
    }
  }

  /** Convolves; the filter is spatial dimensions, input channels, output channels. */
  static Value convolution(Build b, Value x, Value filter, @Nullable Value bias, Geometry g) {
    Build.requireFloat(x);
    int[] w = Build.fixedFrom(filter, 0);
    int rank = w.length - 2;
    check(x, rank, g);
    if (rank == 1) {
      Value y = convolution(b, b.unsqueeze(x, 1), b.unsqueeze(filter, 0), bias, g.widened());
      return b.squeeze(y, 1);
    }
    Value own = bias == null ? b.filled(ElementType.FLOAT32, 0, w[w.length - 1]) : bias;
    if (rank == 2) {
      int channels = x.shape().dim(3);
      if (channels > 0 && channels != w[2] && w[2] == 1 && w[3] % channels == 0) {
        // One input channel per group is what TFLite calls depthwise.
        return depthwiseOp(b, x, b.transpose(filter, 2, 0, 1, 3), own, g, w[3] / channels);
      }
      return b.emit(
          window2d(Op.of(OpKind.CONV_2D), g).inputs(x, b.transpose(filter, 3, 0, 1, 2), own));
    }
    if (rank == 3) {
      if (Arrays.stream(g.dilation).anyMatch(d -> d != 1)) {
        throw new Refusal("a dilated 3-D convolution", "use dilation 1");
      }
      return b.emit(
          Op.of(OpKind.CONV_3D)
              .set("padding", g.padding)
              .set("stride_d", g.stride[0])
              .set("stride_h", g.stride[1])
              .set("stride_w", g.stride[2])
              .inputs(x, filter, own));
    }
    throw new Refusal("a convolution over " + rank + " dimensions", "use at most three");
  }

  /** Convolves each channel; the filter is spatial dimensions, channels, multiplier. */
  static Value depthwise(Build b, Value x, Value filter, @Nullable Value bias, Geometry g) {
    Build.requireFloat(x);
    int[] w = Build.fixedFrom(filter, 0);
    int rank = w.length - 2;
    check(x, rank, g);
    if (rank == 1) {
      Value y = depthwise(b, b.unsqueeze(x, 1), b.unsqueeze(filter, 0), bias, g.widened());
      return b.squeeze(y, 1);
    }
    if (rank != 2) {
      throw new Refusal("a depthwise convolution over " + rank + " dimensions", "use at most two");
    }
    int out = w[2] * w[3];
    Value own = bias == null ? b.filled(ElementType.FLOAT32, 0, out) : bias;
    return depthwiseOp(b, x, b.reshape(filter, 1, w[0], w[1], out), own, g, w[3]);
  }

  private static Value depthwiseOp(
      Build b, Value x, Value filter, Value bias, Geometry g, int multiplier) {
    return b.emit(
        window2d(Op.of(OpKind.DEPTHWISE_CONV_2D), g)
            .set("depth_multiplier", multiplier)
            .inputs(x, filter, bias));
  }

  private static Op window2d(Op op, Geometry g) {
    return op.set("padding", g.padding)
        .set("stride_h", g.stride[0])
        .set("stride_w", g.stride[1])
        .set("dilation_h_factor", g.dilation[0])
        .set("dilation_w_factor", g.dilation[1]);
  }

  /**
   * Convolves transposed.
   *
   * @param filter spatial dimensions, output channels, input channels
   * @param out the spatial dimensions of the result
   */
  static Value transposed(
      Build b, Value x, Value filter, @Nullable Value bias, int[] out, Geometry g) {
    Build.requireFloat(x);
    int[] w = Build.fixedFrom(filter, 0);
    int rank = w.length - 2;
    check(x, rank, g);
    if (out.length != rank) {
      throw new Refusal("a result of " + out.length + " spatial dimensions", "use " + rank);
    }
    if (rank == 1) {
      Value y =
          transposed(
              b,
              b.unsqueeze(x, 1),
              b.unsqueeze(filter, 0),
              bias,
              new int[] {1, out[0]},
              g.widened());
      return b.squeeze(y, 1);
    }
    if (Arrays.stream(g.dilation).anyMatch(d -> d != 1)) {
      throw new Refusal("a dilated transposed convolution", "use dilation 1");
    }
    int[] rest = Arrays.copyOf(out, rank + 1);
    rest[rank] = w[rank];
    Value shape = b.concat(0, b.reshape(b.dimension(x, 0), 1), b.ints(rest));
    Value y;
    if (rank == 2) {
      y =
          b.emit(
              Op.of(OpKind.TRANSPOSE_CONV)
                  .set("padding", g.padding)
                  .set("stride_h", g.stride[0])
                  .set("stride_w", g.stride[1])
                  .inputs(shape, b.transpose(filter, 2, 0, 1, 3), x));
    } else if (rank == 3) {
      y =
          b.emit(
              Op.of(OpKind.CONV_3D_TRANSPOSE)
                  .set("padding", g.padding)
                  .set("stride_d", g.stride[0])
                  .set("stride_h", g.stride[1])
                  .set("stride_w", g.stride[2])
                  .inputs(shape, filter, x));
    } else {
      throw new Refusal(
          "a transposed convolution over " + rank + " dimensions", "use at most three");
    }
    return bias == null ? y : b.add(y, bias);
  }

  /** Pools windows with MAX_POOL_2D or AVERAGE_POOL_2D; average windows count real cells only. */
  static Value pool(Build b, Value x, OpKind kind, int[] kernel, Geometry g) {
    Build.requireFloat(x);
    int rank = kernel.length;
    check(x, rank, g);
    for (int k : kernel) {
      if (k < 1) {
        throw new Refusal("a window of " + k, "use windows of at least 1");
      }
    }
    if (rank == 1) {
      return b.squeeze(pool(b, b.unsqueeze(x, 1), kind, new int[] {1, kernel[0]}, g.widened()), 1);
    }
    if (rank == 2) {
      return b.emit(
          Op.of(kind)
              .set("padding", g.padding)
              .set("filter_height", kernel[0])
              .set("filter_width", kernel[1])
              .set("stride_h", g.stride[0])
              .set("stride_w", g.stride[1])
              .inputs(x));
    }
    if (rank == 3) {
      return pool3d(b, x, kind, kernel, g);
    }
    throw new Refusal("pooling over " + rank + " dimensions", "use at most three");
  }

  /** Pools planes first, then depth; of averages this is right because cells count per axis. */
  private static Value pool3d(Build b, Value x, OpKind kind, int[] kernel, Geometry g) {
    int[] d = Build.fixedFrom(x, 1);
    int batch = d[0];
    if (batch < 0) {
      throw new Refusal("3-D pooling of an open batch", "bind the batch to a size");
    }
    Value planes = b.reshape(x, batch * d[1], d[2], d[3], d[4]);
    Value y =
        pool(
            b,
            planes,
            kind,
            new int[] {kernel[1], kernel[2]},
            Geometry.of(new int[] {g.stride[1], g.stride[2]}, g.padding));
    int h = y.shape().dim(1);
    int w = y.shape().dim(2);
    Value columns = b.reshape(y, batch, d[1], h * w, d[4]);
    Value z =
        pool(
            b,
            columns,
            kind,
            new int[] {kernel[0], 1},
            Geometry.of(new int[] {g.stride[0], 1}, g.padding));
    return b.reshape(z, batch, z.shape().dim(1), h, w, d[4]);
  }

  private static void check(Value x, int rank, Geometry g) {
    if (Build.rank(x) != rank + 2 || g.stride.length != rank || g.dilation.length != rank) {
      throw new Refusal(
          "a window over " + rank + " dimensions of " + x.shape(),
          "give it batch, " + rank + " spatial dimensions and channels");
    }
    for (int i = 0; i < rank; i++) {
      if (g.stride[i] < 1 || g.dilation[i] < 1) {
        throw new Refusal(
            "strides of "
                + Arrays.toString(g.stride)
                + " and dilations of "
                + Arrays.toString(g.dilation),
            "use at least 1");
      }
    }
  }

  /**
   * Scales and shifts the last dimension by constants, as batch normalization does when trained.
   */
  static Value normalized(
      Build b,
      Value x,
      @Nullable Value gamma,
      @Nullable Value beta,
      Value mean,
      Value variance,
      double epsilon) {
    Value inverse = b.emit(Op.of(OpKind.RSQRT).inputs(b.add(variance, epsilon)));
    Value factor = gamma == null ? inverse : b.mul(gamma, inverse);
    Value shift = b.mul(mean, factor);
    shift = beta == null ? b.unary(OpKind.NEG, shift) : b.sub(beta, shift);
    return b.add(b.mul(x, factor), shift);
  }
}
