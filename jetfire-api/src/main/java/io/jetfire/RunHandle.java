package io.jetfire;

/** A run that is under way. Thread-safe. */
public interface RunHandle {

  /**
   * Returns the run's id, under which it can be resumed in another JVM.
   *
   * @return the id
   */
  RunId id();

  /**
   * Returns how far the run is.
   *
   * @return a snapshot
   */
  RunState state();

  /**
   * Asks the run to stop. What is finished is kept and reported; runs on device farms are cancelled
   * there.
   */
  void cancel();

  /**
   * Waits for the end.
   *
   * @return the report, also of a run that was cancelled
   * @throws JetFireException if the run could not do its work at all; what it had finished is kept
   *     for {@link JetFire#resume}
   */
  Report await();
}
