package io.jetfire.examples.detector;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.jetfire.LabeledBox;
import io.jetfire.Loss;
import io.jetfire.Sample;
import io.jetfire.SsdAnchors;
import io.jetfire.Target;
import java.util.List;

/**
 * The loss of single-shot detectors on DJL's arrays, the same function as {@link Loss#ssd}: so that
 * the loss in training and the loss in evaluation can be compared.
 */
public final class DetectorLoss {
  private static final double MATCH_THRESHOLD = 0.5;
  private static final int NEGATIVES_PER_POSITIVE = 3;

  private final SsdAnchors anchors;

  /**
   * Creates the loss.
   *
   * @param anchors the network's anchors
   */
  public DetectorLoss(SsdAnchors anchors) {
    this.anchors = anchors;
  }

  /**
   * Encodes ground truth: for each anchor its class (0 for background) and its box code.
   *
   * @param batch the samples
   * @param manager makes the arrays
   * @return classes [batch, anchors] INT64 and codes [batch, anchors, 4] FLOAT32
   */
  public NDList targets(List<Sample> batch, NDManager manager) {
    int n = anchors.size();
    long[] classes = new long[batch.size() * n];
    float[] codes = new float[batch.size() * n * 4];
    for (int s = 0; s < batch.size(); s++) {
      List<LabeledBox> truth = ((Target.Boxes) batch.get(s).target()).boxes();
      int[] match = anchors.match(truth, MATCH_THRESHOLD);
      for (int a = 0; a < n; a++) {
        if (match[a] >= 0) {
          LabeledBox box = truth.get(match[a]);
          classes[s * n + a] = box.label() + 1;
          System.arraycopy(anchors.encode(a, box.box()), 0, codes, (s * n + a) * 4, 4);
        }
      }
    }
    return new NDList(
        manager.create(classes, new Shape(batch.size(), n)),
        manager.create(codes, new Shape(batch.size(), n, 4)));
  }

  /**
   * Computes the mean over the batch.
   *
   * @param predictions logits and codes
   * @param targets what {@link #targets} gave
   * @param manager not used
   * @return a scalar
   */
  public NDArray of(NDList predictions, NDList targets, NDManager manager) {
    NDArray classes = targets.get(0);
    NDArray positive = classes.gt(0).toType(DataType.FLOAT32, false);
    NDArray positives = positive.sum(new int[] {1}, true).maximum(1);

    NDArray crossEntropy =
        predictions
            .get(0)
            .logSoftmax(-1)
            .get(new NDIndex().addAllDim().addAllDim().addPickDim(classes.expandDims(-1)))
            .squeeze(-1)
            .neg();
    // The background anchors that are most wrong: rank them by their loss, positives last.
    NDArray rank =
        crossEntropy
            .stopGradient()
            .sub(positive.mul(1e6f))
            .argSort(1, false)
            .argSort(1, true)
            .toType(DataType.FLOAT32, false);
    NDArray hard = rank.lt(positives.mul(NEGATIVES_PER_POSITIVE)).toType(DataType.FLOAT32, false);
    NDArray counted = positive.add(hard.mul(positive.mul(-1).add(1)));
    NDArray classLoss = crossEntropy.mul(counted).sum(new int[] {1}, true);

    NDArray distance = predictions.get(1).sub(targets.get(1)).abs();
    NDArray capped = distance.minimum(1);
    NDArray boxLoss =
        capped
            .mul(distance.sub(capped.mul(0.5f)))
            .sum(new int[] {2})
            .mul(positive)
            .sum(new int[] {1}, true);
    return classLoss.add(boxLoss).div(positives).mean();
  }
}
