package io.jetfire;

import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * How to convert a model: one variant.
 *
 * <pre>{@code
 * Converter int8 = Converter.toTflite()
 *     .recipe(Recipe.fullInteger())
 *     .calibration(representative)
 *     .build();
 * }</pre>
 *
 * <p>Immutable.
 */
public final class Converter implements Description {
  /** The runtime that converted files run on unless another is asked for. */
  public static final String DEFAULT_TARGET_RUNTIME = "2.16.1";

  private final String backend;
  private final Recipe recipe;
  private final @Nullable Dataset calibration;
  private final int calibrationSamples;
  private final @Nullable Preprocessing preprocessing;
  private final @Nullable Layout edgeLayout;
  private final Map<String, Integer> dimensions;
  private final List<String> customOperators;
  private final String targetRuntime;

  private Converter(Builder b) {
    backend = b.backend;
    recipe = b.recipe;
    calibration = b.calibration;
    calibrationSamples = b.calibrationSamples;
    preprocessing = b.preprocessing;
    edgeLayout = b.edgeLayout;
    dimensions = Collections.unmodifiableMap(new TreeMap<>(b.dimensions));
    customOperators = List.copyOf(b.customOperators);
    targetRuntime = b.targetRuntime;
  }

  /**
   * Starts a conversion to TensorFlow Lite by the converter backend {@code tflite}.
   *
   * @return a builder, with the float32 recipe
   */
  public static Builder toTflite() {
    return new Builder("tflite");
  }

  /**
   * Starts a conversion by another converter backend.
   *
   * @param backend the backend's id
   * @return a builder, with the float32 recipe
   */
  public static Builder with(String backend) {
    return new Builder(backend);
  }

  /**
   * Starts a converter from this one, such as one with another recipe.
   *
   * @return a builder with everything set as here
   */
  public Builder toBuilder() {
    Builder b = new Builder(backend).recipe(recipe).targetRuntime(targetRuntime);
    b.calibration = calibration;
    b.calibrationSamples = calibrationSamples;
    b.preprocessing = preprocessing;
    b.edgeLayout = edgeLayout;
    b.dimensions.putAll(dimensions);
    b.customOperators.addAll(customOperators);
    return b;
  }

  /**
   * Returns the id of the converter backend.
   *
   * @return such as {@code tflite}
   */
  public String backend() {
    return backend;
  }

  /**
   * Returns what happens to precision; its name is the variant's.
   *
   * @return the recipe
   */
  public Recipe recipe() {
    return recipe;
  }

  /**
   * Returns the representative dataset.
   *
   * @return empty if there is none
   */
  public Optional<Dataset> calibration() {
    return Optional.ofNullable(calibration);
  }

  /**
   * Returns how many samples of the representative dataset are used at most, for each signature.
   *
   * @return at least 1
   */
  public int calibrationSamples() {
    return calibrationSamples;
  }

  /**
   * Returns the preprocessing of calibration samples, where it differs from the experiment's.
   *
   * @return empty for the experiment's
   */
  public Optional<Preprocessing> preprocessing() {
    return Optional.ofNullable(preprocessing);
  }

  /**
   * Returns the layout that image inputs and outputs get.
   *
   * @return empty to keep the source's
   */
  public Optional<Layout> edgeLayout() {
    return Optional.ofNullable(edgeLayout);
  }

  /**
   * Returns the sizes for dimensions that the source leaves open.
   *
   * @return by the source's names of them; empty if none are given
   */
  public Map<String, Integer> dimensions() {
    return dimensions;
  }

  /**
   * Returns the source's operators that become custom operators.
   *
   * @return their names in the source; {@code *} for all that cannot be expressed
   */
  public List<String> customOperators() {
    return customOperators;
  }

  /**
   * Returns the version of the oldest runtime that must execute the file.
   *
   * @return such as {@code 2.16.1}
   */
  public String targetRuntime() {
    return targetRuntime;
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Converter c
        && backend.equals(c.backend)
        && recipe.equals(c.recipe)
        && Objects.equals(id(calibration), id(c.calibration))
        && calibrationSamples == c.calibrationSamples
        && Objects.equals(preprocessing, c.preprocessing)
        && edgeLayout == c.edgeLayout
        && dimensions.equals(c.dimensions)
        && customOperators.equals(c.customOperators)
        && targetRuntime.equals(c.targetRuntime);
  }

  private static @Nullable String id(@Nullable Dataset dataset) {
    return dataset == null ? null : dataset.name() + "/" + dataset.fingerprint();
  }

  @Override
  public int hashCode() {
    return Objects.hash(
        backend,
        recipe,
        calibrationSamples,
        edgeLayout,
        dimensions,
        customOperators,
        targetRuntime);
  }

  @Override
  public String toString() {
    return "Converter["
        + backend
        + ", "
        + recipe
        + (calibration == null ? "" : ", calibrated on " + calibration)
        + (edgeLayout == null ? "" : ", " + edgeLayout)
        + (dimensions.isEmpty() ? "" : ", " + dimensions)
        + (customOperators.isEmpty() ? "" : ", custom operators " + customOperators)
        + ", for TensorFlow Lite "
        + targetRuntime
        + "]";
  }

  private static void checkTargetRuntime(Problems problems, String version) {
    problems.check(
        version.matches("[0-9]+(\\.[0-9]+){1,2}"),
        "targetRuntime is a version such as 2.16.1, not '" + version + "'");
  }

  /** Collects the parts of a {@link Converter}. */
  public static final class Builder {
    private final String backend;
    private Recipe recipe = Recipe.float32();
    private @Nullable Dataset calibration;
    private int calibrationSamples = 200;
    private @Nullable Preprocessing preprocessing;
    private @Nullable Layout edgeLayout;
    private final Map<String, Integer> dimensions = new TreeMap<>();
    private final Set<String> customOperators = new LinkedHashSet<>();
    private String targetRuntime = DEFAULT_TARGET_RUNTIME;

    private Builder(String backend) {
      this.backend = backend;
    }

    /**
     * Sets what happens to precision.
     *
     * @param value the recipe; its name is the variant's
     * @return this builder
     */
    public Builder recipe(Recipe value) {
      this.recipe = value;
      return this;
    }

    /**
     * Sets the representative dataset. Recipes that do not need one use it for more accuracy.
     *
     * <p>For a model with several signatures it holds samples for each: one belongs to the
     * signature whose inputs have its names, types and shapes, or to the one that it names with
     * {@link Sample#forSignature}.
     *
     * @param value samples like those that the model will see; their targets are not looked at
     * @return this builder
     */
    public Builder calibration(Dataset value) {
      this.calibration = value;
      return this;
    }

    /**
     * Sets how many samples of the representative dataset are used at most, for each signature of
     * the model; 200 by default.
     *
     * @param value at least 1
     * @return this builder
     */
    public Builder calibrationSamples(int value) {
      this.calibrationSamples = value;
      return this;
    }

    /**
     * Sets the preprocessing of calibration samples, where it differs from the experiment's.
     *
     * @param value from a sample to the model's inputs
     * @return this builder
     */
    public Builder preprocessing(Preprocessing value) {
      this.preprocessing = value;
      return this;
    }

    /**
     * Sets the layout that image inputs and outputs get; by default they keep the source's.
     *
     * @param value the layout
     * @return this builder
     */
    public Builder edgeLayout(Layout value) {
      this.edgeLayout = value;
      return this;
    }

    /**
     * Gives a dimension a size that the source leaves open.
     *
     * @param name the source's name of it, such as {@code sequence_length}, or the input's name and
     *     the dimension's place, such as {@code tokens.1}
     * @param size at least 1
     * @return this builder
     */
    public Builder dimension(String name, int size) {
      dimensions.put(name, size);
      return this;
    }

    /**
     * Lets operators of the source become custom operators, which an app registers with its
     * interpreter. Without this, a source with an operator that cannot be expressed is refused.
     *
     * @param names the operators' names in the source; {@code *} for all that cannot be expressed
     * @return this builder
     */
    public Builder customOperators(String... names) {
      customOperators.addAll(List.of(names));
      return this;
    }

    /**
     * Sets the version of the oldest runtime that must execute the file; 2.16.1 by default.
     *
     * @param value such as {@code 2.16.1}
     * @return this builder
     */
    public Builder targetRuntime(String value) {
      this.targetRuntime = value;
      return this;
    }

    /**
     * Makes the converter.
     *
     * @return the converter
     * @throws ConfigurationException if parts do not fit together; all problems are named
     */
    public Converter build() {
      Problems problems = new Problems("The converter with the recipe '" + recipe.name() + "'");
      problems.check(
          calibration != null || !recipe.needsCalibration(),
          "the recipe quantizes activations in advance and needs calibration(dataset)");
      problems.check(calibrationSamples >= 1, "calibrationSamples is at least 1");
      problems.check(
          dimensions.values().stream().allMatch(size -> size >= 1),
          "dimensions are at least 1, not " + dimensions);
      problems.check(
          customOperators.stream().noneMatch(String::isBlank),
          "names of custom operators are not blank");
      checkTargetRuntime(problems, targetRuntime);
      problems.raise();
      return new Converter(this);
    }
  }
}
