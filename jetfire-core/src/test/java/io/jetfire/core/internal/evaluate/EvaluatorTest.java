package io.jetfire.core.internal.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.jetfire.Box;
import io.jetfire.ConfigurationException;
import io.jetfire.DataException;
import io.jetfire.Dataset;
import io.jetfire.Detection;
import io.jetfire.Evaluation;
import io.jetfire.EvaluationResult;
import io.jetfire.LabeledBox;
import io.jetfire.Loss;
import io.jetfire.Model;
import io.jetfire.OutputDecoder;
import io.jetfire.Prediction;
import io.jetfire.Preprocessing;
import io.jetfire.RunCancelledException;
import io.jetfire.Sample;
import io.jetfire.Target;
import io.jetfire.Tensor;
import io.jetfire.core.internal.fake.FakeRuntime;
import io.jetfire.spi.Cancellation;
import io.jetfire.spi.ModelRuntime;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ref.Cleaner;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class EvaluatorTest {
  private static final Model MODEL = new Model(Path.of("m.x"), "x", 1, "0".repeat(64));
  private static final List<String> LABELS = List.of("a", "b", "c");

  private final ExecutorService executor = Executors.newCachedThreadPool();

  /** The input is what comes out. */
  private final FakeRuntime echo = FakeRuntime.of("x", 3, 3, (m, in) -> in);

  private Preprocessing preprocessing = Preprocessing.none();
  private OutputDecoder decoding = OutputDecoder.scores();
  private int sessions = 3;

  @AfterEach
  void sessionsWereUsedAsTheyMust() {
    executor.shutdownNow();
    assertThat(echo.misused).hasValue(0);
    assertThat(echo.closed.get()).isEqualTo(echo.opened.get());
  }

  private EvaluationResult evaluate(
      FakeRuntime runtime, Evaluation evaluation, Optional<Path> write, Optional<Path> reference) {
    return new Evaluator(executor, sessions)
        .evaluate(
            new Evaluator.Subject(
                MODEL, runtime, ModelRuntime.Options.defaults(), preprocessing, decoding),
            evaluation,
            write,
            reference,
            Cancellation.NEVER);
  }

  private EvaluationResult evaluate(Evaluation evaluation) {
    return evaluate(echo, evaluation, Optional.empty(), Optional.empty());
  }

  private static Sample sample(String id, int label, float... scores) {
    return Sample.of(id, Tensor.ofFloats(scores, 1, scores.length), Target.label(label));
  }

  private static Dataset dataset(Sample... samples) {
    return Dataset.of("d", LABELS, List.of(samples));
  }

  /** True a, a, a, b, b; said a, a, b, b, a; c exists but neither occurs nor is said. */
  private static final Dataset FIVE =
      dataset(
          sample("1", 0, 0.5f, 0.25f, 0.25f),
          sample("2", 0, 0.5f, 0.25f, 0.25f),
          sample("3", 0, 0.25f, 0.5f, 0.25f),
          sample("4", 1, 0.25f, 0.5f, 0.25f),
          sample("5", 1, 0.5f, 0.25f, 0.25f));

  @Test
  void classificationByHand() {
    EvaluationResult r =
        evaluate(Evaluation.classification(FIVE).loss(Loss.crossEntropy(false)).build());
    assertThat(r.samples()).isEqualTo(5);
    assertThat(r.executor()).isEqualTo("Fake 1.0, XNNPACK");
    assertThat(r.metric(EvaluationResult.ACCURACY)).hasValue(0.6);
    assertThat(r.primary()).hasValue(0.6);
    // Precision: a 2 of 3, b 1 of 2; recall: a 2 of 3, b 1 of 2; c says nothing in either.
    assertThat(r.metric(EvaluationResult.MACRO_PRECISION).orElseThrow())
        .isCloseTo((2.0 / 3 + 0.5) / 2, within(1e-12));
    assertThat(r.metric(EvaluationResult.MACRO_RECALL).orElseThrow())
        .isCloseTo((2.0 / 3 + 0.5) / 2, within(1e-12));
    // Of five samples three have the true class at 1/2, two at 1/4.
    assertThat(r.metric(EvaluationResult.LOSS).orElseThrow())
        .isCloseTo((3 * Math.log(2) + 2 * Math.log(4)) / 5, within(1e-12));
    assertThat(r.confusion())
        .containsExactly(List.of(2L, 1L, 0L), List.of(1L, 1L, 0L), List.of(0L, 0L, 0L));
    assertThat(r.classes())
        .extracting(EvaluationResult.ClassResult::samples)
        .containsExactly(3L, 2L, 0L);
    assertThat(r.classes().get(2).precision()).isEmpty();
    assertThat(r.classes().get(2).recall()).isEmpty();
  }

  @Test
  void resultsDoNotDependOnTheNumberOfSessions() {
    List<Sample> many = new ArrayList<>();
    for (int i = 0; i < 997; i++) {
      float p = (float) Math.abs(Math.sin(i));
      many.add(sample("s" + i, i % 3, p, 1 - p, 0.3f));
    }
    Evaluation evaluation =
        Evaluation.classification(Dataset.of("d", LABELS, many))
            .loss(Loss.crossEntropy(false))
            .build();
    sessions = 1;
    EvaluationResult one = evaluate(evaluation);
    for (int n : new int[] {2, 3, 7}) {
      sessions = n;
      assertThat(evaluate(evaluation)).as("%d sessions", n).isEqualTo(one);
    }
  }

  private Detection found(int label, double score, double left, double top, double right) {
    return new Detection(
        label,
        (float) score,
        new Box((float) left, (float) top, (float) right, (float) (top + 0.2)));
  }

  private static LabeledBox truth(int label, double left, double top, double right) {
    return new LabeledBox(
        label, new Box((float) left, (float) top, (float) right, (float) (top + 0.2)));
  }

  private static Sample boxes(String id, LabeledBox... boxes) {
    return Sample.of(
        id,
        Tensor.ofFloats(new float[] {Float.parseFloat(id), 0, 0}, 1, 3),
        Target.boxes(List.of(boxes)));
  }

  private void decode(Map<Integer, List<Detection>> byImage) {
    decoding =
        OutputDecoder.function(
            "table-v1",
            outputs ->
                new Prediction.Detections(
                    byImage.getOrDefault((int) outputs.get(0).toFloatArray()[0], List.of())));
  }

  @Test
  void detectionByHand() {
    Dataset data =
        dataset(
            boxes("1", truth(0, 0, 0, 0.2), truth(0, 0.5, 0, 0.7)),
            boxes("2", truth(0, 0, 0.5, 0.2), truth(1, 0.5, 0.5, 0.7)),
            boxes("3"));
    decode(
        Map.of(
            1,
            List.of(
                found(0, 0.9, 0, 0, 0.2), // right
                found(0, 0.8, 0.01, 0, 0.2), // the same box again: wrong
                found(
                    0, 0.6, 0.5, 0, 0.65)), // IoU 0.75: right at 0.5, and at 0.75 by a hair or not
            2,
            List.of(found(1, 0.7, 0, 0.5, 0.2)), // of the other class: wrong
            3,
            List.of(found(0, 0.95, 0.8, 0.8, 0.9)))); // nothing there: wrong
    EvaluationResult r = evaluate(Evaluation.detection(data).iouThresholds(0.5, 0.9).build());
    // Class a by falling score: wrong, right, wrong, right; 3 true boxes. Precisions at the right
    // ones are 1/2 and 2/4; the monotonic curve is 1/2 at both: area (1/2 + 1/2) / 3.
    // Class b: one wrong detection, one true box: 0. Class c has no box and does not count.
    assertThat(r.metric("mAP@0.5").orElseThrow()).isCloseTo((1.0 / 3 + 0) / 2, within(1e-9));
    assertThat(r.primary()).isEqualTo(r.metric("mAP@0.5"));
    assertThat(r.metric("precision@0.5").orElseThrow()).isCloseTo(2.0 / 5, within(1e-9));
    assertThat(r.metric("recall@0.5").orElseThrow()).isCloseTo(2.0 / 4, within(1e-9));
    // At 0.9 only the first is right: wrong, right: 1/2 of 3 boxes.
    assertThat(r.metric("mAP@0.9").orElseThrow()).isCloseTo((0.5 / 3) / 2, within(1e-9));
    assertThat(r.classes().get(0).averagePrecision().orElseThrow())
        .isCloseTo(1.0 / 3, within(1e-9));
    assertThat(r.classes().get(2).averagePrecision()).isEmpty();
    assertThat(r.confusion()).isEmpty();
  }

  @Test
  void aPerfectDetectorHasMap1AndASilentOne0() {
    Dataset data = dataset(boxes("1", truth(0, 0, 0, 0.2), truth(1, 0.5, 0, 0.7)), boxes("2"));
    decode(Map.of(1, List.of(found(0, 0.9, 0, 0, 0.2), found(1, 0, 0.5, 0, 0.7))));
    assertThat(evaluate(Evaluation.detection(data).build()).primary()).hasValue(1);
    decode(Map.of());
    EvaluationResult silent = evaluate(Evaluation.detection(data).build());
    assertThat(silent.primary()).hasValue(0);
    assertThat(silent.metric("recall@0.5")).hasValue(0);
    assertThat(silent.metric("precision@0.5")).as("of no detections").isEmpty();
  }

  @Test
  void datasetsThatSayNothingAreRefused() {
    assertThatThrownBy(() -> evaluate(Evaluation.classification(dataset()).build()))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("'d'", "empty");
    assertThatThrownBy(
            () ->
                evaluate(
                    Evaluation.classification(
                            dataset(sample("1", 1, 0, 1, 0), sample("2", 1, 0, 1, 0)))
                        .build()))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("All 2 samples", "'b'", "other classes");
    assertThatThrownBy(
            () -> evaluate(Evaluation.detection(dataset(boxes("1"), boxes("2"))).build()))
        .hasMessageContaining("detections, but the decoder gave");
    decode(Map.of());
    assertThatThrownBy(
            () -> evaluate(Evaluation.detection(dataset(boxes("1"), boxes("2"))).build()))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("'d'", "no ground truth in 2 samples");
    Dataset unnamed = Dataset.of("d", List.of(), List.of(sample("1", 0, 1, 0, 0)));
    assertThatThrownBy(() -> evaluate(Evaluation.classification(unnamed).build()))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("no labels");
  }

  @Test
  void samplesThatDoNotFitAreNamed() {
    Sample unlabelled = Sample.of("s-9", Tensor.ofFloats(new float[3], 1, 3), Target.none());
    assertThatThrownBy(
            () ->
                evaluate(
                    Evaluation.classification(dataset(sample("1", 0, 1, 0, 0), unlabelled))
                        .build()))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("s-9", "wants labels");
    assertThatThrownBy(
            () -> evaluate(Evaluation.classification(dataset(sample("s-8", 3, 1, 0, 0))).build()))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("s-8", "3 labels", "label 3");
    assertThatThrownBy(
            () -> evaluate(Evaluation.classification(dataset(sample("s-7", 0, 1, 0))).build()))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("s-7", "[1, 2]");
    float nan = Float.NaN;
    assertThatThrownBy(
            () ->
                evaluate(
                    Evaluation.classification(dataset(sample("s-6", 0, nan, nan, nan))).build()))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("s-6", "NaN");
  }

  @Test
  void errorsOfUserCodeNameTheSampleAndLeaveNoSessionInUse() {
    preprocessing =
        Preprocessing.none()
            .function(
                "picky-v1",
                t -> {
                  if (t.toFloatArray()[0] == 0.25f) {
                    throw new ArithmeticException("odd");
                  }
                  sleep(20);
                  return t;
                });
    assertThatThrownBy(() -> evaluate(Evaluation.classification(FIVE).build()))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("Sample 3", "user code", "odd")
        .hasCauseInstanceOf(ArithmeticException.class);
    assertThat(echo.closed).hasValue(3);
  }

  private static void sleep(int millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void aRuntimeThatFailsAsWell() {
    FakeRuntime broken =
        FakeRuntime.of(
            "x",
            3,
            3,
            (m, in) -> {
              throw new IllegalStateException("segv");
            });
    assertThatThrownBy(
            () ->
                evaluate(
                    broken,
                    Evaluation.classification(FIVE).build(),
                    Optional.empty(),
                    Optional.empty()))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("Sample 1", "segv");
    assertThat(broken.misused).hasValue(0);
    assertThat(broken.closed.get()).isEqualTo(broken.opened.get());
  }

  @Test
  void aDatasetThatCannotBeReadIsNamed() {
    Function<Stream<Sample>, Dataset> streaming =
        s -> Dataset.streaming("frames", "v1", LABELS, () -> s);
    Stream<Sample> failing =
        IntStream.range(0, 100)
            .mapToObj(
                i -> {
                  if (i == 70) {
                    throw new UncheckedIOException(new IOException("disk"));
                  }
                  return sample("s" + i, i % 3, 1, 0, 0);
                });
    assertThatThrownBy(() -> evaluate(Evaluation.classification(streaming.apply(failing)).build()))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("'frames'", "disk");
    Dataset notOpening =
        Dataset.streaming(
            "frames",
            "v1",
            LABELS,
            () -> {
              throw new IllegalStateException("no such folder");
            });
    assertThatThrownBy(() -> evaluate(Evaluation.classification(notOpening).build()))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("'frames'", "no such folder");
  }

  @Test
  void theStreamIsClosedAndCancellationIsAsked() {
    AtomicInteger closed = new AtomicInteger();
    AtomicInteger read = new AtomicInteger();
    Dataset endless =
        Dataset.streaming(
            "endless",
            "v1",
            LABELS,
            () ->
                LongStream.iterate(0, i -> i + 1)
                    .mapToObj(
                        i -> {
                          read.incrementAndGet();
                          return sample("s" + i, (int) (i % 3), 1, 0, 0);
                        })
                    .onClose(closed::incrementAndGet));
    Evaluator.Subject subject =
        new Evaluator.Subject(
            MODEL, echo, ModelRuntime.Options.defaults(), preprocessing, decoding);
    assertThatThrownBy(
            () ->
                new Evaluator(executor, 2)
                    .evaluate(
                        subject,
                        Evaluation.classification(endless).build(),
                        Optional.empty(),
                        Optional.empty(),
                        () -> read.get() > 1000))
        .isInstanceOf(RunCancelledException.class);
    assertThat(closed).hasValue(1);
  }

  @Test
  void outputsAreComparedWithTheReference(@TempDir Path folder) {
    Path file = folder.resolve("outputs");
    Dataset data =
        dataset(sample("1", 0, 3, 0, -1), sample("2", 1, 0, 1, 0), sample("3", 2, 0, 0, 2));
    Evaluation evaluation = Evaluation.classification(data).build();
    evaluate(echo, evaluation, Optional.of(file), Optional.empty());
    EvaluationResult same = evaluate(echo, evaluation, Optional.empty(), Optional.of(file));
    assertThat(same.metric(EvaluationResult.OUTPUT_MAX_ERROR)).hasValue(0);
    assertThat(same.metric(EvaluationResult.OUTPUT_SQNR)).as("infinite").isEmpty();

    FakeRuntime off =
        FakeRuntime.of(
            "x",
            3,
            3,
            (m, in) -> {
              float[] v = in.get(0).toFloatArray();
              v[0] += 0.5f;
              return List.of(Tensor.ofFloats(v, 1, 3));
            });
    EvaluationResult r = evaluate(off, evaluation, Optional.empty(), Optional.of(file));
    // Signal 9 + 1 + 1 + 4, noise 3 times 0.25; range from -1 to 3.
    assertThat(r.metric(EvaluationResult.OUTPUT_SQNR).orElseThrow())
        .isCloseTo(10 * Math.log10(15 / 0.75), within(1e-9));
    assertThat(r.metric(EvaluationResult.OUTPUT_MAX_ERROR).orElseThrow())
        .isCloseTo(0.5 / 4, within(1e-9));
  }

  @Test
  void aReferenceThatDoesNotFitSaysNothing(@TempDir Path folder) {
    Path file = folder.resolve("outputs");
    evaluate(echo, Evaluation.classification(FIVE).build(), Optional.of(file), Optional.empty());
    Dataset more =
        dataset(
            sample("1", 0, 1, 0, 0),
            sample("2", 0, 1, 0, 0),
            sample("3", 1, 1, 0, 0),
            sample("4", 1, 1, 0, 0),
            sample("5", 1, 1, 0, 0),
            sample("6", 1, 1, 0, 0));
    Evaluation evaluation = Evaluation.classification(more).build();
    for (Path reference : List.of(file, folder.resolve("gone"))) {
      assertThat(evaluate(echo, evaluation, Optional.empty(), Optional.of(reference)).metrics())
          .doesNotContainKeys(EvaluationResult.OUTPUT_SQNR, EvaluationResult.OUTPUT_MAX_ERROR)
          .containsKey(EvaluationResult.ACCURACY);
    }
  }

  /** 200,000 samples, of which only a few batches may be alive at any time. */
  @Test
  void aDatasetLargerThanMemoryIsStreamed() {
    Cleaner cleaner = Cleaner.create();
    AtomicLong made = new AtomicLong();
    AtomicLong collected = new AtomicLong();
    AtomicLong mostAlive = new AtomicLong();
    int count = 200_000;
    Dataset large =
        Dataset.streaming(
            "large",
            "v1",
            LABELS,
            () ->
                IntStream.range(0, count)
                    .mapToObj(
                        i -> {
                          Sample s =
                              sample("s" + i, i % 3, i % 3 == 0 ? 1 : 0, i % 3 == 1 ? 1 : 0, 0.5f);
                          // Every hundredth is watched: enough to see whether they pile up.
                          if (i % 100 == 0) {
                            made.incrementAndGet();
                            cleaner.register(s, collected::incrementAndGet);
                          }
                          if (i % 40_000 == 39_999) {
                            for (int n = 0; n < 50 && made.get() - collected.get() > 20; n++) {
                              System.gc();
                              sleep(10);
                            }
                            mostAlive.accumulateAndGet(made.get() - collected.get(), Math::max);
                          }
                          return s;
                        }));
    EvaluationResult r = evaluate(Evaluation.classification(large).build());
    assertThat(r.samples()).isEqualTo(count);
    assertThat(r.primary()).hasValue(1);
    // A batch has 48 samples; 20 watched ones would stand for 2,000.
    assertThat(mostAlive.get()).isLessThanOrEqualTo(20);
  }
}
