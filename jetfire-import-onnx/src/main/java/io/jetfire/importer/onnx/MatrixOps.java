package io.jetfire.importer.onnx;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Matrix products and sums over named indices. */
final class MatrixOps {
  private MatrixOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("MatMul", n -> n.out(matMul(n, n.in(0), n.in(1))));
    ops.put("Gemm", MatrixOps::gemm);
    ops.put("MatMulInteger", MatrixOps::matMulInteger);
    ops.put("Einsum", MatrixOps::einsum);
    ops.put("Det", MatrixOps::determinant);
  }

  static Value matMul(Node n, Value x, Value y) {
    int rx = n.rank(x);
    int ry = n.rank(y);
    Value a = rx == 1 ? n.b.unsqueeze(x, 0) : x;
    Value c = ry == 1 ? n.b.unsqueeze(y, 1) : y;
    ElementType type = a.type();
    if (!type.isFloat()) {
      // Products of integers are exact in float32 up to 2^24.
      throw new Refusal(
          "TensorFlow Lite has no matrix product of " + type, "cast both operands to float32");
    }
    Value out = n.b.matMul(a, c);
    if (rx == 1 && ry == 1) {
      return n.b.reshape(out);
    }
    if (rx == 1) {
      return n.b.squeeze(out, n.rank(out) - 2);
    }
    return ry == 1 ? n.b.squeeze(out, n.rank(out) - 1) : out;
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
    n.out(n.b.cast(matMul(n, x, y), ElementType.INT32));
  }

  // ---- einsum

  private static void einsum(Node n) {
    String equation = n.text("equation", "").replace(" ", "");
    String[] sides = equation.split("->", -1);
    String[] terms = sides[0].split(",", -1);
    if (terms.length != n.inputs() || terms.length > 2) {
      throw new Refusal(
          "an equation of " + terms.length + " operands", "write it as sums of two operands");
    }
    List<Value> values = new ArrayList<>();
    List<List<Character>> labels = new ArrayList<>();
    int ellipsis = 0;
    for (int i = 0; i < terms.length; i++) {
      int letters = terms[i].replace("...", "").length();
      ellipsis = Math.max(ellipsis, n.rank(n.in(i)) - letters);
    }
    for (int i = 0; i < terms.length; i++) {
      Value v = n.b.cast(n.in(i), ElementType.FLOAT32);
      List<Character> l =
          expand(terms[i], n.rank(v) - terms[i].replace("...", "").length(), ellipsis);
      for (int a = 0; a < l.size(); a++) {
        for (int c = a + 1; c < l.size(); c++) {
          if (l.get(a).equals(l.get(c))) {
            v = diagonal(n, v, a, c);
            l.remove(c);
            c--;
          }
        }
      }
      values.add(v);
      labels.add(l);
    }
    List<Character> out = new ArrayList<>();
    if (sides.length > 1) {
      out.addAll(expand(sides[1], ellipsis, ellipsis));
    } else {
      Set<Character> sorted = new TreeSet<>();
      for (List<Character> l : labels) {
        sorted.addAll(l);
      }
      String all = sides[0].replace("...", "").replace(",", "");
      for (Character c : sorted) {
        if (c < 'A' || all.chars().filter(k -> k == c).count() == 1) {
          out.add(c);
        }
      }
    }
    Value y =
        values.size() == 1
            ? one(n, values.get(0), labels.get(0), out)
            : two(n, values, labels, out);
    n.out(n.b.cast(y, n.in(0).type()));
  }

  /** Letters of one term; an ellipsis becomes digits, aligned at its end. */
  private static List<Character> expand(String term, int own, int most) {
    List<Character> out = new ArrayList<>();
    for (int i = 0; i < term.length(); i++) {
      if (term.startsWith("...", i)) {
        for (int k = most - own; k < most; k++) {
          out.add((char) ('0' + k));
        }
        i += 2;
      } else {
        out.add(term.charAt(i));
      }
    }
    return out;
  }

  private static Value diagonal(Node n, Value v, int a, int c) {
    int rank = n.rank(v);
    int[] d = n.fixedFrom(v, 0);
    int[] perm = new int[rank];
    perm[0] = a;
    perm[1] = c;
    int at = 2;
    for (int i = 0; i < rank; i++) {
      if (i != a && i != c) {
        perm[at++] = i;
      }
    }
    Value moved = n.b.transpose(v, perm);
    int[] pairs = new int[2 * d[a]];
    for (int i = 0; i < d[a]; i++) {
      pairs[2 * i] = i;
      pairs[2 * i + 1] = i;
    }
    Value picked =
        n.b.emit(Op.of(OpKind.GATHER_ND).inputs(moved, n.b.reshape(n.b.ints(pairs), d[a], 2)));
    // The diagonal is dimension 0 now: bring it to where the first of the two was.
    int[] back = new int[rank - 1];
    for (int i = 0; i < back.length; i++) {
      back[i] = i < a ? i + 1 : i == a ? 0 : i;
    }
    return n.b.transpose(picked, back);
  }

  private static Value one(Node n, Value v, List<Character> l, List<Character> out) {
    List<Character> labels = new ArrayList<>(l);
    Value x = v;
    for (int i = labels.size() - 1; i >= 0; i--) {
      if (!out.contains(labels.get(i))) {
        x = n.b.reduce(OpKind.SUM, x, false, i);
        labels.remove(i);
      }
    }
    return ordered(n, x, labels, out);
  }

  private static Value ordered(Node n, Value x, List<Character> labels, List<Character> out) {
    int[] perm = out.stream().mapToInt(labels::indexOf).toArray();
    if (Arrays.stream(perm).anyMatch(p -> p < 0)) {
      throw new Refusal("an index of the result is in no operand", "export the model anew");
    }
    return n.b.transpose(x, perm);
  }

  private static Value two(
      Node n, List<Value> values, List<List<Character>> labels, List<Character> out) {
    List<Character> a = new ArrayList<>(labels.get(0));
    List<Character> c = new ArrayList<>(labels.get(1));
    Value x = lonelySummed(n, values.get(0), a, c, out);
    Value y = lonelySummed(n, values.get(1), c, a, out);
    List<Character> batch = new ArrayList<>();
    List<Character> summed = new ArrayList<>();
    List<Character> left = new ArrayList<>();
    List<Character> right = new ArrayList<>();
    for (char k : a) {
      (c.contains(k) ? (out.contains(k) ? batch : summed) : left).add(k);
    }
    for (char k : c) {
      if (!a.contains(k)) {
        right.add(k);
      }
    }
    int[] dx = n.fixedFrom(x, 0);
    int[] dy = n.fixedFrom(y, 0);
    Map<Character, Integer> sizes = new LinkedHashMap<>();
    for (int i = 0; i < dx.length; i++) {
      sizes.put(a.get(i), dx[i]);
    }
    for (int i = 0; i < dy.length; i++) {
      sizes.merge(c.get(i), dy[i], Math::max);
    }
    List<Character> xo = join(batch, left, summed);
    List<Character> yo = join(batch, summed, right);
    Value xm =
        n.b.reshape(
            ordered(n, x, a, xo), size(batch, sizes), size(left, sizes), size(summed, sizes));
    Value ym =
        n.b.reshape(
            ordered(n, y, c, yo), size(batch, sizes), size(summed, sizes), size(right, sizes));
    Value product = n.b.matMul(xm, ym);
    List<Character> order = join(batch, left, right);
    int[] dims = order.stream().mapToInt(k -> sizes.getOrDefault(k, 1)).toArray();
    return ordered(n, n.b.reshape(product, dims), order, out);
  }

  /** Sums over indices that neither the other operand nor the result has. */
  private static Value lonelySummed(
      Node n, Value v, List<Character> own, List<Character> other, List<Character> out) {
    Value x = v;
    for (int i = own.size() - 1; i >= 0; i--) {
      if (!other.contains(own.get(i)) && !out.contains(own.get(i))) {
        x = n.b.reduce(OpKind.SUM, x, false, i);
        own.remove(i);
      }
    }
    return x;
  }

  @SafeVarargs
  private static List<Character> join(List<Character>... parts) {
    List<Character> all = new ArrayList<>();
    for (List<Character> p : parts) {
      all.addAll(p);
    }
    return all;
  }

  private static int size(List<Character> labels, Map<Character, Integer> sizes) {
    int n = 1;
    for (char k : labels) {
      n = Math.multiplyExact(n, sizes.getOrDefault(k, 1));
    }
    return n;
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
