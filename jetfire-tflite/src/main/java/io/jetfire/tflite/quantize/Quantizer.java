package io.jetfire.tflite.quantize;

import io.jetfire.ActivationRange;
import io.jetfire.ConfigurationException;
import io.jetfire.Recipe;
import io.jetfire.Recipe.Precision;
import io.jetfire.StorageException;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Quantizes float graphs.
 *
 * <pre>{@code
 * QuantizedGraph small =
 *     Quantizer.quantize(graph, Recipe.fullInteger(), Optional.of(calibration), options);
 * }</pre>
 *
 * <p>With calibration samples, every recipe with integer weights is fitted to them: methods are
 * listed in {@link QuantizationMethod}. Which of them pay is decided on a quarter of the
 * calibration samples that is held back meanwhile; then all samples are used.
 *
 * <p>The main subgraph and every subgraph that a signature names are calibrated with the samples
 * that are for them and quantized each as if it were the only one. A sample is for the signature
 * that it names ({@link io.jetfire.Sample#forSignature}), or else for the one whose inputs have its
 * names, types and shapes. Subgraphs that operators call get small weights alone, and a note says
 * so.
 */
public final class Quantizer {
  /** With fewer samples none is held back, and nothing is done that could overfit. */
  private static final int LEAST_SAMPLES_TO_SEARCH = 8;

  /** Below this, ranges are poorly known; a note says how far two halves differ. */
  private static final int FEW_SAMPLES = 50;

  private static final double RIDGE = 1;
  private static final double MOST_DB = 120;

  /**
   * Smaller differences on held-back samples are luck: fitting again, to all samples, rounds
   * weights in other ways, which moves the noise at the output by as much. The earlier candidate is
   * kept.
   */
  private static final double TIE_DB = 1;

  private static final long SEED = 20_211;

  private final Graph original;
  private final Recipe recipe;
  private final QuantizeOptions options;
  private final Target target;
  private final Set<QuantizationMethod> methods;
  private final SharedWeights shared;
  private final List<String> notes = new ArrayList<>();
  private @Nullable Candidate forced;

  /**
   * Prepares for one main subgraph.
   *
   * @param shared constants that others use as well, so that they must come out as they do there
   */
  Quantizer(Graph original, Recipe recipe, QuantizeOptions options, SharedWeights shared) {
    this.original = original;
    this.recipe = recipe;
    this.options = options;
    this.target = new Target(options.targetRuntime());
    this.methods = QuantizationMethod.without(recipe.withoutMethods());
    this.shared = shared;
  }

  /**
   * A graph and what calibration saw of it.
   *
   * @param parts from layers with what rounding left to those with rounded weights
   * @param precisions of operators that do not get what the recipe says
   */
  private record Seen(
      Graph graph,
      Calibrated calibrated,
      boolean equalized,
      Map<Op, Op> parts,
      Map<Op, Precision> precisions) {}

  /**
   * Layers that get more precision than the recipe asks for, as positions among the operators.
   *
   * @param split in two parts
   * @param floats with float activations
   */
  private record Refined(List<Integer> split, List<Integer> floats) {}

  /**
   * Quantizes a graph.
   *
   * @param graph a float graph, which is not changed
   * @param recipe what to do
   * @param calibration the representative dataset; needed if the recipe quantizes activations in
   *     advance, and makes weights more accurate in all others
   * @param options target, runtime, folder
   * @return the quantized graph
   * @throws ConfigurationException if the host's runtime or calibration is missing, also for one
   *     signature of several, or a rule of the recipe selects nothing
   * @throws io.jetfire.DataException if a calibration sample cannot be used, or it is for none of
   *     the model's signatures or for more than one; it is named
   */
  public static QuantizedGraph quantize(
      Graph graph,
      Recipe recipe,
      Optional<ConverterBackend.Calibration> calibration,
      QuantizeOptions options) {
    Selection.checkRules(graph, recipe);
    if (recipe.needsCalibration() && calibration.isEmpty()) {
      throw new ConfigurationException(
          "The recipe '"
              + recipe.name()
              + "' quantizes activations, but there is no representative dataset; give the"
              + " converter one with calibration(...), 100 to 500 typical samples");
    }
    return new EntryQuantizer(graph, recipe, calibration, options).run();
  }

  /** As {@link #quantize}, with one combination of methods and no other. */
  static QuantizedGraph quantize(
      Graph graph,
      Recipe recipe,
      ConverterBackend.Calibration calibration,
      QuantizeOptions options,
      Candidate candidate) {
    Quantizer quantizer = new Quantizer(graph, recipe, options, SharedWeights.none());
    quantizer.forced = candidate;
    return quantizer.run(Optional.of(calibration));
  }

  /** Quantizes the main subgraph and those that it calls. */
  QuantizedGraph run(Optional<ConverterBackend.Calibration> calibration) {
    Graph base = original.copy();
    for (Subgraph s : base.subgraphs()) {
      Preparation.unfoldConstants(s);
    }
    boolean fits =
        recipe.needsCalibration()
            || recipe.precision() == Precision.DYNAMIC_RANGE
            || recipe.precision() == Precision.WEIGHT_ONLY
            || recipe.rules().stream()
                .anyMatch(
                    r ->
                        r.precision() == Precision.DYNAMIC_RANGE
                            || r.precision() == Precision.WEIGHT_ONLY);
    if (calibration.isEmpty() || !fits) {
      Built built = build(base, null, Map.of(), Map.of(), methods, notes);
      return finish(built, List.of(), OptionalDouble.empty(), 0);
    }
    ModelRuntime runtime =
        options
            .runtime()
            .orElseThrow(
                () ->
                    new ConfigurationException(
                        "Calibration executes the model on this host, but no runtime was given;"
                            + " add the artifact jetfire-runtime"));
    Path folder = temporaryFolder(options);
    try {
      GraphRunner runner = new GraphRunner(runtime, folder, options);
      return calibrate(base, calibration.get(), runner);
    } finally {
      delete(folder);
    }
  }

  static Path temporaryFolder(QuantizeOptions options) {
    try {
      return options.workDirectory().isPresent()
          ? Files.createTempDirectory(options.workDirectory().get(), "quantize")
          : Files.createTempDirectory("jetfire-quantize");
    } catch (IOException e) {
      throw new StorageException(
          "No temporary folder can be made (" + e + "); name another work directory", e);
    }
  }

  static void delete(Path folder) {
    try (var files = Files.list(folder)) {
      for (Path file : files.toList()) {
        Files.deleteIfExists(file);
      }
      Files.deleteIfExists(folder);
    } catch (IOException e) {
      throw new StorageException("The temporary folder " + folder + " cannot be removed: " + e, e);
    }
  }

  // ---- with calibration

  private QuantizedGraph calibrate(
      Graph base, ConverterBackend.Calibration calibration, GraphRunner runner) {
    Map<Value, Parameters> given = Preparation.givenParameters(base.main());
    List<String> done = replaceOperators(base.main(), given);
    Selection selection = Selection.of(base.main(), recipe, target, new ArrayList<>());
    boolean integer = selection.anyInteger();
    try (SampleStore samples = load(base, calibration, runner)) {
      checkSamples(samples);
      Candidate only = forced;
      List<Candidate> candidates = only != null ? List.of(only) : candidates(samples.size());
      Candidate chosen = candidates.get(0);
      OptionalDouble heldBack = OptionalDouble.empty();
      Refined refined = refined(base, selection, runner, samples, done);
      // Ranges are those of all samples throughout: weights alone are fitted without those held
      // back.
      Map<Boolean, Seen> prepared = new HashMap<>();
      if (options.search() && candidates.size() > 1 && samples.size() >= LEAST_SAMPLES_TO_SEARCH) {
        int[] held = IntStream.range(0, samples.size()).filter(i -> i % 4 == 3).toArray();
        int[] rest = IntStream.range(0, samples.size()).filter(i -> i % 4 != 3).toArray();
        SampleStore train = samples.part(rest);
        SampleStore test = samples.part(held);
        double best = Double.NEGATIVE_INFINITY;
        boolean narrow = selection.any(Precision.FULL_INTEGER);
        Set<Candidate> tried = new LinkedHashSet<>();
        for (Candidate c : candidates) {
          Seen seen =
              prepared.computeIfAbsent(
                  c.equalize(), e -> prepare(base, e, refined, selection, runner, samples));
          if (!tried.add(c.effective(seen.equalized(), narrow))) {
            continue;
          }
          Set<QuantizationMethod> unclipped = new LinkedHashSet<>(methods);
          // A range that only serves the softmax would hide what is compared: what goes into it.
          unclipped.remove(QuantizationMethod.SOFTMAX_RANGE);
          Built built =
              build(seen, c, given(given, base, seen.graph()), unclipped, new ArrayList<>());
          refine(c, seen, built, runner, train, false);
          double sqnr = sqnr(base, built.graph(), runner, test);
          done.add(String.format(Locale.ROOT, "tried %s: %.2f dB on held-back samples", c, sqnr));
          if (sqnr > best + TIE_DB) {
            best = sqnr;
            chosen = c;
          }
        }
        heldBack = OptionalDouble.of(best);
      }
      Seen seen =
          prepared.computeIfAbsent(
              chosen.equalize(), e -> prepare(base, e, refined, selection, runner, samples));
      if (integer) {
        checkStability(seen.calibrated(), samples.size());
        checkInputs(seen);
      }
      Built built = build(seen, chosen, given(given, base, seen.graph()), methods, notes);
      refine(chosen, seen, built, runner, samples, true);
      done.add("applied " + chosen);
      return finish(built, done, heldBack, samples.size());
    }
  }

  /** Replaces operators by forms that are quantized better; says what was done. */
  private List<String> replaceOperators(Subgraph subgraph, Map<Value, Parameters> given) {
    Selection selection = Selection.of(subgraph, recipe, target, new ArrayList<>());
    List<String> done = new ArrayList<>();
    if (methods.contains(QuantizationMethod.POOL_TO_MEAN)) {
      int replaced = Preparation.poolToMean(subgraph, selection);
      if (replaced > 0) {
        done.add(replaced + " global average pooling(s) turned into means");
      }
    }
    if (methods.contains(QuantizationMethod.MERGE_LAYERS)) {
      int merged = Preparation.mergeLayers(subgraph, selection, given, shared);
      if (merged > 0) {
        done.add(merged + " linear layer(s) merged into the next");
      }
    }
    return done;
  }

  private static SampleStore load(
      Graph base, ConverterBackend.Calibration calibration, GraphRunner runner) {
    return SampleStore.load(calibration, specs(base.main()), runner.folder());
  }

  static List<TensorSpec> specs(Subgraph subgraph) {
    List<TensorSpec> specs = new ArrayList<>();
    for (Value v : subgraph.inputs()) {
      specs.add(
          TensorSpec.of(
              v.name(),
              v.type()
                  .tensorType()
                  .orElseThrow(
                      () ->
                          new ConfigurationException(
                              "The model cannot be calibrated: its input '"
                                  + v.name()
                                  + "' is of type "
                                  + v.type())),
              v.shape().dims()));
    }
    return specs;
  }

  private void refine(
      Candidate candidate,
      Seen seen,
      Built built,
      GraphRunner runner,
      SampleStore samples,
      boolean whole) {
    Set<QuantizationMethod> used = new LinkedHashSet<>(methods);
    if (candidate.ridge() == 0) {
      used.remove(QuantizationMethod.REGRESSION);
    }
    new Refiner(used, candidate.ridge(), SEED, seen.parts(), shared)
        .refine(
            seen.graph().main(),
            built.graph().main(),
            built.layers(),
            seen.calibrated(),
            runner,
            samples,
            whole);
  }

  private List<Candidate> candidates(int samples) {
    boolean equalize = methods.contains(QuantizationMethod.EQUALIZATION) && samples >= FEW_SAMPLES;
    double regress = methods.contains(QuantizationMethod.REGRESSION) ? RIDGE : 0;
    // Ranges that the recipe asks for are not weighed against others.
    boolean search =
        methods.contains(QuantizationMethod.RANGE_SEARCH)
            && recipe.activationRange().method() == ActivationRange.Method.AUTOMATIC;
    if (samples < LEAST_SAMPLES_TO_SEARCH) {
      return List.of(new Candidate(false, 0, false));
    }
    Set<Candidate> all = new LinkedHashSet<>();
    all.add(new Candidate(equalize, regress, search));
    all.add(new Candidate(false, regress, search));
    all.add(new Candidate(false, 0, false));
    return List.copyOf(all);
  }

  /** Looks for layers where a little more work spares much of the error. */
  private Refined refined(
      Graph base, Selection selection, GraphRunner runner, SampleStore samples, List<String> done) {
    if (!options.search() || samples.size() < LEAST_SAMPLES_TO_SEARCH) {
      return new Refined(List.of(), List.of());
    }
    List<Integer> split = List.of();
    List<Integer> floats = List.of();
    if (methods.contains(QuantizationMethod.WEIGHT_SPLIT) && recipe.weightBits() == 8) {
      split =
          NoisyLayers.choose(base, selection, shared, Precision.INT16X8, target, runner, samples);
    }
    if (methods.contains(QuantizationMethod.FLOAT_ACTIVATIONS) && recipe.weightBits() == 8) {
      floats =
          NoisyLayers.choose(
              base, selection, shared, Precision.DYNAMIC_RANGE, target, runner, samples);
    }
    describe(base, split, "Weights in two parts", done);
    describe(base, floats, "Activations stay float", done);
    return new Refined(split, floats);
  }

  private void describe(Graph base, List<Integer> layers, String what, List<String> done) {
    if (!layers.isEmpty()) {
      List<Op> ops = base.main().ops();
      double all = ops.stream().mapToDouble(NoisyLayers::multiplications).sum();
      double these =
          layers.stream().mapToDouble(i -> NoisyLayers.multiplications(ops.get(i))).sum();
      done.add(
          String.format(
              Locale.ROOT,
              "%s in %d layer(s) with %.0f %% of the multiplications: %s",
              what,
              layers.size(),
              100 * these / all,
              layers.stream()
                  .map(i -> WeightSplit.stem(ops.get(i).output(0)))
                  .collect(Collectors.joining(", "))));
    }
  }

  private Seen prepare(
      Graph base,
      boolean equalize,
      Refined refined,
      Selection selection,
      GraphRunner runner,
      SampleStore samples) {
    Graph graph = base.copy();
    boolean means = Refiner.meansSuffice(methods);
    boolean watch = selection.anyInteger() || means;
    Map<Op, Precision> precisions = new IdentityHashMap<>();
    for (int i : refined.floats()) {
      precisions.put(graph.main().ops().get(i), Precision.WEIGHT_ONLY);
    }
    Calibrated calibrated = Calibrated.none();
    if (equalize || (watch && refined.split().isEmpty())) {
      calibrated = Calibrated.run(graph.main(), runner, samples, equalize, means);
    }
    int scaled = 0;
    if (equalize) {
      boolean narrow =
          selection.any(Precision.FULL_INTEGER) || selection.any(Precision.DYNAMIC_RANGE);
      scaled = Equalizer.equalize(graph.main(), calibrated, narrow, shared);
      graph.main().removeDead();
    }
    Map<Op, Op> parts = WeightSplit.split(graph.main(), refined.split());
    parts.forEach(
        (fine, coarse) ->
            List.of(fine, coarse, coarse.output(0).consumers().get(0))
                .forEach(op -> precisions.put(op, Precision.INT16X8)));
    if (scaled > 0 || !parts.isEmpty()) {
      // Nothing that was seen holds any more.
      calibrated =
          watch ? Calibrated.run(graph.main(), runner, samples, false, means) : Calibrated.none();
    }
    return new Seen(graph, calibrated, scaled > 0, parts, precisions);
  }

  /** Parameters that the model came with, for the same tensors in a copy of the graph. */
  private static Map<Value, Parameters> given(
      Map<Value, Parameters> given, Graph base, Graph copy) {
    Map<Value, Parameters> mapped = new IdentityHashMap<>();
    given.forEach((v, p) -> copy.main().value(v.name()).ifPresent(c -> mapped.put(c, p)));
    return mapped;
  }

  private Built build(
      Seen seen,
      Candidate candidate,
      Map<Value, Parameters> given,
      Set<QuantizationMethod> allowed,
      List<String> noted) {
    Set<QuantizationMethod> used = new LinkedHashSet<>(allowed);
    if (!candidate.rangeSearch()) {
      used.remove(QuantizationMethod.RANGE_SEARCH);
    }
    return build(seen.graph(), seen.calibrated(), seen.precisions(), given, used, noted);
  }

  /** A quantized graph and its layers. */
  private record Built(Graph graph, Graph reference, List<Layer> layers) {}

  private Built build(
      Graph source,
      @Nullable Calibrated calibrated,
      Map<Op, Precision> precisions,
      Map<Value, Parameters> given,
      Set<QuantizationMethod> used,
      List<String> noted) {
    Graph graph = source.copy();
    List<Layer> layers = new ArrayList<>();
    for (int i = 0; i < source.subgraphs().size(); i++) {
      Subgraph from = source.subgraphs().get(i);
      boolean main = i == 0;
      if (!main && from.ops().isEmpty()) {
        continue;
      }
      Recipe used2 = main ? recipe : weightsAlone(noted);
      Selection selection = Selection.of(from, used2, target, noted);
      precisions.forEach(selection::set);
      ActivationPlan plan = null;
      if (main && selection.anyInteger() && calibrated != null) {
        Floors floors = new Floors(calibrated);
        plan =
            ActivationPlan.solve(
                from,
                selection,
                v -> Optional.ofNullable(given.get(v)),
                floors::range,
                new ParameterChooser(calibrated, floors, used, recipe.activationRange()));
      }
      List<Layer> found =
          new Rewriter(
                  from,
                  graph.subgraphs().get(i),
                  selection,
                  plan,
                  recipe.edgeType(),
                  recipe.weightBits(),
                  recipe.weightBlockSize(),
                  target,
                  shared,
                  noted)
              .rewrite();
      if (main) {
        layers.addAll(found);
      }
    }
    return new Built(graph, source, layers);
  }

  private Recipe weightsAlone(List<String> noted) {
    if (!recipe.needsCalibration()) {
      return recipe;
    }
    noted.add(
        "Activations in subgraphs that operators call stay float: calibration samples reach the"
            + " calling subgraph alone");
    return Recipe.builder(Precision.WEIGHT_ONLY).weightBits(recipe.weightBits()).build();
  }

  private QuantizedGraph finish(
      Built built, List<String> done, OptionalDouble heldBack, int samples) {
    built.graph().subgraphs().forEach(Subgraph::removeDead);
    boolean quantized =
        built.graph().subgraphs().stream()
            .flatMap(s -> s.values().stream())
            .anyMatch(
                v ->
                    v.type() == ElementType.INT8
                        || v.type() == ElementType.INT16
                        || v.type() == ElementType.INT4
                        || v.type() == ElementType.FLOAT16);
    if (!quantized && recipe.precision() != Precision.FLOAT32) {
      notes.add(
          "Nothing was quantized: the model has no operator that the recipe '"
              + recipe.name()
              + "' applies to"
              + (recipe.precision() == Precision.DYNAMIC_RANGE
                      || recipe.precision() == Precision.WEIGHT_ONLY
                  ? " with at least " + Rewriter.LEAST_DYNAMIC_ELEMENTS + " weights"
                  : ""));
    }
    return new QuantizedGraph(
        built.graph().verify(), built.reference(), notes, done, heldBack, samples);
  }

  // ---- what the samples are like

  private void checkSamples(SampleStore samples) {
    if (!samples.constantSamples().isEmpty()) {
      List<String> some = samples.constantSamples();
      notes.add(
          some.size()
              + " calibration sample(s) have one value throughout, such as '"
              + some.get(0)
              + "'");
    }
  }

  private void checkInputs(Seen seen) {
    for (Value input : seen.graph().main().inputs()) {
      if (input.type() != ElementType.FLOAT32) {
        continue;
      }
      Range r = seen.calibrated().range(input);
      if (r.min() == r.max()) {
        notes.add(
            "The input '"
                + input.name()
                + "' is "
                + r.min()
                + " in all calibration samples; other values will be clipped to the range from 0 to"
                + " it");
      }
    }
  }

  private void checkStability(Calibrated calibrated, int samples) {
    if (samples >= FEW_SAMPLES) {
      return;
    }
    double sum = 0;
    int n = 0;
    for (Map.Entry<Value, TensorStatistics> e : calibrated.all()) {
      double d = e.getValue().instability();
      if (!Double.isNaN(d)) {
        sum += d;
        n++;
      }
    }
    notes.add(
        "Only "
            + samples
            + " calibration sample(s)"
            + (n == 0
                ? ""
                : String.format(
                    Locale.ROOT,
                    "; ranges of the two halves differ by %.0f %% of their size on average",
                    100 * sum / n))
            + "; 100 to 500 are usual");
  }

  // ---- comparison with the float model

  /**
   * Signal to noise of all float outputs in dB, averaged over samples, so that no single sample
   * decides; where an output is a softmax or a logistic, of what goes into it: saturated outputs
   * hide errors of most samples and blow up those of a few.
   */
  static double sqnr(Graph reference, Graph quantized, GraphRunner runner, SampleStore samples) {
    List<Value> expected = decisions(reference.main());
    List<Value> actual = decisions(quantized.main());
    double sum = 0;
    try (GraphRunner.Running meant = runner.open(upTo(reference.main(), expected));
        GraphRunner.Running seen = runner.open(upTo(quantized.main(), actual))) {
      for (int s = 0; s < samples.size(); s++) {
        List<Tensor> inputs = samples.get(s);
        meant.run(inputs);
        List<Tensor> formed = new ArrayList<>();
        for (int i = 0; i < inputs.size(); i++) {
          formed.add(Numbers.toForm(quantized.main().inputs().get(i), inputs.get(i)));
        }
        seen.run(formed);
        double signal = 0;
        double error = 0;
        for (int o = 0; o < expected.size(); o++) {
          if (expected.get(o).type() != ElementType.FLOAT32) {
            continue;
          }
          float[] a = meant.output(o).toFloatArray();
          float[] b = Numbers.reals(actual.get(o), seen.output(o));
          for (int i = 0; i < a.length; i++) {
            double d = (double) a[i] - b[i];
            signal += (double) a[i] * a[i];
            error += d * d;
          }
        }
        sum += Math.max(-MOST_DB, Math.min(MOST_DB, Numbers.decibels(signal, error)));
      }
    }
    return sum / samples.size();
  }

  /** The outputs, or what goes into the softmax or logistic that makes them. */
  static List<Value> decisions(Subgraph subgraph) {
    List<Value> found = new ArrayList<>();
    for (Value output : subgraph.outputs()) {
      Value v = output;
      while (v.producer().isPresent()
          && (v.producer().get().kind() == OpKind.DEQUANTIZE
              || v.producer().get().kind() == OpKind.QUANTIZE)
          && !v.producer().get().input(0).isConstant()) {
        v = v.producer().get().input(0);
      }
      boolean saturates =
          v.producer()
              .map(op -> op.kind() == OpKind.SOFTMAX || op.kind() == OpKind.LOGISTIC)
              .orElse(false);
      found.add(saturates ? v.producer().get().input(0) : output);
    }
    return found;
  }

  static Graph upTo(Subgraph subgraph, List<Value> outputs) {
    Graph graph = Segments.extract(subgraph.ops(), subgraph.inputs(), outputs);
    graph.main().removeDead();
    return graph;
  }
}
