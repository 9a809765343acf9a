package io.jetfire.verification;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.jetfire.Advice;
import io.jetfire.Explanation;
import io.jetfire.Recipe;
import io.jetfire.tflite.format.TfliteReader;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.quantize.Advisor;
import io.jetfire.tflite.quantize.Explainer;
import io.jetfire.tflite.quantize.QuantizeOptions;
import io.jetfire.tflite.quantize.QuantizedGraph;
import io.jetfire.tflite.quantize.Quantizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Beats TensorFlow's own converter on the same weights and calibration samples. */
class ReferenceNetworksTest {
  private static final String RUNTIME = "2.21.0";

  private record Variant(String tensorflow, Recipe recipe) {}

  private static final List<Variant> VARIANTS =
      List.of(
          new Variant("float16", Recipe.float16()),
          new Variant("dynamic", Recipe.dynamicRange()),
          new Variant("int8", Recipe.fullInteger()),
          new Variant("int16x8", Recipe.int16x8()));

  @TempDir Path folder;

  private static ReferenceNetworks network(String name) {
    Optional<ReferenceNetworks> found = ReferenceNetworks.find(name);
    assumeTrue(found.isPresent(), "the shared data are absent; set JETFIRE_SHARED_DATA");
    return found.orElseThrow();
  }

  @Test
  void fullIntegerOfTheAutoencoderBeatsTensorFlowByFarAndIsIntegerThroughout() {
    ReferenceNetworks network = network("ad01");
    Bench bench = new Bench(folder);
    QuantizedGraph quantized = quantize(network, Recipe.fullInteger(), bench);

    Path file = bench.write(quantized.graph(), RUNTIME);
    double ours = Bench.sqnr(network.expected(), bench.run(file, network.evaluation(), 1, 640));
    double theirs =
        Bench.sqnr(
            network.expected(), bench.run(network.model("int8"), network.evaluation(), 1, 640));

    assertThat(ours).isGreaterThan(theirs + 6);
    assertThat(floatOperators(quantized.graph())).isEmpty();
    assertThat(quantized.notes()).noneMatch(n -> n.startsWith("Left float"));
  }

  @Test
  void anExplanationNamesSuspectsAndShowsRangesThatWereCutOff() {
    ReferenceNetworks network = network("ad01");
    Bench bench = new Bench(folder);
    List<float[]> quiet =
        network.calibration().stream()
            .limit(60)
            .map(
                s -> {
                  float[] half = s.clone();
                  for (int i = 0; i < half.length; i++) {
                    half[i] *= 0.3f;
                  }
                  return half;
                })
            .toList();
    Recipe recipe = Recipe.fullInteger();
    QuantizedGraph quantized =
        Quantizer.quantize(
            TfliteReader.read(network.model("float32")),
            recipe,
            Optional.of(Bench.calibration(quiet, 1, 640)),
            bench.options(RUNTIME));

    Explanation why =
        Explainer.explain(
            quantized,
            recipe,
            Bench.calibration(network.calibration(), 1, 640),
            bench.options(RUNTIME));

    assertThat(why.suspects()).isNotEmpty();
    assertThat(why.layers()).anyMatch(l -> l.saturatedPercent() > 0.5);
    assertThat(why.suspects().get(0).recipe().rules()).isNotEmpty();
    assertThat(why.layers()).allSatisfy(l -> assertThat(l.accumulatedSqnrDb()).isNotNaN());
    assertThat(why.toString()).contains("FULLY_CONNECTED");
  }

  @Test
  void anAdviceIsTheSmallestModelWithinTheBudget() {
    ReferenceNetworks network = network("ad01");
    Bench bench = new Bench(folder);
    List<float[]> evaluation = network.evaluation().subList(0, 100);
    List<float[]> expected = network.expected().subList(0, 100);
    List<Advice.Trial> seen = new ArrayList<>();

    Advice advice =
        Advisor.advise(
            TfliteReader.read(network.model("float32")),
            Bench.calibration(network.calibration().subList(0, 60), 1, 640),
            QuantizeOptions.builder()
                .runtime(bench.runtime())
                .workDirectory(folder)
                .targetRuntime(RUNTIME)
                .search(false)
                .build(),
            graph ->
                Bench.sqnr(expected, bench.run(bench.write(graph, RUNTIME), evaluation, 1, 640)),
            30,
            "SQNR dB",
            java.time.Duration.ofMinutes(2),
            seen::add);

    assertThat(advice.trials()).isEqualTo(seen);
    assertThat(advice.trials().size()).isGreaterThanOrEqualTo(5);
    Advice.Trial smallest = advice.smallest().orElseThrow();
    assertThat(smallest.accuracy()).isGreaterThanOrEqualTo(30);
    assertThat(seen)
        .filteredOn(t -> t.accuracy() >= 30)
        .allSatisfy(t -> assertThat(t.sizeBytes()).isGreaterThanOrEqualTo(smallest.sizeBytes()));
    assertThat(advice.toString()).contains("Smallest with SQNR dB of at least 30.0");
  }

  @Test
  void anAdviceBySignalToNoiseNeedsNoLabelsAndStopsAtItsTimeLimit() {
    ReferenceNetworks network = network("ad01");
    Bench bench = new Bench(folder);
    QuantizeOptions options = bench.options(RUNTIME, false);
    Graph graph = TfliteReader.read(network.model("float32"));
    List<Advice.Trial> seen = new ArrayList<>();

    Advice advice =
        Advisor.advise(
            graph,
            Bench.calibration(network.calibration().subList(0, 20), 1, 640),
            options,
            Advisor.signalToNoise(
                graph, Bench.calibration(network.evaluation().subList(0, 20), 1, 640), options),
            60,
            "SQNR dB",
            java.time.Duration.ofNanos(1),
            seen::add);
    double same =
        Advisor.signalToNoise(
                graph, Bench.calibration(network.evaluation().subList(0, 5), 1, 640), options)
            .applyAsDouble(graph.copy());

    assertThat(advice.complete()).isFalse();
    assertThat(advice.trials()).isEqualTo(seen);
    assertThat(advice.trials().size()).isLessThan(5);
    assertThat(same).isGreaterThan(100);
  }

  @Tag("proof")
  @ParameterizedTest
  @ValueSource(strings = {"resnet8", "ad01", "mnv2"})
  void noVariantIsWorseThanTensorFlows(String name) throws IOException {
    ReferenceNetworks network = network(name);
    Bench bench = new Bench(folder);
    StringBuilder table = new StringBuilder();
    List<String> worse = new ArrayList<>();
    for (Variant variant : VARIANTS) {
      long start = System.nanoTime();
      QuantizedGraph quantized = quantize(network, variant.recipe(), bench);
      Path file = bench.write(quantized.graph(), RUNTIME);
      double seconds = (System.nanoTime() - start) / 1e9;
      Path theirs = network.model(variant.tensorflow());
      double ours = Bench.sqnr(network.expected(), run(bench, file, network));
      double theirDb = Bench.sqnr(network.expected(), run(bench, theirs, network));
      String line =
          String.format(
              Locale.ROOT,
              "%-8s %-8s %8d B %7.2f dB   TensorFlow %8d B %7.2f dB   %6.1f s   %s%n",
              name,
              variant.tensorflow(),
              Files.size(file),
              ours,
              Files.size(theirs),
              theirDb,
              seconds,
              quantized.methods().isEmpty()
                  ? ""
                  : quantized.methods().get(quantized.methods().size() - 1));
      table.append(line);
      if (ours < theirDb - 0.1) {
        worse.add(line);
      }
      assertThat(Files.size(file))
          .as(line)
          .isLessThan(Math.max(Files.size(theirs) * 101 / 100, Files.size(theirs) + 1024));
      if (variant.tensorflow().equals("int8") || variant.tensorflow().equals("int16x8")) {
        assertThat(floatOperators(quantized.graph())).isEmpty();
      }
    }
    Files.createDirectories(Path.of("target"));
    Files.writeString(Path.of("target", "accuracy-" + name + ".txt"), table);
    assertThat(worse).as(table.toString()).isEmpty();
  }

  private static List<float[]> run(Bench bench, Path file, ReferenceNetworks network) {
    return bench.run(file, network.evaluation(), network.shape());
  }

  private static QuantizedGraph quantize(ReferenceNetworks network, Recipe recipe, Bench bench) {
    return Quantizer.quantize(
        TfliteReader.read(network.model("float32")),
        recipe,
        Optional.of(Bench.calibration(network.calibration(), network.shape())),
        bench.options(RUNTIME));
  }

  /** Operators that compute floats, other than those at the edges. */
  private static List<Op> floatOperators(Graph graph) {
    return graph.main().ops().stream()
        .filter(op -> op.kind() != OpKind.QUANTIZE && op.kind() != OpKind.DEQUANTIZE)
        .filter(
            op ->
                op.outputs().stream().anyMatch(v -> v.type() == ElementType.FLOAT32)
                    || op.inputs().stream()
                        .anyMatch(v -> v != null && v.type() == ElementType.FLOAT32))
        .toList();
  }
}
