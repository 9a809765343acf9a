package io.jetfire.adapter.djl.internal.lower;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Value;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

/** Convolutions, and batch normalization, which becomes part of the convolution before it. */
final class ConvolutionRules {
  private ConvolutionRules() {}

  static void addTo(Map<String, Rule> rules) {
    rules.put("convolution", ConvolutionRules::convolution);
    rules.put("batchNorm", ConvolutionRules::batchNorm);
  }

  /**
   * Scale and shift of each channel, which is what a batch normalization does in inference.
   *
   * @param scale gamma / sqrt(variance + epsilon)
   * @param shift beta - mean * scale
   */
  private record Affine(double[] scale, double[] shift) {}

  /** convolution(input, weight, bias, stride, padding, dilation, groups). */
  private static void convolution(TracedCall call) {
    int[] in = Emitter.shape(call.array(0));
    int[] kernel = call.storedShape(1);
    if (in.length == 3) {
      // A convolution over one dimension is one over an image of a single row.
      Value row = call.emit().reshape(call.array(0), in[0], in[1], 1, in[2]);
      int[] shape = {kernel[0], kernel[1], 1, kernel[2]};
      finish(
          call,
          new Window(
              row,
              shape,
              new int[] {1, call.dims(3)[0]},
              new int[] {0, call.dims(4)[0]},
              new int[] {1, call.dims(5)[0]}));
    } else if (in.length == 4) {
      finish(call, new Window(call.array(0), kernel, call.dims(3), call.dims(4), call.dims(5)));
    } else {
      throw new Unsupported(
          "a convolution over " + (in.length - 2) + " dimensions has no rule",
          "use convolutions over one or two dimensions");
    }
  }

  /** A convolution over an image: kernel is OIHW, the rest height and width. */
  private record Window(Value input, int[] kernel, int[] stride, int[] padding, int[] dilation) {}

  private static void finish(TracedCall call, Window window) {
    int out = window.kernel()[0];
    float[] weights = call.stored(1);
    float[] bias = call.isNone(2) ? new float[out] : call.stored(2);
    Optional<TracedCall> norm = normBehind(call, out);
    if (norm.isPresent()) {
      Affine affine = affine(norm.get(), out);
      weights = scaled(weights, affine);
      bias = shifted(bias, affine);
    }
    Value image = emit(call, window, weights, bias);
    Value result = call.emit().reshape(call.emit().channelsFirst(image), call.resultShape());
    call.result(result);
    norm.ifPresent(n -> n.absorbed(result));
  }

  private static Optional<TracedCall> normBehind(TracedCall call, int channels) {
    return call.onlyUser("batchNorm")
        .filter(n -> n.arrayId(0) == call.op().results().get(0))
        .filter(n -> n.whole(5) == 1 || n.whole(5) == -1)
        .filter(n -> !n.flag(8))
        .filter(n -> n.storedFloats(n.arrayId(1)).filter(m -> m.length == channels).isPresent())
        .filter(n -> n.storedFloats(n.arrayId(2)).isPresent())
        .filter(n -> n.isNone(3) || n.storedFloats(n.arrayId(3)).isPresent())
        .filter(n -> n.isNone(4) || n.storedFloats(n.arrayId(4)).isPresent());
  }

  private static Value emit(TracedCall call, Window window, float[] weights, float[] bias) {
    Emitter emit = call.emit();
    int[] kernel = window.kernel();
    int groups = call.whole(6);
    Value image = emit.channelsLast(window.input());
    int[] size = {Emitter.shape(image)[1], Emitter.shape(image)[2]};
    int[] extent = {
      (kernel[2] - 1) * window.dilation()[0] + 1, (kernel[3] - 1) * window.dilation()[1] + 1
    };
    boolean same =
        isSame(size[0], extent[0], window.stride()[0], window.padding()[0])
            && isSame(size[1], extent[1], window.stride()[1], window.padding()[1]);
    int ph = window.padding()[0];
    int pw = window.padding()[1];
    if (!same) {
      image = emit.pad(image, new int[][] {{0, 0}, {ph, ph}, {pw, pw}, {0, 0}}, 0);
    }
    int[] shape = {
      Emitter.shape(image)[0],
      (size[0] + 2 * ph - extent[0]) / window.stride()[0] + 1,
      (size[1] + 2 * pw - extent[1]) / window.stride()[1] + 1,
      kernel[0]
    };
    boolean depthwise = groups > 1 && kernel[1] == 1;
    Value filter =
        depthwise
            ? emit.floats(
                "weight",
                new int[] {1, kernel[2], kernel[3], kernel[0]},
                channelsTo(weights, kernel, true))
            : emit.floats(
                "weight",
                new int[] {kernel[0], kernel[2], kernel[3], kernel[1]},
                channelsTo(weights, kernel, false));
    Value shift = emit.floats("bias", new int[] {bias.length}, bias);
    return emit.op(
        depthwise ? OpKind.DEPTHWISE_CONV_2D : OpKind.CONV_2D,
        ElementType.FLOAT32,
        shape,
        op -> {
          op.set("padding", same ? Padding.SAME : Padding.VALID)
              .set("stride_h", window.stride()[0])
              .set("stride_w", window.stride()[1])
              .set("dilation_h_factor", window.dilation()[0])
              .set("dilation_w_factor", window.dilation()[1]);
          return depthwise ? op.set("depth_multiplier", kernel[0] / groups) : op;
        },
        image,
        filter,
        shift);
  }

  /**
   * Whether a padding on both sides is what TensorFlow Lite's SAME does: as many windows as
   * ceil(size / stride), and the smaller half of the missing elements in front.
   */
  static boolean isSame(int size, int extent, int stride, int padding) {
    int windows = (size + stride - 1) / stride;
    int missing = Math.max(0, (windows - 1) * stride + extent - size);
    return (size + 2 * padding - extent) / stride + 1 == windows && missing / 2 == padding;
  }

  /** From OIHW to OHWI, or for a depthwise filter ([O, 1, H, W]) to HWO. */
  private static float[] channelsTo(float[] oihw, int[] kernel, boolean depthwise) {
    int o = kernel[0];
    int i = kernel[1];
    int area = kernel[2] * kernel[3];
    float[] moved = new float[oihw.length];
    for (int a = 0; a < o; a++) {
      for (int b = 0; b < i; b++) {
        for (int p = 0; p < area; p++) {
          moved[depthwise ? p * o + a : (a * area + p) * i + b] = oihw[(a * i + b) * area + p];
        }
      }
    }
    return moved;
  }

  private static float[] scaled(float[] weights, Affine affine) {
    int each = weights.length / affine.scale().length;
    float[] scaled = new float[weights.length];
    for (int i = 0; i < weights.length; i++) {
      scaled[i] = (float) (weights[i] * affine.scale()[i / each]);
    }
    return scaled;
  }

  private static float[] shifted(float[] bias, Affine affine) {
    float[] shifted = new float[bias.length];
    for (int i = 0; i < bias.length; i++) {
      shifted[i] = (float) (bias[i] * affine.scale()[i] + affine.shift()[i]);
    }
    return shifted;
  }

  /** batchNorm(input, mean, variance, gamma, beta, axis, momentum, epsilon, training). */
  private static Affine affine(TracedCall norm, int channels) {
    float[] mean = norm.stored(1);
    float[] variance = norm.stored(2);
    float[] gamma = norm.isNone(3) ? null : norm.stored(3);
    float[] beta = norm.isNone(4) ? null : norm.stored(4);
    double epsilon = norm.number(7);
    double[] scale = new double[channels];
    double[] shift = new double[channels];
    for (int i = 0; i < channels; i++) {
      scale[i] = (gamma == null ? 1 : gamma[i]) / Math.sqrt(variance[i] + epsilon);
      shift[i] = (beta == null ? 0 : beta[i]) - mean[i] * scale[i];
    }
    return new Affine(scale, shift);
  }

  /** A normalization that stands alone: one multiplication and one addition. */
  private static void batchNorm(TracedCall call) {
    if (call.flag(8)) {
      throw new Unsupported(
          "it normalizes by the batch, as in training", "use the running mean and variance");
    }
    int[] shape = Emitter.shape(call.array(0));
    int axis = call.whole(5) == -1 ? 1 : call.whole(5);
    if (axis < 0 || axis >= shape.length) {
      throw new Unsupported("it has no dimension " + axis, "");
    }
    int channels = shape[axis];
    Affine affine = affine(call, channels);
    int[] broadcast = new int[shape.length - axis];
    Arrays.fill(broadcast, 1);
    broadcast[0] = channels;
    Emitter emit = call.emit();
    Value scale = emit.floats("scale", broadcast, floats(affine.scale()));
    Value shift = emit.floats("shift", broadcast, floats(affine.shift()));
    call.result(emit.binary(OpKind.ADD, emit.binary(OpKind.MUL, call.array(0), scale), shift));
  }

  private static float[] floats(double[] numbers) {
    float[] floats = new float[numbers.length];
    for (int i = 0; i < numbers.length; i++) {
      floats[i] = (float) numbers[i];
    }
    return floats;
  }
}
