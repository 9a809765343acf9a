package io.jetfire.adapter.djl.internal.lower;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import java.util.Arrays;
import java.util.Map;

/** Products of matrices. */
final class MatrixRules {
  private MatrixRules() {}

  static void addTo(Map<String, Rule> rules) {
    rules.put("linear", MatrixRules::linear);
    rules.put("matMul", MatrixRules::matMul);
    rules.put("batchMatMul", MatrixRules::matMul);
    rules.put("dot", MatrixRules::dot);
  }

  /** linear(input, weight, bias): the weight is [out, in], as TensorFlow Lite wants it. */
  private static void linear(TracedCall call) {
    int[] shape = call.storedShape(1);
    float[] bias = call.isNone(2) ? new float[shape[0]] : call.stored(2);
    Value weight = call.emit().floats("weight", shape, call.stored(1));
    call.result(fullyConnected(call, call.array(0), weight, bias));
  }

  private static Value fullyConnected(TracedCall call, Value input, Value weight, float[] bias) {
    Emitter emit = call.emit();
    int out = Emitter.shape(weight)[0];
    int[] shape = Emitter.shape(input);
    Value rows = shape.length == 1 ? emit.reshape(input, 1, shape[0]) : input;
    int[] result = Emitter.shape(rows);
    result[result.length - 1] = out;
    Value product =
        emit.op(
            OpKind.FULLY_CONNECTED,
            ElementType.FLOAT32,
            result,
            op -> op.set("keep_num_dims", result.length > 2),
            rows,
            weight,
            emit.floats("bias", new int[] {out}, bias));
    return emit.reshape(product, call.resultShape());
  }

  private static void matMul(TracedCall call) {
    Emitter emit = call.emit();
    int[] a = Emitter.shape(call.on());
    int[] b = Emitter.shape(call.array(0));
    float[] stored = call.storedFloats(call.arrayId(0)).orElse(null);
    if (stored != null && b.length == 2 && a.length >= 1) {
      Value weight = emit.floats("weight", new int[] {b[1], b[0]}, transposed(stored, b[0], b[1]));
      call.result(fullyConnected(call, call.on(), weight, new float[b[1]]));
      return;
    }
    // A vector is a matrix of one row on the left, and of one column on the right.
    Value left = a.length == 1 ? emit.reshape(call.on(), 1, a[0]) : call.on();
    Value right = b.length == 1 ? emit.reshape(call.array(0), b[0], 1) : call.array(0);
    int[] x = Emitter.shape(left);
    int[] y = Emitter.shape(right);
    int[] outer = Emitter.broadcast(Arrays.copyOf(x, x.length - 2), Arrays.copyOf(y, y.length - 2));
    int[] shape = Arrays.copyOf(outer, outer.length + 2);
    shape[outer.length] = x[x.length - 2];
    shape[outer.length + 1] = y[y.length - 1];
    Value product = emit.op(OpKind.BATCH_MATMUL, ElementType.FLOAT32, shape, left, right);
    call.result(emit.reshape(product, call.resultShape()));
  }

  private static float[] transposed(float[] matrix, int rows, int columns) {
    float[] result = new float[matrix.length];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        result[j * rows + i] = matrix[i * columns + j];
      }
    }
    return result;
  }

  /** Of two vectors a number, of two matrices their product. */
  private static void dot(TracedCall call) {
    if (Emitter.shape(call.on()).length != 1) {
      matMul(call);
      return;
    }
    Emitter emit = call.emit();
    Value products = emit.binary(OpKind.MUL, call.on(), call.array(0));
    call.result(emit.reduce(OpKind.SUM, products, false, 0));
  }
}
