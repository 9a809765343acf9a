package io.jetfire.core.internal.gate;

import io.jetfire.EvaluationResult;
import io.jetfire.Gate;
import io.jetfire.GateResult;
import io.jetfire.Report;
import io.jetfire.VariantResult;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;

/** Judges gates on a variant's file and evaluation. */
final class VariantJudge {
  private VariantJudge() {}

  static GateResult judge(
      Gate gate, VariantResult variant, Report report, Optional<Report> baseline) {
    Optional<String> name = Optional.of(variant.variant());
    if (variant.converted().isEmpty()) {
      return Numbers.undecided(
          gate,
          name,
          Optional.empty(),
          "there is no such file" + variant.failure().map(f -> ": " + f).orElse(""));
    }
    Optional<VariantResult> before = counterpart(gate, variant, report, baseline);
    if (gate.subject() == Gate.Subject.MODEL_SIZE) {
      long bytes = variant.converted().get().model().sizeBytes();
      return Numbers.judge(
          gate,
          name,
          Optional.empty(),
          bytes,
          "the file has " + bytes + " bytes",
          before.flatMap(v -> v.converted()).map(c -> (double) c.model().sizeBytes()),
          true);
    }
    Optional<EvaluationResult> evaluation = evaluation(gate, variant);
    OptionalDouble value = metric(gate, evaluation);
    if (value.isEmpty()) {
      return Numbers.undecided(
          gate,
          name,
          Optional.empty(),
          "the variant was not evaluated for " + metricName(gate, evaluation));
    }
    String metric = metricName(gate, evaluation);
    if (gate.subject() == Gate.Subject.EVALUATION) {
      Optional<EvaluationResult> other = before.flatMap(v -> evaluation(gate, v));
      return Numbers.judge(
          gate,
          name,
          Optional.empty(),
          value.getAsDouble(),
          String.format(Locale.ROOT, "%s is %.6g", metric, value.getAsDouble()),
          boxed(metric(gate, other)),
          metric.equals(EvaluationResult.LOSS));
    }
    OptionalDouble source = metric(gate, report.sourceEvaluation());
    if (source.isEmpty()) {
      return Numbers.undecided(
          gate,
          name,
          Optional.empty(),
          "the source model was not evaluated for " + metric + ", so there is no drop");
    }
    double drop = source.getAsDouble() - value.getAsDouble();
    return Numbers.judge(
        gate,
        name,
        Optional.empty(),
        drop,
        String.format(
            Locale.ROOT,
            "%s is %.6g, the source model's %.6g",
            metric,
            value.getAsDouble(),
            source.getAsDouble()),
        Optional.empty(),
        true);
  }

  private static Optional<VariantResult> counterpart(
      Gate gate, VariantResult variant, Report report, Optional<Report> baseline) {
    String name = gate.baselineVariant().orElse(variant.variant());
    Optional<Report> in = gate.baselineVariant().isPresent() ? Optional.of(report) : baseline;
    return in.flatMap(r -> r.variants().stream().filter(v -> v.variant().equals(name)).findFirst());
  }

  /** With a delegate selected, its evaluation; else the one that stands for the variant. */
  private static Optional<EvaluationResult> evaluation(Gate gate, VariantResult variant) {
    return gate.selector().delegate().isPresent()
        ? gate.selector().delegate().map(variant.evaluations()::get)
        : variant.evaluation();
  }

  private static OptionalDouble metric(Gate gate, Optional<EvaluationResult> evaluation) {
    if (evaluation.isEmpty()) {
      return OptionalDouble.empty();
    }
    EvaluationResult e = evaluation.get();
    return gate.evaluationMetric().isPresent()
        ? e.metric(gate.evaluationMetric().get())
        : e.primary();
  }

  private static String metricName(Gate gate, Optional<EvaluationResult> evaluation) {
    return gate.evaluationMetric()
        .or(() -> evaluation.map(EvaluationResult::primaryMetric))
        .orElse("its primary metric");
  }

  private static Optional<Double> boxed(OptionalDouble value) {
    return value.isPresent() ? Optional.of(value.getAsDouble()) : Optional.empty();
  }
}
