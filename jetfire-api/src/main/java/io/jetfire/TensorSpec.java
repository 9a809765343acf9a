package io.jetfire;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a model takes or gives at one of its inputs or outputs.
 *
 * <p>Immutable.
 */
public final class TensorSpec {
  private final String name;
  private final TensorType type;
  private final int[] shape;
  private final @Nullable Quantization quantization;

  /**
   * How integers stand for real numbers: {@code real = scale * (integer - zeroPoint)}.
   *
   * @param scale positive
   * @param zeroPoint the integer that stands for 0
   */
  public record Quantization(float scale, int zeroPoint) {}

  private TensorSpec(
      String name, TensorType type, int[] shape, @Nullable Quantization quantization) {
    this.name = name;
    this.type = type;
    this.shape = shape.clone();
    this.quantization = quantization;
  }

  /**
   * Describes a tensor that holds real numbers or plain integers.
   *
   * @param name the tensor's name in the model
   * @param type the element type
   * @param shape the dimensions; -1 for one that the caller may choose
   * @return the description
   */
  public static TensorSpec of(String name, TensorType type, int... shape) {
    return new TensorSpec(name, type, shape, null);
  }

  /**
   * Describes a tensor that holds quantized numbers.
   *
   * @param name the tensor's name in the model
   * @param type the element type
   * @param quantization how its integers stand for real numbers
   * @param shape the dimensions; -1 for one that the caller may choose
   * @return the description
   */
  public static TensorSpec quantized(
      String name, TensorType type, Quantization quantization, int... shape) {
    return new TensorSpec(name, type, shape, quantization);
  }

  /**
   * Returns the tensor's name in the model.
   *
   * @return the name
   */
  public String name() {
    return name;
  }

  /**
   * Returns the element type.
   *
   * @return the type
   */
  public TensorType type() {
    return type;
  }

  /**
   * Returns the dimensions.
   *
   * @return a copy; -1 for a dimension that the caller may choose
   */
  public int[] shape() {
    return shape.clone();
  }

  /**
   * Returns how integers stand for real numbers.
   *
   * @return empty unless the tensor is quantized
   */
  public Optional<Quantization> quantization() {
    return Optional.ofNullable(quantization);
  }

  /**
   * Turns real numbers into the type of this tensor: rounded to nearest (ties to even), saturated.
   *
   * @param values a tensor of any type whose elements are real numbers
   * @return a tensor of {@link #type()}, with the shape of {@code values}
   * @throws DataException if a value is no number and the type is an integer one, which has none
   */
  public Tensor quantize(Tensor values) {
    if (values.type() == type && quantization == null) {
      return values;
    }
    float[] reals = values.toFloatArray();
    float scale = quantization == null ? 1f : quantization.scale();
    int zeroPoint = quantization == null ? 0 : quantization.zeroPoint();
    ByteBuffer out =
        ByteBuffer.allocate(reals.length * type.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    for (float real : reals) {
      switch (type) {
        case FLOAT32 -> out.putFloat(real);
        case FLOAT64 -> out.putDouble(real);
        case FLOAT16 -> out.putShort(Float16.fromFloat(real));
        case INT8 -> out.put((byte) round(real, scale, zeroPoint, -128, 127));
        case UINT8 -> out.put((byte) round(real, scale, zeroPoint, 0, 255));
        case BOOL -> out.put((byte) (real != 0 ? 1 : 0));
        case INT16 -> out.putShort((short) round(real, scale, zeroPoint, -32768, 32767));
        case INT32 ->
            out.putInt((int) round(real, scale, zeroPoint, Integer.MIN_VALUE, Integer.MAX_VALUE));
        case INT64 -> out.putLong(round(real, scale, zeroPoint, Long.MIN_VALUE, Long.MAX_VALUE));
      }
    }
    return Tensor.of(type, out.flip(), values.shape());
  }

  /**
   * Turns a tensor that the model gave into real numbers.
   *
   * @param raw a tensor of {@link #type()}
   * @return a {@link TensorType#FLOAT32} tensor of the same shape
   */
  public Tensor dequantize(Tensor raw) {
    if (raw.type() == TensorType.FLOAT32) {
      return raw;
    }
    float[] values = raw.toFloatArray();
    if (quantization != null) {
      for (int i = 0; i < values.length; i++) {
        values[i] = quantization.scale() * (values[i] - quantization.zeroPoint());
      }
    }
    return Tensor.ofFloats(values, raw.shape());
  }

  private long round(float real, float scale, int zeroPoint, long min, long max) {
    if (Float.isNaN(real)) {
      throw new DataException(
          "The tensor '" + name + "' of type " + type + " cannot take NaN; check the input");
    }
    double q = Math.rint((double) real / scale) + zeroPoint;
    return (long) Math.max(min, Math.min(max, q));
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof TensorSpec s
        && name.equals(s.name)
        && type == s.type
        && Arrays.equals(shape, s.shape)
        && Objects.equals(quantization, s.quantization);
  }

  @Override
  public int hashCode() {
    return name.hashCode() * 31 + Arrays.hashCode(shape);
  }

  @Override
  public String toString() {
    return name
        + ": "
        + type
        + " "
        + Arrays.toString(shape)
        + (quantization == null
            ? ""
            : " (scale " + quantization.scale() + ", zero point " + quantization.zeroPoint() + ")");
  }
}
