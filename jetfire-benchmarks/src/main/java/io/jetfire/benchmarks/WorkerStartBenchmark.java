package io.jetfire.benchmarks;

import io.jetfire.Model;
import io.jetfire.spi.ModelRuntime;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** From {@code open} to a session that is ready, with a worker to start and with one that waits. */
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 1)
@Measurement(iterations = 3)
@State(Scope.Thread)
@SuppressWarnings("NullAway.Init") // JMH calls the set-up.
public class WorkerStartBenchmark {
  private Model model;
  private ModelRuntime fresh;
  private ModelRuntime warm;

  /** Writes the model. */
  @Setup(Level.Trial)
  public void write() {
    model = Model.of(BenchmarkModel.MICROSECONDS.write());
    warm = Runtimes.tflite();
    warm.open(model, ModelRuntime.Options.defaults()).close();
  }

  /** A runtime that has not started a worker yet. */
  @Setup(Level.Iteration)
  public void create() {
    fresh = Runtimes.tflite();
  }

  /** Ends its worker. */
  @TearDown(Level.Iteration)
  public void close() {
    fresh.close();
  }

  /** Ends the waiting worker. */
  @TearDown(Level.Trial)
  public void closeAll() {
    warm.close();
  }

  /** A worker waits already. */
  @Benchmark
  public List<?> idleWorker() {
    return open(warm);
  }

  /** A worker is started. */
  @Benchmark
  public List<?> newWorker() {
    return open(fresh);
  }

  private List<?> open(ModelRuntime runtime) {
    try (ModelRuntime.Session session = runtime.open(model, ModelRuntime.Options.defaults())) {
      return session.inputs();
    }
  }
}
