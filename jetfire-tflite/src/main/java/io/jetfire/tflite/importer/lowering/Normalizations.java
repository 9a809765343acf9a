package io.jetfire.tflite.importer.lowering;

import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Normalizations of tensors with channels first: by stored statistics, and by those of a sample.
 */
public final class Normalizations {
  private Normalizations() {}

  /**
   * A tensor normalized by its own statistics.
   *
   * @param result (x - mean) / sqrt(variance + epsilon)
   * @param mean the means, with the axes kept
   * @param inverseDeviation 1 / sqrt(variance + epsilon), with the axes kept
   */
  public record Normalized(Value result, Value mean, Value inverseDeviation) {}

  /**
   * 1 / sqrt(variance + epsilon).
   *
   * @param b where operators go
   * @param variance the variances
   * @param epsilon what is added to them
   * @return the inverse deviations
   */
  public static Value inverseDeviation(Build b, Value variance, double epsilon) {
    return b.emit(Op.of(OpKind.RSQRT).inputs(b.add(variance, epsilon)));
  }

  /**
   * Normalizes by stored statistics, one per channel.
   *
   * @param b where operators go
   * @param x batch, channels, then any dimensions
   * @param scale factors per channel, or null for ones
   * @param bias summands per channel, or null for zeros
   * @param mean means per channel
   * @param variance variances per channel
   * @param epsilon what is added to the variances
   * @return scale (x - mean) / sqrt(variance + epsilon) + bias
   */
  public static Value batch(
      Build b,
      Value x,
      @Nullable Value scale,
      @Nullable Value bias,
      Value mean,
      Value variance,
      double epsilon) {
    int rank = Build.rank(x);
    Value inverse = inverseDeviation(b, variance, epsilon);
    Value factor = scale == null ? inverse : b.mul(scale, inverse);
    Value shift = b.mul(mean, factor);
    shift = bias == null ? Functions.negative(b, shift) : b.sub(bias, shift);
    if (rank == 2) {
      return b.add(b.mul(x, factor), shift);
    }
    return b.add(b.mul(x, b.perChannel(factor, rank)), b.perChannel(shift, rank));
  }

  /**
   * Normalizes by the statistics along axes.
   *
   * @param b where operators go
   * @param x the tensor
   * @param epsilon what is added to the variance
   * @param axes which ones
   * @return the result with the statistics
   */
  public static Normalized along(Build b, Value x, double epsilon, int... axes) {
    Value mean = b.reduce(OpKind.MEAN, x, true, axes);
    Value centred = b.sub(x, mean);
    Value variance = b.reduce(OpKind.MEAN, b.square(centred), true, axes);
    Value inverse = inverseDeviation(b, variance, epsilon);
    return new Normalized(b.mul(centred, inverse), mean, inverse);
  }

  /**
   * Normalizes each sample and channel over its spatial dimensions.
   *
   * @param b where operators go
   * @param x batch, channels, then spatial dimensions
   * @param scale factors per channel, or null for ones
   * @param bias summands per channel, or null for zeros
   * @param epsilon what is added to the variance
   * @return a tensor of the same shape
   */
  public static Value instance(
      Build b, Value x, @Nullable Value scale, @Nullable Value bias, double epsilon) {
    int[] axes = IntStream.range(2, Build.rank(x)).toArray();
    return channelwise(b, along(b, x, epsilon, axes).result(), scale, bias);
  }

  /**
   * Normalizes groups of channels over all their elements.
   *
   * @param b where operators go
   * @param x batch, channels, then spatial dimensions; all but the batch fixed
   * @param groups how many groups the channels fall into
   * @param scale factors per channel, or null for ones
   * @param bias summands per channel, or null for zeros
   * @param epsilon what is added to the variance
   * @return a tensor of the same shape
   */
  public static Value group(
      Build b, Value x, int groups, @Nullable Value scale, @Nullable Value bias, double epsilon) {
    int[] d = Build.fixedFrom(x, 1);
    if (groups < 1 || d.length < 2 || d[1] % groups != 0) {
      throw new Refusal(groups + " groups of " + x.shape(), "export the model anew");
    }
    int rest = d[1] / groups;
    for (int i = 2; i < d.length; i++) {
      rest = Math.multiplyExact(rest, d[i]);
    }
    Value grouped = b.reshape(x, d[0], groups, rest);
    return channelwise(b, b.reshape(along(b, grouped, epsilon, 2).result(), d), scale, bias);
  }

  private static Value channelwise(Build b, Value x, @Nullable Value scale, @Nullable Value bias) {
    int rank = Build.rank(x);
    Value y = scale == null ? x : b.mul(x, b.perChannel(scale, rank));
    return bias == null ? y : b.add(y, b.perChannel(bias, rank));
  }

  /**
   * Divides by the root mean square along axes.
   *
   * @param b where operators go
   * @param x the tensor
   * @param scale factors that broadcast to it, or null for ones
   * @param epsilon what is added to the mean square
   * @param axes which ones
   * @return a tensor of the same shape
   */
  public static Value rootMeanSquare(
      Build b, Value x, @Nullable Value scale, double epsilon, int... axes) {
    Value square = b.reduce(OpKind.MEAN, b.square(x), true, axes);
    Value y = b.mul(x, inverseDeviation(b, square, epsilon));
    return scale == null ? y : b.mul(y, scale);
  }

  /**
   * Normalizes across neighbouring channels: x / (bias + alpha/size sum of squares)^beta.
   *
   * @param b where operators go
   * @param x batch, channels, then spatial dimensions
   * @param size how many channels
   * @param alpha the factor of the mean square
   * @param beta the exponent
   * @param bias the summand
   * @return a tensor of the same shape
   */
  public static Value localResponse(
      Build b, Value x, int size, double alpha, double beta, double bias) {
    if (Build.rank(x) == 4 && size % 2 == 1) {
      Op op =
          Op.of(OpKind.LOCAL_RESPONSE_NORMALIZATION)
              .set("radius", (size - 1) / 2)
              .set("bias", (float) bias)
              .set("alpha", (float) alpha / size)
              .set("beta", (float) beta);
      return b.first(b.emit(op.inputs(b.last(x))));
    }
    // The sum over neighbouring channels, as a sum of shifted images.
    int[] p = new int[2 * Build.rank(x)];
    p[2] = (Build.repetitions(size) - 1) / 2;
    p[3] = size - 1 - p[2];
    Value squares = b.pad(b.square(x), p, b.scalar(0));
    int channels = Build.fixedFrom(x, 1)[1];
    Value sum = b.slice(squares, 1, 0, channels);
    for (int i = 1; i < size; i++) {
      sum = b.add(sum, b.slice(squares, 1, i, channels));
    }
    Value base = b.add(b.mul(sum, alpha / size), bias);
    return b.mul(x, b.emit(Op.of(OpKind.POW).inputs(base, b.scalar(-beta))));
  }
}
