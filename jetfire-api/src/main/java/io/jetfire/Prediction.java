package io.jetfire;

import io.jetfire.spi.BenchmarkLog;
import java.util.List;

/** What a model says about a sample, decoded from its output tensors. */
public sealed interface Prediction {

  /**
   * A classification.
   *
   * @param scores one score per class, as the decoder left them (probabilities unless it says
   *     otherwise)
   */
  record Scores(List<Float> scores) implements Prediction {
    /** Copies the list. */
    public Scores {
      scores = List.copyOf(scores);
    }

    /**
     * Returns the class with the highest score; the first of several equal ones. NaN is never the
     * highest unless there is nothing else.
     *
     * @return the label
     */
    public int best() {
      int best = 0;
      for (int i = 1; i < scores.size(); i++) {
        if (scores.get(i) > scores.get(best) || scores.get(best).isNaN()) {
          best = i;
        }
      }
      return best;
    }
  }

  /**
   * Detected items.
   *
   * @param detections by falling score
   */
  record Detections(List<Detection> detections) implements Prediction {
    /** Copies the list. */
    public Detections {
      detections = List.copyOf(detections);
    }

    /**
     * Writes these detections to a benchmark's log.
     *
     * @param log the log of a session that was begun
     * @param frame the index of the frame in the workload, from 0
     */
    public void writeTo(BenchmarkLog log, long frame) {
      int[] labels = new int[detections.size()];
      float[] scores = new float[labels.length];
      float[] boxes = new float[labels.length * 4];
      for (int i = 0; i < labels.length; i++) {
        Detection detection = detections.get(i);
        labels[i] = detection.label();
        scores[i] = detection.score();
        boxes[4 * i] = detection.box().left();
        boxes[4 * i + 1] = detection.box().top();
        boxes[4 * i + 2] = detection.box().right();
        boxes[4 * i + 3] = detection.box().bottom();
      }
      log.detections(frame, labels, scores, boxes);
    }
  }

  /**
   * Plain numbers, for metrics of the user's own.
   *
   * @param tensor the numbers
   */
  record Values(Tensor tensor) implements Prediction {}
}
