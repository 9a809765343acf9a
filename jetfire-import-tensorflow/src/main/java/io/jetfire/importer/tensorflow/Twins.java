package io.jetfire.importer.tensorflow;

import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OptionsTable;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Finds that two subgraphs compute the same: exported models often have one function under two
 * signatures, and one subgraph serves both.
 */
final class Twins {
  private final Map<Value, Value> partner = new IdentityHashMap<>();

  private Twins() {}

  /**
   * Compares two subgraphs, operator by operator.
   *
   * @param wanted tensors of the second, such as its results
   * @return for each of them its partner in the first, or empty if the two differ
   */
  static Optional<Map<Value, Value>> of(Subgraph one, Subgraph two, List<Value> wanted) {
    Twins twins = new Twins();
    if (one.inputs().size() != two.inputs().size() || one.ops().size() != two.ops().size()) {
      return Optional.empty();
    }
    for (int i = 0; i < one.inputs().size(); i++) {
      Value x = one.inputs().get(i);
      Value y = two.inputs().get(i);
      if (x.type() != y.type() || !x.shape().equals(y.shape())) {
        return Optional.empty();
      }
      twins.partner.put(y, x);
    }
    for (int i = 0; i < one.ops().size(); i++) {
      if (!twins.same(one.ops().get(i), two.ops().get(i))) {
        return Optional.empty();
      }
    }
    Map<Value, Value> out = new IdentityHashMap<>();
    for (Value v : wanted) {
      Value x = twins.partner.get(v);
      if (x == null) {
        return Optional.empty();
      }
      out.put(v, x);
    }
    return Optional.of(out);
  }

  private boolean same(Op x, Op y) {
    boolean alike =
        x.kind() == y.kind()
            && x.inputs().size() == y.inputs().size()
            && x.outputs().size() == y.outputs().size()
            && sameAttributes(x, y);
    for (int i = 0; alike && i < x.inputs().size(); i++) {
      alike = same(x.inputs().get(i), y.inputs().get(i));
    }
    for (int i = 0; alike && i < x.outputs().size(); i++) {
      Value a = x.output(i);
      Value b = y.output(i);
      alike = a.type() == b.type() && a.shape().equals(b.shape());
      alike &= a.quantization().equals(b.quantization());
      partner.put(b, a);
    }
    return alike;
  }

  private boolean same(@Nullable Value x, @Nullable Value y) {
    if (x == null || y == null) {
      return x == y;
    }
    if (!y.isConstant() || !x.isConstant()) {
      return partner.get(y) == x;
    }
    boolean same =
        x.type() == y.type()
            && x.shape().equals(y.shape())
            && x.data().orElseThrow().bytes().equals(y.data().orElseThrow().bytes());
    if (same) {
      partner.put(y, x);
    }
    return same;
  }

  private static boolean sameAttributes(Op x, Op y) {
    Optional<OptionsTable> table = x.kind().options();
    if (table.isEmpty()) {
      return true;
    }
    for (OptionsTable.Field f : table.get().fields()) {
      // Subgraphs of branches and loops have numbers of their own.
      if (f.name().contains("subgraph")
          || !Objects.deepEquals(x.attribute(f.name()), y.attribute(f.name()))) {
        return false;
      }
    }
    return true;
  }
}
