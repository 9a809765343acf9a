package io.jetfire.core.internal.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.jetfire.Baseline;
import io.jetfire.BaselineRun;
import io.jetfire.CellComparison;
import io.jetfire.ConfigurationException;
import io.jetfire.ConvertedModel;
import io.jetfire.Converter;
import io.jetfire.Delegate;
import io.jetfire.DeviceRun;
import io.jetfire.DeviceRunResult;
import io.jetfire.Evaluation;
import io.jetfire.EvaluationResult;
import io.jetfire.Experiment;
import io.jetfire.JetFireException;
import io.jetfire.Model;
import io.jetfire.OutputDecoder;
import io.jetfire.Report;
import io.jetfire.RunCancelledException;
import io.jetfire.RunEvent;
import io.jetfire.RunId;
import io.jetfire.RunState;
import io.jetfire.Stage;
import io.jetfire.StorageException;
import io.jetfire.TrainedModel;
import io.jetfire.Training;
import io.jetfire.VariantResult;
import io.jetfire.core.internal.gate.BaselineComparisons;
import io.jetfire.core.internal.gate.Gates;
import io.jetfire.core.internal.json.StageJson;
import io.jetfire.core.internal.provider.ProviderKind;
import io.jetfire.core.internal.record.Recorder;
import io.jetfire.core.internal.report.ReportJson;
import io.jetfire.spi.Cancellation;
import io.jetfire.spi.ModelRuntime;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One run of an experiment: train or take the model, evaluate it, convert it, evaluate the
 * variants, measure them on devices, judge the gates.
 *
 * <p>Each step leaves a checkpoint; a step with a checkpoint is not done again. A step that fails
 * does not stop those that do not need it.
 */
final class ExperimentRun {
  private final ClientContext client;
  private final RunId id;
  private final Experiment experiment;
  private final RunDirectory directory;
  private final Cancellation cancellation;
  private final Events events;
  private final HostRuns host;
  private final Recorder recorder;
  private final Instant started;

  private @Nullable TrainedModel trained;
  private @Nullable Model source;
  private @Nullable EvaluationResult sourceEvaluation;
  private final List<VariantResult> variants = new ArrayList<>();
  private final List<DeviceRunResult> deviceRuns = new ArrayList<>();
  private final List<DeviceRunResult> confirmations = new ArrayList<>();
  private Optional<Report> baseline = Optional.empty();
  private final List<String> problems = new ArrayList<>();
  private final List<String> warnings = new ArrayList<>();

  ExperimentRun(
      ClientContext client,
      RunId id,
      Experiment experiment,
      RunDirectory directory,
      Events events,
      Cancellation cancellation) {
    this.client = client;
    this.id = id;
    this.experiment = experiment;
    this.directory = directory;
    this.cancellation = cancellation;
    this.events = events;
    this.host = new HostRuns(client.providers(), client.executor());
    this.recorder =
        new Recorder(
            client.providers().get(ProviderKind.METADATA_STORE, experiment.metadataStore()),
            id,
            experiment.name(),
            experiment.fingerprint());
    this.started = client.clock().instant();
  }

  /** Runs everything. */
  Report run() {
    RunState state = RunState.COMPLETED;
    try {
      findBaseline();
      Model model = model();
      evaluateSource(model);
      convertAll(model);
      evaluateVariants();
      measure();
    } catch (RunCancelledException e) {
      state = RunState.CANCELLED;
    } catch (JetFireException e) {
      recorder.end(RunState.FAILED, Map.of());
      throw e;
    }
    if (cancellation.isRequested()) {
      state = RunState.CANCELLED;
    }
    return report(state);
  }

  private void findBaseline() {
    if (experiment.baseline().isEmpty()) {
      return;
    }
    Baseline wanted = experiment.baseline().get();
    baseline =
        new Baselines(
                () ->
                    client.providers().get(ProviderKind.METADATA_STORE, experiment.metadataStore()),
                client.workDirectory(),
                id,
                directory)
            .find(wanted);
    if (baseline.isEmpty()) {
      warn(
          "There is no complete run of '"
              + wanted.experiment().orElse("")
              + "' to compare with yet; bounds on regression are undecided");
    }
  }

  // --- The model

  private Model model() {
    if (experiment.model().isPresent()) {
      source = experiment.model().get();
      return source;
    }
    Training training = experiment.training().orElseThrow();
    try {
      trained =
          step(
              Stage.TRAIN,
              training.name(),
              "train",
              () ->
                  host.train(
                      training,
                      directory.folder("training"),
                      epoch -> events.tell(new RunEvent.EpochFinished(training.name(), epoch)),
                      cancellation),
              StageJson::trained,
              StageJson::trained,
              t -> t.model().toString() + lastLoss(t));
    } catch (RunCancelledException e) {
      throw e;
    } catch (JetFireException e) {
      String reason = String.valueOf(e.getMessage());
      events.tell(new RunEvent.Failed(Stage.TRAIN, training.name(), reason));
      recorder.failed("train", Stage.TRAIN, Optional.empty(), reason);
      throw e;
    }
    recorder.trained(training, trained);
    source = trained.model();
    return source;
  }

  private static String lastLoss(TrainedModel t) {
    return t.epochs().isEmpty()
        ? ""
        : String.format(
            Locale.ROOT, ", last loss %.4f", t.epochs().get(t.epochs().size() - 1).loss());
  }

  private String sourceName() {
    return trained == null ? "model" : "trained";
  }

  private void evaluateSource(Model model) {
    if (experiment.evaluation().isEmpty()) {
      return;
    }
    Evaluation evaluation = experiment.evaluation().get();
    Optional<ModelRuntime> runtime = host.runtime(model);
    if (runtime.isEmpty()) {
      warn(
          "The source model is not evaluated: no model runtime executes the format '"
              + model.format()
              + "'; accuracy drops are unknown");
      return;
    }
    Delegate delegate =
        evaluation.delegates().stream()
            .filter(runtime.get().delegates()::contains)
            .findFirst()
            .orElse(runtime.get().delegates().iterator().next());
    String key = "evaluate-" + sourceName();
    try {
      EvaluationResult result =
          step(
              Stage.EVALUATE,
              sourceName(),
              key,
              () ->
                  host.evaluate(
                      runtime.get(),
                      evaluationStep(
                          model,
                          delegate,
                          trained != null,
                          Optional.of(referenceFile()),
                          Optional.empty()),
                      cancellation),
              StageJson::evaluation,
              node -> Optional.of(StageJson.evaluation(node)),
              ExperimentRun::summary);
      sourceEvaluation = result;
      recorder.evaluated(key, model, sourceName(), evaluation.dataset(), result);
    } catch (RunCancelledException e) {
      throw e;
    } catch (JetFireException e) {
      failed(Stage.EVALUATE, sourceName(), key, model, sourceName(), e);
      problems.add("The source model could not be evaluated: " + e.getMessage());
    }
  }

  private HostRuns.EvaluationStep evaluationStep(
      Model model,
      Delegate delegate,
      boolean trusted,
      Optional<Path> write,
      Optional<Path> reference) {
    return new HostRuns.EvaluationStep(
        model,
        delegate,
        trusted,
        experiment.preprocessing(),
        experiment.decoding().orElse(OutputDecoder.scores()),
        experiment.evaluation().orElseThrow(),
        write,
        reference);
  }

  private Path referenceFile() {
    return directory.folder("evaluation").resolve("source-outputs.f32");
  }

  // --- Variants

  private void convertAll(Model model) {
    if (experiment.converters().isEmpty()) {
      variants.add(
          new VariantResult("model", Optional.empty(), Optional.empty(), new LinkedHashMap<>()));
      return;
    }
    for (Converter converter : experiment.converters()) {
      cancellation.check();
      String name = converter.recipe().name();
      String key = "convert-" + name;
      try {
        ConvertedModel converted =
            step(
                Stage.CONVERT,
                name,
                key,
                () ->
                    host.convert(
                        model,
                        converter,
                        experiment.preprocessing(),
                        directory.folder("models"),
                        cancellation),
                StageJson::converted,
                StageJson::converted,
                c -> c.model().toString());
        recorder.converted(key, model, sourceName(), converter, converted);
        variants.add(new VariantResult(name, Optional.of(converted), Optional.empty(), Map.of()));
      } catch (RunCancelledException e) {
        throw e;
      } catch (JetFireException e) {
        failed(Stage.CONVERT, name, key, model, sourceName(), e);
        variants.add(
            new VariantResult(
                name, Optional.empty(), Optional.of(String.valueOf(e.getMessage())), Map.of()));
      }
    }
  }

  private void evaluateVariants() {
    if (experiment.evaluation().isEmpty()) {
      return;
    }
    for (int i = 0; i < variants.size(); i++) {
      VariantResult variant = variants.get(i);
      if (variant.converted().isPresent()) {
        evaluateVariant(i, variant, variant.converted().get().model());
      }
    }
  }

  private void evaluateVariant(int index, VariantResult variant, Model model) {
    Evaluation evaluation = experiment.evaluation().orElseThrow();
    Optional<ModelRuntime> runtime = host.runtime(model);
    if (runtime.isEmpty()) {
      warn(
          "Variants are not evaluated: no model runtime executes the format '"
              + model.format()
              + "'");
      return;
    }
    Map<Delegate, EvaluationResult> results = new LinkedHashMap<>();
    Optional<String> failure = variant.failure();
    for (Delegate delegate : evaluation.delegates()) {
      if (!runtime.get().delegates().contains(delegate)) {
        warn("The host cannot evaluate with " + delegate);
        continue;
      }
      cancellation.check();
      String subject = variant.variant() + " with " + delegate;
      String key = "evaluate-" + variant.variant() + "/" + delegate;
      try {
        EvaluationResult result =
            step(
                Stage.EVALUATE,
                subject,
                key,
                () ->
                    host.evaluate(
                        runtime.get(),
                        evaluationStep(
                            model,
                            delegate,
                            true,
                            Optional.empty(),
                            sourceEvaluation == null
                                ? Optional.empty()
                                : Optional.of(referenceFile())),
                        cancellation),
                StageJson::evaluation,
                node -> Optional.of(StageJson.evaluation(node)),
                ExperimentRun::summary);
        results.put(delegate, result);
        recorder.evaluated(key, model, variant.variant(), evaluation.dataset(), result);
      } catch (RunCancelledException e) {
        keep(index, variant, failure, results);
        throw e;
      } catch (JetFireException e) {
        failed(Stage.EVALUATE, subject, key, model, variant.variant(), e);
        failure = Optional.of("evaluation with " + delegate + ": " + e.getMessage());
      }
      keep(index, variant, failure, results);
    }
  }

  private void keep(
      int index,
      VariantResult variant,
      Optional<String> failure,
      Map<Delegate, EvaluationResult> results) {
    variants.set(
        index, new VariantResult(variant.variant(), variant.converted(), failure, results));
  }

  private static String summary(EvaluationResult r) {
    OptionalDouble primary = r.primary();
    return primary.isEmpty()
        ? r.samples() + " samples"
        : String.format(
            Locale.ROOT,
            "%s %.4f on %d samples",
            r.primaryMetric(),
            primary.getAsDouble(),
            r.samples());
  }

  // --- Devices

  private void measure() {
    Map<String, Model> models = new LinkedHashMap<>();
    for (VariantResult v : variants) {
      v.converted().ifPresent(c -> models.put(v.variant(), c.model()));
    }
    if (experiment.converters().isEmpty() && source != null) {
      models.put("model", source);
    }
    DeviceRuns runs = new DeviceRuns(client, directory, events, cancellation, experiment.tiers());
    for (int i = 0; i < experiment.deviceRuns().size(); i++) {
      DeviceRun description = experiment.deviceRuns().get(i);
      String step = "measure-" + i;
      try {
        runs.run(
            new DeviceRuns.Job(
                "farm-" + i,
                id + "-" + i,
                description,
                models,
                DeviceRuns.workload(
                    description,
                    experiment.preprocessing(),
                    experiment.decoding(),
                    experiment.evaluation()),
                result -> measured(step, models, deviceRuns, result),
                Optional.of(
                    new DeviceRuns.Confirmation() {
                      @Override
                      public Set<String> suspects(List<DeviceRunResult> results) {
                        return BaselineComparisons.suspects(experiment, part(results), baseline);
                      }

                      @Override
                      public void accept(DeviceRunResult again) {
                        measured(step + "-confirm", models, confirmations, again);
                      }
                    })));
      } catch (RunCancelledException e) {
        throw e;
      } catch (JetFireException e) {
        // What other farms measure, and what was finished before, is not lost for it.
        String reason = String.valueOf(e.getMessage());
        events.tell(new RunEvent.Failed(Stage.DEVICE_RUN, description.farm(), reason));
        problems.add("Nothing was measured on '" + description.farm() + "': " + reason);
      }
    }
  }

  private void measured(
      String step, Map<String, Model> models, List<DeviceRunResult> into, DeviceRunResult result) {
    synchronized (deviceRuns) {
      into.add(result);
    }
    Model model = models.get(result.variant());
    if (model != null) {
      recorder.measured(step, model, result, DeviceRuns.values(result));
    }
  }

  private Report part(List<DeviceRunResult> results) {
    return Report.builder(id, experiment.name(), experiment.fingerprint())
        .deviceRuns(results)
        .build();
  }

  // --- The end

  private Report report(RunState state) {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put(Recorder.REPORT, directory.report().toUri().toString());
    baseline.ifPresent(b -> facts.put("baseline run", b.run().value()));
    problems.addAll(recorder.end(state, facts));
    List<DeviceRunResult> cells;
    List<DeviceRunResult> again;
    synchronized (deviceRuns) {
      cells = List.copyOf(deviceRuns);
      again = List.copyOf(confirmations);
    }
    Report.Builder report =
        Report.builder(id, experiment.name(), experiment.fingerprint())
            .state(state)
            .time(started, Duration.between(started, client.clock().instant()))
            .trained(trained)
            .source(source, sourceEvaluation)
            .variants(variants)
            .deviceRuns(cells)
            .confirmations(again)
            .environment(environment());
    compare(report);
    report.problems(problems).warnings(warnings);
    Report whole = report.gates(Gates.judge(experiment, report.build(), baseline)).build();
    try {
      directory.writeReport(ReportJson.write(whole));
    } catch (StorageException e) {
      // The report itself is what was paid for; that it cannot be a baseline is only a problem.
      problems.add("The report is not kept in the run's folder: " + e.getMessage());
      return report.problems(problems).build();
    }
    return whole;
  }

  private void compare(Report.Builder report) {
    if (baseline.isEmpty()) {
      return;
    }
    Report before = baseline.get();
    double margin = experiment.baseline().orElseThrow().margin();
    List<CellComparison> comparisons = BaselineComparisons.of(report.build(), before, margin);
    if (comparisons.isEmpty() && !experiment.deviceRuns().isEmpty()) {
      warn("The baseline run " + before.run() + " measured none of the cells of this run");
    }
    report.baseline(
        new BaselineRun(
            before.run(), before.experiment(), before.fingerprint(), before.started(), margin),
        comparisons);
  }

  private Map<String, String> environment() {
    Map<String, String> map = new LinkedHashMap<>();
    Package jetfire = Experiment.class.getPackage();
    String version = jetfire == null ? null : jetfire.getImplementationVersion();
    if (version != null) {
      map.put("jetfire", version);
    }
    map.put("java", System.getProperty("java.version", "unknown"));
    map.put(
        "host",
        System.getProperty("os.name", "unknown")
            + " "
            + System.getProperty("os.version", "")
            + " "
            + System.getProperty("os.arch", "")
            + ", "
            + Runtime.getRuntime().availableProcessors()
            + " processors");
    map.put("metadata store", experiment.metadataStore());
    map.put("run folder", directory.root().toString());
    return map;
  }

  private void warn(String message) {
    if (!warnings.contains(message)) {
      warnings.add(message);
      events.tell(new RunEvent.Warning(message));
    }
  }

  private void failed(
      Stage stage, String subject, String key, Model model, String variant, JetFireException e) {
    String reason = String.valueOf(e.getMessage());
    events.tell(new RunEvent.Failed(stage, subject, reason));
    recorder.failed(key, stage, Optional.of(recorder.model(model, variant)), reason);
  }

  /** Does a step, or takes its outcome from an earlier attempt of this run. */
  private <T> T step(
      Stage stage,
      String subject,
      String key,
      Supplier<T> work,
      Function<T, ObjectNode> write,
      Function<JsonNode, Optional<T>> read,
      Function<T, String> detail) {
    cancellation.check();
    Optional<T> earlier = directory.checkpoint(key).flatMap(read);
    if (earlier.isPresent()) {
      events.tell(
          new RunEvent.Finished(stage, subject, Duration.ZERO, detail.apply(earlier.get()), true));
      return earlier.get();
    }
    events.tell(new RunEvent.Started(stage, subject));
    Instant start = client.clock().instant();
    T result;
    try {
      result = work.get();
    } catch (JetFireException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new ConfigurationException(
          subject
              + " ("
              + stage
              + ") failed in a way that it should not ("
              + e
              + "); if it is not your own code, report it to the provider's authors",
          e);
    }
    directory.checkpoint(key, write.apply(result));
    events.tell(
        new RunEvent.Finished(
            stage,
            subject,
            Duration.between(start, client.clock().instant()),
            detail.apply(result),
            false));
    return result;
  }
}
