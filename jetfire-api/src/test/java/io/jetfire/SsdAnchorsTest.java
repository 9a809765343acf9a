package io.jetfire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SsdAnchorsTest {
  private static final SsdAnchors GRID =
      SsdAnchors.builder()
          .level(2, 2, List.of(0.5), List.of(1.0, 4.0))
          .level(1, 1, List.of(1.0), List.of(1.0))
          .build();

  @Test
  void liesOnTheGridInTheDocumentedOrder() {
    assertThat(GRID.size()).isEqualTo(9);
    assertThat(GRID.anchor(0)).isEqualTo(new Box(0, 0, 0.5f, 0.5f));
    // Ratio 4: twice as wide and half as high as the scale.
    assertThat(GRID.anchor(1)).isEqualTo(new Box(-0.25f, 0.125f, 0.75f, 0.375f));
    assertThat(GRID.anchor(2)).as("columns before rows").isEqualTo(new Box(0.5f, 0, 1, 0.5f));
    assertThat(GRID.anchor(4)).isEqualTo(new Box(0, 0.5f, 0.5f, 1));
    assertThat(GRID.anchor(8)).isEqualTo(new Box(0, 0, 1, 1));
  }

  @Test
  void codesByTheFormula() {
    // Anchor 0: center (0.25, 0.25), side 0.5. Box: center (0.5, 0.25), 1 wide, 0.5 high.
    float[] code = GRID.encode(0, new Box(0, 0, 1, 0.5f));
    assertThat(code[0]).isZero();
    assertThat(code[1]).isEqualTo(5, within(1e-5f));
    assertThat(code[2]).isZero();
    assertThat(code[3]).isEqualTo((float) (Math.log(2) / 0.2), within(1e-5f));
    assertThat(GRID.decode(0, new float[4], 0)).isEqualTo(GRID.anchor(0));
  }

  @Test
  void decodingUndoesCoding() {
    SplittableRandom random = new SplittableRandom(3);
    for (int i = 0; i < 20_000; i++) {
      float x = (float) random.nextDouble();
      float y = (float) random.nextDouble();
      Box box =
          new Box(
              x,
              y,
              x + 0.01f + (float) random.nextDouble(),
              y + 0.01f + (float) random.nextDouble());
      int anchor = random.nextInt(GRID.size());
      Box back = GRID.decode(anchor, GRID.encode(anchor, box), 0);
      assertThat(back.left()).isCloseTo(box.left(), within(1e-5f));
      assertThat(back.top()).isCloseTo(box.top(), within(1e-5f));
      assertThat(back.right()).isCloseTo(box.right(), within(1e-5f));
      assertThat(back.bottom()).isCloseTo(box.bottom(), within(1e-5f));
    }
  }

  @Test
  void hostileCodesGiveFiniteBoxes() {
    float[] wild = {0, 1e38f, -1e38f, Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY};
    for (float a : wild) {
      for (float b : wild) {
        for (int anchor = 0; anchor < GRID.size(); anchor++) {
          assertThat(GRID.decode(anchor, new float[] {9, a, b, b, a}, 1)).isNotNull();
        }
      }
    }
    assertThat(GRID.encode(0, new Box(0, 0, 0, 0))).doesNotContain(Float.NEGATIVE_INFINITY);
  }

  @Test
  void matchesByOverlapAndLeavesNoBoxAlone() {
    LabeledBox first = new LabeledBox(0, new Box(0, 0, 0.5f, 0.5f));
    LabeledBox whole = new LabeledBox(1, new Box(0, 0, 1, 1));
    assertThat(GRID.match(List.of(first, whole), 0.5))
        .containsExactly(0, -1, -1, -1, -1, -1, -1, -1, 1);
    // Overlaps its best anchor by 0.16 only, and still gets it.
    LabeledBox small = new LabeledBox(2, new Box(0.5f, 0.5f, 0.7f, 0.7f));
    assertThat(GRID.match(List.of(small), 0.5)).containsExactly(-1, -1, -1, -1, -1, -1, 0, -1, -1);
    assertThat(GRID.match(List.of(), 0.5)).containsOnly(-1);
  }

  @Test
  void anAnchorTakesTheBoxThatItOverlapsMost() {
    LabeledBox loose = new LabeledBox(0, new Box(0, 0, 0.5f, 0.6f));
    LabeledBox tight = new LabeledBox(1, new Box(0, 0, 0.5f, 0.5f));
    SsdAnchors two = SsdAnchors.builder().level(1, 2, List.of(0.5), List.of(1.0)).build();
    assertThat(two.match(List.of(loose, tight), 0.1)[0]).isEqualTo(1);
  }

  @Test
  void refusesNonsense() {
    assertThatThrownBy(() -> SsdAnchors.of(List.of()))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("at least one level");
    assertThatThrownBy(() -> SsdAnchors.builder().level(0, 1, List.of(1.0), List.of(1.0)))
        .isInstanceOf(ConfigurationException.class);
    assertThatThrownBy(() -> SsdAnchors.builder().level(1, 1, List.of(Double.NaN), List.of(1.0)))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("NaN");
    assertThatThrownBy(() -> SsdAnchors.builder().level(1, 1, List.of(1.0), List.of(0.0)))
        .isInstanceOf(ConfigurationException.class);
    int most = Integer.MAX_VALUE;
    assertThatThrownBy(
            () -> SsdAnchors.builder().level(most, most, List.of(1.0), List.of(1.0)).build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("too many");
  }
}
