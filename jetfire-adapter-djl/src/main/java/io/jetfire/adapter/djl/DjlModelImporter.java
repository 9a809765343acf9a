package io.jetfire.adapter.djl;

import io.jetfire.ConfigurationException;
import io.jetfire.Layout;
import io.jetfire.adapter.djl.internal.artifact.DjlTraceFile;
import io.jetfire.adapter.djl.internal.lower.Lowering;
import io.jetfire.adapter.djl.internal.trace.Trace;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ModelImporter;
import io.jetfire.tflite.transform.LayoutOptions;
import java.nio.file.Path;

/**
 * Reads models that were trained with DJL (format {@code djl-trace}) into the graph.
 *
 * <p>Needs neither the user's code nor native libraries. Batch normalization becomes part of the
 * convolution before it, and the whole is brought into channels last, as TensorFlow Lite computes,
 * with as few TRANSPOSEs as it takes.
 */
public final class DjlModelImporter implements ModelImporter {

  /** Creates the importer; does nothing. */
  public DjlModelImporter() {}

  @Override
  public String id() {
    return DjlTraceFile.FORMAT;
  }

  @Override
  public boolean accepts(Path file, byte[] header) {
    return DjlTraceFile.accepts(header);
  }

  @Override
  public Graph read(Path file, ImportOptions options) {
    DjlTraceFile traced = DjlTraceFile.read(file);
    Trace trace = traced.trace();
    if (trace.fixedBatch() != 0 && trace.fixedBatch() != options.batch()) {
      throw new ConfigurationException(
          "The model "
              + file
              + " was traced for batches of "
              + trace.fixedBatch()
              + " alone, because what it computes depends on the batch size, so it cannot be"
              + " imported for batches of "
              + options.batch()
              + ".");
    }
    LayoutOptions layout = layout(file, traced, options);
    Graph graph = Lowering.lower(trace, options.batch(), String.valueOf(file.getFileName()));
    return options.finish(options.optimize(graph, layout));
  }

  private static LayoutOptions layout(Path file, DjlTraceFile traced, ImportOptions options) {
    Layout source =
        traced.training().path("settings").path("layout").asText("").equals("CHANNELS_LAST")
            ? Layout.CHANNELS_LAST
            : Layout.CHANNELS_FIRST;
    Layout wanted = options.edgeLayout().orElse(source);
    if (wanted == source) {
      return LayoutOptions.keep();
    }
    if (wanted == Layout.CHANNELS_FIRST) {
      throw new ConfigurationException(
          "The model "
              + file
              + " was trained on images with channels last, and cannot be imported with channels"
              + " first. Ask for channels last, or for no layout.");
    }
    return LayoutOptions.channelsLast();
  }
}
