package io.jetfire.core.internal.gate;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.Delegate;
import io.jetfire.DelegatePlacement;
import io.jetfire.Device;
import io.jetfire.DeviceQuery;
import io.jetfire.DeviceRunResult;
import io.jetfire.Gate;
import io.jetfire.GateResult;
import io.jetfire.GateResult.Verdict;
import io.jetfire.Latency;
import io.jetfire.Latency.Statistic;
import io.jetfire.Measurement;
import io.jetfire.Metric;
import io.jetfire.Metrics;
import io.jetfire.Outcome;
import io.jetfire.Phase;
import io.jetfire.Report;
import io.jetfire.RunId;
import io.jetfire.Samples;
import io.jetfire.Statistics;
import io.jetfire.Unit;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;

class GatesTest {
  private static final Device PIXEL =
      new Device("p6", "Pixel 6", Map.of("os", "android", "version", "33", "model", "oriole"));

  private static List<Samples> samples(double micros, int sessions, long seed) {
    Random random = new Random(seed);
    List<Samples> list = new ArrayList<>();
    for (int s = 0; s < sessions; s++) {
      double[] x = new double[50];
      for (int i = 0; i < x.length; i++) {
        x[i] = micros * Math.exp(0.05 * random.nextGaussian());
      }
      list.add(Samples.of(Phase.INFERENCE, s, x));
    }
    return list;
  }

  private static Metrics.Builder measured(List<Samples> samples) {
    Metrics.Builder b = Metrics.builder().ending(Metrics.Ending.COMPLETE);
    samples.forEach(b::samples);
    return b.latency(Phase.INFERENCE, Statistics.standard().summarize(samples));
  }

  private static DeviceRunResult cell(String variant, Delegate delegate, Metrics metrics) {
    return new DeviceRunResult(
        variant + "-" + delegate,
        variant,
        "local",
        PIXEL,
        List.of("mid"),
        delegate,
        1,
        Outcome.PASSED,
        Optional.empty(),
        Optional.of(metrics),
        Optional.of(Statistics.standard().validity(metrics)),
        Optional.empty(),
        List.of());
  }

  private static Report report(DeviceRunResult... cells) {
    return Report.builder(new RunId("run-1"), "e", "0".repeat(64))
        .deviceRuns(List.of(cells))
        .build();
  }

  private static GateResult one(Gate gate, Report report) {
    List<GateResult> results = gate.judge(report);
    assertThat(results).hasSize(1);
    return results.get(0);
  }

  @Test
  void latencyPassesFailsOrIsUndecidedByItsInterval() {
    Report report = report(cell("a", Delegate.XNNPACK, measured(samples(20_000, 8, 1)).build()));
    GateResult pass = one(Gate.latency(90).atMost(Duration.ofMillis(30)).onTier("mid"), report);
    assertThat(pass.verdict()).isEqualTo(Verdict.PASS);
    assertThat(pass.observed().orElseThrow()).isBetween(20_500.0, 22_500.0);
    assertThat(pass.cell()).contains("a-XNNPACK");
    assertThat(one(Gate.latency(90).atMost(Duration.ofMillis(15)), report).verdict())
        .isEqualTo(Verdict.FAIL);
    assertThat(one(Gate.latency(50).atMost(Duration.ofMillis(20)), report).verdict())
        .isEqualTo(Verdict.UNDECIDED);
    assertThat(one(Gate.preprocessing(50).atMost(Duration.ofMillis(20)), report).verdict())
        .isEqualTo(Verdict.UNDECIDED);
  }

  @Test
  void withoutSamplesTheExtremesDecideWhereTheyCan() {
    Metrics metrics =
        Metrics.builder()
            .ending(Metrics.Ending.COMPLETE)
            .latency(
                Phase.INFERENCE,
                new Latency(
                    Map.of(
                        Statistic.MIN, Measurement.reported(10_000, Unit.MICROSECONDS, 1),
                        Statistic.MAX, Measurement.reported(12_000, Unit.MICROSECONDS, 1))))
            .build();
    Report report = report(cell("a", Delegate.XNNPACK, metrics));
    assertThat(one(Gate.latency(90).atMost(Duration.ofMillis(12)), report).verdict())
        .isEqualTo(Verdict.PASS);
    assertThat(one(Gate.latency(90).atMost(Duration.ofMillis(9)), report).verdict())
        .isEqualTo(Verdict.FAIL);
    assertThat(one(Gate.latency(90).atMost(Duration.ofMillis(11)), report).verdict())
        .isEqualTo(Verdict.UNDECIDED);
  }

  @Test
  void selectorsSelectAndAnEmptySelectionIsUndecided() {
    Report report =
        report(
            cell("a", Delegate.XNNPACK, measured(samples(20_000, 8, 1)).build()),
            cell("b", Delegate.GPU, measured(samples(20_000, 8, 2)).build()));
    Gate gate = Gate.latency(50).atMost(Duration.ofMillis(30));
    assertThat(gate.judge(report)).hasSize(2);
    assertThat(gate.withDelegate(Delegate.GPU).judge(report)).hasSize(1);
    assertThat(gate.forVariant("a").onOs("android 33").judge(report)).hasSize(1);
    assertThat(gate.onDevices(DeviceQuery.parse("model=oriole")).judge(report)).hasSize(2);
    GateResult none = one(gate.onOs("ios"), report);
    assertThat(none.verdict()).isEqualTo(Verdict.UNDECIDED);
    assertThat(none.evidence()).contains("selects nothing");
  }

  @Test
  void regressionsAreHeldAgainstARunOrAVariant() {
    Report before = report(cell("a", Delegate.XNNPACK, measured(samples(20_000, 8, 1)).build()));
    Report same = report(cell("a", Delegate.XNNPACK, measured(samples(20_000, 8, 2)).build()));
    Report slower = report(cell("a", Delegate.XNNPACK, measured(samples(23_000, 8, 3)).build()));
    Gate gate = Gate.latency(50).regressionAtMost(0.05);
    assertThat(gate.judge(same, before).get(0).verdict()).isEqualTo(Verdict.PASS);
    assertThat(gate.judge(slower, before).get(0).verdict()).isEqualTo(Verdict.FAIL);
    assertThat(Gate.latency(90).regressionAtMost(0.05).judge(slower, before).get(0).verdict())
        .isEqualTo(Verdict.FAIL);
    assertThat(one(gate, slower).verdict()).isEqualTo(Verdict.UNDECIDED);
    assertThat(one(gate, slower).evidence()).contains("no baseline");

    Report both =
        report(
            cell("a", Delegate.XNNPACK, measured(samples(20_000, 8, 1)).build()),
            cell("b", Delegate.XNNPACK, measured(samples(30_000, 8, 2)).build()));
    GateResult b = one(gate.against("a").forVariant("b"), both);
    assertThat(b.verdict()).isEqualTo(Verdict.FAIL);
  }

  @Test
  void memoryGrowthCanOnlyFailAPeak() {
    Metrics grown =
        measured(samples(20_000, 2, 1))
            .value(Metric.OVERALL_MEMORY, Measurement.reported(100, Unit.MEBIBYTES, 3))
            .build();
    Report report = report(cell("a", Delegate.XNNPACK, grown));
    assertThat(one(Gate.peakMemory().atMost(50e6), report).verdict()).isEqualTo(Verdict.FAIL);
    assertThat(one(Gate.peakMemory().atMost(200e6), report).verdict()).isEqualTo(Verdict.UNDECIDED);
    Metrics peak =
        grown.toBuilder()
            .value(Metric.PEAK_MEMORY, Measurement.reported(150, Unit.MEBIBYTES, 4))
            .build();
    assertThat(
            one(Gate.peakMemory().atMost(200e6), report(cell("a", Delegate.XNNPACK, peak)))
                .verdict())
        .isEqualTo(Verdict.PASS);
  }

  @Test
  void aSilentFallbackFailsFullDelegation() {
    Metrics partly =
        measured(samples(20_000, 2, 1))
            .placement(
                new DelegatePlacement(
                    "GPU",
                    DelegatePlacement.Extent.PARTIAL,
                    OptionalInt.of(29),
                    OptionalInt.of(31),
                    OptionalInt.of(2),
                    OptionalInt.empty(),
                    1))
            .build();
    assertThat(
            one(Gate.delegatedShare().atLeast(0.9), report(cell("a", Delegate.GPU, partly)))
                .verdict())
        .isEqualTo(Verdict.PASS);
    assertThat(one(Gate.fullyDelegated(), report(cell("a", Delegate.GPU, partly))).verdict())
        .isEqualTo(Verdict.FAIL);
    Metrics silent = measured(samples(20_000, 2, 1)).silentCpuFallback(true).build();
    assertThat(one(Gate.fullyDelegated(), report(cell("a", Delegate.GPU, silent))).verdict())
        .isEqualTo(Verdict.FAIL);
    Metrics unknown = measured(samples(20_000, 2, 1)).build();
    assertThat(one(Gate.fullyDelegated(), report(cell("a", Delegate.GPU, unknown))).verdict())
        .isEqualTo(Verdict.UNDECIDED);
  }
}
