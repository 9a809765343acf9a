package io.jetfire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class OutputDecoderTest {
  /** Two anchors: the left and the right half, each 0.5 x 0.5 in the middle row. */
  private static final SsdAnchors TWO =
      SsdAnchors.builder().level(1, 2, List.of(0.5), List.of(1.0)).build();

  private static List<Float> scores(OutputDecoder decoder, float... output) {
    return ((Prediction.Scores) decoder.decode(List.of(Tensor.ofFloats(output, 1, output.length))))
        .scores();
  }

  private static List<Detection> detections(OutputDecoder decoder, Tensor... outputs) {
    return ((Prediction.Detections) decoder.decode(List.of(outputs))).detections();
  }

  private static Tensor logits(float... values) {
    return Tensor.ofFloats(values, 1, 2, values.length / 2);
  }

  private static final Tensor NO_OFFSETS = Tensor.ofFloats(new float[8], 1, 2, 4);

  @Test
  void scoresStayAsTheyAre() {
    assertThat(scores(OutputDecoder.scores(), 0.1f, 0.7f, -2)).containsExactly(0.1f, 0.7f, -2f);
  }

  @Test
  void softmaxByHand() {
    List<Float> p = scores(OutputDecoder.softmax(), 0, (float) Math.log(3));
    assertThat(p.get(0)).isEqualTo(0.25f, within(1e-6f));
    assertThat(p.get(1)).isEqualTo(0.75f, within(1e-6f));
    assertThat(scores(OutputDecoder.softmax(), 1000, 1000)).containsExactly(0.5f, 0.5f);
    assertThat(scores(OutputDecoder.softmax(), -1e30f, 5)).containsExactly(0f, 1f);
  }

  @Test
  void bestIsTheFirstOfEqualOnesAndNeverNan() {
    assertThat(new Prediction.Scores(List.of(0.2f, 0.5f, 0.5f)).best()).isEqualTo(1);
    assertThat(new Prediction.Scores(List.of(Float.NaN, 0.1f, 0.3f)).best()).isEqualTo(2);
    assertThat(new Prediction.Scores(List.of(0.3f, Float.NaN, 0.1f)).best()).isZero();
  }

  @Test
  void classificationNeedsAnOutput() {
    assertThatThrownBy(() -> OutputDecoder.scores().decode(List.of()))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("one number per class");
  }

  @Test
  void ssdDecodesOutputsInEitherOrder() {
    Tensor logits = logits(0, 5, 0, 5, 0, 0); // anchor 0: class 0; anchor 1: background
    List<Detection> found = detections(OutputDecoder.ssd(TWO), logits, NO_OFFSETS);
    assertThat(found).hasSize(1);
    assertThat(found.get(0).label()).isZero();
    assertThat(found.get(0).score())
        .isEqualTo((float) (Math.exp(5) / (Math.exp(5) + 2)), within(1e-6f));
    assertThat(found.get(0).box()).isEqualTo(new Box(0, 0.25f, 0.5f, 0.75f));
    assertThat(detections(OutputDecoder.ssd(TWO), NO_OFFSETS, logits)).isEqualTo(found);
  }

  @Test
  void whereBothOutputsHaveFourColumnsTheFirstIsTheLogits() {
    Tensor first = logits(0, 9, 0, 0, 9, 0, 0, 0);
    assertThat(detections(OutputDecoder.ssd(TWO), first, NO_OFFSETS))
        .singleElement()
        .extracting(Detection::label)
        .isEqualTo(0);
  }

  @Test
  void boxesAreClippedToTheImage() {
    Tensor codes = Tensor.ofFloats(new float[] {0, -20, 0, 0, 0, 0, 0, 0}, 1, 2, 4);
    // Moved left by its own width twice: outside, an empty box at the edge.
    assertThat(detections(OutputDecoder.ssd(TWO), logits(0, 9, 9, 0), codes).get(0).box())
        .isEqualTo(new Box(0, 0.25f, 0, 0.75f));
  }

  @Test
  void suppressionKeepsTheBestOfEachClass() {
    // Both anchors code the same box; classes 1 and 0 at anchor 1, class 0 at anchor 0.
    float shift = 0.5f / 0.5f / 0.1f;
    Tensor codes = Tensor.ofFloats(new float[] {0, shift, 0, 0, 0, 0, 0, 0}, 1, 2, 4);
    Tensor logits = logits(0, 3, 0, 0, 2.5f, 2);
    OutputDecoder.Ssd all = OutputDecoder.ssd(TWO).scoreThreshold(0.2);
    List<Detection> kept = detections(all, logits, codes);
    assertThat(kept).extracting(Detection::label).containsExactly(0, 1);
    assertThat(kept.get(0).score()).isGreaterThan(kept.get(1).score());
    assertThat(detections(all.nms(1), logits, codes)).as("nothing overlaps more than 1").hasSize(3);
    assertThat(detections(all.maxDetections(1), logits, codes)).hasSize(1);
    assertThat(detections(all.scoreThreshold(0.99), logits, codes)).isEmpty();
  }

  @Test
  void suppressionIsWhatABruteForceSearchFinds() {
    SplittableRandom random = new SplittableRandom(4);
    SsdAnchors anchors = SsdAnchors.builder().level(5, 5, List.of(0.3), List.of(1.0, 2.0)).build();
    int n = anchors.size();
    for (int round = 0; round < 50; round++) {
      float[] logits = new float[n * 3];
      float[] codes = new float[n * 4];
      for (int i = 0; i < logits.length; i++) {
        logits[i] = (float) random.nextDouble() * 4;
      }
      for (int i = 0; i < codes.length; i++) {
        codes[i] = (float) random.nextDouble() * 4 - 2;
      }
      OutputDecoder.Ssd decoder = OutputDecoder.ssd(anchors).scoreThreshold(0.4).nms(0.3);
      Tensor l = Tensor.ofFloats(logits, 1, n, 3);
      Tensor c = Tensor.ofFloats(codes, 1, n, 4);
      List<Detection> all = detections(decoder.nms(1), l, c);
      List<Detection> expected = new ArrayList<>();
      for (Detection d : all) {
        if (expected.stream()
            .noneMatch(k -> k.label() == d.label() && k.box().iou(d.box()) > 0.3)) {
          expected.add(d);
        }
      }
      assertThat(detections(decoder, l, c)).isEqualTo(expected);
    }
  }

  @Test
  void hostileValuesAreNoDetections() {
    float nan = Float.NaN;
    float inf = Float.POSITIVE_INFINITY;
    Tensor wildCodes =
        Tensor.ofFloats(new float[] {nan, inf, -inf, 1e38f, nan, nan, nan, nan}, 1, 2, 4);
    OutputDecoder every = OutputDecoder.ssd(TWO).scoreThreshold(0);
    assertThat(detections(every, logits(nan, nan, inf, inf), wildCodes)).isEmpty();
    assertThat(detections(every, logits(-inf, -inf, nan, 1), wildCodes)).isEmpty();
    assertThat(detections(every, logits(0, 9, 0, 9), wildCodes))
        .allSatisfy(d -> assertThat(d.score()).isBetween(0f, 1f))
        .isNotEmpty();
  }

  @Test
  void wrongShapesAreNamed() {
    assertThatThrownBy(() -> detections(OutputDecoder.ssd(TWO), NO_OFFSETS))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("2 anchors", "[1, 2, 4]");
    assertThatThrownBy(
            () ->
                detections(
                    OutputDecoder.ssd(TWO), Tensor.ofFloats(new float[9], 1, 3, 3), NO_OFFSETS))
        .isInstanceOf(DataException.class);
  }

  @Test
  void everyWrongSettingIsNamedAtOnce() {
    assertThatThrownBy(() -> new OutputDecoder.Ssd(TWO, Double.NaN, 2, 0))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll("score threshold", "IoU threshold", "at least one detection");
  }

  @Test
  void functionsAreEqualByName() {
    OutputDecoder a = OutputDecoder.function("top-v1", o -> new Prediction.Values(o.get(0)));
    assertThat(a).isEqualTo(OutputDecoder.function("top-v1", o -> new Prediction.Values(o.get(1))));
    assertThat(a)
        .isNotEqualTo(OutputDecoder.function("top-v2", o -> new Prediction.Values(o.get(0))));
    Tensor t = Tensor.ofFloats(new float[] {1}, 1);
    assertThat(a.decode(List.of(t))).isEqualTo(new Prediction.Values(t));
  }
}
