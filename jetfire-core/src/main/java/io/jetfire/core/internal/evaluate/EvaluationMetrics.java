package io.jetfire.core.internal.evaluate;

import io.jetfire.EvaluationResult;
import io.jetfire.Prediction;
import io.jetfire.Sample;
import java.util.List;
import java.util.Map;

/** Collects predictions one by one and turns them into metrics. */
interface EvaluationMetrics {

  /**
   * Takes one sample.
   *
   * @param sample with its target
   * @param prediction what the model says
   */
  void add(Sample sample, Prediction prediction);

  /**
   * Puts the metrics in.
   *
   * @param metrics to fill
   */
  void metrics(Map<String, Double> metrics);

  /**
   * Returns what was measured per class.
   *
   * @return in the order of the labels
   */
  List<EvaluationResult.ClassResult> classes();

  /**
   * Returns how often a label was predicted as another.
   *
   * @return rows are true labels; empty where that has no meaning
   */
  List<List<Long>> confusion();
}
