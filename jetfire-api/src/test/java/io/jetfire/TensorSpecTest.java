package io.jetfire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.TensorSpec.Quantization;
import java.nio.ByteBuffer;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class TensorSpecTest {
  private static final TensorSpec INT8 =
      TensorSpec.quantized("x", TensorType.INT8, new Quantization(0.5f, 10), 6);

  @Test
  void quantizesToNearestEvenAndSaturates() {
    Tensor q =
        INT8.quantize(Tensor.ofFloats(new float[] {0, 0.25f, 0.75f, -0.25f, 1e9f, -1e9f}, 6));
    assertThat(q.type()).isEqualTo(TensorType.INT8);
    // 0.25 / 0.5 = 0.5 and 0.75 / 0.5 = 1.5 are ties: to 0 and 2.
    assertThat(q.toFloatArray()).containsExactly(10, 10, 12, 10, 127, -128);
    assertThat(INT8.dequantize(q).toFloatArray()).containsExactly(0, 0, 1, 0, 58.5f, -69);
  }

  @Test
  void infinitiesSaturateAndNanIsRefused() {
    Tensor q =
        INT8.quantize(
            Tensor.ofFloats(new float[] {Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}, 2));
    assertThat(q.toFloatArray()).containsExactly(127, -128);
    assertThatThrownBy(() -> INT8.quantize(Tensor.ofFloats(new float[] {1, Float.NaN}, 2)))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("'x'", "INT8", "NaN");
    assertThat(
            TensorSpec.of("y", TensorType.FLOAT16, 1)
                .quantize(Tensor.ofFloats(new float[] {Float.NaN}, 1))
                .toFloatArray())
        .containsExactly(Float.NaN);
  }

  @Test
  void unquantizedIntegersAreRoundedNumbers() {
    Tensor from = Tensor.ofFloats(new float[] {2.5f, -3.5f, 3e9f}, 3);
    assertThat(TensorSpec.of("x", TensorType.INT32, 3).quantize(from).toFloatArray())
        .containsExactly(2, -4, Integer.MAX_VALUE);
    assertThat(TensorSpec.of("x", TensorType.UINT8, 3).quantize(from).toFloatArray())
        .containsExactly(2, 0, 255);
    assertThat(TensorSpec.of("x", TensorType.INT64, 3).quantize(from).toFloatArray())
        .containsExactly(2, -4, 3e9f);
    assertThat(TensorSpec.of("x", TensorType.BOOL, 3).quantize(from).toFloatArray())
        .containsExactly(1, 1, 1);
    assertThat(TensorSpec.of("x", TensorType.FLOAT64, 3).quantize(from).toFloatArray())
        .containsExactly(2.5f, -3.5f, 3e9f);
  }

  @Test
  void tensorsOfTheRightTypeGoThroughUntouched() {
    Tensor ids = Tensor.ofLongs(new long[] {(1L << 53) + 1}, 1);
    assertThat(TensorSpec.of("ids", TensorType.INT64, 1).quantize(ids)).isSameAs(ids);
    Tensor reals = Tensor.ofFloats(new float[1], 1);
    assertThat(TensorSpec.of("x", TensorType.FLOAT32, 1).dequantize(reals)).isSameAs(reals);
    assertThat(
            TensorSpec.of("ids", TensorType.INT16, 1)
                .dequantize(Tensor.of(TensorType.INT16, ByteBuffer.wrap(new byte[] {1, 0}), 1))
                .toFloatArray())
        .containsExactly(1);
  }

  @Test
  void everyInteger8SurvivesBothWays() {
    SplittableRandom random = new SplittableRandom(1);
    byte[] all = new byte[256];
    for (int i = 0; i < 256; i++) {
      all[i] = (byte) i;
    }
    for (int round = 0; round < 200; round++) {
      Quantization quantization =
          new Quantization((float) (1e-6 + random.nextDouble() * 10), random.nextInt(-128, 128));
      TensorSpec spec = TensorSpec.quantized("x", TensorType.INT8, quantization, 256);
      Tensor q = Tensor.of(TensorType.INT8, ByteBuffer.wrap(all), 256);
      assertThat(spec.quantize(spec.dequantize(q))).as("%s", quantization).isEqualTo(q);
    }
  }

  @Test
  void describesItself() {
    assertThat(INT8).hasToString("x: INT8 [6] (scale 0.5, zero point 10)");
    assertThat(TensorSpec.of("x", TensorType.FLOAT32, 1, -1)).hasToString("x: FLOAT32 [1, -1]");
    assertThat(INT8)
        .isEqualTo(TensorSpec.quantized("x", TensorType.INT8, new Quantization(0.5f, 10), 6))
        .isNotEqualTo(TensorSpec.of("x", TensorType.INT8, 6));
  }
}
