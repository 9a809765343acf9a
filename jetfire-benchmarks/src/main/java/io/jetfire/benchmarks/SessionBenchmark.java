package io.jetfire.benchmarks;

import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ModelRuntime.Isolation;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** One sample: inputs in, the model, outputs out, against the native call alone. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 2, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
public class SessionBenchmark {

  /** The model without JetFire. */
  @State(Scope.Thread)
  @SuppressWarnings("NullAway.Init") // JMH calls the set-up.
  public static class Bare {
    /** Which model. */
    @Param({"MICROSECONDS", "MILLISECONDS"})
    public BenchmarkModel model;

    private BareInterpreter interpreter;

    /** Opens the model. */
    @Setup
    public void open() {
      interpreter = new BareInterpreter(model.write(), model.input());
    }

    /** Closes it. */
    @TearDown
    public void close() {
      interpreter.close();
    }

    int invoke() {
      return interpreter.invoke();
    }
  }

  /** A session of the runtime. */
  @SuppressWarnings("NullAway.Init") // JMH calls the set-up.
  abstract static class Opened {
    private ModelRuntime runtime;
    private ModelRuntime.Session session;
    private List<Tensor> inputs;

    void open(BenchmarkModel model, Isolation isolation) {
      Path file = model.write();
      runtime = Runtimes.tflite();
      session = runtime.open(Model.of(file), ModelRuntime.Options.defaults().isolation(isolation));
      inputs = List.of(Tensor.ofFloats(model.input(), model.shape()));
    }

    List<Tensor> run() {
      return session.run(inputs);
    }

    /** Closes session and runtime. */
    @TearDown
    public void close() {
      session.close();
      runtime.close();
    }
  }

  /** In this process. */
  @State(Scope.Thread)
  @SuppressWarnings("NullAway.Init") // JMH fills the parameter.
  public static class InProcess extends Opened {
    /** Which model. */
    @Param({"MICROSECONDS", "MILLISECONDS"})
    public BenchmarkModel model;

    /** Opens the model. */
    @Setup
    public void open() {
      open(model, Isolation.IN_PROCESS);
    }
  }

  /** In a worker process. */
  @State(Scope.Thread)
  @SuppressWarnings("NullAway.Init") // JMH fills the parameter.
  public static class Worker extends Opened {
    /** Which model. */
    @Param({"MICROSECONDS", "MILLISECONDS"})
    public BenchmarkModel model;

    /** Opens the model. */
    @Setup
    public void open() {
      open(model, Isolation.WORKER);
    }
  }

  /** The base. */
  @Benchmark
  public int bare(Bare state) {
    return state.invoke();
  }

  /** A session in this process. */
  @Benchmark
  public List<Tensor> inProcess(InProcess state) {
    return state.run();
  }

  /** A session in a worker process. */
  @Benchmark
  public List<Tensor> worker(Worker state) {
    return state.run();
  }
}
