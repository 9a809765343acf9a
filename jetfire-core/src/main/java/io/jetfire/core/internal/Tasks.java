package io.jetfire.core.internal;

import io.jetfire.RunCancelledException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;

/** Work that is split among threads. */
public final class Tasks {
  private Tasks() {}

  /**
   * Executes tasks and waits for the end of all of them, also when one fails: nothing that they use
   * is in use afterwards. Tasks that no thread of the executor has taken are done by the caller, so
   * that an executor with few threads, of which the caller may occupy one, cannot block.
   *
   * @param executor threads that help
   * @param tasks not started yet
   * @param <T> what tasks give
   * @return what the tasks gave, in order
   * @throws RunCancelledException if the calling thread was interrupted
   */
  public static <T> List<T> all(ExecutorService executor, List<FutureTask<T>> tasks) {
    try {
      tasks.stream().skip(1).forEach(executor::execute);
    } catch (RejectedExecutionException e) {
      // The executor is shut down or full: the caller does the rest.
    }
    // A task that another thread has taken is not executed again by this.
    tasks.forEach(FutureTask::run);
    List<T> results = new ArrayList<>();
    Throwable failure = null;
    boolean interrupted = false;
    for (FutureTask<T> task : tasks) {
      while (true) {
        try {
          results.add(task.get());
          break;
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          if (failure == null) {
            failure = e.getCause();
          }
          break;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
      throw new RunCancelledException("Interrupted while waiting for work to end", failure);
    }
    if (failure instanceof Error error) {
      throw error;
    }
    if (failure instanceof RuntimeException known) {
      throw known;
    }
    if (failure != null) {
      throw new IllegalStateException(failure);
    }
    return results;
  }
}
