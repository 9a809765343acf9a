package io.jetfire.importer.onnx;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Which TFLite type stands for each ONNX type.
 *
 * <p>The policy: float16, bfloat16, float8 and float64 become float32, since TFLite's kernels
 * compute in it; uint16 becomes int32, uint32 and uint64 become int64, 4-bit integers become 8-bit
 * ones. All others stay.
 */
final class Types {
  private Types() {}

  static ElementType of(int onnxType) {
    return switch (onnxType) {
      case OnnxTensor.FLOAT,
          OnnxTensor.DOUBLE,
          OnnxTensor.FLOAT16,
          OnnxTensor.BFLOAT16,
          17,
          18,
          19,
          20 ->
          ElementType.FLOAT32;
      case OnnxTensor.UINT8, OnnxTensor.UINT4, 25 -> ElementType.UINT8;
      case OnnxTensor.INT8, OnnxTensor.INT4, 26 -> ElementType.INT8;
      case OnnxTensor.INT16 -> ElementType.INT16;
      case OnnxTensor.UINT16, OnnxTensor.INT32 -> ElementType.INT32;
      case OnnxTensor.UINT32, OnnxTensor.UINT64, OnnxTensor.INT64 -> ElementType.INT64;
      case OnnxTensor.BOOL -> ElementType.BOOL;
      default ->
          throw new Refusal(
              "TensorFlow Lite computes nothing with " + OnnxTensor.typeName(onnxType),
              "convert such data outside the model");
    };
  }

  /** Adds a tensor of the file as a constant; types that stay share the file's bytes. */
  static Value constant(Subgraph subgraph, String name, OnnxTensor t, ExternalData folder) {
    ElementType type = of(t.type());
    Shape shape = Shape.of(t.shape());
    boolean same =
        switch (t.type()) {
          case OnnxTensor.FLOAT,
              OnnxTensor.UINT8,
              OnnxTensor.INT8,
              OnnxTensor.INT16,
              OnnxTensor.INT32,
              OnnxTensor.INT64,
              OnnxTensor.UINT64,
              OnnxTensor.BOOL ->
              true;
          default -> false;
        };
    if (same) {
      return subgraph.addConstant(name, type, shape, Weights.of(t.bytes(folder)));
    }
    int n = t.elementCount();
    ByteBuffer out =
        ByteBuffer.allocate(Math.multiplyExact(n, type.bits() / 8)).order(ByteOrder.LITTLE_ENDIAN);
    if (type == ElementType.FLOAT32) {
      for (double v : t.doubles(folder)) {
        out.putFloat((float) v);
      }
    } else {
      for (long v : t.longs(folder)) {
        switch (type) {
          case INT64 -> out.putLong(v);
          case INT32 -> out.putInt((int) v);
          default -> out.put((byte) v);
        }
      }
    }
    return subgraph.addConstant(name, type, shape, Weights.of(out.flip()));
  }
}
