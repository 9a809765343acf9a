package io.jetfire.importer.pytorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.TensorType;
import io.jetfire.runtime.TfliteRuntimeProvider;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.testkit.TestProviderContext;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.importer.ImportOptions;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Single operators whose results are known, on the TFLite runtime. */
@SuppressWarnings("NullAway.Init") // JUnit fills the folder, create() the runtime.
class OperatorsTest {
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

  private Tensor run(ProgramFile file, Tensor... inputs) throws IOException {
    Graph graph =
        new PytorchImporter().read(file.archive(false), "net.pt2", ImportOptions.defaults());
    Path model = folder.resolve("model.tflite");
    Files.write(model, TfliteWriter.toBytes(graph, WriteOptions.defaults()));
    ModelRuntime.Options options =
        ModelRuntime.Options.defaults()
            .delegate(Delegate.CPU)
            .isolation(ModelRuntime.Isolation.IN_PROCESS);
    try (ModelRuntime.Session session = runtime.open(Model.of(model), options)) {
      for (int i = 0; i < inputs.length; i++) {
        session.input(i, inputs[i]);
      }
      session.invoke();
      return session.output(0);
    }
  }

  private static int[] ints(Tensor t) {
    int[] out = new int[4];
    t.data().duplicate().order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(out);
    return out;
  }

  private static ProgramFile program(int type, String sizes) {
    return new ProgramFile().input("x", type, sizes);
  }

  private static String dims(int... d) {
    return ProgramFile.ints(d);
  }

  private static String number(String name, int v) {
    return ProgramFile.argument(name, "\"as_int\":" + v);
  }

  private static String numbers(String name, String list) {
    return ProgramFile.argument(name, "\"as_ints\":[" + list + "]");
  }

  private static String real(String name, double v) {
    return ProgramFile.argument(name, "\"as_float\":" + v);
  }

  private static String self(String name) {
    return ProgramFile.tensor("self", name);
  }

  private static final Tensor SIX = Tensor.ofFloats(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);

  @Test
  void aWriteThroughViewsReachesTheTensor() throws IOException {
    // y = x * 1; y[1, 1:3] = 9, as torch.export gives it without decompositions
    ProgramFile file =
        program(7, dims(2, 3))
            .call("torch.ops.aten.neg.default", "y", 7, dims(2, 3), self("x"))
            .call(
                "torch.ops.aten.select.int",
                "row",
                7,
                dims(3),
                self("y"),
                number("dim", 0),
                number("index", 1))
            .call(
                "torch.ops.aten.slice.Tensor",
                "part",
                7,
                dims(2),
                self("row"),
                number("dim", 0),
                number("start", 1),
                number("end", 3))
            .call(
                "torch.ops.aten.fill_.Scalar", "fill_", 7, dims(2), self("part"), real("value", 9))
            .output("y");
    assertThat(run(file, SIX).toFloatArray()).containsExactly(-1, -2, -3, -4, 9, 9);
  }

  @Test
  void integersAreDividedAsPythonDoes() throws IOException {
    Tensor x = Tensor.ofInts(new int[] {7, -7, 8, -8}, 4);
    ProgramFile floor =
        program(Types.INT, dims(4))
            .call(
                "torch.ops.aten.floor_divide.default",
                "q",
                Types.INT,
                dims(4),
                self("x"),
                number("other", 3))
            .output("q");
    assertThat(ints(run(floor, x))).containsExactly(2, -3, 2, -3);
    ProgramFile trunc =
        program(Types.INT, dims(4))
            .call(
                "torch.ops.aten.div.Tensor_mode",
                "q",
                Types.INT,
                dims(4),
                self("x"),
                number("other", 3),
                ProgramFile.argument("rounding_mode", "\"as_string\":\"trunc\""))
            .output("q");
    assertThat(ints(run(trunc, x))).containsExactly(2, -2, 2, -2);
    ProgramFile remainder =
        program(Types.INT, dims(4))
            .call(
                "torch.ops.aten.remainder.Scalar",
                "r",
                Types.INT,
                dims(4),
                self("x"),
                number("other", 3))
            .output("r");
    assertThat(ints(run(remainder, x))).containsExactly(1, 2, 2, 1);
  }

  @Test
  void aTrueQuotientOfIntegersIsReal() throws IOException {
    ProgramFile file =
        program(Types.INT, dims(2))
            .call("torch.ops.aten.div.Tensor", "q", 7, dims(2), self("x"), number("other", 4))
            .output("q");
    Tensor y = run(file, Tensor.ofInts(new int[] {1, 6}, 2));
    assertThat(y.type()).isEqualTo(TensorType.FLOAT32);
    assertThat(y.toFloatArray()).containsExactly(0.25f, 1.5f);
  }

  @Test
  void paddingsComeFromTheLastDimension() throws IOException {
    ProgramFile file =
        program(7, dims(2, 3))
            .call(
                "torch.ops.aten.constant_pad_nd.default",
                "pad",
                7,
                dims(3, 3),
                self("x"),
                numbers("pad", "1,-1,0,1"),
                real("value", 8))
            .output("pad");
    assertThat(run(file, SIX).toFloatArray()).containsExactly(8, 1, 2, 8, 4, 5, 8, 8, 8);
  }

  @Test
  void adaptivePoolingHasWindowsOfUnlikeSizes() throws IOException {
    // Five elements to three: [0, 2), [1, 4), [3, 5).
    ProgramFile mean =
        program(7, dims(1, 1, 5))
            .call(
                "torch.ops.aten.adaptive_avg_pool1d.default",
                "y",
                7,
                dims(1, 1, 3),
                self("x"),
                numbers("output_size", "3"))
            .output("y");
    Tensor x = Tensor.ofFloats(new float[] {1, 2, 3, 4, 10}, 1, 1, 5);
    assertThat(run(mean, x).toFloatArray())
        .containsExactly(new float[] {1.5f, 3, 7}, within(1e-6f));
  }

  @Test
  void layerNormalizationIsThatOfItsFormula() throws IOException {
    ProgramFile file =
        program(7, dims(2, 3))
            .call(
                "torch.ops.aten.layer_norm.default",
                "y",
                7,
                dims(2, 3),
                ProgramFile.tensor("input", "x"),
                numbers("normalized_shape", "3"),
                real("eps", 0.5))
            .output("y");
    float one = (float) (1 / Math.sqrt(2.0 / 3 + 0.5));
    assertThat(run(file, SIX).toFloatArray())
        .containsExactly(new float[] {-one, 0, one, -one, 0, one}, within(1e-6f));
  }

  @Test
  void indicesOnAxesApartComeFirst() throws IOException {
    // x[[1, 0], :, [2, 0]] of a tensor of 2 x 2 x 3 elements 0 to 11 has the rows (8, 11), (0, 3)
    float[] elements = new float[12];
    for (int i = 0; i < 12; i++) {
      elements[i] = i;
    }
    String some = "{\"as_tensor\":{\"name\":\"i\"}}";
    String other = "{\"as_tensor\":{\"name\":\"k\"}}";
    ProgramFile file =
        program(7, dims(2, 2, 3))
            .input("i", Types.INT, dims(2))
            .input("k", Types.INT, dims(2))
            .call(
                "torch.ops.aten.index.Tensor",
                "y",
                7,
                dims(2, 2),
                self("x"),
                ProgramFile.argument(
                    "indices",
                    "\"as_optional_tensors\":[" + some + ",{\"as_none\":true}," + other + "]"))
            .output("y");
    Tensor y =
        run(
            file,
            Tensor.ofFloats(elements, 2, 2, 3),
            Tensor.ofInts(new int[] {1, 0}, 2),
            Tensor.ofInts(new int[] {-1, 0}, 2));
    assertThat(y.toFloatArray()).containsExactly(8, 11, 0, 3);
  }

  @Test
  void aGridOfCentresIsTheImage() throws IOException {
    float[] grid = {-0.5f, -0.5f, 0.5f, -0.5f, -0.5f, 0.5f, 0, 0};
    ProgramFile file =
        program(7, dims(1, 1, 2, 2))
            .input("g", 7, dims(1, 2, 2, 2))
            .call(
                "torch.ops.aten.grid_sampler.default",
                "y",
                7,
                dims(1, 1, 2, 2),
                ProgramFile.tensor("input", "x"),
                ProgramFile.tensor("grid", "g"),
                number("interpolation_mode", 0),
                number("padding_mode", 0),
                ProgramFile.argument("align_corners", "\"as_bool\":false"))
            .output("y");
    Tensor x = Tensor.ofFloats(new float[] {1, 2, 3, 6}, 1, 1, 2, 2);
    assertThat(run(file, x, Tensor.ofFloats(grid, 1, 2, 2, 2)).toFloatArray())
        .containsExactly(new float[] {1, 2, 3, 3}, within(1e-6f)); // the last is the mean of all
  }

  @Test
  void aTransposedConvolutionSpreadsItsInput() throws IOException {
    // Stride 2 puts zeros between the elements, a window of (1, 10, 100) adds its copies up.
    ProgramFile file =
        program(7, dims(1, 1, 3))
            .parameter("w", "weight_0", new int[] {1, 1, 3}, new int[] {3, 3, 1}, 0, 1, 10, 100)
            .call(
                "torch.ops.aten.conv_transpose1d.default",
                "y",
                7,
                dims(1, 1, 6),
                ProgramFile.tensor("input", "x"),
                ProgramFile.tensor("weight", "p_w"),
                numbers("stride", "2"),
                numbers("padding", "1"),
                numbers("output_padding", "1"))
            .output("y");
    Tensor x = Tensor.ofFloats(new float[] {1, 2, 3}, 1, 1, 3);
    assertThat(run(file, x).toFloatArray())
        .containsExactly(new float[] {10, 102, 20, 203, 30, 300}, within(1e-4f));
  }

  @Test
  void quantizedTensorsLieOnTheirGrid() throws IOException {
    String[] parameters = {
      real("scale", 0.5),
      number("zero_point", 3),
      number("quant_min", -128),
      number("quant_max", 127)
    };
    ProgramFile file =
        program(7, dims(2, 3))
            .call(
                "torch.ops.quantized_decomposed.quantize_per_tensor.default",
                "q",
                Types.CHAR,
                dims(2, 3),
                ProgramFile.tensor("input", "x"),
                parameters[0],
                parameters[1],
                parameters[2],
                parameters[3])
            .call(
                "torch.ops.quantized_decomposed.dequantize_per_tensor.default",
                "y",
                7,
                dims(2, 3),
                ProgramFile.tensor("input", "q"),
                parameters[0],
                parameters[1],
                parameters[2],
                parameters[3])
            .output("y");
    Tensor x = Tensor.ofFloats(new float[] {0.7f, -0.7f, 0.2f, 1.3f, 100, -100}, 2, 3);
    // The ends are those of 8 bits: (127 - 3) / 2 and (-128 - 3) / 2.
    assertThat(run(file, x).toFloatArray()).containsExactly(0.5f, -0.5f, 0, 1.5f, 62, -65.5f);
  }

  private static ProgramFile scaled(String target, int other) {
    return program(Types.FLOAT, dims(2, 3))
        .input("k", Types.FLOAT, dims(3))
        .call("torch.ops.aten." + target, "z", Types.FLOAT, dims(2, 3), self("x"), second(other))
        .call(
            "torch.ops.aten.add.Tensor",
            "y",
            Types.FLOAT,
            dims(2, 3),
            self("z"),
            ProgramFile.tensor("other", "k"))
        .output("y");
  }

  private static String second(int v) {
    return number("other", v);
  }

  @Test
  void loopsAndBranchesRunAsTheirOperatorsSay() throws IOException {
    // while (sum(x) < 100): x = 2 x + k, with k = [0, 1, 0]
    ProgramFile goes =
        program(Types.FLOAT, dims(2, 3))
            .input("k", Types.FLOAT, dims(3))
            .call("torch.ops.aten.sum.default", "all", Types.FLOAT, "", self("x"))
            .call("torch.ops.aten.lt.Scalar", "less", Types.BOOL, "", self("all"), second(100))
            .output("less");
    ProgramFile loop =
        program(Types.FLOAT, dims(2, 3))
            .input("k", Types.FLOAT, dims(3))
            .call(
                "torch.ops.higher_order.while_loop",
                "y",
                Types.FLOAT,
                dims(2, 3),
                goes.asArgument(),
                scaled("mul.Tensor", 2).asArgument(),
                ProgramFile.operands("x"),
                ProgramFile.operands("k"))
            .output("y");
    Tensor k = Tensor.ofFloats(new float[] {0, 1, 0}, 3);
    // sums: 21, 44, 90, 182
    assertThat(run(loop, SIX, k).toFloatArray()).containsExactly(8, 23, 24, 32, 47, 48);
    Tensor large = Tensor.ofFloats(new float[] {100, 0, 0, 0, 0, 0}, 2, 3);
    assertThat(run(loop, large, k).toFloatArray()).containsExactly(100, 0, 0, 0, 0, 0);

    ProgramFile choice =
        program(Types.FLOAT, dims(2, 3))
            .input("k", Types.FLOAT, dims(3))
            .call("torch.ops.aten.sum.default", "all", Types.FLOAT, "", self("x"))
            .call("torch.ops.aten.lt.Scalar", "less", Types.BOOL, "", self("all"), second(100))
            .call(
                "torch.ops.higher_order.cond",
                "y",
                Types.FLOAT,
                dims(2, 3),
                ProgramFile.tensor("", "less"),
                scaled("mul.Tensor", 3).asArgument(),
                scaled("sub.Tensor", 1).asArgument(),
                ProgramFile.operands("x", "k"))
            .output("y");
    assertThat(run(choice, SIX, k).toFloatArray()).containsExactly(3, 7, 9, 12, 16, 18);
    assertThat(run(choice, large, k).toFloatArray()).containsExactly(99, 0, -1, -1, 0, -1);

    ProgramFile row =
        program(Types.FLOAT, dims(3))
            .input("k", Types.FLOAT, dims(3))
            .call(
                "torch.ops.aten.mul.Tensor",
                "y",
                Types.FLOAT,
                dims(3),
                self("x"),
                ProgramFile.tensor("other", "k"))
            .output("y");
    ProgramFile map =
        program(Types.FLOAT, dims(2, 3))
            .input("k", Types.FLOAT, dims(3))
            .call(
                "torch.ops.higher_order.map_impl",
                "y",
                Types.FLOAT,
                dims(2, 3),
                row.asArgument(),
                ProgramFile.operands("x"),
                ProgramFile.operands("k"))
            .output("y");
    assertThat(run(map, SIX, Tensor.ofFloats(new float[] {1, 10, 100}, 3)).toFloatArray())
        .containsExactly(1, 20, 300, 4, 50, 600);
  }

  private float[] one(String target, String outDims, String... arguments) throws IOException {
    ProgramFile file =
        program(Types.FLOAT, dims(2, 3))
            .call("torch.ops.aten." + target, "y", Types.FLOAT, outDims, arguments)
            .output("y");
    return run(file, SIX).toFloatArray();
  }

  @Test
  void compositesThatExportLeavesAreWrittenOut() throws IOException {
    assertThat(one("rot90.default", dims(3, 2), self("x"), number("k", 1), numbers("dims", "0,1")))
        .containsExactly(3, 6, 2, 5, 1, 4);
    assertThat(one("rot90.default", dims(3, 2), self("x"), number("k", 3), numbers("dims", "0,1")))
        .containsExactly(4, 1, 5, 2, 6, 3);
    assertThat(one("diff.default", dims(1, 3), self("x"), number("n", 1), number("dim", 0)))
        .containsExactly(3, 3, 3);
    assertThat(
            one(
                "fake_quantize_per_tensor_affine.default",
                dims(2, 3),
                self("x"),
                real("scale", 0.4),
                number("zero_point", -1),
                number("quant_min", 0),
                number("quant_max", 10)))
        .containsExactly(new float[] {0.8f, 2, 3.2f, 4, 4.4f, 4.4f}, within(1e-6f));
    assertThat(one("kron.default", dims(4, 9), self("x"), ProgramFile.tensor("other", "x")))
        .startsWith(1, 2, 3, 2, 4, 6, 3, 6, 9, 4, 5, 6);
    assertThat(
            one(
                "tensordot.default",
                dims(2, 2),
                self("x"),
                ProgramFile.tensor("other", "x"),
                numbers("dims_self", "1"),
                numbers("dims_other", "1")))
        .containsExactly(14, 32, 32, 77);
    assertThat(
            one(
                "cross.default",
                dims(2, 3),
                self("x"),
                ProgramFile.tensor("other", "x"),
                number("dim", 1)))
        .containsExactly(0, 0, 0, 0, 0, 0);
    assertThat(one("hann_window.default", dims(4), number("window_length", 4)))
        .containsExactly(new float[] {0, 0.5f, 1, 0.5f}, within(1e-6f));
  }

  @Test
  void lossesAreWrittenOut() throws IOException {
    assertThat(one("huber_loss.default", "", self("x"), target(), number("reduction", 2)))
        .containsExactly(0);
    ProgramFile loss =
        program(Types.FLOAT, dims(3, 2))
            .input("t", Types.LONG, dims(3))
            .call(
                "torch.ops.aten.cross_entropy_loss.default",
                "y",
                Types.FLOAT,
                "",
                self("x"),
                ProgramFile.tensor("target", "t"))
            .output("y");
    Tensor x = Tensor.ofFloats(new float[] {0, 0, (float) Math.log(3), 0, 5, 7}, 3, 2);
    // The last sample is ignored: (log 2 + log 4) / 2.
    java.nio.ByteBuffer classes = java.nio.ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
    classes.putLong(0).putLong(1).putLong(-100).flip();
    Tensor t = Tensor.of(TensorType.INT64, classes, 3);
    assertThat(run(loss, x, t).toFloatArray()[0])
        .isCloseTo((float) (1.5 * Math.log(2)), within(1e-6f));
    ProgramFile logits =
        program(Types.FLOAT, dims(2, 3))
            .call(
                "torch.ops.aten.binary_cross_entropy_with_logits.default",
                "y",
                Types.FLOAT,
                dims(2, 3),
                self("x"),
                ProgramFile.argument("target", "\"as_float\":1.0"),
                number("reduction", 0))
            .output("y");
    float[] y = run(logits, SIX).toFloatArray();
    for (int i = 0; i < 6; i++) {
      assertThat(y[i]).isCloseTo((float) Math.log1p(Math.exp(-i - 1)), within(1e-6f));
    }
  }

  private static String target() {
    return ProgramFile.tensor("target", "x");
  }
}
