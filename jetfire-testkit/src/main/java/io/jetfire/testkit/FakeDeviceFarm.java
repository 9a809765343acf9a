package io.jetfire.testkit;

import io.jetfire.ConfigurationException;
import io.jetfire.Delegate;
import io.jetfire.Detection;
import io.jetfire.Device;
import io.jetfire.Prediction;
import io.jetfire.RunFailure;
import io.jetfire.Sample;
import io.jetfire.StorageException;
import io.jetfire.TransientException;
import io.jetfire.spi.BenchmarkLog;
import io.jetfire.spi.DeviceFarm;
import io.jetfire.spi.DeviceFarmProvider;
import io.jetfire.spi.ProviderContext;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A device farm without devices, for tests of what drives farms: it answers as scripted, at once or
 * as the given clock advances, and fails where it was told to.
 *
 * <pre>{@code
 * FakeDeviceFarm farm = FakeDeviceFarm.builder()
 *     .latency(cell -> Duration.ofMillis(cell.variant().equals("int8") ? 5 : 12))
 *     .failNext(FakeDeviceFarm.Exchange.STATUS, new TransientException("try again"))
 *     .build();
 * }</pre>
 *
 * <p>Its log has the samples of every cell and session in JetFire's own dialect. Samples are made
 * up from the latency and a fixed seed: they are the same in every run. Thread-safe.
 */
public final class FakeDeviceFarm implements DeviceFarm {
  /** The name of the log among a run's artifacts. */
  public static final String LOG = "benchmark.log";

  /** An exchange with the farm that can be told to fail. */
  public enum Exchange {
    /** {@link DeviceFarm#devices()}. */
    DEVICES,
    /** {@link DeviceFarm#submit}, before anything was started. */
    SUBMIT,
    /** {@link DeviceFarm#submit}, when the run was started and the answer is lost. */
    SUBMIT_ANSWER,
    /** {@link DeviceFarm#attach}. */
    ATTACH,
    /** {@link DeviceFarm.FarmRun#status()}. */
    STATUS,
    /** {@link DeviceFarm.FarmRun#cancel()}. */
    CANCEL,
    /** {@link DeviceFarm.FarmRun#artifacts()}. */
    ARTIFACTS,
    /** {@link DeviceFarm.FarmRun#download}. */
    DOWNLOAD
  }

  private final Script script;
  private final Cloud cloud;

  private FakeDeviceFarm(Script script, Cloud cloud) {
    this.script = script;
    this.cloud = cloud;
  }

  /**
   * Starts a script: one device, no waiting, 10 ms per inference.
   *
   * @return the builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Returns a second client of the same farm, as after a restart of the JVM.
   *
   * @return a farm that knows the runs of this one
   */
  public FakeDeviceFarm reconnected() {
    return new FakeDeviceFarm(script, cloud);
  }

  /**
   * Returns a provider that always gives this farm.
   *
   * @param id what users name it by
   * @return the provider
   */
  public DeviceFarmProvider provider(String id) {
    return new DeviceFarmProvider() {
      @Override
      public String id() {
        return id;
      }

      @Override
      public DeviceFarm create(ProviderContext context) {
        return reconnected();
      }
    };
  }

  /**
   * Returns what was submitted, in order; repeated keys count once.
   *
   * @return the requests
   */
  public List<FarmRequest> requests() {
    synchronized (cloud) {
      return cloud.runs.values().stream().map(run -> run.request).toList();
    }
  }

  /**
   * Returns the ids of the runs that were cancelled.
   *
   * @return in the order of submission
   */
  public List<String> cancelled() {
    synchronized (cloud) {
      return cloud.runs.values().stream()
          .filter(run -> run.cancelled != null)
          .map(run -> run.id)
          .toList();
    }
  }

  /**
   * Counts how often an exchange was tried, failures included.
   *
   * @param exchange the exchange
   * @return the number
   */
  public int count(Exchange exchange) {
    synchronized (cloud) {
      return cloud.counts.getOrDefault(exchange, 0);
    }
  }

  @Override
  public Capabilities capabilities() {
    return script.capabilities;
  }

  @Override
  public List<Device> devices() {
    cloud.exchange(Exchange.DEVICES);
    return script.devices;
  }

  @Override
  public FarmRun submit(FarmRequest request) {
    cloud.exchange(Exchange.SUBMIT);
    if (script.devices.stream().noneMatch(d -> d.id().equals(request.device().id()))) {
      throw new ConfigurationException(
          "This farm has no device " + request.device() + "; it has " + script.devices);
    }
    Set<Delegate> delegates = script.capabilities.delegates();
    for (Cell cell : request.cells()) {
      if (!delegates.isEmpty() && !delegates.contains(cell.delegate())) {
        throw new ConfigurationException(
            "This farm has no delegate " + cell.delegate() + "; it has " + delegates);
      }
    }
    Run run = cloud.run(request, script.clock.instant());
    cloud.exchange(Exchange.SUBMIT_ANSWER);
    return new Handle(run);
  }

  @Override
  public FarmRun attach(String id) {
    cloud.exchange(Exchange.ATTACH);
    if (!script.capabilities.attach()) {
      throw new ConfigurationException("This farm cannot find runs again.");
    }
    synchronized (cloud) {
      Run run = cloud.runs.get(id);
      if (run == null) {
        throw new ConfigurationException(
            "This farm knows no run " + id + "; it knows " + cloud.runs.keySet());
      }
      return new Handle(run);
    }
  }

  /** What outlives a client. */
  private static final class Cloud {
    private final Map<String, Run> runs = new LinkedHashMap<>();
    private final Map<Exchange, Deque<RuntimeException>> failures = new EnumMap<>(Exchange.class);
    private final Map<Exchange, Integer> counts = new EnumMap<>(Exchange.class);

    synchronized void exchange(Exchange exchange) {
      counts.merge(exchange, 1, Integer::sum);
      Deque<RuntimeException> waiting = failures.get(exchange);
      if (waiting != null && !waiting.isEmpty()) {
        throw waiting.removeFirst();
      }
    }

    synchronized Run run(FarmRequest request, Instant now) {
      for (Run run : runs.values()) {
        if (run.request.key().equals(request.key())) {
          return run;
        }
      }
      Run run = new Run("fake-" + (runs.size() + 1), request, now);
      runs.put(run.id, run);
      return run;
    }
  }

  private static final class Run {
    final String id;
    final FarmRequest request;
    final Instant submitted;
    @Nullable Instant cancelled;

    Run(String id, FarmRequest request, Instant submitted) {
      this.id = id;
      this.request = request;
      this.submitted = submitted;
    }
  }

  private final class Handle implements FarmRun {
    private final Run run;

    Handle(Run run) {
      this.run = run;
    }

    @Override
    public String id() {
      return run.id;
    }

    @Override
    public Status status() {
      cloud.exchange(Exchange.STATUS);
      return state();
    }

    private Status state() {
      synchronized (cloud) {
        Instant now = run.cancelled == null ? script.clock.instant() : run.cancelled;
        Duration left = Duration.between(run.submitted, now);
        if (left.compareTo(script.queued) < 0) {
          return cancelledOr(new Status(State.QUEUED, "waiting for " + run.request.device()));
        }
        left = left.minus(script.queued);
        if (left.compareTo(script.preparing) < 0) {
          return cancelledOr(new Status(State.PREPARING, ""));
        }
        left = left.minus(script.preparing);
        int turns = run.request.cells().size() * run.request.sessions();
        Duration limit = run.request.timeLimit();
        Duration needed = Duration.ZERO;
        for (Turn turn : order(run.request)) {
          needed = needed.plus(script.turns.apply(turn.cell()));
        }
        if (left.compareTo(limit) >= 0 && needed.compareTo(limit) > 0) {
          return new Status(State.TIMED_OUT, "stopped after " + limit);
        }
        if (left.compareTo(needed) < 0) {
          return cancelledOr(new Status(State.RUNNING, turns(left) + " of " + turns));
        }
        return script.endings.apply(run.request);
      }
    }

    private Status cancelledOr(Status status) {
      return run.cancelled == null ? status : new Status(State.CANCELLED, "cancelled");
    }

    /** How many turns are complete after so long. */
    private int turns(Duration running) {
      int complete = 0;
      Duration needed = Duration.ZERO;
      for (Turn turn : order(run.request)) {
        needed = needed.plus(script.turns.apply(turn.cell()));
        if (needed.compareTo(running) > 0) {
          break;
        }
        complete++;
      }
      return complete;
    }

    @Override
    public void cancel() {
      cloud.exchange(Exchange.CANCEL);
      if (!script.capabilities.cancel()) {
        throw new ConfigurationException("This farm cannot cancel runs.");
      }
      synchronized (cloud) {
        if (!state().state().ended()) {
          run.cancelled = script.clock.instant();
        }
      }
    }

    @Override
    public List<Artifact> artifacts() {
      cloud.exchange(Exchange.ARTIFACTS);
      State state = state().state();
      return state.ended() && state != State.FARM_FAILED && !log().isEmpty()
          ? List.of(new Artifact(LOG, Artifact.Kind.LOG))
          : List.of();
    }

    @Override
    public void download(Artifact artifact, Path target) {
      cloud.exchange(Exchange.DOWNLOAD);
      if (!artifact.name().equals(LOG)) {
        throw new ConfigurationException("The run " + run.id + " left no " + artifact.name());
      }
      try {
        Path part = Files.createTempFile(target.toAbsolutePath().getParent(), "fake", ".part");
        Files.write(part, script.log.apply(log()), StandardCharsets.UTF_8);
        Files.move(part, target, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
      } catch (IOException e) {
        throw new StorageException("The log cannot be written to " + target + ": " + e, e);
      }
    }

    /** The log of the turns that were made until the run ended. */
    private List<String> log() {
      Instant end = run.cancelled == null ? Instant.MAX : run.cancelled;
      int made =
          end.equals(Instant.MAX)
              ? Integer.MAX_VALUE
              : turns(
                  Duration.between(run.submitted, end)
                      .minus(script.queued)
                      .minus(script.preparing));
      if (state().state() == State.TIMED_OUT) {
        made = turns(run.request.timeLimit());
      }
      List<String> lines = new ArrayList<>();
      for (Turn turn : order(run.request)) {
        if (made-- > 0) {
          script.write(run.request, turn, lines);
        }
      }
      return lines;
    }
  }

  private record Turn(Cell cell, int session) {}

  private static List<Turn> order(FarmRequest request) {
    List<Turn> turns = new ArrayList<>();
    if (request.interleaved()) {
      for (int session = 0; session < request.sessions(); session++) {
        for (Cell cell : request.cells()) {
          turns.add(new Turn(cell, session));
        }
      }
    } else {
      for (Cell cell : request.cells()) {
        for (int session = 0; session < request.sessions(); session++) {
          turns.add(new Turn(cell, session));
        }
      }
    }
    return turns;
  }

  /** A failure of one cell. */
  private record CellFailure(RunFailure.Cause cause, String message) {}

  private record Script(
      Clock clock,
      List<Device> devices,
      Capabilities capabilities,
      Duration queued,
      Duration preparing,
      Function<Cell, Duration> turns,
      Function<Cell, Duration> latency,
      double jitter,
      Function<Sample, List<Detection>> detections,
      Function<Cell, Optional<CellFailure>> failures,
      Function<FarmRequest, Status> endings,
      Function<List<String>, List<String>> log) {

    void write(FarmRequest request, Turn turn, List<String> lines) {
      Cell cell = turn.cell();
      BenchmarkLog log = new BenchmarkLog(lines::add, cell.id(), turn.session());
      log.begin(
          cell.variant(),
          String.valueOf(cell.model().path().getFileName()),
          cell.model().sha256(),
          cell.model().sizeBytes(),
          cell.delegate().name(),
          cell.threads(),
          cell.warmupRuns(),
          cell.runs());
      Optional<CellFailure> failure = failures.apply(cell);
      if (failure.isPresent()) {
        log.failed(failure.get().cause().name(), failure.get().message());
        log.end();
        return;
      }
      Random random = new Random(cell.id().hashCode() * 31L + turn.session());
      long nanos = latency.apply(cell).toNanos();
      log.initialized(nanos * 3);
      for (int i = 0; i < cell.warmupRuns(); i++) {
        log.sample(BenchmarkLog.WARM_UP, noisy(nanos * (i == 0 ? 2 : 1), random));
      }
      for (int i = 0; i < cell.runs(); i++) {
        log.sample(BenchmarkLog.PREPROCESSING, noisy(nanos / 10, random));
        log.sample(BenchmarkLog.INFERENCE, noisy(nanos, random));
        log.sample(BenchmarkLog.POSTPROCESSING, noisy(nanos / 20, random));
      }
      List<Sample> frames = request.workload().frames();
      if (request.workload().decoder().isPresent()) {
        for (int i = 0; i < frames.size(); i++) {
          new Prediction.Detections(detections.apply(frames.get(i))).writeTo(log, i);
        }
      }
      log.end();
    }

    private long noisy(long nanos, Random random) {
      return Math.max(0, Math.round(nanos * (1 + jitter * random.nextGaussian())));
    }
  }

  /** Builds a {@link FakeDeviceFarm}. Not thread-safe. */
  public static final class Builder {
    private Clock clock = Clock.systemUTC();
    private final List<Device> devices = new ArrayList<>();
    private Set<Delegate> delegates = Set.of();
    private boolean cancel = true;
    private boolean attach = true;
    private int concurrentRuns = 2;
    private Duration pollInterval = Duration.ofMillis(10);
    private @Nullable BigDecimal pricePerMinute;
    private Duration queued = Duration.ZERO;
    private Duration preparing = Duration.ZERO;
    private Function<Cell, Duration> turns = cell -> Duration.ZERO;
    private Function<Cell, Duration> latency = cell -> Duration.ofMillis(10);
    private double jitter = 0.01;
    private Function<Sample, List<Detection>> detections = sample -> List.of();
    private Function<Cell, Optional<CellFailure>> cellFailures = cell -> Optional.empty();
    private Function<FarmRequest, Status> endings = request -> new Status(State.FINISHED, "");
    private Function<List<String>, List<String>> log = lines -> lines;
    private final Map<Exchange, Deque<RuntimeException>> failures = new EnumMap<>(Exchange.class);

    private Builder() {}

    /**
     * Chooses the clock that runs advance with.
     *
     * @param value the clock; the system's by default
     * @return this builder
     */
    public Builder clock(Clock value) {
      clock = value;
      return this;
    }

    /**
     * Adds a device; without any there is one {@code fake-phone}.
     *
     * @param device the device
     * @return this builder
     */
    public Builder device(Device device) {
      devices.add(device);
      return this;
    }

    /**
     * Limits the delegates.
     *
     * @param values the delegates; none for any
     * @return this builder
     */
    public Builder delegates(Delegate... values) {
      delegates = Set.of(values);
      return this;
    }

    /**
     * Chooses whether runs can be cancelled and found again.
     *
     * @param canCancel whether cancelling works
     * @param canAttach whether attaching works
     * @return this builder
     */
    public Builder able(boolean canCancel, boolean canAttach) {
      cancel = canCancel;
      attach = canAttach;
      return this;
    }

    /**
     * Chooses how many runs the farm takes at once.
     *
     * @param count at least 1
     * @return this builder
     */
    public Builder concurrentRuns(int count) {
      concurrentRuns = count;
      return this;
    }

    /**
     * Chooses how long to wait between two looks.
     *
     * @param value the interval
     * @return this builder
     */
    public Builder pollInterval(Duration value) {
      pollInterval = value;
      return this;
    }

    /**
     * Gives the farm a price.
     *
     * @param dollars per device minute
     * @return this builder
     */
    public Builder pricePerMinute(BigDecimal dollars) {
      pricePerMinute = dollars;
      return this;
    }

    /**
     * Chooses how long the stages of a run take.
     *
     * @param queue until a device is free
     * @param prepare until it is ready
     * @param turn for one session of one cell
     * @return this builder
     */
    public Builder takes(Duration queue, Duration prepare, Duration turn) {
      queued = queue;
      preparing = prepare;
      turns = cell -> turn;
      return this;
    }

    /**
     * Chooses how long one session of a cell takes.
     *
     * @param value from a cell to the time
     * @return this builder
     */
    public Builder turns(Function<Cell, Duration> value) {
      turns = value;
      return this;
    }

    /**
     * Chooses how fast cells are.
     *
     * @param value the typical time of an inference
     * @return this builder
     */
    public Builder latency(Function<Cell, Duration> value) {
      latency = value;
      return this;
    }

    /**
     * Chooses how much samples scatter.
     *
     * @param fraction standard deviation as a fraction of the latency, 0 for none
     * @return this builder
     */
    public Builder jitter(double fraction) {
      jitter = fraction;
      return this;
    }

    /**
     * Chooses what models see in frames; only written where the workload has a decoder.
     *
     * @param value from a frame to detections
     * @return this builder
     */
    public Builder detections(Function<Sample, List<Detection>> value) {
      detections = value;
      return this;
    }

    /**
     * Makes the cells of a variant fail on the device; the run goes on.
     *
     * @param variant the name of the variant
     * @param cause why
     * @param message in words
     * @return this builder
     */
    public Builder failCells(String variant, RunFailure.Cause cause, String message) {
      Function<Cell, Optional<CellFailure>> others = cellFailures;
      cellFailures =
          cell ->
              cell.variant().equals(variant)
                  ? Optional.of(new CellFailure(cause, message))
                  : others.apply(cell);
      return this;
    }

    /**
     * Makes all runs end in another way than finished.
     *
     * @param state such as {@link DeviceFarm.State#FARM_FAILED}
     * @param detail in words
     * @return this builder
     */
    public Builder endsWith(State state, String detail) {
      return endsWith(request -> new Status(state, detail));
    }

    /**
     * Chooses how each run ends.
     *
     * @param value from a request to the last status
     * @return this builder
     */
    public Builder endsWith(Function<FarmRequest, Status> value) {
      endings = value;
      return this;
    }

    /**
     * Makes the next not yet scripted try of an exchange fail; called twice, the next two.
     *
     * @param exchange what fails
     * @param failure what it throws, such as a {@link TransientException}
     * @return this builder
     */
    public Builder failNext(Exchange exchange, RuntimeException failure) {
      failures.computeIfAbsent(exchange, e -> new ArrayDeque<>()).add(failure);
      return this;
    }

    /**
     * Changes the log before it is downloaded: cuts it, damages lines, wraps them as logcat does.
     *
     * @param value from the lines to other lines
     * @return this builder
     */
    public Builder log(Function<List<String>, List<String>> value) {
      log = value;
      return this;
    }

    /**
     * Builds the farm.
     *
     * @return the farm
     */
    public FakeDeviceFarm build() {
      List<Device> all =
          devices.isEmpty()
              ? List.of(
                  new Device(
                      "fake-phone",
                      "Fake Phone (Android 14)",
                      Map.of(
                          "model", "fake",
                          "os", "android",
                          "version", "34",
                          "form", "virtual",
                          "ram", "4000000000")))
              : List.copyOf(devices);
      Capabilities capabilities =
          new Capabilities(
              delegates,
              cancel,
              attach,
              concurrentRuns,
              Optional.empty(),
              pollInterval,
              Optional.ofNullable(pricePerMinute));
      Script script =
          new Script(
              clock,
              Collections.unmodifiableList(all),
              capabilities,
              queued,
              preparing,
              turns,
              latency,
              jitter,
              detections,
              cellFailures,
              endings,
              log);
      Cloud cloud = new Cloud();
      failures.forEach((exchange, queue) -> cloud.failures.put(exchange, new ArrayDeque<>(queue)));
      return new FakeDeviceFarm(script, cloud);
    }
  }
}
