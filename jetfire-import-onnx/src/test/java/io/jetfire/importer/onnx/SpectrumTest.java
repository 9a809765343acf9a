package io.jetfire.importer.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.Delegate;
import io.jetfire.Tensor;
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
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Fourier transforms, cubic sampling and regions against ONNX Runtime. */
@SuppressWarnings("NullAway.Init") // JUnit fills the folder, create() the runtime.
class SpectrumTest {
  @TempDir Path folder;
  private final Random random = new Random(7);
  private ModelRuntime runtime;

  @BeforeEach
  void create() {
    runtime = new TfliteRuntimeProvider().create(TestProviderContext.in(folder));
  }

  @AfterEach
  void close() {
    runtime.close();
  }

  private Tensor values(float scale, int... shape) {
    int n = 1;
    for (int d : shape) {
      n *= d;
    }
    float[] v = new float[n];
    for (int i = 0; i < n; i++) {
      v[i] = (float) random.nextGaussian() * scale;
    }
    return Tensor.ofFloats(v, shape);
  }

  private Graph compare(OnnxBytes graph, Map<String, Tensor> inputs) throws IOException {
    byte[] model = OnnxBytes.model(graph);
    Graph read =
        OnnxImporter.create()
            .read(ByteBuffer.wrap(model), ExternalData.none(), "test", ImportOptions.defaults());
    Map<String, Tensor> found =
        Runs.run(runtime, folder, read, Delegate.CPU, List.of(inputs)).get(0);
    Oracle.run(model, inputs)
        .forEach(
            (name, expected) ->
                assertThat(Runs.difference(Objects.requireNonNull(found.get(name)), expected))
                    .as(name)
                    .isLessThan(2e-5));
    return read;
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 0, 0", "1, 2, 0, 0", "2, 1, 0, 1", "2, 2, 1, 0", "1, 1, 1, 0", "1, 2, 0, 1"})
  void transforms(int parts, int axis, int inverse, int onesided) throws IOException {
    if (parts == 2 && onesided == 1) {
      parts = 1; // half of a spectrum is enough for real signals only
    }
    OnnxBytes graph =
        OnnxBytes.message()
            .add(
                1,
                OnnxBytes.node("DFT", "y", "x")
                    .attribute("axis", axis)
                    .attribute("inverse", inverse)
                    .attribute("onesided", onesided))
            .add(11, OnnxBytes.value("x", 1, 2, 7, 10, parts))
            .add(12, OnnxBytes.value("y", 1, 2, "a", "b", 2));
    compare(graph, Map.of("x", values(1, 2, 7, 10, parts)));
  }

  @Test
  void shortTimeTransformsAreOneConvolution() throws IOException {
    float[] window = new float[16];
    for (int i = 0; i < window.length; i++) {
      window[i] = (float) Math.sin(Math.PI * i / window.length);
    }
    OnnxBytes graph =
        OnnxBytes.message()
            .add(1, OnnxBytes.node("STFT", "y", "x", "step", "window"))
            .add(5, OnnxBytes.tensor("step", 7, new byte[] {8, 0, 0, 0, 0, 0, 0, 0}))
            .add(5, OnnxBytes.floats("window", window, 16))
            .add(11, OnnxBytes.value("x", 1, 2, 128, 1))
            .add(12, OnnxBytes.value("y", 1, 2, 15, 9, 2));
    Graph read = compare(graph, Map.of("x", values(1, 2, 128, 1)));
    assertThat(read.main().ops()).extracting(Op::kind).containsOnly(OpKind.RESHAPE, OpKind.CONV_2D);
  }

  @ParameterizedTest
  @CsvSource({"zeros, 0", "border, 1", "reflection, 0"})
  void cubicSampling(String padding, int align) throws IOException {
    OnnxBytes graph =
        OnnxBytes.message()
            .add(
                1,
                text(
                        text(OnnxBytes.node("GridSample", "y", "x", "g"), "mode", "bicubic"),
                        "padding_mode",
                        padding)
                    .attribute("align_corners", align))
            .add(11, OnnxBytes.value("x", 1, 2, 3, 5, 6))
            .add(11, OnnxBytes.value("g", 1, 2, 4, 3, 2))
            .add(12, OnnxBytes.value("y", 1, 2, 3, 4, 3));
    compare(graph, Map.of("x", values(1, 2, 3, 5, 6), "g", values(0.7f, 2, 4, 3, 2)));
  }

  @ParameterizedTest
  @CsvSource({"half_pixel, 2", "output_half_pixel, 1"})
  void regions(String mode, int samples) throws IOException {
    OnnxBytes graph =
        OnnxBytes.message()
            .add(
                1,
                text(
                        OnnxBytes.node("RoiAlign", "y", "x", "r", "of"),
                        "coordinate_transformation_mode",
                        mode)
                    .attribute("output_height", 3)
                    .attribute("output_width", 2)
                    .attribute("sampling_ratio", samples))
            .add(
                5,
                OnnxBytes.tensor(
                    "of", 7, new byte[] {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 2))
            .add(11, OnnxBytes.value("x", 1, 2, 3, 8, 9))
            .add(11, OnnxBytes.value("r", 1, 2, 4))
            .add(12, OnnxBytes.value("y", 1, 2, 3, 3, 2));
    Tensor regions = Tensor.ofFloats(new float[] {-2, 1, 5.5f, 9.5f, 3, 3, 3.5f, 8}, 2, 4);
    compare(graph, Map.of("x", values(1, 2, 3, 8, 9), "r", regions));
  }

  private static OnnxBytes text(OnnxBytes node, String name, String value) {
    return node.add(
        5,
        OnnxBytes.message()
            .text(1, name)
            .bytes(4, value.getBytes(StandardCharsets.UTF_8))
            .number(20, 3));
  }
}
