package io.jetfire.verification;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.jetfire.Dataset;
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
import io.jetfire.tflite.format.TargetRuntime;
import io.jetfire.tflite.format.TfliteReader;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.quantize.QuantizedGraph;
import io.jetfire.tflite.quantize.Quantizer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models that others made, with their quirks: by every recipe, run beside what they were. */
class FoundModelsTest {
  private static final List<Recipe> RECIPES =
      List.of(
          Recipe.float16(),
          Recipe.dynamicRange(),
          Recipe.weightOnly(),
          Recipe.fullInteger().toBuilder().edgeType(TensorType.UINT8).build(),
          Recipe.int16x8());

  @TempDir Path folder;

  private static Path data() {
    String set = System.getenv("JETFIRE_SHARED_DATA");
    return Path.of(set == null ? "../../shared/data" : set).resolve("models");
  }

  private static List<Path> models(String name) throws IOException {
    Path found = data().resolve(name);
    assumeTrue(Files.isDirectory(found), "there is no shared data");
    try (Stream<Path> files = Files.list(found)) {
      return files.filter(f -> f.toString().endsWith(".tflite")).sorted().toList();
    }
  }

  private static Tensor input(TensorSpec spec, Random random) {
    int n = 1;
    int[] shape = spec.shape().clone();
    for (int i = 0; i < shape.length; i++) {
      shape[i] = shape[i] < 0 ? 1 : shape[i];
      n *= shape[i];
    }
    if (spec.type() == TensorType.FLOAT32) {
      float[] values = new float[n];
      for (int i = 0; i < n; i++) {
        values[i] = (float) random.nextGaussian();
      }
      return Tensor.ofFloats(values, shape);
    }
    if (spec.type() == TensorType.INT32) {
      return Tensor.ofInts(new int[n], shape);
    }
    byte[] bytes = new byte[n * spec.type().bytes()];
    if (spec.type().bytes() == 1 && spec.type() != TensorType.BOOL) {
      random.nextBytes(bytes);
    }
    return Tensor.of(spec.type(), ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder()), shape);
  }

  private static List<Sample> samples(List<TensorSpec> specs, int n, long seed) {
    Random random = new Random(seed);
    List<Sample> all = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      Map<String, Tensor> inputs = new LinkedHashMap<>();
      specs.forEach(s -> inputs.put(s.name(), input(s, random)));
      all.add(Sample.of("sample-" + i, inputs, Target.none()));
    }
    return all;
  }

  private static List<float[]> run(Bench bench, Path file, List<Sample> samples) {
    List<float[]> outputs = new ArrayList<>();
    ModelRuntime.Options options =
        ModelRuntime.Options.defaults().isolation(ModelRuntime.Isolation.IN_PROCESS);
    try (ModelRuntime.Session session = bench.runtime().open(Model.of(file, "tflite"), options)) {
      for (Sample sample : samples) {
        List<Tensor> out = session.run(Preprocessing.none().apply(sample, session.inputs()));
        for (int i = 0; i < out.size(); i++) {
          outputs.add(session.outputs().get(i).dequantize(out.get(i)).toFloatArray());
        }
      }
    }
    return outputs;
  }

  private static List<TensorSpec> inputs(Bench bench, Path model) {
    ModelRuntime.Options options =
        ModelRuntime.Options.defaults().isolation(ModelRuntime.Isolation.IN_PROCESS);
    try (ModelRuntime.Session session = bench.runtime().open(Model.of(model, "tflite"), options)) {
      return session.inputs();
    }
  }

  private static ConverterBackend.Calibration calibration(List<Sample> samples) {
    return new ConverterBackend.Calibration(
        Dataset.of("calibration", List.of(), samples), Preprocessing.none(), samples.size());
  }

  private void check(String group, Set<String> without, double least) throws IOException {
    Bench bench = new Bench(folder);
    List<String> failures = new ArrayList<>();
    for (Path model : models(group)) {
      String name = model.getFileName().toString();
      if (without.contains(name)) {
        continue;
      }
      List<TensorSpec> specs = inputs(bench, model);
      List<Sample> evaluation = samples(specs, 2, 1);
      List<float[]> expected = run(bench, model, evaluation);
      for (Recipe recipe : RECIPES) {
        // Dynamic range for an old target, whose form of fully connected layers differs.
        String target = recipe.equals(Recipe.dynamicRange()) ? "2.16.1" : "2.21.0";
        try {
          QuantizedGraph quantized =
              Quantizer.quantize(
                  TfliteReader.read(model),
                  recipe,
                  recipe.precision() == Recipe.Precision.FLOAT16
                      ? Optional.empty()
                      : Optional.of(calibration(samples(specs, 4, 1))),
                  bench.options(target, false));
          Path file = folder.resolve("found.tflite");
          TfliteWriter.write(
              quantized.graph(),
              file,
              WriteOptions.builder()
                  .target(TargetRuntime.of(name.contains("composite") ? "2.21.0" : target))
                  .build());
          double sqnr = Bench.sqnr(expected, run(bench, file, evaluation));
          if (!(sqnr > least)) {
            failures.add(name + " " + recipe + ": " + sqnr + " dB");
          }
        } catch (RuntimeException e) {
          failures.add(name + " " + recipe + ": " + e);
        }
      }
    }
    assertThat(failures).isEmpty();
  }

  @Test
  void modelsWithOneQuirkEach() throws IOException {
    check(
        "quantizer",
        Set.of(
            // The slice reads beyond its input with any values but those it was made for.
            "single_slice.tflite",
            // SignaturesTest runs every signature of these.
            "two_signatures.tflite",
            "toy_model_with_kv_cache_multi_signature.tflite",
            "weight_sharing_fcs.tflite"),
        20);
  }

  @Test
  void quantizationAwareModelsKeepTheirParameters() throws IOException {
    Path model = data().resolve("coral").resolve("mobilenet_v1_0.25_128_quant.tflite");
    assumeTrue(Files.exists(model), "there is no shared data");
    Bench bench = new Bench(folder);
    List<TensorSpec> specs = inputs(bench, model);
    List<Sample> evaluation = samples(specs, 2, 1);
    List<float[]> expected = run(bench, model, evaluation);
    for (Recipe recipe : List.of(Recipe.fullInteger(), Recipe.dynamicRange())) {
      Graph graph = TfliteReader.read(model);
      QuantizedGraph quantized =
          Quantizer.quantize(
              graph,
              recipe,
              Optional.of(calibration(samples(specs, 4, 1))),
              bench.options("2.21.0", false));

      assertThat(run(bench, bench.write(quantized.graph(), "2.21.0"), evaluation))
          .usingRecursiveComparison()
          .isEqualTo(expected);
      assertThat(quantized.graph().main().inputs().get(0).quantization())
          .isEqualTo(graph.main().inputs().get(0).quantization());
    }
  }

  @Test
  void weightsThatAreAlreadySmallStayWhatTheyAre() throws IOException {
    Path model = data().resolve("tiny").resolve("kws_dynamic_range.tflite");
    assumeTrue(Files.exists(model), "there is no shared data");
    Bench bench = new Bench(folder);
    List<TensorSpec> specs = inputs(bench, model);
    List<Sample> evaluation = samples(specs, 3, 1);
    List<float[]> expected = run(bench, model, evaluation);
    for (Recipe recipe : RECIPES) {
      QuantizedGraph quantized =
          Quantizer.quantize(
              TfliteReader.read(model),
              recipe,
              Optional.of(calibration(samples(specs, 6, 1))),
              bench.options("2.21.0", false));

      assertThat(
              Bench.sqnr(
                  expected, run(bench, bench.write(quantized.graph(), "2.21.0"), evaluation)))
          .as(recipe.toString())
          .isGreaterThan(30);
    }
  }
}
