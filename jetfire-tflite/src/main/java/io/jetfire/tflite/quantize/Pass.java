package io.jetfire.tflite.quantize;

import io.jetfire.RunCancelledException;
import io.jetfire.Tensor;
import io.jetfire.tflite.graph.Graph;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Executes a graph once per sample, on as many threads as the host has processors.
 *
 * <p>Whatever the number of threads, results come out the same: what was found in one sample is put
 * to what was found before in the order of the samples.
 */
final class Pass {
  private final int samples;

  /** The sample whose turn it is, per slot. */
  private final int[] turns;

  private int started;
  private int failedSample = Integer.MAX_VALUE;
  private @Nullable Throwable failure;

  /** Looks at samples; one for each thread. */
  interface Viewer {
    /**
     * Looks at an executed sample.
     *
     * @param sample its number
     * @param inputs what went in
     * @param running what comes out
     * @param order puts threads in the order of samples
     */
    void view(int sample, List<Tensor> inputs, GraphRunner.Running running, Order order);
  }

  /** Makes the viewer of a thread. */
  interface Viewers {
    Viewer viewer();
  }

  /** The order of samples. */
  interface Order {
    /**
     * Does something after it was done for all samples before.
     *
     * @param slot what the order is kept for; every sample must come to every slot once
     * @param sample the sample's number
     */
    void inTurn(int slot, int sample, Runnable work);
  }

  /** What is executed. Thread-safe. */
  interface Inputs {
    int size();

    /** One tensor per input of the graph. */
    List<Tensor> get(int sample);
  }

  private Pass(int samples, int slots) {
    this.samples = samples;
    this.turns = new int[slots];
  }

  /**
   * Executes.
   *
   * @param graph takes the samples
   * @param slots how many things are kept in order
   */
  static void run(Graph graph, GraphRunner runner, Inputs samples, int slots, Viewers viewers) {
    Pass pass = new Pass(samples.size(), slots);
    int threads = Parallel.threads(samples.size());
    try (GraphRunner.Prepared prepared = runner.prepare(graph)) {
      List<Thread> others = new ArrayList<>();
      for (int t = 1; t < threads; t++) {
        Thread thread =
            new Thread(() -> pass.work(prepared, samples, viewers), "jetfire-calibration-" + t);
        thread.setDaemon(true);
        thread.start();
        others.add(thread);
      }
      pass.work(prepared, samples, viewers);
      others.forEach(pass::join);
    }
    pass.check();
  }

  private void join(Thread thread) {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
        // Sessions may be closed only when nobody is in them any more.
        interrupted();
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void work(GraphRunner.Prepared prepared, Inputs samples, Viewers viewers) {
    int sample = -1;
    try (GraphRunner.Running running = prepared.open()) {
      Viewer viewer = viewers.viewer();
      for (sample = next(); sample < this.samples; sample = next()) {
        List<Tensor> inputs = samples.get(sample);
        running.run(inputs);
        viewer.view(sample, inputs, running, this::inTurn);
      }
    } catch (Stopped e) {
      // The failure of another thread is the one that is reported.
    } catch (RuntimeException | Error e) {
      fail(sample, e);
    }
  }

  private synchronized int next() {
    return failure == null ? started++ : samples;
  }

  private void inTurn(int slot, int sample, Runnable work) {
    await(slot, sample);
    work.run();
    advance(slot);
  }

  private synchronized void await(int slot, int sample) {
    boolean interrupted = false;
    while (turns[slot] != sample && failure == null) {
      try {
        wait();
      } catch (InterruptedException e) {
        interrupted = true;
        interrupted();
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (failure != null) {
      throw new Stopped();
    }
  }

  private synchronized void advance(int slot) {
    turns[slot]++;
    notifyAll();
  }

  private void interrupted() {
    fail(
        -1, new RunCancelledException("The calibration was cancelled: its thread was interrupted"));
  }

  /** The first sample's failure is the one that a single thread would have met. */
  private synchronized void fail(int sample, Throwable e) {
    if (failure == null || sample < failedSample) {
      failure = e;
      failedSample = sample;
    }
    notifyAll();
  }

  private synchronized void check() {
    if (failure instanceof RuntimeException e) {
      throw e;
    }
    if (failure instanceof Error e) {
      throw e;
    }
  }

  /** Ends a thread because another one failed. */
  private static final class Stopped extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Stopped() {
      super(null, null, false, false);
    }
  }
}
