package io.jetfire.junit;

import io.jetfire.Report;

/**
 * Where assertions on reports start.
 *
 * <pre>{@code
 * import static io.jetfire.junit.JetFireAssertions.assertThat;
 *
 * assertThat(report).isComplete().passesItsGates();
 * assertThat(report).latency(90).ofVariant("int8").onDevice("model=oriole")
 *     .isAtMost(Duration.ofMillis(30));
 * }</pre>
 */
public final class JetFireAssertions {
  private JetFireAssertions() {}

  /**
   * Starts assertions on a report.
   *
   * @param report what came out of a run
   * @return the assertions
   */
  public static ReportAssert assertThat(Report report) {
    return new ReportAssert(report);
  }
}
