package io.jetfire.spi;

import io.jetfire.RunCancelledException;

/** Whether the work at hand is still wanted. Thread-safe. */
@FunctionalInterface
public interface Cancellation {
  /** Work that nobody cancels. */
  Cancellation NEVER = () -> false;

  /**
   * Says whether the work should stop.
   *
   * @return true once it was cancelled; never false again
   */
  boolean isRequested();

  /**
   * Stops here if the work was cancelled.
   *
   * @throws RunCancelledException if it was
   */
  default void check() {
    if (isRequested()) {
      throw new RunCancelledException("The work was cancelled");
    }
  }
}
