package io.jetfire.tflite.inspect;

import java.util.List;
import java.util.OptionalLong;

/**
 * One operator of a model.
 *
 * @param subgraph the index of its subgraph
 * @param index its place in the subgraph, from 0
 * @param operator the builtin's name or the custom operator's
 * @param version the version that it carries
 * @param output the name of its first output; empty if it has none
 * @param inputs its inputs as {@code INT8[1, 4]}; {@code -} where one is left out
 * @param outputs its outputs in the same form
 * @param parameters the elements of its weights and biases, those of shared ones with the first
 *     layer only
 * @param constantBytes the size of its constants in the file, those of shared ones with the first
 *     layer only
 * @param outputBytes the size of its outputs, dynamic dimensions at their stand-in (usually 1)
 * @param macs multiply-accumulates per inference; empty where they cannot be told
 */
public record Layer(
    int subgraph,
    int index,
    String operator,
    int version,
    String output,
    List<String> inputs,
    List<String> outputs,
    long parameters,
    long constantBytes,
    long outputBytes,
    OptionalLong macs) {
  /** Copies the lists. */
  public Layer {
    inputs = List.copyOf(inputs);
    outputs = List.copyOf(outputs);
  }
}
