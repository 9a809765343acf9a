package io.jetfire.core.internal.record;

import io.jetfire.ConfigurationException;
import io.jetfire.ConvertedModel;
import io.jetfire.Converter;
import io.jetfire.Dataset;
import io.jetfire.Device;
import io.jetfire.DeviceRunResult;
import io.jetfire.EvaluationResult;
import io.jetfire.JetFireException;
import io.jetfire.Model;
import io.jetfire.RunId;
import io.jetfire.RunState;
import io.jetfire.Stage;
import io.jetfire.TrainedModel;
import io.jetfire.Training;
import io.jetfire.spi.MetadataStore;
import io.jetfire.spi.MetadataStore.Artifact;
import io.jetfire.spi.MetadataStore.ArtifactState;
import io.jetfire.spi.MetadataStore.BaseType;
import io.jetfire.spi.MetadataStore.Context;
import io.jetfire.spi.MetadataStore.Execution;
import io.jetfire.spi.MetadataStore.ExecutionState;
import io.jetfire.spi.MetadataStore.PropertyType;
import io.jetfire.spi.MetadataStore.Recording;
import io.jetfire.spi.MetadataStore.Type;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Records a run in a metadata store, as it happens: datasets, models and metrics as artifacts;
 * training, conversions, evaluations and device runs as executions; the experiment and the run as
 * contexts.
 *
 * <p>Models are named by their hash and datasets by their fingerprint, so that runs share them;
 * executions and metrics are named by run and step, so that a resumed run updates instead of
 * repeating. What cannot be recorded (a full disk) is kept and tried again with the next step; the
 * run goes on. Thread-safe.
 */
public final class Recorder {
  private static final Logger LOG = LoggerFactory.getLogger(Recorder.class);

  private static final String EXPERIMENT = "jetfire.Experiment";

  /** The type of a run's context. */
  public static final String RUN = "jetfire.Run";

  /** The fact that tells where the report of a run is, as a URI. */
  public static final String REPORT = "report";

  private static final String DATASET = "jetfire.Dataset";
  private static final String MODEL = "jetfire.Model";
  private static final String METRICS = "jetfire.Metrics";
  private static final String TRAINING = "jetfire.Training";
  private static final String CONVERSION = "jetfire.Conversion";
  private static final String EVALUATION = "jetfire.Evaluation";
  private static final String DEVICE_RUN = "jetfire.DeviceRun";

  private final MetadataStore store;
  private final RunId run;
  private final String experiment;
  private final String fingerprint;
  private final Deque<Runnable> pending = new ArrayDeque<>();
  private final List<String> refused = new ArrayList<>();
  private boolean begun;
  private Optional<String> failure = Optional.empty();

  /**
   * Creates a recorder; nothing is written yet.
   *
   * @param store the store
   * @param run the run
   * @param experiment the experiment's name
   * @param fingerprint the experiment's fingerprint
   */
  public Recorder(MetadataStore store, RunId run, String experiment, String fingerprint) {
    this.store = store;
    this.run = run;
    this.experiment = experiment;
    this.fingerprint = fingerprint;
  }

  /**
   * Records a training.
   *
   * @param training what was trained
   * @param trained what came out
   */
  public void trained(Training training, TrainedModel trained) {
    Execution.Builder execution =
        execution(TRAINING, "train", ExecutionState.COMPLETE)
            .property("backend", training.backend())
            .property("name", training.name());
    training.settings().forEach((k, v) -> execution.customProperty("setting " + k, v));
    custom(execution, trained.properties());
    if (!trained.epochs().isEmpty()) {
      TrainedModel.Epoch last = trained.epochs().get(trained.epochs().size() - 1);
      execution.customProperty("epochs", last.number());
      finite(last.loss(), v -> execution.customProperty("last loss", v));
    }
    record(
        Recording.of(execution.build())
            .input(dataset(training.dataset()), "training data")
            .output(model(trained.model(), "trained"), "model"));
  }

  /**
   * Records an evaluation.
   *
   * @param step what names the step in the run
   * @param model what was evaluated
   * @param variant the variant's name
   * @param dataset on what
   * @param result what was measured
   */
  public void evaluated(
      String step, Model model, String variant, Dataset dataset, EvaluationResult result) {
    Artifact.Builder metrics = metrics(step, "evaluation").property("variant", variant);
    result.metrics().forEach((k, v) -> finite(v, f -> metrics.customProperty(k, f)));
    record(
        Recording.of(
                execution(EVALUATION, step, ExecutionState.COMPLETE)
                    .property("executor", result.executor())
                    .property("samples", result.samples())
                    .build())
            .input(model(model, variant), "model")
            .input(dataset(dataset), "evaluation data")
            .output(metrics.build(), "metrics"));
  }

  /**
   * Records a conversion.
   *
   * @param step what names the step in the run
   * @param source what was converted
   * @param sourceName its name
   * @param converter how
   * @param converted what came out
   */
  public void converted(
      String step, Model source, String sourceName, Converter converter, ConvertedModel converted) {
    Execution.Builder execution =
        execution(CONVERSION, step, ExecutionState.COMPLETE)
            .property("backend", converter.backend())
            .property("recipe", converted.recipe().toString())
            .property("targetRuntime", converter.targetRuntime());
    custom(execution, converted.properties());
    for (int i = 0; i < converted.notes().size(); i++) {
      execution.customProperty("note " + (i + 1), converted.notes().get(i));
    }
    Recording.Builder recording =
        Recording.of(execution.build()).input(model(source, sourceName), "model");
    converter.calibration().ifPresent(d -> recording.input(dataset(d), "calibration data"));
    record(recording.output(model(converted.model(), converted.variant()), "model"));
  }

  /**
   * Records the measurement of a cell.
   *
   * @param part which of the experiment's device runs: two may measure the same cell
   * @param model what was measured
   * @param result what came out
   * @param values the numbers, by name with unit
   */
  public void measured(
      String part, Model model, DeviceRunResult result, Map<String, Double> values) {
    String step = part + "/" + result.farm() + "/" + result.device().id() + "/" + result.cell();
    ExecutionState state =
        switch (result.outcome()) {
          case PASSED -> ExecutionState.COMPLETE;
          case CANCELLED -> ExecutionState.CANCELED;
          default -> ExecutionState.FAILED;
        };
    Device device = result.device();
    Execution.Builder execution =
        execution(DEVICE_RUN, step, state)
            .property("farm", result.farm())
            .property("device", device.id())
            .property("delegate", result.delegate().name())
            .property("threads", result.threads())
            .property("outcome", result.outcome().name());
    device.attributes().forEach((k, v) -> execution.customProperty("device " + k, v));
    result.farmRun().ifPresent(id -> execution.customProperty("farm run", id));
    result.reason().ifPresent(r -> execution.customProperty("reason", r));
    Recording.Builder recording =
        Recording.of(execution.build()).input(model(model, result.variant()), "model");
    if (!values.isEmpty()) {
      Artifact.Builder metrics = metrics(step, "device run").property("variant", result.variant());
      result.validity().ifPresent(v -> metrics.customProperty("validity", v.validity().name()));
      values.forEach((k, v) -> finite(v, f -> metrics.customProperty(k, f)));
      if (!result.logs().isEmpty()) {
        metrics.uri(result.logs().get(0).toUri().toString());
      }
      recording.output(metrics.build(), "metrics");
    }
    record(recording);
  }

  /**
   * Records a step that failed.
   *
   * @param step what names the step in the run
   * @param stage {@code TRAIN}, {@code CONVERT} or {@code EVALUATE}
   * @param input what it worked on, if that exists
   * @param reason what happened
   */
  public void failed(String step, Stage stage, Optional<Artifact> input, String reason) {
    String type =
        switch (stage) {
          case TRAIN -> TRAINING;
          case CONVERT -> CONVERSION;
          default -> EVALUATION;
        };
    Recording.Builder recording =
        Recording.of(
            execution(type, step, ExecutionState.FAILED).customProperty("reason", reason).build());
    input.ifPresent(a -> recording.input(a, "model"));
    record(recording);
  }

  /**
   * Records how the run ended, and what could not be recorded before.
   *
   * @param state how it ended
   * @param facts what else to record of the run, by name
   * @return why something could not be recorded; empty if everything was
   */
  public synchronized List<String> end(RunState state, Map<String, String> facts) {
    attempt(() -> store.putContext(runContext(state, facts)));
    List<String> problems = new ArrayList<>(refused);
    failure.ifPresent(problems::add);
    return problems;
  }

  /**
   * Describes a model as an artifact.
   *
   * @param model the model
   * @param variant its name in the experiment
   * @return the artifact
   */
  public Artifact model(Model model, String variant) {
    return Artifact.builder(MODEL)
        .name("sha256:" + model.sha256())
        .uri(model.path().toUri().toString())
        .state(ArtifactState.LIVE)
        .property("sha256", model.sha256())
        .property("format", model.format())
        .property("bytes", model.sizeBytes())
        .property("variant", variant)
        .build();
  }

  private static Artifact dataset(Dataset dataset) {
    Artifact.Builder b =
        Artifact.builder(DATASET)
            .name(dataset.name() + "@" + dataset.fingerprint())
            .state(ArtifactState.LIVE)
            .property("name", dataset.name())
            .property("fingerprint", dataset.fingerprint());
    dataset.size().ifPresent(n -> b.property("samples", n));
    return b.build();
  }

  private Artifact.Builder metrics(String step, String kind) {
    return Artifact.builder(METRICS)
        .name(run + "/" + step)
        .state(ArtifactState.LIVE)
        .property("kind", kind);
  }

  /** What a backend wants recorded; its names are its own, whatever the type declares. */
  private static void custom(Execution.Builder execution, Map<String, String> properties) {
    properties.forEach((k, v) -> execution.customProperty("backend " + k, v));
  }

  private Execution.Builder execution(String type, String step, ExecutionState state) {
    return Execution.builder(type).name(run + "/" + step).lastKnownState(state);
  }

  private Context runContext(RunState state, Map<String, String> facts) {
    Context.Builder context =
        Context.builder(RUN, run.value())
            .property("state", state.name())
            .property("experiment", experiment)
            .property("fingerprint", fingerprint);
    facts.forEach(context::customProperty);
    return context.build();
  }

  private Context experimentContext() {
    return Context.builder(EXPERIMENT, experiment).build();
  }

  private synchronized void record(Recording.Builder recording) {
    Recording whole =
        recording
            .context(runContext(RunState.RUNNING, Map.of()))
            .context(experimentContext())
            .build();
    attempt(() -> store.record(whole));
  }

  private void attempt(Runnable write) {
    pending.add(write);
    try {
      if (!begun) {
        begin();
        begun = true;
      }
      while (!pending.isEmpty()) {
        writeOne();
      }
      failure = Optional.empty();
    } catch (JetFireException e) {
      LOG.warn("{} steps of {} are not recorded yet: {}", pending.size(), run, e.getMessage());
      failure = Optional.of(pending.size() + " steps could not be recorded: " + e.getMessage());
    }
  }

  /** Writes the first pending step; one that the store refuses for good is not tried again. */
  private void writeOne() {
    try {
      pending.element().run();
    } catch (ConfigurationException e) {
      LOG.warn("A step of {} is not recorded: {}", run, e.getMessage());
      refused.add("A step could not be recorded: " + e.getMessage());
    }
    pending.remove();
  }

  private void begin() {
    store.putTypes(
        List.of(
            Type.context(EXPERIMENT).build(),
            Type.context(RUN)
                .property("state", PropertyType.STRING)
                .property("experiment", PropertyType.STRING)
                .property("fingerprint", PropertyType.STRING)
                .build(),
            Type.artifact(DATASET)
                .baseType(BaseType.DATASET)
                .property("name", PropertyType.STRING)
                .property("fingerprint", PropertyType.STRING)
                .property("samples", PropertyType.INT)
                .build(),
            Type.artifact(MODEL)
                .baseType(BaseType.MODEL)
                .property("sha256", PropertyType.STRING)
                .property("format", PropertyType.STRING)
                .property("bytes", PropertyType.INT)
                .property("variant", PropertyType.STRING)
                .build(),
            Type.artifact(METRICS)
                .baseType(BaseType.METRICS)
                .property("kind", PropertyType.STRING)
                .property("variant", PropertyType.STRING)
                .build(),
            Type.execution(TRAINING)
                .baseType(BaseType.TRAIN)
                .property("backend", PropertyType.STRING)
                .property("name", PropertyType.STRING)
                .build(),
            Type.execution(CONVERSION)
                .baseType(BaseType.TRANSFORM)
                .property("backend", PropertyType.STRING)
                .property("recipe", PropertyType.STRING)
                .property("targetRuntime", PropertyType.STRING)
                .build(),
            Type.execution(EVALUATION)
                .baseType(BaseType.EVALUATE)
                .property("executor", PropertyType.STRING)
                .property("samples", PropertyType.INT)
                .build(),
            Type.execution(DEVICE_RUN)
                .baseType(BaseType.PROCESS)
                .property("farm", PropertyType.STRING)
                .property("device", PropertyType.STRING)
                .property("delegate", PropertyType.STRING)
                .property("threads", PropertyType.INT)
                .property("outcome", PropertyType.STRING)
                .build()));
    Context parent = store.putContext(experimentContext());
    Context child = store.putContext(runContext(RunState.RUNNING, Map.of()));
    store.putParentContext(child.storedId(), parent.storedId());
  }

  private static void finite(double value, Consumer<Double> use) {
    if (Double.isFinite(value)) {
      use.accept(value);
    }
  }
}
