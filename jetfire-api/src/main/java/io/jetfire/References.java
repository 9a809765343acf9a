package io.jetfire;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/**
 * What the JSON of a description refers to by name: datasets, networks to train, and functions.
 *
 * <pre>{@code
 * References references = References.builder().dataset(digits).build();
 * Evaluation evaluation = Description.fromJson(Evaluation.class, json, references);
 * }</pre>
 *
 * <p>Immutable.
 */
public final class References {
  private static final References NONE = builder().build();

  private final Map<String, Dataset> datasets;
  private final Map<String, Training> trainings;
  private final Map<String, UnaryOperator<Tensor>> preprocessing;
  private final Map<String, Function<List<Tensor>, Prediction>> decoding;
  private final Map<String, Loss.Function> losses;

  private References(Builder b) {
    datasets = Collections.unmodifiableMap(new LinkedHashMap<>(b.datasets));
    trainings = Collections.unmodifiableMap(new LinkedHashMap<>(b.trainings));
    preprocessing = Collections.unmodifiableMap(new LinkedHashMap<>(b.preprocessing));
    decoding = Collections.unmodifiableMap(new LinkedHashMap<>(b.decoding));
    losses = Collections.unmodifiableMap(new LinkedHashMap<>(b.losses));
  }

  /**
   * Returns no references.
   *
   * @return the same each time
   */
  public static References none() {
    return NONE;
  }

  /**
   * Starts a set of references.
   *
   * @return an empty builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Collects everything that an experiment refers to, to read its JSON back in the same program.
   *
   * @param experiment the experiment
   * @return its datasets and code
   */
  public static References of(Experiment experiment) {
    Builder b = builder();
    experiment
        .training()
        .ifPresent(
            t -> {
              b.training(t);
              b.dataset(t.dataset());
            });
    List<Preprocessing> pre = new ArrayList<>(List.of(experiment.preprocessing()));
    experiment.evaluation().ifPresent(e -> of(b, e));
    for (Converter c : experiment.converters()) {
      c.calibration().ifPresent(b::dataset);
      c.preprocessing().ifPresent(pre::add);
    }
    experiment.deviceRuns().forEach(r -> r.frames().ifPresent(b::dataset));
    for (Preprocessing p : pre) {
      for (Preprocessing.Step step : p.steps()) {
        if (step instanceof Preprocessing.Function f) {
          b.preprocessing(f.name(), f.function());
        }
      }
    }
    experiment
        .decoding()
        .ifPresent(
            d -> {
              if (d instanceof OutputDecoder.Custom c) {
                b.decoding(c.name(), c.function());
              }
            });
    return b.build();
  }

  private static void of(Builder b, Evaluation e) {
    b.dataset(e.dataset());
    e.loss()
        .ifPresent(
            l -> {
              if (l instanceof Loss.Custom c) {
                b.loss(c.name(), c.function());
              }
            });
  }

  /**
   * Finds a dataset.
   *
   * @param name its name
   * @return the dataset, if it is here
   */
  public Optional<Dataset> dataset(String name) {
    return Optional.ofNullable(datasets.get(name));
  }

  /**
   * Finds a training.
   *
   * @param name its name
   * @return the training, if it is here
   */
  public Optional<Training> training(String name) {
    return Optional.ofNullable(trainings.get(name));
  }

  /**
   * Finds a preprocessing function.
   *
   * @param name its name
   * @return the function, if it is here
   */
  public Optional<UnaryOperator<Tensor>> preprocessing(String name) {
    return Optional.ofNullable(preprocessing.get(name));
  }

  /**
   * Finds a decoding function.
   *
   * @param name its name
   * @return the function, if it is here
   */
  public Optional<Function<List<Tensor>, Prediction>> decoding(String name) {
    return Optional.ofNullable(decoding.get(name));
  }

  /**
   * Finds a loss function.
   *
   * @param name its name
   * @return the function, if it is here
   */
  public Optional<Loss.Function> loss(String name) {
    return Optional.ofNullable(losses.get(name));
  }

  /** Collects {@link References}. */
  public static final class Builder {
    private final Map<String, Dataset> datasets = new LinkedHashMap<>();
    private final Map<String, Training> trainings = new LinkedHashMap<>();
    private final Map<String, UnaryOperator<Tensor>> preprocessing = new LinkedHashMap<>();
    private final Map<String, Function<List<Tensor>, Prediction>> decoding = new LinkedHashMap<>();
    private final Map<String, Loss.Function> losses = new LinkedHashMap<>();

    private Builder() {}

    /**
     * Adds a dataset under its name.
     *
     * @param dataset the dataset
     * @return this builder
     */
    public Builder dataset(Dataset dataset) {
      datasets.put(dataset.name(), dataset);
      return this;
    }

    /**
     * Adds a training under its name.
     *
     * @param training the training
     * @return this builder
     */
    public Builder training(Training training) {
      trainings.put(training.name(), training);
      return this;
    }

    /**
     * Adds a preprocessing function.
     *
     * @param name its name
     * @param function the function
     * @return this builder
     */
    public Builder preprocessing(String name, UnaryOperator<Tensor> function) {
      preprocessing.put(name, function);
      return this;
    }

    /**
     * Adds a decoding function.
     *
     * @param name its name
     * @param function the function
     * @return this builder
     */
    public Builder decoding(String name, Function<List<Tensor>, Prediction> function) {
      decoding.put(name, function);
      return this;
    }

    /**
     * Adds a loss function.
     *
     * @param name its name
     * @param function the function
     * @return this builder
     */
    public Builder loss(String name, Loss.Function function) {
      losses.put(name, function);
      return this;
    }

    /**
     * Makes the references.
     *
     * @return the references
     */
    public References build() {
      return new References(this);
    }
  }
}
