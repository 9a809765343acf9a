package io.jetfire.tflite.graph;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** How the integers of a tensor stand for real numbers. */
public sealed interface Quantization {

  /**
   * Returns real = scale · (q - zeroPoint) with one scale for the whole tensor.
   *
   * @param scale above 0
   * @param zeroPoint the integer that stands for 0
   * @return the quantization
   */
  static Affine perTensor(float scale, long zeroPoint) {
    return new Affine(new float[] {scale}, new long[] {zeroPoint}, 0, new float[0], new float[0]);
  }

  /**
   * Returns one scale per slice along an axis.
   *
   * @param scales one per slice
   * @param zeroPoints one per slice
   * @param axis the dimension that the slices are counted on
   * @return the quantization
   */
  static Affine perChannel(float[] scales, long[] zeroPoints, int axis) {
    return new Affine(scales, zeroPoints, axis, new float[0], new float[0]);
  }

  /**
   * Returns one scale per slice along an axis, with zero points of 0.
   *
   * @param scales one per slice
   * @param axis the dimension that the slices are counted on
   * @return the quantization
   */
  static Affine symmetricPerChannel(float[] scales, int axis) {
    return perChannel(scales, new long[scales.length], axis);
  }

  /**
   * real = scale · (q - zeroPoint), per tensor (one scale) or per channel (one for each slice along
   * {@code axis}). Arrays are copied in and out.
   *
   * @param scales one, or one per slice; none if only a range is recorded
   * @param zeroPoints as many as scales (a file may have one for many scales, or none)
   * @param axis the quantized dimension; 0 per tensor
   * @param min the observed minimum, or none; a record only
   * @param max the observed maximum, or none; a record only
   */
  record Affine(float[] scales, long[] zeroPoints, int axis, float[] min, float[] max)
      implements Quantization {
    /** Copies the arrays. */
    public Affine {
      scales = scales.clone();
      zeroPoints = zeroPoints.clone();
      min = min.clone();
      max = max.clone();
    }

    @Override
    public float[] scales() {
      return scales.clone();
    }

    @Override
    public long[] zeroPoints() {
      return zeroPoints.clone();
    }

    @Override
    public float[] min() {
      return min.clone();
    }

    @Override
    public float[] max() {
      return max.clone();
    }

    /**
     * Returns the number of scales.
     *
     * @return 0 or more
     */
    public int size() {
      return scales.length;
    }

    /**
     * Says whether there are scales at all.
     *
     * @return false if only a range is recorded
     */
    public boolean isQuantized() {
      return scales.length > 0;
    }

    /**
     * Says whether there is more than one scale.
     *
     * @return true for per-channel scales
     */
    public boolean isPerChannel() {
      return scales.length > 1;
    }

    /**
     * Returns the scale of a slice.
     *
     * @param channel the slice; any number if there is one scale for all
     * @return its scale
     */
    public float scale(int channel) {
      return scales[scales.length == 1 ? 0 : channel];
    }

    /**
     * Returns the zero point of a slice.
     *
     * @param channel the slice; any number if there is one for all
     * @return its zero point; 0 if the file has none
     */
    public long zeroPoint(int channel) {
      return zeroPoints.length == 0 ? 0 : zeroPoints[zeroPoints.length == 1 ? 0 : channel];
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Affine a
          && Arrays.equals(scales, a.scales)
          && Arrays.equals(zeroPoints, a.zeroPoints)
          && axis == a.axis
          && Arrays.equals(min, a.min)
          && Arrays.equals(max, a.max);
    }

    @Override
    public int hashCode() {
      return 31 * Arrays.hashCode(scales) + Arrays.hashCode(zeroPoints);
    }

    @Override
    public String toString() {
      if (scales.length == 0) {
        return "range " + Arrays.toString(min) + " to " + Arrays.toString(max);
      }
      return scales.length == 1
          ? "scale " + scales[0] + ", zero point " + zeroPoint(0)
          : scales.length + " scales along axis " + axis;
    }
  }

  /**
   * One scale per block of the last dimension; the scales are a tensor of the same subgraph.
   *
   * @param scales the scales
   * @param zeroPoints the zero points, or null if all are 0
   * @param blockSize elements per block
   */
  record Blockwise(Value scales, @Nullable Value zeroPoints, int blockSize)
      implements Quantization {
    @Override
    public String toString() {
      return "blocks of " + blockSize + ", scales " + scales.name();
    }
  }

  /**
   * Scales along several axes; they are a tensor of the same subgraph. The array is copied.
   *
   * @param scales the scales
   * @param zeroPoints the zero points, or null if all are 0
   * @param blockSize elements per block; 0 for per-channel scales
   * @param axes the quantized dimensions
   */
  record MultiAxis(Value scales, @Nullable Value zeroPoints, int blockSize, int[] axes)
      implements Quantization {
    /** Copies the array. */
    public MultiAxis {
      axes = axes.clone();
    }

    @Override
    public int[] axes() {
      return axes.clone();
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof MultiAxis m
          && scales == m.scales
          && zeroPoints == m.zeroPoints
          && blockSize == m.blockSize
          && Arrays.equals(axes, m.axes);
    }

    @Override
    public int hashCode() {
      return 31 * System.identityHashCode(scales) + Arrays.hashCode(axes);
    }

    @Override
    public String toString() {
      return "axes "
          + Arrays.toString(axes)
          + ", blocks of "
          + blockSize
          + ", scales "
          + scales.name();
    }
  }

  /**
   * A scheme of somebody else's, kept as it is. The array is copied.
   *
   * @param bytes the file's bytes
   */
  record Custom(byte[] bytes) implements Quantization {
    /** Copies the array. */
    public Custom {
      bytes = bytes.clone();
    }

    @Override
    public byte[] bytes() {
      return bytes.clone();
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Custom c && Arrays.equals(bytes, c.bytes);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(bytes);
    }

    @Override
    public String toString() {
      return "custom, " + bytes.length + " bytes";
    }
  }
}
