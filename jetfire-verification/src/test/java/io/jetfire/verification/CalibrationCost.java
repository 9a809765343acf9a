package io.jetfire.verification;

import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Recipe;
import io.jetfire.Sample;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.tflite.format.TfliteReader;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.quantize.Quantizer;
import io.jetfire.tflite.transform.LayoutOptions;
import io.jetfire.tflite.transform.Optimizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Calibrates in a JVM of its own and executes the same samples bare, for {@code
 * ConversionCostTest}.
 *
 * <p>Arguments: float model, file of samples, their number, side of the image.
 */
final class CalibrationCost {
  private static final int ROUNDS = 5;

  /** As many as calibration starts. */
  private static final int MOST_THREADS = 4;

  private static final String[] RANGES_ALONE = {
    "range-search",
    "softmax-range",
    "equalization",
    "error-feedback",
    "regression",
    "bias-correction",
    "merge-layers"
  };

  private CalibrationCost() {}

  public static void main(String[] args) throws Exception {
    Path model = Path.of(args[0]);
    int side = Integer.parseInt(args[3]);
    ConverterBackend.Calibration calibration =
        ConversionCost.calibration(Path.of(args[1]), Integer.parseInt(args[2]), side);
    Bench bench = new Bench(Files.createTempDirectory("calibration"));
    int threads = Math.min(MOST_THREADS, Runtime.getRuntime().availableProcessors());
    Cost[] builtin = new Cost[ROUNDS];
    Cost[] xnnpack = new Cost[ROUNDS];
    Cost[] calibrated = new Cost[ROUNDS];
    // Interleaved, so that what else the host does meets all of them; the first round warms up.
    for (int round = -1; round < ROUNDS; round++) {
      Cost b = bare(bench, model, calibration, Delegate.CPU, threads);
      Cost x = bare(bench, model, calibration, Delegate.XNNPACK, threads);
      // As many samples as threads are left out on both sides, with all that depends on no sample.
      Cost all = quantize(bench, model, calibration, calibration.samples());
      Cost c = all.minus(quantize(bench, model, calibration, threads));
      if (round >= 0) {
        builtin[round] = b;
        xnnpack[round] = x;
        calibrated[round] = c;
      }
    }
    print("the runtime's own kernels", threads, calibrated, builtin);
    print("XNNPACK", threads, calibrated, xnnpack);
  }

  private static void print(String kernels, int threads, Cost[] calibrated, Cost[] bare) {
    double[] wall = new double[ROUNDS];
    double[] processor = new double[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
      wall[i] = calibrated[i].seconds() / bare[i].seconds();
      processor[i] = calibrated[i].processorSeconds() / bare[i].processorSeconds();
    }
    System.out.printf(
        Locale.ROOT,
        "calibration against execution on %s, %d threads each: ratio of time %s,"
            + " of processor time %s; last round %.2f s against %.2f s%n",
        kernels,
        threads,
        range(wall),
        range(processor),
        calibrated[ROUNDS - 1].seconds(),
        bare[ROUNDS - 1].seconds());
  }

  private static String range(double[] values) {
    Arrays.sort(values);
    return String.format(
        Locale.ROOT, "%.2f (%.2f to %.2f)", values[ROUNDS / 2], values[0], values[ROUNDS - 1]);
  }

  /** What something took, by the clock and on all processors together. */
  private record Cost(double seconds, double processorSeconds) {
    static Cost now() {
      return new Cost(
          System.nanoTime() / 1e9,
          ProcessHandle.current().info().totalCpuDuration().orElseThrow().toNanos() / 1e9);
    }

    Cost minus(Cost other) {
      return new Cost(seconds - other.seconds, processorSeconds - other.processorSeconds);
    }
  }

  private static Cost bare(
      Bench bench,
      Path model,
      ConverterBackend.Calibration calibration,
      Delegate delegate,
      int threads)
      throws InterruptedException {
    ModelRuntime.Options options =
        ModelRuntime.Options.defaults()
            .delegate(delegate)
            .isolation(ModelRuntime.Isolation.IN_PROCESS);
    List<ModelRuntime.Session> sessions = new ArrayList<>();
    try (Stream<Sample> samples = calibration.dataset().samples()) {
      Iterator<Sample> all = samples.iterator();
      for (int t = 0; t < threads; t++) {
        sessions.add(bench.runtime().open(Model.of(model, "tflite"), options));
        sessions.get(t).run(List.of(all.next().input()));
      }
      Cost start = Cost.now();
      List<Thread> others = new ArrayList<>();
      for (int t = 1; t < threads; t++) {
        ModelRuntime.Session session = sessions.get(t);
        others.add(new Thread(() -> execute(session, all)));
      }
      others.forEach(Thread::start);
      execute(sessions.get(0), all);
      for (Thread other : others) {
        other.join();
      }
      return Cost.now().minus(start);
    } finally {
      sessions.forEach(ModelRuntime.Session::close);
    }
  }

  private static void execute(ModelRuntime.Session session, Iterator<Sample> samples) {
    while (true) {
      Sample sample;
      synchronized (samples) {
        if (!samples.hasNext()) {
          return;
        }
        sample = samples.next();
      }
      session.run(List.of(sample.input()));
    }
  }

  private static Cost quantize(
      Bench bench, Path model, ConverterBackend.Calibration calibration, int samples) {
    Recipe.Builder recipe = Recipe.builder(Recipe.Precision.FULL_INTEGER).name("measured");
    for (String method : RANGES_ALONE) {
      recipe.without(method);
    }
    Graph graph = Optimizer.standard(LayoutOptions.keep()).run(TfliteReader.read(model));
    Cost start = Cost.now();
    Quantizer.quantize(
        graph,
        recipe.build(),
        Optional.of(
            new ConverterBackend.Calibration(
                calibration.dataset(), calibration.preprocessing(), samples)),
        bench.options("2.21.0", false));
    return Cost.now().minus(start);
  }
}
