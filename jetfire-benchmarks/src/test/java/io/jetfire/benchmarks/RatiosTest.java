package io.jetfire.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.jetfire.benchmarks.Comparison.Limit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

class RatiosTest {

  /** Every method of every comparison runs, once and in this JVM: what is broken shows here. */
  @Test
  void allBenchmarksRun() throws Exception {
    Map<String, Comparison> methods = new TreeMap<>();
    for (Comparison comparison : Ratios.ALL) {
      methods.put(comparison.base(), comparison);
      methods.put(comparison.subject(), comparison);
    }
    for (Map.Entry<String, Comparison> method : methods.entrySet()) {
      ChainedOptionsBuilder options =
          new OptionsBuilder()
              .include(Pattern.quote("io.jetfire.benchmarks." + method.getKey()) + "$")
              .verbosity(VerboseMode.SILENT)
              .shouldFailOnError(true)
              .forks(0)
              .warmupIterations(0)
              .measurementIterations(1)
              .measurementTime(TimeValue.milliseconds(1));
      method.getValue().parameters().forEach(options::param);
      Collection<RunResult> results = new Runner(options.build()).run();
      assertThat(results).as(method.getKey()).hasSize(1);
      assertThat(results.iterator().next().getPrimaryResult().getScoreUnit())
          .as("a time per operation in microseconds")
          .isEqualTo("us/op");
    }
  }

  @Test
  void titlesAreUnique() {
    Set<String> titles = new TreeSet<>();
    assertThat(Ratios.ALL).allSatisfy(c -> assertThat(titles.add(c.title())).isTrue());
  }

  @Test
  void limitsAreOnWhatTheySay() {
    assertThat(Limit.ratio(2).quantity().of(10, 25)).isCloseTo(2.5, within(1e-12));
    assertThat(Limit.moreMicros(2).quantity().of(10, 25)).isCloseTo(15, within(1e-12));
    assertThat(Limit.seconds(2).quantity().of(10, 2_500_000)).isCloseTo(2.5, within(1e-12));
  }

  @Test
  void theMedianIsTheMiddleOne() {
    assertThat(Ratios.median(new ArrayList<>(List.of(9.0, 1.0, 2.0)))).isEqualTo(2.0);
  }

  @Test
  void roundsMustHaveAMiddle() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Comparison("t", "a", "b", Map.of(), 4, Limit.ratio(1)))
        .withMessageContaining("4");
  }
}
