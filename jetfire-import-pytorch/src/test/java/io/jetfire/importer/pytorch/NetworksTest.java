package io.jetfire.importer.pytorch;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.Delegate;
import io.jetfire.Layout;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.runtime.TfliteRuntimeProvider;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.testkit.TestProviderContext;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.importer.ImportOptions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole networks, against the outputs that PyTorch gave. */
@SuppressWarnings("NullAway.Init") // JUnit fills the folder, create() the runtime.
class NetworksTest {
  private static final double TOLERANCE = 1e-4;

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

  static Path network(String name) {
    String set = System.getProperty("JETFIRE_SHARED_DATA", System.getenv("JETFIRE_SHARED_DATA"));
    Path root = set == null ? Path.of("..", "..", "shared", "data") : Path.of(set);
    Assumptions.assumeTrue(Files.isDirectory(root), "skipped: the shared test data are absent");
    return root.resolve(Path.of("models", "pytorch", name));
  }

  private static long transposes(Graph graph) {
    return graph.main().ops().stream().filter(op -> op.kind() == OpKind.TRANSPOSE).count();
  }

  @ParameterizedTest
  @CsvSource({
    // The one transpose of the image networks is that of the input, which keeps its layout.
    "mobile_cnn, 1",
    "ssd_head, 1",
    "encoder, 4",
    "tagger_lstm, 0"
  })
  void outputsAreThoseOfPyTorch(String network, int transposes) throws IOException {
    Path at = network(network);
    Graph graph =
        new PytorchImporter().read(at.resolve(network + ".pt2"), ImportOptions.defaults());
    assertThat(transposes(graph)).isLessThanOrEqualTo(transposes);
    Path file = folder.resolve("model.tflite");
    Files.write(file, TfliteWriter.toBytes(graph, WriteOptions.defaults()));
    ModelRuntime.Options options =
        ModelRuntime.Options.defaults()
            .delegate(Delegate.CPU)
            .isolation(ModelRuntime.Isolation.IN_PROCESS);
    try (ModelRuntime.Session session = runtime.open(Model.of(file), options)) {
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

  @Test
  void channelsLastInputsSpareTheLastTranspose() {
    Path at = network("mobile_cnn").resolve("mobile_cnn.pt2");
    ImportOptions options = ImportOptions.defaults().edgeLayout(Layout.CHANNELS_LAST);
    Graph graph = new PytorchImporter().read(at, options);
    assertThat(transposes(graph)).isZero();
    assertThat(graph.main().inputs().get(0).shape().dims()).containsExactly(1, 64, 64, 3);
    assertThat(graph.main().inputs().get(0).name()).isEqualTo("x");
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
