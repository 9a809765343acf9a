package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import io.jetfire.tflite.transform.DeadCode;
import io.jetfire.tflite.transform.Pass;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Turns float operators between DEQUANTIZE and QUANTIZE into the integer operators that they stand
 * for, as models quantized by their source (ONNX's QDQ form, PyTorch's quantization-aware training)
 * have them.
 *
 * <pre>{@code
 * IntegerOperators.create(scalesOfWeights).run(graph);
 * }</pre>
 *
 * <p>Parameters are those of the source, never chosen anew: UINT8 activations become INT8 with a
 * zero point less by 128, which is the same numbers. Weights must lie exactly on the grid of a
 * scale that the source gave; a layer whose weights do not, and every operator that has no integer
 * kernel, stays as it is between its DEQUANTIZE and QUANTIZE. Where a kernel wants other parameters
 * than the source has (a softmax's output is always 1/256), a QUANTIZE from integers to integers
 * follows it.
 *
 * <p>Immutable and thread-safe. To be run when the graph has its final layout.
 */
public final class IntegerOperators implements Pass {
  /** Operators that move or pick numbers, so that quantizing before or after them is the same. */
  private static final Set<OpKind> MOVING =
      EnumSet.of(
          OpKind.MAX_POOL_2D,
          OpKind.PAD,
          OpKind.MIRROR_PAD,
          OpKind.RESHAPE,
          OpKind.SQUEEZE,
          OpKind.EXPAND_DIMS,
          OpKind.TRANSPOSE,
          OpKind.SLICE,
          OpKind.STRIDED_SLICE,
          OpKind.GATHER,
          OpKind.RESIZE_NEAREST_NEIGHBOR,
          OpKind.SPACE_TO_BATCH_ND,
          OpKind.BATCH_TO_SPACE_ND,
          OpKind.SPACE_TO_DEPTH,
          OpKind.DEPTH_TO_SPACE,
          OpKind.TILE,
          OpKind.REVERSE_V2);

  /** TFLite's 8-bit kernels add up pairs of products in 16 bits, so -128 is no weight. */
  private static final int LARGEST_WEIGHT = 127;

  private final List<float[]> scales;
  private final Target runtime;

  private IntegerOperators(List<float[]> scales, Target runtime) {
    this.scales = scales;
    this.runtime = runtime;
  }

  /**
   * Returns the pass.
   *
   * @param scales the scales that constants of the source were dequantized with, each for the whole
   *     tensor or per output of a layer
   * @return a pass that makes operators integer ones
   */
  public static IntegerOperators create(List<float[]> scales) {
    return new IntegerOperators(
        scales.stream().map(float[]::clone).toList(),
        new Target(io.jetfire.tflite.format.TargetRuntime.defaultRuntime().toString()));
  }

  @Override
  public String name() {
    return "integer operators";
  }

  @Override
  public boolean run(Graph graph) {
    boolean changed = false;
    for (Subgraph g : graph.subgraphs()) {
      if (g.ops().stream().noneMatch(op -> op.kind() == OpKind.DEQUANTIZE)) {
        continue;
      }
      changed |= moved(g);
      List<Op> backwards = new ArrayList<>(g.ops());
      Collections.reverse(backwards);
      for (Op op : backwards) {
        changed |= op.kind() == OpKind.QUANTIZE && sign(g, op);
      }
      for (Value v : List.copyOf(g.values())) {
        changed |= signed(g, v);
      }
      for (Op op : backwards) {
        changed |= raise(g, op);
      }
      for (Op op : List.copyOf(g.ops())) {
        changed |= op.subgraph().isPresent() && lower(g, op);
      }
      DeadCode.create().run(graph);
      for (Op op : List.copyOf(g.ops())) {
        changed |= once(op);
      }
      g.sort();
    }
    DeadCode.create().run(graph);
    return changed;
  }

  // ---- the state of values

  private static Quantization.@Nullable Affine perTensor(Value v) {
    Quantization.Affine q = v.affine().orElse(null);
    boolean integer = v.type() == ElementType.INT8 || v.type() == ElementType.UINT8;
    return q != null && integer && q.size() == 1 ? q : null;
  }

  private static boolean same(Quantization.@Nullable Affine a, Quantization.@Nullable Affine b) {
    return a != null && b != null && a.scale(0) == b.scale(0) && a.zeroPoint(0) == b.zeroPoint(0);
  }

  /** The INT8 tensor that a float one was dequantized from, or null. */
  private static @Nullable Value integer(Value v) {
    Op op = v.producer().orElse(null);
    if (op == null || op.kind() != OpKind.DEQUANTIZE) {
      return null;
    }
    Value q = op.input(0);
    return q.type() == ElementType.INT8 && perTensor(q) != null ? q : null;
  }

  /** The QUANTIZE to INT8 that alone reads a float tensor, or null. */
  private static @Nullable Op quantizer(Value v) {
    if (v.useCount() != 1 || v.isOutput()) {
      return null;
    }
    Op op = v.consumers().get(0);
    boolean fits =
        op.kind() == OpKind.QUANTIZE
            && op.output(0).type() == ElementType.INT8
            && perTensor(op.output(0)) != null;
    return fits ? op : null;
  }

  private static Value add(Subgraph g, String name, Shape shape, Quantization.Affine q) {
    Value v = g.addValue(name, ElementType.INT8, shape);
    v.quantization(Quantization.perTensor(q.scale(0), q.zeroPoint(0)));
    return v;
  }

  private static Quantization.Affine lessBy128(Quantization.Affine q) {
    return Quantization.perTensor(q.scale(0), q.zeroPoint(0) - 128);
  }

  // ---- UINT8 to INT8

  /** Passes that move integer tensors do not think of parameters: gives them to the results. */
  private static boolean moved(Subgraph g) {
    boolean changed = false;
    for (Op op : g.ops()) {
      if (MOVING.contains(op.kind()) && op.outputs().size() == 1) {
        Value x = op.input(0);
        Value y = op.output(0);
        if (perTensor(x) != null && y.type() == x.type() && y.quantization().isEmpty()) {
          y.quantization(x.quantization().orElseThrow());
          changed = true;
        }
      }
    }
    return changed;
  }

  /** Makes a UINT8 tensor that is quantized from floats INT8, with a UINT8 copy where needed. */
  private static boolean sign(Subgraph g, Op op) {
    Value v = op.output(0);
    Quantization.Affine q = perTensor(v);
    if (q == null || v.type() != ElementType.UINT8 || op.input(0).type() != ElementType.FLOAT32) {
      return false;
    }
    boolean free = !v.isOutput() && dequantizers(v).size() == v.useCount();
    if (free) {
      v.type(ElementType.INT8).quantization(lessBy128(q));
      return true;
    }
    Value signed = add(g, v.name() + "_int8", v.shape(), lessBy128(q));
    g.insertBefore(op, Op.of(OpKind.QUANTIZE).inputs(op.input(0)).outputs(signed));
    op.input(0, signed);
    dequantizers(v).forEach(user -> user.input(0, signed));
    return true;
  }

  private static List<Op> dequantizers(Value v) {
    return v.consumers().stream().filter(op -> op.kind() == OpKind.DEQUANTIZE).toList();
  }

  /** Gives the DEQUANTIZE operators of another UINT8 tensor, such as an input, an INT8 copy. */
  private static boolean signed(Subgraph g, Value v) {
    Quantization.Affine q = perTensor(v);
    if (q == null || v.type() != ElementType.UINT8 || v.isConstant()) {
      return false;
    }
    List<Op> users = dequantizers(v);
    if (users.isEmpty()) {
      return false;
    }
    Value signed = add(g, v.name() + "_int8", v.shape(), lessBy128(q));
    g.insertBefore(users.get(0), Op.of(OpKind.QUANTIZE).inputs(v).outputs(signed));
    users.forEach(user -> user.input(0, signed));
    return true;
  }

  // ---- moving QUANTIZE up and DEQUANTIZE down

  private static boolean moves(Op op) {
    return MOVING.contains(op.kind())
        && op.outputs().size() == 1
        && op.activation() == Activation.NONE
        && op.input(0).type() == ElementType.FLOAT32
        && !op.input(0).isConstant();
  }

  /** Quantizes before an operator that only moves numbers, or before a concatenation. */
  private static boolean raise(Subgraph g, Op op) {
    if (op.subgraph().isEmpty() || op.outputs().size() != 1) {
      return false;
    }
    boolean joins =
        (op.kind() == OpKind.CONCATENATION || op.kind() == OpKind.PACK)
            && op.activation() == Activation.NONE
            && op.inputs().stream().noneMatch(v -> v == null || v.isConstant());
    if (!joins && !moves(op)) {
      return false;
    }
    Op quantize = quantizer(op.output(0));
    if (quantize == null) {
      return false;
    }
    Value out = quantize.output(0);
    Quantization.Affine q = out.affine().orElseThrow();
    for (int i = 0; i < (joins ? op.inputs().size() : 1); i++) {
      Value x = op.input(i);
      Value integer = add(g, x.name() + "_int8", x.shape(), q);
      g.insertBefore(op, Op.of(OpKind.QUANTIZE).inputs(x).outputs(integer));
      op.input(i, integer);
    }
    g.remove(quantize);
    op.output(0, out);
    return true;
  }

  private boolean lower(Subgraph g, Op op) {
    if (op.kind() == OpKind.QUANTIZE) {
      return again(g, op);
    }
    if (op.outputs().size() != 1) {
      return false;
    }
    if (moves(op)) {
      Value x = integer(op.input(0));
      if (x == null) {
        return false;
      }
      Value y = op.output(0);
      Value integer = add(g, y.name() + "_int8", y.shape(), x.affine().orElseThrow());
      op.input(0, x);
      op.output(0, integer);
      g.insertAfter(op, Op.of(OpKind.DEQUANTIZE).inputs(integer).outputs(y));
      return true;
    }
    if (op.kind() == OpKind.ARG_MAX || op.kind() == OpKind.ARG_MIN) {
      Value x = integer(op.input(0));
      if (x != null) {
        op.input(0, x);
      }
      return x != null;
    }
    return compute(g, op);
  }

  /** A QUANTIZE of what was dequantized just before: nothing, or a change of parameters. */
  private static boolean again(Subgraph g, Op op) {
    Value x = integer(op.input(0));
    Value y = op.output(0);
    if (x == null || perTensor(y) == null) {
      return false;
    }
    if (y.type() == ElementType.INT8 && same(perTensor(x), perTensor(y)) && !y.isOutput()) {
      g.replaceAllUses(y, x);
      g.remove(op);
      return true;
    }
    op.input(0, x);
    return true;
  }

  /** A change of sign of what was quantized for nobody else is one QUANTIZE of the floats. */
  private static boolean once(Op op) {
    if (op.subgraph().isEmpty() || op.kind() != OpKind.QUANTIZE) {
      return false;
    }
    Value x = op.input(0);
    Op first = x.producer().orElse(null);
    if (first == null
        || first.kind() != OpKind.QUANTIZE
        || first.input(0).type() != ElementType.FLOAT32
        || x.useCount() != 1
        || x.isOutput()
        || perTensor(x) == null
        || op.output(0).type() != ElementType.UINT8
        || !same(perTensor(x), lessBy128(op.output(0).affine().orElseThrow()))) {
      return false;
    }
    op.input(0, first.input(0));
    return true;
  }

  // ---- operators that compute

  private boolean compute(Subgraph g, Op op) {
    OperatorRules.Rule rule = OperatorRules.of(op.kind()).orElse(null);
    Op quantize = op.output(0).type() == ElementType.FLOAT32 ? quantizer(op.output(0)) : null;
    if (rule == null || quantize == null || !runtime.atLeast(rule.since())) {
      return false;
    }
    List<@Nullable Value> inputs = new ArrayList<>(op.inputs());
    Quantization.Affine first = null;
    for (int i = 0; i < inputs.size(); i++) {
      Value v = inputs.get(i);
      if (v == null || !rule.takes(i)) {
        continue;
      }
      Value x = v.isConstant() ? constant(g, v) : integer(v);
      if (x == null) {
        return false;
      }
      first = first == null ? perTensor(x) : first;
      inputs.set(i, x);
    }
    Value out = quantize.output(0);
    Quantization.Affine wanted = out.affine().orElseThrow();
    if (first == null) {
      return false;
    }
    if (rule.tie() == OperatorRules.Tie.WEIGHTS && !layer(g, op, inputs, first)) {
      return false;
    }
    Quantization.Affine made =
        switch (rule.tie()) {
          case SAME -> first;
          case FIXED -> OperatorRules.fixed(op.kind(), ElementType.INT8).quantization();
          default -> wanted;
        };
    if (rule.tie() == OperatorRules.Tie.NO_OUTPUT) {
      return false;
    }
    if (rule.tie() == OperatorRules.Tie.FROM_OUTPUT) {
      for (int i = 0; i < inputs.size(); i++) {
        Value v = inputs.get(i);
        if (v != null && rule.takes(i) && !same(perTensor(v), wanted)) {
          Value x = add(g, v.name() + "_again", v.shape(), wanted);
          g.insertBefore(op, Op.of(OpKind.QUANTIZE).inputs(v).outputs(x));
          inputs.set(i, x);
        }
      }
    }
    op.inputs(inputs);
    g.remove(quantize);
    if (same(made, wanted)) {
      op.output(0, out);
    } else {
      Value between = add(g, op.output(0).name() + "_int8", out.shape(), made);
      op.output(0, between);
      g.insertAfter(op, Op.of(OpKind.QUANTIZE).inputs(between).outputs(out));
    }
    return true;
  }

  /** Quantizes weights and bias of a layer; false if the weights are on no grid. */
  private boolean layer(
      Subgraph g, Op op, List<@Nullable Value> inputs, Quantization.Affine input) {
    OpKind kind = op.kind();
    int w = OperatorRules.weightInput(kind);
    int b = OperatorRules.biasInput(kind);
    Value weights = inputs.get(w);
    Value bias = b < inputs.size() ? inputs.get(b) : null;
    if (weights == null || !isFloat(weights) || (bias != null && !isFloat(bias))) {
      return false;
    }
    float[][] rows = LayerWeights.rows(kind, weights);
    for (float[] candidate : scales) {
      boolean perChannel = kind != OpKind.FULLY_CONNECTED || runtime.atLeast("2.13.0");
      if (candidate.length != 1 && (candidate.length != rows.length || !perChannel)) {
        continue;
      }
      byte[][] integers = onGrid(rows, candidate);
      if (integers == null) {
        continue;
      }
      Value q =
          g.addConstant(
              weights.name() + "_int8",
              ElementType.INT8,
              weights.shape(),
              Refiner.pack(kind, integers, 8));
      q.quantization(Refiner.quantization(kind, candidate));
      inputs.set(w, q);
      if (bias != null || kind != OpKind.TRANSPOSE_CONV) {
        float[] values = bias == null ? new float[rows.length] : bias.floats();
        String name = bias == null ? op.output(0).name() + "/bias" : bias.name();
        Value i =
            g.addConstant(
                name + "_int32",
                ElementType.INT32,
                Shape.of(values.length),
                Refiner.integerBias(values, input.scale(0), candidate, false));
        i.quantization(Refiner.biasQuantization(input.scale(0), candidate, values.length));
        while (inputs.size() <= b) {
          inputs.add(null);
        }
        inputs.set(b, i);
      }
      return true;
    }
    return false;
  }

  private static boolean isFloat(Value v) {
    return v.isConstant()
        && v.type() == ElementType.FLOAT32
        && v.shape().isStatic()
        && v.data().map(d -> d.external().isEmpty()).orElse(false);
  }

  private static byte @Nullable [][] onGrid(float[][] rows, float[] scales) {
    byte[][] integers = new byte[rows.length][];
    for (int o = 0; o < rows.length; o++) {
      int[] row = onGrid(rows[o], scales[scales.length == 1 ? 0 : o]);
      if (row == null) {
        return null;
      }
      integers[o] = new byte[row.length];
      for (int i = 0; i < row.length; i++) {
        if (Math.abs(row[i]) > LARGEST_WEIGHT) {
          return null;
        }
        integers[o][i] = (byte) row[i];
      }
    }
    return integers;
  }

  /** The integers that the values are multiples by, if they are so to the last bit; else null. */
  private static int @Nullable [] onGrid(float[] values, float scale) {
    int[] integers = new int[values.length];
    for (int i = 0; i < values.length; i++) {
      int q = Math.round(values[i] / scale);
      if (scale * q != values[i]) {
        return null;
      }
      integers[i] = q;
    }
    return integers;
  }

  /** A constant operand as INT8, if that loses nothing; else null. */
  private @Nullable Value constant(Subgraph g, Value v) {
    if (!isFloat(v) || v.shape().elementCount() == 0) {
      return null;
    }
    float[] values = v.floats();
    boolean uniform = Float.isFinite(values[0]);
    for (float f : values) {
      uniform &= f == values[0];
    }
    if (uniform) {
      float scale = values[0] == 0 ? 1 : Math.abs(values[0]);
      return constant(g, v, onGrid(values, scale), scale, 0);
    }
    for (float[] candidate : scales) {
      int[] q = candidate.length == 1 ? onGrid(values, candidate[0]) : null;
      if (q == null) {
        continue;
      }
      int low = Math.min(0, Arrays.stream(q).min().orElse(0));
      int high = Math.max(0, Arrays.stream(q).max().orElse(0));
      int zero = low >= -128 && high <= 127 ? 0 : -128 - low;
      if (high + zero <= 127 && zero <= 127) {
        return constant(g, v, q, candidate[0], zero);
      }
    }
    return null;
  }

  private static @Nullable Value constant(
      Subgraph g, Value v, int @Nullable [] integers, float scale, int zero) {
    if (integers == null) {
      return null;
    }
    byte[] bytes = new byte[integers.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (integers[i] + zero);
    }
    Value c = g.addConstant(v.name() + "_int8", ElementType.INT8, v.shape(), Weights.of(bytes));
    return c.quantization(Quantization.perTensor(scale, zero));
  }

  @Override
  public String toString() {
    return "IntegerOperators[" + scales.size() + " scales]";
  }
}
