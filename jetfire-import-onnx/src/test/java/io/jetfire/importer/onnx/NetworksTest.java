package io.jetfire.importer.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.TensorType;
import io.jetfire.runtime.TfliteRuntimeProvider;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.testkit.TestProviderContext;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.ImportOptions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole networks of two PyTorch exporters, against the outputs that PyTorch gave. */
@SuppressWarnings("NullAway.Init") // JUnit fills the folder, create() the runtime.
class NetworksTest {
  private static final double TOLERANCE = 1e-4;
  private static final String FACE = "version-slim-320_without_postprocessing";

  @TempDir Path folder;
  private ModelRuntime runtime;

  @BeforeEach
  void create() {
    runtime = new TfliteRuntimeProvider().create(TestProviderContext.in(folder));
  }

  @AfterEach
  void close() {
    runtime.close();
  }

  private static Path data(String first, String... more) {
    String set = System.getProperty("JETFIRE_SHARED_DATA", System.getenv("JETFIRE_SHARED_DATA"));
    Path root = set == null ? Path.of("..", "..", "shared", "data") : Path.of(set);
    Assumptions.assumeTrue(Files.isDirectory(root), "skipped: the shared test data are absent");
    return root.resolve(Path.of(first, more));
  }

  private ModelRuntime.Session open(Path model, ModelRuntime.Options options) {
    return runtime.open(
        Model.of(model),
        options.delegate(Delegate.CPU).isolation(ModelRuntime.Isolation.IN_PROCESS));
  }

  private Path write(Graph graph) throws IOException {
    Path file = folder.resolve("model.tflite");
    Files.write(file, TfliteWriter.toBytes(graph, WriteOptions.defaults()));
    return file;
  }

  private static long transposes(Graph graph) {
    return graph.main().ops().stream().filter(op -> op.kind() == OpKind.TRANSPOSE).count();
  }

  @ParameterizedTest
  @CsvSource({
    // The one transpose of the image networks is that of the input, which keeps its layout.
    "mobile_cnn, mobile_cnn.onnx, 1",
    "mobile_cnn, mobile_cnn.opset20.onnx, 1",
    "ssd_head, ssd_head.onnx, 1",
    "ssd_head, ssd_head.opset20.onnx, 1",
    "encoder, encoder.onnx, 6",
    "encoder, encoder.opset20.onnx, 6",
    "tagger_lstm, tagger_lstm.onnx, 0",
    "tagger_lstm, tagger_lstm.opset20.onnx, 0"
  })
  void outputsAreThoseOfPyTorch(String network, String file, int transposes) throws IOException {
    Path at = data("models", "pytorch", network);
    Graph graph = OnnxImporter.create().read(at.resolve(file), ImportOptions.defaults());
    assertThat(transposes(graph)).isLessThanOrEqualTo(transposes);
    try (ModelRuntime.Session session = open(write(graph), ModelRuntime.Options.defaults())) {
      TensorSpec input = session.inputs().get(0);
      ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(at.resolve("input.bin")));
      session.input(0, Tensor.of(input.type(), bytes, input.shape()));
      session.invoke();
      for (int o = 0; o < session.outputs().size(); o++) {
        byte[] recorded = Files.readAllBytes(at.resolve("output_" + o + ".f32"));
        float[] expected = new float[recorded.length / 4];
        ByteBuffer.wrap(recorded).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(expected);
        assertClose(session.output(o).toFloatArray(), expected);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "mobile_cnn, mobile_cnn.onnx",
    "mobile_cnn, mobile_cnn.opset20.onnx",
    "ssd_head, ssd_head.onnx",
    "ssd_head, ssd_head.opset20.onnx",
    "encoder, encoder.onnx",
    "encoder, encoder.opset20.onnx",
    "tagger_lstm, tagger_lstm.onnx",
    "tagger_lstm, tagger_lstm.opset20.onnx"
  })
  void outputsAreThoseOfOnnxRuntime(String network, String file) throws IOException {
    Path at = data("models", "pytorch", network);
    Graph graph = OnnxImporter.create().read(at.resolve(file), ImportOptions.defaults());
    Value in = graph.main().inputs().get(0);
    byte[] recorded = Files.readAllBytes(at.resolve("input.bin"));
    Random random = new Random(3);
    List<Map<String, Tensor>> inputs = new ArrayList<>();
    for (int run = 0; run < 3; run++) {
      int[] shape = in.shape().dims();
      if (in.type() == ElementType.FLOAT32) {
        float[] values = new float[recorded.length / 4];
        for (int i = 0; i < values.length; i++) {
          values[i] = (float) random.nextGaussian();
        }
        inputs.add(Map.of(in.name(), Tensor.ofFloats(values, shape)));
      } else {
        // Tokens out of the vocabulary that the recorded input shows, in another order.
        int width = in.type() == ElementType.INT64 ? 8 : 4;
        byte[] shuffled = new byte[recorded.length];
        for (int i = 0; i < shuffled.length; i += width) {
          int from = random.nextInt(recorded.length / width) * width;
          System.arraycopy(recorded, from, shuffled, i, width);
        }
        TensorType type = in.type().tensorType().orElseThrow();
        inputs.add(Map.of(in.name(), Tensor.of(type, ByteBuffer.wrap(shuffled), shape)));
      }
    }
    for (Delegate delegate : List.of(Delegate.CPU, Delegate.XNNPACK)) {
      List<Map<String, Tensor>> found = Runs.run(runtime, folder, graph, delegate, inputs);
      for (int run = 0; run < inputs.size(); run++) {
        Map<String, Tensor> expected = Oracle.run(at.resolve(file), inputs.get(run));
        assertThat(found.get(run)).containsOnlyKeys(expected.keySet());
        for (Map.Entry<String, Tensor> e : found.get(run).entrySet()) {
          Tensor wanted = java.util.Objects.requireNonNull(expected.get(e.getKey()));
          assertThat(Runs.difference(e.getValue(), wanted)).as(e.getKey()).isLessThan(TOLERANCE);
        }
      }
    }
  }

  @Test
  void aTaggerOfTwoDirectionsIsAHandfulOfOperators() {
    Path at = data("models", "pytorch", "tagger_lstm", "tagger_lstm.onnx");
    Graph graph = OnnxImporter.create().read(at, ImportOptions.defaults());
    assertThat(graph.main().ops()).hasSizeLessThanOrEqualTo(29);
  }

  @Test
  void channelsLastInputsSpareTheLastTranspose() {
    Path at = data("models", "pytorch", "mobile_cnn", "mobile_cnn.onnx");
    ImportOptions options = ImportOptions.defaults().edgeLayout(io.jetfire.Layout.CHANNELS_LAST);
    Graph graph = OnnxImporter.create().read(at, options);
    assertThat(transposes(graph)).isZero();
    assertThat(graph.main().inputs().get(0).shape().dims()).containsExactly(1, 64, 64, 3);
  }

  @Test
  void faceDetectorEqualsItsOwnTfliteFile() throws IOException {
    Path file = data("models", "face", FACE + ".onnx");
    compareFaces(OnnxImporter.create().read(file, ImportOptions.defaults()), 0.1f);
  }

  @Test
  void faceDetectorWithTensorFlowsEpsilonEqualsItsOwnTfliteFileWithoutScaling() throws IOException {
    ByteBuffer model = ByteBuffer.wrap(Files.readAllBytes(data("models", "face", FACE + ".onnx")));
    model.order(ByteOrder.LITTLE_ENDIAN);
    int changed = 0;
    for (int i = 0; i < model.limit() - 20; i++) {
      // Attribute "epsilon" (field 1), then its float (field 2).
      if (model.get(i) == 0x0a
          && model.get(i + 1) == 7
          && model.get(i + 2) == 'e'
          && model.get(i + 3) == 'p'
          && model.get(i + 9) == 0x15
          && model.getFloat(i + 10) == 1e-5f) {
        model.putFloat(i + 10, 1.001e-5f);
        changed++;
      }
    }
    assertThat(changed).isEqualTo(25);
    OnnxImporter importer = OnnxImporter.create();
    ImportOptions options = ImportOptions.defaults();
    compareFaces(importer.read(model, ExternalData.none(), "face", options), 1);
  }

  private void compareFaces(Graph graph, float boxScale) throws IOException {
    Path at = data("models", "face");
    Random random = new Random(5);
    float[] first = new float[3 * 240 * 320];
    float[] last = new float[first.length];
    for (int i = 0; i < first.length; i++) {
      first[i] = (float) random.nextGaussian() * 0.5f;
      last[i % (240 * 320) * 3 + i / (240 * 320)] = first[i];
    }
    float[] scores;
    float[] boxes;
    try (ModelRuntime.Session session = open(write(graph), ModelRuntime.Options.defaults())) {
      session.input(0, Tensor.ofFloats(first, 1, 3, 240, 320));
      session.invoke();
      scores = session.output(0).toFloatArray();
      boxes = session.output(1).toFloatArray();
    }
    ModelRuntime.Options one =
        ModelRuntime.Options.defaults().inputShapes(Map.of("input_1", List.of(1, 240, 320, 3)));
    try (ModelRuntime.Session session = open(at.resolve(FACE + ".tflite"), one)) {
      session.input(0, Tensor.ofFloats(last, 1, 240, 320, 3));
      session.invoke();
      // The two files differ: TensorFlow, which the other was made with, raises the epsilon of
      // batch normalization to at least 1.001e-5, and this one has 1e-5. The box outputs are
      // offsets that the detector scales by its centre variance of 0.1.
      assertClose(scaled(boxes, boxScale), scaled(session.output(0).toFloatArray(), boxScale));
      assertClose(scores, session.output(1).toFloatArray());
    }
  }

  private static float[] scaled(float[] offsets, float by) {
    float[] out = offsets.clone();
    for (int i = 0; i < out.length; i++) {
      out[i] *= by;
    }
    return out;
  }

  private static void assertClose(float[] found, float[] expected) {
    assertThat(found).hasSameSizeAs(expected);
    double worst = 0;
    for (int i = 0; i < found.length; i++) {
      double d = Math.abs((double) found[i] - expected[i]);
      worst = Math.max(worst, Double.isNaN(d) ? Double.POSITIVE_INFINITY : d);
    }
    assertThat(worst).isLessThan(TOLERANCE);
  }
}
