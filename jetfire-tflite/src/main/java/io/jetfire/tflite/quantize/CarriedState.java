package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Signature;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Lets state be carried from one run to the next as it is: what signatures call by one name both
 * among their inputs and among their outputs, such as a key-value cache.
 *
 * <p>Where such edges are integers, all of them get the parameters that cover what each covers, by
 * a QUANTIZE inside where an operator has others.
 */
final class CarriedState {
  /** With ranges further apart than this, it is no state, or was calibrated wrongly. */
  private static final double MOST_APART = 4;

  private CarriedState() {}

  /**
   * Ties the edges of a quantized graph.
   *
   * @return notes on state that cannot be carried as it is
   */
  static List<String> tie(Graph graph) {
    Map<String, Set<Value>> inputs = new LinkedHashMap<>();
    Map<String, Set<Value>> outputs = new LinkedHashMap<>();
    for (Signature s : graph.signatures()) {
      s.inputs().forEach((k, v) -> inputs.computeIfAbsent(k, n -> new LinkedHashSet<>()).add(v));
      s.outputs().forEach((k, v) -> outputs.computeIfAbsent(k, n -> new LinkedHashSet<>()).add(v));
    }
    List<String> notes = new ArrayList<>();
    inputs.forEach(
        (name, in) -> {
          Set<Value> out = outputs.getOrDefault(name, Set.of());
          if (!out.isEmpty()) {
            tie(name, in, out).ifPresent(notes::add);
          }
        });
    return notes;
  }

  private static Optional<String> tie(String name, Set<Value> in, Set<Value> out) {
    List<Value> all = Stream.concat(in.stream(), out.stream()).distinct().toList();
    Value first = all.get(0);
    if (!all.stream().allMatch(v -> v.shape().equals(first.shape()))
        || all.stream().noneMatch(CarriedState::isInteger)) {
      return Optional.empty();
    }
    if (!all.stream().allMatch(v -> v.type() == first.type() && isInteger(v))) {
      return Optional.of(
          "What signatures call '"
              + name
              + "' has not one type as input and output ("
              + all.stream().map(v -> v.name() + " " + v.type()).collect(Collectors.joining(", "))
              + "): to carry it from one run to the next, dequantize it and quantize it again");
    }
    List<Parameters> parameters = all.stream().map(CarriedState::parameters).toList();
    if (parameters.stream().distinct().count() == 1) {
      return Optional.empty();
    }
    double[] sizes = parameters.stream().mapToDouble(p -> p.highest() - p.lowest()).toArray();
    double widest = Arrays.stream(sizes).max().orElse(0);
    if (widest > MOST_APART * Arrays.stream(sizes).min().orElse(0)) {
      return Optional.of(
          "What signatures call '"
              + name
              + "' has unlike ranges as input and output; if it is carried from one run to the"
              + " next, calibrate with values as they occur then");
    }
    Parameters common = common(parameters);
    for (Value v : in) {
      if (!parameters(v).equals(common)) {
        input(v, common);
      }
    }
    for (Value v : out) {
      if (!v.isInput() && !parameters(v).equals(common)) {
        output(v, common);
      }
    }
    return Optional.empty();
  }

  private static boolean isInteger(Value v) {
    return !v.type().isFloat() && v.affine().filter(Quantization.Affine::isQuantized).isPresent();
  }

  /** The parameters of an edge, as if UINT8 were INT8. */
  private static Parameters parameters(Value v) {
    Quantization.Affine a = v.affine().orElseThrow();
    return v.type() == ElementType.UINT8
        ? new Parameters(ElementType.INT8, a.scale(0), (int) a.zeroPoint(0) - 128)
        : new Parameters(v.type(), a.scale(0), (int) a.zeroPoint(0));
  }

  /** Parameters that cover what all cover. */
  private static Parameters common(List<Parameters> all) {
    Range range =
        all.stream()
            .map(p -> new Range((float) p.lowest(), (float) p.highest()))
            .reduce(Range::union)
            .orElseThrow();
    return all.get(0).type() == ElementType.INT16 ? range.toInt16() : range.toInt8();
  }

  private static void input(Value v, Parameters common) {
    Subgraph s = v.subgraph();
    Value edge = edge(v, common);
    boolean through = v.isOutput();
    s.replaceInput(v, edge);
    if (through) {
      // What goes through unchanged goes out as it came in.
      List<Op> readers = v.consumers();
      s.replaceAllUses(v, edge);
      readers.forEach(op -> read(op, edge, v));
    }
    s.insert(0, Op.of(OpKind.QUANTIZE).inputs(edge).outputs(v));
  }

  private static void output(Value v, Parameters common) {
    Subgraph s = v.subgraph();
    List<Op> readers = v.consumers();
    Value edge = edge(v, common);
    s.replaceAllUses(v, edge);
    readers.forEach(op -> read(op, edge, v));
    s.append(Op.of(OpKind.QUANTIZE).inputs(v).outputs(edge));
  }

  private static void read(Op op, Value old, Value replacement) {
    op.inputs(op.inputs().stream().map(v -> v == old ? replacement : v).toList());
  }

  /** A value under the same name with other parameters. */
  private static Value edge(Value v, Parameters common) {
    String name = v.name();
    v.name(v.subgraph().uniqueName(name + "_inside"));
    return v.subgraph()
        .addValue(name, v.type(), v.shape())
        .quantization(
            Quantization.perTensor(
                common.scale(), common.zeroPoint() + (v.type() == ElementType.UINT8 ? 128 : 0)));
  }
}
