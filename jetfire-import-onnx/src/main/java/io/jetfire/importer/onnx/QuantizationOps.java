package io.jetfire.importer.onnx;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import io.jetfire.tflite.importer.lowering.Matrices;
import io.jetfire.tflite.importer.lowering.Quantizing;
import java.util.Arrays;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Quantized tensors: scales and zero points become parameters of TFLite tensors where known. */
final class QuantizationOps {
  private QuantizationOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("QuantizeLinear", n -> n.out(quantize(n, n.in(0), 1, 2)));
    ops.put("DequantizeLinear", n -> n.out(dequantize(n, n.in(0), 1, 2, axis(n))));
    ops.put("DynamicQuantizeLinear", QuantizationOps::dynamic);
    ops.put("QLinearMatMul", QuantizationOps::matMul);
    ops.put("QLinearConv", QuantizationOps::conv);
  }

  private static ElementType quantizedType(Node n, int zeroInput) {
    if (n.has(zeroInput)) {
      return n.in(zeroInput).type();
    }
    int type = n.integer("output_dtype", OnnxTensor.UINT8);
    return Types.of(type == 0 ? OnnxTensor.UINT8 : type);
  }

  /** The parameters as TFLite has them; null if they are computed at run time or too irregular. */
  private static Quantization.@Nullable Affine parameters(
      Node n, Shape shape, int scaleInput, int zeroInput, int axis) {
    Value scale = n.in(scaleInput);
    if (!scale.isConstant() || (n.has(zeroInput) && !n.in(zeroInput).isConstant())) {
      return null;
    }
    float[] scales = scale.floats();
    long[] zeros = n.has(zeroInput) ? n.in(zeroInput).longs() : new long[scales.length];
    if (scale.shape().rank() > 1
        || zeros.length != scales.length
        || n.isSet("block_size") && n.integer("block_size", 0) != 0) {
      return null;
    }
    if (scales.length == 1) {
      return Quantization.perTensor(scales[0], zeros[0]);
    }
    int at = n.axis(axis, shape.rank());
    return shape.dim(at) == scales.length ? Quantization.perChannel(scales, zeros, at) : null;
  }

  private static int axis(Node n) {
    return n.integer("axis", 1);
  }

  /** Scale or zero point in the shape that broadcasts over the tensor. */
  private static Value along(Node n, Value v, int rank) {
    if (v.shape().rank() == 0 || v.shape().elementCount() == 1) {
      return n.b.reshape(v);
    }
    int[] dims = new int[rank];
    Arrays.fill(dims, 1);
    dims[n.axis(n.integer("axis", 1), rank)] = -1;
    return n.b.reshape(v, dims);
  }

  private static boolean isEightBit(ElementType type) {
    return type == ElementType.INT8 || type == ElementType.UINT8;
  }

  private static Value quantize(Node n, Value x, int scaleInput, int zeroInput) {
    ElementType type = quantizedType(n, zeroInput);
    Quantization.Affine q = parameters(n, x.shape(), scaleInput, zeroInput, axis(n));
    if (q != null && isEightBit(type) && x.type() == ElementType.FLOAT32) {
      if (x.isConstant() && x.shape().isStatic()) {
        return quantized(n, x, q, type);
      }
      Value fixed = Quantizing.quantize(n.b, x, q, type, n.proto.outputs().get(0));
      if (fixed != null) {
        return fixed;
      }
    }
    Value scale = along(n, n.in(scaleInput), n.rank(x));
    Value zero = n.has(zeroInput) ? along(n, n.in(zeroInput), n.rank(x)) : null;
    return rounded(n, x, scale, zero, type);
  }

  /** The integers of a constant, as ONNX rounds them: halves to the even neighbour. */
  private static Value quantized(Node n, Value x, Quantization.Affine q, ElementType type) {
    float[] values = x.floats();
    byte[] out = new byte[values.length];
    int low = type == ElementType.UINT8 ? 0 : -128;
    for (int i = 0; i < out.length; i++) {
      int c = channel(x.shape(), q, i);
      double steps = Math.rint(values[i] / q.scale(c)) + q.zeroPoint(c);
      out[i] = (byte) (int) Math.max(low, Math.min(low + 255, steps));
    }
    return n.b.subgraph().addConstant(n.proto.outputs().get(0), type, x.shape(), Weights.of(out));
  }

  private static int channel(Shape shape, Quantization.Affine q, int index) {
    if (!q.isPerChannel()) {
      return 0;
    }
    int inner = 1;
    for (int i = q.axis() + 1; i < shape.rank(); i++) {
      inner *= shape.dim(i);
    }
    return index / inner % shape.dim(q.axis());
  }

  private static Value rounded(
      Node n, Value x, Value scale, @Nullable Value zero, ElementType type) {
    double low = type == ElementType.UINT8 ? 0 : type == ElementType.INT8 ? -128 : -32768;
    double high = type == ElementType.UINT8 ? 255 : type == ElementType.INT8 ? 127 : 32767;
    return Quantizing.rounded(n.b, x, scale, zero, low, high, type);
  }

  private static Value dequantize(Node n, Value x, int scaleInput, int zeroInput, int axis) {
    Quantization.Affine q = parameters(n, x.shape(), scaleInput, zeroInput, axis);
    if (q != null && x.isConstant() && x.shape().isStatic() && !x.type().isFloat()) {
      return dequantized(n, x, q);
    }
    Value fixed = q == null ? null : Quantizing.dequantize(n.b, x, q);
    if (fixed != null) {
      return fixed;
    }
    int rank = n.rank(x);
    Value zero = n.has(zeroInput) ? spread(n, n.in(zeroInput), rank, axis) : null;
    return Quantizing.real(n.b, x, spread(n, n.in(scaleInput), rank, axis), zero);
  }

  /** The numbers of a constant; its scales are kept for the integer form of the layer it is in. */
  private static Value dequantized(Node n, Value x, Quantization.Affine q) {
    long[] integers = x.longs();
    float[] out = new float[integers.length];
    for (int i = 0; i < out.length; i++) {
      int c = channel(x.shape(), q, i);
      out[i] = q.scale(c) * (integers[i] - q.zeroPoint(c));
    }
    if (isEightBit(x.type())) {
      n.scope.scales(q.scales());
    }
    return n.b.subgraph().addConstant(x.name() + "/dequantized", x.shape(), out);
  }

  private static void dynamic(Node n) {
    Value x = n.in(0);
    int[] axes = java.util.stream.IntStream.range(0, n.rank(x)).toArray();
    Value low = n.b.min(n.b.reduce(OpKind.REDUCE_MIN, x, false, axes), 0);
    Value high = n.b.max(n.b.reduce(OpKind.REDUCE_MAX, x, false, axes), 0);
    Value scale = n.b.mul(n.b.sub(high, low), 1 / 255.0);
    Value zero =
        n.b.unary(OpKind.ROUND, n.b.clamp(n.b.div(n.b.unary(OpKind.NEG, low), scale), 0, 255));
    n.out(rounded(n, x, scale, zero, ElementType.UINT8));
    n.out(1, scale);
    n.out(2, n.b.cast(n.b.cast(zero, ElementType.INT32), ElementType.UINT8));
  }

  private static Value spread(Node n, Value v, int rank, int axis) {
    if (v.shape().elementCount() == 1) {
      return n.b.reshape(v);
    }
    int[] dims = new int[rank];
    Arrays.fill(dims, 1);
    dims[axis < 0 ? axis + rank : axis] = -1;
    return n.b.reshape(v, dims);
  }

  private static void matMul(Node n) {
    Value y =
        Matrices.product(n.b, dequantize(n, n.in(0), 1, 2, -2), dequantize(n, n.in(3), 4, 5, -1));
    n.out(requantized(n, y, -2));
  }

  private static void conv(Node n) {
    Value bias = null;
    if (n.has(8)) {
      bias = n.b.mul(n.b.cast(n.in(8), ElementType.FLOAT32), n.b.mul(n.in(1), n.in(4)));
    }
    Value x = dequantize(n, n.in(0), 1, 2, 1);
    n.out(requantized(n, ConvolutionOps.conv(n, x, dequantize(n, n.in(3), 4, 5, 0), bias), 1));
  }

  /** The result of an operator with integer inputs, by the parameters at inputs 6 and 7. */
  private static Value requantized(Node n, Value y, int axis) {
    Quantization.Affine q = parameters(n, y.shape(), 6, 7, axis);
    if (q != null && !q.isPerChannel() && isEightBit(n.in(7).type())) {
      return quantize(n, y, 6, 7);
    }
    int rank = n.rank(y);
    return rounded(
        n, y, spread(n, n.in(6), rank, axis), spread(n, n.in(7), rank, axis), n.in(7).type());
  }
}
