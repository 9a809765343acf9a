package io.jetfire.importer.tensorflow;

import static io.jetfire.importer.tensorflow.TfBytes.constant;
import static io.jetfire.importer.tensorflow.TfBytes.graph;
import static io.jetfire.importer.tensorflow.TfBytes.integers;
import static io.jetfire.importer.tensorflow.TfBytes.node;
import static io.jetfire.importer.tensorflow.TfBytes.placeholder;
import static io.jetfire.importer.tensorflow.TfBytes.scalar;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ModelImporters;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("NullAway.Init") // JUnit fills the folder, create() the runner.
class FrozenGraphImporterTest {
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

  private static Graph read(FrozenGraphImporter importer, TfBytes graph) {
    return importer.read(ByteBuffer.wrap(graph.toBytes()), "test.pb", ImportOptions.defaults());
  }

  private static Graph read(TfBytes graph) {
    return read(FrozenGraphImporter.create(), graph);
  }

  private static float[] random(int n, long seed) {
    Random r = new Random(seed);
    float[] out = new float[n];
    for (int i = 0; i < n; i++) {
      out[i] = (float) r.nextGaussian();
    }
    return out;
  }

  @Test
  void inputsAndOutputsAreFoundOrNamed() throws IOException {
    TfBytes graph =
        graph(
            placeholder("x", Types.FLOAT, -1, 2),
            placeholder("unused", Types.FLOAT, 1),
            node("a", "Neg", "x"),
            node("b", "Exp", "a"),
            node("check", "Assert", "a"));
    Path file = Files.write(folder.resolve("net.pb"), graph.toBytes());
    assertThat(ModelImporters.load().find(file).orElseThrow().id()).isEqualTo("frozen-graph");
    Graph found = FrozenGraphImporter.create().read(file, ImportOptions.defaults());
    assertThat(found.signature("serving_default").orElseThrow().inputs()).containsOnlyKeys("x");
    assertThat(found.signature("serving_default").orElseThrow().outputs()).containsOnlyKeys("b");
    Graph named = read(FrozenGraphImporter.create().outputs("a:0", "b"), graph);
    assertThat(named.signature("serving_default").orElseThrow().outputs())
        .containsOnlyKeys("a", "b");
    assertThat(runner.run(named, new float[] {1, 2}).get(0)).containsExactly(-1, -2);
    assertThatThrownBy(() -> read(FrozenGraphImporter.create().inputs("z"), graph))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContainingAll("'z'", "placeholders [x, unused]");
  }

  @Test
  void batchNormalizationDisappearsIntoTheConvolution() throws IOException {
    float[] filter = random(3 * 3 * 2 * 4, 1);
    float[] scale = {1, 2, 0.5f, -1};
    float[] offset = {0, 1, 2, 3};
    float[] mean = {0.1f, 0.2f, 0.3f, 0.4f};
    float[] variance = {1, 4, 0.25f, 9};
    TfBytes graph =
        graph(
            placeholder("x", Types.FLOAT, 1, 5, 6, 2),
            constant("w", filter, 3, 3, 2, 4),
            node("conv", "Conv2D", "x", "w").ints("strides", 1, 2, 1, 1).string("padding", "SAME"),
            constant("scale", scale, 4),
            constant("offset", offset, 4),
            constant("mean", mean, 4),
            constant("variance", variance, 4),
            node("norm", "FusedBatchNormV3", "conv", "scale", "offset", "mean", "variance")
                .flag("is_training", false)
                .realAttr("epsilon", 0.01f),
            node("relu", "Relu6", "norm"));
    Graph read = read(graph);
    assertThat(read.main().ops().stream().map(Op::kind)).containsExactly(OpKind.CONV_2D);
    float[] x = random(60, 2);
    float[] expected = new float[3 * 6 * 4];
    for (int r = 0; r < 3; r++) {
      for (int c = 0; c < 6; c++) {
        for (int o = 0; o < 4; o++) {
          double sum = 0;
          for (int i = 0; i < 3; i++) {
            for (int k = 0; k < 3; k++) {
              int row = 2 * r + i - 1;
              int column = c + k - 1;
              for (int d = 0; row >= 0 && row < 5 && column >= 0 && column < 6 && d < 2; d++) {
                sum += x[(row * 6 + column) * 2 + d] * filter[((i * 3 + k) * 2 + d) * 4 + o];
              }
            }
          }
          double y = (sum - mean[o]) / Math.sqrt(variance[o] + 0.01) * scale[o] + offset[o];
          expected[(r * 6 + c) * 4 + o] = (float) Math.max(0, Math.min(6, y));
        }
      }
    }
    assertThat(runner.run(read, x).get(0)).containsExactly(expected, Offset.offset(1e-5f));
  }

  @Test
  void blocksAroundAConvolutionAreADilation() throws IOException {
    float[] x = random(8 * 8 * 2, 3);
    TfBytes dilated =
        graph(
            placeholder("x", Types.FLOAT, 1, 8, 8, 2),
            constant("w", random(3 * 3 * 2 * 3, 4), 3, 3, 2, 3),
            integers("block", new int[] {2, 2}, 2),
            integers("pads", new int[] {2, 2, 2, 2}, 2, 2),
            integers("crops", new int[] {0, 0, 0, 0}, 2, 2),
            node("blocks", "SpaceToBatchND", "x", "block", "pads"),
            node("conv", "Conv2D", "blocks", "w")
                .ints("strides", 1, 1, 1, 1)
                .string("padding", "VALID"),
            node("y", "BatchToSpaceND", "conv", "block", "crops"));
    Graph read = read(dilated);
    assertThat(read.main().ops()).hasSize(1);
    Op conv = read.main().ops().get(0);
    assertThat(conv.integer("dilation_h_factor")).isEqualTo(2);
    TfBytes plain =
        graph(
            placeholder("x", Types.FLOAT, 1, 8, 8, 2),
            constant("w", random(3 * 3 * 2 * 3, 4), 3, 3, 2, 3),
            node("y", "Conv2D", "x", "w")
                .ints("strides", 1, 1, 1, 1)
                .ints("dilations", 1, 2, 2, 1)
                .string("padding", "SAME"));
    assertThat(runner.run(read, x).get(0))
        .containsExactly(runner.run(read(plain), x).get(0), Offset.offset(1e-6f));
  }

  @Test
  void channelsFirstGraphsKeepTheirInputs() throws IOException {
    TfBytes graph =
        graph(
            placeholder("x", Types.FLOAT, 1, 2, 2, 3),
            constant("w", new float[] {1, 10}, 1, 1, 2, 1),
            node("y", "Conv2D", "x", "w")
                .ints("strides", 1, 1, 1, 1)
                .string("padding", "VALID")
                .string("data_format", "NCHW"));
    float[] x = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    assertThat(runner.run(read(graph), x).get(0)).containsExactly(71, 82, 93, 104, 115, 126);
  }

  @Test
  void simulatedQuantizationBecomesParameters() throws IOException {
    TfBytes graph =
        graph(
            placeholder("x", Types.FLOAT, 1, 4),
            node("q", "FakeQuantWithMinMaxArgs", "x").realAttr("min", -1).realAttr("max", 1.55f),
            constant("w", new float[] {0.101f, 0.2f, 0.3f, 0.4f}, 4, 1),
            constant("low", new float[] {-0.5f}),
            constant("high", new float[] {0.5f}),
            node("wq", "FakeQuantWithMinMaxVars", "w", "low", "high").flag("narrow_range", true),
            node("y", "MatMul", "q", "wq"));
    Graph read = read(graph);
    assertThat(read.main().ops().stream().map(Op::kind))
        .containsExactly(OpKind.QUANTIZE, OpKind.DEQUANTIZE, OpKind.FULLY_CONNECTED);
    Quantization.Affine q = read.main().ops().get(0).output(0).affine().orElseThrow();
    assertThat(q.scale(0)).isCloseTo(0.01f, Offset.offset(1e-6f));
    assertThat(q.zeroPoint(0)).isEqualTo(100 - 128);
    float step = 1 / 254f;
    float w = Math.round(0.101f / step) * step;
    assertThat(runner.run(read, new float[] {2, 0, 0, 0}).get(0)[0])
        .isCloseTo(1.55f * w, Offset.offset(1e-5f));
  }

  @Test
  void slicesFollowTheirMasks() throws IOException {
    TfBytes graph =
        graph(
            placeholder("x", Types.FLOAT, 2, 3, 4),
            constant("begin", 1, 0, 0, 3),
            constant("end", 2, 0, 0, 0),
            constant("step", 1, 1, 1, -2),
            // x[1, ..., new axis, 3::-2]
            node("y", "StridedSlice", "x", "begin", "end", "step")
                .integer("shrink_axis_mask", 1)
                .integer("ellipsis_mask", 2)
                .integer("new_axis_mask", 4)
                .integer("end_mask", 8));
    Graph read = read(graph);
    assertThat(read.main().outputs().get(0).shape().dims()).containsExactly(3, 1, 2);
    float[] x = new float[24];
    for (int i = 0; i < x.length; i++) {
      x[i] = i;
    }
    assertThat(runner.run(read, x).get(0)).containsExactly(15, 13, 19, 17, 23, 21);
  }

  @Test
  void loopsOfTensorFlow1AreRefusedPlainly() {
    TfBytes graph =
        graph(
            placeholder("x", Types.FLOAT, 1),
            node("enter", "Enter", "x").string("frame_name", "f"),
            node("merge", "Merge", "enter", "next"),
            node("next", "NextIteration", "twice"),
            node("twice", "AddV2", "merge", "merge"),
            node("exit", "Exit", "twice"),
            scalar("unused", 1));
    assertThatThrownBy(() -> read(FrozenGraphImporter.create().outputs("exit"), graph))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContainingAll("Enter at enter", "waits for its own result");
  }

  @Test
  void operatorsStayAsCustomOnesOnRequestOnly() {
    TfBytes graph =
        graph(
            placeholder("x", Types.FLOAT, 2, 3),
            node("f", "Filter", "x").type("T", Types.FLOAT).string("mode", "wrap"),
            node("y", "Neg", "f:1"));
    assertThatThrownBy(() -> read(graph))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("ImportOptions.customOperators(\"Filter\")");
    for (String asked : new String[] {"Filter", ImportOptions.ANY_OPERATOR}) {
      Graph read =
          FrozenGraphImporter.create()
              .read(
                  ByteBuffer.wrap(graph.toBytes()),
                  "test.pb",
                  ImportOptions.defaults().customOperators(asked));
      Op op = read.main().ops().get(0);
      assertThat(op.customName()).isEqualTo("Filter");
      assertThat(op.outputs()).hasSize(2);
      assertThat(op.customOptions()).isPresent();
      assertThat(read.main().ops().get(1).kind()).isEqualTo(OpKind.NEG);
    }
  }

  @Test
  void tensorsOfManyDimensionsAreBroadcast() throws IOException {
    // No two neighbours of these five dimensions are repeated alike.
    TfBytes graph =
        graph(
            placeholder("x", Types.FLOAT, 2, 1, 2, 1, 2),
            placeholder("y", Types.FLOAT, 1, 3, 1, 2, 1),
            placeholder("z", Types.FLOAT, 2, 1, 1, 3, 1),
            constant("k", new float[] {1, 10, 100}, 1, 1, 1, 3, 1),
            node("sum", "AddV2", "x", "y"),
            node("scaled", "Mul", "z", "k"));
    Graph read = read(FrozenGraphImporter.create().outputs("sum", "scaled"), graph);
    float[] x = random(8, 5);
    float[] y = random(6, 6);
    float[] expected = new float[48];
    for (int i = 0; i < 48; i++) {
      int a = i / 24;
      int b = i / 8 % 3;
      int c = i / 4 % 2;
      int d = i / 2 % 2;
      int e = i % 2;
      expected[i] = x[a * 4 + c * 2 + e] + y[b * 2 + d];
    }
    List<float[]> out = runner.run(read, x, y, new float[] {1, 2, 3, 4, 5, 6});
    assertThat(out.get(0)).containsExactly(expected);
    assertThat(out.get(1)).containsExactly(1, 20, 300, 4, 50, 600);
  }

  @Test
  void spectraAreTwoTensorsUpToTheirMagnitude() throws IOException {
    TfBytes graph =
        graph(
            placeholder("x", Types.FLOAT, 1, 6),
            constant("size", 8),
            node("spectrum", "RFFT", "x", "size"),
            node("size2", "ExpandDims", "spectrum", "axis"),
            TfBytes.scalar("axis", 0),
            node("magnitude", "ComplexAbs", "size2"),
            node("real", "Real", "spectrum"),
            node("imaginary", "Imag", "spectrum"),
            node("i", "Complex", "real", "imaginary"),
            node("square", "Mul", "i", "spectrum"),
            node("half", "Imag", "square"),
            node("e", "Exp", "i"),
            node("phase", "Angle", "e"));
    Graph read = read(FrozenGraphImporter.create().outputs("magnitude", "half", "phase"), graph);
    float[] x = {0.1f, -0.2f, 0.3f, 0.1f, 0, -0.1f};
    List<float[]> out = runner.run(read, x);
    assertThat(read.main().outputs().get(0).shape()).isEqualTo(Shape.of(1, 1, 5));
    for (int k = 0; k < 5; k++) {
      double re = 0;
      double im = 0;
      for (int t = 0; t < x.length; t++) {
        re += x[t] * Math.cos(2 * Math.PI * k * t / 8);
        im -= x[t] * Math.sin(2 * Math.PI * k * t / 8);
      }
      assertThat(out.get(0)[k]).isCloseTo((float) Math.hypot(re, im), within(1e-6f));
      assertThat(out.get(1)[k]).isCloseTo((float) (2 * re * im), within(1e-6f));
      assertThat(out.get(2)[k]).isCloseTo((float) im, within(1e-5f));
    }
  }
}
