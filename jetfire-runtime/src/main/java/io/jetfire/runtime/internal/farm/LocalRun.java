package io.jetfire.runtime.internal.farm;

import io.jetfire.runtime.internal.TfliteSession;
import io.jetfire.spi.DeviceFarm.Artifact;
import io.jetfire.spi.DeviceFarm.Cell;
import io.jetfire.spi.DeviceFarm.FarmRequest;
import io.jetfire.spi.DeviceFarm.FarmRun;
import io.jetfire.spi.DeviceFarm.State;
import io.jetfire.spi.DeviceFarm.Status;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A run that this client measures. */
final class LocalRun implements FarmRun {
  private static final Logger LOG = LoggerFactory.getLogger(LocalRun.class);

  /** How often the wish of another client to cancel is looked for. */
  private static final long LOOK_NANOS = 100_000_000;

  private final String id;
  private final FarmRequest request;
  private final RunFiles files;
  private final Function<Cell, TfliteSession> opener;
  private final Duration leastWarmup;
  private final Duration leastMeasured;

  private Status status = new Status(State.QUEUED, "");

  /** Why the run stops early, once it does. */
  private @Nullable Status stop;

  private @Nullable TfliteSession current;
  private long deadlineNanos;
  private long lookedNanos;

  private LocalRun(
      String id,
      FarmRequest request,
      RunFiles files,
      Function<Cell, TfliteSession> opener,
      Duration leastWarmup,
      Duration leastMeasured) {
    this.id = id;
    this.request = request;
    this.files = files;
    this.opener = opener;
    this.leastWarmup = leastWarmup;
    this.leastMeasured = leastMeasured;
  }

  static LocalRun create(
      String id,
      FarmRequest request,
      RunFiles files,
      Function<Cell, TfliteSession> opener,
      Duration leastWarmup,
      Duration leastMeasured) {
    LocalRun run = new LocalRun(id, request, files, opener, leastWarmup, leastMeasured);
    files.create(request.key(), run.status);
    return run;
  }

  @Override
  public String id() {
    return id;
  }

  @Override
  public synchronized Status status() {
    return status;
  }

  @Override
  public void cancel() {
    stop(new Status(State.CANCELLED, "cancelled"));
  }

  /** The client goes away. */
  void abandon() {
    stop(new Status(State.FARM_FAILED, "the client that measured was closed"));
  }

  private void stop(Status why) {
    TfliteSession running;
    synchronized (this) {
      if (status.state().ended() || stop != null) {
        return;
      }
      stop = why;
      running = current;
      if (status.state() == State.QUEUED) {
        move(why);
      }
    }
    if (running != null) {
      running.abort();
    }
  }

  private synchronized void move(Status next) {
    if (!status.state().ended()) {
      status = next;
      files.status(next);
    }
  }

  /** Measures everything; the farm's thread. */
  void execute() {
    synchronized (this) {
      if (status.state().ended()) {
        return;
      }
      move(new Status(State.RUNNING, ""));
    }
    deadlineNanos = System.nanoTime() + request.timeLimit().toNanos();
    Status last = new Status(State.FINISHED, "");
    try (BufferedWriter log = Files.newBufferedWriter(files.log(), StandardCharsets.UTF_8)) {
      measure(log);
    } catch (Bench.Stopped e) {
      last = stopped();
    } catch (IOException | UncheckedIOException e) {
      last = new Status(State.FARM_FAILED, "the log cannot be written: " + e);
    } catch (RuntimeException | Error e) {
      LOG.warn("The local run {} failed", id, e);
      last = new Status(State.FARM_FAILED, e.toString());
    }
    try {
      move(last);
    } catch (RuntimeException e) {
      LOG.warn("The end of the local run {} cannot be recorded", id, e);
    }
  }

  private synchronized Status stopped() {
    return stop == null ? new Status(State.FARM_FAILED, "stopped for no reason") : stop;
  }

  private void measure(BufferedWriter log) throws IOException {
    Bench bench =
        new Bench(request.workload(), this::open, leastWarmup, leastMeasured, this::check);
    List<Turn> turns = order();
    int done = 0;
    for (Turn turn : turns) {
      move(new Status(State.RUNNING, done + " of " + turns.size() + " measurements done"));
      bench.measure(turn.cell(), turn.session(), line -> write(log, line));
      log.flush();
      done++;
      check();
    }
  }

  private static void write(BufferedWriter log, String line) {
    try {
      log.write(line);
      log.write('\n');
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private TfliteSession open(Cell cell) {
    TfliteSession session = opener.apply(cell);
    synchronized (this) {
      current = session;
      if (stop != null) {
        session.close();
        throw new Bench.Stopped();
      }
    }
    return session;
  }

  private record Turn(Cell cell, int session) {}

  /** All cells once and then again, or each cell to its end. */
  private List<Turn> order() {
    List<Turn> turns = new ArrayList<>();
    List<Cell> cells = request.cells();
    for (int i = 0; i < cells.size() * request.sessions(); i++) {
      turns.add(
          request.interleaved()
              ? new Turn(cells.get(i % cells.size()), i / cells.size())
              : new Turn(cells.get(i / request.sessions()), i % request.sessions()));
    }
    return turns;
  }

  private void check() {
    long now = System.nanoTime();
    if (now - deadlineNanos >= 0) {
      stop(new Status(State.TIMED_OUT, "stopped after the limit of " + request.timeLimit()));
    }
    if (now - lookedNanos > LOOK_NANOS) {
      lookedNanos = now;
      if (files.cancelRequested()) {
        cancel();
      }
    }
    synchronized (this) {
      if (stop != null) {
        throw new Bench.Stopped();
      }
    }
  }

  @Override
  public List<Artifact> artifacts() {
    return Downloads.list(files);
  }

  @Override
  public void download(Artifact artifact, Path target) {
    Downloads.copy(id, files, artifact, target);
  }
}
