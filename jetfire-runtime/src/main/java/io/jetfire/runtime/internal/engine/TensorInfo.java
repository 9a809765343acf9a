package io.jetfire.runtime.internal.engine;

import java.util.Arrays;
import java.util.List;

/**
 * A tensor as the interpreter sees it right now.
 *
 * @param index index in its subgraph
 * @param name the tensor's name, or the signature's name for it
 * @param type TensorFlow Lite's type code ({@code TfLiteType})
 * @param shape dimensions after the last allocation
 * @param shapeSignature dimensions with -1 where any size is allowed; equal to shape when the model
 *     states none
 * @param bytes size of the data; 0 when not known yet
 * @param dynamic whether the size is only known after an invocation
 * @param scales quantization scales: none, one, or one per slice of {@code quantizedDimension}
 * @param zeroPoints as many as scales
 * @param quantizedDimension the axis of per-channel quantization
 */
public record TensorInfo(
    int index,
    String name,
    int type,
    List<Integer> shape,
    List<Integer> shapeSignature,
    long bytes,
    boolean dynamic,
    List<Float> scales,
    List<Integer> zeroPoints,
    int quantizedDimension) {

  public TensorInfo {
    shape = List.copyOf(shape);
    shapeSignature = List.copyOf(shapeSignature);
    scales = List.copyOf(scales);
    zeroPoints = List.copyOf(zeroPoints);
  }

  /** The shape as an array. */
  public int[] shapeArray() {
    return shape.stream().mapToInt(Integer::intValue).toArray();
  }

  /** Number of elements; 1 for a scalar. */
  public long elements() {
    long elements = 1;
    for (int dimension : shape) {
      elements = Math.multiplyExact(elements, dimension);
    }
    return elements;
  }

  TensorInfo named(String other) {
    return new TensorInfo(
        index,
        other,
        type,
        shape,
        shapeSignature,
        bytes,
        dynamic,
        scales,
        zeroPoints,
        quantizedDimension);
  }

  @Override
  public String toString() {
    return name + " " + TypeCode.name(type) + Arrays.toString(shapeArray());
  }
}
