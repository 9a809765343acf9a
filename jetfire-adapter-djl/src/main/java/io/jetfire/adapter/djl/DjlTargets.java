package io.jetfire.adapter.djl;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.jetfire.DataException;
import io.jetfire.Sample;
import io.jetfire.Target;
import java.util.List;

/**
 * From samples to the arrays that a {@link DjlLoss} compares predictions with.
 *
 * <pre>{@code
 * DjlTargets labels = DjlTargets.labels();
 * }</pre>
 */
@FunctionalInterface
public interface DjlTargets {

  /**
   * Encodes one batch.
   *
   * @param batch the samples, in the order of the batch
   * @param manager makes the arrays; closed after the batch
   * @return the targets, the first dimension being the batch
   */
  NDList of(List<Sample> batch, NDManager manager);

  /**
   * Returns the encoding of class labels: an INT64 array [batch, 1] of the indices.
   *
   * @return the encoding, for samples with {@link Target.Label}
   */
  static DjlTargets labels() {
    return (batch, manager) -> {
      long[] labels = new long[batch.size()];
      for (int i = 0; i < labels.length; i++) {
        Sample sample = batch.get(i);
        if (!(sample.target() instanceof Target.Label label)) {
          throw new DataException(
              "Sample "
                  + sample.id()
                  + " has the target "
                  + sample.target()
                  + ", but training a classifier needs a label. Give samples Target.label(...), or"
                  + " set targets(...) and loss(...) of your own.");
        }
        labels[i] = label.index();
      }
      return new NDList(manager.create(labels, new Shape(labels.length, 1)));
    };
  }
}
