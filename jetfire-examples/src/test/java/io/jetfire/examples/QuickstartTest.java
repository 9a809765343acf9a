package io.jetfire.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import io.jetfire.Delegate;
import io.jetfire.Description;
import io.jetfire.EvaluationResult;
import io.jetfire.Experiment;
import io.jetfire.JetFire;
import io.jetfire.Outcome;
import io.jetfire.References;
import io.jetfire.Report;
import io.jetfire.RunState;
import io.jetfire.VariantResult;
import io.jetfire.adapter.mlmd.MlmdSqliteProvider;
import io.jetfire.spi.MetadataStore;
import io.jetfire.spi.MetadataStore.Artifact;
import io.jetfire.spi.MetadataStore.Lineage;
import io.jetfire.spi.MetadataStore.LineageQuery;
import io.jetfire.spi.MetadataStore.TypeName;
import io.jetfire.testkit.TestProviderContext;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The quickstart in a reduced form: the same experiment with little training and few runs. */
class QuickstartTest {
  @TempDir static Path folder;

  private static Experiment experiment;
  private static Report report;

  @BeforeAll
  static void run() {
    experiment = Quickstart.experiment(new Quickstart.Size(24, 1, 4, 20, 2));
    try (JetFire jetfire = JetFire.builder().workDirectory(folder).build()) {
      assertThat(jetfire.plan(experiment).cells()).isEqualTo(4 * 2 * 2);
      report = jetfire.run(experiment);
    }
    report.writeTo(folder.resolve("report"));
  }

  @Test
  void everyStepIsDone() {
    assertThat(report.state()).isEqualTo(RunState.COMPLETED);
    assertThat(report.problems()).isEmpty();
    assertThat(report.trained()).isPresent();
    assertThat(report.sourceEvaluation()).isPresent();
    assertThat(report.variants())
        .extracting(VariantResult::variant)
        .containsExactly("float32", "float16", "dynamic-range", "full-integer");
    assertThat(report.variants()).allMatch(v -> v.failure().isEmpty());
    assertThat(report.variants())
        .allMatch(v -> v.evaluations().keySet().equals(Set.of(Delegate.CPU, Delegate.XNNPACK)));
  }

  @Test
  void lossIsMeasuredOnEveryVariant() {
    double trained = metric(report.sourceEvaluation().orElseThrow(), EvaluationResult.LOSS);
    assertThat(trained).isPositive();
    assertThat(metric("float32", EvaluationResult.LOSS)).isCloseTo(trained, offset(trained * 1e-4));
    assertThat(metric("full-integer", EvaluationResult.LOSS))
        .isCloseTo(trained, offset(trained * 0.2));
  }

  @Test
  void float32GivesWhatDjlGives() {
    VariantResult float32 = report.variants().get(0);
    assertThat(float32.evaluations().values())
        .allSatisfy(e -> assertThat(metric(e, EvaluationResult.OUTPUT_MAX_ERROR)).isLessThan(1e-5));
  }

  @Test
  void integersAreSmallAndClose() {
    long float32 = size(0);
    assertThat((double) size(3) / float32).isLessThan(0.35);
    assertThat((double) size(2) / float32).isLessThan(0.35);
    assertThat((double) size(1) / float32).isLessThan(0.6);
    assertThat(metric("full-integer", EvaluationResult.OUTPUT_SQNR)).isGreaterThan(20);
  }

  @Test
  void everyCellIsMeasured() {
    assertThat(report.deviceRuns()).hasSize(16);
    assertThat(report.deviceRuns())
        .allSatisfy(
            cell -> {
              assertThat(cell.outcome()).as(cell.reason().orElse("")).isEqualTo(Outcome.PASSED);
              assertThat(cell.metrics().orElseThrow().latency().count()).hasValue(2 * 20);
              assertThat(cell.metrics().orElseThrow().latency().percentile(90)).isPresent();
              assertThat(cell.metrics().orElseThrow().latency().percentile(99)).isEmpty();
              assertThat(cell.metrics().orElseThrow().detections()).isNotEmpty();
              assertThat(cell.validity()).isPresent();
              assertThat(cell.tiers()).containsExactly("this machine");
            });
  }

  @Test
  void gatesAreJudged() {
    assertThat(report.gates()).isNotEmpty();
    assertThat(report.gates()).allSatisfy(g -> assertThat(g.evidence()).isNotBlank());
  }

  @Test
  void theStoreKnowsWhereAVariantComesFrom() {
    try (MetadataStore store = new MlmdSqliteProvider().create(TestProviderContext.in(folder))) {
      Artifact int8 =
          store
              .artifact(
                  TypeName.of("jetfire.Model"),
                  "sha256:" + report.variants().get(3).converted().orElseThrow().model().sha256())
              .orElseThrow();
      Lineage lineage = store.lineage(LineageQuery.upstreamOf(int8.storedId()));
      assertThat(lineage.executions())
          .extracting(e -> e.type().name())
          .contains("jetfire.Conversion", "jetfire.Training");
      assertThat(lineage.artifacts())
          .extracting(a -> a.type().name())
          .contains("jetfire.Dataset", "jetfire.Model");
      assertThat(store.executions())
          .filteredOn(e -> e.type().name().equals("jetfire.DeviceRun"))
          .hasSize(16);
    }
  }

  @Test
  void everyFormOfTheReportIsWritten() {
    assertThat(folder.resolve("report/report.md")).content().contains("## Devices");
    assertThat(folder.resolve("report/report.json")).content().contains("\"deviceRuns\"");
    assertThat(folder.resolve("report/report.html")).content().contains("item-detector");
    assertThat(Summary.table(report)).contains("full-integer").contains("trained (DJL)");
  }

  @Test
  void theExperimentSurvivesJson() {
    Experiment read =
        Description.fromJson(Experiment.class, experiment.toJson(), References.of(experiment));
    assertThat(read.toJson()).isEqualTo(experiment.toJson());
    assertThat(read.fingerprint()).isEqualTo(experiment.fingerprint());
  }

  private static long size(int variant) {
    return report.variants().get(variant).converted().orElseThrow().model().sizeBytes();
  }

  private static double metric(String variant, String name) {
    return report.variants().stream()
        .filter(v -> v.variant().equals(variant))
        .map(v -> metric(v.evaluation().orElseThrow(), name))
        .findFirst()
        .orElseThrow();
  }

  private static double metric(EvaluationResult result, String name) {
    return result.metric(name).orElseThrow();
  }
}
