package io.jetfire.core.internal.run;

import java.time.Duration;

/** Waits; injected so that a test of a two-hour poll takes milliseconds. */
@FunctionalInterface
public interface Sleeper {
  /** Really waits. */
  Sleeper SYSTEM = duration -> Thread.sleep(duration.toMillis());

  /**
   * Waits.
   *
   * @param duration how long
   * @throws InterruptedException if the thread was interrupted
   */
  void sleep(Duration duration) throws InterruptedException;
}
