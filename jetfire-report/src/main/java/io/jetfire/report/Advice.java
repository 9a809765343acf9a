package io.jetfire.report;

import io.jetfire.DeviceRunResult;
import io.jetfire.RunFailure;
import io.jetfire.ValidityReport;

/** What a reader can do about a cell that failed or a measurement that cannot be used. */
final class Advice {
  private Advice() {}

  static String on(DeviceRunResult cell) {
    return cell.metrics()
        .flatMap(metrics -> metrics.failure())
        .map(failure -> on(failure.cause()))
        .orElseGet(
            () ->
                switch (cell.outcome()) {
                  case PASSED -> "";
                  case FAILED -> "Read the log for the first error.";
                  case INCONCLUSIVE -> "Run the cell again; nothing is known of the model yet.";
                  case SKIPPED -> "Ask for what the farm and the device have, or add a device.";
                  case CANCELLED -> "Resume the run to measure the cell.";
                  case TIMED_OUT ->
                      "Ask for fewer runs or a longer time limit, or try a smaller variant.";
                });
  }

  private static String on(RunFailure.Cause cause) {
    return switch (cause) {
      case OUT_OF_MEMORY ->
          "Try a smaller variant, a delegate that needs less memory, or a device with more.";
      case UNSUPPORTED_OPERATOR ->
          "Use a runtime that has the operator, or convert without it; the log names it.";
      case DELEGATE_REFUSED ->
          "Run the cell with another delegate, or convert to a precision that this one takes.";
      case NATIVE_CRASH ->
          "Run the cell with the CPU delegate; if that passes, the delegate or its driver crashed.";
      case APP_CRASH -> "Read the stack trace in the log; the benchmark app failed, not the model.";
      case TIMED_OUT -> "Ask for fewer runs or a longer time limit, or try a smaller variant.";
      case INVALID_MODEL -> "Check that the file that was uploaded is whole and is a .tflite.";
      case WRONG_ARGUMENTS -> "Correct the arguments that the log names.";
      case KILLED -> "Run the cell again; if it ends so again, check the device's memory.";
      case UNKNOWN -> "Read the log for the first error.";
    };
  }

  static String on(ValidityReport validity) {
    String more = "";
    if (validity.moreRuns().isPresent() && validity.moreRuns().getAsInt() > 0) {
      more = "About " + validity.moreRuns().getAsInt() + " more runs would settle it.";
    } else if (validity.moreSessions().isPresent() && validity.moreSessions().getAsInt() > 0) {
      int sessions = validity.moreSessions().getAsInt();
      more =
          "About " + sessions + " more session" + (sessions == 1 ? "" : "s") + " would settle it.";
    }
    return switch (validity.validity()) {
      case VALID -> "";
      case NOISY -> more.isEmpty() ? "Measure again on a quiet device." : more;
      case THROTTLED -> "Let the device cool, and leave pauses between runs.";
      case TOO_SHORT -> more.isEmpty() ? "Ask for more runs." : more;
      case TWO_MODES -> "Pin the device's clocks or cores if it allows that, and look at both.";
      case UNDECIDED -> "Use a benchmark that logs every run.";
    };
  }
}
