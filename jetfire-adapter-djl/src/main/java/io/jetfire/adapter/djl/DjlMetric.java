package io.jetfire.adapter.djl;

import ai.djl.ndarray.NDList;
import io.jetfire.Sample;
import io.jetfire.Target;
import java.util.List;

/**
 * A number that tells how good predictions are, reported with each epoch.
 *
 * <pre>{@code
 * DjlMetric accuracy = DjlMetric.accuracy();
 * }</pre>
 */
@FunctionalInterface
public interface DjlMetric {

  /**
   * Computes the metric's mean over one batch.
   *
   * @param predictions what the block gave, the first dimension being the batch
   * @param batch the samples, in the order of the batch
   * @return the mean over the samples of the batch
   */
  double of(NDList predictions, List<Sample> batch);

  /**
   * Returns the share of samples whose highest score is that of their label.
   *
   * @return the metric, for samples with {@link Target.Label}
   */
  static DjlMetric accuracy() {
    return (predictions, batch) -> {
      long[] classes = predictions.head().argMax(-1).toLongArray();
      int right = 0;
      for (int i = 0; i < classes.length; i++) {
        if (batch.get(i).target() instanceof Target.Label label && label.index() == classes[i]) {
          right++;
        }
      }
      return (double) right / classes.length;
    };
  }
}
