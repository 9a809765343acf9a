package io.jetfire;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Scores, boxes and non-maximum suppression of a single-shot detector. */
final class SsdDecoding {
  private SsdDecoding() {}

  static Prediction decode(OutputDecoder.Ssd ssd, List<Tensor> outputs) {
    int n = ssd.anchors().size();
    Outputs found = outputs(n, outputs);
    float[] logits = found.logits().toFloatArray();
    float[] codes = found.boxes().toFloatArray();
    int classes = logits.length / n;
    List<Detection> candidates = new ArrayList<>();
    for (int a = 0; a < n; a++) {
      OutputDecoder.Ssd.softmax(logits, a * classes, (a + 1) * classes);
      for (int c = 1; c < classes; c++) {
        float score = logits[a * classes + c];
        if (score >= ssd.scoreThreshold()) {
          candidates.add(new Detection(c - 1, score, clip(ssd.anchors().decode(a, codes, a * 4))));
        }
      }
    }
    candidates.sort(Comparator.comparingDouble(Detection::score).reversed());
    List<Detection> kept = new ArrayList<>();
    for (Detection d : candidates) {
      if (kept.size() == ssd.maxDetections()) {
        break;
      }
      boolean covered =
          kept.stream()
              .anyMatch(k -> k.label() == d.label() && k.box().iou(d.box()) > ssd.iouThreshold());
      if (!covered) {
        kept.add(d);
      }
    }
    return new Prediction.Detections(kept);
  }

  /** The two outputs of a detector. */
  record Outputs(Tensor logits, Tensor boxes) {}

  /**
   * Tells logits and boxes apart by their last dimension; where both have 4, the first is the
   * logits.
   */
  static Outputs outputs(int anchors, List<Tensor> outputs) {
    if (outputs.size() == 2) {
      Tensor a = outputs.get(0);
      Tensor b = outputs.get(1);
      if (isBoxes(anchors, b) && isLogits(anchors, a)) {
        return new Outputs(a, b);
      }
      if (isBoxes(anchors, a) && isLogits(anchors, b)) {
        return new Outputs(b, a);
      }
    }
    throw new DataException(
        "The SSD decoder has "
            + anchors
            + " anchors and wants the outputs [1, "
            + anchors
            + ", classes + 1] and [1, "
            + anchors
            + ", 4], but the model gave "
            + outputs);
  }

  private static boolean isBoxes(int anchors, Tensor t) {
    return t.rank() >= 2 && t.dimension(-1) == 4 && t.elementCount() == anchors * 4;
  }

  private static boolean isLogits(int anchors, Tensor t) {
    return t.rank() >= 2 && t.dimension(-1) >= 2 && t.elementCount() == anchors * t.dimension(-1);
  }

  private static Box clip(Box b) {
    return new Box(unit(b.left()), unit(b.top()), unit(b.right()), unit(b.bottom()));
  }

  private static float unit(float v) {
    return Math.max(0, Math.min(1, v));
  }
}
