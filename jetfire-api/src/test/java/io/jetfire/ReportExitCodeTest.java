package io.jetfire;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReportExitCodeTest {

  private static DeviceRunResult cell(Outcome outcome) {
    return new DeviceRunResult(
        "c",
        "v",
        "farm",
        new Device("d", "D", Map.of()),
        List.of(),
        Delegate.CPU,
        1,
        outcome,
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        List.of());
  }

  /**
   * The table of the Javadoc, every line also against what comes after it. Words: outcomes of
   * cells, verdicts of gates, {@code conversion} for one that failed, {@code problem}.
   */
  @ParameterizedTest
  @CsvSource({
    "COMPLETED, '', 0",
    "COMPLETED, PASSED PASS, 0",
    "COMPLETED, PASSED SKIPPED, 0",
    "COMPLETED, PASSED CANCELLED, 0",
    "FAILED, '', 20",
    "FAILED, FAIL conversion SKIPPED, 20",
    "CANCELLED, '', 19",
    "CANCELLED, FAIL problem FAILED, 19",
    "COMPLETED, FAIL, 10",
    "COMPLETED, conversion, 10",
    "COMPLETED, FAILED PASSED, 10",
    "COMPLETED, FAIL problem, 10",
    "COMPLETED, FAILED UNDECIDED, 10",
    "COMPLETED, problem, 20",
    "COMPLETED, problem SKIPPED, 20",
    "COMPLETED, problem UNDECIDED INCONCLUSIVE, 20",
    "COMPLETED, SKIPPED, 18",
    "COMPLETED, SKIPPED UNDECIDED, 18",
    "COMPLETED, UNDECIDED, 15",
    "COMPLETED, PASSED INCONCLUSIVE, 15",
    "COMPLETED, PASSED TIMED_OUT, 15",
    "COMPLETED, SKIPPED TIMED_OUT, 15",
  })
  void follows(RunState state, String parts, int expected) {
    List<DeviceRunResult> cells = new ArrayList<>();
    List<GateResult> gates = new ArrayList<>();
    List<VariantResult> variants = new ArrayList<>();
    List<String> problems = new ArrayList<>();
    for (String part : parts.isEmpty() ? new String[0] : parts.split(" ")) {
      switch (part) {
        case "problem" -> problems.add("the disk is full");
        case "conversion" ->
            variants.add(
                new VariantResult("v", Optional.empty(), Optional.of("no such op"), Map.of()));
        case "PASS", "FAIL", "UNDECIDED" ->
            gates.add(
                new GateResult(
                    Gate.latency(90).atMost(Duration.ofMillis(1)),
                    GateResult.Verdict.valueOf(part),
                    Optional.empty(),
                    Optional.empty(),
                    OptionalDouble.empty(),
                    OptionalDouble.empty(),
                    ""));
        default -> cells.add(cell(Outcome.valueOf(part)));
      }
    }
    Report report =
        Report.builder(new RunId("r"), "e", "0")
            .state(state)
            .deviceRuns(cells)
            .gates(gates)
            .variants(variants)
            .problems(problems)
            .build();
    assertThat(report.exitCode()).isEqualTo(expected);
  }
}
