package io.jetfire.tflite.quantize;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * Splits heavy loops among the host's processors.
 *
 * <p>What is split must not depend on how it is split: results are the same on every host.
 */
final class Parallel {
  /** Every thread that executes models takes the memory of all activations again. */
  private static final int MOST_THREADS = 4;

  private Parallel() {}

  /** Does one share of the work. */
  interface Share {
    /**
     * Does the work of one share.
     *
     * @param share which, from 0
     * @param shares how many there are
     */
    void run(int share, int shares);
  }

  /**
   * Runs all shares and waits for them.
   *
   * @param most how many shares the work has at most
   */
  static void run(int most, Share work) {
    int shares = threads(most);
    if (shares == 1) {
      work.run(0, 1);
      return;
    }
    List<FutureTask<Boolean>> tasks = new ArrayList<>();
    for (int i = 1; i < shares; i++) {
      int share = i;
      Callable<Boolean> call =
          () -> {
            work.run(share, shares);
            return true;
          };
      FutureTask<Boolean> task = new FutureTask<>(call);
      tasks.add(task);
      Thread thread = new Thread(task, "jetfire-quantize-" + i);
      thread.setDaemon(true);
      thread.start();
    }
    try {
      work.run(0, shares);
    } finally {
      tasks.forEach(Parallel::await);
    }
  }

  /** How many threads work that splits into so many parts is given. */
  static int threads(int parts) {
    int processors = Runtime.getRuntime().availableProcessors();
    return Math.max(1, Math.min(parts, Math.min(MOST_THREADS, processors)));
  }

  private static void await(FutureTask<Boolean> task) {
    boolean interrupted = false;
    while (true) {
      try {
        task.get();
        break;
      } catch (InterruptedException e) {
        // The other share still writes into arrays that the caller goes on with.
        interrupted = true;
      } catch (ExecutionException e) {
        if (e.getCause() instanceof Error error) {
          throw error;
        }
        throw e.getCause() instanceof RuntimeException cause
            ? cause
            : new IllegalStateException(e.getCause());
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
