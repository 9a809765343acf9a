package io.jetfire.verification;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.jetfire.ConfigurationException;
import io.jetfire.DataException;
import io.jetfire.Dataset;
import io.jetfire.Explanation;
import io.jetfire.LayerError;
import io.jetfire.Model;
import io.jetfire.Preprocessing;
import io.jetfire.Recipe;
import io.jetfire.Sample;
import io.jetfire.Target;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.TensorType;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.tflite.format.TfliteReader;
import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Signature;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import io.jetfire.tflite.quantize.Advisor;
import io.jetfire.tflite.quantize.Explainer;
import io.jetfire.tflite.quantize.QuantizedGraph;
import io.jetfire.tflite.quantize.Quantizer;
import io.jetfire.tflite.transform.LayoutOptions;
import io.jetfire.tflite.transform.Optimizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models with several signatures: each is as good as if it were the only one. */
class SignaturesTest {
  private static final String RUNTIME = "2.21.0";
  private static final int SAMPLES = 24;

  private static final List<Recipe> RECIPES =
      List.of(
          Recipe.float16(),
          Recipe.dynamicRange(),
          Recipe.weightOnly(),
          Recipe.fullInteger(),
          Recipe.fullInteger().toBuilder().edgeType(TensorType.INT8).build(),
          Recipe.fullInteger().toBuilder().edgeType(TensorType.UINT8).build(),
          Recipe.int16x8(),
          Recipe.int16x8().toBuilder().edgeType(TensorType.INT16).build());

  /** One of each kind, where quantizing takes its time. */
  private static final List<Recipe> PLAIN =
      List.of(
          Recipe.dynamicRange(),
          Recipe.fullInteger().toBuilder().edgeType(TensorType.INT8).build(),
          Recipe.int16x8());

  @TempDir Path folder;

  // ---- models

  private static float[] random(int n, long seed, double scale) {
    Random random = new Random(seed);
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (scale * random.nextGaussian());
    }
    return values;
  }

  /** Weights by which inputs do not count alike, as in trained layers. */
  private static Weights weights(int out, int in, long seed) {
    float[] w = random(in * out, seed, 1 / Math.sqrt(in));
    for (int i = 0; i < w.length; i++) {
      w[i] *= (float) Math.pow(2, i % in % 4 - 2.0);
    }
    return Weights.of(w);
  }

  private static Value dense(
      Subgraph subgraph, Value x, String name, Weights weights, int out, Activation activation) {
    int in = x.shape().dim(-1);
    Value w = subgraph.addValue(name + "/w", ElementType.FLOAT32, Shape.of(out, in)).data(weights);
    Value b = subgraph.addConstant(name + "/b", Shape.of(out), random(out, out, 0.1));
    Value y = subgraph.addValue(name, ElementType.FLOAT32, Shape.of(x.shape().dim(0), out));
    subgraph.append(
        Op.of(OpKind.FULLY_CONNECTED)
            .set("fused_activation_function", activation)
            .inputs(x, w, b)
            .outputs(y));
    return y;
  }

  /**
   * Adds a signature that runs two layers, 64 → 96 → 24.
   *
   * @param input what the signature calls its input
   */
  private static void twoLayers(
      Graph graph, String key, String input, int rows, Weights hidden, Weights scores) {
    Subgraph s = graph.addSubgraph(key);
    Value x = s.addInput(key + "_" + input, ElementType.FLOAT32, Shape.of(rows, 64));
    Value h = dense(s, x, key + "/hidden", hidden, 96, Activation.RELU);
    Value y = dense(s, h, key + "/scores", scores, 24, Activation.NONE);
    s.outputs(y);
    graph.addSignature(key, s, Map.of(input, x), Map.of("scores", y));
  }

  /** Two signatures that have nothing in common. */
  private static Graph unlike(String firstInput, String secondInput) {
    Graph graph = Graph.create();
    twoLayers(graph, "words", firstInput, 1, weights(96, 64, 1), weights(24, 96, 2));
    twoLayers(graph, "sounds", secondInput, 1, weights(96, 64, 3), weights(24, 96, 4));
    return graph.verify();
  }

  /** Two signatures with the same weights, for one row and for four. */
  private static Graph sharing() {
    Graph graph = Graph.create();
    Weights hidden = weights(96, 64, 1);
    Weights scores = weights(24, 96, 2);
    twoLayers(graph, "one", "x", 1, hidden, scores);
    twoLayers(graph, "four", "x", 4, hidden, scores);
    return graph.verify();
  }

  private static Graph only(String key, String input, int rows, long seed) {
    Graph graph = Graph.create();
    twoLayers(graph, key, input, rows, weights(96, 64, seed), weights(24, 96, seed + 1));
    return graph.verify();
  }

  // ---- samples

  private static List<Sample> samples(
      String id, String input, int rows, double scale, int n, long seed) {
    List<Sample> all = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      Tensor x = Tensor.ofFloats(random(rows * 64, seed + i, scale), rows, 64);
      all.add(Sample.of(id + "-" + i, Map.of(input, x), Target.none()));
    }
    return all;
  }

  /** Rows whose numbers depend on each other, as those of images and embeddings do. */
  private static List<Sample> correlated(String id, int rows, int n, long seed) {
    float[] mixing = random(6 * 64, 9, 1);
    List<Sample> all = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      float[] causes = random(rows * 6, seed + i, 1);
      float[] x = random(rows * 64, seed + i + 50_000, 0.05);
      for (int k = 0; k < x.length; k++) {
        for (int c = 0; c < 6; c++) {
          x[k] += causes[k / 64 * 6 + c] * mixing[c * 64 + k % 64];
        }
      }
      all.add(Sample.of(id + "-" + i, Map.of("x", Tensor.ofFloats(x, rows, 64)), Target.none()));
    }
    return all;
  }

  private static List<Sample> forSignature(String key, List<Sample> samples) {
    return samples.stream().map(s -> s.forSignature(key)).toList();
  }

  @SafeVarargs
  private static ConverterBackend.Calibration calibration(List<Sample>... samples) {
    List<Sample> all = Stream.of(samples).flatMap(List::stream).toList();
    return new ConverterBackend.Calibration(
        Dataset.of("calibration", List.of(), all), Preprocessing.none(), 200);
  }

  // ---- running

  private static ModelRuntime.Options options(String signature) {
    return ModelRuntime.Options.defaults()
        .isolation(ModelRuntime.Isolation.IN_PROCESS)
        .signature(signature);
  }

  /** Runs a signature; real numbers go in and come out. */
  private static List<float[]> run(Bench bench, Path file, String signature, List<Sample> samples) {
    List<float[]> outputs = new ArrayList<>();
    try (ModelRuntime.Session session =
        bench.runtime().open(Model.of(file, "tflite"), options(signature))) {
      for (Sample sample : samples) {
        List<Tensor> inputs = new ArrayList<>();
        for (TensorSpec spec : session.inputs()) {
          Tensor t = Objects.requireNonNull(sample.inputs().get(spec.name()), spec.name());
          inputs.add(t.type() == spec.type() ? t : spec.quantize(t));
        }
        List<Tensor> out = session.run(inputs);
        for (int i = 0; i < out.size(); i++) {
          outputs.add(session.outputs().get(i).dequantize(out.get(i)).toFloatArray());
        }
      }
    }
    return outputs;
  }

  private static double sqnr(
      Bench bench, Path reference, Path file, String signature, List<Sample> samples) {
    return Bench.sqnr(
        run(bench, reference, signature, samples), run(bench, file, signature, samples));
  }

  private static List<String> floatOperators(Graph graph) {
    return graph.subgraphs().stream()
        .flatMap(s -> s.ops().stream())
        .filter(op -> op.kind() != OpKind.QUANTIZE && op.kind() != OpKind.DEQUANTIZE)
        .filter(
            op ->
                Stream.concat(op.inputs().stream(), op.outputs().stream())
                    .anyMatch(v -> v != null && v.type() == ElementType.FLOAT32))
        .map(Op::toString)
        .toList();
  }

  @Test
  void everySignatureIsAsGoodAsIfItWereTheOnlyOne() {
    Bench bench = new Bench(folder);
    Graph graph = unlike("letters", "waves");
    // Ranges that differ by a factor of 50: those of one signature would ruin the other.
    List<Sample> letters = samples("letters", "letters", 1, 0.2, SAMPLES, 100);
    List<Sample> waves = samples("waves", "waves", 1, 10, SAMPLES, 200);
    List<Sample> evaluation = samples("letters", "letters", 1, 0.2, 10, 1100);
    List<Sample> evaluation2 = samples("waves", "waves", 1, 10, 10, 1200);
    Path original = bench.write(graph, RUNTIME);
    for (Recipe recipe : PLAIN) {
      QuantizedGraph both =
          Quantizer.quantize(
              graph, recipe, Optional.of(calibration(letters, waves)), bench.options(RUNTIME));
      QuantizedGraph first =
          Quantizer.quantize(
              only("words", "letters", 1, 1),
              recipe,
              Optional.of(calibration(letters)),
              bench.options(RUNTIME));
      QuantizedGraph second =
          Quantizer.quantize(
              only("sounds", "waves", 1, 3),
              recipe,
              Optional.of(calibration(waves)),
              bench.options(RUNTIME));

      Path file = bench.write(both.graph(), RUNTIME);
      assertThat(run(bench, file, "words", evaluation))
          .as(recipe.toString())
          .usingRecursiveComparison()
          .isEqualTo(run(bench, bench.write(first.graph(), RUNTIME), "words", evaluation));
      assertThat(run(bench, file, "sounds", evaluation2))
          .as(recipe.toString())
          .usingRecursiveComparison()
          .isEqualTo(run(bench, bench.write(second.graph(), RUNTIME), "sounds", evaluation2));
      double least = recipe.precision() == Recipe.Precision.FULL_INTEGER ? 28 : 36;
      assertThat(sqnr(bench, original, file, "words", evaluation)).isGreaterThan(least);
      assertThat(sqnr(bench, original, file, "sounds", evaluation2)).isGreaterThan(least);
      if (recipe.needsCalibration()) {
        assertThat(floatOperators(both.graph())).isEmpty();
        assertThat(both.samples()).isEqualTo(2 * SAMPLES);
      }
    }
  }

  @Test
  void weightsThatSignaturesShareAreStoredOnce() throws IOException {
    Bench bench = new Bench(folder);
    Graph graph = sharing();
    List<Sample> one = correlated("one", 1, 60, 100);
    List<Sample> four = correlated("four", 4, 60, 200);
    List<Sample> evaluation = correlated("one", 1, 20, 1100);
    List<Sample> evaluation4 = correlated("four", 4, 20, 1200);
    Path original = bench.write(graph, RUNTIME);
    for (Recipe recipe : PLAIN) {
      QuantizedGraph quantized =
          Quantizer.quantize(
              graph, recipe, Optional.of(calibration(one, four)), bench.options(RUNTIME));
      QuantizedGraph alone =
          Quantizer.quantize(
              only("one", "x", 1, 1),
              recipe,
              Optional.of(calibration(one)),
              bench.options(RUNTIME));

      Path file = bench.write(quantized.graph(), RUNTIME);
      double inOne = sqnr(bench, original, file, "one", evaluation);
      double inFour = sqnr(bench, original, file, "four", evaluation4);
      Path single = bench.write(alone.graph(), RUNTIME);
      // Rounded with what both feed, they suit each as well as if they were its own.
      assertThat(inOne)
          .as(recipe.toString())
          .isGreaterThan(sqnr(bench, original, single, "one", evaluation) - 0.5);
      double least = recipe.precision() == Recipe.Precision.FULL_INTEGER ? 33 : 42;
      assertThat(inFour).as(recipe.toString()).isGreaterThan(least);
      // Both hold 8448 weights; operators, tensors, scales and biases come twice.
      assertThat(Files.size(file) - Files.size(single)).as(recipe.toString()).isLessThan(5000);
    }
  }

  @Test
  void samplesOfSignaturesWithEqualInputsSayWhichTheyAreFor() {
    Bench bench = new Bench(folder);
    Graph graph = unlike("x", "x");
    List<Sample> small = samples("small", "x", 1, 0.2, SAMPLES, 100);
    List<Sample> large = samples("large", "x", 1, 10, SAMPLES, 200);

    assertThatThrownBy(
            () ->
                Quantizer.quantize(
                    graph,
                    Recipe.fullInteger(),
                    Optional.of(calibration(small, large)),
                    bench.options(RUNTIME)))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("'small-0' may be for signature 'words' or signature 'sounds'")
        .hasMessageContaining("forSignature")
        .hasMessageContaining("x FLOAT32[1, 64]");

    QuantizedGraph quantized =
        Quantizer.quantize(
            graph,
            Recipe.fullInteger(),
            Optional.of(calibration(forSignature("words", small), forSignature("sounds", large))),
            bench.options(RUNTIME));
    Path original = bench.write(graph, RUNTIME);
    Path file = bench.write(quantized.graph(), RUNTIME);
    assertThat(sqnr(bench, original, file, "words", small)).isGreaterThan(28);
    assertThat(sqnr(bench, original, file, "sounds", large)).isGreaterThan(28);
  }

  @Test
  void aSampleWithoutNamesIsForTheSignatureWhoseShapeItHas() {
    Bench bench = new Bench(folder);
    List<Sample> unnamed = new ArrayList<>();
    for (int i = 0; i < SAMPLES; i++) {
      unnamed.add(
          Sample.of("one-" + i, Tensor.ofFloats(random(64, 100 + i, 1), 1, 64), Target.none()));
      unnamed.add(
          Sample.of("four-" + i, Tensor.ofFloats(random(256, 200 + i, 1), 4, 64), Target.none()));
    }
    QuantizedGraph quantized =
        Quantizer.quantize(
            sharing(),
            Recipe.fullInteger(),
            Optional.of(calibration(unnamed)),
            bench.options(RUNTIME));

    assertThat(quantized.samples()).isEqualTo(2 * SAMPLES);
    assertThat(floatOperators(quantized.graph())).isEmpty();
  }

  @Test
  void samplesThatAreForNoSignatureAreNamed() {
    Bench bench = new Bench(folder);
    Graph graph = unlike("letters", "waves");
    List<Sample> letters = samples("letters", "letters", 1, 1, 4, 100);
    List<Sample> numbers = samples("numbers", "numbers", 1, 1, 4, 200);

    assertThatThrownBy(
            () ->
                Quantizer.quantize(
                    graph,
                    Recipe.fullInteger(),
                    Optional.of(calibration(letters, numbers)),
                    bench.options(RUNTIME)))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("'numbers-0'")
        .hasMessageContaining("is for none of its signatures")
        .hasMessageContaining("signature 'words' with letters FLOAT32[1, 64]")
        .hasMessageContaining("signature 'sounds' with waves FLOAT32[1, 64]");
    assertThatThrownBy(
            () ->
                Quantizer.quantize(
                    graph,
                    Recipe.dynamicRange(),
                    Optional.of(calibration(forSignature("pictures", letters))),
                    bench.options(RUNTIME)))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("'letters-0' is for the signature 'pictures'")
        .hasMessageContaining("signature 'words'");
    assertThatThrownBy(
            () ->
                Quantizer.quantize(
                    only("words", "letters", 1, 1),
                    Recipe.dynamicRange(),
                    Optional.of(calibration(forSignature("pictures", letters))),
                    bench.options(RUNTIME)))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("'letters-0' is for the signature 'pictures'");
  }

  @Test
  void aSignatureWithoutSamplesIsAnErrorWhereItNeedsThem() {
    Bench bench = new Bench(folder);
    Graph graph = unlike("letters", "waves");
    List<Sample> letters = samples("letters", "letters", 1, 1, SAMPLES, 100);

    assertThatThrownBy(
            () ->
                Quantizer.quantize(
                    graph,
                    Recipe.fullInteger(),
                    Optional.of(calibration(letters)),
                    bench.options(RUNTIME)))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining(
            "no calibration sample is for signature 'sounds' with waves FLOAT32[1, 64]");

    QuantizedGraph dynamic =
        Quantizer.quantize(
            graph,
            Recipe.dynamicRange(),
            Optional.of(calibration(letters)),
            bench.options(RUNTIME));
    assertThat(dynamic.notes())
        .anyMatch(n -> n.startsWith("No calibration sample is for it") && n.contains("'sounds'"));

    Recipe wordsAlone =
        Recipe.fullInteger().toBuilder()
            .rule("name:sounds/*", Recipe.Precision.FLOAT32)
            .name("words-alone")
            .build();
    QuantizedGraph half =
        Quantizer.quantize(
            graph, wordsAlone, Optional.of(calibration(letters)), bench.options(RUNTIME));
    Path original = bench.write(graph, RUNTIME);
    Path file = bench.write(half.graph(), RUNTIME);
    assertThat(sqnr(bench, original, file, "words", letters)).isGreaterThan(28);
    assertThat(sqnr(bench, original, file, "sounds", samples("waves", "waves", 1, 1, 3, 7)))
        .isEqualTo(Double.POSITIVE_INFINITY);
  }

  @Test
  void everySignatureIsExplainedAndMeasured() {
    Bench bench = new Bench(folder);
    Graph graph = unlike("letters", "waves");
    ConverterBackend.Calibration calibration =
        calibration(
            samples("letters", "letters", 1, 1, SAMPLES, 100),
            samples("waves", "waves", 1, 10, SAMPLES, 200));
    Recipe recipe = Recipe.fullInteger();
    QuantizedGraph quantized =
        Quantizer.quantize(graph, recipe, Optional.of(calibration), bench.options(RUNTIME));

    Explanation why = Explainer.explain(quantized, recipe, calibration, bench.options(RUNTIME));
    assertThat(why.layers())
        .extracting(LayerError::name)
        .containsExactly("words/hidden", "words/scores", "sounds/hidden", "sounds/scores");
    assertThat(why.layers()).allMatch(l -> l.isolatedSqnrDb() > 25 && l.type().equals("INT8"));
    assertThat(why.samples()).isEqualTo(2 * SAMPLES);

    double both =
        Advisor.signalToNoise(graph, calibration, bench.options(RUNTIME))
            .applyAsDouble(quantized.graph());
    assertThat(both).isBetween(28.0, 60.0);
    // A signature that is broken shows.
    Graph broken = quantized.graph().copy();
    Subgraph sounds = broken.subgraphs().get(1);
    Op last =
        sounds.ops().stream()
            .filter(op -> op.kind() == OpKind.FULLY_CONNECTED)
            .reduce((a, b) -> b)
            .orElseThrow();
    Value w = last.input(1);
    w.data(Weights.of(new byte[(int) w.shape().elementCount()]));
    assertThat(
            Advisor.signalToNoise(graph, calibration, bench.options(RUNTIME)).applyAsDouble(broken))
        .isLessThan(both - 10);
  }

  /** Adds a signature that adds what it is given to half of a cache, and hands the cache on. */
  private static void remembering(Graph graph, String key, Weights in, Weights out) {
    Subgraph s = graph.addSubgraph(key);
    Value x = s.addInput(key + "_x", ElementType.FLOAT32, Shape.of(1, 64));
    Value cache = s.addInput(key + "_cache", ElementType.FLOAT32, Shape.of(1, 96));
    Value fresh = dense(s, x, key + "/fresh", in, 96, Activation.NONE);
    Value kept = s.addValue(key + "/kept", ElementType.FLOAT32, Shape.of(1, 96));
    Value half = s.addConstant(key + "/half", Shape.scalar(), 0.5f);
    s.append(Op.of(OpKind.MUL).inputs(cache, half).outputs(kept));
    Value next = s.addValue(key + "/next", ElementType.FLOAT32, Shape.of(1, 96));
    s.append(Op.of(OpKind.ADD).inputs(fresh, kept).outputs(next));
    Value y = dense(s, next, key + "/y", out, 24, Activation.NONE);
    s.outputs(y, next);
    graph.addSignature(key, s, Map.of("x", x, "cache", cache), Map.of("y", y, "cache", next));
  }

  /** Runs one signature, then the other over and over, each with the cache that came out before. */
  private static List<float[]> remember(Bench bench, Path file, List<Sample> samples) {
    List<float[]> outputs = new ArrayList<>();
    @Nullable Tensor cache = null;
    for (int i = 0; i < samples.size(); i++) {
      try (ModelRuntime.Session session =
          bench.runtime().open(Model.of(file, "tflite"), options(i == 0 ? "start" : "go-on"))) {
        List<Tensor> inputs = new ArrayList<>();
        for (TensorSpec spec : session.inputs()) {
          boolean first = spec.name().equals("cache") && cache == null;
          inputs.add(
              spec.name().equals("x")
                  ? spec.quantize(samples.get(i).input())
                  : first ? spec.quantize(Tensor.ofFloats(new float[96], 1, 96)) : cache);
        }
        List<Tensor> out = session.run(inputs);
        for (int o = 0; o < out.size(); o++) {
          if (session.outputs().get(o).name().equals("cache")) {
            cache = out.get(o);
          } else {
            outputs.add(session.outputs().get(o).dequantize(out.get(o)).toFloatArray());
          }
        }
      }
    }
    return outputs;
  }

  @Test
  void aCacheIsCarriedFromSignatureToSignatureAsItIs() {
    Bench bench = new Bench(folder);
    Graph graph = Graph.create();
    Weights in = weights(96, 64, 1);
    Weights out = weights(24, 96, 2);
    remembering(graph, "start", in, out);
    remembering(graph, "go-on", in, out);
    List<Sample> calibration = new ArrayList<>();
    for (Sample s : correlated("s", 1, 40, 300)) {
      Map<String, Tensor> inputs = new LinkedHashMap<>();
      inputs.put("x", s.input());
      inputs.put("cache", Tensor.ofFloats(random(96, s.id().hashCode(), 3), 1, 96));
      String key = calibration.size() % 2 == 0 ? "start" : "go-on";
      calibration.add(Sample.of(s.id(), inputs, Target.none()).forSignature(key));
    }
    List<Sample> evaluation = correlated("e", 1, 8, 5000);
    List<float[]> expected = remember(bench, bench.write(graph.verify(), RUNTIME), evaluation);
    for (Recipe recipe : RECIPES) {
      QuantizedGraph quantized =
          Quantizer.quantize(
              graph, recipe, Optional.of(calibration(calibration)), bench.options(RUNTIME));
      List<float[]> actual = remember(bench, bench.write(quantized.graph(), RUNTIME), evaluation);
      assertThat(Bench.sqnr(expected, actual))
          .as(recipe.toString())
          .isGreaterThan(recipe.precision() == Recipe.Precision.FULL_INTEGER ? 25 : 36);
      assertThat(
              Stream.of("start", "go-on")
                  .flatMap(
                      k -> {
                        Signature s = quantized.graph().signature(k).orElseThrow();
                        return Stream.of(s.inputs().get("cache"), s.outputs().get("cache"));
                      })
                  .map(v -> v.type() + " " + v.quantization())
                  .distinct())
          .as(recipe.toString())
          .hasSize(1);
    }
  }

  private static Sample sample(List<TensorSpec> specs, Random random, String id) {
    Map<String, Tensor> inputs = new LinkedHashMap<>();
    for (TensorSpec spec : specs) {
      int[] shape = spec.shape().clone();
      int n = 1;
      for (int i = 0; i < shape.length; i++) {
        shape[i] = shape[i] < 0 ? 7 : shape[i];
        n *= shape[i];
      }
      if (spec.type() == TensorType.FLOAT32) {
        inputs.put(spec.name(), Tensor.ofFloats(random(n, random.nextLong(), 1), shape));
      } else {
        // Tokens and positions.
        inputs.put(spec.name(), Tensor.ofInts(random.ints(n, 0, 100).toArray(), shape));
      }
    }
    return Sample.of(id, inputs, Target.none());
  }

  private void checkFound(String name, List<Recipe> recipes, double leastInteger, double leastFloat)
      throws IOException {
    String set = System.getenv("JETFIRE_SHARED_DATA");
    Path model =
        Path.of(set == null ? "../../shared/data" : set).resolve("models/quantizer").resolve(name);
    assumeTrue(Files.exists(model), "there is no shared data");
    Bench bench = new Bench(folder);
    Map<String, List<Sample>> evaluation = new LinkedHashMap<>();
    List<Sample> calibration = new ArrayList<>();
    Random random = new Random(1);
    TfliteReader.read(model)
        .signatures()
        .forEach(
            s -> {
              try (ModelRuntime.Session session =
                  bench.runtime().open(Model.of(model, "tflite"), options(s.key()))) {
                List<Sample> some = new ArrayList<>();
                for (int i = 0; i < 4; i++) {
                  some.add(sample(session.inputs(), random, s.key() + "-" + i));
                }
                evaluation.put(s.key(), some);
                calibration.addAll(forSignature(s.key(), some));
              }
            });
    List<String> failures = new ArrayList<>();
    for (Recipe recipe : recipes) {
      QuantizedGraph quantized =
          Quantizer.quantize(
              Optimizer.standard(LayoutOptions.keep()).run(TfliteReader.read(model)),
              recipe,
              Optional.of(calibration(calibration)),
              bench.options(RUNTIME, false));
      Path file = bench.write(quantized.graph(), RUNTIME);
      for (Map.Entry<String, List<Sample>> e : evaluation.entrySet()) {
        double sqnr = sqnr(bench, model, file, e.getKey(), e.getValue());
        double least =
            recipe.precision() == Recipe.Precision.FULL_INTEGER ? leastInteger : leastFloat;
        if (!(sqnr > least)) {
          failures.add(recipe + " " + e.getKey() + ": " + sqnr + " dB");
        }
      }
    }
    assertThat(failures).isEmpty();
  }

  @Test
  void anAdditionAndAMultiplication() throws IOException {
    checkFound("two_signatures.tflite", RECIPES, 35, 70);
  }

  @Test
  void layersThatShareWeights() throws IOException {
    checkFound("weight_sharing_fcs.tflite", RECIPES, 28, 36);
  }

  @Test
  void aModelThatIsHandedItsCache() throws IOException {
    checkFound("toy_model_with_kv_cache_multi_signature.tflite", PLAIN, 20, 30);
  }
}
