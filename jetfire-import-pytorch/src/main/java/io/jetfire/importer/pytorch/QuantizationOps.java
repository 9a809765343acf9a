package io.jetfire.importer.pytorch;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Quantizing;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Quantizing and dequantizing, as PyTorch's quantization by export inserts it. */
final class QuantizationOps {
  private static final String NAMESPACE = "quantized_decomposed.";

  private QuantizationOps() {}

  static void register(Map<String, Lowering> ops) {
    for (String overload : new String[] {"", ".tensor"}) {
      ops.put(NAMESPACE + "quantize_per_tensor" + overload, c -> quantize(c, "scale"));
      ops.put(NAMESPACE + "dequantize_per_tensor" + overload, c -> dequantize(c, "scale"));
    }
    ops.put(NAMESPACE + "quantize_per_channel", c -> quantize(c, "scales"));
    ops.put(NAMESPACE + "dequantize_per_channel", c -> dequantize(c, "scales"));
  }

  private static String zeroName(String scale) {
    return scale.equals("scale") ? "zero_point" : "zero_points";
  }

  /** The parameters of the whole tensor; null if they are per channel or computed. */
  private static Quantization.@Nullable Affine parameters(Call c, String scale) {
    if (!scale.equals("scale")) {
      return null;
    }
    Value s = c.operand(scale, ElementType.FLOAT32);
    Value z = c.operand(zeroName(scale), ElementType.INT64);
    boolean known = s.isConstant() && z.isConstant() && s.shape().elementCount() == 1;
    return known ? Quantization.perTensor(s.floats()[0], z.longs()[0]) : null;
  }

  /** A scale or zero point in the shape that broadcasts over the tensor. */
  private static Value along(Call c, String name, ElementType type, int rank) {
    Value v = c.operand(name, type);
    if (!name.endsWith("s")) {
      return c.b.reshape(v);
    }
    int[] dims = new int[rank];
    Arrays.fill(dims, 1);
    dims[Build.axis(c.integer("axis", 0), rank)] = -1;
    return c.b.reshape(v, dims);
  }

  private static @Nullable Value zero(Call c, String scale, int rank) {
    String name = zeroName(scale);
    return c.has(name) ? along(c, name, ElementType.FLOAT32, rank) : null;
  }

  private static void quantize(Call c, String scale) {
    Value x = c.tensor("input");
    ElementType type = c.outType();
    double low = c.real("quant_min", -128);
    double high = c.real("quant_max", 127);
    boolean whole = type == ElementType.INT8 ? low == -128 && high == 127 : low == 0 && high == 255;
    Quantization.Affine q = parameters(c, scale);
    Value y = q == null || !whole ? null : Quantizing.quantize(c.b, x, q, type, c.label());
    if (y == null) {
      int rank = Build.rank(x);
      Value step = along(c, scale, ElementType.FLOAT32, rank);
      y = Quantizing.rounded(c.b, x, step, zero(c, scale, rank), low, high, type);
    }
    c.out(y);
  }

  private static void dequantize(Call c, String scale) {
    Value x = c.tensor("input");
    Quantization.Affine q = parameters(c, scale);
    Value y = q == null ? null : Quantizing.dequantize(c.b, x, q);
    if (x.isConstant() && c.operand(scale, ElementType.FLOAT32).isConstant()) {
      c.scope().scales(c.operand(scale, ElementType.FLOAT32).floats());
    }
    int rank = Build.rank(x);
    c.out(
        Objects.requireNonNullElseGet(
            y,
            () ->
                Quantizing.real(
                    c.b, x, along(c, scale, ElementType.FLOAT32, rank), zero(c, scale, rank))));
  }
}
