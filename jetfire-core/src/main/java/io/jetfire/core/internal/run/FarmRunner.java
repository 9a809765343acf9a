package io.jetfire.core.internal.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.jetfire.JetFireException;
import io.jetfire.RunCancelledException;
import io.jetfire.RunEvent;
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
import org.jspecify.annotations.Nullable;
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

  /** How long a farm may take beyond its time limit before it is cancelled from here. */
  private static final Duration GRACE = Duration.ofMinutes(5);

  private final DeviceFarm farm;
  private final RunDirectory directory;
  private final Events events;
  private final Clock clock;
  private final Cancellation cancellation;
  private final Patience patience;

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
    this.cancellation = cancellation;
    this.patience = new Patience(sleeper, cancellation);
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
   * @param queueLimit how long to wait for the device before giving up
   * @return how it ended
   */
  Ending run(String key, FarmRequest request, int attempts, Duration queueLimit) {
    Ending ending = null;
    for (int attempt = 1; attempt <= attempts; attempt++) {
      ending = attempt(key + "-" + attempt, request, attempt, queueLimit);
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

  private Ending attempt(String key, FarmRequest request, int attempt, Duration queueLimit) {
    Optional<JsonNode> saved = directory.checkpoint(key);
    if (saved.isPresent() && saved.get().hasNonNull("state") && !again(saved.get())) {
      return finished(saved.get(), attempt);
    }
    boolean again = saved.isPresent() && saved.get().hasNonNull("state");
    Submission submission = null;
    try {
      submission = attached(saved);
      if (submission != null
          && patience.exchange(submission.run::status, false).state() == State.CANCELLED) {
        submission = null;
        again = true;
      }
      if (submission == null) {
        if (cancellation.isRequested()) {
          return new Ending(
              State.CANCELLED, "cancelled before it started", Optional.empty(), List.of(), attempt);
        }
        submission = submit(key, request.key(unique(request, key, saved, again)));
      }
      return follow(key, submission, request, attempt, queueLimit);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new RunCancelledException(
          "Interrupted while waiting for "
              + request.device()
              + (submission == null ? "" : "; the farm's run " + submission.run.id() + " goes on"),
          e);
    } catch (RunCancelledException e) {
      if (submission != null) {
        return cancelled(key, submission, attempt);
      }
      return new Ending(State.CANCELLED, "cancelled", Optional.empty(), List.of(), attempt);
    }
  }

  /**
   * A run of the farm.
   *
   * @param run the run
   * @param key the request's key
   * @param since when the farm was asked
   */
  private record Submission(FarmRun run, String key, Instant since) {}

  /** Says whether an ending is no result: what was cancelled is started again when resumed. */
  private static boolean again(JsonNode saved) {
    return saved.path("state").asText().equals(State.CANCELLED.name())
        || saved.path("queued").asBoolean();
  }

  /** Finds a run again that is not known to have ended; null if there is none. */
  private @Nullable Submission attached(Optional<JsonNode> saved) throws InterruptedException {
    // A run that its farm cannot find again is started again, under the same key.
    if (saved.isEmpty()
        || !saved.get().hasNonNull("id")
        || saved.get().hasNonNull("state")
        || !farm.capabilities().attach()) {
      return null;
    }
    JsonNode s = saved.get();
    String id = s.get("id").asText();
    FarmRun run = patience.exchange(() -> farm.attach(id), true);
    return new Submission(run, s.path("key").asText(), Instant.parse(s.get("submitted").asText()));
  }

  private Submission submit(String key, FarmRequest keyed) throws InterruptedException {
    Instant submitted = clock.instant();
    ObjectNode checkpoint =
        Json.object().put("key", keyed.key()).put("device", keyed.device().id());
    directory.checkpoint(key, checkpoint);
    FarmRun run = patience.exchange(() -> farm.submit(keyed), true);
    directory.checkpoint(
        key, checkpoint.put("id", run.id()).put("submitted", submitted.toString()));
    return new Submission(run, keyed.key(), submitted);
  }

  /**
   * An attempt that was interrupted between key and id is repeated under the same key; one that was
   * cancelled gets a new key, because the farm would answer the old one with the cancelled run.
   */
  private static String unique(
      FarmRequest request, String key, Optional<JsonNode> saved, boolean again) {
    String first = request.key() + "-" + key;
    if (saved.isEmpty() || !saved.get().hasNonNull("key")) {
      return first;
    }
    String before = saved.get().get("key").asText();
    if (!again) {
      return before;
    }
    int times = 1;
    String prefix = first + "-again-";
    if (before.startsWith(prefix)) {
      times = Integer.parseInt(before.substring(prefix.length())) + 1;
    }
    return prefix + times;
  }

  private Ending follow(
      String key, Submission submission, FarmRequest request, int attempt, Duration queueLimit)
      throws InterruptedException {
    FarmRun run = submission.run;
    Instant queueEnds = submission.since.plus(queueLimit);
    Instant deadline = null;
    Status last = new Status(State.QUEUED, "");
    tell(request, run, last);
    while (true) {
      if (cancellation.isRequested()) {
        return cancelled(key, submission, attempt);
      }
      Status status = patience.exchange(run::status, false);
      if (!status.equals(last)) {
        tell(request, run, status);
        last = status;
      }
      if (status.state().ended()) {
        return ended(key, submission, status, attempt, false);
      }
      Instant now = clock.instant();
      if (deadline == null && status.state() == State.RUNNING) {
        deadline = now.plus(request.timeLimit()).plus(GRACE);
      }
      if (deadline != null && now.isAfter(deadline)) {
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
        return ended(key, submission, late, attempt, false);
      }
      if (deadline == null && now.isAfter(queueEnds)) {
        return queuedTooLong(key, submission, request, attempt, status, queueLimit);
      }
      patience.pause(farm.capabilities().pollInterval());
    }
  }

  /**
   * Gives up a run that does not get its device. Where the farm can cancel, it is cancelled, and a
   * resumed run asks anew; where it cannot, a resumed run looks at it again.
   */
  private Ending queuedTooLong(
      String key,
      Submission submission,
      FarmRequest request,
      int attempt,
      Status status,
      Duration queueLimit)
      throws InterruptedException {
    boolean cancels = farm.capabilities().cancel();
    Status late =
        new Status(
            State.TIMED_OUT,
            "still "
                + status.state()
                + " after the queue limit of "
                + queueLimit
                + (cancels ? "; it was cancelled" : "; it stays in the farm's queue")
                + ". Resume the run, or raise the limit");
    tell(request, submission.run, late);
    if (!cancels) {
      return new Ending(
          late.state(), late.detail(), Optional.of(submission.run.id()), List.of(), attempt);
    }
    cancelQuietly(submission.run);
    return ended(key, submission, late, attempt, true);
  }

  private void tell(FarmRequest request, FarmRun run, Status status) {
    events.tell(
        new RunEvent.DeviceState(
            request.device().toString(), run.id(), status.state().name(), status.detail()));
  }

  private Ending cancelled(String key, Submission submission, int attempt) {
    cancelQuietly(submission.run);
    Status status = new Status(State.CANCELLED, "cancelled");
    try {
      return ended(key, submission, status, attempt, false);
    } catch (JetFireException e) {
      LOG.warn(
          "Logs of the cancelled run {} could not be fetched: {}",
          submission.run.id(),
          e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return new Ending(
        status.state(), status.detail(), Optional.of(submission.run.id()), List.of(), attempt);
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

  private Ending ended(
      String key, Submission submission, Status status, int attempt, boolean queued)
      throws InterruptedException {
    FarmRun run = submission.run;
    List<Path> logs = fetch(run);
    ObjectNode done =
        Json.object()
            .put("key", submission.key)
            .put("id", run.id())
            .put("submitted", submission.since.toString())
            .put("state", status.state().name())
            .put("detail", status.detail());
    if (queued) {
      done.put("queued", true);
    }
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
    List<Artifact> artifacts = patience.exchange(run::artifacts, true);
    for (Artifact artifact : artifacts) {
      Path file = folder.resolve(RunDirectory.safe(artifact.name()));
      if (!Files.exists(file)) {
        patience.exchange(
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
}
