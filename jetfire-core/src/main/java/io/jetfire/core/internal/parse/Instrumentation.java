package io.jetfire.core.internal.parse;

import io.jetfire.Outcome;
import io.jetfire.TestOutcome;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads what {@code am instrument -r} prints. */
final class Instrumentation {
  private static final int MOST = 100_000;

  private final List<TestOutcome> tests = new ArrayList<>();
  private String className = "";
  private String test = "";
  private StringBuilder stack = new StringBuilder();
  private boolean inStack;
  private boolean open;
  private long line;

  boolean read(Line l) {
    String m = l.message();
    if (m.startsWith("INSTRUMENTATION_STATUS: ")) {
      line = l.number();
      int equals = m.indexOf('=');
      String key = equals < 0 ? "" : m.substring(24, equals);
      String value = equals < 0 ? "" : m.substring(equals + 1);
      inStack = key.equals("stack");
      if (inStack) {
        stack = new StringBuilder(cut(value));
      } else if (key.equals("class")) {
        className = cut(value);
      } else if (key.equals("test")) {
        test = cut(value);
      }
      return true;
    }
    if (m.startsWith("INSTRUMENTATION_STATUS_CODE: ")) {
      line = l.number();
      inStack = false;
      switch (m.substring(29).trim()) {
        case "1" -> open = true;
        case "0" -> add(Outcome.PASSED);
        case "-1", "-2" -> add(Outcome.FAILED);
        case "-3", "-4" -> add(Outcome.SKIPPED);
        default -> {}
      }
      return true;
    }
    if (m.startsWith("INSTRUMENTATION_RESULT: shortMsg=")
        || m.startsWith("INSTRUMENTATION_ABORTED")
        || m.startsWith("INSTRUMENTATION_FAILED")) {
      line = l.number();
      inStack = false;
      stack = new StringBuilder(cut(m));
      if (open || tests.isEmpty()) {
        add(Outcome.FAILED);
      }
      return true;
    }
    if (m.startsWith("INSTRUMENTATION_CODE:") || m.startsWith("INSTRUMENTATION_RESULT:")) {
      inStack = false;
      return true;
    }
    if (inStack && stack.length() < 8000) {
      stack.append('\n').append(cut(m));
      return true;
    }
    return false;
  }

  private void add(Outcome outcome) {
    open = false;
    if (tests.size() < MOST) {
      Optional<String> message =
          stack.length() == 0 ? Optional.empty() : Optional.of(stack.toString());
      tests.add(new TestOutcome(className, test, outcome, message, Optional.empty(), line));
    }
    stack = new StringBuilder();
  }

  /** A test that was begun and never ended took the process with it. */
  void finish() {
    if (open) {
      stack = new StringBuilder("the log ends before the test does");
      add(Outcome.INCONCLUSIVE);
    }
  }

  private static String cut(String text) {
    return text.length() > 2000 ? text.substring(0, 2000) : text;
  }

  List<TestOutcome> tests() {
    return tests;
  }
}
