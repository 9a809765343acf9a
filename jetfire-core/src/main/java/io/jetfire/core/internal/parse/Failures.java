package io.jetfire.core.internal.parse;

import io.jetfire.RunFailure;
import io.jetfire.RunFailure.Cause;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Finds out why a run failed. Some lines are the end of a run; others only tell the cause of an end
 * that follows, and mean nothing in a run that goes on.
 */
final class Failures {
  private static final Pattern NODE =
      Pattern.compile("^Node number \\d{1,9} \\(([^)]{1,120})\\) failed to (prepare|invoke)\\b.*$");
  private static final Pattern APPLY =
      Pattern.compile("^Failed to apply (\\S{1,80}) delegate\\b.*$");

  private @Nullable RunFailure fatal;
  private int fatalRank;
  private @Nullable RunFailure suspect;

  /** Reads a line of the benchmark's own process. */
  void read(Line line) {
    String m = line.message();
    if (m.length() < 6 || m.length() > 4000) {
      return;
    }
    Matcher node = NODE.matcher(m);
    if (node.matches()) {
      boolean delegate = node.group(1).contains("elegate");
      Cause cause = delegate ? Cause.DELEGATE_REFUSED : Cause.UNSUPPORTED_OPERATOR;
      if (node.group(2).equals("invoke")) {
        fatal(delegate ? Cause.DELEGATE_REFUSED : Cause.UNKNOWN, line, 3);
      } else {
        suspect(cause, line);
      }
    } else if (APPLY.matcher(m).matches() || m.startsWith("Disallowed CPU fallback detected")) {
      fatal(Cause.DELEGATE_REFUSED, line, 4);
    } else if (m.contains("std::bad_alloc")
        || m.contains("java.lang.OutOfMemoryError")
        || m.contains("CL_OUT_OF_HOST_MEMORY")
        || m.contains("CL_MEM_OBJECT_ALLOCATION_FAILURE")
        || m.startsWith("Failed to allocate memory")) {
      fatal(Cause.OUT_OF_MEMORY, line, 6);
    } else if (m.startsWith("Didn't find op for builtin opcode")
        || m.startsWith("Didn't find custom op")
        || m.startsWith("Didn't find custom operator")
        || m.startsWith("Encountered unresolved custom op")
        || m.startsWith("Op builtin_code out of range")
        || m.contains("Select TensorFlow op(s)")
        || m.contains("Regular TensorFlow ops are not supported")) {
      fatal(Cause.UNSUPPORTED_OPERATOR, line, 4);
    } else if (m.startsWith("Failed to load model")
        || m.startsWith("Failed to initialize model loader")
        || m.startsWith("Could not open '")
        || m.startsWith("Failed to mmap model")
        || m.contains("is not a valid Flatbuffer")
        || m.startsWith("Model provided has model identifier")
        || m.startsWith("Model provided is schema version")
        || m.startsWith("The model is not a valid")) {
      fatal(Cause.INVALID_MODEL, line, 4);
    } else if (m.startsWith("Please specify the name of your TF Lite input file")) {
      fatal(Cause.WRONG_ARGUMENTS, line, 4);
    } else if (m.startsWith("Failed to build program executable")
        || m.startsWith("Failed to create a GPU delegate")
        || m.startsWith("TfLiteGpuDelegate Init:")
        || m.startsWith("TfLiteGpuDelegate Prepare:")) {
      suspect(Cause.DELEGATE_REFUSED, line);
    } else if (m.startsWith("Failed to allocate tensors")
        || m.startsWith("Failed to initialize the interpreter")
        || m.startsWith("Failed to invoke")
        || m.startsWith("Failed to build the interpreter")) {
      fatal(Cause.UNKNOWN, line, 2);
    } else if (m.startsWith("Benchmarking failed")) {
      fatal(Cause.UNKNOWN, line, 1);
    } else if (m.equals("Segmentation fault")
        || m.startsWith("Segmentation fault ")
        || m.equals("Aborted")
        || m.startsWith("Aborted (core dumped)")
        || m.equals("Bus error")
        || m.equals("Illegal instruction")) {
      fatal(Cause.NATIVE_CRASH, line, 5);
    } else if (line.stream() == Line.NO_PID && m.equals("Killed")) {
      fatal(Cause.KILLED, line, 5);
    } else if (m.startsWith("DEADLINE_EXCEEDED") || m.startsWith("Benchmark timed out")) {
      fatal(Cause.TIMED_OUT, line, 4);
    }
  }

  /** Notes a fatal end that the system logs about the process. */
  void fatal(Cause cause, Line line, int rank) {
    fatal(cause, line.message(), line.number(), rank);
  }

  void fatal(Cause cause, String message, long number, int rank) {
    if (fatal == null || rank > fatalRank) {
      fatal = new RunFailure(cause, shortened(message), number);
      fatalRank = rank;
    }
  }

  private void suspect(Cause cause, Line line) {
    if (suspect == null) {
      suspect = new RunFailure(cause, shortened(line.message()), line.number());
    }
  }

  /**
   * Returns why the run failed.
   *
   * @param measured whether the run has its result
   */
  @Nullable RunFailure result(boolean measured) {
    if (fatal == null) {
      return measured ? null : suspect;
    }
    // The process may be killed after its work is done; that is no failure of the benchmark.
    if (measured && fatal.cause() == Cause.KILLED) {
      return null;
    }
    return fatalRank <= 2 && fatal.cause() == Cause.UNKNOWN && suspect != null ? suspect : fatal;
  }

  private static String shortened(String message) {
    return message.length() > 1000 ? message.substring(0, 1000) : message;
  }
}
