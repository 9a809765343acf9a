package io.jetfire.report;

import io.jetfire.DeviceRunResult;
import io.jetfire.EvaluationResult;
import io.jetfire.Interval;
import io.jetfire.Measurement;
import io.jetfire.Metric;
import io.jetfire.Outcome;
import io.jetfire.Phase;
import io.jetfire.Report;
import io.jetfire.Unit;
import io.jetfire.Validity;
import io.jetfire.VariantResult;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/** What the parts of the page look up about a report's cells and variants. */
final class Cells {
  private final Report report;
  private final Map<String, VariantResult> variants = new LinkedHashMap<>();

  Cells(Report report) {
    this.report = report;
    report.variants().forEach(variant -> variants.putIfAbsent(variant.variant(), variant));
  }

  Report report() {
    return report;
  }

  OptionalDouble sizeBytes(String variant) {
    return Optional.ofNullable(variants.get(variant))
        .flatMap(VariantResult::converted)
        .map(converted -> OptionalDouble.of(converted.model().sizeBytes()))
        .orElse(OptionalDouble.empty());
  }

  /** The evaluation of a variant that stands for a cell: with its delegate, or else the first. */
  Optional<EvaluationResult> evaluation(DeviceRunResult cell) {
    VariantResult variant = variants.get(cell.variant());
    if (variant == null) {
      return Optional.empty();
    }
    return Optional.ofNullable(variant.evaluations().get(cell.delegate())).or(variant::evaluation);
  }

  static OptionalDouble primary(Optional<EvaluationResult> evaluation) {
    return evaluation.map(e -> e.metric(e.primaryMetric())).orElse(OptionalDouble.empty());
  }

  /** By how much the primary metric is lower than the source model's. */
  OptionalDouble drop(Optional<EvaluationResult> evaluation) {
    if (evaluation.isEmpty() || report.sourceEvaluation().isEmpty()) {
      return OptionalDouble.empty();
    }
    String metric = evaluation.get().primaryMetric();
    OptionalDouble value = evaluation.get().metric(metric);
    OptionalDouble source = report.sourceEvaluation().get().metric(metric);
    return value.isPresent() && source.isPresent()
        ? OptionalDouble.of(source.getAsDouble() - value.getAsDouble())
        : OptionalDouble.empty();
  }

  /** The name of the metric that the report calls accuracy, if it has one. */
  Optional<String> primaryMetric() {
    return report.variants().stream()
        .flatMap(variant -> variant.evaluation().stream())
        .findFirst()
        .or(report::sourceEvaluation)
        .map(EvaluationResult::primaryMetric);
  }

  static OptionalDouble percentile(DeviceRunResult cell, Phase phase, int percent) {
    return millis(cell.metrics().flatMap(m -> m.latency(phase).percentile(percent)));
  }

  /** The 95 % interval of the median, in milliseconds. */
  static Optional<Interval> interval(DeviceRunResult cell) {
    return cell.validity()
        .flatMap(validity -> validity.medianInterval())
        .map(i -> new Interval(i.low() / 1000, i.high() / 1000, i.level()));
  }

  static OptionalDouble value(DeviceRunResult cell, Metric metric, Unit unit) {
    return cell.metrics()
        .flatMap(metrics -> metrics.value(metric))
        .map(measurement -> OptionalDouble.of(measurement.in(unit)))
        .orElse(OptionalDouble.empty());
  }

  static OptionalDouble millis(Optional<Measurement> measurement) {
    return measurement
        .map(m -> OptionalDouble.of(m.in(Unit.MILLISECONDS)))
        .orElse(OptionalDouble.empty());
  }

  static String os(DeviceRunResult cell) {
    String version = cell.device().attribute("version");
    String os = cell.device().attribute("os");
    return (os + " " + version).trim();
  }

  /** The device as filters name it. */
  static String device(DeviceRunResult cell) {
    return cell.device().name() + " (" + cell.farm() + ")";
  }

  /** The attributes by which rows and marks of a cell are filtered and found. */
  static Map<String, String> data(DeviceRunResult cell) {
    Map<String, String> data = new LinkedHashMap<>();
    data.put("cell", cell.cell());
    data.put("variant", cell.variant());
    data.put("device", device(cell));
    data.put("delegate", cell.delegate().name());
    data.put("outcome", Numbers.words(cell.outcome()));
    cell.validity().ifPresent(v -> data.put("validity", Numbers.words(v.validity())));
    return data;
  }

  static Table.Cell outcome(Outcome outcome) {
    Table.Tone tone =
        switch (outcome) {
          case PASSED -> Table.Tone.GOOD;
          case FAILED -> Table.Tone.BAD;
          case SKIPPED, CANCELLED -> Table.Tone.QUIET;
          case INCONCLUSIVE, TIMED_OUT -> Table.Tone.WARN;
        };
    return Table.Cell.badge(Numbers.words(outcome), tone, outcome.ordinal());
  }

  static Table.Cell validity(Validity validity) {
    Table.Tone tone =
        switch (validity) {
          case VALID -> Table.Tone.GOOD;
          case UNDECIDED -> Table.Tone.QUIET;
          default -> Table.Tone.WARN;
        };
    return Table.Cell.badge(Numbers.words(validity), tone, validity.ordinal());
  }

  /** A cell with the size of a file. */
  static Table.Cell size(OptionalDouble bytes) {
    return bytes.isPresent()
        ? Table.Cell.number(Numbers.size(bytes.getAsDouble()), bytes.getAsDouble())
            .title(Numbers.fixed(bytes.getAsDouble(), 0) + " bytes")
        : Table.Cell.absent();
  }

  /** A cell with the value of a metric. */
  static Table.Cell metric(String name, OptionalDouble value) {
    return value.isPresent()
        ? Table.Cell.number(Numbers.metric(name, value.getAsDouble()), value.getAsDouble())
        : Table.Cell.absent();
  }

  /** A cell with an accuracy drop. */
  static Table.Cell drop(OptionalDouble drop) {
    return drop.isPresent()
        ? Table.Cell.number(Numbers.signed(drop.getAsDouble(), 4), drop.getAsDouble())
        : Table.Cell.absent();
  }

  /** Device, delegate and threads of a cell in words. */
  static String where(DeviceRunResult cell) {
    return cell.device().name()
        + ", "
        + cell.delegate().name()
        + ", "
        + Picture.threads(cell.threads());
  }
}
