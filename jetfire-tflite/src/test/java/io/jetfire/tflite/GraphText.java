package io.jetfire.tflite;

import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Signature;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32;

/** Every detail of a graph as lines of text, so that two graphs can be compared. */
public final class GraphText {
  private final StringBuilder out = new StringBuilder();
  private final Map<Weights, Integer> shared = new IdentityHashMap<>();

  private GraphText() {}

  /** Returns the lines. */
  public static List<String> of(Graph graph) {
    GraphText text = new GraphText();
    text.graph(graph);
    return text.out.toString().lines().toList();
  }

  private void graph(Graph g) {
    line("description " + g.description());
    g.metadata().forEach((k, v) -> line("metadata " + k + " " + data(v)));
    g.legacyMetadata().forEach(v -> line("legacy " + data(v)));
    line("appended " + g.appendedFiles().map(this::data));
    for (Subgraph s : g.subgraphs()) {
      line("subgraph " + s.name() + " " + s.debugMetadataIndex());
      for (Value v : s.values()) {
        value(v);
      }
      line("in " + indices(s.inputs()) + " out " + indices(s.outputs()));
      s.ops().forEach(this::op);
    }
    for (Signature s : g.signatures()) {
      line("signature " + s.key() + " " + s.subgraph().index());
      s.inputs().forEach((k, v) -> line(" in " + k + " " + index(v)));
      s.outputs().forEach((k, v) -> line(" out " + k + " " + index(v)));
    }
  }

  private void value(Value v) {
    Shape shape = v.shape();
    line(
        "tensor "
            + v.name()
            + " "
            + v.type()
            + shape
            + Arrays.toString(shape.standIn())
            + (v.isVariable() ? " variable" : "")
            + v.variantTypes()
            + v.data().map(d -> " " + data(d)).orElse("")
            + v.quantization().map(q -> " " + quantization(q)).orElse("")
            + v.sparsity().map(q -> " " + q).orElse(""));
  }

  private static String quantization(Quantization q) {
    if (q instanceof Quantization.Affine a) {
      return Arrays.toString(a.scales())
          + Arrays.toString(a.zeroPoints())
          + a.axis()
          + Arrays.toString(a.min())
          + Arrays.toString(a.max());
    }
    return q.toString();
  }

  private void op(Op op) {
    Map<String, String> attributes = new TreeMap<>();
    op.options()
        .ifPresent(
            t ->
                t.fields()
                    .forEach(
                        f ->
                            attributes.put(
                                f.name(),
                                Arrays.deepToString(new Object[] {op.attribute(f.name())}))));
    line(
        "op "
            + op.name()
            + " "
            + op.version()
            + " "
            + op.options()
            + attributes
            + indices(op.inputs())
            + indices(op.outputs())
            + indices(op.intermediates())
            + op.mutatingInputs()
            + op.debugMetadataIndex()
            + op.customOptions().map(b -> crc(b)).orElse(0L));
  }

  private static String indices(List<? extends Value> values) {
    return values.stream().map(v -> v == null ? -1 : index(v)).toList().toString();
  }

  private static int index(Value v) {
    return v.subgraph().values().indexOf(v);
  }

  private String data(Weights w) {
    int id = shared.computeIfAbsent(w, k -> shared.size());
    return "#" + id + w + w.external().map(e -> 0L).orElseGet(() -> crc(w.bytes()));
  }

  private static long crc(ByteBuffer bytes) {
    CRC32 crc = new CRC32();
    crc.update(bytes);
    return crc.getValue();
  }

  private void line(String text) {
    out.append(text.replace('\n', ' ').replace('\r', ' ')).append('\n');
  }
}
