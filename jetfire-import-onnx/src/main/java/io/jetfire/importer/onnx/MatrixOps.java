package io.jetfire.importer.onnx;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Matrices;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.Arrays;
import java.util.Map;

/** Matrix products and sums over named indices. */
final class MatrixOps {
  private MatrixOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("MatMul", n -> n.out(Matrices.product(n.b, n.in(0), n.in(1))));
    ops.put("Gemm", MatrixOps::gemm);
    ops.put("MatMulInteger", MatrixOps::matMulInteger);
    ops.put("Einsum", n -> n.out(Matrices.einsum(n.b, n.text("equation", ""), n.all())));
    ops.put("Det", MatrixOps::determinant);
  }

  private static void gemm(Node n) {
    Value a = n.in(0);
    Value w = n.in(1);
    ElementType type = a.type();
    a = n.b.cast(a, ElementType.FLOAT32);
    w = n.b.cast(w, ElementType.FLOAT32);
    if (n.integer("transA", 0) != 0) {
      a = n.b.transpose(a, 1, 0);
    }
    float alpha = n.real("alpha", 1);
    float beta = n.real("beta", 1);
    boolean transposed = n.integer("transB", 0) != 0;
    Value bias = n.has(2) ? n.b.cast(n.in(2), ElementType.FLOAT32) : null;
    if (bias != null && beta != 1) {
      bias = n.b.mul(bias, beta);
    }
    if (w.isConstant()) {
      Value weights = transposed ? w : n.b.transpose(w, 1, 0);
      weights = alpha == 1 ? weights : n.b.mul(weights, alpha);
      int units = weights.shape().dim(0);
      boolean fits =
          bias != null
              && bias.isConstant()
              && bias.shape().elementCount() == units
              && (bias.shape().rank() == 1 || bias.shape().dim(-1) == units);
      Value own = fits && bias != null ? n.b.reshape(bias, units) : null;
      Value y = n.b.emit(Op.of(OpKind.FULLY_CONNECTED).inputs(a, weights, own));
      n.out(n.b.cast(fits || bias == null ? y : n.b.add(y, bias), type));
      return;
    }
    Op op = Op.of(OpKind.BATCH_MATMUL).set("adj_y", transposed).inputs(a, w);
    Value y = n.b.emit(op);
    y = alpha == 1 ? y : n.b.mul(y, alpha);
    n.out(n.b.cast(bias == null ? y : n.b.add(y, bias), type));
  }

  private static void matMulInteger(Node n) {
    Value x = n.b.cast(n.in(0), ElementType.FLOAT32);
    Value y = n.b.cast(n.in(1), ElementType.FLOAT32);
    if (n.has(2)) {
      Value zero = n.b.cast(n.in(2), ElementType.FLOAT32);
      if (zero.shape().rank() == 1 && zero.shape().dim(0) > 1) {
        zero = n.b.unsqueeze(zero, 1);
      }
      x = n.b.sub(x, zero);
    }
    if (n.has(3)) {
      y = n.b.sub(y, n.b.cast(n.in(3), ElementType.FLOAT32));
    }
    // Sums of products of 8-bit integers stay exact in float32 up to 2^24.
    n.out(n.b.cast(Matrices.product(n.b, x, y), ElementType.INT32));
  }

  /** Laplace expansion along the first row, for matrices up to 4 by 4. */
  private static void determinant(Node n) {
    Value x = n.in(0);
    int rank = n.rank(x);
    int[] d = n.fixedFrom(x, 0);
    int size = d[rank - 1];
    if (size > 4) {
      throw new Refusal("a determinant of " + size + " rows", "use at most 4 rows");
    }
    int batch = 1;
    for (int i = 0; i < rank - 2; i++) {
      batch *= d[i];
    }
    Value flat = n.b.reshape(x, batch, size * size);
    Value[] cells = new Value[size * size];
    for (int i = 0; i < cells.length; i++) {
      cells[i] = n.b.slice(flat, 1, i, 1);
    }
    int[] columns = new int[size];
    for (int i = 0; i < size; i++) {
      columns[i] = i;
    }
    Value det = minor(n, cells, size, 0, columns);
    n.out(n.b.reshape(det, Arrays.copyOf(d, rank - 2)));
  }

  private static Value minor(Node n, Value[] cells, int size, int row, int[] columns) {
    if (columns.length == 1) {
      return cells[row * size + columns[0]];
    }
    Value sum = null;
    for (int k = 0; k < columns.length; k++) {
      int[] rest = new int[columns.length - 1];
      for (int i = 0, at = 0; i < columns.length; i++) {
        if (i != k) {
          rest[at++] = columns[i];
        }
      }
      Value term = n.b.mul(cells[row * size + columns[k]], minor(n, cells, size, row + 1, rest));
      sum = sum == null ? term : k % 2 == 0 ? n.b.add(sum, term) : n.b.sub(sum, term);
    }
    return java.util.Objects.requireNonNull(sum);
  }
}
