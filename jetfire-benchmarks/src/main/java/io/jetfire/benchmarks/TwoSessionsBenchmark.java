package io.jetfire.benchmarks;

import io.jetfire.Tensor;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Two samples at a time, each thread with a session of its own: time per sample and thread, so that
 * the ratio of times is the inverse of that of throughputs.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 2, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Threads(2)
public class TwoSessionsBenchmark {

  /** Two bare loops. */
  @Benchmark
  public int bare(SessionBenchmark.Bare state) {
    return state.invoke();
  }

  /** Two sessions in this process. */
  @Benchmark
  public List<Tensor> inProcess(SessionBenchmark.InProcess state) {
    return state.run();
  }

  /** Two sessions in two worker processes. */
  @Benchmark
  public List<Tensor> workers(SessionBenchmark.Worker state) {
    return state.run();
  }
}
