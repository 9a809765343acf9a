package io.jetfire.core.internal.stats;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.Comparison;
import io.jetfire.Comparison.Decision;
import io.jetfire.core.internal.stats.Traces.Kind;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How often comparisons are right, on traces whose truth is known, at the default plan. */
class ComparisonProofTest {
  private static final Logger LOG = LoggerFactory.getLogger(ComparisonProofTest.class);
  private static final int SESSIONS = 8;
  private static final int RUNS = 50;
  private static final double MARGIN = 0.03;

  /** By kind, how often each decision was made. */
  private static Map<Kind, Map<Decision, Integer>> decisions(
      double slowdown, int times, long seed) {
    Map<Kind, Map<Decision, Integer>> table = new EnumMap<>(Kind.class);
    for (Kind kind : Kind.values()) {
      Traces traces = new Traces(seed + kind.ordinal());
      Map<Decision, Integer> counts = new EnumMap<>(Decision.class);
      for (int i = 0; i < times; i++) {
        double cv = traces.uniform(0.05, 0.10);
        Comparison c =
            Comparisons.of(
                traces.arm(kind, 20_000, cv, SESSIONS, RUNS),
                traces.arm(kind, 20_000 * (1 + slowdown), cv, SESSIONS, RUNS),
                MARGIN);
        counts.merge(c.decision(), 1, Integer::sum);
      }
      table.put(kind, counts);
      LOG.info(
          String.format(
              Locale.ROOT,
              "%-10s slowdown %4.1f %%: worse %5d, better %5d, same %5d, cannot tell %5d of %d",
              kind,
              slowdown * 100,
              counts.getOrDefault(Decision.WORSE, 0),
              counts.getOrDefault(Decision.BETTER, 0),
              counts.getOrDefault(Decision.SAME, 0),
              counts.getOrDefault(Decision.CANNOT_TELL, 0),
              times));
    }
    return table;
  }

  private static int different(Map<Decision, Integer> counts) {
    return counts.getOrDefault(Decision.WORSE, 0) + counts.getOrDefault(Decision.BETTER, 0);
  }

  private static void prove(int times) {
    decisions(0, times, 1000)
        .forEach(
            (kind, counts) ->
                assertThat(different(counts))
                    .as("equal arms of %s called different", kind)
                    .isLessThanOrEqualTo(times * 28 / 2000));
    decisions(0.10, times, 2000)
        .forEach(
            (kind, counts) -> {
              assertThat(counts).as("%s", kind).doesNotContainKey(Decision.SAME);
              if (kind == Kind.IID || kind == Kind.AR1) {
                assertThat(counts.getOrDefault(Decision.WORSE, 0))
                    .as("slowdown of 10 %% in %s found", kind)
                    .isGreaterThanOrEqualTo((int) Math.ceil(times * 0.95));
              }
            });
  }

  @Test
  void equalArmsAreEqualAndSlowOnesAreFound() {
    prove(100);
  }

  @Test
  @Tag("proof")
  void equalArmsAreEqualAndSlowOnesAreFoundInFull() {
    prove(2000);
  }
}
