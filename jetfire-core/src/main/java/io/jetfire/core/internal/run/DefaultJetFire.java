package io.jetfire.core.internal.run;

import io.jetfire.Advice;
import io.jetfire.ConfigurationException;
import io.jetfire.ConvertedModel;
import io.jetfire.Converter;
import io.jetfire.Delegate;
import io.jetfire.Device;
import io.jetfire.DeviceRun;
import io.jetfire.DeviceRunResult;
import io.jetfire.Evaluation;
import io.jetfire.EvaluationResult;
import io.jetfire.Experiment;
import io.jetfire.Explanation;
import io.jetfire.Gate;
import io.jetfire.JetFire;
import io.jetfire.JetFireException;
import io.jetfire.MetricsParser;
import io.jetfire.MissingProviderException;
import io.jetfire.Model;
import io.jetfire.OutputDecoder;
import io.jetfire.Plan;
import io.jetfire.Preprocessing;
import io.jetfire.ProviderInfo;
import io.jetfire.RecipeSearch;
import io.jetfire.Report;
import io.jetfire.RunHandle;
import io.jetfire.RunId;
import io.jetfire.TrainedModel;
import io.jetfire.Training;
import io.jetfire.core.internal.provider.ProviderKind;
import io.jetfire.core.internal.provider.Providers;
import io.jetfire.core.internal.provider.Settings;
import io.jetfire.spi.Cancellation;
import io.jetfire.spi.DeviceFarm;
import io.jetfire.spi.ModelRuntime;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The client. */
public final class DefaultJetFire implements JetFire {
  private static final Logger LOG = LoggerFactory.getLogger(DefaultJetFire.class);
  private static final DateTimeFormatter ID_TIME =
      DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss", Locale.ROOT).withZone(ZoneOffset.UTC);

  /** The sessions of the default plan, with which comparisons are proved. */
  private static final int DECIDING_SESSIONS = 8;

  private final Providers providers;
  private final ClientContext client;
  private final Path workDirectory;
  private final boolean ownExecutor;
  private final SecureRandom random = new SecureRandom();
  private final Map<RunId, DefaultRunHandle> underWay = new LinkedHashMap<>();

  /**
   * Creates the client; providers are found, none is created.
   *
   * @param settings what was set
   * @param sleeper waits between looks at farms
   */
  public DefaultJetFire(JetFire.Builder settings, Sleeper sleeper) {
    workDirectory = settings.workDirectory().toAbsolutePath().normalize();
    Clock clock = settings.clock();
    providers =
        new Providers(
            settings.providers(),
            new Settings(settings.configuration(), settings.configurationFile(), System.getenv()),
            workDirectory,
            cacheDirectory(),
            clock);
    ownExecutor = settings.executor().isEmpty();
    ExecutorService executor =
        settings.executor().orElseGet(() -> Executors.newCachedThreadPool(threads()));
    client =
        new ClientContext(
            providers,
            workDirectory,
            clock,
            sleeper,
            executor,
            settings.listeners(),
            settings.metricsParser().orElseGet(MetricsParser::standard));
  }

  private static ThreadFactory threads() {
    AtomicInteger number = new AtomicInteger();
    return work -> {
      Thread thread = new Thread(work, "jetfire-" + number.incrementAndGet());
      thread.setDaemon(true);
      return thread;
    };
  }

  private static Path cacheDirectory() {
    String configured = System.getProperty("jetfire.cache");
    return configured != null
        ? Path.of(configured)
        : Path.of(System.getProperty("user.home", "."), ".cache", "jetfire");
  }

  @Override
  public Plan plan(Experiment experiment) {
    List<String> missing = new ArrayList<>();
    List<String> problems = new ArrayList<>();
    List<String> warnings = new ArrayList<>();
    List<String> steps = steps(experiment);
    need(ProviderKind.METADATA_STORE, experiment.metadataStore(), missing);
    experiment.training().ifPresent(t -> need(ProviderKind.TRAINING_BACKEND, t.backend(), missing));
    experiment
        .converters()
        .forEach(c -> need(ProviderKind.CONVERTER_BACKEND, c.backend(), missing));
    List<Plan.PlannedRun> runs = new ArrayList<>();
    for (DeviceRun run : experiment.deviceRuns()) {
      if (need(ProviderKind.DEVICE_FARM, run.farm(), missing)) {
        plan(experiment, run, runs, problems, warnings);
      }
    }
    warnOfGatesWithoutBaseline(experiment, warnings);
    if (!missing.isEmpty() || !problems.isEmpty()) {
      List<String> all = new ArrayList<>(missing);
      all.addAll(problems);
      String message =
          "The experiment '" + experiment.name() + "' cannot be run: " + String.join(" | ", all);
      throw missing.isEmpty()
          ? new ConfigurationException(message)
          : new MissingProviderException(message);
    }
    return new Plan(experiment.name(), steps, runs, warnings);
  }

  private static List<String> steps(Experiment experiment) {
    List<String> steps = new ArrayList<>();
    experiment
        .training()
        .ifPresentOrElse(
            t -> steps.add("train " + t.name() + " with " + t.backend()),
            () -> steps.add("take " + experiment.model().orElseThrow()));
    experiment
        .evaluation()
        .ifPresent(e -> steps.add("evaluate the model on " + e.dataset().name()));
    for (Converter c : experiment.converters()) {
      steps.add("convert to " + c.recipe().name());
      experiment
          .evaluation()
          .ifPresent(e -> steps.add("evaluate " + c.recipe().name() + " with " + e.delegates()));
    }
    return steps;
  }

  private void plan(
      Experiment experiment,
      DeviceRun run,
      List<Plan.PlannedRun> runs,
      List<String> problems,
      List<String> warnings) {
    List<String> names =
        experiment.converters().isEmpty()
            ? List.of("model")
            : experiment.converters().stream().map(c -> c.recipe().name()).toList();
    try {
      DeviceFarm farm = providers.get(ProviderKind.DEVICE_FARM, run.farm());
      DeviceFarm.Capabilities capabilities = farm.capabilities();
      int delegates = 0;
      for (Delegate d : run.delegates()) {
        if (capabilities.delegates().isEmpty() || capabilities.delegates().contains(d)) {
          delegates++;
        } else {
          warnings.add(run.farm() + " has no delegate " + d + "; those cells are skipped");
        }
      }
      int cells = DeviceRuns.variants(run, names).size() * delegates * run.threads().size();
      long invocations = (long) cells * run.sessions() * (run.warmupRuns() + run.runs());
      List<Device> catalogue = DeviceRuns.catalogue(client, farm, Cancellation.NEVER);
      for (Device device : DeviceRuns.wanted(catalogue, run)) {
        runs.add(
            new Plan.PlannedRun(
                run.farm(),
                device,
                cells,
                invocations,
                run.timeLimit(),
                DeviceRuns.maxCost(capabilities, run.timeLimit()).map(c -> c.multiply(most(run)))));
      }
    } catch (ConfigurationException e) {
      problems.add(e.getMessage());
    }
    if (run.confirmRegressions()) {
      warnings.add(
          "regressions on "
              + run.farm()
              + " are confirmed by one further run per device, within the cost limit: up to twice"
              + " the time and cost");
      if (!compares(experiment)) {
        warnings.add(
            "there is nothing to confirm on "
                + run.farm()
                + ": no baseline, and no gate on regression");
      }
    }
    if (run.sessions() < 2) {
      warnings.add(
          "one session on "
              + run.farm()
              + ": the variation between sessions stays unknown, and comparisons undecided");
    } else if (run.sessions() < DECIDING_SESSIONS && compares(experiment)) {
      warnings.add(
          run.sessions()
              + " sessions on "
              + run.farm()
              + " find only large differences; "
              + DECIDING_SESSIONS
              + " find 10 %");
    }
  }

  /** How often a run on one device is started at most. */
  private static BigDecimal most(DeviceRun run) {
    return BigDecimal.valueOf(run.attempts() + (run.confirmRegressions() ? 1L : 0L));
  }

  private static void warnOfGatesWithoutBaseline(Experiment experiment, List<String> warnings) {
    if (experiment.baseline().isPresent()) {
      return;
    }
    for (Gate gate : experiment.gates()) {
      if (gate.bound() == Gate.Bound.REGRESSION_AT_MOST && gate.baselineVariant().isEmpty()) {
        warnings.add(
            "the gate '"
                + gate
                + "' stays undecided: it needs an earlier run, Experiment.baseline, or a variant,"
                + " Gate.against");
      }
    }
  }

  private static boolean compares(Experiment experiment) {
    return experiment.baseline().isPresent()
        || experiment.gates().stream().anyMatch(g -> g.bound() == Gate.Bound.REGRESSION_AT_MOST);
  }

  private boolean need(ProviderKind<?> kind, String id, List<String> problems) {
    if (providers.has(kind, id)) {
      return true;
    }
    try {
      providers.get(kind, id);
    } catch (MissingProviderException e) {
      problems.add(e.getMessage());
    }
    return false;
  }

  @Override
  public Report run(Experiment experiment) {
    return start(experiment).await();
  }

  @Override
  public RunHandle start(Experiment experiment) {
    plan(experiment);
    RunId id =
        new RunId(
            ID_TIME.format(client.clock().instant())
                + "-"
                + String.format(Locale.ROOT, "%06x", random.nextInt(1 << 24)));
    return start(id, experiment, RunDirectory.create(workDirectory, id, experiment.toJson()));
  }

  @Override
  public RunHandle resume(RunId run, Experiment experiment) {
    plan(experiment);
    String json = experiment.toJson();
    RunDirectory directory = RunDirectory.open(workDirectory, run);
    boolean same;
    try {
      same = directory.experimentJson().equals(json);
    } catch (JetFireException e) {
      directory.close();
      throw e;
    }
    if (!same) {
      directory.close();
      throw new ConfigurationException(
          "The run "
              + run
              + " was of another experiment: compare "
              + directory.root().resolve("experiment.json")
              + " with Experiment.toJson(), and resume it with an equal one");
    }
    return start(run, experiment, directory);
  }

  private RunHandle start(RunId id, Experiment experiment, RunDirectory directory) {
    AtomicBoolean cancelled = new AtomicBoolean();
    CompletableFuture<Report> report = new CompletableFuture<>();
    DefaultRunHandle handle = new DefaultRunHandle(id, cancelled, report);
    synchronized (underWay) {
      underWay.put(id, handle);
    }
    try {
      client.executor().execute(() -> execute(id, experiment, directory, cancelled, report));
    } catch (RejectedExecutionException e) {
      forget(id);
      directory.close();
      throw new ConfigurationException(
          "The run "
              + id
              + " cannot start: this client is closed, or its executor takes no more work",
          e);
    }
    return handle;
  }

  private void execute(
      RunId id,
      Experiment experiment,
      RunDirectory directory,
      AtomicBoolean cancelled,
      CompletableFuture<Report> report) {
    Report result = null;
    Throwable failure = null;
    try (directory) {
      Events events = new Events(id, client.listeners());
      result = new ExperimentRun(client, id, experiment, directory, events, cancelled::get).run();
    } catch (Throwable t) {
      failure = t;
    }
    forget(id);
    // Only now, when the folder's lock is free: whoever waits may resume at once.
    if (failure != null || result == null) {
      report.completeExceptionally(
          failure != null ? failure : new IllegalStateException("A run gives a report"));
    } else {
      report.complete(result);
    }
  }

  private void forget(RunId id) {
    synchronized (underWay) {
      underWay.remove(id);
    }
  }

  @Override
  public TrainedModel train(Training training) {
    return host()
        .train(
            training,
            HostRuns.folder(workDirectory.resolve("training")),
            e -> {},
            Cancellation.NEVER);
  }

  @Override
  public ConvertedModel convert(Model model, Converter converter) {
    Path folder = workDirectory.resolve("models").resolve(model.sha256().substring(0, 16));
    return host()
        .convert(
            model, converter, Preprocessing.none(), HostRuns.folder(folder), Cancellation.NEVER);
  }

  @Override
  public Explanation explain(Model model, Converter converter) {
    return host().explain(model, converter, workDirectory);
  }

  @Override
  public Advice advise(Model model, RecipeSearch search) {
    return host().advise(model, search);
  }

  @Override
  public Map<Delegate, EvaluationResult> evaluate(
      Model model, Preprocessing preprocessing, OutputDecoder decoding, Evaluation evaluation) {
    ModelRuntime runtime = host().requiredRuntime(model);
    Map<Delegate, EvaluationResult> results = new LinkedHashMap<>();
    for (Delegate delegate : evaluation.delegates()) {
      if (!runtime.delegates().contains(delegate)) {
        throw new ConfigurationException(
            runtime.version() + " has no delegate " + delegate + "; it has " + runtime.delegates());
      }
      results.put(
          delegate,
          host()
              .evaluate(
                  runtime,
                  new HostRuns.EvaluationStep(
                      model,
                      delegate,
                      false,
                      preprocessing,
                      decoding,
                      evaluation,
                      Optional.empty(),
                      Optional.empty()),
                  Cancellation.NEVER));
    }
    return results;
  }

  @Override
  public List<DeviceRunResult> measure(Map<String, Model> variants, DeviceRun deviceRun) {
    List<DeviceRunResult> results = new ArrayList<>();
    RunId id =
        new RunId(
            "measure-"
                + ID_TIME.format(client.clock().instant())
                + String.format(Locale.ROOT, "-%06x", random.nextInt(1 << 24)));
    DeviceFarm.Workload workload =
        DeviceRuns.workload(deviceRun, Preprocessing.none(), Optional.empty(), Optional.empty());
    try (RunDirectory directory = RunDirectory.create(workDirectory, id, deviceRun.toJson())) {
      new DeviceRuns(
              client, directory, new Events(id, client.listeners()), Cancellation.NEVER, Map.of())
          .run(
              new DeviceRuns.Job(
                  "farm",
                  id.value(),
                  deviceRun,
                  variants,
                  workload,
                  result -> {
                    synchronized (results) {
                      results.add(result);
                    }
                  },
                  Optional.empty()));
    }
    return List.copyOf(results);
  }

  @Override
  public List<Device> devices(String farm) {
    return DeviceRuns.catalogue(
        client, providers.get(ProviderKind.DEVICE_FARM, farm), Cancellation.NEVER);
  }

  @Override
  public List<ProviderInfo> providers() {
    return providers.list();
  }

  private HostRuns host() {
    return new HostRuns(providers, client.executor());
  }

  @Override
  public void close() {
    synchronized (underWay) {
      underWay
          .keySet()
          .forEach(
              id ->
                  LOG.warn(
                      "The client is closed while the run {} is under way; go on with"
                          + " JetFire.resume(new RunId(\"{}\"), experiment)",
                      id,
                      id));
    }
    if (ownExecutor) {
      client.executor().shutdownNow();
      try {
        if (!client
            .executor()
            .awaitTermination(Duration.ofSeconds(10).toMillis(), TimeUnit.MILLISECONDS)) {
          LOG.warn("Work of the closed client is still ending");
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    try {
      providers.close();
    } catch (JetFireException e) {
      LOG.warn("Providers could not be closed", e);
    }
  }

  @Override
  public String toString() {
    return "JetFire[" + workDirectory + ", " + providers + "]";
  }
}
