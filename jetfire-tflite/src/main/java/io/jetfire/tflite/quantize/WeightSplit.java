package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Computes a layer as the sum of two: one whose weights are on the grid of 8 bits, and one with
 * what rounding to that grid leaves.
 *
 * <p>Beside 16-bit activations the kernels take weights of 8 bits only, and rounding them is nearly
 * all of the error. What is left after rounding is at most half a step, so 8 bits of its own bring
 * a layer to about 16 bits, for twice its multiplications and an addition.
 */
final class WeightSplit {
  private static final int BITS = 8;

  private static final String COARSE = "_coarse";
  private static final String FINE = "_fine";
  private static final Pattern PART =
      Pattern.compile("(?s).*(" + COARSE + "|" + FINE + ")(_[0-9]+)?");

  /** What an addition can have fused. */
  private static final Set<Activation> FUSED =
      Set.of(Activation.NONE, Activation.RELU, Activation.RELU6, Activation.RELU_N1_TO_1);

  private WeightSplit() {}

  /** Whether a layer whose weights nobody else uses can be split. */
  static boolean canSplit(Op op) {
    return FUSED.contains(op.activation());
  }

  /**
   * Splits layers of a float subgraph, which computes the same afterwards.
   *
   * @param positions of the layers among its operators
   * @return from each layer with remainders to the one that it adds to
   */
  static Map<Op, Op> split(Subgraph subgraph, List<Integer> positions) {
    List<Op> ops = List.copyOf(subgraph.ops());
    Map<Op, Op> parts = new IdentityHashMap<>();
    for (int i : positions) {
      split(subgraph, ops.get(i), parts);
    }
    subgraph.removeDead();
    return parts;
  }

  private static void split(Subgraph subgraph, Op op, Map<Op, Op> parts) {
    OpKind kind = op.kind();
    Value weights = op.input(1);
    Value out = op.output(0);
    float[][] whole = LayerWeights.rows(kind, weights);
    float[][] coarse = rounded(whole);
    float[][] fine = minus(whole, coarse);
    String name = stem(weights);
    Value first =
        subgraph.addConstant(name + COARSE, weights.shape(), LayerWeights.flatten(kind, coarse));
    Value second =
        subgraph.addConstant(name + FINE, weights.shape(), LayerWeights.flatten(kind, fine));
    Value noBias =
        subgraph.addConstant(
            name + FINE + "_bias", Shape.of(whole.length), new float[whole.length]);

    Activation activation = op.activation();
    Op rest = op.copyAttributes().set("fused_activation_function", Activation.NONE);
    op.set("fused_activation_function", Activation.NONE);
    Value a = subgraph.addValue(stem(out) + COARSE, out.type(), out.shape());
    Value b = subgraph.addValue(stem(out) + FINE, out.type(), out.shape());
    op.input(1, first).outputs(a);
    rest.inputs(op.input(0), second, noBias).outputs(b);
    subgraph.insertAfter(op, rest);
    subgraph.insertAfter(
        rest,
        Op.of(OpKind.ADD).set("fused_activation_function", activation).inputs(a, b).outputs(out));
    parts.put(rest, op);
  }

  /**
   * Whether a layer is a part of one that was split: the model that the user knows has it not; the
   * addition behind it stands for the whole.
   */
  static boolean isPart(Op op) {
    return OperatorRules.hasWindows(op.kind())
        && PART.matcher(op.output(0).name()).matches()
        && PART.matcher(op.input(1).name()).matches()
        && op.output(0).consumers().stream()
            .allMatch(
                c ->
                    c.kind() == OpKind.ADD
                        && c.input(0).producer().map(Op::kind).equals(Optional.of(op.kind()))
                        && c.input(1).producer().map(Op::kind).equals(Optional.of(op.kind())));
  }

  /** The first of the names that TensorFlow's converter joins when it fuses operators. */
  static String stem(Value v) {
    return v.name().split(";", 2)[0];
  }

  /** Weights as 8 bits and one scale per output can express them. */
  private static float[][] rounded(float[][] rows) {
    return dequantized(
        WeightFit.fit(
            rows,
            new float[rows.length],
            null,
            null,
            new float[rows.length],
            new WeightFit.Settings(BITS, true, false, false, false, 0)));
  }

  static float[][] dequantized(WeightFit.Fitted fitted) {
    float[][] out = new float[fitted.integers().length][];
    for (int o = 0; o < out.length; o++) {
      out[o] = new float[fitted.integers()[o].length];
      for (int i = 0; i < out[o].length; i++) {
        out[o][i] = fitted.real(o, i);
      }
    }
    return out;
  }

  static float[][] plus(float[][] a, float[][] b) {
    return sum(a, b, 1);
  }

  static float[][] minus(float[][] a, float[][] b) {
    return sum(a, b, -1);
  }

  private static float[][] sum(float[][] a, float[][] b, float factor) {
    float[][] out = new float[a.length][];
    for (int o = 0; o < a.length; o++) {
      out[o] = new float[a[o].length];
      for (int i = 0; i < out[o].length; i++) {
        out[o][i] = a[o][i] + factor * b[o][i];
      }
    }
    return out;
  }
}
