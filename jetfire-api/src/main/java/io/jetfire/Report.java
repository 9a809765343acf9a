package io.jetfire;

import io.jetfire.internal.Engine;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What came out of a run: which variant, on which device, OS and delegate, at what size, accuracy
 * and latency.
 *
 * <pre>{@code
 * Report report = jetfire.run(experiment);
 * report.writeTo(Path.of("report"));
 * System.exit(report.exitCode());
 * }</pre>
 *
 * <p>Immutable.
 */
public final class Report {
  private final RunId run;
  private final String experiment;
  private final String fingerprint;
  private final RunState state;
  private final Instant started;
  private final Duration duration;
  private final @Nullable TrainedModel trained;
  private final @Nullable Model source;
  private final @Nullable EvaluationResult sourceEvaluation;
  private final List<VariantResult> variants;
  private final List<DeviceRunResult> deviceRuns;
  private final List<DeviceRunResult> confirmations;
  private final @Nullable BaselineRun baseline;
  private final List<CellComparison> comparisons;
  private final List<GateResult> gates;
  private final List<String> problems;
  private final List<String> warnings;
  private final Map<String, String> environment;

  private Report(Builder b) {
    run = b.run;
    experiment = b.experiment;
    fingerprint = b.fingerprint;
    state = b.state;
    started = b.started;
    duration = b.duration;
    trained = b.trained;
    source = b.source;
    sourceEvaluation = b.sourceEvaluation;
    variants = List.copyOf(b.variants);
    deviceRuns = List.copyOf(b.deviceRuns);
    confirmations = List.copyOf(b.confirmations);
    baseline = b.baseline;
    comparisons = List.copyOf(b.comparisons);
    gates = List.copyOf(b.gates);
    problems = List.copyOf(b.problems);
    warnings = List.copyOf(b.warnings);
    environment = Collections.unmodifiableMap(new LinkedHashMap<>(b.environment));
  }

  /**
   * Starts a report; the engine and tests do.
   *
   * @param run the run
   * @param experiment the experiment's name
   * @param fingerprint the experiment's fingerprint
   * @return a builder
   */
  public static Builder builder(RunId run, String experiment, String fingerprint) {
    return new Builder(run, experiment, fingerprint);
  }

  /**
   * Reads a report that {@link #writeTo} wrote, such as to hold another one against it. Profiles of
   * operators, detections and gaps of logs are not in the file; everything else comes back.
   *
   * @param path the folder, or {@code report.json} itself
   * @return the report
   * @throws StorageException if the file cannot be read
   * @throws ConfigurationException if it is no report
   */
  public static Report read(Path path) {
    return Engine.find().readReport(path);
  }

  /**
   * Returns the run.
   *
   * @return its id
   */
  public RunId run() {
    return run;
  }

  /**
   * Returns the experiment's name.
   *
   * @return the name
   */
  public String experiment() {
    return experiment;
  }

  /**
   * Returns the experiment's fingerprint.
   *
   * @return 64 hexadecimal digits
   */
  public String fingerprint() {
    return fingerprint;
  }

  /**
   * Returns how far the run came.
   *
   * @return COMPLETED, CANCELLED or FAILED
   */
  public RunState state() {
    return state;
  }

  /**
   * Returns when the run started.
   *
   * @return the instant
   */
  public Instant started() {
    return started;
  }

  /**
   * Returns how long the run took; if it was resumed, the last part of it.
   *
   * @return the duration
   */
  public Duration duration() {
    return duration;
  }

  /**
   * Returns what training gave.
   *
   * @return empty if nothing was trained
   */
  public Optional<TrainedModel> trained() {
    return Optional.ofNullable(trained);
  }

  /**
   * Returns the model that variants were made of.
   *
   * @return empty if the run did not get that far
   */
  public Optional<Model> source() {
    return Optional.ofNullable(source);
  }

  /**
   * Returns what the source model is worth, which accuracy drops are measured against.
   *
   * @return empty if it was not evaluated
   */
  public Optional<EvaluationResult> sourceEvaluation() {
    return Optional.ofNullable(sourceEvaluation);
  }

  /**
   * Returns what became of the variants on the host.
   *
   * @return in the order of the conversions
   */
  public List<VariantResult> variants() {
    return variants;
  }

  /**
   * Returns what became of the cells.
   *
   * @return one per cell
   */
  public List<DeviceRunResult> deviceRuns() {
    return deviceRuns;
  }

  /**
   * Returns what became of cells that were measured again to confirm a regression.
   *
   * @return one per cell that was, or could not be, measured again
   */
  public List<DeviceRunResult> confirmations() {
    return confirmations;
  }

  /**
   * Returns the earlier run that this one is compared with.
   *
   * @return empty if it is compared with none
   */
  public Optional<BaselineRun> baseline() {
    return Optional.ofNullable(baseline);
  }

  /**
   * Returns how cells compare with the baseline.
   *
   * @return one per cell that both runs measured
   */
  public List<CellComparison> comparisons() {
    return comparisons;
  }

  /**
   * Returns how the gates were judged.
   *
   * @return in the order of the experiment
   */
  public List<GateResult> gates() {
    return gates;
  }

  /**
   * Returns what JetFire could not do, in words: an evaluation or a recording that failed.
   *
   * @return empty if everything was done
   */
  public List<String> problems() {
    return problems;
  }

  /**
   * Returns what a reader should know, in words.
   *
   * @return empty if there is nothing to say
   */
  public List<String> warnings() {
    return warnings;
  }

  /**
   * Returns what the run was made with: versions, host, metadata store.
   *
   * @return by name
   */
  public Map<String, String> environment() {
    return environment;
  }

  /**
   * Returns an exit code in gcloud's convention. The first that holds: 20 the run failed, 19 it was
   * cancelled, 10 a gate, a conversion or a cell failed, 20 JetFire or a farm could not do
   * something, 18 nothing could be run on the requested devices, 15 a gate is undecided or a cell
   * inconclusive or timed out, 0 otherwise.
   *
   * @return 0, 10, 15, 18, 19 or 20
   */
  public int exitCode() {
    if (state == RunState.FAILED) {
      return 20;
    }
    if (state == RunState.CANCELLED) {
      return 19;
    }
    boolean failed =
        gates.stream().anyMatch(g -> g.verdict() == GateResult.Verdict.FAIL)
            || variants.stream().anyMatch(v -> v.failure().isPresent())
            || deviceRuns.stream().anyMatch(r -> r.outcome() == Outcome.FAILED);
    if (failed) {
      return 10;
    }
    if (!problems.isEmpty()) {
      return 20;
    }
    if (!deviceRuns.isEmpty()
        && deviceRuns.stream().allMatch(r -> r.outcome() == Outcome.SKIPPED)) {
      return 18;
    }
    boolean open =
        gates.stream().anyMatch(g -> g.verdict() == GateResult.Verdict.UNDECIDED)
            || deviceRuns.stream()
                .anyMatch(
                    r -> r.outcome() == Outcome.INCONCLUSIVE || r.outcome() == Outcome.TIMED_OUT);
    return open ? 15 : 0;
  }

  /**
   * Writes this report as JSON.
   *
   * @return indented JSON with keys in a fixed order
   */
  public String toJson() {
    return Engine.find().toJson(this);
  }

  /**
   * Writes this report as Markdown.
   *
   * @return the text
   */
  public String toMarkdown() {
    return Engine.find().toMarkdown(this);
  }

  /**
   * Writes {@code report.md}, {@code report.json}, and what further report writers on the class
   * path offer (with {@code jetfire-report}: {@code report.html}).
   *
   * @param directory the folder, made if it does not exist
   * @throws StorageException if it cannot be written
   */
  public void writeTo(Path directory) {
    Engine.find().write(this, directory);
  }

  @Override
  public String toString() {
    return "Report[" + run + " of " + experiment + ", " + state + "]";
  }

  /** Collects the parts of a {@link Report}. */
  public static final class Builder {
    private final RunId run;
    private final String experiment;
    private final String fingerprint;
    private RunState state = RunState.COMPLETED;
    private Instant started = Instant.EPOCH;
    private Duration duration = Duration.ZERO;
    private @Nullable TrainedModel trained;
    private @Nullable Model source;
    private @Nullable EvaluationResult sourceEvaluation;
    private List<VariantResult> variants = List.of();
    private List<DeviceRunResult> deviceRuns = List.of();
    private List<DeviceRunResult> confirmations = List.of();
    private @Nullable BaselineRun baseline;
    private List<CellComparison> comparisons = List.of();
    private List<GateResult> gates = List.of();
    private List<String> problems = List.of();
    private List<String> warnings = List.of();
    private Map<String, String> environment = Map.of();

    private Builder(RunId run, String experiment, String fingerprint) {
      this.run = run;
      this.experiment = experiment;
      this.fingerprint = fingerprint;
    }

    /**
     * Sets how far the run came.
     *
     * @param value the state
     * @return this builder
     */
    public Builder state(RunState value) {
      this.state = value;
      return this;
    }

    /**
     * Sets when the run was.
     *
     * @param start when it started
     * @param length how long it took
     * @return this builder
     */
    public Builder time(Instant start, Duration length) {
      this.started = start;
      this.duration = length;
      return this;
    }

    /**
     * Sets what training gave.
     *
     * @param value the trained model, or null
     * @return this builder
     */
    public Builder trained(@Nullable TrainedModel value) {
      this.trained = value;
      return this;
    }

    /**
     * Sets the model that variants were made of.
     *
     * @param model the model, or null
     * @param evaluation what it is worth, or null
     * @return this builder
     */
    public Builder source(@Nullable Model model, @Nullable EvaluationResult evaluation) {
      this.source = model;
      this.sourceEvaluation = evaluation;
      return this;
    }

    /**
     * Sets what became of the variants.
     *
     * @param values in order
     * @return this builder
     */
    public Builder variants(List<VariantResult> values) {
      this.variants = values;
      return this;
    }

    /**
     * Sets what became of the cells.
     *
     * @param values one per cell
     * @return this builder
     */
    public Builder deviceRuns(List<DeviceRunResult> values) {
      this.deviceRuns = values;
      return this;
    }

    /**
     * Sets what became of cells that were measured again.
     *
     * @param values one per cell
     * @return this builder
     */
    public Builder confirmations(List<DeviceRunResult> values) {
      this.confirmations = values;
      return this;
    }

    /**
     * Sets what the run is compared with.
     *
     * @param run the earlier run, or null
     * @param values one per cell that both measured
     * @return this builder
     */
    public Builder baseline(@Nullable BaselineRun run, List<CellComparison> values) {
      this.baseline = run;
      this.comparisons = values;
      return this;
    }

    /**
     * Sets how the gates were judged.
     *
     * @param values in order
     * @return this builder
     */
    public Builder gates(List<GateResult> values) {
      this.gates = values;
      return this;
    }

    /**
     * Sets what JetFire could not do.
     *
     * @param values in words
     * @return this builder
     */
    public Builder problems(List<String> values) {
      this.problems = values;
      return this;
    }

    /**
     * Sets what a reader should know.
     *
     * @param values in words
     * @return this builder
     */
    public Builder warnings(List<String> values) {
      this.warnings = values;
      return this;
    }

    /**
     * Sets what the run was made with.
     *
     * @param values by name
     * @return this builder
     */
    public Builder environment(Map<String, String> values) {
      this.environment = values;
      return this;
    }

    /**
     * Makes the report.
     *
     * @return the report
     */
    public Report build() {
      return new Report(this);
    }
  }
}
