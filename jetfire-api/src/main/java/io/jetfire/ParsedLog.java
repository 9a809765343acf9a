package io.jetfire;

import java.util.List;

/**
 * What a log says.
 *
 * @param runs one per benchmark run found, in the order of their starts; each session of a cell is
 *     a run of its own (see {@link Statistics#combine})
 * @param device what is said of the device outside of runs
 * @param tests tests on the device
 * @param warnings what is odd and was passed over, such as values that cannot be
 * @param problems what makes the log useless in whole or part, such as that no benchmark was found
 * @param lines how many lines were read; 0 for binary files
 */
public record ParsedLog(
    List<Metrics> runs,
    DeviceFacts device,
    List<TestOutcome> tests,
    List<String> warnings,
    List<String> problems,
    long lines) {

  /** Copies the lists. */
  public ParsedLog {
    runs = List.copyOf(runs);
    tests = List.copyOf(tests);
    warnings = List.copyOf(warnings);
    problems = List.copyOf(problems);
  }
}
