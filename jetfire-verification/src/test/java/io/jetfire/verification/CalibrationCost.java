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
  private static final String[] RANGES_ALONE = {
    "range-search",
    "softmax-range",
    "equalization",
    "error-feedback",
    "regression",
    "bias-correction"
  };

  private CalibrationCost() {}

  public static void main(String[] args) throws Exception {
    Path model = Path.of(args[0]);
    int side = Integer.parseInt(args[3]);
    ConverterBackend.Calibration calibration =
        ConversionCost.calibration(Path.of(args[1]), Integer.parseInt(args[2]), side);
    Bench bench = new Bench(Files.createTempDirectory("calibration"));
    double builtin = Double.MAX_VALUE;
    double xnnpack = Double.MAX_VALUE;
    double whole = Double.MAX_VALUE;
    double weights = Double.MAX_VALUE;
    for (int round = 0; round < 3; round++) {
      builtin = Math.min(builtin, bare(bench, model, calibration, Delegate.CPU));
      xnnpack = Math.min(xnnpack, bare(bench, model, calibration, Delegate.XNNPACK));
      whole = Math.min(whole, quantize(bench, model, calibration, calibration.samples()));
      weights = Math.min(weights, quantize(bench, model, calibration, 1));
    }
    // The first sample is left out on both sides, with all that does not depend on samples.
    double calibrated = whole - weights;
    System.out.printf(
        Locale.ROOT,
        "calibration %.2f s; bare on builtin kernels %.2f s, ratio %.2f;"
            + " bare on XNNPACK %.2f s, ratio %.2f%n",
        calibrated,
        builtin,
        calibrated / builtin,
        xnnpack,
        calibrated / xnnpack);
  }

  private static double bare(
      Bench bench, Path model, ConverterBackend.Calibration calibration, Delegate delegate) {
    ModelRuntime.Options options =
        ModelRuntime.Options.defaults()
            .delegate(delegate)
            .isolation(ModelRuntime.Isolation.IN_PROCESS);
    try (ModelRuntime.Session session = bench.runtime().open(Model.of(model, "tflite"), options);
        Stream<Sample> samples = calibration.dataset().samples()) {
      Iterator<Sample> all = samples.iterator();
      session.run(List.of(all.next().input()));
      long start = System.nanoTime();
      all.forEachRemaining(sample -> session.run(List.of(sample.input())));
      return (System.nanoTime() - start) / 1e9;
    }
  }

  private static double quantize(
      Bench bench, Path model, ConverterBackend.Calibration calibration, int samples) {
    Recipe.Builder recipe = Recipe.builder(Recipe.Precision.FULL_INTEGER).name("measured");
    for (String method : RANGES_ALONE) {
      recipe.without(method);
    }
    Graph graph = Optimizer.standard(LayoutOptions.keep()).run(TfliteReader.read(model));
    long start = System.nanoTime();
    Quantizer.quantize(
        graph,
        recipe.build(),
        Optional.of(
            new ConverterBackend.Calibration(
                calibration.dataset(), calibration.preprocessing(), samples)),
        bench.options("2.21.0", false));
    return (System.nanoTime() - start) / 1e9;
  }
}
