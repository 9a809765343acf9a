package io.jetfire.core.internal.gate;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.ConvertedModel;
import io.jetfire.Delegate;
import io.jetfire.Device;
import io.jetfire.DeviceQuery;
import io.jetfire.DeviceRunResult;
import io.jetfire.Evaluation;
import io.jetfire.EvaluationResult;
import io.jetfire.Gate;
import io.jetfire.GateResult;
import io.jetfire.GateResult.Verdict;
import io.jetfire.Model;
import io.jetfire.Outcome;
import io.jetfire.Recipe;
import io.jetfire.Report;
import io.jetfire.RunId;
import io.jetfire.VariantResult;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Gates on a variant's file and on its evaluation. */
class VariantGatesTest {

  private static EvaluationResult evaluation(double accuracy, double loss) {
    return new EvaluationResult(
        Evaluation.Task.CLASSIFICATION,
        "TFLite",
        "digits",
        "v1",
        100,
        EvaluationResult.ACCURACY,
        Map.of(EvaluationResult.ACCURACY, accuracy, EvaluationResult.LOSS, loss),
        List.of(),
        List.of());
  }

  private static VariantResult variant(
      String name, long bytes, Map<Delegate, EvaluationResult> evaluations) {
    Model model = new Model(Path.of(name + ".tflite"), "tflite", bytes, "0".repeat(64));
    return new VariantResult(
        name,
        Optional.of(
            new ConvertedModel(name, Recipe.float32(), model, "1".repeat(64), List.of(), Map.of())),
        Optional.empty(),
        evaluations);
  }

  private static Map<Delegate, EvaluationResult> evaluated(double accuracy, double loss) {
    return Map.of(Delegate.CPU, evaluation(accuracy, loss));
  }

  private static Report report(VariantResult... variants) {
    return Report.builder(new RunId("r"), "e", "0".repeat(64))
        .source(new Model(Path.of("m.net"), "net", 4000, "1".repeat(64)), evaluation(0.95, 0.200))
        .variants(List.of(variants))
        .build();
  }

  private static GateResult one(Gate gate, Report report) {
    List<GateResult> results = gate.judge(report);
    assertThat(results).hasSize(1);
    return results.get(0);
  }

  @Test
  void sizeIsOfTheFile() {
    Report report = report(variant("int8", 1000, Map.of()));
    GateResult pass = one(Gate.modelSize().atMost(1000), report);
    assertThat(pass.verdict()).isEqualTo(Verdict.PASS);
    assertThat(pass.observed()).hasValue(1000);
    assertThat(pass.bound()).hasValue(1000);
    assertThat(pass.variant()).contains("int8");
    assertThat(pass.cell()).isEmpty();
    assertThat(pass.evidence()).isEqualTo("the file has 1000 bytes");
    assertThat(one(Gate.modelSize().atMost(999), report).verdict()).isEqualTo(Verdict.FAIL);
    assertThat(one(Gate.modelSize().atLeast(1001), report).verdict()).isEqualTo(Verdict.FAIL);
  }

  @Test
  void sizeIsComparedWithARunOrAVariant() {
    Report before = report(variant("int8", 1000, Map.of()));
    Report now = report(variant("int8", 1051, Map.of()), variant("float32", 4000, Map.of()));
    Gate gate = Gate.modelSize().regressionAtMost(0.05);
    List<GateResult> results = gate.judge(now, before);
    assertThat(results)
        .extracting(GateResult::verdict)
        .containsExactly(Verdict.FAIL, Verdict.UNDECIDED);
    assertThat(results.get(0).bound()).hasValue(1050);
    assertThat(results.get(0).evidence()).contains("1051 bytes", "the baseline 1000");
    assertThat(Gate.modelSize().regressionAtMost(0.06).judge(now, before).get(0).verdict())
        .isEqualTo(Verdict.PASS);
    GateResult against = one(gate.against("float32").forVariant("int8"), now);
    assertThat(against.verdict()).isEqualTo(Verdict.PASS);
    assertThat(against.bound()).hasValue(4200);
    assertThat(one(gate.forVariant("int8"), now).evidence()).contains("nothing to compare");
  }

  @Test
  void theDropIsFromTheSourceModel() {
    Report report = report(variant("int8", 1000, evaluated(0.94, 0.25)));
    GateResult pass = one(Gate.accuracyDrop().atMost(0.0101), report);
    assertThat(pass.verdict()).isEqualTo(Verdict.PASS);
    assertThat(pass.observed().orElseThrow()).isCloseTo(0.01, within());
    assertThat(pass.evidence()).contains("accuracy is 0.94", "the source model's 0.95");
    assertThat(one(Gate.accuracyDrop().atMost(0.009), report).verdict()).isEqualTo(Verdict.FAIL);
    Report better = report(variant("int8", 1000, evaluated(0.96, 0.25)));
    GateResult gain = one(Gate.accuracyDrop().atMost(0), better);
    assertThat(gain.verdict()).isEqualTo(Verdict.PASS);
    assertThat(gain.observed().orElseThrow()).isNegative();
  }

  private static org.assertj.core.data.Offset<Double> within() {
    return org.assertj.core.api.Assertions.within(1e-9);
  }

  @Test
  void anyMetricCanBeBounded() {
    Report report = report(variant("int8", 1000, evaluated(0.94, 0.25)));
    assertThat(one(Gate.evaluation(EvaluationResult.LOSS).atMost(0.25), report).verdict())
        .isEqualTo(Verdict.PASS);
    assertThat(one(Gate.evaluation(EvaluationResult.LOSS).atMost(0.2), report).verdict())
        .isEqualTo(Verdict.FAIL);
    assertThat(one(Gate.accuracy().atLeast(0.95), report).verdict()).isEqualTo(Verdict.FAIL);
    GateResult unknown = one(Gate.evaluation("F2").atLeast(0.9), report);
    assertThat(unknown.verdict()).isEqualTo(Verdict.UNDECIDED);
    assertThat(unknown.evidence()).contains("not evaluated for F2");
    assertThat(unknown.observed()).isEmpty();
  }

  @Test
  void ofALossMoreIsWorseOfAnythingElseLess() {
    Report before = report(variant("int8", 1000, evaluated(0.90, 0.20)));
    Report now = report(variant("int8", 1000, evaluated(0.80, 0.30)));
    Gate loss = Gate.evaluation(EvaluationResult.LOSS).regressionAtMost(0.1);
    Gate accuracy = Gate.accuracy().regressionAtMost(0.1);
    assertThat(loss.judge(now, before).get(0).verdict()).isEqualTo(Verdict.FAIL);
    assertThat(accuracy.judge(now, before).get(0).verdict()).isEqualTo(Verdict.FAIL);
    assertThat(accuracy.judge(now, before).get(0).bound().orElseThrow()).isCloseTo(0.81, within());
    assertThat(loss.judge(before, now).get(0).verdict()).isEqualTo(Verdict.PASS);
    assertThat(accuracy.judge(before, now).get(0).verdict()).isEqualTo(Verdict.PASS);
  }

  @Test
  void aDelegatesEvaluationIsItsOwn() {
    Map<Delegate, EvaluationResult> both = new LinkedHashMap<>();
    both.put(Delegate.CPU, evaluation(0.95, 0.2));
    both.put(Delegate.XNNPACK, evaluation(0.85, 0.4));
    Report report = report(variant("int8", 1000, both));
    Gate gate = Gate.accuracyDrop().atMost(0.02);
    assertThat(one(gate.withDelegate(Delegate.CPU), report).verdict()).isEqualTo(Verdict.PASS);
    assertThat(one(gate.withDelegate(Delegate.XNNPACK), report).verdict()).isEqualTo(Verdict.FAIL);
    assertThat(one(gate.withDelegate(Delegate.GPU), report).verdict()).isEqualTo(Verdict.UNDECIDED);
  }

  @Test
  void withoutConversionsTheModelItselfIsJudged() {
    VariantResult itself = new VariantResult("model", Optional.empty(), Optional.empty(), Map.of());
    Report report = report(itself);
    assertThat(one(Gate.modelSize().atMost(4000), report).verdict()).isEqualTo(Verdict.PASS);
    assertThat(one(Gate.modelSize().atMost(3999), report).verdict()).isEqualTo(Verdict.FAIL);
    assertThat(one(Gate.accuracy().atLeast(0.96), report).verdict()).isEqualTo(Verdict.FAIL);
    assertThat(Gate.modelSize().regressionAtMost(0.01).judge(report, report).get(0).verdict())
        .isEqualTo(Verdict.PASS);
  }

  @Test
  void whatIsMissingIsUndecidedAndSaysWhy() {
    VariantResult failed =
        new VariantResult("int8", Optional.empty(), Optional.of("no FFT"), Map.of());
    assertThat(one(Gate.modelSize().atMost(1), report(failed)).evidence())
        .isEqualTo("there is no such file: no FFT");
    assertThat(one(Gate.accuracyDrop().atMost(1), report(variant("a", 1, Map.of()))).evidence())
        .contains("not evaluated for its primary metric");
    Report noSource =
        Report.builder(new RunId("r"), "e", "0".repeat(64))
            .variants(List.of(variant("a", 1, evaluated(0.9, 0.1))))
            .build();
    GateResult drop = one(Gate.accuracyDrop().atMost(1), noSource);
    assertThat(drop.verdict()).isEqualTo(Verdict.UNDECIDED);
    assertThat(drop.evidence()).contains("the source model was not evaluated");
    assertThat(one(Gate.modelSize().atMost(1).forVariant("zz"), noSource).evidence())
        .contains("selects nothing");
  }

  @Test
  void placesSelectVariantsThatRanThere() {
    Device phone = new Device("p", "P", Map.of("os", "android", "version", "33", "model", "x"));
    DeviceRunResult cell =
        new DeviceRunResult(
            "int8/CPU/1",
            "int8",
            "lab",
            phone,
            List.of("low"),
            Delegate.CPU,
            1,
            Outcome.PASSED,
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            List.of());
    Report report =
        Report.builder(new RunId("r"), "e", "0".repeat(64))
            .variants(List.of(variant("int8", 1000, Map.of()), variant("f32", 4000, Map.of())))
            .deviceRuns(List.of(cell))
            .build();
    Gate gate = Gate.modelSize().atMost(2000);
    assertThat(gate.judge(report)).hasSize(2);
    assertThat(one(gate.onTier("low"), report).variant()).contains("int8");
    assertThat(one(gate.onOs("android"), report).variant()).contains("int8");
    assertThat(one(gate.onDevices(DeviceQuery.parse("model=x")), report).variant())
        .contains("int8");
    assertThat(one(gate.onTier("high"), report).verdict()).isEqualTo(Verdict.UNDECIDED);
  }
}
