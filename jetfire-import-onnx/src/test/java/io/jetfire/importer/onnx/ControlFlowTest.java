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
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Branches and loops that only the running model can decide, against ONNX Runtime. */
@SuppressWarnings("NullAway.Init") // JUnit fills the folder, create() the runtime.
class ControlFlowTest {
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

  private static Graph read(byte[] model) {
    return OnnxImporter.create()
        .read(ByteBuffer.wrap(model), ExternalData.none(), "test", ImportOptions.defaults());
  }

  private static OnnxBytes body(OnnxBytes... parts) {
    OnnxBytes g = OnnxBytes.message().text(2, "body");
    int[] fields = {1, 11, 12, 5};
    for (OnnxBytes part : parts) {
      // Nodes come as they are, values and constants wrapped by in(), out() and constant().
      g.bytes(part instanceof Part p ? fields[p.field] : 1, part.toBytes());
    }
    return g;
  }

  /** A message that belongs to a certain field of a graph. */
  private static final class Part extends OnnxBytes {
    private final int field;
    private final byte[] bytes;

    Part(int field, OnnxBytes message) {
      this.field = field;
      bytes = message.toBytes();
    }

    @Override
    byte[] toBytes() {
      return bytes;
    }
  }

  private static Part in(String name, int type, Object... dims) {
    return new Part(1, OnnxBytes.value(name, type, dims));
  }

  private static Part out(String name, int type, Object... dims) {
    return new Part(2, OnnxBytes.value(name, type, dims));
  }

  private static Part constant(OnnxBytes tensor) {
    return new Part(3, tensor);
  }

  private void same(byte[] model, Graph graph, List<Map<String, Tensor>> inputs)
      throws IOException {
    for (Delegate delegate : List.of(Delegate.CPU, Delegate.XNNPACK)) {
      List<Map<String, Tensor>> found = Runs.run(runtime, folder, graph, delegate, inputs);
      for (int i = 0; i < inputs.size(); i++) {
        Map<String, Tensor> expected = Oracle.run(model, inputs.get(i));
        assertThat(found.get(i)).containsOnlyKeys(expected.keySet());
        for (Map.Entry<String, Tensor> e : expected.entrySet()) {
          Tensor y = Objects.requireNonNull(found.get(i).get(e.getKey()));
          assertThat(Runs.difference(y, e.getValue())).as("%s, run %d", e.getKey(), i).isZero();
        }
      }
    }
  }

  private static List<OpKind> kinds(Graph g) {
    return g.main().ops().stream().map(Op::kind).toList();
  }

  private static byte[] branching() {
    OnnxBytes then =
        body(
            constant(OnnxBytes.floats("two", new float[] {2})),
            OnnxBytes.node("Mul", "doubled", "x", "two"),
            OnnxBytes.node("Add", "then", "doubled", "shifted"),
            out("then", 1, 2, 3));
    OnnxBytes otherwise = body(OnnxBytes.node("Identity", "else", "x"), out("else", 1, 2, 3));
    return OnnxBytes.model(
        body(
            constant(OnnxBytes.floats("zero", new float[] {0})),
            OnnxBytes.node("ReduceSum", "sum", "x").attribute("keepdims", 0),
            OnnxBytes.node("Greater", "positive", "sum", "zero"),
            OnnxBytes.node("Abs", "shifted", "x"),
            OnnxBytes.node("If", "chosen", "positive")
                .attribute("then_branch", then)
                .attribute("else_branch", otherwise),
            OnnxBytes.node("Neg", "y", "chosen"),
            in("x", 1, 2, 3),
            out("y", 1, 2, 3)));
  }

  @Test
  void branchesBecomeSubgraphs() throws IOException {
    byte[] model = branching();
    Graph g = read(model);
    assertThat(kinds(g)).contains(OpKind.IF);
    assertThat(g.subgraphs()).hasSize(3);
    same(
        model,
        g,
        List.of(
            Map.of("x", Tensor.ofFloats(new float[] {1, 2, 3, 4, 5, 6}, 2, 3)),
            Map.of("x", Tensor.ofFloats(new float[] {-1, -2, -3, 4, 0, 0.5f}, 2, 3)),
            Map.of("x", Tensor.ofFloats(new float[] {1, 0, 0, 0, 0, 0}, 2, 3))));
  }

  /** Doubles a state until it is beyond 100 or the count is reached; collects it minus x. */
  private static OnnxBytes doubling() {
    return body(
        constant(OnnxBytes.floats("limit", new float[] {100})),
        OnnxBytes.node("Add", "s2", "s1", "s1"),
        OnnxBytes.node("Sub", "difference", "s2", "x"),
        OnnxBytes.node("ReduceMax", "most", "s2").attribute("keepdims", 0),
        OnnxBytes.node("Less", "goes2", "most", "limit"),
        in("k", OnnxTensor.INT64),
        in("goes1", OnnxTensor.BOOL),
        in("s1", 1, 2),
        out("goes2", OnnxTensor.BOOL),
        out("s2", 1, 2),
        out("difference", 1, 2));
  }

  @Test
  void loopsOfUnknownLengthBecomeWhile() throws IOException {
    OnnxBytes loop =
        OnnxBytes.message()
            .text(1, "count")
            .text(1, "start")
            .text(1, "x")
            .text(2, "state")
            .text(2, "all")
            .text(4, "Loop")
            .attribute("body", doubling());
    byte[] model =
        OnnxBytes.model(
            body(
                loop,
                in("count", OnnxTensor.INT64),
                in("start", OnnxTensor.BOOL),
                in("x", 1, 2),
                out("state", 1, 2),
                out("all", 1, "n", 2)));
    Graph g = read(model);
    assertThat(kinds(g)).contains(OpKind.WHILE);
    Tensor x = Tensor.ofFloats(new float[] {1, 3}, 2);
    Tensor yes = Tensor.of(io.jetfire.TensorType.BOOL, ByteBuffer.wrap(new byte[] {1}));
    same(
        model,
        g,
        List.of(
            Map.of("count", Tensor.ofLongs(new long[] {3}), "start", yes, "x", x),
            Map.of("count", Tensor.ofLongs(new long[] {50}), "start", yes, "x", x),
            Map.of("count", Tensor.ofLongs(new long[] {1}), "start", yes, "x", x)));
  }

  @Test
  void loopsThatEndByThemselvesBecomeWhile() throws IOException {
    OnnxBytes loop =
        OnnxBytes.message()
            .text(1, "count")
            .text(1, "")
            .text(1, "x")
            .text(2, "state")
            .text(2, "all")
            .text(4, "Loop")
            .attribute("body", doubling());
    byte[] model =
        OnnxBytes.model(
            body(
                constant(OnnxBytes.longs("count", new long[] {20})),
                loop,
                in("x", 1, 2),
                out("state", 1, 2),
                out("all", 1, "n", 2)));
    Graph g = read(model);
    assertThat(kinds(g)).contains(OpKind.WHILE).doesNotContain(OpKind.ADD);
    same(model, g, List.of(Map.of("x", Tensor.ofFloats(new float[] {1, 3}, 2))));
  }

  @Test
  void longScansBecomeWhile() throws IOException {
    OnnxBytes body =
        body(
            OnnxBytes.node("Add", "sum", "before", "element"),
            OnnxBytes.node("Sub", "y1", "sum", "offset"),
            OnnxBytes.node("Neg", "y2", "y1"),
            OnnxBytes.node("Abs", "y3", "y2"),
            in("before", 1, 2),
            in("element", 1, 2),
            out("sum", 1, 2),
            out("y3", 1, 2));
    OnnxBytes scan =
        OnnxBytes.message()
            .text(1, "zero")
            .text(1, "x")
            .text(2, "last")
            .text(2, "all")
            .text(4, "Scan")
            .attribute("num_scan_inputs", 1)
            .attribute("body", body)
            .attribute("scan_input_directions", new int[] {1});
    int steps = 600;
    byte[] model =
        OnnxBytes.model(
            body(
                constant(OnnxBytes.floats("zero", new float[] {0, 0}, 2)),
                OnnxBytes.node("ReduceMax", "offset", "x").attribute("keepdims", 0),
                scan,
                in("x", 1, steps, 2),
                out("last", 1, 2),
                out("all", 1, steps, 2)));
    Graph g = read(model);
    assertThat(kinds(g)).contains(OpKind.WHILE);
    assertThat(g.main().ops()).hasSizeLessThan(8);
    float[] x = new float[steps * 2];
    for (int i = 0; i < x.length; i++) {
      x[i] = i % 17 - 8;
    }
    same(model, g, List.of(Map.of("x", Tensor.ofFloats(x, steps, 2))));
  }

  @Test
  void statesThatGrowAreRefused() {
    OnnxBytes body =
        body(
            OnnxBytes.node("Concat", "longer", "s", "s").attribute("axis", 0),
            OnnxBytes.node("Identity", "goes2", "goes1"),
            in("k", OnnxTensor.INT64),
            in("goes1", OnnxTensor.BOOL),
            in("s", 1, 2),
            out("goes2", OnnxTensor.BOOL),
            out("longer", 1, 4));
    byte[] model =
        OnnxBytes.model(
            body(
                OnnxBytes.node("Loop", "y", "count", "", "x").attribute("body", body),
                in("count", OnnxTensor.INT64),
                in("x", 1, 2),
                out("y", 1, "n")));
    assertThatThrownBy(() -> read(model))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("Loop")
        .hasMessageContaining("'longer'")
        .hasMessageContaining("keep the shapes of a loop's states");
  }
}
