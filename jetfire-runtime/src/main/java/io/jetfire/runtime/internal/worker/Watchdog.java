package io.jetfire.runtime.internal.worker;

import io.jetfire.runtime.internal.ProcessMemory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Looks at all workers of a runtime every few milliseconds, and ends those that go too far.
 *
 * <p>Linux tells resident memory in /proc. macOS tells it through {@code ps}, which is looked at
 * less often, so that more can be used before it is noticed. On Windows a worker watches its own
 * committed memory, which a crashed or stuck JVM may fail to do; there the time limit remains.
 */
final class Watchdog implements AutoCloseable {
  private static final long LOOK_MILLIS = 10;
  private static final long SLOW_LOOK_MILLIS = 250;

  private final Set<WorkerProcess> workers = ConcurrentHashMap.newKeySet();
  private final Thread thread;
  private volatile long peakResidentBytes;
  private volatile boolean closed;

  Watchdog() {
    thread = new Thread(this::run, "jetfire-worker-watchdog");
    thread.setDaemon(true);
    thread.start();
  }

  /** Whether the host can see a worker's memory; else the worker has to look itself. */
  static boolean canSeeMemory() {
    return Files.exists(Path.of("/proc/self/status")) || isMac();
  }

  private static boolean isMac() {
    return System.getProperty("os.name", "").toLowerCase(Locale.ROOT).contains("mac");
  }

  void watch(WorkerProcess worker) {
    workers.add(worker);
  }

  long peakResidentBytes() {
    return peakResidentBytes;
  }

  void forget(WorkerProcess worker) {
    workers.remove(worker);
  }

  private void run() {
    boolean proc = Files.exists(Path.of("/proc/self/status"));
    ResidentMemory memory =
        proc
            ? pid -> ProcessMemory.of(pid).residentBytes()
            : isMac() ? Watchdog::residentByPs : pid -> -1;
    long pause = proc || !isMac() ? LOOK_MILLIS : SLOW_LOOK_MILLIS;
    try {
      while (!closed) {
        for (WorkerProcess worker : workers) {
          peakResidentBytes = Math.max(peakResidentBytes, worker.check(memory));
        }
        Thread.sleep(pause);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static long residentByPs(long pid) {
    try {
      Process ps =
          new ProcessBuilder("ps", "-o", "rss=", "-p", Long.toString(pid))
              .redirectErrorStream(true)
              .start();
      String text = new String(ps.getInputStream().readNBytes(100), StandardCharsets.UTF_8).trim();
      return text.matches("\\d{1,15}") ? Long.parseLong(text) * 1024 : -1;
    } catch (IOException e) {
      return -1;
    }
  }

  @Override
  public void close() {
    closed = true;
    thread.interrupt();
  }
}
