package io.jetfire.importer.pytorch;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Indexing;
import io.jetfire.tflite.importer.lowering.Matrices;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Matrix products, sums over named indices, attention, distances. */
final class MatrixOps {
  private MatrixOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put(
        "linear",
        c -> c.out(Matrices.linear(c.b, c.self(), c.tensor("weight"), c.optional("bias"))));
    ops.put("matmul", c -> c.out(product(c, c.self(), c.tensor("other"))));
    ops.put("mm", c -> c.out(product(c, c.self(), c.tensor("mat2"))));
    ops.put("bmm", c -> c.out(product(c, c.self(), c.tensor("mat2"))));
    ops.put("mv", c -> c.out(product(c, c.self(), c.tensor("vec"))));
    ops.put("dot", c -> c.out(product(c, c.self(), c.tensor("tensor"))));
    ops.put("vdot", c -> c.out(product(c, c.self(), c.tensor("other"))));
    ops.put("inner", c -> c.out(inner(c)));
    ops.put("outer", c -> c.out(outer(c)));
    ops.put("addmm", c -> sum(c, "mat1", "mat2"));
    ops.put("baddbmm", c -> sum(c, "batch1", "batch2"));
    ops.put("addmv", c -> sum(c, "mat", "vec"));
    ops.put("addbmm", MatrixOps::summedBatches);
    ops.put(
        "einsum", c -> c.out(Matrices.einsum(c.b, c.text("equation", ""), c.tensors("tensors"))));
    ops.put("bilinear", MatrixOps::bilinear);
    ops.put("scaled_dot_product_attention", c -> c.out(attention(c)));
    ops.put("_scaled_dot_product_flash_attention_for_cpu", c -> c.out(attention(c)));
    ops.put("_scaled_dot_product_attention_math", c -> c.out(attention(c)));
    ops.put("_scaled_dot_product_efficient_attention", c -> c.out(attention(c)));
    ops.put("_scaled_dot_product_flash_attention", c -> c.out(attention(c)));
    ops.put("cosine_similarity", MatrixOps::cosineSimilarity);
    ops.put("pairwise_distance", MatrixOps::pairwiseDistance);
    ops.put("cdist", MatrixOps::distances);
    ops.put("_cdist_forward", MatrixOps::distances);
    ops.put("_euclidean_dist", MatrixOps::distances);
    ops.put("trace", MatrixOps::trace);
    ops.put("_trilinear", MatrixOps::trilinear);
  }

  private static Value product(Call c, Value x, Value y) {
    // Integers are exact in float32 up to 2^24, which holds the sums of products of small ones.
    return Matrices.product(
        c.b, c.b.cast(x, ElementType.FLOAT32), c.b.cast(y, ElementType.FLOAT32));
  }

  private static Value inner(Call c) {
    Value y = c.tensor("other");
    int rank = Build.rank(y);
    if (rank > 2) {
      throw new Refusal("inner products of " + rank + " dimensions", "use matmul");
    }
    return product(c, c.self(), rank == 2 ? c.b.transpose(y, 1, 0) : y);
  }

  private static Value outer(Call c) {
    Value y = c.tensor(c.has("vec2") ? "vec2" : "other");
    return c.b.mul(c.b.unsqueeze(c.self(), 1), c.b.unsqueeze(y, 0));
  }

  /** beta self + alpha x y. */
  private static void sum(Call c, String x, String y) {
    double alpha = c.real("alpha", 1);
    double beta = c.real("beta", 1);
    Value left = c.tensor(x);
    Value right = c.tensor(y);
    Value bias = c.self();
    boolean layer =
        alpha == 1
            && beta == 1
            && right.isConstant()
            && bias.isConstant()
            && Build.rank(right) == 2
            && Build.rank(bias) == 1
            && bias.shape().dim(0) == right.shape().dim(1)
            && left.type().isFloat();
    if (layer) {
      c.out(Matrices.linear(c.b, left, c.b.transpose(right, 1, 0), bias));
      return;
    }
    Value p = product(c, left, right);
    p = alpha == 1 ? p : c.b.mul(p, alpha);
    if (beta == 0) {
      c.out(p);
      return;
    }
    Value b = c.b.cast(bias, ElementType.FLOAT32);
    c.out(c.b.add(p, beta == 1 ? b : c.b.mul(b, beta)));
  }

  private static void summedBatches(Call c) {
    Value p = product(c, c.tensor("batch1"), c.tensor("batch2"));
    p = c.b.mul(c.b.reduce(OpKind.SUM, p, false, 0), c.real("alpha", 1));
    c.out(c.b.add(p, c.b.mul(c.self(), c.real("beta", 1))));
  }

  private static void bilinear(Call c) {
    Value x = c.tensor("input1");
    Value y = c.tensor("input2");
    Value w = c.tensor("weight");
    int[] d = Build.fixedFrom(w, 0);
    // For each unit x W y: the weights as one matrix from the first input, then a weighted sum.
    Value wide = c.b.reshape(c.b.transpose(w, 0, 2, 1), d[0] * d[2], d[1]);
    int[] lead = Build.fixedFrom(x, 0);
    int[] dims = new int[lead.length + 1];
    System.arraycopy(lead, 0, dims, 0, lead.length - 1);
    dims[lead.length - 1] = d[0];
    dims[lead.length] = d[2];
    Value left = c.b.reshape(Matrices.linear(c.b, x, wide, null), dims);
    Value right = c.b.unsqueeze(y, Build.rank(y) - 1);
    Value out = c.b.reduce(OpKind.SUM, c.b.mul(left, right), false, lead.length);
    c.out(c.has("bias") ? c.b.add(out, c.tensor("bias")) : out);
  }

  /** The sum of products of three tensors, as bilinear layers decompose to. */
  private static void trilinear(Call c) {
    Value p = null;
    for (int i = 1; i <= 3; i++) {
      Value v = c.tensor("i" + i);
      int[] added = c.ints("expand" + i);
      v = added.length == 0 ? v : c.b.unsqueeze(v, added);
      p = p == null ? v : c.b.mul(p, v);
    }
    c.out(c.b.reduce(OpKind.SUM, java.util.Objects.requireNonNull(p), false, c.ints("sumdim")));
  }

  /** softmax(q k^T scale + mask) v. */
  private static Value attention(Call c) {
    Value q = c.tensor("query");
    Value k = c.tensor("key");
    Value v = c.tensor("value");
    if (c.real("dropout_p", 0) != 0) {
      throw new Refusal("it drops elements at random", "call model.eval() before exporting");
    }
    int rank = Build.rank(q);
    int width = Build.fixedFrom(q, rank - 1)[rank - 1];
    double scale = c.has("scale") ? c.real("scale", 1) : 1 / Math.sqrt(width);
    if (c.flag("enable_gqa", false)) {
      int heads = Build.fixedFrom(q, rank - 3)[rank - 3];
      k = repeatedHeads(c, k, heads);
      v = repeatedHeads(c, v, heads);
    }
    int[] perm = new int[rank];
    for (int i = 0; i < rank; i++) {
      perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    }
    Value scores = c.b.matMul(c.b.mul(q, scale), c.b.transpose(k, perm));
    @Nullable Value mask = c.has("attn_mask") ? c.tensor("attn_mask") : c.optional("attn_bias");
    if (mask != null) {
      // A very negative score instead of an infinite one keeps rows of nothing finite.
      scores =
          mask.type() == ElementType.BOOL
              ? c.b.select(mask, scores, c.b.scalar(-1e30))
              : c.b.add(scores, finite(c, mask));
    }
    if (c.flag("is_causal", false)) {
      int[] d = Build.fixedFrom(scores, rank - 2);
      Value seen = Indexing.triangle(c.b, d[rank - 2], d[rank - 1], 0, false);
      scores = c.b.select(seen, scores, c.b.scalar(-1e30));
    }
    return c.b.matMul(c.b.softmax(scores), v);
  }

  private static Value finite(Call c, Value mask) {
    return c.b.max(c.b.cast(mask, ElementType.FLOAT32), -1e30);
  }

  private static Value repeatedHeads(Call c, Value x, int heads) {
    int axis = Build.rank(x) - 3;
    int own = Build.fixedFrom(x, axis)[axis];
    int[] index = new int[heads];
    for (int i = 0; i < heads; i++) {
      index[i] = i / (heads / own);
    }
    return own == heads ? x : c.b.gather(x, c.b.ints(index), axis);
  }

  // ---- distances

  private static void cosineSimilarity(Call c) {
    Value x = c.tensor("x1");
    Value y = c.tensor("x2");
    int rank = Functions.broadcast(Shape.of(x.shape().dims()), Shape.of(y.shape().dims())).rank();
    int axis = Build.axis(c.integer("dim", 1), rank);
    double eps = c.real("eps", 1e-8);
    Value dot = c.b.reduce(OpKind.SUM, c.b.mul(x, y), false, axis);
    c.out(c.b.div(dot, c.b.mul(length(c, x, axis, eps), length(c, y, axis, eps))));
  }

  private static Value length(Call c, Value x, int axis, double eps) {
    Value n = Functions.sqrt(c.b, c.b.reduce(OpKind.SUM, c.b.square(x), false, axis));
    return c.b.max(n, eps);
  }

  private static void pairwiseDistance(Call c) {
    Value d = c.b.add(c.b.sub(c.tensor("x1"), c.tensor("x2")), c.real("eps", 1e-6));
    int last = Build.rank(d) - 1;
    double p = c.real("p", 2);
    boolean keep = c.flag("keepdim", false);
    c.out(norm(c, d, p, keep, last));
  }

  private static Value norm(Call c, Value d, double p, boolean keep, int axis) {
    if (p == 2) {
      return Functions.sqrt(c.b, c.b.reduce(OpKind.SUM, c.b.square(d), keep, axis));
    }
    if (p == 1) {
      return c.b.reduce(OpKind.SUM, c.b.abs(d), keep, axis);
    }
    Value sum = c.b.reduce(OpKind.SUM, Functions.pow(c.b, c.b.abs(d), c.b.scalar(p)), keep, axis);
    return Functions.pow(c.b, sum, c.b.scalar(1 / p));
  }

  private static void distances(Call c) {
    Value x = c.tensor("x1");
    Value y = c.tensor("x2");
    int rank = Build.rank(x);
    Value d = c.b.sub(c.b.unsqueeze(x, rank - 1), c.b.unsqueeze(y, rank - 2));
    c.out(norm(c, d, c.real("p", 2), false, rank));
  }

  private static void trace(Call c) {
    Value x = c.self();
    int[] d = Build.fixedFrom(x, 0);
    int n = Math.min(d[0], d[1]);
    int[] places = new int[n];
    for (int i = 0; i < n; i++) {
      places[i] = i * d[1] + i;
    }
    c.out(c.b.reduce(OpKind.SUM, c.b.gather(c.b.reshape(x, -1), c.b.ints(places), 0), false, 0));
  }
}
