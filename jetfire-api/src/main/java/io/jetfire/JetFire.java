package io.jetfire;

import io.jetfire.internal.Engine;
import io.jetfire.spi.Provider;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;

/**
 * The client that executes descriptions. Thread-safe; closing it leaves paid remote runs alive and
 * logs their ids.
 *
 * <pre>{@code
 * try (JetFire jetfire = JetFire.create()) {
 *   System.out.println(jetfire.plan(experiment));
 *   Report report = jetfire.run(experiment);
 *   report.writeTo(Path.of("report"));
 * }
 * }</pre>
 */
public interface JetFire extends AutoCloseable {

  /**
   * Creates a client with the providers on the class path and the work directory {@code .jetfire}.
   *
   * @return the client
   * @throws MissingProviderException if {@code jetfire-core} is not on the class path
   */
  static JetFire create() {
    return builder().build();
  }

  /**
   * Starts a client.
   *
   * @return a builder
   */
  static Builder builder() {
    return new Builder();
  }

  /**
   * Finds out what a run would do, without a call that costs.
   *
   * @param experiment the experiment
   * @return the plan
   * @throws ConfigurationException if the experiment cannot be run; all problems are named
   * @throws MissingProviderException if a provider is missing
   */
  Plan plan(Experiment experiment);

  /**
   * Runs an experiment and waits for its end.
   *
   * @param experiment the experiment
   * @return the report
   */
  Report run(Experiment experiment);

  /**
   * Starts an experiment.
   *
   * @param experiment the experiment
   * @return the run
   */
  RunHandle start(Experiment experiment);

  /**
   * Goes on with a run that another JVM, or a crash, left unfinished: what is finished is not done
   * again, and runs on device farms are found again by their ids. Device runs that were cancelled,
   * or gave up waiting for their device, are started again.
   *
   * @param run the run's id
   * @param experiment the experiment, equal to the one that was started
   * @return the run
   * @throws ConfigurationException if there is no such run in the work directory, or it was of
   *     another experiment
   */
  RunHandle resume(RunId run, Experiment experiment);

  /**
   * Trains a model, alone.
   *
   * @param training what to train
   * @return the model and the training record
   */
  TrainedModel train(Training training);

  /**
   * Converts a model, alone.
   *
   * @param model the model
   * @param converter how
   * @return the variant
   */
  ConvertedModel convert(Model model, Converter converter);

  /**
   * Says where a conversion loses accuracy: every operator's error alone and with all before it,
   * what lies outside ranges, which operators stay float and why, and what would mend the worst.
   * Runs the variant beside its source on the host.
   *
   * <pre>{@code
   * System.out.println(
   *     jetfire.explain(
   *         model,
   *         Converter.toTflite()
   *             .recipe(Recipe.fullInteger())
   *             .calibration(representative)
   *             .build()));
   * }</pre>
   *
   * @param model the model before conversion
   * @param converter the conversion, with calibration samples
   * @return the explanation, a printable table
   * @throws ConfigurationException if the converter has no calibration samples
   */
  Explanation explain(Model model, Converter converter);

  /**
   * Searches for the smallest variant of a model that is accurate enough: tries recipes, gives the
   * worst layers of an integer model more precision step by step, and measures each variant on the
   * host.
   *
   * @param model the float model
   * @param search samples, budget and time limit
   * @return the advice, a printable table; its recipes go into {@link Converter.Builder#recipe}
   */
  Advice advise(Model model, RecipeSearch search);

  /**
   * Evaluates a model on the host, alone.
   *
   * @param model the model
   * @param preprocessing from a sample to the model's inputs
   * @param decoding from the model's outputs to what they mean
   * @param evaluation what to measure
   * @return what was measured, by delegate
   */
  Map<Delegate, EvaluationResult> evaluate(
      Model model, Preprocessing preprocessing, OutputDecoder decoding, Evaluation evaluation);

  /**
   * Measures models on devices, alone.
   *
   * @param variants the models by name
   * @param deviceRun what to measure
   * @return one result per cell
   */
  List<DeviceRunResult> measure(Map<String, Model> variants, DeviceRun deviceRun);

  /**
   * Lists the devices of a farm.
   *
   * @param farm the farm's id
   * @return its catalogue
   */
  List<Device> devices(String farm);

  /**
   * Lists the providers that this client found.
   *
   * @return sorted by kind and id
   */
  List<ProviderInfo> providers();

  @Override
  void close();

  /** Collects the settings of a {@link JetFire} client. */
  final class Builder {
    private final List<Provider<?>> providers = new ArrayList<>();
    private final Map<String, String> configuration = new LinkedHashMap<>();
    private final List<RunListener> listeners = new ArrayList<>();
    private @Nullable Path configurationFile;
    private Path workDirectory = Path.of(".jetfire");
    private Clock clock = Clock.systemUTC();
    private @Nullable ExecutorService executor;
    private @Nullable MetricsParser metricsParser;

    private Builder() {}

    /**
     * Adds a provider beside those on the class path; it replaces one of the same kind and id.
     *
     * @param provider the provider
     * @return this builder
     */
    public Builder provider(Provider<?> provider) {
      providers.add(provider);
      return this;
    }

    /**
     * Sets a provider's setting.
     *
     * @param provider the provider's id
     * @param key the setting
     * @param value its value
     * @return this builder
     */
    public Builder configuration(String provider, String key, String value) {
      configuration.put(provider + "." + key, value);
      return this;
    }

    /**
     * Reads settings from a properties file with keys of the form {@code provider.key}; settings of
     * this builder win.
     *
     * @param file the file
     * @return this builder
     */
    public Builder configuration(Path file) {
      this.configurationFile = file;
      return this;
    }

    /**
     * Sets the folder for runs, models and stores; {@code .jetfire} by default.
     *
     * @param directory made if it does not exist
     * @return this builder
     */
    public Builder workDirectory(Path directory) {
      this.workDirectory = directory;
      return this;
    }

    /**
     * Sets the clock that runs read the time from.
     *
     * @param value the clock
     * @return this builder
     */
    public Builder clock(Clock value) {
      this.clock = value;
      return this;
    }

    /**
     * Sets the executor that runs work on; by default threads of the client's own.
     *
     * @param value the executor, which the client does not shut down
     * @return this builder
     */
    public Builder executor(ExecutorService value) {
      this.executor = value;
      return this;
    }

    /**
     * Adds a listener to all runs of the client.
     *
     * @param value the listener
     * @return this builder
     */
    public Builder listener(RunListener value) {
      listeners.add(value);
      return this;
    }

    /**
     * Sets what reads the logs of device runs, such as a parser of one's own that asks {@link
     * MetricsParser#standard()} about what it does not know. Runs of a log that name no cell belong
     * to the cell of a device run that has only one.
     *
     * @param value the parser; the standard one unless set
     * @return this builder
     */
    public Builder metricsParser(MetricsParser value) {
      this.metricsParser = value;
      return this;
    }

    /**
     * Returns what reads the logs of device runs.
     *
     * @return empty for the standard parser
     */
    public Optional<MetricsParser> metricsParser() {
      return Optional.ofNullable(metricsParser);
    }

    /**
     * Returns the providers that were added.
     *
     * @return in order
     */
    public List<Provider<?>> providers() {
      return List.copyOf(providers);
    }

    /**
     * Returns the settings that were made, keys of the form {@code provider.key}.
     *
     * @return in order
     */
    public Map<String, String> configuration() {
      return Collections.unmodifiableMap(new LinkedHashMap<>(configuration));
    }

    /**
     * Returns the properties file.
     *
     * @return empty if none was named
     */
    public Optional<Path> configurationFile() {
      return Optional.ofNullable(configurationFile);
    }

    /**
     * Returns the work directory.
     *
     * @return the folder
     */
    public Path workDirectory() {
      return workDirectory;
    }

    /**
     * Returns the clock.
     *
     * @return the clock
     */
    public Clock clock() {
      return clock;
    }

    /**
     * Returns the executor.
     *
     * @return empty for threads of the client's own
     */
    public Optional<ExecutorService> executor() {
      return Optional.ofNullable(executor);
    }

    /**
     * Returns the listeners.
     *
     * @return in order
     */
    public List<RunListener> listeners() {
      return List.copyOf(listeners);
    }

    /**
     * Creates the client.
     *
     * @return the client
     * @throws MissingProviderException if {@code jetfire-core} is not on the class path
     * @throws ConfigurationException if two providers of a kind have one id
     */
    public JetFire build() {
      return Engine.find().create(this);
    }
  }
}
