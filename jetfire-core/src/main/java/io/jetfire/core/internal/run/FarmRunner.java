package io.jetfire.core.internal.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.jetfire.ConfigurationException;
import io.jetfire.JetFireException;
import io.jetfire.QuotaException;
import io.jetfire.RunCancelledException;
import io.jetfire.RunEvent;
import io.jetfire.TransientException;
import io.jetfire.core.internal.json.Json;
import io.jetfire.spi.Cancellation;
import io.jetfire.spi.DeviceFarm;
import io.jetfire.spi.DeviceFarm.Artifact;
import io.jetfire.spi.DeviceFarm.FarmRequest;
import io.jetfire.spi.DeviceFarm.FarmRun;
import io.jetfire.spi.DeviceFarm.State;
import io.jetfire.spi.DeviceFarm.Status;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One run of a farm on one device, from submission to the logs on disk: polling, back-off, time
 * limits, retries, cancellation and resumption, the same for every farm.
 *
 * <p>What must not be lost is written before it matters: the request's key before the farm is
 * asked, the farm's id before the first look at the run. A run that was interrupted is found again
 * by either.
 */
final class FarmRunner {
  private static final Logger LOG = LoggerFactory.getLogger(FarmRunner.class);

  /** How often one exchange with the farm is tried in all before the farm counts as failed. */
  private static final int TRIES = 6;

  /** Waits between tries double from here, with jitter, up to {@link #LONGEST_WAIT}. */
  private static final Duration FIRST_WAIT = Duration.ofSeconds(2);

  private static final Duration LONGEST_WAIT = Duration.ofMinutes(2);

  /** How long a farm may take beyond its time limit before it is cancelled from here. */
  private static final Duration GRACE = Duration.ofMinutes(5);

  /** How long a cancellation may go unnoticed. */
  private static final Duration SLICE = Duration.ofMillis(500);

  private final DeviceFarm farm;
  private final RunDirectory directory;
  private final Events events;
  private final Clock clock;
  private final Sleeper sleeper;
  private final Cancellation cancellation;
  private final SplittableRandom jitter = new SplittableRandom();

  FarmRunner(
      DeviceFarm farm,
      RunDirectory directory,
      Events events,
      Clock clock,
      Sleeper sleeper,
      Cancellation cancellation) {
    this.farm = farm;
    this.directory = directory;
    this.events = events;
    this.clock = clock;
    this.sleeper = sleeper;
    this.cancellation = cancellation;
  }

  /**
   * How a run ended.
   *
   * @param state the farm's last word
   * @param detail why, in words; may be empty
   * @param farmRun the farm's id, if the run was started
   * @param logs the logs that were fetched
   * @param attempts how often the run was started
   */
  record Ending(
      State state, String detail, Optional<String> farmRun, List<Path> logs, int attempts) {}

  /**
   * Runs a request.
   *
   * @param key names the checkpoint; attempts get a suffix
   * @param request what to run; its key is completed per attempt
   * @param attempts how often to start when the farm itself fails
   * @return how it ended
   */
  Ending run(String key, FarmRequest request, int attempts) {
    Ending ending = null;
    for (int attempt = 1; attempt <= attempts; attempt++) {
      ending = attempt(key + "-" + attempt, request, attempt);
      if (ending.state() != State.FARM_FAILED || cancellation.isRequested()) {
        return ending;
      }
      events.tell(
          new RunEvent.Warning(
              "Attempt "
                  + attempt
                  + " of "
                  + attempts
                  + " on "
                  + request.device()
                  + " failed at the farm: "
                  + ending.detail()));
    }
    return Objects.requireNonNull(ending);
  }

  private Ending attempt(String key, FarmRequest request, int attempt) {
    Optional<JsonNode> saved = directory.checkpoint(key);
    if (saved.isPresent() && saved.get().hasNonNull("state")) {
      return finished(saved.get(), attempt);
    }
    FarmRun run = null;
    Instant submitted = clock.instant();
    try {
      // A run that its farm cannot find again is started again, under the same key.
      if (saved.isPresent() && saved.get().hasNonNull("id") && farm.capabilities().attach()) {
        String id = saved.get().get("id").asText();
        submitted = Instant.parse(saved.get().get("submitted").asText());
        run = patiently(() -> farm.attach(id), true);
      } else {
        if (cancellation.isRequested()) {
          return new Ending(
              State.CANCELLED, "cancelled before it started", Optional.empty(), List.of(), attempt);
        }
        FarmRequest keyed = withKey(request, key, saved);
        directory.checkpoint(
            key, Json.object().put("key", keyed.key()).put("device", request.device().id()));
        run = patiently(() -> farm.submit(keyed), true);
        directory.checkpoint(
            key,
            Json.object()
                .put("key", keyed.key())
                .put("device", request.device().id())
                .put("id", run.id())
                .put("submitted", submitted.toString()));
      }
      return follow(key, run, request, submitted, attempt);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new RunCancelledException(
          "Interrupted while waiting for "
              + request.device()
              + (run == null ? "" : "; the farm's run " + run.id() + " goes on"),
          e);
    } catch (RunCancelledException e) {
      if (run != null) {
        return cancelled(run, attempt, "cancelled");
      }
      return new Ending(State.CANCELLED, "cancelled", Optional.empty(), List.of(), attempt);
    }
  }

  private FarmRequest withKey(FarmRequest request, String key, Optional<JsonNode> saved) {
    // An attempt that was interrupted between key and id is repeated under the same key.
    String unique =
        saved.isPresent() && saved.get().hasNonNull("key")
            ? saved.get().get("key").asText()
            : request.key() + "-" + key;
    return new FarmRequest(
        unique,
        request.device(),
        request.cells(),
        request.workload(),
        request.sessions(),
        request.interleaved(),
        request.timeLimit());
  }

  private Ending follow(
      String key, FarmRun run, FarmRequest request, Instant submitted, int attempt)
      throws InterruptedException {
    Instant deadline = null;
    Status last = new Status(State.QUEUED, "");
    tell(request, run, last);
    while (true) {
      if (cancellation.isRequested()) {
        return cancelled(run, attempt, "cancelled");
      }
      Status status = patiently(run::status, false);
      if (!status.equals(last)) {
        tell(request, run, status);
        last = status;
      }
      if (status.state().ended()) {
        return ended(key, run, status, submitted, attempt);
      }
      if (deadline == null && status.state() == State.RUNNING) {
        deadline = clock.instant().plus(request.timeLimit()).plus(GRACE);
      }
      if (deadline != null && clock.instant().isAfter(deadline)) {
        cancelQuietly(run);
        Status late =
            new Status(
                State.TIMED_OUT,
                "still running "
                    + GRACE.toMinutes()
                    + " minutes after its limit of "
                    + request.timeLimit()
                    + "; it was cancelled");
        tell(request, run, late);
        return ended(key, run, late, submitted, attempt);
      }
      pause(jittered(farm.capabilities().pollInterval()));
    }
  }

  private void tell(FarmRequest request, FarmRun run, Status status) {
    events.tell(
        new RunEvent.DeviceState(
            request.device().toString(), run.id(), status.state().name(), status.detail()));
  }

  private Ending cancelled(FarmRun run, int attempt, String why) {
    cancelQuietly(run);
    List<Path> logs = List.of();
    try {
      logs = fetch(run);
    } catch (JetFireException e) {
      LOG.warn("Logs of the cancelled run {} could not be fetched: {}", run.id(), e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return new Ending(State.CANCELLED, why, Optional.of(run.id()), logs, attempt);
  }

  private void cancelQuietly(FarmRun run) {
    if (!farm.capabilities().cancel()) {
      LOG.warn("The farm's run {} goes on: the farm cannot cancel runs", run.id());
      return;
    }
    try {
      run.cancel();
    } catch (RuntimeException e) {
      LOG.warn("The farm's run {} could not be cancelled: {}", run.id(), e.getMessage());
    }
  }

  private Ending ended(String key, FarmRun run, Status status, Instant submitted, int attempt)
      throws InterruptedException {
    List<Path> logs = fetch(run);
    ObjectNode done =
        Json.object()
            .put("id", run.id())
            .put("submitted", submitted.toString())
            .put("state", status.state().name())
            .put("detail", status.detail());
    var files = done.putArray("logs");
    logs.forEach(l -> files.add(directory.root().relativize(l).toString()));
    directory.checkpoint(key, done);
    return new Ending(status.state(), status.detail(), Optional.of(run.id()), logs, attempt);
  }

  private Ending finished(JsonNode saved, int attempt) {
    List<Path> logs = new ArrayList<>();
    for (JsonNode log : saved.path("logs")) {
      logs.add(directory.root().resolve(log.asText()));
    }
    return new Ending(
        State.valueOf(saved.get("state").asText()),
        saved.path("detail").asText(),
        Optional.of(saved.path("id").asText()),
        logs,
        attempt);
  }

  private List<Path> fetch(FarmRun run) throws InterruptedException {
    Path folder = directory.folder("artifacts/" + RunDirectory.safe(run.id()));
    List<Path> logs = new ArrayList<>();
    List<Artifact> artifacts = patiently(run::artifacts, true);
    for (Artifact artifact : artifacts) {
      Path file = folder.resolve(RunDirectory.safe(artifact.name()));
      if (!Files.exists(file)) {
        patiently(
            () -> {
              run.download(artifact, file);
              return file;
            },
            true);
      }
      if (artifact.kind() == Artifact.Kind.LOG) {
        logs.add(file);
      }
    }
    return logs;
  }

  /** Repeats one exchange with the farm while it fails in a way that may pass. */
  private <T> T patiently(Supplier<T> exchange, boolean afterCancel) throws InterruptedException {
    Duration wait = FIRST_WAIT;
    for (int attempt = 1; ; attempt++) {
      try {
        return exchange.get();
      } catch (TransientException | QuotaException e) {
        if (attempt == TRIES) {
          throw e;
        }
        LOG.debug("Try {} of {} failed, waiting {}", attempt, TRIES, wait, e);
      } catch (JetFireException e) {
        throw e;
      } catch (RuntimeException e) {
        throw new ConfigurationException(
            "The adapter of this farm failed in a way that it should not ("
                + e
                + "); report it to the adapter's authors",
            e);
      }
      if (!afterCancel) {
        cancellation.check();
      }
      pause(jittered(wait));
      wait = wait.multipliedBy(2);
      if (wait.compareTo(LONGEST_WAIT) > 0) {
        wait = LONGEST_WAIT;
      }
    }
  }

  /** Waits in slices, so that a cancellation is noticed soon. */
  private void pause(Duration wait) throws InterruptedException {
    Duration left = wait;
    while (!left.isNegative() && !left.isZero() && !cancellation.isRequested()) {
      Duration slice = left.compareTo(SLICE) < 0 ? left : SLICE;
      sleeper.sleep(slice);
      left = left.minus(slice);
    }
  }

  private Duration jittered(Duration wait) {
    return Duration.ofMillis((long) (wait.toMillis() * (0.75 + 0.5 * jitter.nextDouble())));
  }
}
