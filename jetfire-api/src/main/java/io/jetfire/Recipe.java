package io.jetfire;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/**
 * What a conversion does to a model's precision.
 *
 * <pre>{@code
 * Recipe small = Recipe.fullInteger();
 * Recipe mixed = Recipe.fullInteger().toBuilder()
 *     .name("int8-float-head")
 *     .rule("name:head/*", Recipe.Precision.FLOAT32)
 *     .build();
 * }</pre>
 *
 * <p>Immutable.
 */
public final class Recipe {

  /** What numbers weights and activations are. */
  public enum Precision {
    /** Everything stays 32-bit float. */
    FLOAT32(false),
    /** Weights are 16-bit floats; computed in float. */
    FLOAT16(false),
    /** Weights are 8-bit integers; activations are quantized while the model runs. */
    DYNAMIC_RANGE(false),
    /** Weights are stored as 8-bit integers and computed in float. */
    WEIGHT_ONLY(false),
    /** Weights and activations are 8-bit integers. */
    FULL_INTEGER(true),
    /** Weights are 8-bit, activations 16-bit integers. */
    INT16X8(true);

    private final boolean needsCalibration;

    Precision(boolean needsCalibration) {
      this.needsCalibration = needsCalibration;
    }

    /**
     * Says whether a representative dataset is needed.
     *
     * @return true if activations are quantized in advance
     */
    public boolean needsCalibration() {
      return needsCalibration;
    }
  }

  /**
   * An exception from the recipe's precision; later rules win.
   *
   * @param selector {@code op:CONV_2D} (an operator kind) or {@code name:block3/*} (the name of an
   *     operator's output tensor; {@code *} stands for any characters)
   * @param precision what the selected operators get
   */
  public record Rule(String selector, Precision precision) {
    /** Checks the selector. */
    public Rule {
      if (!selector.matches("(op|name):.+")) {
        throw new ConfigurationException(
            "A recipe's rule selects by op:KIND or name:PATTERN, but was '" + selector + "'");
      }
    }
  }

  private final String name;
  private final Precision precision;
  private final TensorType edgeType;
  private final int weightBits;
  private final int weightBlockSize;
  private final ActivationRange activationRange;
  private final List<Rule> rules;
  private final List<String> withoutMethods;

  private Recipe(Builder b) {
    this.name = b.name;
    this.precision = b.precision;
    this.edgeType = b.edgeType;
    this.weightBits = b.weightBits;
    this.weightBlockSize = b.weightBlockSize;
    this.activationRange = b.activationRange;
    this.rules = List.copyOf(b.rules);
    this.withoutMethods = List.copyOf(b.withoutMethods);
  }

  /**
   * Returns the recipe that keeps everything float.
   *
   * @return named {@code float32}
   */
  public static Recipe float32() {
    return builder(Precision.FLOAT32).build();
  }

  /**
   * Returns the recipe with 16-bit float weights.
   *
   * @return named {@code float16}
   */
  public static Recipe float16() {
    return builder(Precision.FLOAT16).build();
  }

  /**
   * Returns the recipe with 8-bit weights and activations quantized while the model runs.
   *
   * @return named {@code dynamic-range}
   */
  public static Recipe dynamicRange() {
    return builder(Precision.DYNAMIC_RANGE).build();
  }

  /**
   * Returns the recipe with weights stored in 8 bits and computed in float.
   *
   * @return named {@code weight-only}
   */
  public static Recipe weightOnly() {
    return builder(Precision.WEIGHT_ONLY).build();
  }

  /**
   * Returns the recipe with 8-bit weights and activations, and float inputs and outputs.
   *
   * @return named {@code full-integer}
   */
  public static Recipe fullInteger() {
    return builder(Precision.FULL_INTEGER).build();
  }

  /**
   * Returns the recipe with 8-bit weights and 16-bit activations, and float inputs and outputs.
   *
   * @return named {@code int16x8}
   */
  public static Recipe int16x8() {
    return builder(Precision.INT16X8).build();
  }

  /**
   * Starts a recipe.
   *
   * @param precision what most operators get
   * @return a builder named after the precision
   */
  public static Builder builder(Precision precision) {
    return new Builder(precision);
  }

  /**
   * Starts a recipe from this one.
   *
   * @return a builder with everything set as here
   */
  public Builder toBuilder() {
    Builder b =
        new Builder(precision)
            .name(name)
            .edgeType(edgeType)
            .weightBits(weightBits)
            .weightBlockSize(weightBlockSize)
            .activationRange(activationRange);
    b.rules.addAll(rules);
    b.withoutMethods.addAll(withoutMethods);
    return b;
  }

  /**
   * Returns the recipe's name, which names the variant.
   *
   * @return such as {@code full-integer}
   */
  public String name() {
    return name;
  }

  /**
   * Returns what most operators get.
   *
   * @return the precision
   */
  public Precision precision() {
    return precision;
  }

  /**
   * Returns the type of the model's float inputs and outputs.
   *
   * @return FLOAT32, or for integer recipes INT8, UINT8 or INT16
   */
  public TensorType edgeType() {
    return edgeType;
  }

  /**
   * Returns how many bits integer weights have.
   *
   * @return 8 or 4
   */
  public int weightBits() {
    return weightBits;
  }

  /**
   * Returns how many weights of a fully connected layer share a scale.
   *
   * @return 0 for one scale per output, else the size of blocks along the layer's inputs
   */
  public int weightBlockSize() {
    return weightBlockSize;
  }

  /**
   * Returns how ranges of activations that are quantized in advance are chosen.
   *
   * @return automatic unless set
   */
  public ActivationRange activationRange() {
    return activationRange;
  }

  /**
   * Returns the exceptions.
   *
   * @return in order; later ones win
   */
  public List<Rule> rules() {
    return rules;
  }

  /**
   * Returns the accuracy methods that are switched off.
   *
   * @return names of methods, as the converter backend documents them
   */
  public List<String> withoutMethods() {
    return withoutMethods;
  }

  /**
   * Says whether a representative dataset is needed.
   *
   * @return true if the precision or that of a rule quantizes activations in advance
   */
  public boolean needsCalibration() {
    return precision.needsCalibration()
        || rules.stream().anyMatch(r -> r.precision().needsCalibration());
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Recipe r
        && name.equals(r.name)
        && precision == r.precision
        && edgeType == r.edgeType
        && weightBits == r.weightBits
        && weightBlockSize == r.weightBlockSize
        && activationRange.equals(r.activationRange)
        && rules.equals(r.rules)
        && withoutMethods.equals(r.withoutMethods);
  }

  @Override
  public int hashCode() {
    return Objects.hash(
        name,
        precision,
        edgeType,
        weightBits,
        weightBlockSize,
        activationRange,
        rules,
        withoutMethods);
  }

  @Override
  public String toString() {
    return "Recipe["
        + name
        + ": "
        + precision
        + (edgeType == TensorType.FLOAT32 ? "" : ", edges " + edgeType)
        + (weightBits == 8 ? "" : ", " + weightBits + "-bit weights")
        + (weightBlockSize == 0 ? "" : " in blocks of " + weightBlockSize)
        + (activationRange.method() == ActivationRange.Method.AUTOMATIC
            ? ""
            : ", ranges by " + activationRange)
        + (rules.isEmpty() ? "" : ", " + rules)
        + (withoutMethods.isEmpty() ? "" : ", without " + withoutMethods)
        + "]";
  }

  /** Collects the parts of a {@link Recipe}. */
  public static final class Builder {
    private final Precision precision;
    private String name;
    private TensorType edgeType = TensorType.FLOAT32;
    private int weightBits = 8;
    private int weightBlockSize;
    private ActivationRange activationRange = ActivationRange.automatic();
    private final List<Rule> rules = new ArrayList<>();
    private final List<String> withoutMethods = new ArrayList<>();

    private Builder(Precision precision) {
      this.precision = precision;
      this.name = precision.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /**
     * Sets the name.
     *
     * @param value letters, digits, {@code .}, {@code _} and {@code -}; it names files
     * @return this builder
     */
    public Builder name(String value) {
      this.name = value;
      return this;
    }

    /**
     * Sets the type of the model's float inputs and outputs.
     *
     * @param value FLOAT32, or for integer recipes INT8, UINT8 (both with 8-bit activations) or
     *     INT16 (with 16-bit activations)
     * @return this builder
     */
    public Builder edgeType(TensorType value) {
      this.edgeType = value;
      return this;
    }

    /**
     * Sets how many bits integer weights have.
     *
     * @param value 8 or 4
     * @return this builder
     */
    public Builder weightBits(int value) {
      this.weightBits = value;
      return this;
    }

    /**
     * Sets how many 4-bit weights of a fully connected layer share a scale, where the number of its
     * inputs is a multiple; other layers keep a scale per output. Runtimes may compute with blocks
     * on some delegates only; the conversion's notes say so.
     *
     * @param value 0 for one scale per output, or 32, 64, 128 or 256
     * @return this builder
     */
    public Builder weightBlockSize(int value) {
      this.weightBlockSize = value;
      return this;
    }

    /**
     * Sets how ranges of activations that are quantized in advance are chosen; automatically by
     * default.
     *
     * @param value for all activations but those whose range is given
     * @return this builder
     */
    public Builder activationRange(ActivationRange value) {
      this.activationRange = value;
      return this;
    }

    /**
     * Adds an exception.
     *
     * @param selector {@code op:KIND} or {@code name:PATTERN}
     * @param value what the selected operators get
     * @return this builder
     */
    public Builder rule(String selector, Precision value) {
      rules.add(new Rule(selector, value));
      return this;
    }

    /**
     * Switches an accuracy method off.
     *
     * @param method its name, as the converter backend documents it
     * @return this builder
     */
    public Builder without(String method) {
      withoutMethods.add(method);
      return this;
    }

    /**
     * Makes the recipe.
     *
     * @return the recipe
     * @throws ConfigurationException if parts do not fit together; all problems are named
     */
    public Recipe build() {
      Problems problems = new Problems("The recipe '" + name + "'");
      problems.check(
          name.matches("[A-Za-z0-9._-]{1,60}"),
          "its name needs 1 to 60 letters, digits, '.', '_' and '-'");
      boolean edgeFits =
          switch (precision) {
            case FULL_INTEGER ->
                edgeType == TensorType.FLOAT32
                    || edgeType == TensorType.INT8
                    || edgeType == TensorType.UINT8;
            case INT16X8 -> edgeType == TensorType.FLOAT32 || edgeType == TensorType.INT16;
            default -> edgeType == TensorType.FLOAT32;
          };
      problems.check(edgeFits, precision + " does not go with edges of type " + edgeType);
      problems.check(weightBits == 8 || weightBits == 4, "weights have 8 or 4 bits");
      problems.check(
          weightBits == 8 || (precision != Precision.FLOAT32 && precision != Precision.FLOAT16),
          precision + " has no 4-bit weights");
      problems.check(
          weightBlockSize == 0
              || weightBlockSize == 32
              || weightBlockSize == 64
              || weightBlockSize == 128
              || weightBlockSize == 256,
          "blocks of weights have 32, 64, 128 or 256 weights, or 0 for none, not "
              + weightBlockSize);
      problems.check(
          weightBlockSize == 0
              || weightBits == 4
                  && (precision == Precision.DYNAMIC_RANGE || precision == Precision.WEIGHT_ONLY),
          "blocks of weights go with 4-bit weights of DYNAMIC_RANGE and WEIGHT_ONLY, not with "
              + weightBits
              + "-bit weights of "
              + precision);
      problems.check(
          activationRange.method() == ActivationRange.Method.AUTOMATIC
              || precision.needsCalibration()
              || rules.stream().anyMatch(r -> r.precision().needsCalibration()),
          precision + " has no activations that are quantized in advance, so no ranges to choose");
      problems.raise();
      return new Recipe(this);
    }
  }
}
