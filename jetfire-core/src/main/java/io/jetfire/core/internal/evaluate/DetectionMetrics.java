package io.jetfire.core.internal.evaluate;

import io.jetfire.DataException;
import io.jetfire.Detection;
import io.jetfire.EvaluationResult;
import io.jetfire.LabeledBox;
import io.jetfire.Prediction;
import io.jetfire.Sample;
import io.jetfire.Target;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * Precision, recall and average precision of a detector.
 *
 * <p>Matching as in PASCAL VOC: per image and class, detections by falling score take the true box
 * that they overlap most, if it is not taken yet and the overlap is at least the threshold; average
 * precision is the area under the precision-recall curve made monotonic (all points, VOC 2010 and
 * later). Memory grows with the number of detections, not with the images.
 */
final class DetectionMetrics implements EvaluationMetrics {
  private final List<String> labels;
  private final List<Double> thresholds;
  private final long[] truths;
  private final List<List<Scores>> found; // by threshold, then label

  /** Scores of one class at one threshold, the sign telling right (positive) from wrong. */
  private static final class Scores {
    private float[] signed = new float[64];
    private int size;
    private long right;

    void add(float score, boolean isRight) {
      if (size == signed.length) {
        signed = Arrays.copyOf(signed, size * 2);
      }
      // A score of 0 keeps its sign as the smallest positive number.
      float magnitude = Math.max(score, Float.MIN_VALUE);
      signed[size++] = isRight ? magnitude : -magnitude;
      right += isRight ? 1 : 0;
    }

    OptionalDouble averagePrecision(long truths) {
      if (truths == 0) {
        return OptionalDouble.empty();
      }
      Integer[] order = new Integer[size];
      Arrays.setAll(order, i -> i);
      Arrays.sort(order, (a, b) -> Float.compare(Math.abs(signed[b]), Math.abs(signed[a])));
      double[] precision = new double[size];
      long rightSoFar = 0;
      for (int i = 0; i < size; i++) {
        rightSoFar += signed[order[i]] > 0 ? 1 : 0;
        precision[i] = (double) rightSoFar / (i + 1);
      }
      double area = 0;
      double best = 0;
      for (int i = size - 1; i >= 0; i--) {
        best = Math.max(best, precision[i]);
        if (signed[order[i]] > 0) {
          area += best / truths;
        }
      }
      return OptionalDouble.of(area);
    }
  }

  DetectionMetrics(List<String> labels, List<Double> thresholds) {
    this.labels = labels;
    this.thresholds = thresholds;
    this.truths = new long[labels.size()];
    this.found = new ArrayList<>();
    for (int t = 0; t < thresholds.size(); t++) {
      List<Scores> perLabel = new ArrayList<>();
      for (int l = 0; l < labels.size(); l++) {
        perLabel.add(new Scores());
      }
      found.add(perLabel);
    }
  }

  @Override
  public void add(Sample sample, Prediction prediction) {
    if (!(sample.target() instanceof Target.Boxes truth)) {
      throw new DataException(
          "Detection wants boxes, but sample " + sample.id() + " has " + sample.target());
    }
    if (!(prediction instanceof Prediction.Detections detections)) {
      throw new DataException(
          "Detection wants detections, but the decoder gave "
              + prediction
              + "; decode with"
              + " OutputDecoder.ssd(anchors)");
    }
    for (LabeledBox box : truth.boxes()) {
      if (box.label() >= labels.size()) {
        throw new DataException(
            "Sample "
                + sample.id()
                + " has label "
                + box.label()
                + ", but the dataset has only "
                + labels.size()
                + " labels");
      }
      truths[box.label()]++;
    }
    List<Detection> sorted = new ArrayList<>(detections.detections());
    sorted.sort((a, b) -> Float.compare(b.score(), a.score()));
    for (int t = 0; t < thresholds.size(); t++) {
      match(sorted, truth.boxes(), thresholds.get(t), found.get(t));
    }
  }

  private void match(
      List<Detection> sorted, List<LabeledBox> truth, double threshold, List<Scores> scores) {
    boolean[] taken = new boolean[truth.size()];
    for (Detection d : sorted) {
      if (d.label() < 0 || d.label() >= labels.size()) {
        throw new DataException(
            "The model found label " + d.label() + ", but the dataset has only " + labels.size());
      }
      int best = -1;
      float overlap = 0;
      for (int i = 0; i < truth.size(); i++) {
        if (truth.get(i).label() == d.label()) {
          float iou = truth.get(i).box().iou(d.box());
          if (iou > overlap) {
            overlap = iou;
            best = i;
          }
        }
      }
      boolean right = best >= 0 && overlap >= threshold && !taken[best];
      if (right) {
        taken[best] = true;
      }
      scores.get(d.label()).add(d.score(), right);
    }
  }

  @Override
  public void metrics(Map<String, Double> metrics) {
    for (int t = 0; t < thresholds.size(); t++) {
      double iou = thresholds.get(t);
      List<OptionalDouble> ap = new ArrayList<>();
      long right = 0;
      long all = 0;
      for (int l = 0; l < labels.size(); l++) {
        Scores s = found.get(t).get(l);
        ap.add(s.averagePrecision(truths[l]));
        right += s.right;
        all += s.size;
      }
      ClassificationMetrics.mean(ap)
          .ifPresent(m -> metrics.put(EvaluationResult.meanAveragePrecision(iou), m));
      ClassificationMetrics.ratio(right, all)
          .ifPresent(p -> metrics.put(EvaluationResult.precision(iou), p));
      ClassificationMetrics.ratio(right, Arrays.stream(truths).sum())
          .ifPresent(r -> metrics.put(EvaluationResult.recall(iou), r));
    }
  }

  @Override
  public List<EvaluationResult.ClassResult> classes() {
    List<EvaluationResult.ClassResult> list = new ArrayList<>();
    for (int l = 0; l < labels.size(); l++) {
      Scores s = found.get(0).get(l);
      list.add(
          new EvaluationResult.ClassResult(
              labels.get(l),
              truths[l],
              ClassificationMetrics.ratio(s.right, s.size),
              ClassificationMetrics.ratio(s.right, truths[l]),
              s.averagePrecision(truths[l])));
    }
    return list;
  }

  @Override
  public List<List<Long>> confusion() {
    return List.of();
  }
}
