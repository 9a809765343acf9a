package io.jetfire.junit;

import static io.jetfire.junit.JetFireAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.Comparison;
import io.jetfire.Delegate;
import io.jetfire.Gate;
import io.jetfire.Outcome;
import io.jetfire.Report;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class ReportAssertTest {
  private static final Gate FAST = Gate.latency(50).atMost(Duration.ofMillis(30));

  @Test
  void whatHoldsPasses() {
    Report report = Reports.of(20, Outcome.PASSED, FAST);
    assertThat(report).isComplete().passesItsGates().hasValidMeasurements().passes(FAST);
    assertThat(report)
        .latency(90)
        .ofVariant("int8")
        .onDevice("model=oriole")
        .onTier("mid")
        .withDelegate(Delegate.XNNPACK)
        .isAtMost(Duration.ofMillis(30));
    assertThat(report).latency(50).isAtMostSlowerThan(0.05, Reports.of(20, Outcome.PASSED));
  }

  @Test
  void whatDoesNotHoldFailsWithEvidence() {
    Report slow = Reports.of(40, Outcome.PASSED, FAST);
    assertThatThrownBy(() -> assertThat(slow).passesItsGates())
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("FAIL latency p50 <= 30 ms in c1: p50 is 4");
    assertThatThrownBy(() -> assertThat(slow).latency(50).isAtMost(Duration.ofMillis(30)))
        .isInstanceOf(AssertionError.class);
    assertThatThrownBy(
            () ->
                assertThat(slow)
                    .latency(50)
                    .isAtMostSlowerThan(0.05, Reports.of(20, Outcome.PASSED)))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("slower");
  }

  @Test
  void regressionsAgainstTheBaselineFail() {
    assertThat(Reports.compared(Comparison.Decision.SAME)).hasNoRegressions();
    assertThat(Reports.compared(Comparison.Decision.CANNOT_TELL)).hasNoRegressions();
    assertThatThrownBy(
            () -> assertThat(Reports.compared(Comparison.Decision.WORSE)).hasNoRegressions())
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("c1 on Pixel 6: because 100 %s");
    assertThatThrownBy(() -> assertThat(Reports.of(20, Outcome.PASSED)).hasNoRegressions())
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("Experiment.baseline");
  }

  @Test
  void whatCannotBeJudgedFails() {
    Report report = Reports.of(20, Outcome.PASSED);
    assertThatThrownBy(
            () -> assertThat(report).latency(50).ofVariant("none").isAtMost(Duration.ofDays(1)))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("UNDECIDED");
    assertThatThrownBy(() -> assertThat(Reports.of(20, Outcome.TIMED_OUT)).isComplete())
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("c1 TIMED_OUT");
  }
}
