package io.jetfire;

import java.util.Arrays;
import java.util.List;

/** The arithmetic behind {@link Loss}. */
final class Losses {
  private Losses() {}

  static double softmaxCrossEntropy(float[] logits, int from, int to, int label) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = from; i < to; i++) {
      max = Math.max(max, logits[i]);
    }
    double sum = 0;
    for (int i = from; i < to; i++) {
      sum += Math.exp(logits[i] - max);
    }
    return Math.log(sum) + max - logits[from + label];
  }

  static double ssd(Loss.Ssd loss, List<Tensor> outputs, Sample sample) {
    if (!(sample.target() instanceof Target.Boxes truth)) {
      throw new DataException(
          "The SSD loss wants boxes, but sample " + sample.id() + " has " + sample.target());
    }
    SsdAnchors anchors = loss.anchors();
    int n = anchors.size();
    SsdDecoding.Outputs found = SsdDecoding.outputs(n, outputs);
    float[] logits = found.logits().toFloatArray();
    float[] codes = found.boxes().toFloatArray();
    int classes = logits.length / n;
    int[] match = anchors.match(truth.boxes(), loss.matchThreshold());
    double classLoss = 0;
    double boxLoss = 0;
    int positives = 0;
    double[] background = new double[n];
    int negatives = 0;
    for (int a = 0; a < n; a++) {
      if (match[a] < 0) {
        background[negatives++] = softmaxCrossEntropy(logits, a * classes, (a + 1) * classes, 0);
        continue;
      }
      LabeledBox box = truth.boxes().get(match[a]);
      if (box.label() + 1 >= classes) {
        throw new DataException(
            "Sample "
                + sample.id()
                + " has label "
                + box.label()
                + ", but the model has only "
                + (classes - 1)
                + " classes");
      }
      positives++;
      classLoss += softmaxCrossEntropy(logits, a * classes, (a + 1) * classes, box.label() + 1);
      float[] code = anchors.encode(a, box.box());
      for (int k = 0; k < 4; k++) {
        double d = Math.abs(codes[a * 4 + k] - code[k]);
        boxLoss += d < 1 ? 0.5 * d * d : d - 0.5;
      }
    }
    Arrays.sort(background, 0, negatives);
    int hard =
        (int) Math.min(negatives, (long) loss.negativesPerPositive() * Math.max(1, positives));
    for (int i = negatives - hard; i < negatives; i++) {
      classLoss += background[i];
    }
    return (classLoss + boxLoss) / Math.max(1, positives);
  }
}
