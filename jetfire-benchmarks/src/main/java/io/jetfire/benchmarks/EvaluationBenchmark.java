package io.jetfire.benchmarks;

import io.jetfire.Dataset;
import io.jetfire.Delegate;
import io.jetfire.Evaluation;
import io.jetfire.EvaluationResult;
import io.jetfire.JetFire;
import io.jetfire.Model;
import io.jetfire.OutputDecoder;
import io.jetfire.Prediction;
import io.jetfire.Preprocessing;
import io.jetfire.Sample;
import io.jetfire.Target;
import io.jetfire.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A whole evaluation as a user calls it (workers, preprocessing, decoding, metrics), against as
 * many bare loops side by side as it has sessions.
 */
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 1)
@Measurement(iterations = 3)
@State(Scope.Thread)
@SuppressWarnings("NullAway.Init") // JMH calls the set-up.
public class EvaluationBenchmark {
  private static final int SAMPLES = 400;

  /** The model has no classes; its first two numbers serve as such. */
  private static final OutputDecoder FIRST_TWO =
      OutputDecoder.function(
          "first two",
          outputs -> {
            float[] values = outputs.get(0).toFloatArray();
            return new Prediction.Scores(List.of(values[0], values[1]));
          });

  private final int sessions = Math.min(4, Runtime.getRuntime().availableProcessors());
  private final List<BareInterpreter> bare = new ArrayList<>();
  private ExecutorService threads;
  private Model model;
  private JetFire jetfire;
  private Evaluation evaluation;

  /** Makes model, dataset and both sides. */
  @Setup
  public void create() throws IOException {
    BenchmarkModel kind = BenchmarkModel.MILLISECONDS;
    model = Model.of(kind.write());
    List<Sample> samples = new ArrayList<>();
    Tensor input = Tensor.ofFloats(kind.input(), kind.shape());
    for (int i = 0; i < SAMPLES; i++) {
      samples.add(Sample.of("s" + i, input, Target.label(i % 2)));
    }
    evaluation =
        Evaluation.classification(Dataset.of("benchmark", List.of("even", "odd"), samples))
            .delegates(Delegate.XNNPACK)
            .build();
    jetfire =
        JetFire.builder().workDirectory(Files.createTempDirectory("jetfire-benchmark")).build();
    threads = Executors.newFixedThreadPool(sessions);
    for (int i = 0; i < sessions; i++) {
      bare.add(new BareInterpreter(model.path(), kind.input()));
    }
  }

  /** Closes both. */
  @TearDown
  public void close() {
    jetfire.close();
    threads.shutdown();
    bare.forEach(BareInterpreter::close);
  }

  /** The base: as many native calls as there are samples. */
  @Benchmark
  public int bareLoops() throws InterruptedException, ExecutionException {
    List<Future<Integer>> parts = new ArrayList<>();
    for (BareInterpreter interpreter : bare) {
      parts.add(
          threads.submit(
              () -> {
                int status = 0;
                for (int i = 0; i < SAMPLES / sessions; i++) {
                  status |= interpreter.invoke();
                }
                return status;
              }));
    }
    int status = 0;
    for (Future<Integer> part : parts) {
      status |= part.get();
    }
    return status;
  }

  /** JetFire's evaluation, opening its sessions anew. */
  @Benchmark
  public Map<Delegate, EvaluationResult> evaluate() {
    return jetfire.evaluate(model, Preprocessing.none(), FIRST_TWO, evaluation);
  }
}
