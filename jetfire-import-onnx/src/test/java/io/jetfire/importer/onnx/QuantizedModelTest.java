package io.jetfire.importer.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.Delegate;
import io.jetfire.Tensor;
import io.jetfire.TensorType;
import io.jetfire.runtime.TfliteRuntimeProvider;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.testkit.TestProviderContext;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.importer.ImportOptions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Models that their source has quantized, against ONNX Runtime. */
@SuppressWarnings("NullAway.Init") // JUnit fills the folder, create() the runtime.
class QuantizedModelTest {
  @TempDir Path folder;
  private ModelRuntime runtime;

  private final Random random = new Random(11);
  private OnnxBytes graph = OnnxBytes.message();
  private boolean signed;
  private int names;

  @BeforeEach
  void create() {
    runtime = new TfliteRuntimeProvider().create(TestProviderContext.in(folder));
  }

  @AfterEach
  void close() {
    runtime.close();
  }

  // ---- pieces of models

  private String name(String stem) {
    return stem + names++;
  }

  private String node(String op, String... inputs) {
    String out = name(op.toLowerCase(java.util.Locale.ROOT));
    graph.add(1, OnnxBytes.node(op, out, inputs));
    return out;
  }

  /** Quantizes and dequantizes, as a QDQ model does between any two operators. */
  private String qdq(String x, float scale, int zero) {
    String q = node("QuantizeLinear", x, scale(scale), zero(zero));
    return node("DequantizeLinear", q, scale(scale), zero(zero));
  }

  private String scale(float... scale) {
    String name = name("scale");
    int[] dims = scale.length == 1 ? new int[0] : new int[] {scale.length};
    graph.add(5, OnnxBytes.floats(name, scale, dims));
    return name;
  }

  /** A zero point, given as that of signed numbers. */
  private String zero(int zero) {
    String name = name("zero");
    graph.add(5, OnnxBytes.bytes(name, signed, new byte[] {(byte) (signed ? zero : zero + 128)}));
    return name;
  }

  private String weights(boolean perChannel, int... dims) {
    int n = 1;
    for (int d : dims) {
      n *= d;
    }
    byte[] q = new byte[n];
    for (int i = 0; i < n; i++) {
      q[i] = (byte) (random.nextInt(255) - 127);
    }
    String w = name("w");
    graph.add(5, OnnxBytes.bytes(w, true, q, dims));
    float[] s = new float[perChannel ? dims[0] : 1];
    for (int i = 0; i < s.length; i++) {
      s[i] = 0.002f + 0.004f * random.nextFloat();
    }
    String out = name("dequantized");
    OnnxBytes dq = OnnxBytes.node("DequantizeLinear", out, w, scale(s));
    graph.add(1, perChannel ? dq.attribute("axis", 0) : dq);
    return out;
  }

  private String bias(int n) {
    int[] q = new int[n];
    for (int i = 0; i < n; i++) {
      q[i] = random.nextInt(4000) - 2000;
    }
    String b = name("b");
    graph.add(5, OnnxBytes.ints(b, q, n));
    return node("DequantizeLinear", b, scale(0.0001f));
  }

  private String conv(String x, int groups, boolean perChannel, int pad, int stride, int... dims) {
    String out = name("conv");
    graph.add(
        1,
        OnnxBytes.node("Conv", out, x, weights(perChannel, dims), bias(dims[0]))
            .attribute("group", groups)
            .attribute("pads", new int[] {pad, pad, pad, pad})
            .attribute("strides", new int[] {stride, stride}));
    return out;
  }

  private byte[] model(String output, int outputType, Object... dims) {
    graph
        .add(1, OnnxBytes.node("Identity", "y", output))
        .add(11, OnnxBytes.value("x", 1, 1, 3, 16, 16))
        .add(12, OnnxBytes.value("y", outputType, dims));
    return OnnxBytes.model(graph);
  }

  private Tensor input() {
    float[] x = new float[3 * 16 * 16];
    for (int i = 0; i < x.length; i++) {
      x[i] = random.nextFloat() * 2 - 1;
    }
    return Tensor.ofFloats(x, 1, 3, 16, 16);
  }

  private static Graph read(byte[] model) {
    return OnnxImporter.create()
        .read(ByteBuffer.wrap(model), ExternalData.none(), "test", ImportOptions.defaults());
  }

  private Tensor run(Graph g, Delegate delegate, Tensor x) throws IOException {
    Tensor y = Runs.run(runtime, folder, g, delegate, List.of(Map.of("x", x))).get(0).get("y");
    if (y == null) {
      throw new AssertionError("no output y");
    }
    return y;
  }

  private static Tensor expected(byte[] model, Tensor x) {
    Tensor y = Oracle.run(model, Map.of("x", x)).get("y");
    if (y == null) {
      throw new AssertionError("no output y");
    }
    return y;
  }

  /** What is still computed in floats. */
  private static List<OpKind> floats(Graph g) {
    List<OpKind> kinds = new ArrayList<>();
    for (Op op : g.main().ops()) {
      boolean edge = op.kind() == OpKind.QUANTIZE || op.kind() == OpKind.DEQUANTIZE;
      if (!edge && op.output(0).type() == ElementType.FLOAT32) {
        kinds.add(op.kind());
      }
    }
    return kinds;
  }

  private static List<OpKind> kinds(Graph g) {
    return g.main().ops().stream().map(Op::kind).toList();
  }

  // ---- networks

  /** A small network of the usual blocks; all scales as a calibration would find them. */
  private String network() {
    String x = qdq("x", 1 / 127f, 0);
    String a = qdq(node("Relu", conv(x, 1, true, 1, 1, 8, 3, 3, 3)), 0.02f, -128);
    String b = qdq(node("Relu", conv(a, 8, true, 1, 2, 8, 1, 3, 3)), 0.03f, -128);
    String c = qdq(conv(b, 1, false, 0, 1, 8, 8, 1, 1), 0.04f, 3);
    String d = qdq(node("Add", b, c), 0.05f, -20);
    String pooled = name("pool");
    graph.add(
        1,
        OnnxBytes.node("MaxPool", pooled, d)
            .attribute("kernel_shape", new int[] {2, 2})
            .attribute("strides", new int[] {2, 2}));
    String p = qdq(pooled, 0.05f, -20);
    String cat = name("cat");
    graph.add(1, OnnxBytes.node("Concat", cat, p, p).attribute("axis", 1));
    String e = qdq(cat, 0.05f, -20);
    String f = qdq(node("GlobalAveragePool", e), 0.03f, -10);
    String flat = qdq(node("Flatten", f), 0.03f, -10);
    String gemm = name("gemm");
    graph.add(
        1,
        OnnxBytes.node("Gemm", gemm, flat, weights(true, 5, 16), bias(5)).attribute("transB", 1));
    return qdq(gemm, 0.02f, 4);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aNetworkBecomesIntegerOperators(boolean signedActivations) throws IOException {
    signed = signedActivations;
    byte[] model = model(network(), 1, 1, 5);
    Graph g = read(model);
    assertThat(floats(g)).isEmpty();
    assertThat(kinds(g))
        .containsOnlyOnce(OpKind.DEQUANTIZE)
        .contains(OpKind.CONV_2D, OpKind.DEPTHWISE_CONV_2D, OpKind.ADD, OpKind.MAX_POOL_2D)
        .contains(OpKind.CONCATENATION, OpKind.MEAN, OpKind.FULLY_CONNECTED)
        .doesNotContain(OpKind.RELU);
    assertThat(kinds(g).stream().filter(k -> k == OpKind.QUANTIZE)).hasSize(1);
    for (int i = 0; i < 5; i++) {
      Tensor x = input();
      Tensor expected = expected(model, x);
      float[] values = expected.toFloatArray();
      assertThat(values).doesNotHaveDuplicates();
      // One step of the output's scale for the rounding of requantizations on the way.
      assertThat(Runs.difference(run(g, Delegate.CPU, x), expected)).isLessThan(0.041);
      assertThat(Runs.difference(run(g, Delegate.XNNPACK, x), expected)).isLessThan(0.041);
    }
  }

  @Test
  void integersAtTheEdgesStay() throws IOException {
    signed = false;
    String x = name("x8");
    graph.add(1, OnnxBytes.node("QuantizeLinear", x, "x", scale(1 / 127f), zero(0)));
    String in = node("DequantizeLinear", x, scale(1 / 127f), zero(0));
    String y =
        node(
            "QuantizeLinear",
            node("Relu", conv(in, 1, true, 1, 1, 4, 3, 3, 3)),
            scale(0.02f),
            zero(-128));
    byte[] model = model(y, OnnxTensor.UINT8, 1, 4, 16, 16);
    Graph g = read(model);
    assertThat(floats(g)).isEmpty();
    Tensor given = input();
    Tensor found = run(g, Delegate.CPU, given);
    assertThat(found.type()).isEqualTo(TensorType.UINT8);
    assertThat(Runs.difference(found, expected(model, given))).isLessThanOrEqualTo(1);
  }

  @Test
  void operatorsWithFixedParametersAreRequantized() throws IOException {
    signed = true;
    String x = qdq("x", 1 / 127f, 0);
    String s = qdq(node("Sigmoid", x), 1 / 200f, -100);
    String t = qdq(node("Tanh", s), 1 / 128f, 0);
    String m = qdq(node("Mul", t, s), 0.005f, -128);
    byte[] model = model(node("Softmax", m), 1, 1, 3, 16, 16);
    Graph g = read(model);
    assertThat(floats(g)).containsExactly(OpKind.SOFTMAX);
    assertThat(kinds(g)).contains(OpKind.LOGISTIC, OpKind.TANH, OpKind.MUL);
    Tensor given = input();
    assertThat(Runs.difference(run(g, Delegate.CPU, given), expected(model, given)))
        .isLessThan(0.002);
  }

  @Test
  void weightsOffTheGridStayFloat() throws IOException {
    signed = true;
    float[] w = new float[4 * 3];
    for (int i = 0; i < w.length; i++) {
      w[i] = (float) random.nextGaussian();
    }
    graph.add(5, OnnxBytes.floats("w", w, 4, 3, 1, 1));
    String x = qdq("x", 1 / 127f, 0);
    byte[] model = model(qdq(node("Conv", x, "w"), 0.03f, 0), 1, 1, 4, 16, 16);
    Graph g = read(model);
    assertThat(floats(g)).contains(OpKind.CONV_2D);
    Tensor given = input();
    assertThat(Runs.difference(run(g, Delegate.CPU, given), expected(model, given)))
        .isLessThan(0.031);
  }

  @Test
  void floatWeightsThatTheModelQuantizesBecomeIntegers() throws IOException {
    signed = true;
    float[] w = new float[4 * 3];
    for (int i = 0; i < w.length; i++) {
      w[i] = (float) random.nextGaussian() * 0.3f;
    }
    graph.add(5, OnnxBytes.floats("w", w, 4, 3, 1, 1));
    String x = qdq("x", 1 / 127f, 0);
    byte[] model = model(qdq(node("Conv", x, qdq("w", 0.01f, 0)), 0.03f, 0), 1, 1, 4, 16, 16);
    Graph g = read(model);
    assertThat(floats(g)).isEmpty();
    Tensor given = input();
    assertThat(Runs.difference(run(g, Delegate.CPU, given), expected(model, given)))
        .isLessThan(0.031);
  }

  @Test
  void operatorFormsBecomeIntegerOperatorsToo() throws IOException {
    signed = true;
    String x = node("QuantizeLinear", "x", scale(1 / 127f), zero(0));
    byte[] q = new byte[8 * 3];
    random.nextBytes(q);
    for (int i = 0; i < q.length; i++) {
      q[i] = (byte) Math.max(-127, q[i]);
    }
    graph.add(5, OnnxBytes.bytes("w", true, q, 8, 3, 1, 1));
    graph.add(5, OnnxBytes.ints("b", new int[] {1, -500, 30, 4000, 0, 7, 8, -9}, 8));
    String y =
        node(
            "QLinearConv",
            x,
            scale(1 / 127f),
            zero(0),
            "w",
            scale(0.004f),
            zero(0),
            scale(0.02f),
            zero(5),
            "b");
    byte[] model = model(node("DequantizeLinear", y, scale(0.02f), zero(5)), 1, 1, 8, 16, 16);
    Graph g = read(model);
    assertThat(floats(g)).isEmpty();
    assertThat(kinds(g)).contains(OpKind.CONV_2D);
    Tensor given = input();
    assertThat(Runs.difference(run(g, Delegate.CPU, given), expected(model, given)))
        .isLessThan(0.021);
  }
}
