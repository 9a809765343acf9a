package io.jetfire.tflite.importer;

import io.jetfire.ConfigurationException;
import io.jetfire.Layout;
import java.util.Objects;
import java.util.Optional;
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
  private static final ImportOptions DEFAULTS = new ImportOptions(1, null);

  private final int batch;
  private final @Nullable Layout edgeLayout;

  private ImportOptions(int batch, @Nullable Layout edgeLayout) {
    this.batch = batch;
    this.edgeLayout = edgeLayout;
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
    return new ImportOptions(samples, edgeLayout);
  }

  /**
   * Returns these options with a layout for the image inputs and outputs (those of four
   * dimensions).
   *
   * @param layout such as channels last, as phones have images
   * @return the options
   */
  public ImportOptions edgeLayout(Layout layout) {
    return new ImportOptions(batch, layout);
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
    return other instanceof ImportOptions o && batch == o.batch && edgeLayout == o.edgeLayout;
  }

  @Override
  public int hashCode() {
    return Objects.hash(batch, edgeLayout);
  }

  @Override
  public String toString() {
    return "ImportOptions[batch "
        + batch
        + (edgeLayout == null ? "" : ", edges " + edgeLayout)
        + "]";
  }
}
