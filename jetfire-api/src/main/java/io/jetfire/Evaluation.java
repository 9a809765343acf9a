package io.jetfire;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How to measure what a model is worth: on which samples, with which metrics.
 *
 * <pre>{@code
 * Evaluation evaluation = Evaluation.detection(scenes).iouThresholds(0.5, 0.75).build();
 * }</pre>
 *
 * <p>Samples are streamed, so a dataset larger than memory works. Immutable.
 */
public final class Evaluation implements Description {

  /** What a model does. */
  public enum Task {
    /** One label per sample: loss, accuracy, precision and recall, confusion matrix. */
    CLASSIFICATION,
    /** Boxes per sample: loss, precision, recall and average precision per IoU threshold. */
    DETECTION
  }

  private final Task task;
  private final Dataset dataset;
  private final List<Double> iouThresholds;
  private final @Nullable Loss loss;
  private final List<Delegate> delegates;

  private Evaluation(Builder b) {
    task = b.task;
    dataset = b.dataset;
    iouThresholds = List.copyOf(b.iouThresholds);
    loss = b.loss;
    delegates = List.copyOf(b.delegates);
  }

  /**
   * Starts the evaluation of a classifier.
   *
   * @param dataset samples with {@link Target.Label} targets
   * @return a builder
   */
  public static Builder classification(Dataset dataset) {
    return new Builder(Task.CLASSIFICATION, dataset);
  }

  /**
   * Starts the evaluation of a detector.
   *
   * @param dataset samples with {@link Target.Boxes} targets
   * @return a builder, with an IoU threshold of 0.5
   */
  public static Builder detection(Dataset dataset) {
    return new Builder(Task.DETECTION, dataset);
  }

  /**
   * Returns what the model does.
   *
   * @return the task
   */
  public Task task() {
    return task;
  }

  /**
   * Returns the samples to evaluate on.
   *
   * @return the dataset
   */
  public Dataset dataset() {
    return dataset;
  }

  /**
   * Returns from which overlap on a detection counts as right.
   *
   * @return ascending; empty for classification
   */
  public List<Double> iouThresholds() {
    return iouThresholds;
  }

  /**
   * Returns the loss to compute, if any.
   *
   * @return the loss
   */
  public Optional<Loss> loss() {
    return Optional.ofNullable(loss);
  }

  /**
   * Returns the delegates that converted variants are evaluated with on the host.
   *
   * @return never empty
   */
  public List<Delegate> delegates() {
    return delegates;
  }

  /**
   * Returns the metric that gates and reports speak of when they say accuracy.
   *
   * @return {@code accuracy}, or mAP at the lowest IoU threshold
   */
  public String primaryMetric() {
    return task == Task.CLASSIFICATION
        ? "accuracy"
        : EvaluationResult.meanAveragePrecision(iouThresholds.get(0));
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Evaluation e
        && task == e.task
        && dataset.name().equals(e.dataset.name())
        && dataset.fingerprint().equals(e.dataset.fingerprint())
        && iouThresholds.equals(e.iouThresholds)
        && Objects.equals(loss, e.loss)
        && delegates.equals(e.delegates);
  }

  @Override
  public int hashCode() {
    return Objects.hash(task, dataset.name(), iouThresholds, loss, delegates);
  }

  @Override
  public String toString() {
    return "Evaluation["
        + task
        + " on "
        + dataset
        + (iouThresholds.isEmpty() ? "" : " at IoU " + iouThresholds)
        + ", "
        + delegates
        + "]";
  }

  /** Collects the parts of an {@link Evaluation}. */
  public static final class Builder {
    private final Task task;
    private final Dataset dataset;
    private List<Double> iouThresholds;
    private @Nullable Loss loss;
    private List<Delegate> delegates = List.of(Delegate.XNNPACK, Delegate.CPU);

    private Builder(Task task, Dataset dataset) {
      this.task = task;
      this.dataset = dataset;
      this.iouThresholds = task == Task.DETECTION ? List.of(0.5) : List.of();
    }

    /**
     * Sets from which overlap on a detection counts as right.
     *
     * @param values above 0 and at most 1
     * @return this builder
     */
    public Builder iouThresholds(double... values) {
      List<Double> list = new ArrayList<>();
      for (double v : values) {
        list.add(v);
      }
      list.sort(null);
      iouThresholds = list;
      return this;
    }

    /**
     * Sets the loss to compute.
     *
     * @param value the loss
     * @return this builder
     */
    public Builder loss(Loss value) {
      this.loss = value;
      return this;
    }

    /**
     * Sets the delegates that converted variants are evaluated with on the host; by default XNNPACK
     * and the reference kernels.
     *
     * @param values at least one
     * @return this builder
     */
    public Builder delegates(Delegate... values) {
      this.delegates = List.of(values);
      return this;
    }

    /**
     * Makes the evaluation.
     *
     * @return the evaluation
     * @throws ConfigurationException if parts do not fit together; all problems are named
     */
    public Evaluation build() {
      Problems problems = new Problems("The evaluation on '" + dataset.name() + "'");
      problems.check(!delegates.isEmpty(), "it needs at least one delegate");
      problems.check(
          (task == Task.DETECTION) != iouThresholds.isEmpty(),
          task == Task.DETECTION
              ? "detection needs an IoU threshold"
              : "classification has no IoU thresholds");
      for (double v : iouThresholds) {
        problems.check(v > 0 && v <= 1, "an IoU threshold is above 0 and at most 1, not " + v);
      }
      problems.raise();
      return new Evaluation(this);
    }
  }
}
