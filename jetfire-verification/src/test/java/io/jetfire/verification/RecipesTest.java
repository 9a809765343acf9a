package io.jetfire.verification;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;

import io.jetfire.ActivationRange;
import io.jetfire.Recipe;
import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.quantize.QuantizedGraph;
import io.jetfire.tflite.quantize.Quantizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What recipes can ask for, run on the real kernels beside the float model. */
class RecipesTest {
  private static final String RUNTIME = "2.21.0";

  @TempDir Path folder;

  private static float[] random(int n, long seed) {
    Random random = new Random(seed);
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static List<float[]> samples(int n, int size, long seed) {
    List<float[]> samples = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      samples.add(random(size, seed + i));
    }
    return samples;
  }

  private static Value dense(
      Subgraph main, Value x, String name, int in, int out, Activation activation, long seed) {
    float[] w = random(in * out, seed);
    for (int i = 0; i < w.length; i++) {
      w[i] /= (float) Math.sqrt(in);
    }
    Value y = main.addValue(name, ElementType.FLOAT32, Shape.of(1, out));
    main.append(
        Op.of(OpKind.FULLY_CONNECTED)
            .set("fused_activation_function", activation)
            .inputs(
                x,
                main.addConstant(name + "/w", Shape.of(out, in), w),
                main.addConstant(name + "/b", Shape.of(out), random(out, seed + 1)))
            .outputs(y));
    return y;
  }

  /** Two fully connected layers, 256 → 128 → 64. */
  private static Graph network() {
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(1, 256));
    Value h = dense(main, x, "hidden", 256, 128, Activation.RELU, 1);
    main.outputs(dense(main, h, "scores", 128, 64, Activation.NONE, 3));
    return graph.verify();
  }

  private QuantizedGraph quantize(Bench bench, Graph graph, Recipe recipe, List<float[]> samples) {
    return Quantizer.quantize(
        graph,
        recipe,
        Optional.of(Bench.calibration(samples, 1, samples.get(0).length)),
        bench.options(RUNTIME, false));
  }

  private double sqnr(Bench bench, Graph graph, QuantizedGraph quantized, List<float[]> samples) {
    int size = samples.get(0).length;
    return Bench.sqnr(
        bench.run(bench.write(graph, RUNTIME), samples, 1, size),
        bench.run(bench.write(quantized.graph(), RUNTIME), samples, 1, size));
  }

  private static Quantization.Affine input(QuantizedGraph quantized) {
    return quantized.graph().main().ops().stream()
        .filter(o -> o.kind() == OpKind.FULLY_CONNECTED)
        .findFirst()
        .orElseThrow()
        .input(0)
        .affine()
        .orElseThrow();
  }

  @Test
  void rangesOfActivationsAreChosenAsAsked() {
    Bench bench = new Bench(folder);
    Graph graph = network();
    List<float[]> calibration = samples(60, 256, 100);
    // One value far outside, as a sensor's glitch would be.
    calibration.get(5)[17] = 40;
    List<float[]> evaluation = samples(20, 256, 5000);
    ActivationRange[] choices = {
      ActivationRange.minMax(),
      ActivationRange.percentile(99.9),
      ActivationRange.meanSquaredError(),
      ActivationRange.entropy()
    };
    Quantization.Affine[] chosen = new Quantization.Affine[choices.length];
    for (int i = 0; i < choices.length; i++) {
      Recipe recipe = Recipe.fullInteger().toBuilder().activationRange(choices[i]).build();
      QuantizedGraph quantized = quantize(bench, graph, recipe, calibration);
      chosen[i] = input(quantized);
      assertThat(sqnr(bench, graph, quantized, evaluation))
          .as(choices[i].toString())
          .isGreaterThan(25);
    }

    float lowest = 0;
    for (float[] sample : calibration) {
      for (float v : sample) {
        lowest = Math.min(lowest, v);
      }
    }
    assertThat(chosen[0].scale(0)).isCloseTo((40 - lowest) / 255, withPercentage(1));
    // 99.9 % of a normal distribution lie within 3.29 standard deviations.
    assertThat(chosen[1].scale(0) * 255 / 2).isBetween(3.1f, 3.5f);
    double least = roundingError(calibration, chosen[2]);
    for (Quantization.Affine other : chosen) {
      assertThat(least).isLessThanOrEqualTo(roundingError(calibration, other));
    }
    // The glitch is one value of 15,360 and says little about the distribution.
    assertThat(chosen[3].scale(0) * 255 / 2).isBetween(3f, 6f);
  }

  /** The mean squared error of quantizing all values of samples. */
  private static double roundingError(List<float[]> samples, Quantization.Affine a) {
    double sum = 0;
    for (float[] sample : samples) {
      for (float v : sample) {
        double q = Math.rint(v / a.scale(0)) + a.zeroPoint(0);
        double d = v - (Math.max(-128, Math.min(127, q)) - a.zeroPoint(0)) * a.scale(0);
        sum += d * d;
      }
    }
    return sum;
  }

  @Test
  void rangesOf16BitActivationsAreChosenAsAsked() {
    Bench bench = new Bench(folder);
    Graph graph = network();
    List<float[]> calibration = samples(60, 256, 100);
    List<float[]> evaluation = samples(20, 256, 5000);
    for (ActivationRange choice :
        List.of(
            ActivationRange.minMax(),
            ActivationRange.percentile(99.999),
            ActivationRange.meanSquaredError(),
            ActivationRange.entropy())) {
      Recipe recipe = Recipe.int16x8().toBuilder().activationRange(choice).build();
      QuantizedGraph quantized = quantize(bench, graph, recipe, calibration);

      assertThat(input(quantized).scale(0) * 32767).as(choice.toString()).isBetween(3.5f, 6f);
      assertThat(sqnr(bench, graph, quantized, evaluation)).as(choice.toString()).isGreaterThan(30);
    }
  }

  @Test
  void rangesThatAreAskedForAreNotWeighedAgainstOthers() {
    Bench bench = new Bench(folder);
    Recipe recipe =
        Recipe.fullInteger().toBuilder().activationRange(ActivationRange.percentile(99)).build();

    QuantizedGraph quantized = quantize(bench, network(), recipe, samples(60, 256, 100));

    // 99 % lie within 2.58 standard deviations, although that clips too much to be best.
    assertThat(input(quantized).scale(0) * 255 / 2).isBetween(2.45f, 2.7f);
  }
}
