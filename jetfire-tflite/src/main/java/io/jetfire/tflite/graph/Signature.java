package io.jetfire.tflite.graph;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** A named way to call a model: names of inputs and outputs, bound to tensors of a subgraph. */
public final class Signature {
  private final String key;
  private final Subgraph subgraph;
  private final Map<String, Value> inputs;
  private final Map<String, Value> outputs;

  Signature(String key, Subgraph subgraph, Map<String, Value> inputs, Map<String, Value> outputs) {
    this.key = key;
    this.subgraph = subgraph;
    this.inputs = new LinkedHashMap<>(inputs);
    this.outputs = new LinkedHashMap<>(outputs);
  }

  /**
   * Returns the key that the signature is called by.
   *
   * @return such as {@code serving_default}
   */
  public String key() {
    return key;
  }

  /**
   * Returns the subgraph that is run.
   *
   * @return a subgraph of the same model
   */
  public Subgraph subgraph() {
    return subgraph;
  }

  /**
   * Returns the inputs by name.
   *
   * @return a read-only view in the order of the file
   */
  public Map<String, Value> inputs() {
    return Collections.unmodifiableMap(inputs);
  }

  /**
   * Returns the outputs by name.
   *
   * @return a read-only view in the order of the file
   */
  public Map<String, Value> outputs() {
    return Collections.unmodifiableMap(outputs);
  }

  @Override
  public String toString() {
    return key + inputs.keySet() + " -> " + outputs.keySet();
  }

  void replaceInput(Value old, Value replacement) {
    inputs.replaceAll((k, v) -> v == old ? replacement : v);
  }

  void replaceOutput(Value old, Value replacement) {
    outputs.replaceAll((k, v) -> v == old ? replacement : v);
  }
}
