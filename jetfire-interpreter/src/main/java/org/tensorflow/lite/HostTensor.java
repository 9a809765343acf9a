package org.tensorflow.lite;

import io.jetfire.runtime.internal.engine.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.Supplier;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/** A tensor as it was when it was asked for; its data are copied when they are asked for. */
@NullMarked
final class HostTensor implements Tensor {
  private final TensorInfo info;
  private final Supplier<@Nullable ByteBuffer> data;

  HostTensor(TensorInfo info, Supplier<@Nullable ByteBuffer> data) {
    this.info = info;
    this.data = data;
  }

  @Override
  public DataType dataType() {
    return JavaObjects.dataType(info);
  }

  @Override
  public int numDimensions() {
    return info.shape().size();
  }

  @Override
  public int numBytes() {
    return Math.toIntExact(info.bytes());
  }

  @Override
  public int numElements() {
    return Math.toIntExact(info.elements());
  }

  @Override
  public int[] shape() {
    return info.shapeArray();
  }

  @Override
  public int[] shapeSignature() {
    return info.shapeSignature().stream().mapToInt(Integer::intValue).toArray();
  }

  @Override
  public int index() {
    return info.index();
  }

  @Override
  public String name() {
    return info.name();
  }

  @Override
  public QuantizationParams quantizationParams() {
    // 0 and 0 stand for a tensor that is not quantized, or not with one scale.
    return info.scales().size() == 1
        ? new QuantizationParams(info.scales().get(0), info.zeroPoints().get(0))
        : new QuantizationParams(0, 0);
  }

  @Override
  public ByteBuffer asReadOnlyBuffer() {
    ByteBuffer bytes = data.get();
    if (bytes == null) {
      throw new IllegalArgumentException("Input '" + info.name() + "' has no data yet.");
    }
    return bytes.duplicate().rewind().asReadOnlyBuffer().order(ByteOrder.nativeOrder());
  }
}
