package io.jetfire.tflite.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.jetfire.Tensor;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TensorScanTest {

  @Test
  void extremesAndSumsAreThoseOfAPlainLoop() {
    Random random = new Random(3);
    for (int round = 0; round < 60; round++) {
      int channels = random.nextInt(40);
      int n = Math.max(1, channels) * random.nextInt(3000);
      float[] values = new float[n];
      for (int i = 0; i < n; i++) {
        values[i] = (float) (random.nextGaussian() * Math.exp(random.nextGaussian() * 3));
      }
      TensorScan scan = new TensorScan();
      assertThat(scan(scan, values, n, channels)).isTrue();
      assertExtremes(scan, values, channels);
      assertThat(scan.nonFinite).isZero();
      assertThat(scan.elements).isEqualTo(n);
    }
  }

  @Test
  void leavesOutWhatIsNotFinite() {
    float[] values = {
      -3, Float.NaN, 2, 5, Float.NEGATIVE_INFINITY, 1, Float.intBitsToFloat(0xffc00000), 4
    };
    TensorScan scan = new TensorScan();
    assertThat(scan(scan, values, values.length, 2)).isTrue();
    assertThat(scan.nonFinite).isEqualTo(3);
    assertThat(scan.min).isEqualTo(-3);
    assertThat(scan.max).isEqualTo(5);
    assertThat(scan.channelMin).containsExactly(-3, 1);
    assertThat(scan.channelMax).containsExactly(2, 5);
    assertThat(scan.channelSum).containsExactly(-1, 10);
  }

  @Test
  void aTensorWithoutFiniteNumbersHasNoRange() {
    TensorScan scan = new TensorScan();
    assertThat(scan(scan, new float[] {Float.NaN, Float.NaN}, 2, 0)).isTrue();
    TensorStatistics statistics = new TensorStatistics(0);
    statistics.add(scan, 0);
    assertThat(statistics.isEmpty()).isTrue();
    assertThat(statistics.nonFinite()).isEqualTo(2);
  }

  @Test
  void tellsThatATensorHasAnotherSize() {
    TensorScan scan = new TensorScan();
    assertThat(scan(scan, new float[9000], 8999, 0)).isFalse();
    assertThat(scan(scan, new float[9000], 9001, 0)).isFalse();
    assertThat(scan(scan, new float[9000], 9000, 0)).isTrue();
  }

  private static boolean scan(TensorScan scan, float[] values, int expected, int channels) {
    return scan.scan(
        TensorScan.source(Tensor.ofFloats(values, values.length)),
        expected,
        channels,
        5,
        List.of());
  }

  private static void assertExtremes(TensorScan scan, float[] values, int channels) {
    float min = Float.POSITIVE_INFINITY;
    float max = Float.NEGATIVE_INFINITY;
    for (float v : values) {
      min = Math.min(min, v);
      max = Math.max(max, v);
    }
    assertThat(scan.min).isEqualTo(min);
    assertThat(scan.max).isEqualTo(max);
    for (int c = 0; c < channels; c++) {
      float least = Float.POSITIVE_INFINITY;
      float most = Float.NEGATIVE_INFINITY;
      double sum = 0;
      double magnitudes = 0;
      double squares = 0;
      for (int i = c; i < values.length; i += channels) {
        least = Math.min(least, values[i]);
        most = Math.max(most, values[i]);
        sum += values[i];
        magnitudes += Math.abs(values[i]);
        squares += (double) values[i] * values[i];
      }
      assertThat(scan.channelMin[c]).isEqualTo(least);
      assertThat(scan.channelMax[c]).isEqualTo(most);
      assertThat(scan.channelSum[c]).isCloseTo(sum, within(1e-6 * magnitudes));
      assertThat(scan.channelSquares[c]).isCloseTo(squares, within(1e-6 * squares));
    }
  }
}
