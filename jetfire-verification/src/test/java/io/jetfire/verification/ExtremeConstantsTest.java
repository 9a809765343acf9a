package io.jetfire.verification;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.Recipe;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.quantize.Quantizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Constants that stand for "never", such as masks of attention and the padding of a maximum, must
 * not stretch the ranges of what they are combined with.
 */
class ExtremeConstantsTest {
  private static final int WORDS = 6;
  private static final int WIDTH = 16;

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "-1e4, FULL_INTEGER", "-1e9, FULL_INTEGER", "-3.4e38, FULL_INTEGER",
    "-1e4, INT16X8", "-1e9, INT16X8", "-3.4e38, INT16X8"
  })
  void attentionKeepsItsAccuracyWhateverItsMask(float mask, Recipe.Precision precision) {
    double modest = sqnr(attention(-30), precision, 1, WORDS, WIDTH);

    assertThat(modest).isGreaterThan(15);
    assertThat(sqnr(attention(mask), precision, 1, WORDS, WIDTH)).isGreaterThan(modest - 1);
  }

  @ParameterizedTest
  @ValueSource(floats = {-100, Float.NEGATIVE_INFINITY, -Float.MAX_VALUE})
  void aMaximumMayBePaddedWithTheSmallestNumber(float padding) {
    assertThat(sqnr(pooling(padding), Recipe.Precision.FULL_INTEGER, 1, 8, 8, 3)).isGreaterThan(35);
    assertThat(sqnr(pooling(padding), Recipe.Precision.INT16X8, 1, 8, 8, 3)).isGreaterThan(60);
  }

  private double sqnr(Graph graph, Recipe.Precision precision, int... shape) {
    Random random = new Random(3);
    List<float[]> samples = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      samples.add(normal(random, Shape.of(shape).elementCount(), 1));
    }
    Bench bench = new Bench(folder);
    Graph quantized =
        Quantizer.quantize(
                graph,
                Recipe.builder(precision).build(),
                Optional.of(Bench.calibration(samples.subList(0, 20), shape)),
                bench.options("2.21.0", false))
            .graph();
    List<float[]> evaluation = samples.subList(20, 40);
    return Bench.sqnr(
        bench.run(bench.write(graph, "2.21.0"), evaluation, shape),
        bench.run(bench.write(quantized, "2.21.0"), evaluation, shape));
  }

  /** One head of attention, in which no word sees those after it. */
  private static Graph attention(float never) {
    Random random = new Random(5);
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value x = main.addInput("words", ElementType.FLOAT32, Shape.of(1, WORDS, WIDTH));
    Value query = dense(main, random, x, "query");
    Value key = dense(main, random, x, "key");
    Value value = dense(main, random, x, "value");
    Value scores = main.addValue("scores", ElementType.FLOAT32, Shape.of(1, WORDS, WORDS));
    main.append(Op.of(OpKind.BATCH_MATMUL).set("adj_y", true).inputs(query, key).outputs(scores));
    float[] mask = new float[WORDS * WORDS];
    for (int row = 0; row < WORDS; row++) {
      for (int column = row + 1; column < WORDS; column++) {
        mask[row * WORDS + column] = never;
      }
    }
    Value masked = main.addValue("masked", ElementType.FLOAT32, Shape.of(1, WORDS, WORDS));
    main.append(
        Op.of(OpKind.ADD)
            .inputs(scores, main.addConstant("mask", Shape.of(1, WORDS, WORDS), mask))
            .outputs(masked));
    Value weights = main.addValue("attention", ElementType.FLOAT32, Shape.of(1, WORDS, WORDS));
    main.append(Op.of(OpKind.SOFTMAX).set("beta", 1f).inputs(masked).outputs(weights));
    Value out = main.addValue("out", ElementType.FLOAT32, Shape.of(1, WORDS, WIDTH));
    main.append(Op.of(OpKind.BATCH_MATMUL).inputs(weights, value).outputs(out));
    main.outputs(out);
    return graph.verify();
  }

  private static Value dense(Subgraph main, Random random, Value x, String name) {
    Value y = main.addValue(name, ElementType.FLOAT32, x.shape());
    main.append(
        Op.of(OpKind.FULLY_CONNECTED)
            .set("keep_num_dims", true)
            .inputs(
                x,
                main.addConstant(
                    name + "/weights", Shape.of(WIDTH, WIDTH), normal(random, WIDTH * WIDTH, 0.35)),
                main.addConstant(name + "/bias", Shape.of(WIDTH), normal(random, WIDTH, 0.1)))
            .outputs(y));
    return y;
  }

  private static Graph pooling(float padding) {
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value x = main.addInput("image", ElementType.FLOAT32, Shape.of(1, 8, 8, 3));
    Value padded = main.addValue("padded", ElementType.FLOAT32, Shape.of(1, 10, 10, 3));
    main.append(
        Op.of(OpKind.PADV2)
            .inputs(
                x,
                main.addConstant("paddings", Shape.of(4, 2), 0, 0, 1, 1, 1, 1, 0, 0),
                main.addConstant("never", Shape.of(), new float[] {padding}))
            .outputs(padded));
    Value pooled = main.addValue("pooled", ElementType.FLOAT32, Shape.of(1, 4, 4, 3));
    main.append(
        Op.of(OpKind.MAX_POOL_2D)
            .set("padding", Padding.VALID)
            .set("filter_width", 3)
            .set("filter_height", 3)
            .set("stride_w", 2)
            .set("stride_h", 2)
            .inputs(padded)
            .outputs(pooled));
    main.outputs(pooled);
    return graph.verify();
  }

  private static float[] normal(Random random, long n, double deviation) {
    float[] values = new float[(int) n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (deviation * random.nextGaussian());
    }
    return values;
  }
}
