package io.jetfire.tflite.quantize;

import io.jetfire.Advice;
import io.jetfire.ConfigurationException;
import io.jetfire.Explanation;
import io.jetfire.LayerError;
import io.jetfire.Recipe;
import io.jetfire.Recipe.Precision;
import io.jetfire.RunCancelledException;
import io.jetfire.spi.Cancellation;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.tflite.format.TargetRuntime;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;

/**
 * Searches recipes for the smallest model that is accurate enough.
 *
 * <pre>{@code
 * Advice advice = Advisor.advise(
 *     graph, calibration, options, quantized -> accuracyOf(quantized), 0.9,
 *     "accuracy", Duration.ofMinutes(5), trial -> {});
 * }</pre>
 *
 * <p>First the plain recipes are tried; then, from full integer on, the worst suspect of each step
 * gets a higher precision, or the layers that lose most where nothing is suspicious, until the
 * budget is met.
 */
public final class Advisor {
  private static final int MOST_FALLBACKS = 6;

  private final Graph graph;
  private final ConverterBackend.Calibration calibration;
  private final QuantizeOptions options;
  private final ToDoubleFunction<Graph> accuracy;
  private final Consumer<Advice.Trial> progress;
  private final long deadline;
  private final String measure;
  private final List<Advice.Trial> trials = new ArrayList<>();

  private Advisor(
      Graph graph,
      ConverterBackend.Calibration calibration,
      QuantizeOptions options,
      ToDoubleFunction<Graph> accuracy,
      String measure,
      Duration limit,
      Consumer<Advice.Trial> progress) {
    this.graph = graph;
    this.calibration = calibration;
    this.accuracy = accuracy;
    this.measure = measure;
    this.progress = progress;
    this.deadline = System.nanoTime() + limit.toNanos();
    Cancellation asked = options.cancellation();
    this.options =
        options.cancellation(() -> asked.isRequested() || System.nanoTime() - deadline > 0);
  }

  /**
   * Searches.
   *
   * @param graph the float graph
   * @param calibration the representative dataset
   * @param options target, runtime, cancellation; a cancellation ends the search with what it has
   * @param accuracy measures a quantized graph on evaluation data, such as its top-1 accuracy or
   *     its signal to noise in dB; larger is better
   * @param budget the least accuracy that is acceptable
   * @param measure what accuracy is, for the reader
   * @param limit after which the search ends with what it has
   * @param progress told of every trial, in order
   * @return what was tried; the Pareto front and the smallest model within the budget
   */
  public static Advice advise(
      Graph graph,
      ConverterBackend.Calibration calibration,
      QuantizeOptions options,
      ToDoubleFunction<Graph> accuracy,
      double budget,
      String measure,
      Duration limit,
      Consumer<Advice.Trial> progress) {
    return new Advisor(graph, calibration, options, accuracy, measure, limit, progress).run(budget);
  }

  /**
   * Returns the measure of accuracy that needs no labels: the signal to noise in dB of what the
   * quantized graph gives, with what the float graph gives as the signal; where an output is a
   * softmax or a logistic, of what goes into it. Averaged over samples, whichever signature they
   * are for.
   *
   * <pre>{@code
   * Advice advice = Advisor.advise(
   *     graph, calibration, options, Advisor.signalToNoise(graph, evaluation, options), 30,
   *     "SQNR dB", Duration.ofMinutes(5), trial -> {});
   * }</pre>
   *
   * @param graph the float graph
   * @param evaluation samples that were not calibrated with
   * @param options the host's runtime, folder and cancellation
   * @return a measure for {@link #advise}; larger is better
   */
  public static ToDoubleFunction<Graph> signalToNoise(
      Graph graph, ConverterBackend.Calibration evaluation, QuantizeOptions options) {
    ModelRuntime runtime =
        options
            .runtime()
            .orElseThrow(
                () ->
                    new ConfigurationException(
                        "Comparing models executes them on this host, but no runtime was given;"
                            + " add the artifact jetfire-runtime"));
    return quantized -> {
      Path folder = Quantizer.temporaryFolder(options);
      try {
        return signalToNoise(
            graph, quantized, evaluation, new GraphRunner(runtime, folder, options));
      } finally {
        Quantizer.delete(folder);
      }
    };
  }

  private static double signalToNoise(
      Graph graph, Graph quantized, ConverterBackend.Calibration evaluation, GraphRunner runner) {
    List<EntryPoint> entries = EntryPoint.of(graph);
    SampleRouter router = new SampleRouter(graph, entries, evaluation);
    double sum = 0;
    int count = 0;
    for (EntryPoint e : entries) {
      Optional<ConverterBackend.Calibration> own = router.calibration(e);
      if (own.isPresent()) {
        try (SampleStore samples = SampleStore.load(own.get(), e.specs(graph), runner.folder())) {
          sum +=
              samples.size()
                  * Quantizer.sqnr(e.asMain(graph), e.asMain(quantized), runner, samples);
          count += samples.size();
        }
      }
    }
    if (count == 0) {
      throw SampleStore.empty(evaluation);
    }
    return sum / count;
  }

  private Advice run(double budget) {
    boolean complete;
    try {
      search(budget);
      complete = true;
    } catch (RunCancelledException e) {
      // Out of time, or no longer wanted: what was tried so far is still worth knowing.
      complete = false;
    }
    return new Advice(measure, budget, trials, complete);
  }

  private void search(double budget) {
    for (Recipe recipe :
        List.of(Recipe.dynamicRange(), Recipe.float16(), Recipe.int16x8(), Recipe.weightOnly())) {
      trial(recipe);
    }
    Recipe recipe = Recipe.fullInteger();
    for (int step = 0; step <= MOST_FALLBACKS; step++) {
      QuantizedGraph quantized = trial(recipe);
      if (trials.get(trials.size() - 1).accuracy() >= budget || step == MOST_FALLBACKS) {
        return;
      }
      Optional<Recipe> better =
          better(recipe, Explainer.explain(quantized, recipe, calibration, options), step);
      if (better.isEmpty()) {
        return;
      }
      recipe = better.get().toBuilder().name("full-integer-mixed-" + (step + 1)).build();
    }
  }

  /**
   * More precision for the worst suspect; where nothing is suspicious, for the layers that lose
   * most by themselves, twice as many in every step.
   */
  private static Optional<Recipe> better(Recipe recipe, Explanation why, int step) {
    if (!why.suspects().isEmpty()) {
      return Optional.of(why.suspects().get(0).recipe());
    }
    List<LayerError> worst =
        why.layers().stream()
            .filter(l -> !l.type().equals(ElementType.FLOAT32.name()))
            .filter(
                l ->
                    recipe.rules().stream()
                        .noneMatch(r -> r.selector().equals(Explainer.selector(l))))
            .sorted(Comparator.comparingDouble(LayerError::isolatedSqnrDb))
            .limit(1L << step)
            .toList();
    if (worst.isEmpty()) {
      return Optional.empty();
    }
    Recipe.Builder builder = recipe.toBuilder();
    worst.forEach(l -> builder.rule(Explainer.selector(l), Precision.INT16X8));
    return Optional.of(builder.build());
  }

  private QuantizedGraph trial(Recipe recipe) {
    options.cancellation().check();
    QuantizedGraph quantized =
        Quantizer.quantize(
            graph,
            recipe,
            recipe.precision() == Precision.FLOAT16 ? Optional.empty() : Optional.of(calibration),
            options);
    long size =
        TfliteWriter.toBytes(
                quantized.graph(), WriteOptions.target(TargetRuntime.of(options.targetRuntime())))
            .length;
    double measured = accuracy.applyAsDouble(quantized.graph());
    options.cancellation().check();
    Advice.Trial trial = new Advice.Trial(recipe, size, cost(quantized.graph()), measured);
    trials.add(trial);
    progress.accept(trial);
    return quantized;
  }

  /**
   * Multiplications of all layers of all signatures, weighted by how slow their arithmetic is on a
   * phone's CPU.
   */
  private static double cost(Graph graph) {
    double sum = 0;
    for (Op op : EntryPoint.of(graph).stream().flatMap(e -> e.in(graph).ops().stream()).toList()) {
      if (OperatorRules.hasWindows(op.kind())) {
        sum += NoisyLayers.multiplications(op) * weight(op);
      }
    }
    return sum;
  }

  private static double weight(Op op) {
    ElementType activations = op.input(0).type();
    if (activations == ElementType.INT8) {
      return 1;
    }
    // 16-bit activations run on reference kernels; hybrid layers quantize their input first.
    return activations == ElementType.INT16 ? 6 : op.input(1).type() == ElementType.INT8 ? 1.5 : 3;
  }
}
