package io.jetfire.verification;

import io.jetfire.Dataset;
import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Preprocessing;
import io.jetfire.Sample;
import io.jetfire.Target;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.runtime.TfliteRuntimeProvider;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ProviderContext;
import io.jetfire.tflite.format.TargetRuntime;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.quantize.QuantizeOptions;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Runs graphs on the real kernels. */
final class Bench {
  private final Path folder;
  private final ModelRuntime runtime;
  private int files;

  Bench(Path folder) {
    this.folder = folder;
    this.runtime = new TfliteRuntimeProvider().create(new Context(folder, Map.of(), null));
  }

  /**
   * What providers are made in.
   *
   * @param workDirectory for all files
   * @param settings what the user would have set
   * @param runtime what executes models, or null if it is what is being made
   */
  record Context(Path workDirectory, Map<String, String> settings, @Nullable ModelRuntime runtime)
      implements ProviderContext {
    @Override
    public Optional<String> configuration(String key) {
      return Optional.ofNullable(settings.get(key));
    }

    @Override
    public Path cacheDirectory() {
      return workDirectory;
    }

    @Override
    public Clock clock() {
      return Clock.systemUTC();
    }

    @Override
    public ModelRuntime modelRuntime(String format) {
      return Objects.requireNonNull(runtime, "the runtime is the one that is being made");
    }
  }

  ModelRuntime runtime() {
    return runtime;
  }

  QuantizeOptions options(String targetRuntime) {
    return options(targetRuntime, true);
  }

  QuantizeOptions options(String targetRuntime, boolean search) {
    return QuantizeOptions.builder()
        .search(search)
        .runtime(runtime)
        .targetRuntime(targetRuntime)
        .workDirectory(folder)
        .build();
  }

  Path write(Graph graph, String targetRuntime) {
    Path file = folder.resolve("model" + files++ + ".tflite");
    TfliteWriter.write(graph, file, WriteOptions.target(TargetRuntime.of(targetRuntime)));
    return file;
  }

  /** Runs a model on samples; real numbers go in and come out. */
  List<float[]> run(Path file, List<float[]> samples, int... shape) {
    return run(file, Delegate.XNNPACK, samples, shape);
  }

  List<float[]> run(Path file, Delegate delegate, List<float[]> samples, int... shape) {
    List<float[]> outputs = new ArrayList<>();
    ModelRuntime.Options options =
        ModelRuntime.Options.defaults()
            .delegate(delegate)
            .isolation(ModelRuntime.Isolation.IN_PROCESS);
    try (ModelRuntime.Session session = runtime.open(Model.of(file, "tflite"), options)) {
      TensorSpec in = session.inputs().get(0);
      TensorSpec out = session.outputs().get(0);
      for (float[] sample : samples) {
        Tensor result = session.run(List.of(in.quantize(Tensor.ofFloats(sample, shape)))).get(0);
        outputs.add(out.dequantize(result).toFloatArray());
      }
    }
    return outputs;
  }

  static ConverterBackend.Calibration calibration(List<float[]> samples, int... shape) {
    List<Sample> all = new ArrayList<>();
    for (int i = 0; i < samples.size(); i++) {
      all.add(Sample.of("sample-" + i, Tensor.ofFloats(samples.get(i), shape), Target.none()));
    }
    return new ConverterBackend.Calibration(
        Dataset.of("calibration", List.of(), all), Preprocessing.none(), all.size());
  }

  /** 10·log10(Σ reference² / Σ (reference − actual)²). */
  static double sqnr(List<float[]> reference, List<float[]> actual) {
    double signal = 0;
    double error = 0;
    for (int s = 0; s < reference.size(); s++) {
      for (int i = 0; i < reference.get(s).length; i++) {
        double r = reference.get(s)[i];
        double d = r - actual.get(s)[i];
        signal += r * r;
        error += d * d;
      }
    }
    return error == 0 ? Double.POSITIVE_INFINITY : 10 * Math.log10(signal / error);
  }

  static List<float[]> split(float[] values, int each) {
    List<float[]> parts = new ArrayList<>();
    for (int from = 0; from + each <= values.length; from += each) {
      parts.add(Arrays.copyOfRange(values, from, from + each));
    }
    return parts;
  }
}
