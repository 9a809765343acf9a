package io.jetfire.core.internal.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.Baseline;
import io.jetfire.CellComparison;
import io.jetfire.Comparison.Decision;
import io.jetfire.ConfigurationException;
import io.jetfire.Converter;
import io.jetfire.DeviceRun;
import io.jetfire.DeviceRunResult;
import io.jetfire.Experiment;
import io.jetfire.Gate;
import io.jetfire.GateResult;
import io.jetfire.GateResult.Verdict;
import io.jetfire.JetFire;
import io.jetfire.Outcome;
import io.jetfire.Recipe;
import io.jetfire.Report;
import io.jetfire.RunEvent;
import io.jetfire.RunHandle;
import io.jetfire.RunId;
import io.jetfire.RunState;
import io.jetfire.Stage;
import io.jetfire.core.internal.fake.FakeTime;
import io.jetfire.core.internal.fake.Fakes;
import io.jetfire.core.internal.metadata.InMemoryMetadataStore;
import io.jetfire.spi.DeviceFarm.Cell;
import io.jetfire.spi.DeviceFarm.FarmRequest;
import io.jetfire.spi.MetadataStore;
import io.jetfire.spi.MetadataStore.TypeName;
import io.jetfire.testkit.FakeDeviceFarm;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs that are compared with earlier ones, and regressions that are confirmed. */
@Timeout(30)
class BaselineTest {
  private static final Gate NO_SLOWER = Gate.latency(50).regressionAtMost(0.05);

  private final Path folder;
  private final FakeTime time = new FakeTime();
  private final MetadataStore store = new InMemoryMetadataStore(Clock.systemUTC());
  private ToDoubleFunction<Cell> millis = cell -> 10;
  private Consumer<RunEvent> onEvent = e -> {};
  private FakeDeviceFarm farm = farm().build();

  BaselineTest(@TempDir Path folder) {
    this.folder = folder;
  }

  private FakeDeviceFarm.Builder farm() {
    return FakeDeviceFarm.builder()
        .clock(time)
        .pollInterval(Duration.ofSeconds(5))
        .pricePerMinute(new BigDecimal("0.10"))
        .takes(Duration.ofMinutes(1), Duration.ofMinutes(1), Duration.ofSeconds(20))
        .latency(cell -> Duration.ofNanos((long) (millis.applyAsDouble(cell) * 1e6)));
  }

  private JetFire client() {
    return new DefaultJetFire(
        JetFire.builder()
            .workDirectory(folder.resolve("work"))
            .clock(time)
            .provider(Fakes.converterBackend(r -> {}))
            .provider(farm.provider("phones"))
            .provider(Fakes.store("store", store, m -> false))
            .listener((run, event) -> onEvent.accept(event)),
        time);
  }

  private Report run(Experiment experiment) {
    try (JetFire jetfire = client()) {
      return jetfire.run(experiment);
    }
  }

  private Experiment.Builder described(DeviceRun.Builder phones) {
    return Experiment.builder("detector")
        .model(Fakes.write(folder.resolve("m.net"), "net"))
        .convert(Converter.toTflite().recipe(Recipe.float16()).build())
        .convert(Converter.toTflite().recipe(Recipe.float32()).build())
        .deviceRun(phones.build())
        .gate(NO_SLOWER)
        .recordTo("store");
  }

  private static DeviceRun.Builder phones() {
    return DeviceRun.on("phones");
  }

  private static GateResult gate(Report report, String variant) {
    return report.gates().stream()
        .filter(g -> g.variant().map(variant::equals).orElse(false))
        .findFirst()
        .orElseThrow();
  }

  private static CellComparison compared(Report report, String variant) {
    return report.comparisons().stream()
        .filter(c -> c.variant().equals(variant))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void theLastRunIsTheBaselineOfTheNext() {
    Experiment experiment = described(phones()).baseline(Baseline.lastRunOf("detector")).build();
    Report first = run(experiment);
    assertThat(first.baseline()).isEmpty();
    assertThat(first.warnings())
        .singleElement()
        .asString()
        .contains("no complete run of 'detector'");
    assertThat(first.gates()).extracting(GateResult::verdict).containsOnly(Verdict.UNDECIDED);

    Report second = run(experiment);
    assertThat(second.baseline().orElseThrow().run()).isEqualTo(first.run());
    assertThat(second.comparisons()).hasSize(2);
    assertThat(second.comparisons())
        .allSatisfy(c -> assertThat(c.comparison().decision()).isEqualTo(Decision.SAME));
    assertThat(second.gates()).extracting(GateResult::verdict).containsOnly(Verdict.PASS);
    assertThat(second.exitCode()).isZero();

    millis = cell -> cell.variant().equals("float16") ? 11.5 : 10;
    Report third = run(experiment);
    assertThat(third.baseline().orElseThrow().run()).isEqualTo(second.run());
    assertThat(compared(third, "float16").comparison().decision()).isEqualTo(Decision.WORSE);
    assertThat(compared(third, "float16").first()).isEmpty();
    assertThat(compared(third, "float32").comparison().decision()).isEqualTo(Decision.SAME);
    assertThat(gate(third, "float16").verdict()).isEqualTo(Verdict.FAIL);
    assertThat(third.exitCode()).isEqualTo(10);
    assertThat(third.toMarkdown())
        .contains("## Compared with the baseline", second.run().value(), "worse", "slower: +15.");
    assertThat(third.toJson()).contains("\"comparisons\"", second.run().value());
    assertThat(
            store
                .context(TypeName.of("jetfire.Run"), third.run().value())
                .orElseThrow()
                .value("baseline run"))
        .hasValue(MetadataStore.Value.of(second.run().value()));
  }

  @Test
  void aResumedRunKeepsItsBaseline() {
    Experiment experiment = described(phones()).baseline(Baseline.lastRunOf("detector")).build();
    Report first = run(experiment);
    Report second = run(experiment);
    Report third = run(experiment);
    try (JetFire jetfire = client()) {
      Report again = jetfire.resume(second.run(), experiment).await();
      assertThat(again.baseline().orElseThrow().run()).isEqualTo(first.run());
      Report firstAgain = jetfire.resume(first.run(), experiment).await();
      assertThat(firstAgain.baseline()).as("there was none when it started").isEmpty();
    }
    assertThat(third.baseline().orElseThrow().run()).isEqualTo(second.run());
  }

  @Test
  void aRunIsABaselineByItsId() {
    Report first = run(described(phones()).build());
    run(described(phones()).build());
    Report third = run(described(phones()).baseline(Baseline.run(first.run())).build());
    assertThat(third.baseline().orElseThrow().run()).isEqualTo(first.run());
    assertThat(third.comparisons()).hasSize(2);
    assertThat(third.gates()).extracting(GateResult::verdict).containsOnly(Verdict.PASS);
  }

  @Test
  void aRunThatIsUnknownOrGoneIsAnErrorBeforeAnythingIsDone() throws IOException {
    Experiment unknown = described(phones()).baseline(Baseline.run(new RunId("x-1"))).build();
    assertThatThrownBy(() -> run(unknown))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll("x-1", "does not know the run", "Baseline.report");
    Report first = run(described(phones()).build());
    Files.delete(folder.resolve("work/runs/" + first.run() + "/report.json"));
    assertThatThrownBy(() -> run(described(phones()).baseline(Baseline.run(first.run())).build()))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll(first.run().value(), "where it is not", "report.json");
    assertThat(farm.requests()).hasSize(1);
  }

  @Test
  void aRunThatTheStoreDoesNotKnowIsFoundInTheWorkDirectory() {
    Report first = run(described(phones()).build());
    Experiment other =
        described(phones()).recordTo("memory").baseline(Baseline.run(first.run())).build();
    assertThat(run(other).comparisons()).hasSize(2);
  }

  @Test
  void aSavedReportIsABaseline() throws IOException {
    Report first = run(described(phones()).build());
    Path saved = folder.resolve("release");
    first.writeTo(saved);
    Baseline baseline = Baseline.report(saved).margin(0.2);
    millis = cell -> 11;
    Report second = run(described(phones()).baseline(baseline).build());
    assertThat(compared(second, "float16").comparison().decision())
        .as("10 % slower, within a margin of 20 %")
        .isEqualTo(Decision.SAME);
    assertThat(gate(second, "float16").verdict())
        .as("the gate has its own")
        .isEqualTo(Verdict.FAIL);

    Experiment stale = described(phones()).baseline(baseline).build();
    Files.writeString(saved.resolve("report.json"), "{}");
    assertThatThrownBy(() -> run(stale))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("has changed");
    assertThatThrownBy(() -> Report.read(saved))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll("report.json", "no report", "lacks 'run'");
    Files.writeString(saved.resolve("report.json"), "{\"version\": 99}");
    assertThatThrownBy(() -> Report.read(saved)).hasMessageContaining("version 99");
  }

  @Test
  void aBaselineWithoutTheseCellsSaysSo() {
    Report first = run(described(phones()).build());
    Report second = run(described(phones().threads(2)).baseline(Baseline.run(first.run())).build());
    assertThat(second.comparisons()).isEmpty();
    assertThat(second.warnings()).singleElement().asString().contains("measured none of the cells");
    assertThat(gate(second, "float16").evidence()).contains("no baseline run with such a cell");
  }

  // --- Confirmation

  /** Slower in the first measurement of the second run; in its re-run as given. */
  private Report secondRun(DeviceRun.Builder phones, double again) {
    Report first = run(described(phones()).build());
    millis =
        cell -> !cell.variant().equals("float16") ? 10 : farm.requests().size() == 3 ? again : 11.5;
    return run(
        described(phones.confirmRegressions(true)).baseline(Baseline.run(first.run())).build());
  }

  @Test
  void aRegressionThatIsThereAgainIsOne() {
    Report report = secondRun(phones(), 11.5);
    FarmRequest again = farm.requests().get(2);
    assertThat(again.cells()).extracting(Cell::variant).containsExactly("float16");
    assertThat(again.device()).isEqualTo(farm.requests().get(1).device());
    assertThat(again.sessions()).isEqualTo(8);
    assertThat(farm.requests()).hasSize(3);
    CellComparison slow = compared(report, "float16");
    assertThat(slow.comparison().decision()).isEqualTo(Decision.WORSE);
    assertThat(slow.first()).isPresent();
    assertThat(gate(report, "float16").verdict()).isEqualTo(Verdict.FAIL);
    assertThat(gate(report, "float16").evidence()).contains("confirmed by a re-run: slower");
    assertThat(report.exitCode()).isEqualTo(10);
    assertThat(report.confirmations())
        .singleElement()
        .satisfies(
            c -> {
              assertThat(c.cell()).isEqualTo("float16/XNNPACK/1");
              assertThat(c.outcome()).isEqualTo(Outcome.PASSED);
            });
    assertThat(report.toMarkdown())
        .contains("worse, confirmed", "## Measured again to confirm regressions");
    assertThat(store.executionsByType(TypeName.of("jetfire.DeviceRun")))
        .filteredOn(e -> String.valueOf(e.name()).contains("measure-0-confirm"))
        .hasSize(1);

    // Resumed, it is neither measured nor confirmed again.
    try (JetFire jetfire = client()) {
      Experiment same =
          described(phones().confirmRegressions(true))
              .baseline(Baseline.run(report.baseline().orElseThrow().run()))
              .build();
      Report resumed = jetfire.resume(report.run(), same).await();
      assertThat(resumed.gates()).isEqualTo(report.gates());
      assertThat(resumed.comparisons()).isEqualTo(report.comparisons());
    }
    assertThat(farm.requests()).hasSize(3);
  }

  @Test
  void aRegressionThatIsGoneIsUndecided() {
    Report report = secondRun(phones(), 10);
    CellComparison slow = compared(report, "float16");
    assertThat(slow.comparison().decision()).isEqualTo(Decision.CANNOT_TELL);
    assertThat(slow.comparison().reason()).contains("the re-run does not confirm it", "slower");
    assertThat(slow.first().orElseThrow().decision()).isEqualTo(Decision.WORSE);
    assertThat(gate(report, "float16").verdict()).isEqualTo(Verdict.UNDECIDED);
    assertThat(gate(report, "float16").evidence()).contains("the re-run does not confirm it");
    assertThat(report.exitCode()).isEqualTo(15);
  }

  @Test
  void whatIsNotSlowerIsNotMeasuredAgain() {
    Report first = run(described(phones()).build());
    Report second =
        run(
            described(phones().confirmRegressions(true))
                .baseline(Baseline.run(first.run()))
                .build());
    assertThat(second.confirmations()).isEmpty();
    assertThat(farm.requests()).hasSize(2);
  }

  @Test
  void theCostLimitHoldsForTheReRunToo() {
    // 15 minutes at 10 cents: $1.50 per run; two attempts are reserved, one is given back.
    Report poor = secondRun(phones().attempts(1).maxCost(new BigDecimal("2.99")), 11.5);
    assertThat(farm.requests()).hasSize(2);
    assertThat(poor.confirmations())
        .extracting(DeviceRunResult::outcome)
        .containsExactly(Outcome.SKIPPED);
    assertThat(gate(poor, "float16").verdict()).isEqualTo(Verdict.UNDECIDED);
    assertThat(gate(poor, "float16").evidence()).contains("not confirmed", "cost limit of $2.99");
    assertThat(compared(poor, "float16").comparison().decision()).isEqualTo(Decision.CANNOT_TELL);

    millis = cell -> 10;
    farm = farm().build();
    Report rich = secondRun(phones().attempts(2).maxCost(new BigDecimal("3.00")), 11.5);
    assertThat(gate(rich, "float16").verdict()).isEqualTo(Verdict.FAIL);
    assertThat(farm.requests()).hasSize(3);
  }

  @Test
  void aCancelledRunConfirmsNothingAndCallsNothingARegression() {
    Report first = run(described(phones()).build());
    millis = cell -> 11.5;
    CompletableFuture<RunHandle> handle = new CompletableFuture<>();
    onEvent =
        e -> {
          if (e instanceof RunEvent.Finished f && f.stage() == Stage.DEVICE_RUN) {
            handle.orTimeout(10, TimeUnit.SECONDS).join().cancel();
          }
        };
    Experiment experiment =
        described(phones().confirmRegressions(true)).baseline(Baseline.run(first.run())).build();
    try (JetFire jetfire = client()) {
      handle.complete(jetfire.start(experiment));
      Report report = handle.join().await();
      assertThat(report.exitCode()).isEqualTo(19);
      assertThat(gate(report, "float16").verdict()).isEqualTo(Verdict.UNDECIDED);
      assertThat(gate(report, "float16").evidence()).contains("cancelled before");
      assertThat(report.confirmations())
          .extracting(DeviceRunResult::outcome)
          .containsOnly(Outcome.CANCELLED);
      onEvent = e -> {};
      Report resumed = jetfire.resume(report.run(), experiment).await();
      assertThat(gate(resumed, "float16").verdict()).isEqualTo(Verdict.FAIL);
    }
    assertThat(farm.requests()).hasSize(3);
  }

  @Test
  void againstAVariantBothAreMeasuredAgain() {
    millis = cell -> cell.variant().equals("float16") ? 11.5 : 10;
    Experiment experiment =
        Experiment.builder("detector")
            .model(Fakes.write(folder.resolve("m.net"), "net"))
            .convert(Converter.toTflite().recipe(Recipe.float16()).build())
            .convert(Converter.toTflite().recipe(Recipe.float32()).build())
            .convert(Converter.toTflite().recipe(Recipe.dynamicRange()).build())
            .deviceRun(phones().confirmRegressions(true).build())
            .gate(NO_SLOWER.against("float32").forVariant("float16"))
            .recordTo("store")
            .build();
    Report report = run(experiment);
    assertThat(farm.requests()).hasSize(2);
    assertThat(farm.requests().get(1).cells())
        .extracting(Cell::variant)
        .containsExactly("float16", "float32");
    assertThat(report.gates().get(0).verdict()).isEqualTo(Verdict.FAIL);
    assertThat(report.gates().get(0).evidence()).contains("confirmed by a re-run");
    assertThat(report.state()).isEqualTo(RunState.COMPLETED);
  }

  @Test
  void thePlanWarnsOfTheReRun() {
    try (JetFire jetfire = client()) {
      Experiment nothing =
          Experiment.builder("x")
              .model(Fakes.write(folder.resolve("m.net"), "net"))
              .deviceRun(phones().confirmRegressions(true).build())
              .recordTo("store")
              .build();
      assertThat(jetfire.plan(nothing).warnings())
          .anyMatch(w -> w.contains("twice the time and cost"))
          .anyMatch(w -> w.contains("nothing to confirm"));
      // 15 minutes at 10 cents, 2 attempts, and one to confirm.
      assertThat(jetfire.plan(nothing).maxCost().orElseThrow()).isEqualByComparingTo("4.50");
      assertThat(jetfire.plan(described(phones()).build()).warnings())
          .singleElement()
          .asString()
          .contains("stays undecided", "Experiment.baseline");
    }
  }

  @Test
  void aReportComesBackFromItsFile() {
    Report first = run(described(phones()).build());
    millis = cell -> 11.5;
    Report report =
        run(
            described(phones().confirmRegressions(true))
                .baseline(Baseline.run(first.run()))
                .build());
    Report read = Report.read(folder.resolve("work/runs/" + report.run()));
    assertThat(read.toJson()).isEqualTo(report.toJson());
    assertThat(read.gates()).isEqualTo(report.gates());
    assertThat(read.comparisons()).isEqualTo(report.comparisons());
    assertThat(read.baseline()).isEqualTo(report.baseline());
    assertThat(read.exitCode()).isEqualTo(report.exitCode());
    assertThat(NO_SLOWER.judge(read, Report.read(folder.resolve("work/runs/" + first.run()))))
        .extracting(GateResult::verdict)
        .containsOnly(Verdict.FAIL);
  }

  @Test
  void baselinesAreDescribedInWords() {
    assertThat(Baseline.run(new RunId("a-1")))
        .hasToString("Baseline[run a-1, margin 3.00 %]")
        .isEqualTo(Baseline.run(new RunId("a-1")))
        .isNotEqualTo(Baseline.run(new RunId("a-1")).margin(0.04))
        .isNotEqualTo(Baseline.lastRunOf("a-1"));
    assertThatThrownBy(() -> Baseline.lastRunOf("x").margin(1))
        .isInstanceOf(ConfigurationException.class);
  }
}
