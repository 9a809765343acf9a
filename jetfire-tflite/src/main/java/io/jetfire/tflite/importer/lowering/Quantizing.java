package io.jetfire.tflite.importer.lowering;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Value;
import org.jspecify.annotations.Nullable;

/**
 * Pairs of quantizing and dequantizing in the source: scales and zero points become parameters of
 * TFLite tensors where the kernels know them, else arithmetic.
 */
public final class Quantizing {
  private Quantizing() {}

  private static boolean hasKernel(ElementType type) {
    return type == ElementType.INT8 || type == ElementType.UINT8;
  }

  /**
   * Quantizes with fixed parameters.
   *
   * @param b where operators go
   * @param x a tensor of FLOAT32
   * @param q the parameters, of the whole tensor
   * @param type INT8 or UINT8
   * @param name what the result is called
   * @return a quantized tensor, or null if TFLite's kernel does not fit
   */
  public static @Nullable Value quantize(
      Build b, Value x, Quantization.Affine q, ElementType type, String name) {
    boolean fits =
        hasKernel(type) && x.type() == ElementType.FLOAT32 && !q.isPerChannel() && !x.isConstant();
    if (!fits) {
      return null;
    }
    Value out = b.subgraph().addValue(name, type, x.shape());
    out.quantization(q);
    b.subgraph().append(Op.of(OpKind.QUANTIZE).inputs(x).outputs(out));
    return out;
  }

  /**
   * Quantizes by arithmetic.
   *
   * @param b where operators go
   * @param x the tensor
   * @param scale the size of a step; broadcasts
   * @param zero the integer of 0, or null for 0; broadcasts
   * @param low the least integer
   * @param high the largest integer
   * @param type the type of the integers
   * @return integers without parameters
   */
  public static Value rounded(
      Build b,
      Value x,
      Value scale,
      @Nullable Value zero,
      double low,
      double high,
      ElementType type) {
    Value steps = b.unary(OpKind.ROUND, b.div(b.cast(x, ElementType.FLOAT32), scale));
    if (zero != null) {
      steps = b.add(steps, b.cast(zero, ElementType.FLOAT32));
    }
    return b.cast(b.cast(b.clamp(steps, low, high), ElementType.INT32), type);
  }

  /**
   * Dequantizes with fixed parameters.
   *
   * @param b where operators go
   * @param x integers, which get the parameters if they have none
   * @param q the parameters
   * @return a tensor of FLOAT32, or null if TFLite's kernel does not fit
   */
  public static @Nullable Value dequantize(Build b, Value x, Quantization.Affine q) {
    if (!hasKernel(x.type()) || q.isPerChannel() || x.isConstant()) {
      return null;
    }
    Quantization.Affine had = x.affine().orElse(null);
    if (had != null && !had.equals(q)) {
      return null;
    }
    if (had == null && (x.producer().isEmpty() || x.useCount() == 0)) {
      x.quantization(q);
    }
    return x.affine().isPresent() ? b.emit(Op.of(OpKind.DEQUANTIZE).inputs(x)) : null;
  }

  /**
   * Dequantizes by arithmetic.
   *
   * @param b where operators go
   * @param x integers
   * @param scale the size of a step; broadcasts
   * @param zero the integer of 0, or null for 0; broadcasts
   * @return scale (x - zero)
   */
  public static Value real(Build b, Value x, Value scale, @Nullable Value zero) {
    Value f = b.cast(x, ElementType.FLOAT32);
    return b.mul(zero == null ? f : b.sub(f, b.cast(zero, ElementType.FLOAT32)), scale);
  }
}
