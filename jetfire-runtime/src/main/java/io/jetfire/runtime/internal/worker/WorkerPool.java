package io.jetfire.runtime.internal.worker;

import io.jetfire.JetFireException;
import io.jetfire.StorageException;
import io.jetfire.runtime.internal.engine.InterpreterSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The workers of a runtime: started when needed, used again for the next model, replaced when they
 * die. Thread-safe.
 *
 * <p>A worker that held a model goes back only after it closed it in good order; the few that wait
 * are ended with the pool.
 */
public final class WorkerPool implements AutoCloseable {
  private final WorkerLimits limits;
  private final int keptWorkers;
  private final Deque<WorkerProcess> idle = new ArrayDeque<>();
  private @Nullable Watchdog watchdog;
  private @Nullable WorkerLaunch launch;
  private @Nullable Path folder;
  private boolean closed;

  private WorkerPool(WorkerLimits limits, int keptWorkers) {
    this.limits = limits;
    this.keptWorkers = keptWorkers;
  }

  /** Creates a pool without workers that keeps at most one per processor. */
  public static WorkerPool create(WorkerLimits limits) {
    return new WorkerPool(limits, Runtime.getRuntime().availableProcessors());
  }

  /** Opens a model in a worker that may have held others before. */
  public WorkerSession open(Path file, InterpreterSettings settings) {
    WorkerProcess worker = idleWorker();
    return worker == null
        ? open(start(), file, settings, null, true)
        : open(worker, file, settings, this::start, true);
  }

  /** Opens a model in a worker of its own that ends with the session. */
  public WorkerSession openFresh(Path file, InterpreterSettings settings) {
    return open(start(), file, settings, null, false);
  }

  private WorkerSession open(
      WorkerProcess worker,
      Path file,
      InterpreterSettings settings,
      @Nullable Supplier<WorkerProcess> fresh,
      boolean reuse) {
    return new WorkerSession(worker, file, settings, fresh, w -> release(w, reuse));
  }

  private synchronized @Nullable WorkerProcess idleWorker() {
    checkOpen();
    while (!idle.isEmpty()) {
      WorkerProcess worker = idle.removeLast();
      if (worker.isUsable()) {
        return worker;
      }
      end(worker);
    }
    return null;
  }

  private WorkerProcess start() {
    WorkerLaunch how;
    Path where;
    Watchdog dog;
    synchronized (this) {
      checkOpen();
      if (folder == null) {
        try {
          folder = Files.createTempDirectory("jetfire-worker");
        } catch (IOException e) {
          throw new StorageException(
              "A worker process needs a temporary folder, which cannot be made: " + e + ".", e);
        }
      }
      where = folder;
      if (launch == null) {
        launch = WorkerLaunch.find(where);
      }
      how = launch;
      if (watchdog == null) {
        watchdog = new Watchdog();
      }
      dog = watchdog;
    }
    return WorkerProcess.start(how, where, limits, dog);
  }

  private void release(WorkerProcess worker, boolean reuse) {
    boolean sound = reuse && worker.isUsable();
    if (sound) {
      try {
        worker.call(Wire.CLOSE, out -> {}, in -> true);
      } catch (JetFireException | IllegalStateException e) {
        sound = false;
      }
    }
    synchronized (this) {
      if (sound && !closed && idle.size() < keptWorkers) {
        idle.addLast(worker);
        return;
      }
    }
    end(worker);
  }

  private void end(WorkerProcess worker) {
    Watchdog dog = watchdog;
    if (dog != null) {
      dog.forget(worker);
    }
    worker.close();
  }

  /** The most memory that a worker of this pool was seen to use; 0 if none was looked at. */
  public synchronized long peakResidentBytes() {
    return watchdog == null ? 0 : watchdog.peakResidentBytes();
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("The runtime is closed.");
    }
  }

  @Override
  public void close() {
    Path rubbish;
    synchronized (this) {
      closed = true;
      while (!idle.isEmpty()) {
        end(idle.removeLast());
      }
      if (watchdog != null) {
        watchdog.close();
      }
      rubbish = folder;
    }
    if (rubbish != null) {
      delete(rubbish);
    }
  }

  private static void delete(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Files.deleteIfExists(file);
      }
      Files.deleteIfExists(folder);
    } catch (IOException e) {
      // A temporary folder; the system clears it one day.
    }
  }
}
