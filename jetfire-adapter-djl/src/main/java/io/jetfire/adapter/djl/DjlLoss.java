package io.jetfire.adapter.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;

/**
 * What training makes small: from predictions and targets to one number.
 *
 * <pre>{@code
 * DjlLoss squared = (predictions, targets, manager) ->
 *     predictions.head().sub(targets.head()).square().mean();
 * }</pre>
 */
@FunctionalInterface
public interface DjlLoss {

  /**
   * Computes the loss of one batch.
   *
   * @param predictions what the block gave, the first dimension being the batch
   * @param targets what {@link DjlTargets} gave for the same samples
   * @param manager for arrays that the loss makes; closed after the batch
   * @return a scalar, the mean over the batch
   */
  NDArray of(NDList predictions, NDList targets, NDManager manager);

  /**
   * Returns the loss of a classifier that gives one score (logit) per class: the mean of {@code
   * -log(softmax(scores)[label])}.
   *
   * @return the loss, for targets of {@link DjlTargets#labels()}
   */
  static DjlLoss softmaxCrossEntropy() {
    return (predictions, targets, manager) ->
        predictions
            .head()
            .logSoftmax(-1)
            .get(new NDIndex().addAllDim().addPickDim(targets.head()))
            .mean()
            .neg();
  }
}
