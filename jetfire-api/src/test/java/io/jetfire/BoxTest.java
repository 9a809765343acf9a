package io.jetfire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.SplittableRandom;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class BoxTest {

  @Test
  void overlapsAsComputedByHand() {
    Box a = new Box(0, 0, 2, 2);
    assertThat(a.area()).isEqualTo(4);
    assertThat(a.iou(a)).isEqualTo(1);
    assertThat(a.iou(new Box(1, 1, 3, 3))).isEqualTo(1f / 7);
    assertThat(a.iou(new Box(0, 0, 1, 1))).isEqualTo(0.25f);
    assertThat(a.iou(new Box(2, 0, 3, 2))).as("touching").isZero();
    assertThat(a.iou(new Box(5, 5, 6, 6))).isZero();
    assertThat(a.iou(new Box(1, 1, 1, 1))).as("a point").isZero();
  }

  @Test
  void tinyAndHugeBoxesOverlapThemselves() {
    Box tiny = new Box(0, 0, 1e-30f, 1e-30f);
    assertThat(tiny.iou(tiny)).isEqualTo(1);
    Box huge = new Box(-1e30f, -1e30f, 1e30f, 1e30f);
    assertThat(huge.iou(huge)).isEqualTo(1);
    assertThat(huge.iou(tiny)).isZero();
  }

  @Test
  void overlapIsSymmetricAndFromZeroToOne() {
    SplittableRandom random = new SplittableRandom(2);
    for (int i = 0; i < 20_000; i++) {
      Box a = random(random);
      Box b = random(random);
      float iou = a.iou(b);
      assertThat(iou).isBetween(0f, 1f);
      assertThat(b.iou(a)).isCloseTo(iou, Offset.offset(1e-6f));
    }
  }

  private static Box random(SplittableRandom random) {
    float x = (float) random.nextDouble();
    float y = (float) random.nextDouble();
    return new Box(x, y, x + (float) random.nextDouble(), y + (float) random.nextDouble());
  }

  @Test
  void refusesEdgesThatAreNone() {
    assertThatThrownBy(() -> new Box(1, 0, 0, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Box(0, Float.NaN, 1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("NaN");
    assertThatThrownBy(() -> new Box(0, 0, Float.POSITIVE_INFINITY, 1))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
