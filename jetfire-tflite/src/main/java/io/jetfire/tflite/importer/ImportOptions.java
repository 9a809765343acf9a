package io.jetfire.tflite.importer;

import io.jetfire.ConfigurationException;
import io.jetfire.Layout;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.transform.LayoutOptions;
import io.jetfire.tflite.transform.Optimizer;
import io.jetfire.tflite.transform.SharedMemoryGuard;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What a caller wants of an imported graph.
 *
 * <pre>{@code
 * ImportOptions options = ImportOptions.defaults().edgeLayout(Layout.CHANNELS_LAST);
 * }</pre>
 *
 * <p>Immutable.
 */
public final class ImportOptions {
  private static final ImportOptions DEFAULTS =
      new ImportOptions(1, null, Map.of(), false, true, Set.of());

  /** Names every operator that cannot be expressed otherwise, see {@link #customOperators}. */
  public static final String ANY_OPERATOR = "*";

  private final int batch;
  private final @Nullable Layout edgeLayout;
  private final Map<String, Integer> dimensions;
  private final boolean openBatch;
  private final boolean optimized;
  private final Set<String> customOperators;

  private ImportOptions(
      int batch,
      @Nullable Layout edgeLayout,
      Map<String, Integer> dimensions,
      boolean openBatch,
      boolean optimized,
      Set<String> customOperators) {
    this.batch = batch;
    this.edgeLayout = edgeLayout;
    this.dimensions = dimensions;
    this.openBatch = openBatch;
    this.optimized = optimized;
    this.customOperators = customOperators;
  }

  /**
   * Returns the usual options: single samples, image inputs and outputs as in the source.
   *
   * @return the options
   */
  public static ImportOptions defaults() {
    return DEFAULTS;
  }

  /**
   * Returns these options with another batch size for sources that leave it open.
   *
   * @param samples at least 1
   * @return the options
   */
  public ImportOptions batch(int samples) {
    if (samples < 1) {
      throw new ConfigurationException("The batch size must be at least 1, but is " + samples);
    }
    return new ImportOptions(
        samples, edgeLayout, dimensions, openBatch, optimized, customOperators);
  }

  /**
   * Returns these options with a layout for the image inputs and outputs (those of four
   * dimensions).
   *
   * @param layout such as channels last, as phones have images
   * @return the options
   */
  public ImportOptions edgeLayout(Layout layout) {
    return new ImportOptions(batch, layout, dimensions, openBatch, optimized, customOperators);
  }

  /**
   * Returns these options with a size for a dimension that the source leaves open.
   *
   * @param name the source's name of the dimension, such as {@code sequence_length} or {@code s77},
   *     or the input's name and the dimension's place, such as {@code tokens.1}
   * @param size at least 0
   * @return the options
   */
  public ImportOptions dimension(String name, int size) {
    if (size < 0) {
      throw new ConfigurationException(
          "The dimension '" + name + "' must be at least 0, but is " + size);
    }
    Map<String, Integer> more = new TreeMap<>(dimensions);
    more.put(name, size);
    return new ImportOptions(
        batch,
        edgeLayout,
        Collections.unmodifiableMap(more),
        openBatch,
        optimized,
        customOperators);
  }

  /**
   * Returns these options with the batch left open where the source has it open; then {@link
   * #batch} has no effect.
   *
   * @param open whether it stays open
   * @return the options
   */
  public ImportOptions openBatch(boolean open) {
    return new ImportOptions(batch, edgeLayout, dimensions, open, optimized, customOperators);
  }

  /**
   * Returns these options for the graph as the source has it, operator by operator, to compare the
   * optimized one with (see {@link ImportVerification}). It has the source's layout and many
   * transposes.
   *
   * @return the options
   */
  public ImportOptions unoptimized() {
    return new ImportOptions(batch, edgeLayout, dimensions, openBatch, false, customOperators);
  }

  /**
   * Returns these options with operators that stay as they are: each becomes a custom operator of
   * TensorFlow Lite of the same name, whose kernel the application brings. Its attributes are kept,
   * as a FlexBuffer. Without this, an operator that cannot be expressed ends in an error.
   *
   * @param names of operators, as errors list them, such as {@code com.example.Filter}; these stay
   *     even where they could be expressed. Or {@link #ANY_OPERATOR}: all that cannot
   * @return the options
   */
  public ImportOptions customOperators(String... names) {
    Set<String> more = new TreeSet<>(customOperators);
    more.addAll(List.of(names));
    return new ImportOptions(
        batch, edgeLayout, dimensions, openBatch, optimized, Collections.unmodifiableSet(more));
  }

  /**
   * Returns the operators that stay as custom ones.
   *
   * @return names in alphabetical order
   */
  public Set<String> customOperators() {
    return customOperators;
  }

  /**
   * Says whether the graph is optimized.
   *
   * @return true by default
   */
  public boolean isOptimized() {
    return optimized;
  }

  /**
   * Does what importers of channels-first sources do last: see {@link #optimize(Graph,
   * LayoutOptions)}. The edges keep the source's layout unless channels last are asked for.
   *
   * @param graph what was read
   * @return the same graph, changed
   */
  public Graph optimize(Graph graph) {
    return optimize(
        graph,
        edgeLayout == Layout.CHANNELS_LAST ? LayoutOptions.channelsLast() : LayoutOptions.keep());
  }

  /**
   * Does what importers do last: brings the edges into the wanted layout and optimizes, if these
   * options ask for it.
   *
   * @param graph what was read, in which images have their channels first at the edges if that is
   *     not what is wanted
   * @param layout what becomes of the edges
   * @return the same graph, changed
   */
  public Graph optimize(Graph graph, LayoutOptions layout) {
    return optimized ? Optimizer.standard(layout).run(graph) : graph;
  }

  /**
   * Ends an import: keeps the runtime from overwriting tensors too early (see {@link
   * SharedMemoryGuard}) and verifies the graph, so that it can be written as it is.
   *
   * @param graph what was read, after every other pass
   * @return the same graph, changed
   * @throws io.jetfire.UnsupportedModelException if the graph is not sound
   */
  public Graph finish(Graph graph) {
    SharedMemoryGuard.create().run(graph);
    return graph.verify();
  }

  /**
   * Returns the sizes of open dimensions.
   *
   * @return by name, in alphabetical order
   */
  public Map<String, Integer> dimensions() {
    return dimensions;
  }

  /**
   * Says whether an open batch stays open.
   *
   * @return false by default
   */
  public boolean openBatch() {
    return openBatch;
  }

  /**
   * Returns the batch size.
   *
   * @return at least 1
   */
  public int batch() {
    return batch;
  }

  /**
   * Returns the layout of image inputs and outputs.
   *
   * @return empty to keep the source's
   */
  public Optional<Layout> edgeLayout() {
    return Optional.ofNullable(edgeLayout);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ImportOptions o
        && batch == o.batch
        && edgeLayout == o.edgeLayout
        && openBatch == o.openBatch
        && optimized == o.optimized
        && dimensions.equals(o.dimensions)
        && customOperators.equals(o.customOperators);
  }

  @Override
  public int hashCode() {
    return Objects.hash(batch, edgeLayout, dimensions, openBatch, customOperators);
  }

  @Override
  public String toString() {
    return "ImportOptions[batch "
        + batch
        + (openBatch ? ", open" : "")
        + (optimized ? "" : ", not optimized")
        + (edgeLayout == null ? "" : ", edges " + edgeLayout)
        + (dimensions.isEmpty() ? "" : ", dimensions " + dimensions)
        + (customOperators.isEmpty() ? "" : ", custom operators " + customOperators)
        + "]";
  }
}
