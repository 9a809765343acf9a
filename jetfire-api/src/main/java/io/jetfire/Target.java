package io.jetfire;

import java.util.List;

/** The ground truth of a sample. */
public sealed interface Target {

  /**
   * A classification target.
   *
   * @param index the class, an index into {@link Dataset#labels()}
   */
  record Label(int index) implements Target {
    /** Checks the index. */
    public Label {
      if (index < 0) {
        throw new IllegalArgumentException("A label is at least 0, but was " + index);
      }
    }
  }

  /**
   * A detection target.
   *
   * @param boxes every item in the image; may be empty
   */
  record Boxes(List<LabeledBox> boxes) implements Target {
    /** Copies the list. */
    public Boxes {
      boxes = List.copyOf(boxes);
    }
  }

  /**
   * A target of numbers, for metrics of the user's own.
   *
   * @param tensor the numbers
   */
  record Values(Tensor tensor) implements Target {}

  /** No ground truth: enough for calibration and latency. */
  record None() implements Target {}

  /**
   * Returns a classification target.
   *
   * @param index the class, an index into {@link Dataset#labels()}
   * @return the target
   */
  static Target label(int index) {
    return new Label(index);
  }

  /**
   * Returns a detection target.
   *
   * @param boxes every item in the image
   * @return the target
   */
  static Target boxes(List<LabeledBox> boxes) {
    return new Boxes(boxes);
  }

  /**
   * Returns the absence of ground truth.
   *
   * @return the target
   */
  static Target none() {
    return new None();
  }
}
