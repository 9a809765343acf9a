package io.jetfire.tflite.importer;

import io.jetfire.UnsupportedModelException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Collects everything in a model that the graph cannot express, so that one error names it all.
 *
 * <pre>{@code
 * ImportProblems problems = new ImportProblems("detector.djl-trace");
 * problems.add("fft", "03Spectrum", "float32 (1, 256)", "TensorFlow Lite has no FFT of this kind",
 *     "compute it in the preprocessing");
 * problems.raise();       // throws UnsupportedModelException
 * }</pre>
 *
 * <p>Not thread-safe.
 */
public final class ImportProblems {
  private final String model;
  private final List<Problem> found = new ArrayList<>();
  private final Set<String> operators = new LinkedHashSet<>();

  /**
   * One operation that cannot be imported.
   *
   * @param operation its name in the source's framework
   * @param place where it stands in the source's model
   * @param shapes types and shapes of its inputs
   * @param reason why it cannot be imported
   * @param suggestion what to do about it
   */
  public record Problem(
      String operation, String place, String shapes, String reason, String suggestion) {

    @Override
    public String toString() {
      return operation
          + " at "
          + place
          + " on "
          + shapes
          + ": "
          + reason
          + (suggestion.isEmpty() ? "" : "; " + suggestion);
    }
  }

  /**
   * Starts an empty list.
   *
   * @param model what the messages call the model, such as its file name
   */
  public ImportProblems(String model) {
    this.model = model;
  }

  /**
   * Notes one operation.
   *
   * @param operation its name in the source's framework
   * @param place where it stands in the source's model
   * @param shapes types and shapes of its inputs
   * @param reason why it cannot be imported
   * @param suggestion what to do about it; may be empty
   */
  public void add(String operation, String place, String shapes, String reason, String suggestion) {
    found.add(new Problem(operation, place, shapes, reason, suggestion));
  }

  /**
   * Notes an operator of the source that the caller could ask to keep as a custom one.
   *
   * @param operation its name in the source's framework
   * @param place where it stands in the source's model
   * @param shapes types and shapes of its inputs
   * @param reason why it cannot be imported
   * @param suggestion what to do about it; may be empty
   */
  public void addOperator(
      String operation, String place, String shapes, String reason, String suggestion) {
    add(operation, place, shapes, reason, suggestion);
    operators.add(operation);
  }

  /**
   * Returns what was noted.
   *
   * @return in the order of noting
   */
  public List<Problem> all() {
    return List.copyOf(found);
  }

  /**
   * Throws if anything was noted.
   *
   * @throws UnsupportedModelException that names every problem
   */
  public void raise() {
    if (found.isEmpty()) {
      return;
    }
    StringBuilder message = new StringBuilder();
    message.append("The model ").append(model).append(" cannot be converted: ");
    message.append(found.size()).append(found.size() == 1 ? " operation" : " operations");
    message.append(" of it cannot be expressed in TensorFlow Lite.");
    for (Problem problem : found) {
      message.append("\n  - ").append(problem);
    }
    if (!operators.isEmpty()) {
      message
          .append("\nIf your application has kernels for them, they can stay as custom operators:")
          .append(" ImportOptions.customOperators(\"")
          .append(String.join("\", \"", operators))
          .append("\")");
    }
    throw new UnsupportedModelException(message.toString());
  }
}
