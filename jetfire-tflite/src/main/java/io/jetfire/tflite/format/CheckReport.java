package io.jetfire.tflite.format;

import java.util.List;

/**
 * What a check of a model found.
 *
 * @param problems one line each, saying where and what; the first hundred if there are more
 * @param peakActivationBytes the estimate of the memory that activations and kernels' scratch
 *     buffers take at most; 0 if the file cannot be read at all
 */
public record CheckReport(List<String> problems, long peakActivationBytes) {
  /** Copies the list. */
  public CheckReport {
    problems = List.copyOf(problems);
  }

  /**
   * Says whether the model may be given to a native runtime.
   *
   * @return true if there are no problems
   */
  public boolean isOk() {
    return problems.isEmpty();
  }

  /**
   * Refuses a model with problems.
   *
   * @return this report, if there are none
   * @throws ModelFormatException listing them otherwise
   */
  public CheckReport orThrow() {
    if (!isOk()) {
      throw new ModelFormatException(
          "the model was refused for "
              + problems.size()
              + " problem(s):\n  "
              + String.join("\n  ", problems));
    }
    return this;
  }
}
