package io.jetfire.examples;

import io.jetfire.Delegate;
import io.jetfire.DeviceRunResult;
import io.jetfire.EvaluationResult;
import io.jetfire.GateResult;
import io.jetfire.Measurement;
import io.jetfire.Report;
import io.jetfire.Unit;
import io.jetfire.VariantResult;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;

/** What the quickstart prints last. */
final class Summary {
  private Summary() {}

  static String table(Report report) {
    StringBuilder s = new StringBuilder();
    s.append(
        String.format(
            Locale.ROOT,
            "%-14s %10s %8s %8s   %-25s %-25s%n",
            "variant",
            "bytes",
            "mAP@0.5",
            "SQNR dB",
            "CPU p50 / p90 ms (1 thr.)",
            "XNNPACK p50 / p90 ms"));
    report
        .sourceEvaluation()
        .ifPresent(
            e ->
                s.append(
                    String.format(
                        Locale.ROOT,
                        "%-14s %10s %8s%n",
                        "trained (DJL)",
                        report.source().map(m -> "" + m.sizeBytes()).orElse("-"),
                        number(e.primary(), "%.4f"))));
    for (VariantResult v : report.variants()) {
      Optional<EvaluationResult> evaluation = v.evaluation();
      s.append(
          String.format(
              Locale.ROOT,
              "%-14s %10s %8s %8s   %-25s %-25s%n",
              v.variant(),
              v.converted().map(c -> "" + c.model().sizeBytes()).orElse("failed"),
              number(
                  evaluation.map(EvaluationResult::primary).orElse(OptionalDouble.empty()), "%.4f"),
              number(
                  evaluation
                      .map(e -> e.metric(EvaluationResult.OUTPUT_SQNR))
                      .orElse(OptionalDouble.empty()),
                  "%.1f"),
              latency(report, v.variant(), Delegate.CPU),
              latency(report, v.variant(), Delegate.XNNPACK)));
    }
    for (GateResult g : report.gates()) {
      if (g.verdict() != GateResult.Verdict.PASS) {
        s.append("gate ").append(g.verdict()).append(": ").append(g.gate()).append(": ");
        s.append(g.evidence()).append(System.lineSeparator());
      }
    }
    long passed =
        report.gates().stream().filter(g -> g.verdict() == GateResult.Verdict.PASS).count();
    s.append(String.format(Locale.ROOT, "%d of %d gates passed%n", passed, report.gates().size()));
    return s.toString();
  }

  static String paths(Report report, Path folder) {
    return String.format(
        Locale.ROOT,
        "report    %s%nmodels    %s%nmetadata  %s%n",
        folder.resolve("report").resolve("report.html"),
        folder.resolve("runs").resolve(report.run().value()).resolve("models"),
        folder.resolve("metadata.db"));
  }

  private static String latency(Report report, String variant, Delegate delegate) {
    return report.deviceRuns().stream()
        .filter(r -> r.variant().equals(variant))
        .filter(r -> r.delegate().equals(delegate) && r.threads() == 1)
        .findFirst()
        .map(r -> millis(r, 50) + " / " + millis(r, 90))
        .orElse("-");
  }

  private static String millis(DeviceRunResult result, int percent) {
    return result
        .metrics()
        .flatMap(m -> m.latency().percentile(percent))
        .map((Measurement m) -> String.format(Locale.ROOT, "%.3f", m.in(Unit.MILLISECONDS)))
        .orElse("-");
  }

  private static String number(OptionalDouble value, String format) {
    return value.isPresent() ? String.format(Locale.ROOT, format, value.getAsDouble()) : "-";
  }
}
