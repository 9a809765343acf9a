package io.jetfire.importer.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.ConfigurationException;
import io.jetfire.Tensor;
import io.jetfire.UnsupportedModelException;
import io.jetfire.runtime.TfliteRuntimeProvider;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.testkit.TestProviderContext;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ImportVerification;
import io.jetfire.tflite.importer.ImportVerification.Difference;
import io.jetfire.tflite.importer.ModelImporter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Verification of an import; here, because it needs an importer and a runtime. */
@SuppressWarnings("NullAway.Init") // JUnit fills the folder, and each case has its runtime.
class ImportVerificationTest {
  @TempDir Path folder;
  private ModelRuntime runtime;

  @BeforeEach
  void open() {
    runtime = new TfliteRuntimeProvider().create(TestProviderContext.in(folder));
  }

  @AfterEach
  void close() {
    runtime.close();
  }

  /** y = (x · w) + b, z = sqrt(relu(y)), with x [1, 4] and z [1, 2]. */
  private Path layer() throws IOException {
    return Files.write(
        folder.resolve("layer.onnx"),
        OnnxBytes.model(
            OnnxBytes.message()
                .add(1, OnnxBytes.node("MatMul", "p", "x", "w"))
                .add(1, OnnxBytes.node("Add", "y", "p", "b"))
                .add(1, OnnxBytes.node("Abs", "r", "y"))
                .add(1, OnnxBytes.node("Sqrt", "z", "r"))
                .add(5, OnnxBytes.floats("w", new float[] {1, 2, 3, 4, 5, 6, 7, 8}, 4, 2))
                .add(5, OnnxBytes.floats("b", new float[] {1, 3}, 2))
                .add(11, OnnxBytes.value("x", 1, 1, 4))
                .add(12, OnnxBytes.value("z", 1, 1, 2))));
  }

  private static final Map<String, Tensor> ONES =
      Map.of("x", Tensor.ofFloats(new float[] {1, 1, 1, 1}, 1, 4));

  private static Tensor pair(float first, float second) {
    return Tensor.ofFloats(new float[] {first, second}, 1, 2);
  }

  @Test
  void agreesWithWhatIsExpected() throws IOException {
    ImportVerification.Result result =
        ImportVerification.of(layer())
            .example(ONES, Map.of("z", pair((float) Math.sqrt(17), (float) Math.sqrt(23))))
            .run(runtime, folder);
    result.requireSame();
    assertThat(result.expectedFromElsewhere()).isTrue();
    assertThat(result.differences()).extracting(Difference::tensor).containsExactly("z");
    assertThat(result.toString()).contains("layer.onnx: 1 tensors compared").contains("same");
  }

  @Test
  void namesTheFirstTensorThatDiffers() throws IOException {
    ImportVerification.Result result =
        ImportVerification.of(layer())
            .example(ONES, Map.of("y", pair(17, 23), "r", pair(17, 25), "z", pair(4.12f, 5)))
            .run(runtime, folder);
    assertThat(result.firstDiffering()).map(Difference::tensor).contains("r");
    assertThat(result.firstDiffering()).map(Difference::largest).contains(2.0);
    assertThatThrownBy(result::requireSame)
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("layer.onnx")
        .hasMessageContaining("first tensor that differs is r, by 2.00");
  }

  @Test
  void takesTheExamplesBesideTheModel() throws IOException {
    Path model = layer();
    Path data = Files.createDirectory(folder.resolve("test_data_set_0"));
    Files.write(
        data.resolve("input_0.pb"),
        OnnxBytes.floats("x", new float[] {1, 1, 1, 1}, 1, 4).toBytes());
    Files.write(
        data.resolve("output_0.pb"), OnnxBytes.floats("z", new float[] {1, 2}, 1, 2).toBytes());

    ImportVerification.Result result = ImportVerification.of(model).run(runtime, folder);

    assertThat(result.examples()).isEqualTo(1);
    assertThat(result.firstDiffering()).map(Difference::tensor).contains("z");
  }

  /** A convolution with channels first, a batch norm and an activation: much to be optimized. */
  private Path network() throws IOException {
    Random random = new Random(5);
    return Files.write(
        folder.resolve("network.onnx"),
        OnnxBytes.model(
            OnnxBytes.message()
                .add(1, OnnxBytes.node("Conv", "c", "x", "w"))
                .add(1, OnnxBytes.node("BatchNormalization", "n", "c", "s", "o", "m", "v"))
                .add(1, OnnxBytes.node("Relu", "r", "n"))
                .add(1, OnnxBytes.node("GlobalAveragePool", "y", "r"))
                .add(5, OnnxBytes.floats("w", gaussian(random, 5 * 3 * 9), 5, 3, 3, 3))
                .add(5, OnnxBytes.floats("s", new float[] {1, 2, 3, 4, 5}, 5))
                .add(5, OnnxBytes.floats("o", gaussian(random, 5), 5))
                .add(5, OnnxBytes.floats("m", gaussian(random, 5), 5))
                .add(5, OnnxBytes.floats("v", new float[] {1, 2, 1, 2, 1}, 5))
                .add(11, OnnxBytes.value("x", 1, 1, 3, 8, 9))
                .add(12, OnnxBytes.value("y", 1, 1, 5, 1, 1))));
  }

  private static float[] gaussian(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  @Test
  void withoutExamplesTheOptimizedGraphIsComparedWithTheOneThatWasRead() throws IOException {
    ImportVerification.Result result = ImportVerification.of(network()).run(runtime, folder);

    result.requireSame();
    assertThat(result.expectedFromElsewhere()).isFalse();
    assertThat(result.differences()).extracting(Difference::tensor).contains("r", "y");
  }

  @Test
  void anOptimizationThatGoesWrongIsFound() throws IOException {
    UnaryOperator<Graph> spoil =
        graph -> {
          graph.main().ops().stream()
              .filter(op -> op.kind() == OpKind.CONV_2D)
              .forEach(
                  op ->
                      op.set("stride_w", 1)
                          .set("dilation_w_factor", 1)
                          .set("padding", io.jetfire.tflite.graph.Padding.SAME));
          return graph;
        };
    ModelImporter broken = new Spoiling(spoil);

    assertThatThrownBy(
            () -> ImportVerification.of(broken, network()).run(runtime, folder).requireSame())
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("before it is optimized");
  }

  private record Spoiling(UnaryOperator<Graph> spoil) implements ModelImporter {
    @Override
    public String id() {
      return "spoiling";
    }

    @Override
    public boolean accepts(Path file, byte[] header) {
      return true;
    }

    @Override
    public Graph read(Path file, ImportOptions options) {
      Graph graph = OnnxImporter.create().read(file, options);
      return options.isOptimized() ? spoil.apply(graph) : graph;
    }
  }

  @Test
  void saysWhatAnExampleLacks() throws IOException {
    Path model = layer();
    assertThatThrownBy(
            () ->
                ImportVerification.of(model)
                    .example(Map.of("X", pair(1, 2)), Map.of("z", pair(1, 2)))
                    .run(runtime, folder))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("[X]")
        .hasMessageContaining("the model also has x");
    assertThatThrownBy(
            () ->
                ImportVerification.of(model)
                    .example(ONES, Map.of("result", pair(1, 2)))
                    .run(runtime, folder))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("whose outputs are [z]");
    assertThat(List.of(folder.toFile().list())).noneMatch(f -> f.startsWith("verify"));
  }
}
