package io.jetfire.core.internal.run;

import io.jetfire.JetFireException;
import io.jetfire.Report;
import io.jetfire.RunCancelledException;
import io.jetfire.RunHandle;
import io.jetfire.RunId;
import io.jetfire.RunState;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;

/** The handle of a run on the client's executor. */
final class DefaultRunHandle implements RunHandle {
  private final RunId id;
  private final AtomicBoolean cancelled;
  private final CompletableFuture<Report> report;

  DefaultRunHandle(RunId id, AtomicBoolean cancelled, CompletableFuture<Report> report) {
    this.id = id;
    this.cancelled = cancelled;
    this.report = report;
  }

  @Override
  public RunId id() {
    return id;
  }

  @Override
  public RunState state() {
    if (!report.isDone()) {
      return RunState.RUNNING;
    }
    return report.isCompletedExceptionally() ? RunState.FAILED : report.join().state();
  }

  @Override
  public void cancel() {
    cancelled.set(true);
  }

  @Override
  public Report await() {
    try {
      return report.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new RunCancelledException(
          "Interrupted while waiting for the run " + id + ", which goes on", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof JetFireException known) {
        throw known;
      }
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      throw new IllegalStateException(
          "The run " + id + " failed in a way that it should not; please report this",
          e.getCause());
    }
  }

  @Override
  public String toString() {
    return "RunHandle[" + id + ", " + state() + "]";
  }
}
