package io.jetfire;

import java.util.List;
import java.util.Objects;

/**
 * How wrong a model is on one sample, as a number that training makes small; the same for the
 * trained model and all its variants.
 *
 * <pre>{@code
 * Loss logits = Loss.crossEntropy(true);
 * Loss custom = Loss.function("squared-v1", (outputs, sample) -> 0.0);
 * }</pre>
 *
 * <p>Implementations are immutable and thread-safe.
 */
public sealed interface Loss {

  /**
   * Computes the loss on one sample.
   *
   * @param outputs the model's outputs, FLOAT32
   * @param sample the sample with its target
   * @return a finite number, or NaN if the outputs have any
   * @throws DataException if outputs or target do not fit
   */
  double of(List<Tensor> outputs, Sample sample);

  /** A loss function of the user's own. */
  @FunctionalInterface
  interface Function {
    /**
     * Computes the loss on one sample.
     *
     * @param outputs the model's outputs, FLOAT32
     * @param sample the sample with its target
     * @return the loss
     */
    double of(List<Tensor> outputs, Sample sample);
  }

  /**
   * Returns the negative logarithm of the true class's probability.
   *
   * @param logits whether the first output holds logits; else probabilities, which count as 1e-7 at
   *     least
   * @return the loss
   */
  static Loss crossEntropy(boolean logits) {
    return new CrossEntropy(logits);
  }

  /**
   * Returns the loss of single-shot detectors (Liu et al. 2016): softmax cross-entropy over matched
   * anchors and over the three times as many background anchors that are most wrong, plus smooth L1
   * over the box codes of matched anchors; divided by the number of matched anchors.
   *
   * @param anchors the anchors
   * @return the loss, with a matching threshold of 0.5
   */
  static Loss ssd(SsdAnchors anchors) {
    return new Ssd(anchors, 0.5, 3);
  }

  /**
   * Returns a loss of the user's own, known by name.
   *
   * @param name what it is called, with its version
   * @param function the function
   * @return the loss
   */
  static Loss function(String name, Function function) {
    return new Custom(name, function);
  }

  /**
   * Cross-entropy of a classification.
   *
   * @param logits whether the first output holds logits
   */
  record CrossEntropy(boolean logits) implements Loss {
    @Override
    public double of(List<Tensor> outputs, Sample sample) {
      float[] scores = outputs.get(0).toFloatArray();
      if (!(sample.target() instanceof Target.Label label) || label.index() >= scores.length) {
        throw new DataException(
            "Cross-entropy wants a label below "
                + scores.length
                + ", but sample "
                + sample.id()
                + " has "
                + sample.target());
      }
      if (logits) {
        return Losses.softmaxCrossEntropy(scores, 0, scores.length, label.index());
      }
      float p = scores[label.index()];
      return Float.isNaN(p) ? Double.NaN : -Math.log(Math.max(1e-7, p));
    }
  }

  /**
   * The loss of single-shot detectors.
   *
   * @param anchors the anchors
   * @param matchThreshold the least intersection over union of a matched anchor
   * @param negativesPerPositive how many background anchors count per matched one
   */
  record Ssd(SsdAnchors anchors, double matchThreshold, int negativesPerPositive) implements Loss {
    /** Checks the numbers. */
    public Ssd {
      Problems problems = new Problems("The SSD loss");
      problems.check(
          matchThreshold > 0 && matchThreshold <= 1,
          "the match threshold is above 0 and at most 1, not " + matchThreshold);
      problems.check(
          negativesPerPositive >= 0,
          "negatives per positive are at least 0, not " + negativesPerPositive);
      problems.raise();
    }

    @Override
    public double of(List<Tensor> outputs, Sample sample) {
      return Losses.ssd(this, outputs, sample);
    }
  }

  /**
   * A loss of the user's own.
   *
   * @param name what it is called, with its version
   * @param function the function
   */
  record Custom(String name, Function function) implements Loss {
    @Override
    public double of(List<Tensor> outputs, Sample sample) {
      return function.of(outputs, sample);
    }

    @Override
    public boolean equals(Object o) {
      return o instanceof Custom c && name.equals(c.name);
    }

    @Override
    public int hashCode() {
      return Objects.hash(name);
    }
  }
}
