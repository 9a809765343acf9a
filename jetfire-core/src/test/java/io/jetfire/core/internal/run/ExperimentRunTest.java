package io.jetfire.core.internal.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.ConfigurationException;
import io.jetfire.Converter;
import io.jetfire.DataException;
import io.jetfire.Dataset;
import io.jetfire.Delegate;
import io.jetfire.Device;
import io.jetfire.DeviceRun;
import io.jetfire.DeviceRunResult;
import io.jetfire.Evaluation;
import io.jetfire.Experiment;
import io.jetfire.Gate;
import io.jetfire.JetFire;
import io.jetfire.MetricsParser;
import io.jetfire.MissingProviderException;
import io.jetfire.Outcome;
import io.jetfire.OutputDecoder;
import io.jetfire.ParsedLog;
import io.jetfire.Preprocessing;
import io.jetfire.Recipe;
import io.jetfire.Report;
import io.jetfire.RunEvent;
import io.jetfire.RunHandle;
import io.jetfire.RunId;
import io.jetfire.RunState;
import io.jetfire.Stage;
import io.jetfire.Tensor;
import io.jetfire.TransientException;
import io.jetfire.UnsupportedModelException;
import io.jetfire.VariantResult;
import io.jetfire.core.internal.fake.FakeRuntime;
import io.jetfire.core.internal.fake.FakeTime;
import io.jetfire.core.internal.fake.Fakes;
import io.jetfire.core.internal.metadata.InMemoryMetadataStore;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.spi.DeviceFarm;
import io.jetfire.spi.DeviceFarmProvider;
import io.jetfire.spi.MetadataStore;
import io.jetfire.spi.MetadataStore.Artifact;
import io.jetfire.spi.MetadataStore.Context;
import io.jetfire.spi.MetadataStore.Execution;
import io.jetfire.spi.MetadataStore.ExecutionState;
import io.jetfire.spi.MetadataStore.LineageQuery;
import io.jetfire.spi.MetadataStore.TypeName;
import io.jetfire.spi.ProviderContext;
import io.jetfire.spi.TrainingBackend;
import io.jetfire.testkit.FakeDeviceFarm;
import io.jetfire.testkit.FakeDeviceFarm.Exchange;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Whole experiments over fakes. */
@Timeout(30)
class ExperimentRunTest {
  private final Path folder;
  private final FakeTime time = new FakeTime();
  private final MetadataStore store = new InMemoryMetadataStore(Clock.systemUTC());
  private final List<RunEvent> events = new ArrayList<>();
  private Consumer<TrainingBackend.Request> onTrain = r -> {};
  private Consumer<ConverterBackend.Request> onConvert = r -> {};
  private Consumer<RunEvent> onEvent = e -> {};
  private Predicate<String> storeFails = m -> false;
  private final AtomicInteger trainings = new AtomicInteger();
  private final AtomicInteger conversions = new AtomicInteger();
  private FakeDeviceFarm farm = farm().build();

  /** Says the input; the int8 variant is wrong about every fourth sample or so. */
  private final FakeRuntime net =
      FakeRuntime.of("net", 1, 2, (m, in) -> answer(in.get(0).toFloatArray()[0], 0));

  private final FakeRuntime lite =
      FakeRuntime.of("lite", 1, 2, (m, in) -> answer(in.get(0).toFloatArray()[0], 0.125f));

  ExperimentRunTest(@TempDir Path folder) {
    this.folder = folder;
  }

  private static List<Tensor> answer(float label, float error) {
    return List.of(Tensor.ofFloats(new float[] {1 - label, label + error}, 1, 2));
  }

  private FakeDeviceFarm.Builder farm() {
    return FakeDeviceFarm.builder()
        .clock(time)
        .pollInterval(Duration.ofSeconds(1))
        .takes(Duration.ofMinutes(1), Duration.ofMinutes(1), Duration.ofSeconds(20));
  }

  private JetFire.Builder settings() {
    return JetFire.builder()
        .workDirectory(folder.resolve("work"))
        .clock(time)
        .provider(
            Fakes.trainingBackend(
                r -> {
                  trainings.incrementAndGet();
                  onTrain.accept(r);
                }))
        .provider(
            Fakes.converterBackend(
                r -> {
                  conversions.incrementAndGet();
                  onConvert.accept(r);
                }))
        .provider(net.provider("net"))
        .provider(lite.provider("lite"))
        .provider(farm.provider("phones"))
        .provider(Fakes.store("store", store, m -> storeFails.test(m)))
        .listener(
            (run, event) -> {
              events.add(event);
              onEvent.accept(event);
            });
  }

  private JetFire client() {
    return new DefaultJetFire(settings(), time);
  }

  private static Experiment.Builder described(Dataset data) {
    return Experiment.builder("digits")
        .training(new Fakes.FakeTraining("net-v1", data))
        .decoding(OutputDecoder.scores())
        .evaluation(
            Evaluation.classification(data).delegates(Delegate.XNNPACK, Delegate.CPU).build())
        .convert(Converter.toTflite().recipe(Recipe.float16()).build())
        .convert(
            Converter.toTflite().recipe(Recipe.fullInteger()).calibration(data.limit(4)).build())
        .deviceRun(
            DeviceRun.on("phones")
                .delegates(Delegate.XNNPACK, Delegate.GPU)
                .sessions(2)
                .runs(20)
                .build())
        .recordTo("store");
  }

  private static Experiment experiment() {
    return described(Fakes.digits(40)).build();
  }

  private Report run(Experiment experiment) {
    try (JetFire jetfire = client()) {
      return jetfire.run(experiment);
    }
  }

  private static TypeName type(String name) {
    return TypeName.of(name);
  }

  private Context runContext() {
    return store.contextsByType(type("jetfire.Run")).get(0);
  }

  private String recordedState() {
    return String.valueOf(runContext().properties().get("state"));
  }

  @Test
  void aWholeExperimentIsReportedAndRecorded() {
    Report report = run(experiment());

    assertThat(report.state()).isEqualTo(RunState.COMPLETED);
    assertThat(report.problems()).isEmpty();
    assertThat(report.exitCode()).isZero();
    assertThat(report.trained().orElseThrow().epochs()).hasSize(2);
    assertThat(report.sourceEvaluation().orElseThrow().primary()).hasValue(1);
    assertThat(report.variants())
        .extracting(VariantResult::variant)
        .containsExactly("float16", "full-integer");
    for (VariantResult v : report.variants()) {
      assertThat(v.failure()).isEmpty();
      assertThat(v.evaluations().keySet()).containsExactly(Delegate.XNNPACK, Delegate.CPU);
      // The largest difference is 0.125, the source's outputs range from 0 to 1.
      assertThat(v.evaluation().orElseThrow().metric("output max error / range")).hasValue(0.125);
    }
    assertThat(report.deviceRuns())
        .extracting(DeviceRunResult::cell)
        .containsExactlyInAnyOrder(
            "float16/XNNPACK/1", "float16/GPU/1", "full-integer/XNNPACK/1", "full-integer/GPU/1");
    assertThat(report.deviceRuns())
        .allSatisfy(
            r -> {
              assertThat(r.outcome()).as("%s", r.reason()).isEqualTo(Outcome.PASSED);
              assertThat(r.metrics().orElseThrow().latency().count()).hasValue(40);
              assertThat(r.farmRun()).hasValue("fake-1");
              assertThat(r.logs()).allMatch(Files::exists);
            });
    assertThat(lite.misused).hasValue(0);
    assertThat(lite.opened.get()).isEqualTo(lite.closed.get());
    assertThat(recordedState()).contains("COMPLETED");

    // From the numbers of a device back to the data that the model was trained on.
    Artifact metrics =
        store.artifactsByType(type("jetfire.Metrics")).stream()
            .filter(a -> String.valueOf(a.name()).endsWith("full-integer/GPU/1"))
            .findFirst()
            .orElseThrow();
    var lineage = store.lineage(LineageQuery.upstreamOf(metrics.storedId()));
    assertThat(lineage.executions())
        .extracting(e -> e.type().name())
        .containsExactlyInAnyOrder("jetfire.Training", "jetfire.Conversion", "jetfire.DeviceRun");
    assertThat(lineage.artifacts())
        .extracting(a -> a.type().name())
        .contains("jetfire.Dataset", "jetfire.Model", "jetfire.Metrics");
    assertThat(store.parentContexts(runContext().storedId()))
        .extracting(Context::name)
        .containsExactly("digits");
    assertThat(store.executionsByType(type("jetfire.Evaluation"))).hasSize(5);
  }

  @Test
  void aConversionThatFailsDoesNotStopTheOthers() {
    onConvert =
        r -> {
          if (r.recipe().name().equals("float16")) {
            throw new UnsupportedModelException("no FFT, no ROLL");
          }
        };
    Report report = run(experiment());
    assertThat(report.variants().get(0).failure()).hasValue("no FFT, no ROLL");
    assertThat(report.variants().get(1).evaluations()).hasSize(2);
    assertThat(report.deviceRuns()).hasSize(2);
    assertThat(report.exitCode()).isEqualTo(10);
    assertThat(events).contains(new RunEvent.Failed(Stage.CONVERT, "float16", "no FFT, no ROLL"));
    assertThat(store.executionsByType(type("jetfire.Conversion")))
        .extracting(Execution::lastKnownState)
        .containsExactlyInAnyOrder(ExecutionState.FAILED, ExecutionState.COMPLETE);
  }

  @Test
  void aProviderThatFailsUnexpectedlyIsAFailedStepAsWell() {
    onConvert =
        r -> {
          if (r.recipe().name().equals("float16")) {
            throw new IllegalStateException("index 3 of 2");
          }
        };
    Report report = run(experiment());
    assertThat(report.variants().get(0).failure().orElseThrow())
        .contains("index 3 of 2", "float16", "report it");
    assertThat(report.variants().get(1).failure()).isEmpty();
  }

  @Test
  void anEvaluationThatFailsIsReported() {
    Dataset bad =
        Dataset.streaming(
            "digits",
            "v1",
            List.of("zero", "one"),
            () ->
                Stream.concat(
                    Fakes.digits(10).samples(),
                    Stream.of(1)
                        .map(
                            i -> {
                              throw new IllegalArgumentException("bad PNG");
                            })));
    Report report = run(described(bad).build());
    assertThat(report.state()).isEqualTo(RunState.COMPLETED);
    assertThat(report.problems()).hasSize(2);
    assertThat(report.problems().get(0))
        .contains("source model could not be evaluated", "'digits'", "bad PNG");
    assertThat(report.problems().get(1)).contains("Nothing was measured on 'phones'", "bad PNG");
    assertThat(report.variants())
        .allSatisfy(
            v -> assertThat(v.failure().orElseThrow()).contains("evaluation with", "bad PNG"));
    assertThat(report.variants()).allSatisfy(v -> assertThat(v.converted()).isPresent());
    assertThat(report.deviceRuns()).isEmpty();
  }

  @Test
  void aTrainingThatFailsEndsTheRunAndIsRecorded() {
    onTrain =
        r -> {
          throw new DataException("sample s3 has NaN");
        };
    try (JetFire jetfire = client()) {
      RunHandle handle = jetfire.start(experiment());
      assertThatThrownBy(handle::await)
          .isInstanceOf(DataException.class)
          .hasMessage("sample s3 has NaN");
      assertThat(handle.state()).isEqualTo(RunState.FAILED);
    }
    assertThat(events).contains(new RunEvent.Failed(Stage.TRAIN, "net-v1", "sample s3 has NaN"));
    assertThat(recordedState()).contains("FAILED");
    assertThat(store.executionsByType(type("jetfire.Training")))
        .extracting(Execution::lastKnownState)
        .containsExactly(ExecutionState.FAILED);
  }

  private Report cancelledWhen(Predicate<RunEvent> when) {
    CompletableFuture<RunHandle> handle = new CompletableFuture<>();
    onEvent =
        e -> {
          if (when.test(e)) {
            handle.orTimeout(10, TimeUnit.SECONDS).join().cancel();
          }
        };
    try (JetFire jetfire = client()) {
      handle.complete(jetfire.start(experiment()));
      Report report = handle.join().await();
      assertThat(report.state()).isEqualTo(RunState.CANCELLED);
      assertThat(report.exitCode()).isEqualTo(19);
      assertThat(recordedState()).contains("CANCELLED");
      return report;
    }
  }

  private static Predicate<RunEvent> finished(Stage stage, String subject) {
    return e ->
        e instanceof RunEvent.Finished f && f.stage() == stage && f.subject().equals(subject);
  }

  @Test
  void cancelledAfterTrainingKeepsTheModel() {
    Report report = cancelledWhen(finished(Stage.TRAIN, "net-v1"));
    assertThat(report.trained()).isPresent();
    assertThat(report.variants()).isEmpty();
    assertThat(conversions).hasValue(0);
    assertThat(store.executionsByType(type("jetfire.Training"))).hasSize(1);
  }

  @Test
  void cancelledInTrainingReportsNothingButTheCancellation() {
    onTrain = r -> r.cancellation().check();
    Report report = cancelledWhen(e -> e instanceof RunEvent.EpochFinished);
    assertThat(report.trained()).isEmpty();
    assertThat(report.variants()).isEmpty();
  }

  @Test
  void cancelledBetweenConversionsKeepsTheFirst() {
    Report report = cancelledWhen(finished(Stage.CONVERT, "float16"));
    assertThat(report.variants()).extracting(VariantResult::variant).containsExactly("float16");
    assertThat(report.sourceEvaluation()).isPresent();
    assertThat(conversions).hasValue(1);
    assertThat(store.executionsByType(type("jetfire.Conversion"))).hasSize(1);
  }

  @Test
  void cancelledBetweenEvaluationsKeepsTheFirst() {
    Report report = cancelledWhen(finished(Stage.EVALUATE, "float16 with XNNPACK"));
    assertThat(report.variants().get(0).evaluations()).containsOnlyKeys(Delegate.XNNPACK);
    assertThat(report.variants().get(1).evaluations()).isEmpty();
    assertThat(report.deviceRuns()).isEmpty();
    assertThat(farm.count(Exchange.SUBMIT)).isZero();
  }

  @Test
  void cancelledOnDevicesReachesTheFarmAndKeepsItsLogs() {
    Report report =
        cancelledWhen(
            e ->
                e instanceof RunEvent.DeviceState d
                    && d.state().equals("RUNNING")
                    && d.detail().startsWith("4 of 8"));
    assertThat(farm.cancelled()).containsExactly("fake-1");
    assertThat(report.deviceRuns()).hasSize(4);
    assertThat(report.deviceRuns())
        .extracting(DeviceRunResult::outcome)
        .containsOnly(Outcome.CANCELLED);
    // Interleaved: after four turns each cell has one session of two.
    assertThat(report.deviceRuns())
        .allSatisfy(r -> assertThat(r.metrics().orElseThrow().latency().count()).hasValue(20));
    assertThat(report.variants()).allSatisfy(v -> assertThat(v.evaluations()).hasSize(2));
    assertThat(store.executionsByType(type("jetfire.DeviceRun")))
        .extracting(Execution::lastKnownState)
        .containsOnly(ExecutionState.CANCELED);
  }

  @Test
  void aRunThatDiedIsResumedWithoutDoingFinishedStepsAgain() {
    onConvert =
        r -> {
          if (r.recipe().name().equals("full-integer")) {
            throw new StackOverflowError("as if the JVM had died");
          }
        };
    RunId id;
    try (JetFire jetfire = client()) {
      RunHandle handle = jetfire.start(experiment());
      id = handle.id();
      assertThatThrownBy(handle::await).isInstanceOf(StackOverflowError.class);
    }
    assertThat(trainings).hasValue(1);
    assertThat(conversions).hasValue(2);
    int evaluated = net.invocations.get();
    events.clear();

    onConvert = r -> {};
    try (JetFire jetfire = client()) {
      Report report = jetfire.resume(id, experiment()).await();
      assertThat(report.state()).isEqualTo(RunState.COMPLETED);
      assertThat(report.exitCode()).isZero();
      assertThat(report.variants()).hasSize(2);
      assertThat(report.trained().orElseThrow().epochs().get(1).metrics())
          .containsEntry("validation loss", 0.375);
      assertThat(report.variants().get(1).evaluation().orElseThrow().metrics())
          .as("still compared with the source's outputs")
          .containsKey("output SQNR (dB)");
    }
    assertThat(trainings).hasValue(1);
    assertThat(conversions).hasValue(3);
    assertThat(net.invocations).hasValue(evaluated);
    assertThat(events)
        .filteredOn(e -> e instanceof RunEvent.Finished f && f.reused())
        .extracting(e -> ((RunEvent.Finished) e).stage())
        .containsExactly(Stage.TRAIN, Stage.EVALUATE, Stage.CONVERT);
    assertThat(store.contextsByType(type("jetfire.Run"))).hasSize(1);
    assertThat(recordedState()).contains("COMPLETED");
    assertThat(store.executionsByType(type("jetfire.Training"))).hasSize(1);
    assertThat(store.executionsByType(type("jetfire.Conversion"))).hasSize(2);

    // Once more: nothing at all is done again, on the farm neither.
    try (JetFire jetfire = client()) {
      Report again = jetfire.resume(id, experiment()).await();
      assertThat(again.deviceRuns()).hasSize(4);
      assertThat(again.deviceRuns())
          .extracting(DeviceRunResult::outcome)
          .containsOnly(Outcome.PASSED);
    }
    assertThat(conversions).hasValue(3);
    assertThat(farm.requests()).hasSize(1);
  }

  @Test
  void aParserOfOnesOwnReadsTheLogs() {
    MetricsParser own =
        input -> {
          ParsedLog log = MetricsParser.standard().parse(input);
          return new ParsedLog(
              log.runs().stream().map(r -> r.toBuilder().warning("seen").build()).toList(),
              log.device(),
              log.tests(),
              log.warnings(),
              log.problems(),
              log.lines());
        };
    try (JetFire jetfire = new DefaultJetFire(settings().metricsParser(own), time)) {
      assertThat(jetfire.run(experiment()).deviceRuns())
          .allSatisfy(r -> assertThat(r.metrics().orElseThrow().warnings()).containsOnly("seen"));
    }
    MetricsParser broken =
        input -> {
          throw new IllegalStateException("my parser");
        };
    try (JetFire jetfire = new DefaultJetFire(settings().metricsParser(broken), time)) {
      assertThat(jetfire.run(experiment()).deviceRuns())
          .allSatisfy(
              r -> {
                assertThat(r.outcome()).isEqualTo(Outcome.INCONCLUSIVE);
                assertThat(r.reason().orElseThrow()).contains("my parser");
              });
    }
  }

  @Test
  void aCatalogueThatFailsForAWhileIsAskedAgain() {
    FakeDeviceFarm.Builder busy = farm();
    for (int i = 0; i < 5; i++) {
      busy.failNext(Exchange.DEVICES, new TransientException("busy"));
    }
    farm = busy.build();
    assertThat(run(experiment()).exitCode()).isZero();
    // 2 + 4 + 8 + 16 + 32 seconds, each within a quarter, beside the run's own time.
    assertThat(farm.count(Exchange.DEVICES)).isEqualTo(7);
    assertThat(time.slept()).isGreaterThan(Duration.ofSeconds(46));
  }

  @Test
  void aRunOfAClosedClientGoesOnWhenResumed() throws InterruptedException {
    farm = farm().pollInterval(Duration.ofSeconds(1)).build();
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch closed = new CountDownLatch(1);
    onEvent =
        e -> {
          if (e instanceof RunEvent.DeviceState d && d.state().equals("RUNNING")) {
            running.countDown();
            try {
              closed.await();
            } catch (InterruptedException interrupted) {
              Thread.currentThread().interrupt();
            }
          }
        };
    JetFire jetfire = client();
    RunHandle handle = jetfire.start(experiment());
    running.await();
    jetfire.close();
    closed.countDown();
    Report first = handle.await();
    assertThat(first.state()).isEqualTo(RunState.CANCELLED);
    assertThat(farm.cancelled()).as("a closed client leaves paid runs alive").isEmpty();
    assertThat(recordedState()).contains("CANCELLED");

    onEvent = e -> {};
    try (JetFire again = client()) {
      Report report = again.resume(handle.id(), experiment()).await();
      assertThat(report.state()).isEqualTo(RunState.COMPLETED);
      assertThat(report.exitCode()).isZero();
      assertThat(report.deviceRuns())
          .hasSize(4)
          .extracting(DeviceRunResult::outcome)
          .containsOnly(Outcome.PASSED);
    }
    assertThat(recordedState()).contains("COMPLETED");
    assertThat(farm.requests()).as("found again, not started twice").hasSize(1);
    assertThat(trainings).hasValue(1);
  }

  @Test
  void aCancelledRunMeasuresWhenResumed() {
    Report report =
        cancelledWhen(e -> e instanceof RunEvent.DeviceState d && d.state().equals("RUNNING"));
    onEvent = e -> {};
    try (JetFire again = client()) {
      Report resumed = again.resume(report.run(), experiment()).await();
      assertThat(resumed.exitCode()).isZero();
      assertThat(resumed.deviceRuns())
          .extracting(DeviceRunResult::outcome)
          .containsOnly(Outcome.PASSED);
    }
    assertThat(farm.requests()).hasSize(2);
  }

  @Test
  void aModelFileThatChangedIsMadeAgain() throws IOException {
    RunId id;
    try (JetFire jetfire = client()) {
      RunHandle handle = jetfire.start(experiment());
      id = handle.id();
      Report report = handle.await();
      Files.writeString(
          report.variants().get(0).converted().orElseThrow().model().path(), "damaged");
    }
    try (JetFire jetfire = client()) {
      jetfire.resume(id, experiment()).await();
    }
    assertThat(conversions).hasValue(3);
    assertThat(trainings).hasValue(1);
  }

  @Test
  void anotherExperimentIsNotResumed() {
    try (JetFire jetfire = client()) {
      RunHandle handle = jetfire.start(experiment());
      handle.await();
      assertThatThrownBy(() -> jetfire.resume(handle.id(), described(Fakes.digits(42)).build()))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContainingAll(handle.id().value(), "another experiment", "experiment.json");
      assertThatThrownBy(() -> jetfire.resume(new RunId("unknown"), experiment()))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContainingAll("no run unknown", "work directory");
      jetfire.resume(handle.id(), experiment()).await();
    }
  }

  @Test
  void aRunIsWorkedOnOnlyOnce() throws InterruptedException {
    CountDownLatch inTraining = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    onTrain =
        r -> {
          inTraining.countDown();
          try {
            goOn.await();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        };
    try (JetFire jetfire = client()) {
      RunHandle handle = jetfire.start(experiment());
      inTraining.await();
      assertThat(handle.state()).isEqualTo(RunState.RUNNING);
      assertThatThrownBy(() -> jetfire.resume(handle.id(), experiment()))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContaining("under way");
      goOn.countDown();
      assertThat(handle.await().state()).isEqualTo(RunState.COMPLETED);
    }
  }

  @Test
  void twoRunsSideBySideDoNotMix() {
    try (JetFire jetfire = client()) {
      RunHandle a = jetfire.start(experiment());
      RunHandle b = jetfire.start(described(Fakes.digits(20)).build());
      assertThat(a.id()).isNotEqualTo(b.id());
      assertThat(a.await().sourceEvaluation().orElseThrow().samples()).isEqualTo(40);
      assertThat(b.await().sourceEvaluation().orElseThrow().samples()).isEqualTo(20);
      assertThat(a.await().exitCode()).isZero();
      assertThat(b.await().exitCode()).isZero();
    }
    assertThat(store.contextsByType(type("jetfire.Run"))).hasSize(2);
    assertThat(farm.requests()).hasSize(2);
  }

  @Test
  void oneThreadIsEnough() {
    ExecutorService one = Executors.newSingleThreadExecutor();
    try (JetFire jetfire = new DefaultJetFire(settings().executor(one), time)) {
      assertThat(jetfire.run(experiment()).exitCode()).isZero();
    } finally {
      one.shutdownNow();
    }
  }

  @Test
  void aStoreThatFailsForAWhileLosesNothing() {
    AtomicInteger calls = new AtomicInteger();
    storeFails = m -> calls.incrementAndGet() <= 5;
    Report report = run(experiment());
    assertThat(report.problems()).isEmpty();
    assertThat(report.exitCode()).isZero();
    assertThat(store.executionsByType(type("jetfire.Training"))).hasSize(1);
    assertThat(store.executionsByType(type("jetfire.Conversion"))).hasSize(2);
    assertThat(store.executionsByType(type("jetfire.Evaluation"))).hasSize(5);
    assertThat(store.executionsByType(type("jetfire.DeviceRun"))).hasSize(4);
    assertThat(recordedState()).contains("COMPLETED");
  }

  @Test
  void aStoreThatFailsToTheEndIsAProblem() {
    storeFails = m -> true;
    Report report = run(experiment());
    assertThat(report.state()).isEqualTo(RunState.COMPLETED);
    assertThat(report.variants()).hasSize(2);
    assertThat(report.problems())
        .singleElement()
        .asString()
        .contains("13 steps could not be recorded", "the disk is full");
    assertThat(report.exitCode()).isEqualTo(20);
  }

  @Test
  void aStepThatTheStoreWillNeverTakeDoesNotBlockTheOthers() {
    onConvert =
        r -> {
          if (r.recipe().name().equals("float16")) {
            throw new UnsupportedModelException("a name with a NUL: \0");
          }
        };
    Report report = run(experiment());
    assertThat(report.state()).isEqualTo(RunState.COMPLETED);
    assertThat(report.problems()).singleElement().asString().contains("could not be recorded");
    assertThat(store.executionsByType(type("jetfire.Conversion"))).hasSize(1);
    assertThat(store.executionsByType(type("jetfire.DeviceRun"))).hasSize(2);
    assertThat(recordedState()).contains("COMPLETED");
  }

  @Test
  void aListenerThatThrowsIsIgnored() {
    onEvent =
        e -> {
          throw new IllegalStateException("listener");
        };
    assertThat(run(experiment()).exitCode()).isZero();
    assertThat(events).hasSizeGreaterThan(10);
  }

  @Test
  void eventsComeInOrder() {
    run(experiment());
    List<String> stages = new ArrayList<>();
    for (RunEvent e : events) {
      if (e instanceof RunEvent.Started s) {
        stages.add("start " + s.stage() + " " + s.subject());
      } else if (e instanceof RunEvent.Finished f) {
        stages.add("end " + f.stage() + " " + f.subject());
      }
    }
    assertThat(stages)
        .startsWith(
            "start TRAIN net-v1",
            "end TRAIN net-v1",
            "start EVALUATE trained",
            "end EVALUATE trained",
            "start CONVERT float16",
            "end CONVERT float16",
            "start CONVERT full-integer");
    assertThat(stages.get(stages.size() - 1)).startsWith("end DEVICE_RUN 4 cells on");
  }

  @Test
  void aFarmThatCannotBeReachedCostsOnlyItsOwnMeasurements() {
    FakeDeviceFarm.Builder busy = farm();
    for (int i = 0; i < 6; i++) {
      busy.failNext(Exchange.DEVICES, new TransientException("first look is the plan's"));
    }
    farm = busy.build();
    try (JetFire jetfire = client()) {
      assertThatThrownBy(() -> jetfire.plan(experiment())).isInstanceOf(TransientException.class);
      assertThat(jetfire.plan(experiment()).cells()).isEqualTo(4);
    }
    farm = farm().build();
    AtomicInteger looks = new AtomicInteger();
    DeviceFarm flaky =
        new DeviceFarm() {
          @Override
          public Capabilities capabilities() {
            return farm.capabilities();
          }

          @Override
          public List<Device> devices() {
            if (looks.incrementAndGet() > 1) {
              throw new TransientException("the catalogue is away");
            }
            return farm.devices();
          }

          @Override
          public FarmRun submit(FarmRequest request) {
            return farm.submit(request);
          }

          @Override
          public FarmRun attach(String id) {
            return farm.attach(id);
          }
        };
    Experiment two =
        described(Fakes.digits(40)).deviceRun(DeviceRun.on("others").sessions(2).build()).build();
    try (JetFire jetfire =
        new DefaultJetFire(
            settings()
                .provider(
                    new DeviceFarmProvider() {
                      @Override
                      public String id() {
                        return "others";
                      }

                      @Override
                      public DeviceFarm create(ProviderContext context) {
                        return flaky;
                      }
                    }),
            time)) {
      Report report = jetfire.run(two);
      assertThat(report.state()).isEqualTo(RunState.COMPLETED);
      assertThat(report.deviceRuns()).hasSize(4);
      assertThat(report.problems())
          .singleElement()
          .asString()
          .contains("'others'", "the catalogue is away");
      assertThat(report.exitCode()).isEqualTo(20);
    }
  }

  @Test
  void twoDeviceRunsOfOneCellAreBothRecorded() {
    DeviceRun one = DeviceRun.on("phones").variants("float16").sessions(2).runs(20).build();
    DeviceRun more = DeviceRun.on("phones").variants("float16").sessions(2).runs(40).build();
    Experiment both =
        Experiment.builder("two")
            .training(new Fakes.FakeTraining("net-v1", Fakes.digits(4)))
            .convert(Converter.toTflite().recipe(Recipe.float16()).build())
            .deviceRun(one)
            .deviceRun(more)
            .recordTo("store")
            .build();
    assertThat(run(both).deviceRuns()).hasSize(2);
    assertThat(store.executionsByType(type("jetfire.DeviceRun"))).hasSize(2);
    assertThat(store.artifactsByType(type("jetfire.Metrics"))).hasSize(2);
  }

  @Test
  void everythingMissingIsSaidBeforeTheRunStarts() {
    Experiment unknown =
        Experiment.builder("x")
            .training(new Fakes.FakeTraining("net-v1", Fakes.digits(4)))
            .convert(Converter.with("other").build())
            .deviceRun(DeviceRun.on("firebase").build())
            .recordTo("mlmd-sqlite")
            .build();
    try (JetFire jetfire = client()) {
      assertThatThrownBy(() -> jetfire.start(unknown))
          .isInstanceOf(MissingProviderException.class)
          .hasMessageContainingAll(
              "converter backend 'other'",
              "device farm 'firebase'",
              "io.jetfire:jetfire-adapter-firebase",
              "metadata store 'mlmd-sqlite'",
              "io.jetfire:jetfire-adapter-mlmd");
      Experiment noDevice =
          described(Fakes.digits(4))
              .deviceRun(DeviceRun.on("phones").devices("model=oriole").build())
              .build();
      assertThatThrownBy(() -> jetfire.plan(noDevice))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContainingAll("model=oriole", "it has 1 devices", "JetFire.devices");
    }
    assertThat(folder.resolve("work/runs")).doesNotExist();
  }

  @Test
  void thePlanCountsWithoutSubmitting() {
    try (JetFire jetfire = client()) {
      var plan = jetfire.plan(experiment());
      assertThat(plan.steps())
          .containsExactly(
              "train net-v1 with fake",
              "evaluate the model on digits",
              "convert to float16",
              "evaluate float16 with [XNNPACK, CPU]",
              "convert to full-integer",
              "evaluate full-integer with [XNNPACK, CPU]");
      assertThat(plan.cells()).isEqualTo(4);
      assertThat(plan.deviceRuns().get(0).invocations()).isEqualTo(4 * 2 * 25);
      assertThat(plan.maxCost()).isEmpty();
    }
    assertThat(farm.count(Exchange.SUBMIT)).isZero();
    assertThat(trainings).hasValue(0);
  }

  @Test
  void thePlanSaysWhereSessionsAreTooFewToCompare() {
    Experiment.Builder gated =
        described(Fakes.digits(4)).gate(Gate.latency(50).regressionAtMost(0.05).against("float16"));
    try (JetFire jetfire = client()) {
      assertThat(jetfire.plan(gated.build()).warnings())
          .containsExactly("2 sessions on phones find only large differences; 8 find 10 %");
      assertThat(jetfire.plan(experiment()).warnings()).isEmpty();
    }
  }

  @Test
  void aClosedClientSaysSo() {
    JetFire jetfire = client();
    jetfire.close();
    jetfire.close();
    Experiment plain =
        Experiment.builder("x")
            .training(new Fakes.FakeTraining("net-v1", Fakes.digits(4)))
            .recordTo("store")
            .build();
    assertThatThrownBy(() -> jetfire.start(plain))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("closed");
  }

  @Test
  void piecesWorkAlone() {
    try (JetFire jetfire = client()) {
      var trained = jetfire.train(new Fakes.FakeTraining("net-v1", Fakes.digits(4)));
      var converted = jetfire.convert(trained.model(), Converter.toTflite().build());
      assertThat(converted.sourceSha256()).isEqualTo(trained.model().sha256());
      var results =
          jetfire.evaluate(
              converted.model(),
              Preprocessing.none(),
              OutputDecoder.scores(),
              Evaluation.classification(Fakes.digits(8)).delegates(Delegate.CPU).build());
      assertThat(results).containsOnlyKeys(Delegate.CPU);
      assertThat(results.values()).allSatisfy(r -> assertThat(r.primary()).hasValue(1));
      assertThat(
              jetfire.measure(
                  Map.of("float32", converted.model()), DeviceRun.on("phones").sessions(2).build()))
          .extracting(DeviceRunResult::outcome)
          .containsExactly(Outcome.PASSED);
      assertThat(jetfire.devices("phones")).hasSize(1);
      assertThat(jetfire.providers())
          .extracting(p -> p.kind() + " " + p.id())
          .contains("device farm phones", "metadata store memory", "model runtime lite");
    }
  }
}
