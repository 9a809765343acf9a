package io.jetfire.core.internal.gate;

import io.jetfire.EvaluationResult;
import io.jetfire.Gate;
import io.jetfire.GateResult;
import io.jetfire.Model;
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
    Optional<Model> file = file(variant, Optional.of(report));
    if (file.isEmpty()) {
      return Numbers.undecided(
          gate,
          name,
          Optional.empty(),
          "there is no such file" + variant.failure().map(f -> ": " + f).orElse(""));
    }
    Optional<Report> in = gate.baselineVariant().isPresent() ? Optional.of(report) : baseline;
    Optional<VariantResult> before = counterpart(gate, variant, in);
    if (gate.subject() == Gate.Subject.MODEL_SIZE) {
      long bytes = file.get().sizeBytes();
      return Numbers.judge(
          gate,
          name,
          Optional.empty(),
          bytes,
          "the file has " + bytes + " bytes",
          before.flatMap(v -> file(v, in)).map(m -> (double) m.sizeBytes()),
          true);
    }
    Optional<EvaluationResult> evaluation = evaluation(gate, variant, Optional.of(report));
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
      Optional<EvaluationResult> other = before.flatMap(v -> evaluation(gate, v, in));
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
      Gate gate, VariantResult variant, Optional<Report> in) {
    String name = gate.baselineVariant().orElse(variant.variant());
    return in.flatMap(r -> r.variants().stream().filter(v -> v.variant().equals(name)).findFirst());
  }

  /** Without conversions the model itself is the only variant. */
  private static boolean isSource(VariantResult variant) {
    return variant.converted().isEmpty() && variant.failure().isEmpty();
  }

  private static Optional<Model> file(VariantResult variant, Optional<Report> report) {
    return isSource(variant)
        ? report.flatMap(Report::source)
        : variant.converted().map(c -> c.model());
  }

  /** With a delegate selected, its evaluation; else the one that stands for the variant. */
  private static Optional<EvaluationResult> evaluation(
      Gate gate, VariantResult variant, Optional<Report> report) {
    if (isSource(variant)) {
      return report.flatMap(Report::sourceEvaluation);
    }
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
