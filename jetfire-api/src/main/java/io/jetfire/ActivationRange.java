package io.jetfire;

import java.math.BigDecimal;

/**
 * How the range of an activation that is quantized in advance is chosen from what calibration saw
 * of it.
 *
 * <pre>{@code
 * Recipe clipped = Recipe.fullInteger().toBuilder()
 *     .name("int8-99.9")
 *     .activationRange(ActivationRange.percentile(99.9))
 *     .build();
 * }</pre>
 *
 * <p>Tensors that an operator ties to one range get a range for all of them. Ranges that are given,
 * as those of a softmax's output or of quantization-aware training, stay as they are.
 *
 * @param method how
 * @param percentile with {@link Method#PERCENTILE} the share of values inside, above 50 to 100;
 *     with every other method 100
 */
public record ActivationRange(Method method, double percentile) {

  /** A way to choose a range. */
  public enum Method {
    /**
     * What a converter thinks best: least squared error, or extremes where held-back calibration
     * samples prefer them; what goes into a softmax is judged by what comes out.
     */
    AUTOMATIC,
    /** From the smallest to the largest value. */
    MIN_MAX,
    /** Leaves a share of the values outside, half of it at each end where both signs occur. */
    PERCENTILE,
    /** The least mean squared error of rounding and clipping together. */
    MEAN_SQUARED_ERROR,
    /**
     * The least Kullback-Leibler divergence between the distributions before and after quantizing
     * to 8 bits; with 16-bit activations, whose steps are finer than the distribution is known, the
     * extremes.
     */
    ENTROPY
  }

  /** Checks the percentile. */
  public ActivationRange {
    boolean fits =
        method == Method.PERCENTILE ? percentile > 50 && percentile <= 100 : percentile == 100;
    if (!fits) {
      throw new ConfigurationException(
          method == Method.PERCENTILE
              ? "A percentile range holds more than 50 and at most 100 % of the values, not "
                  + percentile
                  + "; usual are 99.9 to 99.999"
              : "Only percentile ranges have a percentile, not " + method);
    }
  }

  /**
   * Returns the choice that a converter thinks best, which is the default.
   *
   * @return the method {@link Method#AUTOMATIC}
   */
  public static ActivationRange automatic() {
    return new ActivationRange(Method.AUTOMATIC, 100);
  }

  /**
   * Returns the range from the smallest to the largest value.
   *
   * @return the method {@link Method#MIN_MAX}
   */
  public static ActivationRange minMax() {
    return new ActivationRange(Method.MIN_MAX, 100);
  }

  /**
   * Returns the range that holds a share of the values.
   *
   * @param percent above 50 to 100, such as 99.99
   * @return the method {@link Method#PERCENTILE}
   */
  public static ActivationRange percentile(double percent) {
    return new ActivationRange(Method.PERCENTILE, percent);
  }

  /**
   * Returns the range with the least mean squared error.
   *
   * @return the method {@link Method#MEAN_SQUARED_ERROR}
   */
  public static ActivationRange meanSquaredError() {
    return new ActivationRange(Method.MEAN_SQUARED_ERROR, 100);
  }

  /**
   * Returns the range with the least Kullback-Leibler divergence.
   *
   * @return the method {@link Method#ENTROPY}
   */
  public static ActivationRange entropy() {
    return new ActivationRange(Method.ENTROPY, 100);
  }

  @Override
  public String toString() {
    return switch (method) {
      case AUTOMATIC -> "automatic";
      case MIN_MAX -> "min-max";
      case PERCENTILE -> "percentile " + BigDecimal.valueOf(percentile).toPlainString();
      case MEAN_SQUARED_ERROR -> "mean squared error";
      case ENTROPY -> "entropy";
    };
  }
}
