package io.jetfire.tflite.quantize;

import io.jetfire.Recipe.Precision;
import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Brings a float subgraph into the form that is quantized best, without changing what it computes.
 */
final class Preparation {
  private Preparation() {}

  /** Turns constants that are stored in fewer bits, and dequantized at once, into float ones. */
  static void unfoldConstants(Subgraph subgraph) {
    for (Op op : List.copyOf(subgraph.ops())) {
      if (op.kind() == OpKind.DEQUANTIZE
          && op.input(0).isConstant()
          && op.output(0).type() == ElementType.FLOAT32
          && !op.output(0).isOutput()
          && op.input(0).sparsity().isEmpty()
          && op.input(0).quantization().map(q -> q instanceof Quantization.Affine).orElse(true)) {
        Value out = op.output(0);
        Value constant =
            subgraph.addConstant(
                out.name() + "_constant", op.input(0).shape(), op.input(0).dequantized());
        subgraph.replaceAllUses(out, constant);
        subgraph.remove(op);
      }
    }
    subgraph.removeDead();
  }

  /**
   * Takes out pairs of QUANTIZE and DEQUANTIZE and FAKE_QUANT operators, as training with simulated
   * quantization leaves them.
   *
   * @return the parameters that they gave to tensors
   */
  static Map<Value, Parameters> givenParameters(Subgraph subgraph) {
    Map<Value, Parameters> given = new IdentityHashMap<>();
    for (Op op : List.copyOf(subgraph.ops())) {
      if (op.kind() == OpKind.QUANTIZE && op.input(0).type() == ElementType.FLOAT32) {
        Value q = op.output(0);
        Optional<Parameters> p = parameters(q);
        boolean onlyBack =
            !q.isOutput()
                && !q.consumers().isEmpty()
                && q.consumers().stream()
                    .allMatch(c -> c.kind() == OpKind.DEQUANTIZE && !c.output(0).isOutput());
        if (p.isPresent() && onlyBack && !op.input(0).isConstant()) {
          for (Op back : q.consumers()) {
            subgraph.replaceAllUses(back.output(0), op.input(0));
          }
          given.put(op.input(0), p.get());
        }
      } else if (op.kind() == OpKind.FAKE_QUANT
          && op.integer("num_bits") == 8
          && !op.output(0).isOutput()
          && !op.input(0).isConstant()) {
        given.put(op.input(0), new Range(op.real("min"), op.real("max")).toInt8());
        subgraph.replaceAllUses(op.output(0), op.input(0));
      }
    }
    subgraph.removeDead();
    return given;
  }

  private static Optional<Parameters> parameters(Value q) {
    return q.affine()
        .filter(a -> a.isQuantized() && !a.isPerChannel())
        .filter(a -> q.type() == ElementType.INT8 || q.type() == ElementType.INT16)
        .map(a -> new Parameters(q.type(), a.scale(0), (int) a.zeroPoint(0)));
  }

  /**
   * Replaces average poolings over the whole map by means.
   *
   * <p>The pooling kernel works in the parameters of its input, although averages span a much
   * smaller range; the mean may have parameters of its own.
   *
   * @return how many were replaced
   */
  static int poolToMean(Subgraph subgraph, Selection selection) {
    int replaced = 0;
    for (Op op : List.copyOf(subgraph.ops())) {
      if (op.kind() == OpKind.AVERAGE_POOL_2D
          && selection.precision(op) == Precision.FULL_INTEGER
          && op.activation() == Activation.NONE
          && op.input(0).shape().hasRank()
          && op.input(0).shape().rank() == 4
          && op.padding() == Padding.VALID
          && op.integer("filter_height") == op.input(0).shape().dim(1)
          && op.integer("filter_width") == op.input(0).shape().dim(2)) {
        Value axes =
            subgraph.addConstant(op.output(0).name() + "_axes", Shape.of(2), new int[] {1, 2});
        Op mean = Op.of(OpKind.MEAN).set("keep_dims", true).inputs(op.input(0), axes);
        subgraph.replace(op, mean);
        replaced++;
      }
    }
    return replaced;
  }
}
