package io.jetfire.importer.onnx;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Reductions;
import java.util.Map;

/** Losses that some exporters leave in the graph. */
final class LossOps {
  private LossOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("NegativeLogLikelihoodLoss", n -> n.out(loss(n, n.in(0))));
    ops.put(
        "SoftmaxCrossEntropyLoss",
        n -> {
          Value x = n.in(0);
          Value log = n.b.axisBack(Reductions.logSoftmax(n.b, n.b.axisLast(x, 1)), 1);
          n.out(0, loss(n, log));
          n.out(1, log);
        });
  }

  /** The weighted negative of each sample's value at its class. */
  private static Value loss(Node n, Value x) {
    int[] d = n.fixedFrom(x, 0);
    int space = 1;
    for (int i = 2; i < d.length; i++) {
      space *= d[i];
    }
    Value flat = n.b.reshape(x, d[0], d[1], space);
    Value target = n.b.reshape(n.b.cast(n.in(1), ElementType.INT32), d[0], space);
    // Indices outside the classes, such as an ignored -1, give rows of zeros.
    Value picks =
        n.b.emit(
            Op.of(OpKind.ONE_HOT)
                .set("axis", 1)
                .inputs(target, n.b.scalar(ElementType.INT32, d[1]), n.b.scalar(1), n.b.scalar(0)));
    if (n.isSet("ignore_index")) {
      Value counts =
          n.b.cast(
              n.b.compare(
                  OpKind.NOT_EQUAL,
                  target,
                  n.b.scalar(ElementType.INT32, n.integer("ignore_index", 0))),
              ElementType.FLOAT32);
      picks = n.b.mul(picks, n.b.reshape(counts, d[0], 1, space));
    }
    if (n.has(2)) {
      picks = n.b.mul(picks, n.b.reshape(n.in(2), 1, d[1], 1));
    }
    Value each = n.b.unary(OpKind.NEG, n.b.reduce(OpKind.SUM, n.b.mul(flat, picks), false, 1));
    int[] rest = new int[d.length - 1];
    rest[0] = d[0];
    System.arraycopy(d, 2, rest, 1, d.length - 2);
    return switch (n.text("reduction", "mean")) {
      case "none" -> n.b.reshape(each, rest);
      case "sum" -> n.b.reduce(OpKind.SUM, each, false, 0, 1);
      default -> {
        Value sum = n.b.reduce(OpKind.SUM, each, false, 0, 1);
        Value weight = n.b.reduce(OpKind.SUM, picks, false, 0, 1, 2);
        yield n.b.div(sum, weight);
      }
    };
  }
}
