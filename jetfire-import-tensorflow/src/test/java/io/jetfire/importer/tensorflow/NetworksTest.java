package io.jetfire.importer.tensorflow;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.jetfire.Tensor;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.tflite.format.TfliteReader;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Signature;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ModelImporter;
import io.jetfire.tflite.importer.ModelImporters;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole networks, against the outputs of TensorFlow and the files of its own converter. */
@SuppressWarnings("NullAway.Init") // JUnit fills the folder, create() the runner.
class NetworksTest {
  /** Of the largest output: sums of float32 in another order differ by this much. */
  private static final double TOLERANCE = 1e-5;

  @TempDir Path folder;
  private Runner runner;

  @BeforeEach
  void create() {
    runner = new Runner(folder);
  }

  @AfterEach
  void close() {
    runner.close();
  }

  private static Graph read(Path model) {
    ModelImporter importer = ModelImporters.load().find(model).orElseThrow();
    return importer.read(model, ImportOptions.defaults());
  }

  private static float[] floats(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    float[] out = new float[bytes.length / 4];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(out);
    return out;
  }

  @ParameterizedTest
  @CsvSource({
    "models/tiny/resnet8.h5, resnet8, 1, 32, 32, 3",
    "models/tiny/ad01.h5, ad01, 1, 640, 0, 0",
    "models/keras/mobilenet_v2_035_96.keras, mnv2, 1, 96, 96, 3"
  })
  void outputsAndSizesMatchTensorFlow(
      String file, String reference, int batch, int h, int w, int channels) throws IOException {
    Graph graph = read(SharedData.path(file));
    Path at = SharedData.path("reference", reference);
    Graph theirs = TfliteReader.read(at.resolve("tf-float32.tflite"));
    assertThat(graph.main().ops()).hasSizeLessThanOrEqualTo(theirs.main().ops().size());
    Path written = runner.write(graph);
    assertThat(Files.size(written))
        .isLessThanOrEqualTo(Files.size(at.resolve("tf-float32.tflite")));
    int[] shape = w == 0 ? new int[] {batch, h} : new int[] {batch, h, w, channels};
    float[] inputs = floats(at.resolve("evaluation.f32"));
    float[] expected = floats(at.resolve("expected-float32.f32"));
    int size = w == 0 ? h : h * w * channels;
    int samples = inputs.length / size;
    int outputs = expected.length / samples;
    double worst = 0;
    double largest = 1;
    try (ModelRuntime.Session session = runner.open(written)) {
      for (int s = 0; s < samples; s++) {
        float[] one = java.util.Arrays.copyOfRange(inputs, s * size, (s + 1) * size);
        session.input(0, Tensor.ofFloats(one, shape));
        session.invoke();
        float[] found = session.output(0).toFloatArray();
        assertThat(found).hasSize(outputs);
        for (int i = 0; i < outputs; i++) {
          float e = expected[s * outputs + i];
          double d = Math.abs((double) found[i] - e);
          worst = Math.max(worst, Double.isNaN(d) ? Double.POSITIVE_INFINITY : d);
          largest = Math.max(largest, Math.abs(e));
        }
      }
    }
    assertThat(worst / largest).isLessThan(TOLERANCE);
  }

  @Test
  void keywordSpottingFromItsSavedModelGivesWhatTensorFlowGives() throws IOException {
    Graph graph = read(SharedData.path("models", "tiny", "kws_saved_model"));
    Signature signature = graph.signature("serving_default").orElseThrow();
    assertThat(signature.inputs().keySet()).containsExactly("input_1");
    assertThat(signature.outputs().keySet()).containsExactly("dense");
    // Batch normalization is in the convolutions, and nothing of training is left.
    assertThat(graph.main().ops()).hasSize(13);
    assertThat(graph.main().ops().stream().map(o -> o.kind()))
        .doesNotContain(OpKind.MUL, OpKind.ADD, OpKind.TRANSPOSE);
    float[] input = new float[490];
    for (int i = 0; i < input.length; i++) {
      input[i] = (float) Math.sin(0.37 * i);
    }
    // What TensorFlow 2.21 computes from the same folder.
    float[] expected = {
      0.021909f, 0.0352257f, 0.0204051f, 0.0071428f, 0.0282225f, 0.0737438f,
      0.0223004f, 0.0157102f, 0.0231282f, 0.00842566f, 0.000879332f, 0.742907f
    };
    assertThat(runner.run(graph, input).get(0))
        .containsExactly(expected, org.assertj.core.data.Offset.offset(1e-5f));
  }

  /** The layers of AD01 one after the other, in double precision. */
  private static double[] exact(
      KerasFile file, Map<String, Map<String, float[]>> weights, float[] input) {
    double[] x = new double[input.length];
    for (int i = 0; i < x.length; i++) {
      x[i] = input[i];
    }
    for (JsonNode layer : file.config().path("config").path("layers")) {
      JsonNode config = layer.path("config");
      Map<String, float[]> own = weights.getOrDefault(config.path("name").asText(), Map.of());
      switch (layer.path("class_name").asText()) {
        case "Dense" -> x = dense(x, own, config.path("activation").asText());
        case "BatchNormalization" -> {
          float[] gamma = Objects.requireNonNull(own.get("gamma"));
          float[] beta = Objects.requireNonNull(own.get("beta"));
          float[] mean = Objects.requireNonNull(own.get("moving_mean"));
          float[] variance = Objects.requireNonNull(own.get("moving_variance"));
          for (int i = 0; i < x.length; i++) {
            double deviation = Math.sqrt(variance[i] + config.path("epsilon").asDouble());
            x[i] = (x[i] - mean[i]) / deviation * gamma[i] + beta[i];
          }
        }
        case "Activation" -> {
          assertThat(config.path("activation").asText()).isEqualTo("relu");
          x = java.util.Arrays.stream(x).map(v -> Math.max(v, 0)).toArray();
        }
        default -> assertThat(layer.path("class_name").asText()).isEqualTo("InputLayer");
      }
    }
    return x;
  }

  private static double[] dense(double[] x, Map<String, float[]> weights, String activation) {
    assertThat(activation).isEqualTo("linear");
    float[] kernel = Objects.requireNonNull(weights.get("kernel"));
    float[] bias = Objects.requireNonNull(weights.get("bias"));
    double[] y = new double[bias.length];
    for (int o = 0; o < y.length; o++) {
      y[o] = bias[o];
      for (int i = 0; i < x.length; i++) {
        y[o] += x[i] * kernel[i * y.length + o];
      }
    }
    return y;
  }

  @Test
  void outputsAreCloserToTheExactOnesThanTensorFlowsOwn() throws IOException {
    Path model = SharedData.path("models", "tiny", "ad01.h5");
    KerasFile file = KerasFile.read(model);
    List<KerasWeights.Named> names = new ArrayList<>();
    for (JsonNode layer : file.config().path("config").path("layers")) {
      names.add(
          new KerasWeights.Named(
              layer.path("config").path("name").asText(), layer.path("class_name").asText()));
    }
    Map<String, Map<String, float[]>> weights = new HashMap<>();
    file.weights()
        .layers(names)
        .forEach(
            (layer, arrays) -> {
              Map<String, float[]> own = new HashMap<>();
              for (String array :
                  List.of("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")) {
                arrays.find(0, array).ifPresent(a -> own.put(array, a.values()));
              }
              weights.put(layer, own);
            });
    Path at = SharedData.path("reference", "ad01");
    float[] inputs = floats(at.resolve("evaluation.f32"));
    float[] theirs = floats(at.resolve("expected-float32.f32"));
    double ourError = 0;
    double theirError = 0;
    try (ModelRuntime.Session session = runner.open(runner.write(read(model)))) {
      for (int s = 0; s < inputs.length / 640; s++) {
        float[] one = java.util.Arrays.copyOfRange(inputs, s * 640, (s + 1) * 640);
        session.input(0, Tensor.ofFloats(one, 1, 640));
        session.invoke();
        float[] ours = session.output(0).toFloatArray();
        double[] exact = exact(file, weights, one);
        for (int i = 0; i < ours.length; i++) {
          ourError = Math.max(ourError, Math.abs(ours[i] - exact[i]));
          theirError = Math.max(theirError, Math.abs(theirs[s * 640 + i] - exact[i]));
        }
      }
    }
    // Of outputs up to 57: this network is so badly conditioned that float32 in any order of sums
    // is
    // some 2e-3 away, and two of them differ by more than 1e-4.
    assertThat(ourError).as("against %s", theirError).isLessThan(theirError);
    assertThat(ourError).isLessThan(3e-3);
  }
}
