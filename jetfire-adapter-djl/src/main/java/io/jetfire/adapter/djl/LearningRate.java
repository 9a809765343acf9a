package io.jetfire.adapter.djl;

/**
 * How large the optimizer's steps are, over the course of a training.
 *
 * <pre>{@code
 * LearningRate rate = LearningRate.cosine(0.003, 1);
 * }</pre>
 *
 * <p>Its {@code toString} is part of the training's settings, so it must say all numbers.
 */
public interface LearningRate {

  /**
   * Returns the learning rate at a point of the training.
   *
   * @param epoch how many epochs are done, with the fraction of the current one where the dataset's
   *     size is known
   * @param epochs how many there will be
   * @return positive
   */
  double at(double epoch, int epochs);

  /**
   * Returns the same rate for the whole training.
   *
   * @param rate positive
   * @return the schedule
   */
  static LearningRate constant(double rate) {
    return new Constant(rate);
  }

  /**
   * Returns a rate that rises linearly to its peak, and then falls to almost nothing along half a
   * cosine.
   *
   * @param peak the highest rate
   * @param warmupEpochs how many epochs it rises; may be 0 or a fraction
   * @return the schedule
   */
  static LearningRate cosine(double peak, double warmupEpochs) {
    return new Cosine(peak, warmupEpochs);
  }

  /**
   * Returns a rate that is multiplied with a factor every some epochs.
   *
   * @param initial the first rate
   * @param factor such as 0.1
   * @param everyEpochs how many epochs apart, at least 1
   * @return the schedule
   */
  static LearningRate steps(double initial, double factor, int everyEpochs) {
    return new Steps(initial, factor, everyEpochs);
  }

  /**
   * See {@link #constant}.
   *
   * @param rate the rate
   */
  record Constant(double rate) implements LearningRate {
    @Override
    public double at(double epoch, int epochs) {
      return rate;
    }
  }

  /**
   * See {@link #cosine}.
   *
   * @param peak the highest rate
   * @param warmupEpochs how many epochs it rises
   */
  record Cosine(double peak, double warmupEpochs) implements LearningRate {
    private static final double FLOOR = 0.01;

    @Override
    public double at(double epoch, int epochs) {
      if (epoch < warmupEpochs) {
        return peak * Math.max(FLOOR, epoch / warmupEpochs);
      }
      double done = Math.min(1, (epoch - warmupEpochs) / Math.max(1e-9, epochs - warmupEpochs));
      return peak * (FLOOR + (1 - FLOOR) * 0.5 * (1 + Math.cos(Math.PI * done)));
    }
  }

  /**
   * See {@link #steps}.
   *
   * @param initial the first rate
   * @param factor what it is multiplied with
   * @param everyEpochs how many epochs apart
   */
  record Steps(double initial, double factor, int everyEpochs) implements LearningRate {
    @Override
    public double at(double epoch, int epochs) {
      return initial * Math.pow(factor, Math.floor(epoch / everyEpochs));
    }
  }
}
