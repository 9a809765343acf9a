package io.jetfire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PreprocessingTest {

  private static Tensor gray(int height, int width, float... values) {
    return Tensor.ofFloats(values, height, width, 1);
  }

  @Test
  void bilinearByHand() {
    // Half-pixel centers, edges repeated: from 2 to 4 the source positions are -0.25 (at the edge:
    // 0), 0.25, 0.75, 1.25 (at the edge: 1).
    assertThat(Preprocessing.resize(4, 1).apply(gray(1, 2, 0, 100)).toFloatArray())
        .containsExactly(0, 25, 75, 100);
    // From 4 to 2: positions 0.5 and 2.5.
    assertThat(Preprocessing.resize(2, 1).apply(gray(1, 4, 0, 10, 20, 40)).toFloatArray())
        .containsExactly(5, 30);
    // From 3 to 2: positions 0.25 and 1.75.
    assertThat(Preprocessing.resize(1, 2).apply(gray(3, 1, 0, 8, 16)).toFloatArray())
        .containsExactly(2, 14);
    // Both directions: the mean of all four.
    assertThat(Preprocessing.resize(1, 1).apply(gray(2, 2, 1, 2, 3, 6)).toFloatArray())
        .containsExactly(3);
  }

  @Test
  void resizingKeepsChannelsApartAndAConstantConstant() {
    Tensor image = Tensor.ofFloats(new float[] {1, 10, 3, 30}, 1, 2, 2);
    Tensor out = Preprocessing.resize(1, 1).apply(image);
    assertThat(out.shape()).containsExactly(1, 1, 1, 2);
    assertThat(out.toFloatArray()).containsExactly(2, 20);
    byte[] same = new byte[7 * 5 * 3];
    Arrays.fill(same, (byte) 200);
    for (float v :
        Preprocessing.resize(13, 3).apply(Tensor.ofUnsignedBytes(same, 7, 5, 3)).toFloatArray()) {
      assertThat(v).isEqualTo(200);
    }
  }

  @Test
  void cropsTheMiddle() {
    Tensor image = gray(3, 4, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
    Tensor out = Preprocessing.none().centerCrop(2, 1).apply(image);
    assertThat(out.shape()).containsExactly(1, 1, 2, 1);
    assertThat(out.toFloatArray()).containsExactly(5, 6);
    assertThat(Preprocessing.none().centerCrop(9, 9).apply(image).toFloatArray())
        .as("at most what there is")
        .hasSize(12);
  }

  @Test
  void changesColors() {
    Tensor rgb = Tensor.ofUnsignedBytes(new byte[] {(byte) 200, 100, 50}, 1, 1, 3);
    assertThat(Preprocessing.none().color(Preprocessing.ColorOrder.BGR).apply(rgb).toFloatArray())
        .containsExactly(50, 100, 200);
    Tensor gray = Preprocessing.none().color(Preprocessing.ColorOrder.GRAY).apply(rgb);
    assertThat(gray.shape()).containsExactly(1, 1, 1, 1);
    assertThat(gray.toFloatArray()[0]).isEqualTo(0.299f * 200 + 0.587f * 100 + 0.114f * 50);
    assertThat(Preprocessing.none().color(Preprocessing.ColorOrder.RGB).apply(rgb).toFloatArray())
        .containsExactly(200, 100, 50);
    assertThatThrownBy(
            () -> Preprocessing.none().color(Preprocessing.ColorOrder.BGR).apply(gray(1, 1, 1)))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("3 channels");
  }

  @Test
  void normalizesPerChannelOrAllAlike() {
    Tensor rgb = Tensor.ofFloats(new float[] {10, 20, 30}, 1, 1, 3);
    assertThat(Preprocessing.none().normalize(10, 2).apply(rgb).toFloatArray())
        .containsExactly(0, 5, 10);
    assertThat(
            Preprocessing.none()
                .normalize(new float[] {0, 10, 20}, new float[] {1, 2, 5})
                .apply(rgb)
                .toFloatArray())
        .containsExactly(10, 5, 2);
    assertThatThrownBy(
            () -> Preprocessing.none().normalize(new float[] {0, 1}, new float[] {1, 1}).apply(rgb))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("2 means", "3 channels");
  }

  @Test
  void stepsAreExecutedInOrder() {
    Tensor image = gray(1, 2, 0, 100);
    Preprocessing first = Preprocessing.none().centerCrop(1, 1).normalize(0, 10);
    assertThat(first.apply(image).toFloatArray()).containsExactly(0);
    Preprocessing resizedFirst = Preprocessing.resize(1, 1).normalize(0, 10).centerCrop(1, 1);
    assertThat(resizedFirst.apply(image).toFloatArray()).containsExactly(5);
  }

  @Test
  void usersFunctionsMustGiveFloats() {
    Preprocessing twice =
        Preprocessing.none()
            .function(
                "twice-v1", t -> Tensor.ofFloats(new float[] {2 * t.toFloatArray()[0]}, t.shape()));
    assertThat(twice.apply(Tensor.ofInts(new int[] {21}, 1)).toFloatArray()).containsExactly(42);
    assertThat(twice).hasToString("Preprocessing[Function[twice-v1]]");
    assertThatThrownBy(
            () ->
                Preprocessing.none()
                    .function("bad-v1", t -> Tensor.ofInts(new int[1], 1))
                    .apply(Tensor.ofInts(new int[] {21}, 1)))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("bad-v1", "FLOAT32");
  }

  @Test
  void imagesMustBeImages() {
    assertThatThrownBy(() -> Preprocessing.resize(2, 2).apply(Tensor.ofFloats(new float[4], 2, 2)))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("[height, width, channels]");
    assertThatThrownBy(
            () -> Preprocessing.resize(2, 2).apply(Tensor.ofFloats(new float[0], 0, 3, 3)))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("without pixels");
  }

  @Test
  void settingsAreCheckedWhereverTheyComeFrom() {
    assertThatThrownBy(() -> Preprocessing.resize(0, 3)).isInstanceOf(ConfigurationException.class);
    assertThatThrownBy(() -> new Preprocessing.Resize(100_000, 100_000))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("pixels");
    assertThatThrownBy(() -> new Preprocessing.CenterCrop(1, -1))
        .isInstanceOf(ConfigurationException.class);
    assertThatThrownBy(() -> Preprocessing.none().normalize(0, 0))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("not 0");
    assertThatThrownBy(() -> Preprocessing.none().normalize(Float.NaN, 1))
        .isInstanceOf(ConfigurationException.class);
    assertThatThrownBy(() -> new Preprocessing.Normalize(List.of(1f), List.of(1f, 2f)))
        .isInstanceOf(ConfigurationException.class);
  }

  @Test
  void fitsLayoutTypeAndBatchOfTheModel() {
    Tensor image = Tensor.ofFloats(new float[] {1, 2, 3, 4, 5, 6}, 1, 2, 3);
    Preprocessing p = Preprocessing.none();
    TensorSpec channelsLast = TensorSpec.of("in", TensorType.FLOAT32, 1, 1, 2, 3);
    assertThat(p.apply(image, channelsLast).shape()).containsExactly(1, 1, 2, 3);
    TensorSpec channelsFirst = TensorSpec.of("in", TensorType.FLOAT32, 1, 3, 1, 2);
    Tensor first = p.apply(image, channelsFirst);
    assertThat(first.shape()).containsExactly(1, 3, 1, 2);
    assertThat(first.toFloatArray()).containsExactly(1, 4, 2, 5, 3, 6);
    TensorSpec open = TensorSpec.of("in", TensorType.FLOAT32, -1, -1, -1, 3);
    assertThat(p.apply(image, open).shape()).containsExactly(1, 1, 2, 3);
    TensorSpec noBatch = TensorSpec.of("in", TensorType.FLOAT32, 1, 2, 3);
    assertThat(Preprocessing.resize(2, 1).apply(image, noBatch).shape()).containsExactly(1, 2, 3);
    TensorSpec int8 =
        TensorSpec.quantized(
            "in", TensorType.INT8, new TensorSpec.Quantization(0.5f, -1), 1, 1, 2, 3);
    Tensor quantized = p.apply(image, int8);
    assertThat(quantized.type()).isEqualTo(TensorType.INT8);
    assertThat(quantized.toFloatArray()).containsExactly(1, 3, 5, 7, 9, 11);
  }

  @Test
  void whatDoesNotFitNamesTheSample() {
    Sample sample = Sample.of("scene-4/2", gray(2, 2, 1, 2, 3, 4), Target.none());
    TensorSpec spec = TensorSpec.of("in", TensorType.FLOAT32, 1, 8, 8, 3);
    assertThatThrownBy(() -> Preprocessing.none().apply(sample, List.of(spec)))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("scene-4/2", "[1, 8, 8, 3]", "change the preprocessing");
    assertThatThrownBy(() -> Preprocessing.none().apply(sample, List.of(spec, spec)))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("scene-4/2", "has 1 inputs");
  }

  @Test
  void inputsAreFoundByNameElseInOrder() {
    Map<String, Tensor> inputs = new LinkedHashMap<>();
    inputs.put("b", Tensor.ofFloats(new float[] {2}, 1));
    inputs.put("a", Tensor.ofFloats(new float[] {1}, 1));
    Sample sample = Sample.of("s", inputs, Target.none());
    TensorSpec a = TensorSpec.of("a", TensorType.FLOAT32, 1);
    TensorSpec b = TensorSpec.of("b", TensorType.FLOAT32, 1);
    TensorSpec x = TensorSpec.of("x", TensorType.FLOAT32, 1);
    TensorSpec y = TensorSpec.of("y", TensorType.FLOAT32, 1);
    assertThat(Preprocessing.none().apply(sample, List.of(a, b)))
        .extracting(t -> t.toFloatArray()[0])
        .containsExactly(1f, 2f);
    assertThat(Preprocessing.none().apply(sample, List.of(x, y)))
        .extracting(t -> t.toFloatArray()[0])
        .containsExactly(2f, 1f);
    assertThat(Preprocessing.none().normalize(0, 2).apply(sample, List.of(x, y)))
        .as("steps are for the first input")
        .extracting(t -> t.toFloatArray()[0])
        .containsExactly(1f, 1f);
  }
}
