package io.jetfire;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Everything from a model, or its training, to the report: a description that {@link JetFire} runs.
 *
 * <pre>{@code
 * Experiment experiment = Experiment.builder("item-detector")
 *     .model(Path.of("ssd.tflite"))
 *     .preprocessing(Preprocessing.resize(96, 96).normalize(0, 255))
 *     .decoding(OutputDecoder.ssd(anchors).scoreThreshold(0.4))
 *     .evaluation(Evaluation.detection(scenes).build())
 *     .convert(Converter.toTflite().recipe(Recipe.float16()).build())
 *     .deviceRun(DeviceRun.on("local").build())
 *     .recordTo("mlmd-sqlite")
 *     .build();
 * }</pre>
 *
 * <p>Immutable.
 */
public final class Experiment implements Description {
  private final String name;
  private final @Nullable Training training;
  private final @Nullable Model model;
  private final Preprocessing preprocessing;
  private final @Nullable OutputDecoder decoding;
  private final @Nullable Evaluation evaluation;
  private final List<Converter> converters;
  private final List<DeviceRun> deviceRuns;
  private final Map<String, DeviceQuery> tiers;
  private final List<Gate> gates;
  private final @Nullable Baseline baseline;
  private final String metadataStore;

  private Experiment(Builder b) {
    name = b.name;
    training = b.training;
    model = b.model;
    preprocessing = b.preprocessing;
    decoding = b.decoding;
    evaluation = b.evaluation;
    converters = List.copyOf(b.converters);
    deviceRuns = List.copyOf(b.deviceRuns);
    tiers = Collections.unmodifiableMap(new LinkedHashMap<>(b.tiers));
    gates = List.copyOf(b.gates);
    baseline = b.baseline;
    metadataStore = b.metadataStore;
  }

  /**
   * Starts an experiment.
   *
   * @param name under which its runs are recorded: letters, digits, {@code .}, {@code _}, {@code -}
   * @return an empty builder
   */
  public static Builder builder(String name) {
    return new Builder(name);
  }

  /**
   * Returns the name.
   *
   * @return under which its runs are recorded
   */
  public String name() {
    return name;
  }

  /**
   * Returns the training that gives the model.
   *
   * @return empty if the experiment takes a model file
   */
  public Optional<Training> training() {
    return Optional.ofNullable(training);
  }

  /**
   * Returns the model file.
   *
   * @return empty if the experiment trains one
   */
  public Optional<Model> model() {
    return Optional.ofNullable(model);
  }

  /**
   * Returns the way from a sample to the model's inputs.
   *
   * @return no steps if none was given
   */
  public Preprocessing preprocessing() {
    return preprocessing;
  }

  /**
   * Returns the way from the model's outputs to what they mean.
   *
   * @return empty if none was given
   */
  public Optional<OutputDecoder> decoding() {
    return Optional.ofNullable(decoding);
  }

  /**
   * Returns how the model and its variants are evaluated.
   *
   * @return empty if they are not
   */
  public Optional<Evaluation> evaluation() {
    return Optional.ofNullable(evaluation);
  }

  /**
   * Returns the conversions, one per variant.
   *
   * @return may be empty: then the model itself is the only variant
   */
  public List<Converter> converters() {
    return converters;
  }

  /**
   * Returns what is measured on devices.
   *
   * @return may be empty
   */
  public List<DeviceRun> deviceRuns() {
    return deviceRuns;
  }

  /**
   * Returns the device tiers that the user named.
   *
   * @return queries by name, in order
   */
  public Map<String, DeviceQuery> tiers() {
    return tiers;
  }

  /**
   * Returns the gates.
   *
   * @return in order
   */
  public List<Gate> gates() {
    return gates;
  }

  /**
   * Returns the earlier run that this experiment's runs are compared with.
   *
   * @return empty if they are not
   */
  public Optional<Baseline> baseline() {
    return Optional.ofNullable(baseline);
  }

  /**
   * Returns the id of the metadata store that runs are recorded to.
   *
   * @return {@code memory} unless another was named
   */
  public String metadataStore() {
    return metadataStore;
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Experiment e && toJson().equals(e.toJson());
  }

  @Override
  public int hashCode() {
    return Objects.hash(name, converters, deviceRuns, tiers, metadataStore);
  }

  @Override
  public String toString() {
    return "Experiment["
        + name
        + ": "
        + (training == null ? model : training)
        + ", "
        + converters.size()
        + " conversions, "
        + deviceRuns.size()
        + " device runs, "
        + gates.size()
        + " gates, recorded to "
        + metadataStore
        + "]";
  }

  /** Collects the parts of an {@link Experiment}. */
  public static final class Builder {
    private final String name;
    private @Nullable Training training;
    private @Nullable Model model;
    private Preprocessing preprocessing = Preprocessing.none();
    private @Nullable OutputDecoder decoding;
    private @Nullable Evaluation evaluation;
    private final List<Converter> converters = new ArrayList<>();
    private final List<DeviceRun> deviceRuns = new ArrayList<>();
    private final Map<String, DeviceQuery> tiers = new LinkedHashMap<>();
    private final List<Gate> gates = new ArrayList<>();
    private @Nullable Baseline baseline;
    private String metadataStore = "memory";

    private Builder(String name) {
      this.name = name;
    }

    /**
     * Trains the model.
     *
     * @param value what to train, such as a {@code DjlTraining}
     * @return this builder
     */
    public Builder training(Training value) {
      this.training = value;
      return this;
    }

    /**
     * Takes a model file, of any format that the converter backend and a model runtime know.
     *
     * @param file the file; it is read and hashed at once
     * @return this builder
     */
    public Builder model(Path file) {
      return model(Model.of(file));
    }

    /**
     * Takes a model file.
     *
     * @param value the model
     * @return this builder
     */
    public Builder model(Model value) {
      this.model = value;
      return this;
    }

    /**
     * Sets the way from a sample to the model's inputs.
     *
     * @param value the preprocessing
     * @return this builder
     */
    public Builder preprocessing(Preprocessing value) {
      this.preprocessing = value;
      return this;
    }

    /**
     * Sets the way from the model's outputs to what they mean.
     *
     * @param value the decoder
     * @return this builder
     */
    public Builder decoding(OutputDecoder value) {
      this.decoding = value;
      return this;
    }

    /**
     * Sets how the model and its variants are evaluated.
     *
     * @param value the evaluation
     * @return this builder
     */
    public Builder evaluation(Evaluation value) {
      this.evaluation = value;
      return this;
    }

    /**
     * Adds a conversion.
     *
     * @param value the conversion; its recipe's name is the variant's
     * @return this builder
     */
    public Builder convert(Converter value) {
      converters.add(value);
      return this;
    }

    /**
     * Adds a device run.
     *
     * @param value what to measure
     * @return this builder
     */
    public Builder deviceRun(DeviceRun value) {
      deviceRuns.add(value);
      return this;
    }

    /**
     * Names a device tier, which gates can speak of.
     *
     * @param tier the tier's name
     * @param query which devices belong to it
     * @return this builder
     */
    public Builder tier(String tier, DeviceQuery query) {
      tiers.put(tier, query);
      return this;
    }

    /**
     * Adds a gate.
     *
     * @param value the gate
     * @return this builder
     */
    public Builder gate(Gate value) {
      gates.add(value);
      return this;
    }

    /**
     * Compares runs with an earlier one, which gates on regression are held against as well.
     *
     * @param value the earlier run
     * @return this builder
     */
    public Builder baseline(Baseline value) {
      this.baseline = value;
      return this;
    }

    /**
     * Sets the metadata store that runs are recorded to.
     *
     * @param store the store's id, such as {@code mlmd-sqlite}
     * @return this builder
     */
    public Builder recordTo(String store) {
      this.metadataStore = store;
      return this;
    }

    /**
     * Makes the experiment.
     *
     * @return the experiment
     * @throws ConfigurationException if parts do not fit together; all problems are named
     */
    public Experiment build() {
      Problems problems = new Problems("The experiment '" + name + "'");
      problems.check(
          name.matches("[A-Za-z0-9._-]{1,80}"),
          "its name needs 1 to 80 letters, digits, '.', '_' and '-'");
      problems.check(
          (training == null) != (model == null),
          training == null
              ? "it needs a model(file) or a training(description)"
              : "it has both a model and a training; keep one");
      problems.check(
          evaluation == null || decoding != null,
          "an evaluation needs decoding(decoder) to understand the outputs");
      Set<String> names = new TreeSet<>();
      for (Converter c : converters) {
        problems.check(
            names.add(c.recipe().name()),
            "two conversions have a recipe named '"
                + c.recipe().name()
                + "'; give one another name");
      }
      Set<String> available = names.isEmpty() ? Set.of("model") : names;
      for (DeviceRun r : deviceRuns) {
        for (String v : r.variants()) {
          problems.check(
              available.contains(v),
              r.farm() + " should measure the variant '" + v + "', but there are " + available);
        }
      }
      for (Gate g : gates) {
        g.selector()
            .tier()
            .ifPresent(
                t ->
                    problems.check(
                        tiers.containsKey(t),
                        "the gate "
                            + g
                            + " speaks of the tier '"
                            + t
                            + "', but there are "
                            + tiers.keySet()));
      }
      problems.raise();
      return new Experiment(this);
    }
  }
}
