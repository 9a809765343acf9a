package io.jetfire.core.internal.parse;

import io.jetfire.Outcome;
import io.jetfire.TestOutcome;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads what AndroidJUnitRunner's run listener logs with the tag {@code TestRunner}. */
final class RunnerLog {
  private static final int MOST = 100_000;
  private static final Pattern EVENT =
      Pattern.compile(
          "^(started|finished|failed|ignored|assumption failed): (\\S.{0,300})\\((\\S{1,300})\\)$");

  private final Map<String, Open> open = new LinkedHashMap<>();
  private final List<TestOutcome> tests = new ArrayList<>();
  private @Nullable Open excepted;
  private boolean exception;

  /** A test that has begun, or that was never to begin. */
  private static final class Open {
    final String className;
    final String name;
    final long line;
    Outcome outcome = Outcome.PASSED;
    @Nullable String message;

    Open(String className, String name, long line) {
      this.className = className;
      this.name = name;
      this.line = line;
    }
  }

  void read(Line line) {
    String m = line.message();
    Open failed = excepted;
    if (exception && failed != null) {
      exception = false;
      failed.message = m.length() > 2000 ? m.substring(0, 2000) : m;
      excepted = null;
      return;
    }
    if (m.startsWith("----- begin exception -----")) {
      exception = true;
      return;
    }
    Matcher e = EVENT.matcher(m);
    if (!e.matches()) {
      return;
    }
    String key = line.stream() + " " + e.group(2) + " " + e.group(3);
    switch (e.group(1)) {
      case "started" -> {
        if (open.size() < MOST) {
          open.put(key, new Open(e.group(3), e.group(2), line.number()));
        }
      }
      case "finished" -> end(open.remove(key));
      case "ignored" -> {
        Open ignored = new Open(e.group(3), e.group(2), line.number());
        ignored.outcome = Outcome.SKIPPED;
        end(ignored);
      }
      default -> {
        Open test = open.get(key);
        if (test != null) {
          test.outcome = e.group(1).equals("failed") ? Outcome.FAILED : Outcome.SKIPPED;
          excepted = test;
        }
      }
    }
  }

  private void end(@Nullable Open test) {
    if (test != null && tests.size() < MOST) {
      tests.add(
          new TestOutcome(
              test.className,
              test.name,
              test.outcome,
              Optional.ofNullable(test.message),
              Optional.empty(),
              test.line));
    }
  }

  /** Ends the log; a test that was begun and never ended took the process with it. */
  List<TestOutcome> tests() {
    for (Open test : open.values()) {
      if (test.outcome == Outcome.PASSED) {
        test.outcome = Outcome.INCONCLUSIVE;
        test.message = "the log ends before the test does";
      }
      end(test);
    }
    open.clear();
    return tests;
  }
}
