package io.jetfire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import org.junit.jupiter.api.Test;

class TensorTest {

  @Test
  void keepsFloatsShapeAndLittleEndianBytes() {
    Tensor t = Tensor.ofFloats(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
    assertThat(t.type()).isEqualTo(TensorType.FLOAT32);
    assertThat(t.shape()).containsExactly(2, 3);
    assertThat(t.rank()).isEqualTo(2);
    assertThat(t.dimension(0)).isEqualTo(2);
    assertThat(t.dimension(-1)).isEqualTo(3);
    assertThat(t.elementCount()).isEqualTo(6);
    assertThat(t.toFloatArray()).containsExactly(1, 2, 3, 4, 5, 6);
    assertThat(t.data().order()).isEqualTo(ByteOrder.LITTLE_ENDIAN);
    assertThat(t.data().getInt(0)).isEqualTo(Float.floatToIntBits(1));
    assertThat(t).hasToString("Tensor[FLOAT32 [2, 3]]");
  }

  @Test
  void isNotChangedThroughWhatItGaveOrWasGiven() {
    float[] values = {1, 2};
    int[] shape = {2};
    Tensor t = Tensor.ofFloats(values, shape);
    values[0] = 9;
    shape[0] = 9;
    t.shape()[0] = 9;
    t.toFloatArray()[0] = 9;
    ByteBuffer view = t.data();
    view.getFloat();
    assertThat(t.toFloatArray()).containsExactly(1, 2);
    assertThat(t.shape()).containsExactly(2);
    assertThat(t.data().position()).isZero();
    assertThatThrownBy(() -> t.data().putFloat(0, 1)).isInstanceOf(ReadOnlyBufferException.class);
  }

  @Test
  void readsEveryTypeAsNumbers() {
    ByteBuffer b = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
    b.putDouble(0, -1.5).putDouble(8, 1e300);
    assertThat(Tensor.of(TensorType.FLOAT64, b.duplicate(), 2).toFloatArray())
        .containsExactly(-1.5f, Float.POSITIVE_INFINITY);
    byte[] bytes = {0, (byte) 0x80, (byte) 0xff, (byte) 0xff};
    assertThat(Tensor.of(TensorType.INT8, ByteBuffer.wrap(bytes), 4).toFloatArray())
        .containsExactly(0, -128, -1, -1);
    assertThat(Tensor.ofUnsignedBytes(bytes, 4).toFloatArray()).containsExactly(0, 128, 255, 255);
    assertThat(Tensor.of(TensorType.INT16, ByteBuffer.wrap(bytes), 2).toFloatArray())
        .containsExactly(-32768, -1);
    assertThat(Tensor.of(TensorType.FLOAT16, ByteBuffer.wrap(bytes), 2).toFloatArray())
        .containsExactly(-0f, Float.NaN);
    assertThat(Tensor.of(TensorType.BOOL, ByteBuffer.wrap(new byte[] {0, 1}), 2).toFloatArray())
        .containsExactly(0, 1);
    assertThat(Tensor.ofInts(new int[] {-7}).toFloatArray()).containsExactly(-7);
    assertThat(Tensor.ofLongs(new long[] {1L << 40}, 1).toFloatArray()).containsExactly(0x1p40f);
  }

  @Test
  void scalarsAndEmptyTensorsExist() {
    assertThat(Tensor.ofFloats(new float[] {3}).rank()).isZero();
    assertThat(Tensor.ofFloats(new float[] {3}).elementCount()).isEqualTo(1);
    assertThat(Tensor.ofFloats(new float[0], 0, 5).elementCount()).isZero();
    int most = Integer.MAX_VALUE;
    assertThat(Tensor.ofFloats(new float[0], most, most, most, 0).elementCount()).isZero();
  }

  @Test
  void refusesShapesThatDoNotFit() {
    assertThatThrownBy(() -> Tensor.ofFloats(new float[5], 2, 3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("[2, 3]", "24", "20");
    assertThatThrownBy(() -> Tensor.ofFloats(new float[1], -1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("Negative");
    // The product of these overflows to 0, which must not pass for an empty tensor.
    assertThatThrownBy(
            () -> Tensor.of(TensorType.INT64, ByteBuffer.allocate(0), 1 << 30, 1 << 30, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("at most");
    assertThatThrownBy(() -> Tensor.ofFloats(new float[2], 2).dimension(1))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> Tensor.ofFloats(new float[2], 2).reshape(3))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void equalsByTypeShapeAndBytes() {
    Tensor a = Tensor.ofFloats(new float[] {1, Float.NaN}, 2);
    assertThat(a).isEqualTo(Tensor.ofFloats(new float[] {1, Float.NaN}, 2));
    assertThat(a).hasSameHashCodeAs(Tensor.ofFloats(new float[] {1, Float.NaN}, 2));
    assertThat(a).isNotEqualTo(a.reshape(1, 2));
    assertThat(Tensor.ofInts(new int[2], 2)).isNotEqualTo(Tensor.ofFloats(new float[2], 2));
    assertThat(Tensor.ofFloats(new float[] {0f}, 1))
        .isNotEqualTo(Tensor.ofFloats(new float[] {-0f}, 1));
  }
}
