package io.jetfire.importer.onnx;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;

/** Window functions, random numbers and the selection of boxes. */
final class SignalOps {
  private SignalOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("HannWindow", n -> window(n, t -> 0.5 - 0.5 * Math.cos(t)));
    ops.put("HammingWindow", n -> window(n, t -> 25.0 / 46 - (1 - 25.0 / 46) * Math.cos(t)));
    ops.put(
        "BlackmanWindow", n -> window(n, t -> 0.42 - 0.5 * Math.cos(t) + 0.08 * Math.cos(2 * t)));
    ops.put("NonMaxSuppression", SignalOps::suppress);
  }

  private static void window(Node n, DoubleUnaryOperator f) {
    int size = n.known(0, "size")[0];
    if (size < 0 || size > 1 << 24) {
      throw new Refusal("a window of " + size + " samples", "use a smaller one");
    }
    int period = n.integer("periodic", 1) != 0 ? size : size - 1;
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) f.applyAsDouble(2 * Math.PI * i / Math.max(1, period));
    }
    ElementType type = Types.of(n.integer("output_datatype", OnnxTensor.FLOAT));
    n.out(n.b.cast(n.b.floats(Shape.of(size), values), type));
  }

  /** One selection per sample and class; the rows found are put together with their indices. */
  private static void suppress(Node n) {
    Value boxes = n.in(0);
    Value scores = n.in(1);
    int[] d = n.fixedFrom(scores, 0);
    int most = n.has(2) ? n.known(2, "max_output_boxes_per_class")[0] : 0;
    most = Math.min(most, d[2]);
    if (most <= 0) {
      throw new Refusal("it selects no boxes", "set max_output_boxes_per_class");
    }
    Value overlap = n.has(3) ? n.b.reshape(n.in(3)) : n.b.scalar(0);
    Value least = n.has(4) ? n.b.reshape(n.in(4)) : n.b.scalar(-Float.MAX_VALUE);
    boolean centre = n.integer("center_point_box", 0) != 0;
    Build.repetitions(Build.count(d[0], d[1]));
    List<Value> rows = new ArrayList<>();
    for (int batch = 0; batch < d[0]; batch++) {
      Value all = n.b.squeeze(n.b.slice(boxes, 0, batch, 1), 0);
      if (centre) {
        Value x = n.b.slice(all, 1, 0, 1);
        Value y = n.b.slice(all, 1, 1, 1);
        Value w = n.b.mul(n.b.slice(all, 1, 2, 1), 0.5);
        Value h = n.b.mul(n.b.slice(all, 1, 3, 1), 0.5);
        all = n.b.concat(1, n.b.sub(y, h), n.b.sub(x, w), n.b.add(y, h), n.b.add(x, w));
      }
      Value ofBatch = n.b.squeeze(n.b.slice(scores, 0, batch, 1), 0);
      for (int label = 0; label < d[1]; label++) {
        Value own = n.b.squeeze(n.b.slice(ofBatch, 0, label, 1), 0);
        List<Value> found =
            n.b.emit(
                Op.of(OpKind.NON_MAX_SUPPRESSION_V4)
                    .inputs(all, own, n.b.scalar(ElementType.INT32, most), overlap, least),
                2);
        Value count = n.b.reshape(found.get(1), 1);
        Value picked = n.b.emit(Op.of(OpKind.SLICE).inputs(found.get(0), n.b.ints(0), count));
        Value column =
            n.b.emit(Op.of(OpKind.EXPAND_DIMS).inputs(picked, n.b.scalar(ElementType.INT32, 1)));
        Value prefix =
            n.b.emit(
                Op.of(OpKind.FILL).inputs(n.b.shapeOf(column), n.b.scalar(ElementType.INT32, 0)));
        rows.add(n.b.concat(1, n.b.add(prefix, batch), n.b.add(prefix, label), column));
      }
    }
    n.out(n.b.cast(n.b.concat(0, rows), ElementType.INT64));
  }
}
