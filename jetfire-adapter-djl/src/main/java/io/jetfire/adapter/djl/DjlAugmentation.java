package io.jetfire.adapter.djl;

import io.jetfire.Sample;
import java.util.random.RandomGenerator;

/**
 * Changes training samples at random, so that a small dataset teaches more.
 *
 * <pre>{@code
 * DjlAugmentation none = (sample, random) -> sample;
 * }</pre>
 */
@FunctionalInterface
public interface DjlAugmentation {

  /**
   * Changes one sample; called before preprocessing, for each sample of each epoch, by one thread.
   *
   * @param sample the sample as the dataset has it
   * @param random seeded by the training's seed; the only source of chance to use
   * @return the sample to learn from
   */
  Sample of(Sample sample, RandomGenerator random);
}
