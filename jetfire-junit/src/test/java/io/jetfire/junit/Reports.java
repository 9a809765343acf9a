package io.jetfire.junit;

import io.jetfire.BaselineRun;
import io.jetfire.CellComparison;
import io.jetfire.Comparison;
import io.jetfire.Delegate;
import io.jetfire.Device;
import io.jetfire.DeviceRunResult;
import io.jetfire.Gate;
import io.jetfire.GateResult;
import io.jetfire.Metrics;
import io.jetfire.Outcome;
import io.jetfire.Phase;
import io.jetfire.Report;
import io.jetfire.RunId;
import io.jetfire.Samples;
import io.jetfire.Statistics;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Random;

/** Reports for tests. */
final class Reports {
  private Reports() {}

  static Report of(double millis, Outcome outcome, Gate... gates) {
    Random random = new Random(5);
    Metrics.Builder metrics = Metrics.builder().ending(Metrics.Ending.COMPLETE);
    List<Samples> all = new ArrayList<>();
    for (int s = 0; s < 8; s++) {
      double[] x = new double[50];
      for (int i = 0; i < x.length; i++) {
        x[i] = millis * 1000 * Math.exp(0.05 * random.nextGaussian());
      }
      all.add(Samples.of(Phase.INFERENCE, s, x));
    }
    all.forEach(metrics::samples);
    metrics.latency(Phase.INFERENCE, Statistics.standard().summarize(all));
    Metrics built = metrics.build();
    DeviceRunResult cell =
        new DeviceRunResult(
            "c1",
            "int8",
            "local",
            new Device("p6", "Pixel 6", Map.of("os", "android", "model", "oriole")),
            List.of("mid"),
            Delegate.XNNPACK,
            1,
            outcome,
            outcome == Outcome.PASSED ? Optional.empty() : Optional.of("it <broke>\u0007"),
            Optional.of(built),
            Optional.of(Statistics.standard().validity(built)),
            Optional.empty(),
            List.of());
    Report report = builder(cell).build();
    List<GateResult> results = new ArrayList<>();
    for (Gate gate : gates) {
      results.addAll(gate.judge(report));
    }
    return builder(cell).gates(results).build();
  }

  /** A report whose only cell compares like this with an earlier run. */
  static Report compared(Comparison.Decision decision) {
    Comparison comparison =
        new Comparison(
            decision,
            "because 100 %s",
            0.03,
            OptionalDouble.of(10_000),
            OptionalDouble.of(11_000),
            OptionalDouble.of(0.1),
            Optional.empty(),
            8,
            8,
            OptionalInt.empty());
    DeviceRunResult cell = of(20, Outcome.PASSED).deviceRuns().get(0);
    return builder(cell)
        .baseline(
            new BaselineRun(new RunId("r0"), "detector", "1".repeat(64), Instant.EPOCH, 0.03),
            List.of(
                new CellComparison(
                    cell.variant(),
                    cell.cell(),
                    cell.farm(),
                    cell.device(),
                    comparison,
                    Optional.empty())))
        .build();
  }

  private static Report.Builder builder(DeviceRunResult cell) {
    return Report.builder(new RunId("r1"), "detector", "0".repeat(64)).deviceRuns(List.of(cell));
  }
}
