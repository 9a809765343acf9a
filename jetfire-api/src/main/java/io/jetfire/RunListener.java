package io.jetfire;

/**
 * Is told what happens in runs.
 *
 * <p>Events of one run come in order and one at a time, on threads of the client. A listener that
 * throws is logged and ignored; one that is slow slows the run down.
 */
@FunctionalInterface
public interface RunListener {

  /**
   * Is told of one event.
   *
   * @param run the run
   * @param event what happened
   */
  void on(RunId run, RunEvent event);
}
