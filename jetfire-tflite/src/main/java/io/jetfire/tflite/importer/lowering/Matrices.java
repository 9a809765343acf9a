package io.jetfire.tflite.importer.lowering;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Matrix products and sums over named indices. */
public final class Matrices {
  private Matrices() {}

  /**
   * Multiplies matrices as NumPy's matmul: a vector on the left is a row, on the right a column,
   * and leaves no dimension in the result.
   *
   * @param b where operators go
   * @param x the left operand
   * @param y the right operand
   * @return the product
   */
  public static Value product(Build b, Value x, Value y) {
    int rx = Build.rank(x);
    int ry = Build.rank(y);
    Value left = rx == 1 ? b.unsqueeze(x, 0) : x;
    Value right = ry == 1 ? b.unsqueeze(y, 1) : y;
    if (!left.type().isFloat()) {
      throw new Refusal(
          "TensorFlow Lite has no matrix product of " + left.type(),
          "cast both operands to float32");
    }
    Value out = b.matMul(left, right);
    if (rx == 1 && ry == 1) {
      return b.reshape(out);
    }
    if (rx == 1) {
      return b.squeeze(out, Build.rank(out) - 2);
    }
    return ry == 1 ? b.squeeze(out, Build.rank(out) - 1) : out;
  }

  /**
   * Multiplies the last dimension with weights.
   *
   * @param b where operators go
   * @param x any dimensions, then features
   * @param weights units by features
   * @param bias one element per unit, or null
   * @return the same dimensions, then units
   */
  public static Value linear(Build b, Value x, Value weights, @Nullable Value bias) {
    if (Build.rank(x) == 1) {
      return b.squeeze(linear(b, b.unsqueeze(x, 0), weights, bias), 0);
    }
    if (weights.isConstant() && (bias == null || bias.isConstant())) {
      Op op = Op.of(OpKind.FULLY_CONNECTED).set("keep_num_dims", true);
      return b.emit(op.inputs(x, weights, bias));
    }
    Value y = b.emit(Op.of(OpKind.BATCH_MATMUL).set("adj_y", true).inputs(x, weights));
    return bias == null ? y : b.add(y, bias);
  }

  /**
   * Sums products over named indices, as NumPy's einsum.
   *
   * @param b where operators go
   * @param equation such as {@code bij,bjk->bik}
   * @param operands one or two tensors
   * @return a tensor of the type of the first
   * @throws Refusal if there are more operands, or open dimensions
   */
  public static Value einsum(Build b, String equation, List<Value> operands) {
    String[] sides = equation.replace(" ", "").split("->", -1);
    String[] terms = sides[0].split(",", -1);
    if (terms.length != operands.size() || terms.length > 2) {
      throw new Refusal(
          "an equation of " + terms.length + " operands", "write it as sums of two operands");
    }
    List<Value> values = new ArrayList<>();
    List<List<Character>> labels = new ArrayList<>();
    int ellipsis = 0;
    for (int i = 0; i < terms.length; i++) {
      int letters = terms[i].replace("...", "").length();
      ellipsis = Math.max(ellipsis, Build.rank(operands.get(i)) - letters);
    }
    for (int i = 0; i < terms.length; i++) {
      Value v = b.cast(operands.get(i), ElementType.FLOAT32);
      List<Character> l =
          expand(terms[i], Build.rank(v) - terms[i].replace("...", "").length(), ellipsis);
      for (int a = 0; a < l.size(); a++) {
        for (int c = a + 1; c < l.size(); c++) {
          if (l.get(a).equals(l.get(c))) {
            v = diagonal(b, v, a, c);
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
            ? one(b, values.get(0), labels.get(0), out)
            : two(b, values, labels, out);
    return b.cast(y, operands.get(0).type());
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

  private static Value diagonal(Build b, Value v, int a, int c) {
    int rank = Build.rank(v);
    int[] d = Build.fixedFrom(v, 0);
    int[] perm = new int[rank];
    perm[0] = a;
    perm[1] = c;
    int at = 2;
    for (int i = 0; i < rank; i++) {
      if (i != a && i != c) {
        perm[at++] = i;
      }
    }
    Value moved = b.transpose(v, perm);
    int[] pairs = new int[2 * d[a]];
    for (int i = 0; i < d[a]; i++) {
      pairs[2 * i] = i;
      pairs[2 * i + 1] = i;
    }
    Value picked = b.emit(Op.of(OpKind.GATHER_ND).inputs(moved, b.reshape(b.ints(pairs), d[a], 2)));
    // The diagonal is dimension 0 now: bring it to where the first of the two was.
    int[] back = new int[rank - 1];
    for (int i = 0; i < back.length; i++) {
      back[i] = i < a ? i + 1 : i == a ? 0 : i;
    }
    return b.transpose(picked, back);
  }

  private static Value one(Build b, Value v, List<Character> l, List<Character> out) {
    List<Character> labels = new ArrayList<>(l);
    Value x = v;
    for (int i = labels.size() - 1; i >= 0; i--) {
      if (!out.contains(labels.get(i))) {
        x = b.reduce(OpKind.SUM, x, false, i);
        labels.remove(i);
      }
    }
    return ordered(b, x, labels, out);
  }

  private static Value ordered(Build b, Value x, List<Character> labels, List<Character> out) {
    int[] perm = out.stream().mapToInt(labels::indexOf).toArray();
    if (Arrays.stream(perm).anyMatch(p -> p < 0)) {
      throw new Refusal("an index of the result is in no operand", "export the model anew");
    }
    return b.transpose(x, perm);
  }

  private static Value two(
      Build b, List<Value> values, List<List<Character>> labels, List<Character> out) {
    List<Character> a = new ArrayList<>(labels.get(0));
    List<Character> c = new ArrayList<>(labels.get(1));
    Value x = lonelySummed(b, values.get(0), a, c, out);
    Value y = lonelySummed(b, values.get(1), c, a, out);
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
    int[] dx = Build.fixedFrom(x, 0);
    int[] dy = Build.fixedFrom(y, 0);
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
        b.reshape(ordered(b, x, a, xo), size(batch, sizes), size(left, sizes), size(summed, sizes));
    Value ym =
        b.reshape(
            ordered(b, y, c, yo), size(batch, sizes), size(summed, sizes), size(right, sizes));
    Value product = b.matMul(xm, ym);
    List<Character> order = join(batch, left, right);
    int[] dims = order.stream().mapToInt(k -> sizes.getOrDefault(k, 1)).toArray();
    return ordered(b, b.reshape(product, dims), order, out);
  }

  /** Sums over indices that neither the other operand nor the result has. */
  private static Value lonelySummed(
      Build b, Value v, List<Character> own, List<Character> other, List<Character> out) {
    Value x = v;
    for (int i = own.size() - 1; i >= 0; i--) {
      if (!other.contains(own.get(i)) && !out.contains(own.get(i))) {
        x = b.reduce(OpKind.SUM, x, false, i);
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
}
