package io.jetfire.importer.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.Delegate;
import io.jetfire.Tensor;
import io.jetfire.UnsupportedModelException;
import io.jetfire.runtime.TfliteRuntimeProvider;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.testkit.TestProviderContext;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.importer.ImportOptions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** LSTM, GRU and RNN against ONNX Runtime, several calls in a row. */
@SuppressWarnings("NullAway.Init") // JUnit fills the folder, create() the runtime.
class RecurrentTest {
  private static final int BATCH = 2;
  private static final int FEATURES = 5;
  private static final int HIDDEN = 4;

  @TempDir Path folder;
  private final Random random = new Random(4);
  private int steps = 7;
  private ModelRuntime runtime;

  @BeforeEach
  void create() {
    runtime = new TfliteRuntimeProvider().create(TestProviderContext.in(folder));
  }

  @AfterEach
  void close() {
    runtime.close();
  }

  private float[] values(int n, float scale) {
    float[] v = new float[n];
    for (int i = 0; i < n; i++) {
      v[i] = (float) random.nextGaussian() * scale;
    }
    return v;
  }

  private byte[] model(String op, int gates, String direction, float initial, boolean cell) {
    int d = direction.equals("bidirectional") ? 2 : 1;
    boolean lstm = gates == 4;
    OnnxBytes node = OnnxBytes.message();
    for (String in : List.of("x", "w", "u", "b", "", "h0")) {
      node.text(1, in);
    }
    if (lstm) {
      node.text(1, "c0");
    }
    node.text(2, "y").text(2, "h");
    if (cell) {
      node.text(2, "c");
    }
    node.text(4, op).attribute("hidden_size", HIDDEN);
    node.add(
        5,
        OnnxBytes.message()
            .text(1, "direction")
            .bytes(4, direction.getBytes(StandardCharsets.UTF_8))
            .number(20, 3));
    if (gates == 3) {
      node.attribute("linear_before_reset", 1);
    }
    OnnxBytes graph =
        OnnxBytes.message()
            .add(1, node)
            .add(
                5,
                OnnxBytes.floats(
                    "w", values(d * gates * HIDDEN * FEATURES, 1), d, gates * HIDDEN, FEATURES))
            .add(
                5,
                OnnxBytes.floats(
                    "u", values(d * gates * HIDDEN * HIDDEN, 1), d, gates * HIDDEN, HIDDEN))
            .add(5, OnnxBytes.floats("b", values(d * 2 * gates * HIDDEN, 1), d, 2 * gates * HIDDEN))
            .add(5, OnnxBytes.floats("h0", values(d * BATCH * HIDDEN, initial), d, BATCH, HIDDEN))
            .add(5, OnnxBytes.floats("c0", values(d * BATCH * HIDDEN, initial), d, BATCH, HIDDEN))
            .add(11, OnnxBytes.value("x", 1, steps, BATCH, FEATURES))
            .add(12, OnnxBytes.value("y", 1, steps, d, BATCH, HIDDEN))
            .add(12, OnnxBytes.value("h", 1, d, BATCH, HIDDEN));
    if (cell) {
      graph.add(12, OnnxBytes.value("c", 1, d, BATCH, HIDDEN));
    }
    return OnnxBytes.model(graph);
  }

  private Graph compare(byte[] model) throws IOException {
    Graph graph =
        OnnxImporter.create()
            .read(ByteBuffer.wrap(model), ExternalData.none(), "test", ImportOptions.defaults());
    List<Map<String, Tensor>> inputs = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      float scale = i == 1 ? 20 : 1;
      float[] x = values(steps * BATCH * FEATURES, scale);
      inputs.add(Map.of("x", Tensor.ofFloats(x, steps, BATCH, FEATURES)));
    }
    for (Delegate delegate : List.of(Delegate.CPU, Delegate.XNNPACK)) {
      List<Map<String, Tensor>> found = Runs.run(runtime, folder, graph, delegate, inputs);
      for (int i = 0; i < inputs.size(); i++) {
        for (Map.Entry<String, Tensor> e : Oracle.run(model, inputs.get(i)).entrySet()) {
          Tensor y = Objects.requireNonNull(found.get(i).get(e.getKey()));
          assertThat(Runs.difference(y, e.getValue()))
              .as("%s of run %d", e.getKey(), i)
              .isLessThan(1e-5);
        }
      }
    }
    return graph;
  }

  private static List<OpKind> kinds(Graph g) {
    return g.main().ops().stream().map(Op::kind).toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"forward", "reverse", "bidirectional"})
  void lstmIsOneOperatorThatForgetsBetweenCalls(String direction) throws IOException {
    Graph g = compare(model("LSTM", 4, direction, 0, false));
    assertThat(kinds(g)).contains(OpKind.UNIDIRECTIONAL_SEQUENCE_LSTM);
    assertThat(kinds(g)).doesNotContain(OpKind.FULLY_CONNECTED);
    assertThat(g.main().ops()).hasSizeLessThan(24);
  }

  @Test
  void lstmWithAFirstStateIsUnrolled() throws IOException {
    Graph g = compare(model("LSTM", 4, "forward", 0.5f, true));
    assertThat(kinds(g)).doesNotContain(OpKind.UNIDIRECTIONAL_SEQUENCE_LSTM);
  }

  @Test
  void theLastCellOfAnLstmIsGiven() throws IOException {
    compare(model("LSTM", 4, "bidirectional", 0, true));
  }

  @ParameterizedTest
  @ValueSource(strings = {"forward", "reverse", "bidirectional"})
  void gruAndPlainLayersAreUnrolled(String direction) throws IOException {
    compare(model("GRU", 3, direction, 0.5f, false));
    compare(model("RNN", 1, direction, 0, false));
  }

  @ParameterizedTest
  @ValueSource(strings = {"forward", "reverse", "bidirectional"})
  void longSequencesBecomeALoop(String direction) throws IOException {
    steps = 40;
    for (Graph g :
        List.of(
            compare(model("GRU", 3, direction, 0.5f, false)),
            compare(model("RNN", 1, direction, 0, false)),
            compare(model("LSTM", 4, direction, 0.5f, true)))) {
      assertThat(kinds(g)).contains(OpKind.WHILE);
      assertThat(g.subgraphs().stream().mapToInt(s -> s.ops().size()).sum()).isLessThan(90);
    }
  }

  @Test
  void weightsWithAProjectionAreRefused() {
    OnnxBytes node = OnnxBytes.node("LSTM", "y", "x", "w", "u");
    byte[] model =
        OnnxBytes.model(
            OnnxBytes.message()
                .add(1, node.attribute("hidden_size", HIDDEN))
                .add(5, OnnxBytes.floats("w", values(4 * HIDDEN * 5, 1), 1, 4 * HIDDEN, 5))
                .add(5, OnnxBytes.floats("u", values(4 * HIDDEN * 3, 1), 1, 4 * HIDDEN, 3))
                .add(11, OnnxBytes.value("x", 1, 7, BATCH, FEATURES))
                .add(12, OnnxBytes.value("y", 1, 7, 1, BATCH, 3)));
    assertThatThrownBy(
            () ->
                OnnxImporter.create()
                    .read(
                        ByteBuffer.wrap(model),
                        ExternalData.none(),
                        "test",
                        ImportOptions.defaults()))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("projections");
  }
}
