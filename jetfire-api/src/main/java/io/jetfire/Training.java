package io.jetfire;

import java.util.Map;

/**
 * What to train, and how: the description that a training backend executes.
 *
 * <p>Each training backend has its own final implementation with a builder (such as {@code
 * DjlTraining} in {@code jetfire-adapter-djl}). The network itself is user code: JSON refers to it
 * by {@link #name()}, and {@link References} brings it back.
 */
public interface Training {

  /**
   * Returns the id of the training backend that executes this.
   *
   * @return such as {@code djl}
   */
  String backend();

  /**
   * Returns the name and version of the network and its training code.
   *
   * @return such as {@code ssd-v1}; change it when the code changes
   */
  String name();

  /**
   * Returns the samples to learn from.
   *
   * @return the dataset
   */
  Dataset dataset();

  /**
   * Returns everything else that changes the outcome, such as epochs, seed and learning rate.
   *
   * @return settings by name, in a stable order and form
   */
  Map<String, String> settings();
}
