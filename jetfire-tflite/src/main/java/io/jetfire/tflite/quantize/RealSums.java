package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.Value;
import java.nio.ByteBuffer;

/**
 * Sums up the real numbers that a layer is fed with, while the tensor that stands for them is
 * copied; for one thread.
 */
final class RealSums {
  private final WindowMeans.Sums sums;
  private final Reals reals;
  private float[] numbers = new float[0];

  /**
   * Starts.
   *
   * @param value what the layer is fed with: real numbers, or integers with one scale
   * @param means what is summed up
   */
  RealSums(Value value, WindowMeans means) {
    this.sums = new WindowMeans.Sums(means, new WindowMeans.Scratch());
    this.reals = new Reals(value);
  }

  /** What was summed up of the last tensor. */
  WindowMeans.Sums sums() {
    return sums;
  }

  /** The buffer, or a larger one if it does not take one line of the tensor. */
  ByteBuffer fitting(ByteBuffer buffer) {
    int least = sums.unit() * reals.elementBytes();
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
      int unit = sums.unit() * reals.elementBytes();
      int from = target.position();
      target.limit(from + target.remaining() / unit * unit);
      int count = source.read(position, target);
      if (count > 0) {
        take(target.duplicate().position(from), count);
      }
      return count;
    };
  }

  private void take(ByteBuffer bytes, int count) {
    int n = count / reals.elementBytes();
    if (numbers.length < n) {
      numbers = new float[n];
    }
    reals.take(bytes, n, numbers, 0);
    sums.take(numbers, n);
  }
}
