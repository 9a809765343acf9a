package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Value;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * Sums up the real numbers that a layer is fed with, while the tensor that stands for them is
 * copied; for one thread.
 */
final class RealSums {
  private final WindowMeans.Sums sums;
  private final ElementType type;
  private final int elementBytes;
  private final float scale;
  private final float zero;
  private byte[] raw = new byte[0];
  private short[] wide = new short[0];
  private float[] reals = new float[0];

  /**
   * Starts.
   *
   * @param value what the layer is fed with: real numbers, or integers with one scale
   * @param means what is summed up
   */
  RealSums(Value value, WindowMeans means) {
    this.sums = new WindowMeans.Sums(means, new WindowMeans.Scratch());
    this.type = value.type();
    this.elementBytes = type.bits() / 8;
    Optional<Quantization.Affine> q = value.affine().filter(Quantization.Affine::isQuantized);
    this.scale = q.isPresent() ? q.get().scale(0) : 1;
    this.zero = q.isPresent() ? q.get().zeroPoint(0) : 0;
  }

  /** What was summed up of the last tensor. */
  WindowMeans.Sums sums() {
    return sums;
  }

  /** The buffer, or a larger one if it does not take one line of the tensor. */
  ByteBuffer fitting(ByteBuffer buffer) {
    int least = sums.unit() * elementBytes;
    return buffer.capacity() >= least ? buffer : ByteBuffer.allocateDirect(least);
  }

  /** Sums up a whole tensor. */
  void all(TensorScan.Source source, ByteBuffer buffer) {
    TensorScan.Source summing = start(source);
    ByteBuffer fitting = fitting(buffer);
    long at = 0;
    int count = 0;
    while (count >= 0) {
      at += count;
      count = summing.read(at, fitting.clear());
    }
  }

  /** Begins a tensor, and returns a source of its bytes that sums up all that is read from it. */
  TensorScan.Source start(TensorScan.Source source) {
    sums.start();
    return (position, target) -> {
      int unit = sums.unit() * elementBytes;
      int from = target.position();
      target.limit(from + target.remaining() / unit * unit);
      int count = source.read(position, target);
      if (count > 0) {
        take(target.duplicate().order(ByteOrder.LITTLE_ENDIAN).position(from), count);
      }
      return count;
    };
  }

  private void take(ByteBuffer bytes, int count) {
    int n = count / elementBytes;
    if (reals.length < n) {
      reals = new float[n];
    }
    switch (type) {
      case FLOAT32 -> bytes.asFloatBuffer().get(reals, 0, n);
      case INT8 -> {
        if (raw.length < n) {
          raw = new byte[n];
        }
        bytes.get(raw, 0, n);
        for (int i = 0; i < n; i++) {
          reals[i] = raw[i];
        }
      }
      case INT16 -> {
        if (wide.length < n) {
          wide = new short[n];
        }
        bytes.asShortBuffer().get(wide, 0, n);
        for (int i = 0; i < n; i++) {
          reals[i] = wide[i];
        }
      }
      default -> throw new IllegalStateException("a layer is not fed with " + type);
    }
    if (type != ElementType.FLOAT32) {
      scale(reals, n);
    }
    sums.take(reals, n);
  }

  private void scale(float[] values, int count) {
    for (int i = 0; i < count; i++) {
      values[i] = (values[i] - zero) * scale;
    }
  }
}
