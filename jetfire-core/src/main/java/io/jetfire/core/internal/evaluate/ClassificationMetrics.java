package io.jetfire.core.internal.evaluate;

import io.jetfire.DataException;
import io.jetfire.EvaluationResult;
import io.jetfire.Prediction;
import io.jetfire.Sample;
import io.jetfire.Target;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** Accuracy, precision, recall and the confusion matrix. */
final class ClassificationMetrics implements EvaluationMetrics {
  private final List<String> labels;
  private final long[][] confusion;
  private long samples;

  ClassificationMetrics(List<String> labels) {
    this.labels = labels;
    this.confusion = new long[labels.size()][labels.size()];
  }

  @Override
  public void add(Sample sample, Prediction prediction) {
    if (!(sample.target() instanceof Target.Label label)) {
      throw new DataException(
          "Classification wants labels, but sample " + sample.id() + " has " + sample.target());
    }
    if (!(prediction instanceof Prediction.Scores scores)) {
      throw new DataException(
          "Classification wants scores, but the decoder gave "
              + prediction
              + "; decode with"
              + " OutputDecoder.softmax() or scores()");
    }
    int n = labels.size();
    if (label.index() >= n || scores.scores().size() != n) {
      throw new DataException(
          "The dataset has "
              + n
              + " labels, but sample "
              + sample.id()
              + " has label "
              + label.index()
              + " and the model gave "
              + scores.scores().size()
              + " scores");
    }
    if (scores.scores().get(scores.best()).isNaN()) {
      throw new DataException(
          "The model gave no number (NaN) as score of any class for sample "
              + sample.id()
              + "; check the sample, the preprocessing and the model's precision");
    }
    samples++;
    confusion[label.index()][scores.best()]++;
  }

  @Override
  public void metrics(Map<String, Double> metrics) {
    long right = 0;
    for (int i = 0; i < confusion.length; i++) {
      right += confusion[i][i];
    }
    metrics.put(EvaluationResult.ACCURACY, (double) right / samples);
    List<EvaluationResult.ClassResult> classes = classes();
    mean(classes.stream().map(EvaluationResult.ClassResult::precision).toList())
        .ifPresent(m -> metrics.put(EvaluationResult.MACRO_PRECISION, m));
    mean(classes.stream().map(EvaluationResult.ClassResult::recall).toList())
        .ifPresent(m -> metrics.put(EvaluationResult.MACRO_RECALL, m));
  }

  static OptionalDouble mean(List<OptionalDouble> values) {
    return values.stream()
        .filter(OptionalDouble::isPresent)
        .mapToDouble(OptionalDouble::getAsDouble)
        .average();
  }

  static OptionalDouble ratio(long part, long whole) {
    return whole == 0 ? OptionalDouble.empty() : OptionalDouble.of((double) part / whole);
  }

  @Override
  public List<EvaluationResult.ClassResult> classes() {
    List<EvaluationResult.ClassResult> list = new ArrayList<>();
    for (int i = 0; i < labels.size(); i++) {
      long actual = 0;
      long predicted = 0;
      for (int j = 0; j < labels.size(); j++) {
        actual += confusion[i][j];
        predicted += confusion[j][i];
      }
      list.add(
          new EvaluationResult.ClassResult(
              labels.get(i),
              actual,
              ratio(confusion[i][i], predicted),
              ratio(confusion[i][i], actual),
              OptionalDouble.empty()));
    }
    return list;
  }

  @Override
  public List<List<Long>> confusion() {
    List<List<Long>> rows = new ArrayList<>();
    for (long[] row : confusion) {
      List<Long> list = new ArrayList<>();
      for (long v : row) {
        list.add(v);
      }
      rows.add(list);
    }
    return rows;
  }
}
