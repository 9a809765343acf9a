package io.jetfire.verification;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.Recipe;
import io.jetfire.TensorType;
import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.quantize.QuantizedGraph;
import io.jetfire.tflite.quantize.Quantizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every operator with an integer form, quantized and run beside the float one. */
class OperatorsTest {
  private static final String RUNTIME = "2.21.0";
  private static final int[] SHAPE = {1, 4, 4, 8};

  @TempDir Path folder;

  /** Adds an operator behind a tensor and returns its output. */
  private interface Body {
    Value add(Subgraph main, Value x);
  }

  private static Value out(Subgraph main, Op op, int... shape) {
    Value y =
        main.addValue(
            op.name().toLowerCase(java.util.Locale.ROOT), ElementType.FLOAT32, Shape.of(shape));
    main.append(op.outputs(y));
    return y;
  }

  private static float[] random(int n, long seed) {
    Random random = new Random(seed);
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static Value constant(Subgraph main, String name, long seed, int... shape) {
    int n = 1;
    for (int d : shape) {
      n *= d;
    }
    return main.addConstant(name, Shape.of(shape), random(n, seed));
  }

  /** A layer with weights, so that what follows it has an input that an operator made. */
  private static Value layer(Subgraph main, Value x, Activation activation, long seed) {
    Value w = constant(main, "w" + seed, seed, 8, 1, 1, 8);
    Value b = constant(main, "b" + seed, seed + 1, 8);
    return out(
        main,
        Op.of(OpKind.CONV_2D)
            .set("padding", Padding.SAME)
            .set("stride_w", 1)
            .set("stride_h", 1)
            .set("fused_activation_function", activation)
            .inputs(x, w, b),
        SHAPE);
  }

  private static Graph graph(Body body) {
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(SHAPE));
    main.outputs(body.add(main, x));
    return graph.verify();
  }

  private static Op pool(OpKind kind) {
    return Op.of(kind)
        .set("padding", Padding.VALID)
        .set("stride_w", 2)
        .set("stride_h", 2)
        .set("filter_width", 2)
        .set("filter_height", 2);
  }

  private static Map<String, Body> bodies() {
    Map<String, Body> b = new TreeMap<>();
    b.put("conv", (m, x) -> layer(m, x, Activation.RELU6, 1));
    b.put(
        "depthwise",
        (m, x) ->
            out(
                m,
                Op.of(OpKind.DEPTHWISE_CONV_2D)
                    .set("padding", Padding.SAME)
                    .set("stride_w", 1)
                    .set("stride_h", 1)
                    .set("depth_multiplier", 1)
                    .inputs(x, constant(m, "w", 3, 1, 3, 3, 8), constant(m, "b", 4, 8)),
                SHAPE));
    b.put(
        "fully connected",
        (m, x) ->
            out(
                m,
                Op.of(OpKind.FULLY_CONNECTED).inputs(x, constant(m, "w", 5, 6, 128), null),
                1,
                6));
    b.put(
        "add",
        (m, x) -> out(m, Op.of(OpKind.ADD).inputs(x, layer(m, x, Activation.RELU, 1)), SHAPE));
    b.put(
        "add constant",
        (m, x) -> out(m, Op.of(OpKind.ADD).inputs(x, constant(m, "c", 6, 8)), SHAPE));
    b.put(
        "sub",
        (m, x) -> out(m, Op.of(OpKind.SUB).inputs(layer(m, x, Activation.NONE, 1), x), SHAPE));
    b.put("mul", (m, x) -> out(m, Op.of(OpKind.MUL).inputs(x, constant(m, "c", 7, 8)), SHAPE));
    b.put("average pool", (m, x) -> out(m, pool(OpKind.AVERAGE_POOL_2D).inputs(x), 1, 2, 2, 8));
    b.put("max pool", (m, x) -> out(m, pool(OpKind.MAX_POOL_2D).inputs(x), 1, 2, 2, 8));
    b.put(
        "mean",
        (m, x) ->
            out(
                m,
                Op.of(OpKind.MEAN)
                    .set("keep_dims", true)
                    .inputs(x, m.addConstant("axes", Shape.of(2), 1, 2)),
                1,
                1,
                1,
                8));
    b.put(
        "concatenation",
        (m, x) ->
            out(
                m,
                Op.of(OpKind.CONCATENATION)
                    .set("axis", 3)
                    .inputs(x, layer(m, x, Activation.RELU6, 1)),
                1,
                4,
                4,
                16));
    b.put(
        "concatenation with a fixed producer",
        (m, x) -> {
          Value s = out(m, Op.of(OpKind.LOGISTIC).inputs(x), SHAPE);
          return out(m, Op.of(OpKind.CONCATENATION).set("axis", 3).inputs(s, x), 1, 4, 4, 16);
        });
    b.put(
        "reshape",
        (m, x) ->
            out(
                m,
                Op.of(OpKind.RESHAPE)
                    .set("new_shape", new int[] {1, 128})
                    .inputs(
                        layer(m, x, Activation.NONE, 1), m.addConstant("s", Shape.of(2), 1, 128)),
                1,
                128));
    b.put(
        "transpose",
        (m, x) ->
            out(
                m,
                Op.of(OpKind.TRANSPOSE).inputs(x, m.addConstant("p", Shape.of(4), 0, 3, 1, 2)),
                1,
                8,
                4,
                4));
    b.put(
        "pad",
        (m, x) ->
            out(
                m,
                Op.of(OpKind.PAD)
                    .inputs(x, m.addConstant("p", Shape.of(4, 2), 0, 0, 1, 1, 1, 1, 0, 0)),
                1,
                6,
                6,
                8));
    b.put(
        "pad with a value",
        (m, x) ->
            out(
                m,
                Op.of(OpKind.PADV2)
                    .inputs(
                        x,
                        m.addConstant("p", Shape.of(4, 2), 0, 0, 1, 1, 1, 1, 0, 0),
                        m.addConstant("v", Shape.of(1), 0.5f)),
                1,
                6,
                6,
                8));
    b.put(
        "resize",
        (m, x) ->
            out(
                m,
                Op.of(OpKind.RESIZE_BILINEAR)
                    .set("half_pixel_centers", true)
                    .inputs(x, m.addConstant("size", Shape.of(2), 8, 8)),
                1,
                8,
                8,
                8));
    b.put(
        "strided slice",
        (m, x) ->
            out(
                m,
                Op.of(OpKind.STRIDED_SLICE)
                    .inputs(
                        x,
                        m.addConstant("b", Shape.of(4), 0, 0, 0, 0),
                        m.addConstant("e", Shape.of(4), 1, 2, 4, 8),
                        m.addConstant("s", Shape.of(4), 1, 1, 1, 1)),
                1,
                2,
                4,
                8));
    b.put(
        "maximum",
        (m, x) -> out(m, Op.of(OpKind.MAXIMUM).inputs(x, layer(m, x, Activation.NONE, 1)), SHAPE));
    b.put(
        "softmax",
        (m, x) ->
            out(
                m,
                Op.of(OpKind.SOFTMAX).set("beta", 1f).inputs(layer(m, x, Activation.NONE, 1)),
                SHAPE));
    b.put("logistic", (m, x) -> out(m, Op.of(OpKind.LOGISTIC).inputs(x), SHAPE));
    b.put("tanh", (m, x) -> out(m, Op.of(OpKind.TANH).inputs(x), SHAPE));
    b.put("relu", (m, x) -> out(m, Op.of(OpKind.RELU).inputs(x), SHAPE));
    b.put(
        "leaky relu",
        (m, x) -> out(m, Op.of(OpKind.LEAKY_RELU).set("alpha", 0.1f).inputs(x), SHAPE));
    b.put("hard swish", (m, x) -> out(m, Op.of(OpKind.HARD_SWISH).inputs(x), SHAPE));
    b.put("gelu", (m, x) -> out(m, Op.of(OpKind.GELU).inputs(x), SHAPE));
    b.put(
        "space to depth",
        (m, x) -> out(m, Op.of(OpKind.SPACE_TO_DEPTH).set("block_size", 2).inputs(x), 1, 2, 2, 32));
    b.put("l2 normalization", (m, x) -> out(m, Op.of(OpKind.L2_NORMALIZATION).inputs(x), SHAPE));
    b.put(
        "squared difference",
        (m, x) ->
            out(m, Op.of(OpKind.SQUARED_DIFFERENCE).inputs(x, constant(m, "c", 8, 8)), SHAPE));
    b.put(
        "power, which stays float",
        (m, x) -> {
          Value p =
              out(
                  m,
                  Op.of(OpKind.POW)
                      .inputs(
                          out(m, Op.of(OpKind.RELU).inputs(x), SHAPE),
                          m.addConstant("two", Shape.of(1), 2f)),
                  SHAPE);
          return layer(m, p, Activation.NONE, 1);
        });
    return b;
  }

  private static List<float[]> samples(int n, long seed) {
    List<float[]> samples = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      samples.add(random(128, seed + i));
    }
    return samples;
  }

  private void check(Recipe recipe, double least) {
    Bench bench = new Bench(folder);
    List<float[]> calibration = samples(40, 100);
    List<float[]> evaluation = samples(10, 100);
    List<String> failures = new ArrayList<>();
    bodies()
        .forEach(
            (name, body) -> {
              try {
                Graph graph = graph(body);
                List<float[]> expected = bench.run(bench.write(graph, RUNTIME), evaluation, SHAPE);
                QuantizedGraph quantized =
                    Quantizer.quantize(
                        graph,
                        recipe,
                        Optional.of(Bench.calibration(calibration, SHAPE)),
                        bench.options(RUNTIME));
                List<float[]> actual =
                    bench.run(bench.write(quantized.graph(), RUNTIME), evaluation, SHAPE);
                double sqnr = Bench.sqnr(expected, actual);
                if (!(sqnr > least)) {
                  failures.add(name + ": " + sqnr + " dB");
                }
              } catch (RuntimeException e) {
                failures.add(name + ": " + e);
              }
            });
    assertThat(failures).isEmpty();
  }

  @Test
  void fullIntegerStaysCloseToFloat() {
    check(Recipe.fullInteger(), 25);
  }

  @Test
  void sixteenBitActivationsStayCloserToFloat() {
    check(Recipe.int16x8(), 32);
  }

  @Test
  void integerEdgesTakeAndGiveIntegers() {
    Graph graph = graph((m, x) -> layer(m, x, Activation.RELU, 1));
    for (TensorType edge : List.of(TensorType.INT8, TensorType.UINT8)) {
      Bench bench = new Bench(folder);
      List<float[]> evaluation = samples(10, 100);
      List<float[]> expected = bench.run(bench.write(graph, RUNTIME), evaluation, SHAPE);
      QuantizedGraph quantized =
          Quantizer.quantize(
              graph,
              Recipe.fullInteger().toBuilder().edgeType(edge).build(),
              Optional.of(Bench.calibration(samples(40, 100), SHAPE)),
              bench.options(RUNTIME));

      assertThat(quantized.graph().main().inputs().get(0).type()).isEqualTo(ElementType.of(edge));
      assertThat(quantized.graph().main().outputs().get(0).type()).isEqualTo(ElementType.of(edge));
      assertThat(
              Bench.sqnr(
                  expected, bench.run(bench.write(quantized.graph(), RUNTIME), evaluation, SHAPE)))
          .isGreaterThan(30);
    }
  }

  @Test
  void mixedPrecisionsConvertBetweenTheirForms() {
    Graph graph =
        graph(
            (m, x) -> {
              Value a = layer(m, x, Activation.RELU, 1);
              Value b = layer(m, a, Activation.NONE, 11);
              Value c = layer(m, b, Activation.RELU6, 21);
              return out(m, Op.of(OpKind.ADD).inputs(c, a), SHAPE);
            });
    Recipe recipe =
        Recipe.fullInteger().toBuilder()
            .name("mixed")
            .rule("name:conv_2d_1", Recipe.Precision.INT16X8)
            .rule("name:conv_2d_2", Recipe.Precision.FLOAT32)
            .build();
    Bench bench = new Bench(folder);
    List<float[]> evaluation = samples(10, 100);
    List<float[]> expected = bench.run(bench.write(graph, RUNTIME), evaluation, SHAPE);

    QuantizedGraph quantized =
        Quantizer.quantize(
            graph,
            recipe,
            Optional.of(Bench.calibration(samples(40, 100), SHAPE)),
            bench.options(RUNTIME));

    assertThat(quantized.notes()).anyMatch(n -> n.contains("conv_2d_2"));
    assertThat(quantized.graph().main().values())
        .extracting(Value::type)
        .contains(ElementType.INT8, ElementType.INT16, ElementType.FLOAT32);
    assertThat(
            Bench.sqnr(
                expected, bench.run(bench.write(quantized.graph(), RUNTIME), evaluation, SHAPE)))
        .isGreaterThan(30);
  }

  @Test
  void aBadSampleIsNamed() {
    Graph graph = graph((m, x) -> layer(m, x, Activation.RELU, 1));
    List<float[]> samples = samples(12, 5);
    samples.get(7)[3] = Float.NaN;
    Bench bench = new Bench(folder);

    org.assertj.core.api.Assertions.assertThatThrownBy(
            () ->
                Quantizer.quantize(
                    graph,
                    Recipe.fullInteger(),
                    Optional.of(Bench.calibration(samples, SHAPE)),
                    bench.options(RUNTIME)))
        .isInstanceOf(io.jetfire.DataException.class)
        .hasMessageContaining("sample-7")
        .hasMessageContaining("NaN");
  }

  @Test
  void fewSamplesAreWarnedAbout() {
    Graph graph = graph((m, x) -> layer(m, x, Activation.RELU, 1));
    Bench bench = new Bench(folder);

    QuantizedGraph quantized =
        Quantizer.quantize(
            graph,
            Recipe.fullInteger(),
            Optional.of(Bench.calibration(samples(4, 5), SHAPE)),
            bench.options(RUNTIME));

    assertThat(quantized.notes()).anyMatch(n -> n.startsWith("Only 4 calibration sample(s)"));
  }
}
