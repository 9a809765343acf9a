package io.jetfire.importer.tensorflow;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.importer.lowering.Refusal;

/**
 * Which TFLite type stands for each of TensorFlow's, whose numbers are those of {@code
 * types.proto}.
 *
 * <p>The policy: float16, bfloat16 and float64 become float32, since TFLite's kernels compute in
 * it; uint16 becomes int32, uint32 and uint64 become int64. All others stay.
 */
final class Types {
  static final int FLOAT = 1;
  static final int DOUBLE = 2;
  static final int INT32 = 3;
  static final int UINT8 = 4;
  static final int INT16 = 5;
  static final int INT8 = 6;
  static final int STRING = 7;
  static final int COMPLEX64 = 8;
  static final int INT64 = 9;
  static final int BOOL = 10;
  static final int BFLOAT16 = 14;
  static final int UINT16 = 17;
  static final int HALF = 19;
  static final int RESOURCE = 20;
  static final int VARIANT = 21;
  static final int UINT32 = 22;
  static final int UINT64 = 23;

  /** What is added to a type for a reference to a variable of it. */
  static final int REFERENCE = 100;

  private Types() {}

  static ElementType of(int type) {
    return switch (type % REFERENCE) {
      case FLOAT, DOUBLE, HALF, BFLOAT16 -> ElementType.FLOAT32;
      case INT32, UINT16 -> ElementType.INT32;
      case UINT8 -> ElementType.UINT8;
      case INT16 -> ElementType.INT16;
      case INT8 -> ElementType.INT8;
      case INT64, UINT32, UINT64 -> ElementType.INT64;
      case BOOL -> ElementType.BOOL;
      case STRING ->
          throw new Refusal(
              "TensorFlow Lite computes little with strings", "handle strings outside the model");
      default ->
          throw new Refusal(
              "TensorFlow Lite has no kernels for TensorFlow's type " + name(type),
              "compute with float32 or int32");
    };
  }

  /** Bytes per element in the file; 0 if elements have no fixed size. */
  static int bytes(int type) {
    return switch (type % REFERENCE) {
      case FLOAT, INT32, UINT32, 13 -> 4;
      case DOUBLE, INT64, UINT64, COMPLEX64 -> 8;
      case UINT8, INT8, BOOL, 11, 12 -> 1;
      case INT16, UINT16, HALF, BFLOAT16, 15, 16 -> 2;
      case 18 -> 16;
      default -> 0;
    };
  }

  static String name(int type) {
    return switch (type % REFERENCE) {
      case FLOAT -> "float32";
      case DOUBLE -> "float64";
      case INT32 -> "int32";
      case UINT8 -> "uint8";
      case INT16 -> "int16";
      case INT8 -> "int8";
      case STRING -> "string";
      case INT64 -> "int64";
      case BOOL -> "bool";
      case COMPLEX64 -> "complex64";
      case 18 -> "complex128";
      case BFLOAT16 -> "bfloat16";
      case UINT16 -> "uint16";
      case HALF -> "float16";
      case RESOURCE -> "resource";
      case VARIANT -> "variant";
      case UINT32 -> "uint32";
      case UINT64 -> "uint64";
      default -> "number " + type;
    };
  }
}
