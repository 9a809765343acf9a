package io.jetfire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;

class LossTest {
  private static final Tensor INPUT = Tensor.ofFloats(new float[1], 1);

  private static double of(Loss loss, Target target, Tensor... outputs) {
    return loss.of(List.of(outputs), Sample.of("s-1", INPUT, target));
  }

  @Test
  void crossEntropyByHand() {
    Tensor logits = Tensor.ofFloats(new float[] {0, (float) Math.log(3)}, 1, 2);
    assertThat(of(Loss.crossEntropy(true), Target.label(1), logits))
        .isCloseTo(-Math.log(0.75), within(1e-7));
    Tensor scores = Tensor.ofFloats(new float[] {0.2f, 0.8f, 0}, 1, 3);
    assertThat(of(Loss.crossEntropy(false), Target.label(0), scores))
        .isCloseTo(-Math.log(0.2), within(1e-7));
    assertThat(of(Loss.crossEntropy(false), Target.label(2), scores))
        .as("a probability of 0 counts as 1e-7")
        .isCloseTo(-Math.log(1e-7), within(1e-9));
    assertThat(
            of(Loss.crossEntropy(true), Target.label(0), Tensor.ofFloats(new float[] {1e4f, 0}, 2)))
        .isZero();
    assertThat(
            of(
                Loss.crossEntropy(false),
                Target.label(0),
                Tensor.ofFloats(new float[] {Float.NaN}, 1)))
        .isNaN();
  }

  @Test
  void crossEntropyNeedsALabelOfTheModel() {
    Tensor two = Tensor.ofFloats(new float[2], 1, 2);
    assertThatThrownBy(() -> of(Loss.crossEntropy(true), Target.label(2), two))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("s-1", "below 2");
    assertThatThrownBy(() -> of(Loss.crossEntropy(true), Target.none(), two))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("s-1");
  }

  /** Four anchors in a row, side 0.25; one box on the second one, moved by a fifth of its width. */
  @Test
  void ssdByHand() {
    SsdAnchors anchors = SsdAnchors.builder().level(1, 4, List.of(0.25), List.of(1.0)).build();
    Box box = new Box(0.3f, 0.375f, 0.55f, 0.625f);
    assertThat(anchors.match(List.of(new LabeledBox(0, box)), 0.5)).containsExactly(-1, 0, -1, -1);
    Tensor logits = Tensor.ofFloats(new float[] {1, 0, 0, 1, 3, 0, 2, 0}, 1, 4, 2);
    Tensor codes =
        Tensor.ofFloats(new float[] {9, 9, 9, 9, 0.5f, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9}, 1, 4, 4);
    // tx = 0.05 / 0.25 / 0.1 = 2, so the box loss is 0.5 * 0.5^2 + (2 - 0.5).
    double boxLoss = 0.125 + 1.5;
    double positive = Math.log(1 + Math.exp(-1));
    double hardest = Math.log(1 + Math.exp(-1)); // of anchor 0: logits 1 and 0
    double second = Math.log(1 + Math.exp(-2));
    double third = Math.log(1 + Math.exp(-3));
    Target target = Target.boxes(List.of(new LabeledBox(0, box)));
    assertThat(of(new Loss.Ssd(anchors, 0.5, 1), target, logits, codes))
        .isCloseTo(positive + boxLoss + hardest, within(1e-5));
    assertThat(of(new Loss.Ssd(anchors, 0.5, 2), target, logits, codes))
        .isCloseTo(positive + boxLoss + hardest + second, within(1e-5));
    double all = positive + boxLoss + hardest + second + third;
    assertThat(of(Loss.ssd(anchors), target, codes, logits))
        .as("either order")
        .isCloseTo(all, within(1e-5));
    assertThat(of(new Loss.Ssd(anchors, 0.5, Integer.MAX_VALUE), target, logits, codes))
        .isCloseTo(all, within(1e-5));
  }

  @Test
  void ssdOfAnEmptyImageIsItsHardestBackground() {
    SsdAnchors anchors = SsdAnchors.builder().level(1, 4, List.of(0.25), List.of(1.0)).build();
    Tensor logits = Tensor.ofFloats(new float[] {1, 0, 0, 0, 3, 0, 2, 0}, 1, 4, 2);
    Tensor codes = Tensor.ofFloats(new float[16], 1, 4, 4);
    assertThat(of(new Loss.Ssd(anchors, 0.5, 1), Target.boxes(List.of()), logits, codes))
        .isCloseTo(Math.log(2), within(1e-7));
  }

  @Test
  void ssdNamesTheSampleThatDoesNotFit() {
    SsdAnchors anchors = SsdAnchors.builder().level(1, 1, List.of(1.0), List.of(1.0)).build();
    Tensor logits = Tensor.ofFloats(new float[2], 1, 1, 2);
    Tensor codes = Tensor.ofFloats(new float[4], 1, 1, 4);
    Target unknown = Target.boxes(List.of(new LabeledBox(1, new Box(0, 0, 1, 1))));
    assertThatThrownBy(() -> of(Loss.ssd(anchors), unknown, logits, codes))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("s-1", "label 1", "1 classes");
    assertThatThrownBy(() -> of(Loss.ssd(anchors), Target.label(0), logits, codes))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("s-1");
    assertThatThrownBy(() -> new Loss.Ssd(anchors, Double.NaN, -1))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll("match threshold", "negatives");
  }

  @Test
  void usersLossIsCalledAndEqualByName() {
    Loss loss = Loss.function("l1-v2", (outputs, sample) -> outputs.size() + 0.5);
    assertThat(of(loss, Target.none(), INPUT)).isEqualTo(1.5);
    assertThat(loss)
        .isEqualTo(Loss.function("l1-v2", (o, s) -> 0))
        .isNotEqualTo(Loss.crossEntropy(true));
  }
}
