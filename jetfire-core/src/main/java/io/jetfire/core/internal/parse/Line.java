package io.jetfire.core.internal.parse;

/**
 * A line without the head that a logging system puts before it.
 *
 * @param number from 1
 * @param stream what tells processes apart: a pid, or {@link #NO_PID} where lines have none
 * @param tag the logcat tag; empty if there is none
 * @param message the text, without {@code INFO: } and the like
 * @param error whether it was logged as an error
 */
record Line(long number, long stream, String tag, String message, boolean error) {
  /** The stream of lines without a pid: all of them are taken for one process. */
  static final long NO_PID = -1;
}
