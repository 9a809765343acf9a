package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Folds what surrounds convolutions and layers into them: batch normalization (a multiplication and
 * an addition per channel) into weights and bias, activations into the operator before them, zero
 * padding into SAME convolutions, and the pieces of HARD_SWISH into one operator.
 *
 * <p>Only float32 operators are touched: fusing quantized ones would change their rounding.
 */
public final class Fusion implements Pass {
  private Fusion() {}

  /**
   * Returns the pass.
   *
   * @return a pass that fuses operators
   */
  public static Fusion create() {
    return new Fusion();
  }

  @Override
  public String name() {
    return "fusion";
  }

  @Override
  public boolean run(Graph graph) {
    boolean changed = false;
    for (Subgraph subgraph : graph.subgraphs()) {
      for (Op op : List.copyOf(subgraph.ops())) {
        if (op.subgraph().isPresent()
            && !op.outputs().isEmpty()
            && op.output(0).type() == ElementType.FLOAT32) {
          changed |= fuse(subgraph, op);
        }
      }
    }
    return changed;
  }

  private static boolean fuse(Subgraph g, Op op) {
    return switch (op.kind()) {
      case RELU -> activation(g, op, Activation.RELU);
      case RELU6 -> activation(g, op, Activation.RELU6);
      case RELU_N1_TO_1 -> activation(g, op, Activation.RELU_N1_TO_1);
      case ADD, SUB -> bias(g, op);
      case MUL, DIV -> hardSwish(g, op) || scale(g, op);
      case CONV_2D, DEPTHWISE_CONV_2D -> padding(op) || scaleBefore(op) || shiftBefore(op);
      case FULLY_CONNECTED -> scaleBefore(op) || shiftBefore(op);
      case MAX_POOL_2D -> padding(op);
      default -> false;
    };
  }

  /** Replaces an operator by the one before it, which does its work from now on. */
  private static void absorb(Subgraph g, Op op, Op before) {
    Value out = op.output(0);
    Value old = before.output(0);
    g.remove(op);
    before.output(0, out);
    if (old.useCount() == 0 && !old.isOutput()) {
      g.remove(old);
    }
  }

  // ---- activations

  private static boolean activation(Subgraph g, Op op, Activation activation) {
    Value x = op.input(0);
    Op before = x.producer().orElse(null);
    if (before == null || Edits.onlyConsumer(x).isEmpty() || x.type() != ElementType.FLOAT32) {
      return false;
    }
    switch (before.kind()) {
      case CONV_2D,
          DEPTHWISE_CONV_2D,
          FULLY_CONNECTED,
          ADD,
          SUB,
          MUL,
          DIV,
          AVERAGE_POOL_2D,
          MAX_POOL_2D -> {
        if (before.activation() != Activation.NONE) {
          return false;
        }
      }
      default -> {
        return false;
      }
    }
    before.set("fused_activation_function", activation);
    absorb(g, op, before);
    return true;
  }

  // ---- per-channel constants

  /** The operator that makes the value, if it is a linear one whose weights and bias may change. */
  private static @Nullable Op linear(Value x) {
    Op op = x.producer().orElse(null);
    if (op == null || Edits.onlyConsumer(x).isEmpty() || x.type() != ElementType.FLOAT32) {
      return null;
    }
    boolean has =
        switch (op.kind()) {
          case CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, TRANSPOSE_CONV -> true;
          default -> false;
        };
    if (!has || op.activation() != Activation.NONE) {
      return null;
    }
    Value w = op.input(1);
    Value b = op.optionalInput(biasIndex(op)).orElse(null);
    return Edits.isFloatConstant(w) && (b == null || Edits.isFloatConstant(b)) ? op : null;
  }

  private static int biasIndex(Op op) {
    return op.kind() == OpKind.TRANSPOSE_CONV ? 3 : 2;
  }

  private static int channels(Op op) {
    Shape w = op.input(1).shape();
    return op.kind() == OpKind.DEPTHWISE_CONV_2D ? w.dim(3) : w.dim(0);
  }

  /** A constant with one value per channel of the last dimension, or one for all; else null. */
  private static float @Nullable [] perChannel(Value c, int channels, int rank) {
    if (!Edits.isFloatConstant(c) || c.shape().rank() > rank) {
      return null;
    }
    float[] values = c.shape().elementCount() <= channels ? c.floats() : new float[0];
    if (values.length == 1) {
      float[] all = new float[channels];
      Arrays.fill(all, values[0]);
      return all;
    }
    return values.length == channels && c.shape().dim(-1) == channels ? values : null;
  }

  private static boolean bias(Subgraph g, Op op) {
    for (int i = 0; i < 2; i++) {
      Op before = linear(op.input(i));
      if (before == null || (op.kind() == OpKind.SUB && i == 1)) {
        continue;
      }
      int n = channels(before);
      Shape s = op.input(i).shape();
      float[] add = s.hasRank() ? perChannel(op.input(1 - i), n, s.rank()) : null;
      if (add == null || !s.equals(op.output(0).shape())) {
        continue;
      }
      float[] old = biasOf(before, n);
      for (int c = 0; c < n; c++) {
        old[c] += op.kind() == OpKind.SUB ? -add[c] : add[c];
      }
      setBias(before, old);
      before.set("fused_activation_function", op.activation());
      absorb(g, op, before);
      return true;
    }
    return false;
  }

  private static boolean scale(Subgraph g, Op op) {
    for (int i = 0; i < 2; i++) {
      Op before = linear(op.input(i));
      if (before == null || (op.kind() == OpKind.DIV && i == 1)) {
        continue;
      }
      int n = channels(before);
      Shape s = op.input(i).shape();
      float[] by = s.hasRank() ? perChannel(op.input(1 - i), n, s.rank()) : null;
      if (by == null || !s.equals(op.output(0).shape())) {
        continue;
      }
      if (op.kind() == OpKind.DIV) {
        for (int c = 0; c < n; c++) {
          by[c] = 1 / by[c];
        }
      }
      if (!finite(by)) {
        continue;
      }
      Value w = before.input(1);
      float[] weights = w.floats();
      int inner = before.kind() == OpKind.DEPTHWISE_CONV_2D ? 1 : weights.length / Math.max(1, n);
      for (int k = 0; k < weights.length; k++) {
        weights[k] *= by[k / inner % n];
      }
      before.input(1, g.addConstant(w.name(), w.shape(), weights));
      if (before.optionalInput(biasIndex(before)).isPresent()) {
        float[] b = biasOf(before, n);
        for (int c = 0; c < n; c++) {
          b[c] *= by[c];
        }
        setBias(before, b);
      }
      before.set("fused_activation_function", op.activation());
      absorb(g, op, before);
      return true;
    }
    return false;
  }

  private static boolean finite(float[] values) {
    for (float v : values) {
      if (!Float.isFinite(v)) {
        return false;
      }
    }
    return true;
  }

  private static float[] biasOf(Op op, int n) {
    return op.optionalInput(biasIndex(op)).map(Value::floats).orElseGet(() -> new float[n]);
  }

  private static void setBias(Op op, float[] values) {
    int index = biasIndex(op);
    Subgraph g = op.subgraph().orElseThrow();
    String name = op.optionalInput(index).map(Value::name).orElse(op.output(0).name() + "/bias");
    Value b = g.addConstant(name, Shape.of(values.length), values);
    List<@Nullable Value> inputs = new ArrayList<>(op.inputs());
    while (inputs.size() <= index) {
      inputs.add(null);
    }
    inputs.set(index, b);
    op.inputs(inputs);
  }

  /** The constant per input channel of an elementwise operator in front of a layer. */
  private static float @Nullable [] before(Op op, OpKind kind) {
    Value x = op.input(0);
    Op first = x.producer().orElse(null);
    Value w = op.input(1);
    if (first == null
        || first.kind() != kind
        || first.activation() != Activation.NONE
        || Edits.onlyConsumer(x).isEmpty()
        || !Edits.isFloatConstant(w)
        || !x.shape().hasRank()) {
      return null;
    }
    int channels = x.shape().dim(-1);
    boolean grouped = op.kind() == OpKind.CONV_2D && w.shape().dim(3) != channels;
    boolean flattened = op.kind() == OpKind.FULLY_CONNECTED && w.shape().dim(1) != channels;
    if (channels < 1 || grouped || flattened) {
      return null;
    }
    for (int i = 0; i < 2; i++) {
      float[] c = perChannel(first.input(1 - i), channels, x.shape().rank());
      if (c != null && first.input(i).shape().equals(x.shape()) && finite(c)) {
        return c;
      }
    }
    return null;
  }

  private static Value dataOperand(Op elementwise) {
    return elementwise.input(elementwise.input(0).isConstant() ? 1 : 0);
  }

  private static boolean scaleBefore(Op op) {
    float[] by = before(op, OpKind.MUL);
    if (by == null) {
      return false;
    }
    Value w = op.input(1);
    float[] weights = w.floats();
    int n = by.length;
    int multiplier = op.kind() == OpKind.DEPTHWISE_CONV_2D ? w.shape().dim(3) / n : 1;
    for (int k = 0; k < weights.length; k++) {
      weights[k] *= by[k / multiplier % n];
    }
    op.input(1, op.output(0).subgraph().addConstant(w.name(), w.shape(), weights));
    op.input(0, dataOperand(op.input(0).producer().orElseThrow()));
    return true;
  }

  private static boolean shiftBefore(Op op) {
    // Padded cells are 0 after the addition; moved behind the padding it would reach them too.
    boolean padded = op.kind() != OpKind.FULLY_CONNECTED && op.padding() == Padding.SAME;
    if (padded) {
      return false;
    }
    Value oldBias = op.optionalInput(2).orElse(null);
    float[] add = before(op, OpKind.ADD);
    if (add == null || (oldBias != null && !Edits.isFloatConstant(oldBias))) {
      return false;
    }
    Value w = op.input(1);
    float[] weights = w.floats();
    int n = channels(op);
    double[] sums = new double[n];
    for (int k = 0; k < weights.length; k++) {
      if (op.kind() == OpKind.DEPTHWISE_CONV_2D) {
        sums[k % n] += (double) weights[k] * add[k % n / (n / add.length)];
      } else {
        sums[k / (weights.length / n)] += (double) weights[k] * add[k % add.length];
      }
    }
    float[] bias = biasOf(op, n);
    for (int c = 0; c < n; c++) {
      bias[c] += (float) sums[c];
    }
    setBias(op, bias);
    op.input(0, dataOperand(op.input(0).producer().orElseThrow()));
    return true;
  }

  // ---- padding

  private static boolean padding(Op op) {
    Op pad = op.input(0).producer().orElse(null);
    if (pad == null || op.padding() != Padding.VALID || !LayoutRules.constants(pad, 1)) {
      return false;
    }
    boolean pool = op.kind() == OpKind.MAX_POOL_2D;
    boolean fits =
        pool
            ? pad.kind() == OpKind.PADV2
                && Edits.isFloatConstant(pad.input(2))
                && pad.input(2).floats()[0] <= -Float.MAX_VALUE
            : pad.kind() == OpKind.PAD
                || (pad.kind() == OpKind.PADV2
                    && Edits.isFloatConstant(pad.input(2))
                    && pad.input(2).floats()[0] == 0);
    Value x = pad.optionalInput(0).orElse(null);
    if (!fits || x == null || !x.shape().hasRank() || x.shape().rank() != 4) {
      return false;
    }
    int[] p = pad.input(1).ints();
    if (p[0] != 0 || p[1] != 0 || p[6] != 0 || p[7] != 0) {
      return false;
    }
    for (int axis = 1; axis <= 2; axis++) {
      int in = x.shape().dim(axis);
      int kernel =
          pool
              ? op.integer(axis == 1 ? "filter_height" : "filter_width")
              : op.input(1).shape().dim(axis);
      int stride = op.integer(axis == 1 ? "stride_h" : "stride_w");
      int dilation = pool ? 1 : op.integer(axis == 1 ? "dilation_h_factor" : "dilation_w_factor");
      if (in < 0) {
        return false;
      }
      int out = SpatialKernels.outLength(in, kernel, stride, dilation, Padding.SAME);
      int total = Math.max(0, (out - 1) * stride + (kernel - 1) * dilation + 1 - in);
      // Padding beyond what the last window reaches is never read.
      int reached = (out - 1) * stride + (kernel - 1) * dilation + 1 - in - p[2 * axis];
      int valid =
          SpatialKernels.outLength(
              in + p[2 * axis] + p[2 * axis + 1], kernel, stride, dilation, Padding.VALID);
      if (p[2 * axis] != total / 2 || valid != out || reached > p[2 * axis + 1]) {
        return false;
      }
      if (pool && p[2 * axis] >= kernel) {
        return false;
      }
    }
    op.set("padding", Padding.SAME);
    op.input(0, x);
    return true;
  }

  // ---- hard swish

  /** x * RELU6(x + 3) / 6 in any of its orders. */
  private static boolean hardSwish(Subgraph g, Op op) {
    if (op.activation() != Activation.NONE) {
      return false;
    }
    List<Value> factors = new ArrayList<>();
    double[] constant = {1};
    collect(op, op, factors, constant, 0);
    if (factors.size() != 2 || Math.abs(constant[0] * 6 - 1) > 1e-6) {
      return false;
    }
    for (int i = 0; i < 2; i++) {
      Value x = factors.get(i);
      Value shifted = clampedShift(factors.get(1 - i));
      if (shifted == x && x.shape().equals(op.output(0).shape())) {
        g.replace(op, Op.of(OpKind.HARD_SWISH).inputs(x));
        return true;
      }
    }
    return false;
  }

  private static void collect(Op root, Op op, List<Value> factors, double[] constant, int depth) {
    for (int i = 0; i < 2; i++) {
      Value v = op.input(i);
      Op inner = v.producer().orElse(null);
      if (Edits.isFloatConstant(v) && v.shape().elementCount() == 1) {
        double c = v.floats()[0];
        if (op.kind() == OpKind.DIV && i == 0) {
          factors.add(v);
        }
        constant[0] *= op.kind() == OpKind.DIV ? 1 / c : c;
      } else if (op.kind() == OpKind.DIV && i == 1) {
        factors.add(v);
        factors.add(v); // not of the form; three factors never match
      } else if (inner != null
          && depth < 3
          && (inner.kind() == OpKind.MUL || inner.kind() == OpKind.DIV)
          && inner.activation() == Activation.NONE
          && Edits.onlyConsumer(v).isPresent()) {
        collect(root, inner, factors, constant, depth + 1);
      } else {
        factors.add(v);
      }
    }
  }

  /** The x of RELU6(x + 3), or null. */
  private static @Nullable Value clampedShift(Value v) {
    Op op = v.producer().orElse(null);
    if (op == null) {
      return null;
    }
    Op add = op;
    if (op.kind() == OpKind.RELU6) {
      add = op.input(0).producer().orElse(null);
      if (add == null || add.activation() != Activation.NONE) {
        return null;
      }
    } else if (op.activation() != Activation.RELU6) {
      return null;
    }
    if (add.kind() != OpKind.ADD) {
      return null;
    }
    for (int i = 0; i < 2; i++) {
      Value c = add.input(i);
      if (Edits.isFloatConstant(c) && c.shape().elementCount() == 1 && c.floats()[0] == 3) {
        return add.input(1 - i);
      }
    }
    return null;
  }
}
