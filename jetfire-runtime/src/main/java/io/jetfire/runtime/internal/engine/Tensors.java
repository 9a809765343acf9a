package io.jetfire.runtime.internal.engine;

import io.jetfire.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.tensorflowlite.TfLiteAffineQuantization;
import org.bytedeco.tensorflowlite.TfLiteFloatArray;
import org.bytedeco.tensorflowlite.TfLiteIntArray;
import org.bytedeco.tensorflowlite.TfLiteQuantization;
import org.bytedeco.tensorflowlite.TfLiteTensor;
import org.bytedeco.tensorflowlite.global.tensorflowlite;
import org.jspecify.annotations.Nullable;

/** Reads native tensors without ever believing a pointer or a size alone. */
public final class Tensors {
  /** {@code kTfLiteAffineQuantization}. */
  private static final int AFFINE = 1;

  /** {@code kTfLiteDynamic}. */
  private static final int DYNAMIC = 4;

  private Tensors() {}

  static TensorInfo info(TfLiteTensor tensor, int index) {
    List<Integer> shape = ints(tensor.dims());
    List<Integer> signature = ints(tensor.dims_signature());
    List<Float> scales = List.of();
    List<Integer> zeroPoints = List.of();
    int axis = 0;
    TfLiteQuantization quantization = tensor.quantization();
    if (quantization.type() == AFFINE && quantization.params() != null) {
      TfLiteAffineQuantization affine = new TfLiteAffineQuantization(quantization.params());
      scales = floats(affine.scale());
      zeroPoints = ints(affine.zero_point());
      axis = affine.quantized_dimension();
    }
    return new TensorInfo(
        index,
        name(tensor, index),
        tensor.type(),
        shape,
        signature.size() == shape.size() ? signature : shape,
        tensor.bytes(),
        tensor.allocation_type() == DYNAMIC,
        scales,
        zeroPoints,
        axis);
  }

  /** A view of the tensor's memory, exactly as long as it. */
  static ByteBuffer data(TfLiteTensor tensor) {
    long bytes = tensor.bytes();
    Pointer address = tensorflowlite.TfLiteTensorData(tensor);
    if (bytes > Integer.MAX_VALUE) {
      throw new UnsupportedModelException(
          "Tensor '"
              + name(tensor, 0)
              + "' has "
              + bytes
              + " bytes; at most 2 GiB can be copied through the JVM at once.");
    }
    if (bytes == 0) {
      return ByteBuffer.allocate(0).order(ByteOrder.LITTLE_ENDIAN);
    }
    if (address == null || address.isNull()) {
      throw new UnsupportedModelException(
          "Tensor '" + name(tensor, 0) + "' has no data; it is written during an invocation only.");
    }
    return new BytePointer(address).capacity(bytes).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Copies the bytes of one buffer, whatever its position and limit, from a position on into
   * another, as far as there are some.
   *
   * @return how many were copied, or -1 if there are none at the position
   */
  public static int read(ByteBuffer data, long position, ByteBuffer target) {
    long left = data.capacity() - position;
    if (position < 0 || left <= 0) {
      return -1;
    }
    int count = (int) Math.min(left, target.remaining());
    int at = target.position();
    target.put(at, data, (int) position, count).position(at + count);
    return count;
  }

  static String name(TfLiteTensor tensor, int index) {
    String name = text(tensor.name());
    return name.isEmpty() ? "tensor " + index : name;
  }

  static String text(@Nullable BytePointer text) {
    return text == null || text.isNull() ? "" : text.getString();
  }

  static List<Integer> ints(@Nullable TfLiteIntArray array) {
    List<Integer> values = new ArrayList<>();
    if (array != null && !array.isNull()) {
      for (int i = 0; i < array.size(); i++) {
        values.add(array.data(i));
      }
    }
    return values;
  }

  private static List<Float> floats(@Nullable TfLiteFloatArray array) {
    List<Float> values = new ArrayList<>();
    if (array != null && !array.isNull()) {
      for (int i = 0; i < array.size(); i++) {
        values.add(array.data(i));
      }
    }
    return values;
  }
}
