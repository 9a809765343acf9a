package io.jetfire.importer.onnx;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Matrices;
import java.util.Arrays;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Quantized tensors: scales and zero points become parameters of TFLite tensors where known. */
final class QuantizationOps {
  private QuantizationOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("QuantizeLinear", n -> n.out(quantize(n, n.in(0), 1, 2)));
    ops.put("DequantizeLinear", n -> n.out(dequantize(n, n.in(0), 1, 2)));
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
      Node n, Shape shape, int scaleInput, int zeroInput) {
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
    int axis = n.axis(n.integer("axis", 1), shape.rank());
    return Quantization.perChannel(scales, zeros, axis);
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

  private static Value quantize(Node n, Value x, int scaleInput, int zeroInput) {
    ElementType type = quantizedType(n, zeroInput);
    Quantization.Affine q = parameters(n, x.shape(), scaleInput, zeroInput);
    boolean kernel = type == ElementType.INT8 || type == ElementType.UINT8;
    if (q != null
        && kernel
        && x.type() == ElementType.FLOAT32
        && !q.isPerChannel()
        && !x.isConstant()) {
      Value out = n.b.subgraph().addValue(n.proto.outputs().get(0), type, x.shape());
      out.quantization(q);
      n.b.subgraph().append(Op.of(OpKind.QUANTIZE).inputs(x).outputs(out));
      return out;
    }
    Value scale = along(n, n.in(scaleInput), n.rank(x));
    Value zero = n.has(zeroInput) ? along(n, n.in(zeroInput), n.rank(x)) : null;
    return rounded(n, x, scale, zero, type);
  }

  private static Value rounded(
      Node n, Value x, Value scale, @Nullable Value zero, ElementType type) {
    Value steps = n.b.unary(OpKind.ROUND, n.b.div(n.b.cast(x, ElementType.FLOAT32), scale));
    if (zero != null) {
      steps = n.b.add(steps, n.b.cast(zero, ElementType.FLOAT32));
    }
    double low = type == ElementType.UINT8 ? 0 : type == ElementType.INT8 ? -128 : -32768;
    double high = type == ElementType.UINT8 ? 255 : type == ElementType.INT8 ? 127 : 32767;
    return n.b.cast(n.b.cast(n.b.clamp(steps, low, high), ElementType.INT32), type);
  }

  private static Value dequantize(Node n, Value x, int scaleInput, int zeroInput) {
    Quantization.Affine q = parameters(n, x.shape(), scaleInput, zeroInput);
    boolean kernel = x.type() == ElementType.INT8 || x.type() == ElementType.UINT8;
    if (q != null && kernel && !q.isPerChannel() && !x.isConstant()) {
      Quantization.Affine had = x.affine().orElse(null);
      if (had == null || had.equals(q)) {
        if (had == null && (x.producer().isEmpty() || x.useCount() == 0)) {
          x.quantization(q);
        }
        if (x.affine().isPresent()) {
          return n.b.emit(Op.of(OpKind.DEQUANTIZE).inputs(x));
        }
      }
    }
    Value f = n.b.cast(x, ElementType.FLOAT32);
    if (n.has(zeroInput)) {
      Value zero = n.in(zeroInput);
      f = n.b.sub(f, n.b.cast(along(n, zero, n.rank(x)), ElementType.FLOAT32));
    }
    return n.b.mul(f, along(n, n.in(scaleInput), n.rank(x)));
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

  private static Value real(Node n, int input, int scale, int zero, int axis) {
    Value x = n.b.cast(n.in(input), ElementType.FLOAT32);
    int rank = n.rank(x);
    Value z = n.b.cast(n.in(zero), ElementType.FLOAT32);
    Value s = n.in(scale);
    return n.b.mul(n.b.sub(x, spread(n, z, rank, axis)), spread(n, s, rank, axis));
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
    Value y = Matrices.product(n.b, real(n, 0, 1, 2, -2), real(n, 3, 4, 5, -1));
    n.out(rounded(n, y, spread(n, n.in(6), n.rank(y), -2), n.in(7), n.in(7).type()));
  }

  private static void conv(Node n) {
    Value bias = null;
    if (n.has(8)) {
      bias = n.b.mul(n.b.cast(n.in(8), ElementType.FLOAT32), n.b.mul(n.in(1), n.in(4)));
    }
    Value y = ConvolutionOps.conv(n, real(n, 0, 1, 2, 1), real(n, 3, 4, 5, 0), bias);
    n.out(rounded(n, y, n.b.reshape(n.in(6)), n.b.reshape(n.in(7)), n.in(7).type()));
  }
}
