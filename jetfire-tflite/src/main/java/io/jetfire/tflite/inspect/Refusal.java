package io.jetfire.tflite.inspect;

/**
 * An operator that a runtime or a delegate will not take.
 *
 * @param subgraph the index of its subgraph
 * @param index its place in the subgraph, from 0
 * @param operator the builtin's name or the custom operator's
 * @param output the name of its first output; empty if it has none
 * @param reason why, in a few words
 */
public record Refusal(int subgraph, int index, String operator, String output, String reason) {
  /** Returns a line such as {@code 0:12 SOFTMAX (probs): INT16 tensors}. */
  @Override
  public String toString() {
    return subgraph + ":" + index + " " + operator + " (" + output + "): " + reason;
  }
}
