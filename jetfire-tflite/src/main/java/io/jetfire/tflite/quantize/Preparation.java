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
  /** How many weights a merged layer may have, relative to the two that it replaces. */
  private static final double MOST_MERGED = 1.5;

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
   * Merges a layer without an activation into the one that alone reads it, where that takes few
   * more multiplications: the tensor between them, and its rounding, is gone.
   *
   * @param given parameters that tensors came with; those are kept
   * @param shared weights that others use as well; layers that have them are not merged
   * @return how many were merged
   */
  static int mergeLayers(
      Subgraph subgraph, Selection selection, Map<Value, Parameters> given, SharedWeights shared) {
    int merged = 0;
    for (Op second : List.copyOf(subgraph.ops())) {
      Optional<Op> first =
          linearBefore(second)
              .filter(op -> !given.containsKey(op.output(0)))
              .filter(op -> !shared.contains(op.input(1)) && !shared.contains(second.input(1)));
      if (first.isPresent()
          && selection.precision(second) == Precision.FULL_INTEGER
          && selection.precision(first.get()) == Precision.FULL_INTEGER) {
        merge(subgraph, first.get(), second);
        merged++;
      }
    }
    subgraph.removeDead();
    return merged;
  }

  /** The layer whose outputs a layer adds up, position by position, if nobody else reads them. */
  private static Optional<Op> linearBefore(Op second) {
    if (!isPointwise(second)) {
      return Optional.empty();
    }
    Value between = second.input(0);
    return between
        .producer()
        .filter(op -> op.kind() == second.kind() && Rewriter.isLayer(op))
        .filter(op -> op.activation() == Activation.NONE && op.input(1).useCount() == 1)
        .filter(op -> between.useCount() == 1 && !between.isOutput())
        .filter(op -> seesAllChannels(op) && sameRank(between, second.output(0)))
        .filter(op -> LayerWeights.outputs(op.kind(), op.input(1)) == inputs(second))
        .filter(
            op -> {
              double outputs = LayerWeights.outputs(second.kind(), second.input(1));
              double both = elements(op) + elements(second);
              return outputs * inputs(op) <= MOST_MERGED * both;
            });
  }

  private static boolean isPointwise(Op op) {
    if (!Rewriter.isLayer(op) || op.input(1).useCount() != 1) {
      return false;
    }
    if (op.kind() == OpKind.FULLY_CONNECTED) {
      return true;
    }
    Shape weights = op.input(1).shape();
    return op.kind() == OpKind.CONV_2D
        && weights.dim(1) == 1
        && weights.dim(2) == 1
        && op.integer("stride_h") == 1
        && op.integer("stride_w") == 1;
  }

  /** Whether a layer is one, and not several side by side that see some of the channels each. */
  private static boolean seesAllChannels(Op op) {
    return op.kind() != OpKind.CONV_2D
        || (op.input(0).shape().hasRank()
            && op.input(0).shape().dim(-1) == op.input(1).shape().dim(3));
  }

  private static boolean sameRank(Value a, Value b) {
    return a.shape().hasRank() && b.shape().hasRank() && a.shape().rank() == b.shape().rank();
  }

  private static double elements(Op layer) {
    return layer.input(1).shape().elementCount();
  }

  private static int inputs(Op layer) {
    return (int) elements(layer) / LayerWeights.outputs(layer.kind(), layer.input(1));
  }

  private static void merge(Subgraph subgraph, Op first, Op second) {
    OpKind kind = second.kind();
    float[][] a = LayerWeights.rows(kind, first.input(1));
    float[][] b = LayerWeights.rows(kind, second.input(1));
    Optional<float[]> inner = first.optionalInput(2).map(Value::floats);
    Optional<float[]> outer = second.optionalInput(2).map(Value::floats);
    float[][] weights = new float[b.length][inputs(first)];
    float[] bias = new float[b.length];
    for (int o = 0; o < b.length; o++) {
      double[] row = new double[weights[o].length];
      double shift = outer.isPresent() ? outer.get()[o] : 0;
      for (int r = 0; r < a.length; r++) {
        for (int i = 0; i < row.length; i++) {
          row[i] += (double) b[o][r] * a[r][i];
        }
        shift += inner.isPresent() ? (double) b[o][r] * inner.get()[r] : 0;
      }
      for (int i = 0; i < row.length; i++) {
        weights[o][i] = (float) row[i];
      }
      bias[o] = (float) shift;
    }
    int[] shape = first.input(1).shape().dims();
    shape[0] = b.length;
    String name = second.input(1).name() + "_merged";
    Op merged =
        first
            .copyAttributes()
            .set("fused_activation_function", second.activation())
            .inputs(
                first.input(0),
                subgraph.addConstant(name, Shape.of(shape), LayerWeights.flatten(kind, weights)),
                subgraph.addConstant(name + "_bias", Shape.of(b.length), bias));
    subgraph.replace(second, merged);
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
