package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Recognizes GELU in the pieces that exporters write it in, whatever their order and form.
 *
 * <p>A result that operators compute from one tensor and single numbers, element by element, is a
 * function of one number. The pass evaluates it at many points; if it is GELU at all of them (the
 * exact one, or the approximation by tanh), one operator takes its place. Operators that others
 * need too stay.
 */
final class FunctionRecognition implements Pass {
  /** Operators that a written-out GELU has at most, with its error function composed. */
  private static final int MOST_OPERATORS = 48;

  /** More than float rounding of the pieces, less than the distance of the two forms (3e-4). */
  private static final double TOLERANCE = 4e-6;

  private static final double[] POINTS = points();

  private FunctionRecognition() {}

  static FunctionRecognition create() {
    return new FunctionRecognition();
  }

  @Override
  public String name() {
    return "function recognition";
  }

  @Override
  public boolean run(Graph graph) {
    boolean changed = false;
    for (Subgraph g : graph.subgraphs()) {
      // From the end, so that the whole is found before its parts.
      for (int i = g.ops().size() - 1; i >= 0; i--) {
        Op op = g.ops().get(i);
        if (op.kind() == OpKind.MUL
            && op.activation() == Activation.NONE
            && op.output(0).type() == ElementType.FLOAT32) {
          changed |= recognize(g, op);
        }
      }
    }
    return changed;
  }

  private static double[] points() {
    List<Double> all = new ArrayList<>();
    for (int i = -60; i <= 60; i++) {
      all.add(i / 12.0 + 0.003);
    }
    for (double x : new double[] {-40, -12, -7.5, -6, -1e-4, 0, 1e-4, 6, 7.5, 12, 40}) {
      all.add(x);
    }
    return all.stream().mapToDouble(d -> d).toArray();
  }

  private static boolean recognize(Subgraph g, Op root) {
    Value x = source(root);
    if (x == null || !x.shape().equals(root.output(0).shape()) || x.type() != ElementType.FLOAT32) {
      return false;
    }
    HostTensor at = HostTensor.allocate(ElementType.FLOAT32, new int[] {POINTS.length});
    for (int i = 0; i < POINTS.length; i++) {
      at.set(i, POINTS[i]);
    }
    Map<Value, HostTensor> known = new IdentityHashMap<>();
    known.put(x, at);
    HostTensor found = evaluate(root.output(0), known, 0);
    if (found == null || found.size() != POINTS.length) {
      return false;
    }
    for (boolean approximate : new boolean[] {false, true}) {
      boolean same = true;
      for (int i = 0; i < POINTS.length; i++) {
        double wanted = gelu(at.real(i), approximate);
        double tolerance = TOLERANCE * Math.max(1, Math.abs(wanted));
        same &= Math.abs(found.real(i) - wanted) <= tolerance;
      }
      if (same) {
        g.replace(root, Op.of(OpKind.GELU).set("approximate", approximate).inputs(x));
        return true;
      }
    }
    return false;
  }

  private static double gelu(double x, boolean approximate) {
    return approximate
        ? 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)))
        : 0.5 * x * (1 + ElementwiseKernels.erf(x / Math.sqrt(2)));
  }

  /** The one tensor that the result is computed from element by element, or null. */
  private static @Nullable Value source(Op root) {
    // GELU's own factor x is an operand of one of the last products.
    Set<Value> candidates = new LinkedHashSet<>();
    candidates(root, candidates, 0);
    for (Value c : candidates) {
      if (!c.isConstant() && onlyFrom(root.output(0), c)) {
        return c;
      }
    }
    return null;
  }

  private static void candidates(Op product, Set<Value> into, int depth) {
    for (int i = 0; i < 2; i++) {
      Value v = product.input(i);
      into.add(v);
      Op inner = v.producer().orElse(null);
      boolean again = inner != null && (inner.kind() == OpKind.MUL || inner.kind() == OpKind.DIV);
      if (inner != null && again && depth < 2) {
        candidates(inner, into, depth + 1);
      }
    }
  }

  /** Whether a result depends on a tensor, on single numbers, and on nothing else. */
  private static boolean onlyFrom(Value result, Value x) {
    Set<Value> seen = new HashSet<>();
    List<Value> todo = new ArrayList<>(List.of(result));
    boolean reached = false;
    int operators = 0;
    while (!todo.isEmpty()) {
      Value v = todo.remove(todo.size() - 1);
      if (v == x) {
        reached = true;
        continue;
      }
      if (!seen.add(v)) {
        continue;
      }
      if (v.isConstant()) {
        if (!v.shape().isStatic() || v.shape().elementCount() != 1) {
          return false;
        }
        continue;
      }
      Op op = v.producer().orElse(null);
      if (op == null
          || ++operators > MOST_OPERATORS
          || op.outputs().size() != 1
          || !Elementwise.contains(op.kind())
          || op.kind() == OpKind.QUANTIZE
          || op.kind() == OpKind.DEQUANTIZE) {
        return false;
      }
      for (Value in : op.inputs()) {
        if (in != null) {
          todo.add(in);
        }
      }
    }
    return reached && operators > 2;
  }

  private static @Nullable HostTensor evaluate(Value v, Map<Value, HostTensor> known, int depth) {
    HostTensor found = known.get(v);
    if (found != null) {
      return found;
    }
    if (v.isConstant()) {
      return HostTensor.supports(v.type()) && v.data().orElseThrow().external().isEmpty()
          ? ConstantFolding.tensor(v).reshape(new int[] {1})
          : null;
    }
    Op op = v.producer().orElse(null);
    if (op == null || depth > MOST_OPERATORS) {
      return null;
    }
    List<@Nullable HostTensor> inputs = new ArrayList<>();
    for (Value in : op.inputs()) {
      HostTensor t = in == null ? null : evaluate(in, known, depth + 1);
      if (in != null && t == null) {
        return null;
      }
      inputs.add(t);
    }
    List<HostTensor> out = Kernels.evaluate(op, inputs);
    if (out == null) {
      return null;
    }
    known.put(v, out.get(0));
    return out.get(0);
  }
}
