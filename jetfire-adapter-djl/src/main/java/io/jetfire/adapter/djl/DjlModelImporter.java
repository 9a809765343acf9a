package io.jetfire.adapter.djl;

import io.jetfire.ConfigurationException;
import io.jetfire.adapter.djl.internal.artifact.DjlTraceFile;
import io.jetfire.adapter.djl.internal.lower.Lowering;
import io.jetfire.adapter.djl.internal.trace.Trace;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ModelImporter;
import java.nio.file.Path;

/**
 * Reads models that were trained with DJL (format {@code djl-trace}) into the graph.
 *
 * <p>Needs neither the user's code nor native libraries. Batch normalization becomes part of the
 * convolution before it; operators that TensorFlow Lite has for channels last alone get TRANSPOSEs
 * around them.
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
    Trace trace = DjlTraceFile.read(file).trace();
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
    return Lowering.lower(trace, options.batch(), String.valueOf(file.getFileName()));
  }
}
