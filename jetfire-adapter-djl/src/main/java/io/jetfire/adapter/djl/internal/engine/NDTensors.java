package io.jetfire.adapter.djl.internal.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.jetfire.Tensor;
import io.jetfire.TensorType;
import io.jetfire.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Between JetFire's tensors and DJL's arrays. */
public final class NDTensors {
  private NDTensors() {}

  /** DJL's name of an element type. */
  public static DataType type(TensorType type) {
    return switch (type) {
      case FLOAT32 -> DataType.FLOAT32;
      case FLOAT16 -> DataType.FLOAT16;
      case FLOAT64 -> DataType.FLOAT64;
      case INT8 -> DataType.INT8;
      case UINT8 -> DataType.UINT8;
      case INT16 -> DataType.INT16;
      case INT32 -> DataType.INT32;
      case INT64 -> DataType.INT64;
      case BOOL -> DataType.BOOLEAN;
    };
  }

  /** JetFire's name of an element type. */
  public static TensorType type(DataType type) {
    return switch (type) {
      case FLOAT32 -> TensorType.FLOAT32;
      case FLOAT16 -> TensorType.FLOAT16;
      case FLOAT64 -> TensorType.FLOAT64;
      case INT8 -> TensorType.INT8;
      case UINT8 -> TensorType.UINT8;
      case INT16 -> TensorType.INT16;
      case INT32 -> TensorType.INT32;
      case INT64 -> TensorType.INT64;
      case BOOLEAN -> TensorType.BOOL;
      default ->
          throw new UnsupportedModelException(
              "The model has a tensor of type "
                  + type
                  + ", which JetFire does not have. Cast it to FLOAT32 in the block.");
    };
  }

  /** Copies a tensor into an array. */
  public static NDArray array(NDManager manager, Tensor tensor) {
    ByteBuffer data = tensor.data();
    ByteBuffer direct = manager.allocateDirect(data.remaining());
    direct.put(data).rewind();
    long[] shape = Arrays.stream(tensor.shape()).asLongStream().toArray();
    return manager.create(direct, new Shape(shape), type(tensor.type()));
  }

  /** Copies an array into a tensor. */
  public static Tensor tensor(NDArray array) {
    int[] shape = Arrays.stream(array.getShape().getShape()).mapToInt(Math::toIntExact).toArray();
    ByteBuffer data = array.toByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    return Tensor.of(type(array.getDataType()), data, shape);
  }
}
