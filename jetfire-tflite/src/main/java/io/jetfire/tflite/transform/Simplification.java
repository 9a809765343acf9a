package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Removes operators that change nothing, merges chains of reshapes and of transposes, and writes
 * clamps as the activations that they are.
 */
public final class Simplification implements Pass {
  private Simplification() {}

  /**
   * Returns the pass.
   *
   * @return a pass that simplifies single operators and short chains
   */
  public static Simplification create() {
    return new Simplification();
  }

  @Override
  public String name() {
    return "simplification";
  }

  @Override
  public boolean run(Graph graph) {
    boolean changed = false;
    for (Subgraph subgraph : graph.subgraphs()) {
      for (Op op : List.copyOf(subgraph.ops())) {
        if (op.subgraph().isPresent()) {
          changed |= simplify(subgraph, op);
        }
      }
    }
    return changed;
  }

  private static boolean simplify(Subgraph g, Op op) {
    Value same = unchanged(op);
    if (same != null && op.outputs().size() == 1 && Edits.replaceable(op.output(0), same)) {
      Edits.replace(g, op.output(0), same);
      g.remove(op);
      return true;
    }
    return switch (op.kind()) {
      case TRANSPOSE -> mergeTransposes(op) || transposeToReshape(g, op);
      case RESHAPE -> mergeReshapes(op);
      case SQUEEZE, EXPAND_DIMS -> toReshape(g, op);
      case MAXIMUM, MINIMUM -> clamp(g, op);
      case BATCH_MATMUL -> adjoint(op) || toFullyConnected(g, op);
      default -> false;
    };
  }

  /** The input that the operator passes on unchanged, or null. */
  private static @Nullable Value unchanged(Op op) {
    Value x = op.optionalInput(0).orElse(null);
    if (x == null || op.outputs().isEmpty()) {
      return null;
    }
    Value y = op.output(0);
    boolean sameShape = x.shape().isStatic() && x.shape().equals(y.shape()) && x.type() == y.type();
    return switch (op.kind()) {
      case RESHAPE, SQUEEZE, EXPAND_DIMS, BROADCAST_TO -> sameShape ? x : null;
      case SLICE -> sameShape ? x : null;
      case STRIDED_SLICE ->
          sameShape && LayoutRules.constants(op, 3) && allEqual(op.input(3), 1) ? x : null;
      case CAST -> x.type() == y.type() && x.shape().equals(y.shape()) ? x : null;
      case PAD, PADV2, MIRROR_PAD ->
          LayoutRules.constants(op, 1) && allEqual(op.input(1), 0) ? x : null;
      case TILE -> LayoutRules.constants(op, 1) && allEqual(op.input(1), 1) ? x : null;
      case CONCATENATION ->
          op.inputs().size() == 1 && op.activation() == Activation.NONE ? x : null;
      case TRANSPOSE ->
          LayoutRules.constants(op, 1) && Permutations.isIdentity(op.input(1).ints()) ? x : null;
      case SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD, MEAN ->
          LayoutRules.constants(op, 1)
                  && op.input(1).shape().isStatic()
                  && op.input(1).shape().elementCount() == 0
              ? x
              : null;
      case ADD, SUB, MUL, DIV -> neutral(op);
      default -> null;
    };
  }

  private static @Nullable Value neutral(Op op) {
    if (op.activation() != Activation.NONE || op.output(0).type() != ElementType.FLOAT32) {
      return null;
    }
    float wanted = op.kind() == OpKind.MUL || op.kind() == OpKind.DIV ? 1 : 0;
    boolean commutes = op.kind() == OpKind.ADD || op.kind() == OpKind.MUL;
    for (int i = commutes ? 0 : 1; i < 2; i++) {
      Value c = op.input(i);
      Value x = op.input(1 - i);
      if (Edits.isFloatConstant(c)
          && x.shape().equals(op.output(0).shape())
          && c.shape().elementCount() <= 4096) {
        boolean all = true;
        for (float f : c.floats()) {
          all &= f == wanted;
        }
        if (all) {
          return x;
        }
      }
    }
    return null;
  }

  private static boolean allEqual(Value v, long wanted) {
    return Arrays.stream(v.longs()).allMatch(l -> l == wanted);
  }

  private static boolean mergeTransposes(Op op) {
    Op before = op.input(0).producer().orElse(null);
    if (before == null
        || before.kind() != OpKind.TRANSPOSE
        || !LayoutRules.constants(op, 1)
        || !LayoutRules.constants(before, 1)) {
      return false;
    }
    int[] perm = Permutations.compose(before.input(1).ints(), op.input(1).ints());
    Value p = op.output(0).subgraph().addConstant(op.input(1).name(), Shape.of(perm.length), perm);
    op.inputs(before.input(0), p);
    return true;
  }

  private static boolean transposeToReshape(Subgraph g, Op op) {
    Shape s = op.input(0).shape();
    if (!s.isStatic() || !LayoutRules.constants(op, 1)) {
      return false;
    }
    int[] perm = op.input(1).ints();
    if (!Permutations.keepsOrder(s.dims(), perm)) {
      return false;
    }
    g.replace(op, Edits.reshape(g, op.input(0), Permutations.apply(s.dims(), perm)));
    return true;
  }

  private static boolean mergeReshapes(Op op) {
    Op before = op.input(0).producer().orElse(null);
    if (before == null
        || (before.kind() != OpKind.RESHAPE
            && before.kind() != OpKind.SQUEEZE
            && before.kind() != OpKind.EXPAND_DIMS)
        || before.input(0).type() != op.output(0).type()) {
      return false;
    }
    op.input(0, before.input(0));
    return true;
  }

  /** A reshape says the same as long as at most one dimension is open. */
  private static boolean toReshape(Subgraph g, Op op) {
    Shape to = op.output(0).shape();
    if (!to.hasRank() || Arrays.stream(to.dims()).filter(d -> d < 0).count() > 1) {
      return false;
    }
    if (op.output(0).type() == ElementType.STRING) {
      return false;
    }
    g.replace(op, Edits.reshape(g, op.input(0), to.dims()));
    return true;
  }

  // ---- clamps

  private static boolean clamp(Subgraph g, Op op) {
    Float limit = scalar(op);
    if (limit == null || op.output(0).type() != ElementType.FLOAT32) {
      return false;
    }
    Value x = other(op);
    if (!x.shape().equals(op.output(0).shape())) {
      return false;
    }
    if (op.kind() == OpKind.MAXIMUM && limit == 0) {
      Op inner = x.producer().orElse(null);
      Float upper = inner != null && inner.kind() == OpKind.MINIMUM ? scalar(inner) : null;
      if (inner != null && upper != null && upper == 6 && x.useCount() == 1 && !x.isOutput()) {
        g.replace(op, Op.of(OpKind.RELU6).inputs(other(inner)));
        return true;
      }
      g.replace(op, Op.of(OpKind.RELU).inputs(x));
      return true;
    }
    Op inner = x.producer().orElse(null);
    if (inner == null || x.useCount() != 1 || x.isOutput()) {
      return false;
    }
    if (op.kind() == OpKind.MINIMUM && limit == 6 && inner.kind() == OpKind.RELU) {
      g.replace(op, Op.of(OpKind.RELU6).inputs(inner.input(0)));
      return true;
    }
    Float lower =
        inner.kind() == OpKind.MAXIMUM || inner.kind() == OpKind.MINIMUM ? scalar(inner) : null;
    if (lower != null && inner.kind() != op.kind() && Math.abs(limit) == 1 && lower == -limit) {
      boolean clamps = op.kind() == OpKind.MINIMUM ? limit == 1 : limit == -1;
      if (clamps) {
        g.replace(op, Op.of(OpKind.RELU_N1_TO_1).inputs(other(inner)));
        return true;
      }
    }
    return false;
  }

  private static @Nullable Float scalar(Op op) {
    for (int i = 0; i < 2; i++) {
      Value c = op.input(i);
      if (Edits.isFloatConstant(c)
          && c.shape().elementCount() == 1
          && !op.input(1 - i).isConstant()) {
        return c.floats()[0];
      }
    }
    return null;
  }

  private static Value other(Op op) {
    return op.input(op.input(0).isConstant() ? 1 : 0);
  }

  // ---- matrix products

  /** A transpose of the last two dimensions becomes the product's own attribute. */
  private static boolean adjoint(Op op) {
    boolean changed = false;
    for (int i = 0; i < 2; i++) {
      Op t = op.input(i).producer().orElse(null);
      if (t == null || t.kind() != OpKind.TRANSPOSE || !LayoutRules.constants(t, 1)) {
        continue;
      }
      int[] perm = t.input(1).ints();
      int r = perm.length;
      boolean swaps = r >= 2 && perm[r - 1] == r - 2 && perm[r - 2] == r - 1;
      for (int d = 0; d < r - 2; d++) {
        swaps &= perm[d] == d;
      }
      if (swaps && op.output(0).type() == ElementType.FLOAT32) {
        String flag = i == 0 ? "adj_x" : "adj_y";
        op.set(flag, !op.flag(flag));
        op.input(i, t.input(0));
        changed = true;
      }
    }
    return changed;
  }

  private static boolean toFullyConnected(Subgraph g, Op op) {
    Value x = op.input(0);
    Value w = op.input(1);
    if (!Edits.isFloatConstant(w)
        || op.flag("adj_x")
        || x.isConstant()
        || x.type() != ElementType.FLOAT32
        || !x.shape().hasRank()) {
      return false;
    }
    int rank = w.shape().rank();
    for (int i = 0; i < rank - 2; i++) {
      if (w.shape().dim(i) != 1) {
        return false;
      }
    }
    if (rank > x.shape().rank()) {
      return false;
    }
    int rows = w.shape().dim(-2);
    int columns = w.shape().dim(-1);
    Value flat =
        g.addConstant(
            w.name(), ElementType.FLOAT32, Shape.of(rows, columns), w.data().orElseThrow());
    Value weights = op.flag("adj_y") ? flat : Permutations.transposed(flat, new int[] {1, 0});
    Op fc = Op.of(OpKind.FULLY_CONNECTED).set("keep_num_dims", x.shape().rank() > 2);
    fc.inputs(Arrays.asList(x, weights, null));
    g.replace(op, fc);
    return Objects.requireNonNull(fc).subgraph().isPresent();
  }
}
