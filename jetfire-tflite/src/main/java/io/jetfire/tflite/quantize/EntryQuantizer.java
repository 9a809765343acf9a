package io.jetfire.tflite.quantize;

import io.jetfire.ConfigurationException;
import io.jetfire.Recipe;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * Quantizes every entry point of a model as if it were the only one, with the samples that are for
 * it, and puts the results together.
 *
 * <p>Constants that come out alike are stored once. Weights that entry points share come out alike:
 * see {@link SharedWeights}.
 */
final class EntryQuantizer {
  private final Graph graph;
  private final Recipe recipe;
  private final Optional<ConverterBackend.Calibration> calibration;
  private final QuantizeOptions options;
  private final List<EntryPoint> entries;

  EntryQuantizer(
      Graph original,
      Recipe recipe,
      Optional<ConverterBackend.Calibration> calibration,
      QuantizeOptions options) {
    // Constants with equal content become one, which is no change to what the model is.
    this.graph = original.copy();
    this.recipe = recipe;
    this.calibration = calibration;
    this.options = options;
    this.entries = EntryPoint.of(graph);
  }

  QuantizedGraph run() {
    QuantizedGraph quantized = quantize();
    List<String> notes = new ArrayList<>(quantized.notes());
    notes.addAll(CarriedState.tie(quantized.graph()));
    return new QuantizedGraph(
        quantized.graph().verify(),
        quantized.reference(),
        notes,
        quantized.methods(),
        quantized.heldBackSqnrDb(),
        quantized.samples());
  }

  private QuantizedGraph quantize() {
    List<Optional<ConverterBackend.Calibration>> samples = new ArrayList<>();
    for (EntryPoint e : entries) {
      samples.add(calibration.flatMap(c -> new SampleRouter(graph, entries, c).calibration(e)));
    }
    if (entries.size() == 1) {
      return new Quantizer(graph, recipe, options, SharedWeights.none()).run(samples.get(0));
    }
    if (calibration.isPresent() && samples.stream().allMatch(Optional::isEmpty)) {
      throw SampleStore.empty(calibration.get());
    }
    checkSamples(samples);
    SharedWeights shared = shared(samples);
    List<QuantizedGraph> parts = new ArrayList<>();
    for (int i = 0; i < entries.size(); i++) {
      parts.add(new Quantizer(alone(entries.get(i)), recipe, options, shared).run(samples.get(i)));
    }
    Map<EntryPoint, List<String>> notes = new LinkedHashMap<>();
    Map<EntryPoint, List<String>> methods = new LinkedHashMap<>();
    for (int i = 0; i < entries.size(); i++) {
      List<String> noted = new ArrayList<>(parts.get(i).notes());
      if (calibration.isPresent() && samples.get(i).isEmpty()) {
        noted.add("No calibration sample is for it: nothing of it was fitted to samples");
      }
      notes.put(entries.get(i), noted);
      methods.put(entries.get(i), parts.get(i).methods());
    }
    Graph quantized = merged(parts.stream().map(QuantizedGraph::graph).toList());
    return new QuantizedGraph(
        quantized,
        merged(parts.stream().map(QuantizedGraph::reference).toList()),
        labelled(notes),
        labelled(methods),
        parts.stream()
            .map(QuantizedGraph::heldBackSqnrDb)
            .filter(OptionalDouble::isPresent)
            .mapToDouble(OptionalDouble::getAsDouble)
            .min(),
        parts.stream().mapToInt(QuantizedGraph::samples).sum());
  }

  /** Says which entry points need samples and have none. */
  private void checkSamples(List<Optional<ConverterBackend.Calibration>> samples) {
    List<String> missing = new ArrayList<>();
    Target target = new Target(options.targetRuntime());
    for (int i = 0; i < entries.size(); i++) {
      EntryPoint e = entries.get(i);
      if (samples.get(i).isEmpty()
          && Selection.of(e.in(graph), recipe, target, new ArrayList<>()).anyInteger()) {
        missing.add(e.describe(graph));
      }
    }
    if (!missing.isEmpty()) {
      throw new ConfigurationException(
          "The recipe '"
              + recipe.name()
              + "' quantizes activations, but no calibration sample is for "
              + String.join("; nor for ", missing)
              + ". Add samples with these inputs to the representative dataset, or leave the"
              + " operators float by rules of the recipe");
    }
  }

  /** The graph with one entry point as the main subgraph and nothing in the others. */
  private Graph alone(EntryPoint entry) {
    Graph alone = entry.asMain(graph);
    for (EntryPoint other : entries) {
      if (other != entry) {
        // The main subgraph has changed places with this one.
        empty(alone.subgraphs().get(other.index() == 0 ? entry.index() : other.index()));
      }
    }
    return alone;
  }

  private static void empty(Subgraph subgraph) {
    subgraph.inputs(List.of()).outputs(List.of());
    for (Op op : List.copyOf(subgraph.ops())) {
      subgraph.remove(op);
    }
    subgraph.removeDead();
  }

  /** One graph of those in which one entry point each was worked on. */
  private Graph merged(List<Graph> parts) {
    // Subgraphs that are no entry points were treated alike in all of them.
    Graph merged = entries.get(0).asMain(parts.get(0));
    for (int i = 1; i < entries.size(); i++) {
      EntryPoint e = entries.get(i);
      merged.replace(e.in(merged), e.in(e.asMain(parts.get(i))));
    }
    share(merged);
    return merged;
  }

  /**
   * Finds the weights that entry points share, and rounds them to what all of them feed, if the
   * recipe fits weights to samples at all.
   */
  private SharedWeights shared(List<Optional<ConverterBackend.Calibration>> samples) {
    graph.subgraphs().forEach(Preparation::unfoldConstants);
    share(graph);
    SharedWeights shared = SharedWeights.of(graph, entries);
    boolean fits =
        QuantizationMethod.without(recipe.withoutMethods())
            .contains(QuantizationMethod.ERROR_FEEDBACK);
    if (shared.isEmpty() || !fits || calibration.isEmpty() || options.runtime().isEmpty()) {
      return shared;
    }
    Path folder = Quantizer.temporaryFolder(options);
    try {
      GraphRunner runner = new GraphRunner(options.runtime().get(), folder, options);
      shared.round(graph, entries, samples, recipe, new Target(options.targetRuntime()), runner);
      return shared;
    } finally {
      Quantizer.delete(folder);
    }
  }

  /** Makes constants with equal content one. */
  private static void share(Graph graph) {
    Map<ByteBuffer, Weights> known = new HashMap<>();
    for (Subgraph s : graph.subgraphs()) {
      for (Value v : s.values()) {
        v.data()
            .filter(w -> w.external().isEmpty())
            .ifPresent(w -> v.data(known.computeIfAbsent(w.bytes(), bytes -> w)));
      }
    }
  }

  /** Names the entry point that a note is about, unless it is about all of them. */
  private static List<String> labelled(Map<EntryPoint, List<String>> notes) {
    List<String> all = new ArrayList<>();
    Set<String> common = new HashSet<>(notes.values().iterator().next());
    notes.values().forEach(common::retainAll);
    boolean first = true;
    for (Map.Entry<EntryPoint, List<String>> e : notes.entrySet()) {
      for (String note : e.getValue()) {
        if (!common.contains(note)) {
          all.add(note + " (" + e.getKey().label() + ")");
        } else if (first) {
          all.add(note);
        }
      }
      first = false;
    }
    return all;
  }
}
