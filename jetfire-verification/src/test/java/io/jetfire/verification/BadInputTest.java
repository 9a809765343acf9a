package io.jetfire.verification;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.ConfigurationException;
import io.jetfire.DataException;
import io.jetfire.Dataset;
import io.jetfire.Preprocessing;
import io.jetfire.Recipe;
import io.jetfire.RunCancelledException;
import io.jetfire.Sample;
import io.jetfire.Target;
import io.jetfire.Tensor;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.quantize.QuantizeOptions;
import io.jetfire.tflite.quantize.QuantizedGraph;
import io.jetfire.tflite.quantize.Quantizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is said where a model cannot be quantized well, or at all. */
class BadInputTest {
  private static final String RUNTIME = "2.21.0";

  @TempDir Path folder;

  /** A fully connected layer over one input, a power of another, and their sum. */
  private static Graph network() {
    Random random = new Random(7);
    float[] w = new float[8 * 6];
    for (int i = 0; i < w.length; i++) {
      w[i] = (float) random.nextGaussian();
    }
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value a = main.addInput("a", ElementType.FLOAT32, Shape.of(1, 8));
    Value b = main.addInput("b", ElementType.FLOAT32, Shape.of(1, 6));
    Value f = main.addValue("dense", ElementType.FLOAT32, Shape.of(1, 6));
    main.append(
        Op.of(OpKind.FULLY_CONNECTED)
            .inputs(a, main.addConstant("w", Shape.of(6, 8), w), null)
            .outputs(f));
    Value p = main.addValue("power", ElementType.FLOAT32, Shape.of(1, 6));
    main.append(Op.of(OpKind.POW).inputs(b, main.addConstant("two", Shape.of(1), 2f)).outputs(p));
    Value y = main.addValue("sum", ElementType.FLOAT32, Shape.of(1, 6));
    main.append(Op.of(OpKind.ADD).inputs(f, p).outputs(y));
    main.outputs(y);
    return graph.verify();
  }

  private static Map<String, Tensor> inputs(Random random) {
    float[] a = new float[8];
    float[] b = new float[6];
    for (int i = 0; i < a.length; i++) {
      a[i] = (float) random.nextGaussian();
    }
    for (int i = 0; i < b.length; i++) {
      b[i] = (float) random.nextGaussian() / 4;
    }
    // Named, and in another order than the model's.
    Map<String, Tensor> inputs = new LinkedHashMap<>();
    inputs.put("b", Tensor.ofFloats(b, 1, 6));
    inputs.put("a", Tensor.ofFloats(a, 1, 8));
    return inputs;
  }

  private static List<Sample> samples(int n) {
    Random random = new Random(11);
    List<Sample> all = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      all.add(Sample.of("sample-" + i, inputs(random), Target.none()));
    }
    return all;
  }

  private static Sample with(Sample sample, String input, Tensor tensor) {
    Map<String, Tensor> inputs = new LinkedHashMap<>(sample.inputs());
    inputs.put(input, tensor);
    return Sample.of(sample.id(), inputs, Target.none());
  }

  private QuantizedGraph quantize(List<Sample> samples) {
    return quantize(samples, new Bench(folder).options(RUNTIME, false));
  }

  private static QuantizedGraph quantize(List<Sample> samples, QuantizeOptions options) {
    return Quantizer.quantize(
        network(),
        Recipe.fullInteger(),
        Optional.of(
            new ConverterBackend.Calibration(
                Dataset.of("few", List.of(), samples),
                Preprocessing.none(),
                Math.max(1, samples.size()))),
        options);
  }

  @Test
  void inputsAreFoundByNameAndOperatorsWithoutAnIntegerFormAreNamed() {
    QuantizedGraph quantized = quantize(samples(60));

    assertThat(quantized.samples()).isEqualTo(60);
    assertThat(quantized.notes())
        .containsExactly("Left float, because there is no integer form of POW: POW power");
  }

  @Test
  void fewSamplesAreWarnedAboutWithHowFarTwoHalvesDiffer() {
    assertThat(quantize(samples(6)).notes())
        .anyMatch(
            n ->
                n.matches(
                    "Only 6 calibration sample\\(s\\); ranges of the two halves differ by \\d+ % of"
                        + " their size on average; 100 to 500 are usual"));
    assertThat(quantize(samples(1)).notes())
        .anyMatch(n -> n.matches("Only 1 calibration sample\\(s\\); 100 to 500 are usual"));
  }

  @Test
  void valuesThatAreNotFiniteAreNamed() {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      List<Sample> samples = samples(12);
      samples.set(
          7, with(samples.get(7), "b", Tensor.ofFloats(new float[] {1, 2, 3, bad, 5, 6}, 1, 6)));

      assertThatThrownBy(() -> quantize(samples))
          .isInstanceOf(DataException.class)
          .hasMessageContainingAll("sample-7", String.valueOf(bad), "element 3", "'b'", "remove");
    }
  }

  @Test
  void shapesThatDoNotFitAreNamed() {
    List<Sample> samples = samples(12);
    samples.set(3, with(samples.get(3), "a", Tensor.ofFloats(new float[5], 1, 5)));

    assertThatThrownBy(() -> quantize(samples))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("sample-3", "5", "8");
  }

  @Test
  void missingInputsAreNamed() {
    List<Sample> samples = samples(12);
    samples.set(
        2, Sample.of("half", Map.of("a", Tensor.ofFloats(new float[8], 1, 8)), Target.none()));

    assertThatThrownBy(() -> quantize(samples))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("half", "1 inputs", "[a]");
  }

  @Test
  void noSamplesAreAnErrorThatNamesTheDataset() {
    assertThatThrownBy(() -> quantize(List.of()))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("'few'", "no samples");
  }

  @Test
  void samplesOfOneValueThroughoutAreNamed() {
    List<Sample> samples = samples(60);
    Sample dark =
        with(
            with(samples.get(9), "a", Tensor.ofFloats(new float[8], 1, 8)),
            "b",
            Tensor.ofFloats(new float[6], 1, 6));
    samples.set(9, dark);

    assertThat(quantize(samples).notes())
        .contains("1 calibration sample(s) have one value throughout, such as 'sample-9'");
  }

  @Test
  void inputsThatNeverChangeAreNamed() {
    List<Sample> samples = new ArrayList<>();
    for (Sample s : samples(60)) {
      samples.add(with(s, "a", Tensor.ofFloats(new float[] {3, 3, 3, 3, 3, 3, 3, 3}, 1, 8)));
    }

    assertThat(quantize(samples).notes())
        .contains(
            "The input 'a' is 3.0 in all calibration samples; other values will be clipped to the"
                + " range from 0 to it");
  }

  @Test
  void withoutARuntimeTheArtifactIsNamed() {
    assertThatThrownBy(
            () -> quantize(samples(12), QuantizeOptions.builder().targetRuntime(RUNTIME).build()))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll("executes the model on this host", "jetfire-runtime");
  }

  @Test
  void cancellationEndsCalibration() {
    Bench bench = new Bench(folder);
    int[] asked = {0};
    QuantizeOptions options =
        QuantizeOptions.builder()
            .runtime(bench.runtime())
            .workDirectory(folder)
            .targetRuntime(RUNTIME)
            .cancellation(() -> ++asked[0] > 20)
            .build();

    assertThatThrownBy(() -> quantize(samples(60), options))
        .isInstanceOf(RunCancelledException.class);
  }
}
