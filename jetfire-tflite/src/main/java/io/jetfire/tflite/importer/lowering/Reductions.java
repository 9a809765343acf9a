package io.jetfire.tflite.importer.lowering;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import java.util.List;

/** Operators along axes: places of extremes, softmax, the largest elements, cumulative sums. */
public final class Reductions {
  private Reductions() {}

  /**
   * The logarithm of the sum of exponentials, without overflow.
   *
   * @param b where operators go
   * @param x the tensor; FLOAT32
   * @param keep whether the axes stay, with size 1
   * @param axes which ones, from 0
   * @return the reduced tensor
   */
  public static Value logSumExp(Build b, Value x, boolean keep, int... axes) {
    Value top = b.reduce(OpKind.REDUCE_MAX, x, true, axes);
    Value sum = b.reduce(OpKind.SUM, Functions.exp(b, b.sub(x, top)), keep, axes);
    return b.add(Functions.log(b, sum), keep ? top : b.squeeze(top, axes));
  }

  /**
   * The place of the first extreme along an axis.
   *
   * @param b where operators go
   * @param x the tensor
   * @param kind ARG_MAX or ARG_MIN
   * @param axis at least 0; it does not stay
   * @return INT64
   */
  public static Value argument(Build b, Value x, OpKind kind, int axis) {
    boolean has = x.type() == ElementType.FLOAT32 || x.type() == ElementType.INT32;
    Value data = has ? x : b.cast(x, ElementType.INT32);
    return b.emit(Op.of(kind).set("output_type", ElementType.INT64).inputs(data, b.ints(axis)));
  }

  /**
   * The logarithm of the softmax over the last dimension.
   *
   * @param b where operators go
   * @param x the tensor; FLOAT32
   * @return a tensor of the same shape
   */
  public static Value logSoftmax(Build b, Value x) {
    return b.emit(Op.of(OpKind.LOG_SOFTMAX).inputs(x));
  }

  /**
   * The softmax over an axis, or its logarithm.
   *
   * @param b where operators go
   * @param x the tensor; FLOAT32
   * @param axis at least 0
   * @param logarithm whether its logarithm
   * @return a tensor of the same shape
   */
  public static Value softmax(Build b, Value x, int axis, boolean logarithm) {
    Build.requireFloat(x);
    if (Build.rank(x) == 1) {
      return b.squeeze(softmax(b, b.unsqueeze(x, 0), 1, logarithm), 0);
    }
    Value last = b.axisLast(x, axis);
    return b.axisBack(logarithm ? logSoftmax(b, last) : b.softmax(last), axis);
  }

  /**
   * Sums of the elements so far along an axis.
   *
   * @param b where operators go
   * @param x the tensor
   * @param axis at least 0
   * @param exclusive whether an element is not in its own sum
   * @param reverse whether sums start at the end
   * @return a tensor of the same type and shape
   */
  public static Value cumulativeSum(
      Build b, Value x, int axis, boolean exclusive, boolean reverse) {
    ElementType type = x.type();
    Value data = type.isFloat() || type == ElementType.INT64 ? x : b.cast(x, ElementType.INT32);
    Value y =
        b.emit(
            Op.of(OpKind.CUMSUM)
                .set("exclusive", exclusive)
                .set("reverse", reverse)
                .inputs(data, b.scalar(ElementType.INT32, axis)));
    return b.cast(y, type);
  }

  /**
   * The largest or smallest elements along an axis, in order.
   *
   * @param b where operators go
   * @param x the tensor
   * @param k how many, a scalar of INT32
   * @param axis at least 0
   * @param largest whether the largest, else the smallest
   * @return the elements, and their places as INT64
   */
  public static List<Value> top(Build b, Value x, Value k, int axis, boolean largest) {
    Value data = b.axisLast(x, axis);
    ElementType type = data.type();
    if (type != ElementType.FLOAT32 && type != ElementType.INT32 && type != ElementType.INT64) {
      data = b.cast(data, ElementType.INT32);
    }
    data = largest ? data : Functions.negative(b, data);
    List<Value> r = b.emit(Op.of(OpKind.TOPK_V2).inputs(data, k), 2);
    Value values = largest ? r.get(0) : Functions.negative(b, r.get(0));
    return List.of(
        b.cast(b.axisBack(values, axis), x.type()),
        b.cast(b.axisBack(r.get(1), axis), ElementType.INT64));
  }
}
