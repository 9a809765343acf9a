package io.jetfire;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class Float16Test {
  private static final int INFINITY = 0x7c00;

  /** What the bits mean, by the definition of binary16, exactly. */
  private static BigDecimal exact(int magnitude) {
    int exponent = magnitude >> 10;
    int fraction = magnitude & 0x3ff;
    BigDecimal significand =
        exponent == 0 ? new BigDecimal(fraction) : new BigDecimal(1024 + fraction);
    int power = Math.max(exponent, 1) - 25;
    BigDecimal scale =
        power >= 0
            ? BigDecimal.valueOf(2).pow(power)
            : BigDecimal.ONE.divide(BigDecimal.valueOf(2).pow(-power));
    return significand.multiply(scale);
  }

  @Test
  void everyHalfIsWidenedExactlyAndComesBack() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float wide = Float16.toFloat((short) bits);
      int magnitude = bits & 0x7fff;
      boolean negative = (bits & 0x8000) != 0;
      assertThat(Float.floatToRawIntBits(wide) < 0).as("sign of %x", bits).isEqualTo(negative);
      if (magnitude > INFINITY) {
        assertThat(wide).isNaN();
        assertThat(Float16.toFloat(Float16.fromFloat(wide))).isNaN();
        continue;
      }
      if (magnitude == INFINITY) {
        assertThat(Math.abs(wide)).isEqualTo(Float.POSITIVE_INFINITY);
      } else {
        assertThat(new BigDecimal(Math.abs(wide)))
            .as("%x", bits)
            .isEqualByComparingTo(exact(magnitude));
      }
      assertThat(Float16.fromFloat(wide) & 0xffff).as("%x", bits).isEqualTo(bits);
    }
  }

  @Test
  void tiesBetweenAllNeighboursGoToTheEvenOne() {
    for (int low = 0; low < INFINITY - 1; low++) {
      float below = Float16.toFloat((short) low);
      float above = Float16.toFloat((short) (low + 1));
      float middle = (float) (((double) below + above) / 2);
      int even = (low & 1) == 0 ? low : low + 1;
      assertThat(Float16.fromFloat(middle)).as("%x", low).isEqualTo((short) even);
      assertThat(Float16.fromFloat(Math.nextDown(middle))).isEqualTo((short) low);
      assertThat(Float16.fromFloat(Math.nextUp(middle))).isEqualTo((short) (low + 1));
      assertThat(Float16.fromFloat(-middle)).isEqualTo((short) (even | 0x8000));
    }
  }

  @Test
  void whatIsTooLargeBecomesInfiniteAndWhatIsTooSmallZero() {
    assertThat(Float16.fromFloat(65504)).isEqualTo((short) 0x7bff);
    assertThat(Float16.fromFloat(Math.nextDown(65520f))).isEqualTo((short) 0x7bff);
    assertThat(Float16.fromFloat(65520)).isEqualTo((short) INFINITY);
    assertThat(Float16.fromFloat(Float.MAX_VALUE)).isEqualTo((short) INFINITY);
    assertThat(Float16.fromFloat(Float.NEGATIVE_INFINITY)).isEqualTo((short) 0xfc00);
    assertThat(Float16.fromFloat(0x1p-25f)).isEqualTo((short) 0);
    assertThat(Float16.fromFloat(Math.nextUp(0x1p-25f))).isEqualTo((short) 1);
    assertThat(Float16.fromFloat(Float.MIN_VALUE)).isEqualTo((short) 0);
    assertThat(Float16.fromFloat(-0f)).isEqualTo((short) 0x8000);
    assertThat(Float16.toFloat(Float16.fromFloat(Float.NaN))).isNaN();
  }

  @Test
  void anyFloatGoesToANearestHalf() {
    SplittableRandom random = new SplittableRandom(5);
    for (int i = 0; i < 200_000; i++) {
      float value = Math.abs(Float.intBitsToFloat(random.nextInt()));
      if (!(value < 65504)) {
        continue;
      }
      int half = Float16.fromFloat(value);
      double error = Math.abs((double) value - Float16.toFloat((short) half));
      assertThat(error)
          .isLessThanOrEqualTo(Math.abs((double) value - Float16.toFloat((short) (half + 1))));
      if (half > 0) {
        assertThat(error)
            .isLessThanOrEqualTo(Math.abs((double) value - Float16.toFloat((short) (half - 1))));
      }
    }
  }
}
