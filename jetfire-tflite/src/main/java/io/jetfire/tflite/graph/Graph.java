package io.jetfire.tflite.graph;

import io.jetfire.UnsupportedModelException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A whole model: subgraphs, signatures, metadata. Mutable and not thread-safe.
 *
 * <p>The first subgraph is the main one. See the package description for an example.
 */
public final class Graph {
  private static final int MOST_PROBLEMS = 1000;

  private String description = "";
  private final List<Subgraph> subgraphs = new ArrayList<>();
  private final List<Signature> signatures = new ArrayList<>();
  private final Map<String, Weights> metadata = new LinkedHashMap<>();
  private final List<Weights> legacyMetadata = new ArrayList<>();
  private @Nullable Weights appendedFiles;
  private final List<String> losses = new ArrayList<>();
  private List<String> tolerated = List.of();

  private Graph() {}

  /**
   * Makes an empty model.
   *
   * @return a graph without subgraphs
   */
  public static Graph create() {
    return new Graph();
  }

  /**
   * Returns what the model says of itself.
   *
   * @return text for people; may be empty
   */
  public String description() {
    return description;
  }

  /**
   * Sets what the model says of itself.
   *
   * @param text for people
   * @return this graph
   */
  public Graph description(String text) {
    description = text;
    return this;
  }

  /**
   * Returns the subgraphs; operators such as IF refer to them by index.
   *
   * @return a read-only view
   */
  public List<Subgraph> subgraphs() {
    return Collections.unmodifiableList(subgraphs);
  }

  /**
   * Returns the main subgraph.
   *
   * @return the first one
   * @throws IllegalStateException if there is none
   */
  public Subgraph main() {
    if (subgraphs.isEmpty()) {
      throw new IllegalStateException("the graph has no subgraph yet; use addSubgraph(name)");
    }
    return subgraphs.get(0);
  }

  /**
   * Adds a subgraph at the end.
   *
   * @param name for people only
   * @return the new subgraph
   */
  public Subgraph addSubgraph(String name) {
    Subgraph subgraph = new Subgraph(this, name);
    subgraphs.add(subgraph);
    return subgraph;
  }

  /**
   * Returns the signatures.
   *
   * @return a read-only view
   */
  public List<Signature> signatures() {
    return Collections.unmodifiableList(signatures);
  }

  /**
   * Finds a signature.
   *
   * @param key such as {@code serving_default}
   * @return empty if there is none of this key
   */
  public Optional<Signature> signature(String key) {
    return signatures.stream().filter(s -> s.key().equals(key)).findFirst();
  }

  /**
   * Adds a signature.
   *
   * @param key what it is called by
   * @param subgraph the subgraph that is run
   * @param inputs tensors of the subgraph by name
   * @param outputs tensors of the subgraph by name
   * @return the new signature
   */
  public Signature addSignature(
      String key, Subgraph subgraph, Map<String, Value> inputs, Map<String, Value> outputs) {
    Signature signature = new Signature(key, subgraph, inputs, outputs);
    signatures.add(signature);
    return signature;
  }

  /**
   * Removes a signature.
   *
   * @param signature one of this graph
   */
  public void remove(Signature signature) {
    signatures.remove(signature);
  }

  /**
   * Returns the metadata by name, such as {@code min_runtime_version} or {@code TFLITE_METADATA}.
   *
   * @return the live map: put and remove entries here
   */
  public Map<String, Weights> metadata() {
    return metadata;
  }

  /**
   * Returns the buffers of the old, nameless metadata field.
   *
   * @return the live list
   */
  public List<Weights> legacyMetadata() {
    return legacyMetadata;
  }

  /**
   * Returns the ZIP archive behind the model, which holds the files (labels, vocabularies) that the
   * metadata name.
   *
   * @return empty if there is none
   */
  public Optional<Weights> appendedFiles() {
    return Optional.ofNullable(appendedFiles);
  }

  /**
   * Sets or takes away the ZIP archive behind the model.
   *
   * @param zip the archive, or null
   * @return this graph
   */
  public Graph appendedFiles(@Nullable Weights zip) {
    appendedFiles = zip;
    return this;
  }

  /**
   * Returns what the file held that this graph cannot: fields of a newer schema. Writing such a
   * graph would lose them, so the writer refuses it unless told otherwise.
   *
   * @return the live list, usually empty
   */
  public List<String> losses() {
    return losses;
  }

  /**
   * Lists what breaks the rules that every graph must keep.
   *
   * @return the problems of all subgraphs, not all if there are very many; empty if there are none
   */
  public List<String> problems() {
    List<String> problems = new ArrayList<>();
    for (int i = 0; i < subgraphs.size() && problems.size() < MOST_PROBLEMS; i++) {
      String prefix = "subgraph " + i + " (" + subgraphs.get(i).name() + "): ";
      subgraphs.get(i).problems().forEach(p -> problems.add(prefix + p));
    }
    return problems;
  }

  /**
   * Checks the rules that every graph must keep.
   *
   * @return this graph
   * @throws UnsupportedModelException listing all problems, if there are any
   */
  public Graph verify() {
    List<String> problems = problems();
    if (!problems.isEmpty()) {
      throw new UnsupportedModelException(
          "the graph has " + problems.size() + " problem(s):\n  " + String.join("\n  ", problems));
    }
    return this;
  }

  /**
   * Returns the problems that the file already had, which the writer therefore lets pass.
   *
   * @return usually empty
   */
  public List<String> tolerated() {
    return tolerated;
  }

  /**
   * Sets the problems that the writer is to let pass.
   *
   * @param problems out of {@link #problems()}, copied
   */
  public void tolerate(List<String> problems) {
    tolerated = List.copyOf(problems);
  }

  /**
   * Copies the graph; constant data and custom options are shared, everything else is new.
   *
   * @return an independent graph, whose subgraphs, values and operators stand in the same order
   */
  public Graph copy() {
    Graph copy = new Graph();
    copy.description = description;
    copy.metadata.putAll(metadata);
    copy.legacyMetadata.addAll(legacyMetadata);
    copy.appendedFiles = appendedFiles;
    copy.losses.addAll(losses);
    copy.tolerated = tolerated;
    Map<Value, Value> map = new IdentityHashMap<>();
    for (Subgraph s : subgraphs) {
      copySubgraph(s, copy.addSubgraph(s.name()), map);
    }
    for (Signature s : signatures) {
      copy.addSignature(
          s.key(),
          copy.subgraphs.get(s.subgraph().index()),
          mapped(s.inputs(), map),
          mapped(s.outputs(), map));
    }
    return copy;
  }

  /**
   * Copies the graph with another subgraph as the main one: it and the first subgraph change
   * places. Operators that call either follow it, and signatures do.
   *
   * @param other a subgraph of this graph
   * @return an independent graph; doing the same again gives the first order
   */
  public Graph withMain(Subgraph other) {
    int index = other.index();
    Graph copy = copy();
    if (index > 0) {
      Collections.swap(copy.subgraphs, 0, index);
      for (Subgraph s : copy.subgraphs) {
        s.ops().forEach(op -> op.renumberSubgraphs(i -> i == 0 ? index : i == index ? 0 : i));
      }
    }
    return copy;
  }

  /**
   * Puts a copy of another graph's subgraph in the place of one of this graph. Signatures follow;
   * operators that call subgraphs keep their indices.
   *
   * @param old a subgraph of this graph, which belongs to it no more
   * @param other a subgraph of a copy of this graph, which may have been edited
   * @throws IllegalArgumentException if a signature of the old subgraph is none of the other
   */
  public void replace(Subgraph old, Subgraph other) {
    Subgraph fresh = new Subgraph(this, other.name());
    Map<Value, Value> map = new IdentityHashMap<>();
    copySubgraph(other, fresh, map);
    for (int i = 0; i < signatures.size(); i++) {
      Signature s = signatures.get(i);
      if (s.subgraph() == old) {
        Signature now = other.graph().signatures().get(i);
        if (now.subgraph() != other) {
          throw new IllegalArgumentException(
              "the signature " + s.key() + " does not belong to the subgraph " + other.name());
        }
        signatures.set(
            i,
            new Signature(s.key(), fresh, mapped(now.inputs(), map), mapped(now.outputs(), map)));
      }
    }
    subgraphs.set(subgraphs.indexOf(old), fresh);
  }

  @Override
  public String toString() {
    return "Graph["
        + subgraphs.size()
        + " subgraphs, "
        + signatures.size()
        + " signatures, "
        + (subgraphs.isEmpty() ? "empty" : main().toString())
        + "]";
  }

  private static void copySubgraph(Subgraph from, Subgraph to, Map<Value, Value> map) {
    for (Value v : from.values()) {
      Value c = to.addValueNamed(v.name(), v.type(), v.shape());
      c.data(v.data().orElse(null)).sparsity(v.sparsity().orElse(null));
      c.variable(v.isVariable()).variantTypes(v.variantTypes());
      map.put(v, c);
    }
    for (Value v : from.values()) {
      v.quantization().ifPresent(q -> at(map, v).quantization(mapped(q, map)));
    }
    for (Op op : from.ops()) {
      Op c = op.copyAttributes();
      c.inputs(mapped(op.inputs(), map));
      c.outputs(op.outputs().stream().map(v -> at(map, v)).toList());
      c.intermediates(mapped(op.intermediates(), map));
      to.append(c);
    }
    to.inputs(from.inputs().stream().map(v -> at(map, v)).toList());
    to.outputs(from.outputs().stream().map(v -> at(map, v)).toList());
    to.debugMetadataIndex(from.debugMetadataIndex());
  }

  private static Quantization mapped(Quantization quantization, Map<Value, Value> map) {
    if (quantization instanceof Quantization.Blockwise b) {
      Value zero = b.zeroPoints();
      return new Quantization.Blockwise(
          at(map, b.scales()), zero == null ? null : at(map, zero), b.blockSize());
    }
    if (quantization instanceof Quantization.MultiAxis m) {
      Value zero = m.zeroPoints();
      return new Quantization.MultiAxis(
          at(map, m.scales()), zero == null ? null : at(map, zero), m.blockSize(), m.axes());
    }
    return quantization;
  }

  private static List<@Nullable Value> mapped(List<@Nullable Value> values, Map<Value, Value> map) {
    List<@Nullable Value> out = new ArrayList<>();
    for (Value v : values) {
      out.add(v == null ? null : at(map, v));
    }
    return out;
  }

  private static Map<String, Value> mapped(Map<String, Value> values, Map<Value, Value> map) {
    Map<String, Value> out = new LinkedHashMap<>();
    values.forEach((k, v) -> out.put(k, at(map, v)));
    return out;
  }

  private static Value at(Map<Value, Value> map, Value value) {
    Value found = map.get(value);
    if (found == null) {
      throw new IllegalStateException("tensor " + value.name() + " is not in its subgraph");
    }
    return found;
  }
}
