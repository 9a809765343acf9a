package io.jetfire.runtime.internal.engine;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How an interpreter is built.
 *
 * @param xnnpack whether the XNNPACK delegate takes the operators that it knows
 * @param threads threads of one invocation, at least 1
 * @param preserveTensors whether intermediate tensors keep their values after an invocation
 * @param profiling whether each operator is timed
 * @param signature the signature to run, or null for the first subgraph
 * @param inputShapes shapes for inputs, by name, before tensors are first allocated
 */
public record InterpreterSettings(
    boolean xnnpack,
    int threads,
    boolean preserveTensors,
    boolean profiling,
    @Nullable String signature,
    Map<String, List<Integer>> inputShapes) {

  public InterpreterSettings {
    inputShapes = Map.copyOf(inputShapes);
    if (threads < 1) {
      throw new IllegalArgumentException("Threads must be at least 1, not " + threads + ".");
    }
  }

  /** One thread, the first subgraph, nothing extra. */
  public static InterpreterSettings of(boolean xnnpack) {
    return new InterpreterSettings(xnnpack, 1, false, false, null, Map.of());
  }
}
