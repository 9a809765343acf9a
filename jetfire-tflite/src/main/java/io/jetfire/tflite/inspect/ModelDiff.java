package io.jetfire.tflite.inspect;

import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OptionsTable;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Signature;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What distinguishes two models: edges, signatures, operators, attributes, tensors, constant data,
 * and the sums. Immutable.
 *
 * <p>Operators are matched by the longest common sequence of their kinds and output names; matched
 * ones are compared in detail.
 */
public final class ModelDiff {
  // The quadratic comparison of sequences is for models; beyond it, operators go by position.
  private static final int MOST_OPERATORS = 4000;

  private final List<String> lines;

  private ModelDiff(List<String> lines) {
    this.lines = List.copyOf(lines);
  }

  /**
   * Compares two models.
   *
   * @param before the one
   * @param after the other
   * @return the differences
   */
  public static ModelDiff of(Graph before, Graph after) {
    List<String> lines = new ArrayList<>();
    change(lines, "description", before.description(), after.description());
    maps(lines, "metadata", content(before.metadata()), content(after.metadata()));
    maps(lines, "signature", signatures(before), signatures(after));
    int count = Math.max(before.subgraphs().size(), after.subgraphs().size());
    for (int i = 0; i < count; i++) {
      if (i >= before.subgraphs().size()) {
        lines.add("+ subgraph " + i + " " + after.subgraphs().get(i).name());
      } else if (i >= after.subgraphs().size()) {
        lines.add("- subgraph " + i + " " + before.subgraphs().get(i).name());
      } else {
        String prefix = count > 1 ? i + ":" : "";
        subgraph(lines, prefix, before.subgraphs().get(i), after.subgraphs().get(i));
      }
    }
    sums(lines, ModelSummary.of(before), ModelSummary.of(after));
    return new ModelDiff(lines);
  }

  /**
   * Returns the differences: {@code -} for what is gone, {@code +} for what is new, {@code ~} for
   * what changed.
   *
   * @return one line each, empty for equal models
   */
  public List<String> lines() {
    return lines;
  }

  /**
   * Says whether the models are equal.
   *
   * @return true if nothing differs
   */
  public boolean isEmpty() {
    return lines.isEmpty();
  }

  @Override
  public String toString() {
    return lines.isEmpty() ? "no difference" : String.join("\n", lines);
  }

  private static void subgraph(List<String> lines, String prefix, Subgraph a, Subgraph b) {
    change(lines, prefix + "name", a.name(), b.name());
    change(lines, prefix + "inputs", texts(a.inputs()), texts(b.inputs()));
    change(lines, prefix + "outputs", texts(a.outputs()), texts(b.outputs()));
    int i = 0;
    int j = 0;
    for (int[] pair : pairs(a.ops(), b.ops())) {
      i = gone(lines, prefix, a.ops(), i, pair[0]);
      j = fresh(lines, prefix, b.ops(), j, pair[1]);
      op(lines, prefix, a.ops().get(i++), b.ops().get(j++));
    }
    gone(lines, prefix, a.ops(), i, a.ops().size());
    fresh(lines, prefix, b.ops(), j, b.ops().size());
  }

  private static int gone(List<String> lines, String prefix, List<Op> ops, int from, int to) {
    for (int i = from; i < to; i++) {
      lines.add("- " + prefix + i + " " + text(ops.get(i)));
    }
    return to;
  }

  private static int fresh(List<String> lines, String prefix, List<Op> ops, int from, int to) {
    for (int i = from; i < to; i++) {
      lines.add("+ " + prefix + i + " " + text(ops.get(i)));
    }
    return to;
  }

  private static String text(Op op) {
    return op + op.outputs().stream().map(ModelSummary::type).toList().toString();
  }

  private static String key(Op op) {
    return op.name() + " " + (op.outputs().isEmpty() ? "" : op.output(0).name());
  }

  // The longest common subsequence, as pairs of positions.
  private static List<int[]> pairs(List<Op> a, List<Op> b) {
    List<int[]> pairs = new ArrayList<>();
    if ((long) a.size() * b.size() > (long) MOST_OPERATORS * MOST_OPERATORS) {
      for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
        if (key(a.get(i)).equals(key(b.get(i)))) {
          pairs.add(new int[] {i, i});
        }
      }
      return pairs;
    }
    String[] x = a.stream().map(ModelDiff::key).toArray(String[]::new);
    String[] y = b.stream().map(ModelDiff::key).toArray(String[]::new);
    short[][] length = new short[x.length + 1][y.length + 1];
    for (int i = x.length - 1; i >= 0; i--) {
      for (int j = y.length - 1; j >= 0; j--) {
        length[i][j] =
            x[i].equals(y[j])
                ? (short) (length[i + 1][j + 1] + 1)
                : (short) Math.max(length[i + 1][j], length[i][j + 1]);
      }
    }
    int i = 0;
    int j = 0;
    while (i < x.length && j < y.length) {
      if (x[i].equals(y[j])) {
        pairs.add(new int[] {i++, j++});
      } else if (length[i + 1][j] >= length[i][j + 1]) {
        i++;
      } else {
        j++;
      }
    }
    return pairs;
  }

  private static void op(List<String> lines, String prefix, Op a, Op b) {
    String where = prefix + key(a);
    change(lines, where + " version", a.version().toString(), b.version().toString());
    change(lines, where + " attributes", attributes(a), attributes(b));
    int inputs = Math.max(a.inputs().size(), b.inputs().size());
    for (int i = 0; i < inputs; i++) {
      value(
          lines,
          where + " input " + i,
          a.optionalInput(i).orElse(null),
          b.optionalInput(i).orElse(null));
    }
    int outputs = Math.max(a.outputs().size(), b.outputs().size());
    for (int i = 0; i < outputs; i++) {
      value(
          lines,
          where + " output " + i,
          i < a.outputs().size() ? a.output(i) : null,
          i < b.outputs().size() ? b.output(i) : null);
    }
  }

  private static void value(
      List<String> lines, String where, @Nullable Value a, @Nullable Value b) {
    change(lines, where, describe(a), describe(b));
    if (a != null && b != null && !Objects.equals(content(a), content(b))) {
      lines.add("~ " + where + ": other data");
    }
  }

  private static String describe(@Nullable Value v) {
    if (v == null) {
      return "none";
    }
    Quantization q = v.quantization().orElse(null);
    String quantization = "";
    if (q instanceof Quantization.Affine a) {
      quantization = " " + a + (a.size() > 1 ? " #" + Arrays.hashCode(a.scales()) : "");
    } else if (q != null) {
      quantization = " " + q;
    }
    return ModelSummary.text(v) + quantization + (v.isConstant() ? " constant" : "");
  }

  // Data are compared by their bytes, without copying them.
  private static Object content(Value v) {
    Weights data = v.data().orElse(null);
    return data == null
        ? "none"
        : data.external().isPresent() ? data.external().get() : data.bytes();
  }

  private static String attributes(Op op) {
    List<String> all = new ArrayList<>();
    OptionsTable table = op.options().orElse(null);
    if (table != null) {
      for (OptionsTable.Field f : table.fields()) {
        all.add(f.name() + "=" + text(op.attribute(f.name())));
      }
    }
    op.customOptions().ifPresent(b -> all.add("custom options #" + b.hashCode()));
    return String.join(" ", all);
  }

  private static String text(Object value) {
    String array = Arrays.deepToString(new Object[] {value});
    return array.substring(1, array.length() - 1);
  }

  private static String texts(List<Value> values) {
    return values.stream().map(ModelSummary::text).toList().toString();
  }

  private static Map<String, String> content(Map<String, Weights> metadata) {
    Map<String, String> out = new LinkedHashMap<>();
    metadata.forEach((k, v) -> out.put(k, v.byteSize() + " bytes #" + v.bytes().hashCode()));
    return out;
  }

  private static Map<String, String> signatures(Graph graph) {
    Map<String, String> out = new LinkedHashMap<>();
    for (Signature s : graph.signatures()) {
      out.put(
          s.key(),
          texts(List.copyOf(s.inputs().values()))
              + s.inputs().keySet()
              + " -> "
              + texts(List.copyOf(s.outputs().values()))
              + s.outputs().keySet());
    }
    return out;
  }

  private static void maps(
      List<String> lines, String what, Map<String, String> a, Map<String, String> b) {
    TreeSet<String> keys = new TreeSet<>(a.keySet());
    keys.addAll(b.keySet());
    for (String key : keys) {
      String x = a.get(key);
      String y = b.get(key);
      if (x == null) {
        lines.add("+ " + what + " " + key + ": " + y);
      } else if (y == null) {
        lines.add("- " + what + " " + key + ": " + x);
      } else {
        change(lines, what + " " + key, x, y);
      }
    }
  }

  private static void change(List<String> lines, String what, String a, String b) {
    if (!a.equals(b)) {
      lines.add("~ " + what + ": " + a + " -> " + b);
    }
  }

  private static void sums(List<String> lines, ModelSummary a, ModelSummary b) {
    change(
        lines,
        "parameters",
        ModelSummary.number(a.parameters()),
        ModelSummary.number(b.parameters()));
    change(
        lines,
        "constant bytes",
        ModelSummary.number(a.constantBytes()),
        ModelSummary.number(b.constantBytes()));
    change(lines, "MACs", number(a.macs()), number(b.macs()));
  }

  private static String number(OptionalLong n) {
    return n.isPresent() ? ModelSummary.number(n.getAsLong()) : "?";
  }
}
