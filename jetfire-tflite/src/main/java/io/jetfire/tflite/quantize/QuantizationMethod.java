package io.jetfire.tflite.quantize;

import io.jetfire.ConfigurationException;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A method that makes a quantized model more accurate.
 *
 * <p>All are applied where they can be and where calibration samples that were held back do not
 * speak against them; {@link io.jetfire.Recipe#withoutMethods()} switches them off by {@link
 * #id()}.
 */
public enum QuantizationMethod {
  /**
   * Replaces an average pooling over the whole map by a mean, whose output may have a range of its
   * own (8-bit activations).
   */
  POOL_TO_MEAN,
  /**
   * Merges a layer without an activation into the one that alone reads it, where that takes few
   * more multiplications (8-bit activations).
   */
  MERGE_LAYERS,
  /**
   * Chooses ranges of activations by their mean squared error instead of their extremes (8-bit
   * activations).
   */
  RANGE_SEARCH,
  /** Chooses the range before a softmax by the error after it (8-bit activations). */
  SOFTMAX_RANGE,
  /**
   * Scales channels between layers so that small ones lose less; exact in float (8-bit
   * activations).
   */
  EQUALIZATION,
  /**
   * Gives weights a second part of 8 bits in the layers that make most of the error for few
   * multiplications (16-bit activations). The model gets slower, by 12 and 32 % where it was
   * measured.
   */
  WEIGHT_SPLIT,
  /**
   * Leaves activations float, and weights small, in the layers that make most of the error for few
   * multiplications (dynamic range, with calibration samples). The time of the model changes by -12
   * to 20 % where it was measured.
   */
  FLOAT_ACTIVATIONS,
  /** Rounds weights one after the other, carrying each error over to correlated weights. */
  ERROR_FEEDBACK,
  /** Aims weights at the float layer's outputs, given what the quantized network feeds. */
  REGRESSION,
  /** Moves what remains of a layer's mean error into its bias. */
  BIAS_CORRECTION;

  /**
   * Returns the name for {@link io.jetfire.Recipe.Builder#without}.
   *
   * @return such as {@code range-search}
   */
  public String id() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** The methods that are left after some were switched off. */
  static Set<QuantizationMethod> without(List<String> ids) {
    Set<QuantizationMethod> left = EnumSet.allOf(QuantizationMethod.class);
    for (String id : ids) {
      QuantizationMethod method =
          Arrays.stream(values())
              .filter(m -> m.id().equals(id))
              .findFirst()
              .orElseThrow(
                  () ->
                      new ConfigurationException(
                          "The recipe switches off '"
                              + id
                              + "', but the methods are "
                              + Arrays.stream(values())
                                  .map(QuantizationMethod::id)
                                  .collect(Collectors.joining(", "))));
      left.remove(method);
    }
    return left;
  }
}
