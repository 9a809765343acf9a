package io.jetfire.importer.tensorflow;

import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Matrices;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.Arrays;
import java.util.Map;

/** Products of matrices. */
final class MatrixOps {
  private MatrixOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put(
        "MatMul",
        n -> n.out(product(n, n.flag("transpose_a", false), n.flag("transpose_b", false))));
    for (String name : new String[] {"BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"}) {
      ops.put(name, n -> n.out(product(n, n.flag("adj_x", false), n.flag("adj_y", false))));
    }
    ops.put("Einsum", n -> n.out(Matrices.einsum(n.b, n.text("equation", ""), n.all())));
  }

  private static Value product(Node n, boolean left, boolean right) {
    Value x = n.in(0);
    Value w = n.in(1);
    if (!x.type().isFloat() || !w.type().isFloat()) {
      throw new Refusal(
          "TensorFlow Lite has no matrix product of " + x.type(), "cast both operands to float32");
    }
    if (w.isConstant() && Build.rank(w) == 2 && !left && Build.rank(x) >= 2 && !x.isConstant()) {
      Value weights = right ? w : n.b.transpose(w, 1, 0);
      int features = weights.shape().dim(1);
      if (x.shape().dim(-1) >= 0 && x.shape().dim(-1) != features) {
        throw new Refusal(x.shape() + " times " + w.shape(), "export the model anew");
      }
      Op op = Op.of(OpKind.FULLY_CONNECTED).set("keep_num_dims", Build.rank(x) > 2);
      return n.b.emit(op.inputs(Arrays.asList(x, weights, null)));
    }
    return n.b.emit(Op.of(OpKind.BATCH_MATMUL).set("adj_x", left).set("adj_y", right).inputs(x, w));
  }
}
