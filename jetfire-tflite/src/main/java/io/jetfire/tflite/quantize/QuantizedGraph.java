package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.Graph;
import java.util.List;
import java.util.OptionalDouble;

/**
 * What quantization gave.
 *
 * @param graph the quantized graph
 * @param reference the float graph that was quantized: it computes what the source does, with
 *     channels scaled and operators replaced as accuracy asked for
 * @param notes what the user should know: every operator left float and why, warnings about the
 *     calibration samples
 * @param methods what was done for accuracy, in words
 * @param heldBackSqnrDb signal to quantization noise in dB of all float outputs on calibration
 *     samples that were held back when the methods were chosen; empty without such samples
 * @param samples how many calibration samples were used
 */
public record QuantizedGraph(
    Graph graph,
    Graph reference,
    List<String> notes,
    List<String> methods,
    OptionalDouble heldBackSqnrDb,
    int samples) {

  /** Copies the lists. */
  public QuantizedGraph {
    notes = List.copyOf(notes);
    methods = List.copyOf(methods);
  }
}
