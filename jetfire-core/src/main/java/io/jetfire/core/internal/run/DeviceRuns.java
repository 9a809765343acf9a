package io.jetfire.core.internal.run;

import io.jetfire.ConfigurationException;
import io.jetfire.DataException;
import io.jetfire.Dataset;
import io.jetfire.Delegate;
import io.jetfire.Device;
import io.jetfire.DeviceQuery;
import io.jetfire.DeviceRun;
import io.jetfire.DeviceRunResult;
import io.jetfire.Evaluation;
import io.jetfire.JetFireException;
import io.jetfire.Latency;
import io.jetfire.Measurement;
import io.jetfire.Metrics;
import io.jetfire.Model;
import io.jetfire.Outcome;
import io.jetfire.OutputDecoder;
import io.jetfire.ParsedLog;
import io.jetfire.Phase;
import io.jetfire.Preprocessing;
import io.jetfire.RunCancelledException;
import io.jetfire.RunEvent;
import io.jetfire.Sample;
import io.jetfire.Stage;
import io.jetfire.Statistics;
import io.jetfire.ValidityReport;
import io.jetfire.core.internal.Tasks;
import io.jetfire.core.internal.provider.ProviderKind;
import io.jetfire.spi.Cancellation;
import io.jetfire.spi.DeviceFarm;
import io.jetfire.spi.DeviceFarm.Capabilities;
import io.jetfire.spi.DeviceFarm.Cell;
import io.jetfire.spi.DeviceFarm.FarmRequest;
import io.jetfire.spi.DeviceFarm.Workload;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** Expands device runs into cells, runs them on farms, and turns logs into results. */
final class DeviceRuns {
  private final ClientContext client;
  private final RunDirectory directory;
  private final Events events;
  private final Cancellation cancellation;
  private final Map<String, DeviceQuery> tiers;

  DeviceRuns(
      ClientContext client,
      RunDirectory directory,
      Events events,
      Cancellation cancellation,
      Map<String, DeviceQuery> tiers) {
    this.client = client;
    this.directory = directory;
    this.events = events;
    this.cancellation = cancellation;
    this.tiers = tiers;
  }

  /** Asks a farm for its devices, again if it fails in a way that may pass. */
  static List<Device> catalogue(ClientContext client, DeviceFarm farm, Cancellation cancellation) {
    try {
      return new Patience(client.sleeper(), cancellation).exchange(farm::devices, false);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new RunCancelledException("Interrupted while asking a farm for its devices", e);
    }
  }

  /** Devices of a catalogue that a description wants, or why there is none. */
  static List<Device> wanted(List<Device> catalogue, DeviceRun description) {
    List<Device> wanted =
        catalogue.stream()
            .filter(d -> description.devices().stream().anyMatch(q -> q.matches(d)))
            .toList();
    if (wanted.isEmpty()) {
      throw new ConfigurationException(
          "No device of '"
              + description.farm()
              + "' fulfils "
              + description.devices()
              + "; it has "
              + catalogue.size()
              + " devices"
              + (catalogue.isEmpty() ? "" : ", such as " + sample(catalogue))
              + ". List them with JetFire.devices(\""
              + description.farm()
              + "\")");
    }
    return wanted;
  }

  private static String sample(List<Device> catalogue) {
    Device d = catalogue.get(0);
    return d + " " + d.attributes();
  }

  /** Variants that a description wants. */
  static List<String> variants(DeviceRun description, Iterable<String> available) {
    List<String> names = new ArrayList<>();
    for (String name : available) {
      if (description.variants().isEmpty() || description.variants().contains(name)) {
        names.add(name);
      }
    }
    return names;
  }

  static Optional<BigDecimal> maxCost(Capabilities capabilities, Duration timeLimit) {
    return capabilities
        .pricePerMinute()
        .map(
            price ->
                price
                    .multiply(BigDecimal.valueOf((timeLimit.toSeconds() + 59) / 60))
                    .setScale(2, RoundingMode.UP));
  }

  /** What to do about cells that look like regressions. */
  interface Confirmation {
    /** Finds cells to measure again among the results of one device; their ids. */
    Set<String> suspects(List<DeviceRunResult> results);

    /** Is told what became of a cell that was, or could not be, measured again. */
    void accept(DeviceRunResult again);
  }

  /**
   * One description with what is needed to run it.
   *
   * @param checkpoint names the checkpoints
   * @param requestKey unique to the run and the description
   * @param description what to measure
   * @param models the variants
   * @param workload what they are fed with
   * @param onResult is told of each cell as it is known
   * @param confirmation what to do about regressions; empty to take them as they are
   */
  record Job(
      String checkpoint,
      String requestKey,
      DeviceRun description,
      Map<String, Model> models,
      Workload workload,
      Consumer<DeviceRunResult> onResult,
      Optional<Confirmation> confirmation) {}

  /**
   * Runs one description on all its devices.
   *
   * @param job the description
   */
  void run(Job job) {
    DeviceRun description = job.description;
    DeviceFarm farm = client.providers().get(ProviderKind.DEVICE_FARM, description.farm());
    List<Device> devices = wanted(catalogue(client, farm, cancellation), description);
    Budget budget = budget(farm, description, devices);
    Semaphore slots = new Semaphore(farm.capabilities().concurrentRuns());
    List<FutureTask<Boolean>> perDevice = new ArrayList<>();
    for (Device device : devices) {
      perDevice.add(
          new FutureTask<>(
              () -> {
                slots.acquireUninterruptibly();
                try {
                  onDevice(farm, job, device, budget);
                } finally {
                  slots.release();
                }
              },
              true));
    }
    Tasks.all(client.executor(), perDevice);
  }

  /** How many runs may still be started by the cost limit. */
  private static final class Budget {
    private final Optional<BigDecimal> limit;
    private final BigDecimal one;
    private BigDecimal reserved;

    Budget(Optional<BigDecimal> limit, BigDecimal one, long runs) {
      this.limit = limit;
      this.one = one;
      this.reserved = one.multiply(BigDecimal.valueOf(runs));
    }

    /** Gives back attempts that were not needed. */
    synchronized void release(int runs) {
      reserved = reserved.subtract(one.multiply(BigDecimal.valueOf(runs)));
    }

    /** Takes one further run if that cannot exceed the limit. */
    synchronized boolean takeOne() {
      BigDecimal with = reserved.add(one);
      if (limit.isPresent() && with.compareTo(limit.get()) > 0) {
        return false;
      }
      reserved = with;
      return true;
    }
  }

  private static Budget budget(DeviceFarm farm, DeviceRun description, List<Device> devices) {
    if (description.maxCost().isEmpty()) {
      return new Budget(Optional.empty(), BigDecimal.ZERO, 0);
    }
    BigDecimal limit = description.maxCost().get();
    Optional<BigDecimal> one = maxCost(farm.capabilities(), description.timeLimit());
    if (one.isEmpty()) {
      throw new ConfigurationException(
          "The device run on '"
              + description.farm()
              + "' has a cost limit of $"
              + limit
              + ", but the farm's price is not known; remove the limit, or configure the price");
    }
    BigDecimal all =
        one.get().multiply(BigDecimal.valueOf((long) devices.size() * description.attempts()));
    if (all.compareTo(limit) > 0) {
      throw new ConfigurationException(
          "The device run on '"
              + description.farm()
              + "' could cost $"
              + all
              + " ("
              + devices.size()
              + " devices, "
              + description.timeLimit().toMinutes()
              + " minutes each, "
              + description.attempts()
              + " attempts), more than its limit of $"
              + limit
              + "; lower the time limit, the attempts or the devices, or raise the limit");
    }
    return new Budget(
        Optional.of(limit), one.get(), (long) devices.size() * description.attempts());
  }

  /** The first samples of a dataset; reading one is user code, whose errors say so. */
  private static List<Sample> frames(Dataset dataset, int count) {
    try (Stream<Sample> samples = dataset.samples()) {
      return samples.limit(count).toList();
    } catch (JetFireException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new DataException("The dataset '" + dataset.name() + "' cannot be read: " + e, e);
    }
  }

  /** What models are fed with: a description's own frames, or the samples of the evaluation. */
  static Workload workload(
      DeviceRun description,
      Preprocessing preprocessing,
      Optional<OutputDecoder> decoding,
      Optional<Evaluation> evaluation) {
    List<Sample> frames = List.of();
    var dataset = description.frames().or(() -> evaluation.map(Evaluation::dataset));
    if (dataset.isPresent()) {
      frames = frames(dataset.get(), description.frameCount());
    }
    return new Workload(frames, preprocessing, decoding);
  }

  private void onDevice(DeviceFarm farm, Job job, Device device, Budget budget) {
    List<Cell> cells = cells(farm, job, device);
    if (cells.isEmpty()) {
      return;
    }
    String key = job.checkpoint + "-" + RunDirectory.safe(device.id());
    int attempts = job.description.attempts();
    Measured measured = measure(farm, job, device, cells, key, attempts);
    budget.release(attempts - measured.attempts);
    measured.results.forEach(job.onResult);
    if (job.confirmation.isPresent() && job.description.confirmRegressions()) {
      confirm(farm, job, device, cells, measured.results, budget);
    }
  }

  /** Measures cells again that look like regressions: once, on the same device, all together. */
  private void confirm(
      DeviceFarm farm,
      Job job,
      Device device,
      List<Cell> cells,
      List<DeviceRunResult> results,
      Budget budget) {
    Confirmation confirmation = job.confirmation.orElseThrow();
    Set<String> ids = confirmation.suspects(results);
    List<Cell> suspects = cells.stream().filter(c -> ids.contains(c.id())).toList();
    if (suspects.isEmpty()) {
      return;
    }
    // What is not measured again is not confirmed, and says why.
    if (cancellation.isRequested()) {
      String reason = "cancelled before it was measured again";
      suspects.forEach(
          c -> confirmation.accept(unmeasured(job, device, c, Outcome.CANCELLED, reason)));
      return;
    }
    if (!budget.takeOne()) {
      String reason =
          "the re-run that would confirm it could exceed the cost limit of $"
              + job.description.maxCost().orElseThrow();
      suspects.forEach(
          c -> confirmation.accept(unmeasured(job, device, c, Outcome.SKIPPED, reason)));
      return;
    }
    String key = job.checkpoint + "-" + RunDirectory.safe(device.id()) + "-confirm";
    measure(farm, job, device, suspects, key, 1).results.forEach(confirmation::accept);
  }

  private List<Cell> cells(DeviceFarm farm, Job job, Device device) {
    DeviceRun description = job.description;
    Set<Delegate> able = farm.capabilities().delegates();
    List<Cell> cells = new ArrayList<>();
    for (String variant : variants(description, job.models.keySet())) {
      for (Delegate delegate : description.delegates()) {
        for (int threads : description.threads()) {
          Cell cell =
              new Cell(
                  variant + "/" + delegate + "/" + threads,
                  variant,
                  Objects.requireNonNull(job.models.get(variant)),
                  delegate,
                  threads,
                  description.warmupRuns(),
                  description.runs());
          if (able.isEmpty() || able.contains(delegate)) {
            cells.add(cell);
          } else {
            String reason =
                "the farm '"
                    + description.farm()
                    + "' has no delegate "
                    + delegate
                    + "; it has "
                    + able;
            job.onResult.accept(unmeasured(job, device, cell, Outcome.SKIPPED, reason));
          }
        }
      }
    }
    return cells;
  }

  private DeviceRunResult unmeasured(
      Job job, Device device, Cell cell, Outcome outcome, String reason) {
    return result(
        job.description, device, cell, outcome, Optional.of(reason), Optional.empty(), List.of());
  }

  /** Results of a run on one device, and how often it was started. */
  private record Measured(List<DeviceRunResult> results, int attempts) {}

  private Measured measure(
      DeviceFarm farm, Job job, Device device, List<Cell> cells, String key, int attempts) {
    DeviceRun description = job.description;
    Duration limit =
        farm.capabilities()
            .longestRun()
            .filter(l -> l.compareTo(description.timeLimit()) < 0)
            .orElse(description.timeLimit());
    FarmRequest request =
        new FarmRequest(
            job.requestKey,
            device,
            cells,
            job.workload,
            description.sessions(),
            description.interleaved(),
            limit);
    String subject = cells.size() + " cells on " + device;
    events.tell(new RunEvent.Started(Stage.DEVICE_RUN, subject));
    var start = client.clock().instant();
    Measured measured;
    try {
      FarmRunner.Ending ending =
          new FarmRunner(farm, directory, events, client.clock(), client.sleeper(), cancellation)
              .run(key, request, attempts, description.queueLimit());
      measured = new Measured(results(description, device, cells, ending), ending.attempts());
    } catch (RunCancelledException e) {
      throw e;
    } catch (RuntimeException e) {
      String reason = e instanceof JetFireException ? String.valueOf(e.getMessage()) : e.toString();
      events.tell(new RunEvent.Failed(Stage.DEVICE_RUN, subject, reason));
      return new Measured(
          cells.stream()
              .map(c -> unmeasured(job, device, c, Outcome.INCONCLUSIVE, reason))
              .toList(),
          attempts);
    }
    long passed = measured.results.stream().filter(r -> r.outcome() == Outcome.PASSED).count();
    events.tell(
        new RunEvent.Finished(
            Stage.DEVICE_RUN,
            subject,
            Duration.between(start, client.clock().instant()),
            passed + " of " + cells.size() + " cells passed",
            false));
    return measured;
  }

  // --- From logs to results

  private List<DeviceRunResult> results(
      DeviceRun description, Device device, List<Cell> cells, FarmRunner.Ending ending) {
    Map<String, List<Metrics>> byCell = new LinkedHashMap<>();
    Map<String, List<Path>> logsByCell = new LinkedHashMap<>();
    List<String> problems = new ArrayList<>();
    for (Path log : ending.logs()) {
      ParsedLog parsed = client.parser().parse(log);
      problems.addAll(parsed.problems());
      for (Metrics metrics : parsed.runs()) {
        String cell =
            metrics
                .identity()
                .cell()
                .orElse(cells.size() == 1 ? cells.get(0).id() : "unknown cell");
        byCell.computeIfAbsent(cell, c -> new ArrayList<>()).add(metrics);
        List<Path> logs = logsByCell.computeIfAbsent(cell, c -> new ArrayList<>());
        if (!logs.contains(log)) {
          logs.add(log);
        }
      }
    }
    List<DeviceRunResult> results = new ArrayList<>();
    for (Cell cell : cells) {
      List<Metrics> sessions = byCell.getOrDefault(cell.id(), List.of());
      List<Path> logs = logsByCell.getOrDefault(cell.id(), ending.logs());
      results.add(cellResult(description, device, cell, ending, sessions, logs, problems));
    }
    return results;
  }

  private DeviceRunResult cellResult(
      DeviceRun description,
      Device device,
      Cell cell,
      FarmRunner.Ending ending,
      List<Metrics> sessions,
      List<Path> logs,
      List<String> problems) {
    Optional<Metrics> merged =
        sessions.isEmpty()
            ? Optional.empty()
            : Optional.of(Statistics.standard().combine(sessions));
    Optional<String> failure =
        sessions.stream()
            .flatMap(m -> m.failure().stream())
            .map(f -> f.cause() + ": " + f.message())
            .findFirst();
    boolean complete =
        sessions.stream().filter(m -> m.ending() == Metrics.Ending.COMPLETE).count()
            >= description.sessions();
    Outcome outcome;
    Optional<String> reason = Optional.empty();
    if (failure.isPresent()) {
      outcome = Outcome.FAILED;
      reason = failure;
    } else if (complete) {
      outcome = Outcome.PASSED;
    } else {
      outcome =
          switch (ending.state()) {
            case CANCELLED -> Outcome.CANCELLED;
            case TIMED_OUT -> Outcome.TIMED_OUT;
            default -> Outcome.INCONCLUSIVE;
          };
      reason = Optional.of(incomplete(description, ending, sessions, problems));
    }
    return result(description, device, cell, outcome, reason, merged, logs)
        .farmRun(ending.farmRun());
  }

  private static String incomplete(
      DeviceRun description,
      FarmRunner.Ending ending,
      List<Metrics> sessions,
      List<String> problems) {
    String detail = ending.detail().isEmpty() ? "" : " (" + ending.detail() + ")";
    return switch (ending.state()) {
      case CANCELLED -> "cancelled after " + sessions.size() + " sessions" + detail;
      case TIMED_OUT -> "out of time after " + sessions.size() + " sessions" + detail;
      case FARM_FAILED -> "the farm failed in " + ending.attempts() + " attempts" + detail;
      default ->
          "the logs show "
              + sessions.size()
              + " of "
              + description.sessions()
              + " sessions"
              + detail
              + (problems.isEmpty() ? "" : ": " + String.join("; ", problems));
    };
  }

  private DeviceRunResult result(
      DeviceRun description,
      Device device,
      Cell cell,
      Outcome outcome,
      Optional<String> reason,
      Optional<Metrics> metrics,
      List<Path> logs) {
    List<String> tiersOf =
        tiers.entrySet().stream()
            .filter(t -> t.getValue().matches(device))
            .map(Map.Entry::getKey)
            .toList();
    Optional<ValidityReport> validity =
        metrics
            .filter(m -> !m.samples(Phase.INFERENCE).isEmpty())
            .map(Statistics.standard()::validity);
    return new DeviceRunResult(
        cell.id(),
        cell.variant(),
        description.farm(),
        device,
        tiersOf,
        cell.delegate(),
        cell.threads(),
        outcome,
        reason,
        metrics,
        validity,
        Optional.empty(),
        logs);
  }

  /** The numbers of a cell by name, as they are recorded. */
  static Map<String, Double> values(DeviceRunResult result) {
    Map<String, Double> values = new LinkedHashMap<>();
    result
        .metrics()
        .ifPresent(
            m -> {
              m.values()
                  .forEach(
                      (metric, v) ->
                          values.put(
                              name(metric.name()) + " (" + v.unit().symbol() + ")", v.value()));
              m.latencies()
                  .forEach(
                      (phase, latency) -> {
                        for (Map.Entry<Latency.Statistic, Measurement> s :
                            latency.statistics().entrySet()) {
                          String unit = s.getValue().unit().symbol();
                          values.put(
                              name(phase.name())
                                  + " "
                                  + name(s.getKey().name())
                                  + (unit.isEmpty() ? "" : " (" + unit + ")"),
                              s.getValue().value());
                        }
                      });
              m.delegatedShare().ifPresent(s -> values.put("delegated share", s));
            });
    return values;
  }

  private static String name(String constant) {
    return constant.toLowerCase(Locale.ROOT).replace('_', ' ');
  }
}
