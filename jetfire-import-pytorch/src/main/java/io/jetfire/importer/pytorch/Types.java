package io.jetfire.importer.pytorch;

import io.jetfire.Float16;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * Which TFLite type stands for each type of PyTorch, in the numbering of torch.export's schema (one
 * more than that of c10, in which the archive's pickles name storages).
 *
 * <p>The policy is that of all importers: float16, bfloat16 and float64 become float32, since
 * TFLite's kernels compute in it; uint16 becomes int32. All others stay.
 */
final class Types {
  static final int BYTE = 1;
  static final int CHAR = 2;
  static final int SHORT = 3;
  static final int INT = 4;
  static final int LONG = 5;
  static final int HALF = 6;
  static final int FLOAT = 7;
  static final int DOUBLE = 8;
  static final int BOOL = 12;
  static final int BFLOAT16 = 13;
  static final int UINT16 = 28;

  private static final List<String> NAMES =
      List.of(
          "unknown",
          "uint8",
          "int8",
          "int16",
          "int32",
          "int64",
          "float16",
          "float32",
          "float64",
          "complex32",
          "complex64",
          "complex128",
          "bool",
          "bfloat16");

  private Types() {}

  static String name(int type) {
    return type == UINT16
        ? "uint16"
        : type > 0 && type < NAMES.size() ? NAMES.get(type) : "type " + type;
  }

  static int byteSize(int type) {
    return switch (type) {
      case BYTE, CHAR, BOOL -> 1;
      case SHORT, HALF, BFLOAT16, UINT16 -> 2;
      case INT, FLOAT -> 4;
      case LONG, DOUBLE -> 8;
      default -> throw unsupported(type);
    };
  }

  private static Refusal unsupported(int type) {
    return new Refusal(
        "TensorFlow Lite computes nothing with " + name(type),
        "use floats, integers of 8 to 64 bits, or booleans");
  }

  static ElementType of(int type) {
    return switch (type) {
      case FLOAT, HALF, DOUBLE, BFLOAT16 -> ElementType.FLOAT32;
      case BYTE -> ElementType.UINT8;
      case CHAR -> ElementType.INT8;
      case SHORT -> ElementType.INT16;
      case INT, UINT16 -> ElementType.INT32;
      case LONG -> ElementType.INT64;
      case BOOL -> ElementType.BOOL;
      default -> throw unsupported(type);
    };
  }

  /** Adds a tensor of the file as a constant; types that stay share the file's bytes. */
  static Value constant(Subgraph subgraph, String name, StoredTensor t) {
    ElementType type = of(t.type());
    Shape shape = Shape.of(t.sizes());
    ByteBuffer in = t.bytes().order(ByteOrder.LITTLE_ENDIAN);
    if (t.type() != HALF && t.type() != DOUBLE && t.type() != BFLOAT16 && t.type() != UINT16) {
      return subgraph.addConstant(name, type, shape, Weights.of(in));
    }
    int n = t.count();
    ByteBuffer out = ByteBuffer.allocate(Math.multiplyExact(n, 4)).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < n; i++) {
      switch (t.type()) {
        case HALF -> out.putFloat(Float16.toFloat(in.getShort(2 * i)));
        case BFLOAT16 -> out.putFloat(Float.intBitsToFloat(in.getShort(2 * i) << 16));
        case DOUBLE -> out.putFloat((float) in.getDouble(8 * i));
        default -> out.putInt(in.getShort(2 * i) & 0xffff);
      }
    }
    return subgraph.addConstant(name, type, shape, Weights.of(out.flip()));
  }
}
