package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Replaces operators whose inputs are all constant by their results, and shape arithmetic whose
 * result is known although a dimension is open.
 *
 * <p>An operator is left alone if its result would be much larger than its inputs (a FILL of
 * millions of zeros belongs into the program, not into the file), if it dequantizes weights, or if
 * no Java kernel covers it.
 */
public final class ConstantFolding implements Pass {
  /** Results up to this size are always stored. */
  private static final long FREE_BYTES = 64 * 1024;

  private static final long MAX_BYTES = 256L * 1024 * 1024;

  private ConstantFolding() {}

  /**
   * Returns the pass.
   *
   * @return a pass that folds constants
   */
  public static ConstantFolding create() {
    return new ConstantFolding();
  }

  @Override
  public String name() {
    return "constant folding";
  }

  @Override
  public boolean run(Graph graph) {
    boolean changed = false;
    for (Subgraph subgraph : graph.subgraphs()) {
      List<Op> folded = new ArrayList<>();
      for (Op op : List.copyOf(subgraph.ops())) {
        List<Value> results = fold(op, false);
        if (results != null) {
          for (int i = 0; i < results.size(); i++) {
            Edits.replace(subgraph, op.output(i), results.get(i));
          }
          folded.add(op);
        }
      }
      Edits.removeAll(subgraph, folded);
      changed |= !folded.isEmpty();
    }
    return changed;
  }

  /** The constants that an operator's outputs are, or null if they are not known. */
  static @Nullable List<Value> fold(Op op, boolean weights) {
    if (op.outputs().isEmpty() || op.inputs().isEmpty()) {
      return null;
    }
    Subgraph subgraph = op.output(0).subgraph();
    long[] known = op.outputs().size() == 1 ? shapeArithmetic(op) : null;
    if (known != null) {
      Value out = op.output(0);
      HostTensor t =
          HostTensor.ofIntegers(
              out.type(), known, out.shape().rank() == 0 ? new int[0] : new int[] {known.length});
      return List.of(constant(subgraph, out, t));
    }
    switch (op.kind()) {
      case DEQUANTIZE,
          QUANTIZE,
          FAKE_QUANT,
          CUSTOM,
          RANDOM_UNIFORM,
          RANDOM_STANDARD_NORMAL,
          VAR_HANDLE,
          READ_VARIABLE -> {
        if (!(weights && op.kind() == OpKind.DEQUANTIZE)) {
          return null;
        }
      }
      default -> {}
    }
    long inputBytes = 0;
    for (Value v : op.inputs()) {
      if (v == null) {
        continue;
      }
      if (!v.isConstant()
          || !HostTensor.supports(v.type())
          || !v.shape().isStatic()
          || v.data().orElseThrow().external().isPresent()
          || (v.affine().isPresent() && !(op.kind() == OpKind.DEQUANTIZE))) {
        return null;
      }
      inputBytes += v.data().orElseThrow().byteSize();
    }
    long outputBytes = 0;
    try {
      for (ShapeRules.Result r : ShapeInference.infer(op)) {
        if (!HostTensor.supports(r.type())) {
          return null;
        }
        outputBytes += r.shape().isStatic() ? r.type().byteSize(r.shape().elementCount()) : 0;
      }
    } catch (ArithmeticException e) {
      return null; // larger than a long can count
    }
    if (outputBytes > MAX_BYTES || outputBytes > Math.max(FREE_BYTES, 2 * inputBytes)) {
      return null;
    }
    List<@Nullable HostTensor> inputs = new ArrayList<>();
    for (Value v : op.inputs()) {
      inputs.add(v == null ? null : tensor(v));
    }
    List<HostTensor> results;
    try {
      results = Kernels.evaluate(op, inputs);
    } catch (IllegalArgumentException | ArithmeticException | IndexOutOfBoundsException e) {
      return null; // the runtime will say what is wrong, if the operator is reached at all
    }
    if (results == null || results.size() != op.outputs().size()) {
      return null;
    }
    List<Value> out = new ArrayList<>();
    for (int i = 0; i < results.size(); i++) {
      out.add(constant(subgraph, op.output(i), results.get(i)));
    }
    return out;
  }

  private static long @Nullable [] shapeArithmetic(Op op) {
    Value out = op.output(0);
    if (out.type() != ElementType.INT32 && out.type() != ElementType.INT64) {
      return null;
    }
    if (!out.shape().isStatic() || out.shape().rank() > 1) {
      return null;
    }
    long[] known = ShapeValues.of(out);
    if (known == null || known.length != out.shape().elementCount()) {
      return null;
    }
    for (long v : known) {
      if (v == ShapeValues.UNKNOWN) {
        return null;
      }
    }
    return known;
  }

  static HostTensor tensor(Value v) {
    return HostTensor.read(v.type(), v.data().orElseThrow().bytes(), v.shape().dims());
  }

  private static Value constant(Subgraph subgraph, Value like, HostTensor t) {
    return subgraph.addConstant(
        like.name() + "/folded", t.type(), Shape.of(t.shape()), Weights.of(t.bytes()));
  }
}
