package io.jetfire.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import io.jetfire.Advice;
import io.jetfire.ConfigurationException;
import io.jetfire.Converter;
import io.jetfire.DataException;
import io.jetfire.Dataset;
import io.jetfire.Explanation;
import io.jetfire.Model;
import io.jetfire.Preprocessing;
import io.jetfire.Recipe;
import io.jetfire.RunCancelledException;
import io.jetfire.Sample;
import io.jetfire.Tensor;
import io.jetfire.TensorType;
import io.jetfire.UnsupportedModelException;
import io.jetfire.spi.Cancellation;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.spi.ConverterBackend.Calibration;
import io.jetfire.spi.ConverterBackendProvider;
import io.jetfire.spi.ModelRuntime;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What every {@link ConverterBackend} must do. Extend it in the tests of an implementation and give
 * it a provider and a small float model whose outputs are known.
 *
 * <p>A runtime for the target format must be on the class path.
 */
@SuppressWarnings("NullAway.Init") // The backend is there before each case.
public abstract class ConverterBackendContract {
  private TestProviderContext context;
  private ConverterBackend backend;
  private Known known;
  private Path target;

  @TempDir private Path folder;

  /** For subclasses. */
  protected ConverterBackendContract() {}

  /**
   * A model with what comes out of it.
   *
   * @param model the file; all inputs and outputs are FLOAT32
   * @param samples at least four for calibration, the first of which is the known input; their
   *     tensors have the shapes of the model's inputs
   * @param outputs what the model gives for the first sample
   * @param tolerance how far an output of the float32 conversion may be off, absolutely
   */
  public record Known(Model model, List<Sample> samples, List<Tensor> outputs, float tolerance) {}

  /** Returns the provider under test. */
  protected abstract ConverterBackendProvider provider();

  /**
   * Writes a model whose outputs are known.
   *
   * @param empty an empty folder
   * @return the model
   * @throws IOException if it cannot be written
   */
  protected abstract Known known(Path empty) throws IOException;

  /** Returns the recipes that the backend executes; all by default. */
  protected List<Recipe> recipes() {
    return List.of(
        Recipe.float32(),
        Recipe.float16(),
        Recipe.dynamicRange(),
        Recipe.weightOnly(),
        Recipe.fullInteger(),
        Recipe.int16x8());
  }

  /**
   * Returns how far an output of a reduced recipe may be off.
   *
   * @return as a share of the largest absolute output; 0.1 by default
   */
  protected float reducedTolerance() {
    return 0.1f;
  }

  @BeforeEach
  final void create() throws IOException {
    context = TestProviderContext.in(folder);
    backend = provider().create(context);
    known = known(Files.createDirectory(folder.resolve("source")));
    target = Files.createDirectory(folder.resolve("target")).resolve("converted");
  }

  @AfterEach
  final void close() {
    context.close();
  }

  @Test
  final void describesItself() {
    assertThat(provider().id()).matches("[a-z0-9-]+");
    assertThat(backend.targetFormat()).matches("[a-z0-9-]+");
  }

  @Test
  final void acceptsItsSourceAndNoText() throws IOException {
    assertThat(backend.accepts(known.model())).isTrue();
    Path text = Files.writeString(folder.resolve("readme.txt"), "This is no model.");
    assertThat(backend.accepts(Model.of(text, "text"))).isFalse();
  }

  @Test
  final void float32KeepsTheNumbers() {
    ConverterBackend.Conversion conversion = convert(Recipe.float32());
    assertThat(conversion.model()).isEqualTo(Model.of(target, backend.targetFormat()));
    assertNear(run(conversion.model()), known.tolerance());
  }

  @Test
  final void everyRecipeStaysNear() {
    float largest = 0;
    for (Tensor output : known.outputs()) {
      for (float value : output.toFloatArray()) {
        largest = Math.max(largest, Math.abs(value));
      }
    }
    for (Recipe recipe : recipes()) {
      assertNear(run(convert(recipe).model()), largest * reducedTolerance());
    }
  }

  @Test
  final void theSameRequestGivesTheSameBytes() {
    for (Recipe recipe : recipes()) {
      String first = convert(recipe).model().sha256();
      assertThat(convert(recipe).model().sha256()).as(recipe.name()).isEqualTo(first);
    }
  }

  @Test
  final void conversionsSideBySideGiveWhatTheyGiveAlone() throws Exception {
    List<String> alone = new ArrayList<>();
    List<Callable<String>> work = new ArrayList<>();
    for (Recipe recipe : recipes()) {
      alone.add(convert(recipe).model().sha256());
      Path file = target.resolveSibling("side-" + recipe.name());
      work.add(() -> backend.convert(request(known.model(), recipe, file)).model().sha256());
    }
    ExecutorService threads = Executors.newFixedThreadPool(3);
    try {
      List<String> together = new ArrayList<>();
      for (Future<String> sha256 : threads.invokeAll(work)) {
        together.add(sha256.get());
      }
      assertThat(together).isEqualTo(alone);
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  final void leavesTheSourceAlone() {
    convert(recipes().get(recipes().size() - 1));
    assertThat(Model.of(known.model().path(), known.model().format())).isEqualTo(known.model());
  }

  @Test
  final void replacesTheTargetAsAWhole() throws IOException {
    String fresh = convert(Recipe.float32()).model().sha256();
    Files.write(target, new byte[1 << 20]);
    assertThat(convert(Recipe.float32()).model().sha256()).isEqualTo(fresh);
    assertThat(Model.of(target, backend.targetFormat()).sha256()).isEqualTo(fresh);
  }

  @Test
  final void keepsTheTargetWhenTheSourceIsBroken() throws IOException {
    byte[] bytes = Files.readAllBytes(known.model().path());
    Path half = folder.resolve("half-" + known.model().path().getFileName());
    Files.write(half, Arrays.copyOf(bytes, bytes.length / 2));
    Files.writeString(target, "what was here before");
    Model broken = Model.of(half, known.model().format());
    assertThatExceptionOfType(UnsupportedModelException.class)
        .isThrownBy(() -> backend.convert(request(broken, Recipe.float32(), target)));
    assertThat(target).hasContent("what was here before");
    assertNothingBesides(target);
  }

  @Test
  final void asksForCalibrationWhereARecipeNeedsIt() throws IOException {
    for (Recipe recipe : recipes()) {
      if (recipe.needsCalibration()) {
        assertThatExceptionOfType(ConfigurationException.class)
            .as(recipe.name())
            .isThrownBy(
                () -> backend.convert(request(known.model(), recipe, target, Optional.empty())))
            .withMessageContaining("calibrat");
        assertNothingBesides(target);
      }
    }
  }

  @Test
  final void namesACalibrationSampleWithANaN() {
    assertNamed(
        sample -> {
          float[] values = sample.input().toFloatArray();
          values[values.length - 1] = Float.NaN;
          return Tensor.ofFloats(values, sample.input().shape());
        });
  }

  @Test
  final void namesACalibrationSampleOfAnotherShape() {
    assertNamed(sample -> Tensor.ofFloats(new float[11], 1, 1, 11, 1));
  }

  private void assertNamed(Function<Sample, Tensor> spoil) {
    List<Sample> samples = new ArrayList<>(known.samples());
    Sample good = samples.get(2);
    samples.set(2, Sample.of("the-bad-one", spoil.apply(good), good.target()));
    for (Recipe recipe : recipes()) {
      if (recipe.needsCalibration()) {
        assertThatExceptionOfType(DataException.class)
            .as(recipe.name())
            .isThrownBy(
                () ->
                    backend.convert(
                        request(known.model(), recipe, target, Optional.of(calibration(samples)))))
            .withMessageContaining("the-bad-one");
        assertThat(target).doesNotExist();
      }
    }
  }

  @Test
  final void stopsWhenCancelledAndLeavesNoFile() throws IOException {
    assertThatExceptionOfType(RunCancelledException.class)
        .isThrownBy(
            () ->
                backend.convert(
                    new ConverterBackend.Request(
                        known.model(),
                        Recipe.float32(),
                        Optional.empty(),
                        Converter.DEFAULT_TARGET_RUNTIME,
                        ConverterBackend.Reading.asSource(),
                        target,
                        () -> true)));
    assertThat(target).doesNotExist();
    assertNothingBesides(target);
  }

  @Test
  final void explainsWithoutWritingOrSaysThatItCannot() throws IOException {
    Recipe recipe = recipes().get(recipes().size() - 1);
    Explanation why;
    try {
      why = backend.explain(request(known.model(), recipe, target));
    } catch (ConfigurationException cannot) {
      assertThat(cannot).hasMessageContaining(known.model().path().toString());
      return;
    }
    assertThat(why.layers()).isNotEmpty();
    assertThat(target).doesNotExist();
    assertNothingBesides(target);
  }

  @Test
  final void explainsNothingWithoutSamples() {
    for (Recipe recipe : recipes()) {
      assertThatExceptionOfType(ConfigurationException.class)
          .as(recipe.name())
          .isThrownBy(
              () -> backend.explain(request(known.model(), recipe, target, Optional.empty())));
    }
  }

  @Test
  final void advisesOnWhatItMeasuredOrSaysThatItCannot() {
    List<Advice.Trial> told = new ArrayList<>();
    List<Long> sizes = new ArrayList<>();
    ConverterBackend.Measure measure =
        new ConverterBackend.Measure.Metric(
            "closeness",
            model -> {
              assertThat(model.format()).isEqualTo(backend.targetFormat());
              sizes.add(model.path().toFile().length());
              return -distance(run(model));
            });
    Optional<Advice> advice = advise(measure, Duration.ofMinutes(10), told, Cancellation.NEVER);
    if (advice.isEmpty()) {
      return;
    }
    assertThat(advice.get().complete()).isTrue();
    assertThat(advice.get().trials()).isNotEmpty().isEqualTo(told);
    assertThat(advice.get().trials()).extracting(Advice.Trial::sizeBytes).isEqualTo(sizes);
    assertThat(advice.get().smallest()).isPresent();
  }

  @Test
  final void anAdviceThatIsCancelledOrOutOfTimeHasWhatWasTried() {
    ConverterBackend.Measure measure =
        new ConverterBackend.Measure.SignalToNoise(calibration(known.samples()));
    List<Advice.Trial> told = new ArrayList<>();
    advise(measure, Duration.ofMinutes(10), told, () -> true)
        .ifPresent(
            advice -> {
              assertThat(advice.complete()).isFalse();
              assertThat(advice.trials()).isEqualTo(told);
            });
    List<Advice.Trial> late = new ArrayList<>();
    advise(measure, Duration.ofNanos(1), late, Cancellation.NEVER)
        .ifPresent(
            advice -> {
              assertThat(advice.complete()).isFalse();
              assertThat(advice.trials()).isEqualTo(late);
            });
  }

  /** Asks for advice with a budget that every variant meets; empty if the backend gives none. */
  private Optional<Advice> advise(
      ConverterBackend.Measure measure,
      Duration limit,
      List<Advice.Trial> told,
      Cancellation cancellation) {
    try {
      return Optional.of(
          backend.advise(
              new ConverterBackend.Search(
                  known.model(),
                  calibration(known.samples()),
                  Converter.DEFAULT_TARGET_RUNTIME,
                  ConverterBackend.Reading.asSource(),
                  measure,
                  -Float.MAX_VALUE,
                  limit,
                  told::add,
                  cancellation)));
    } catch (ConfigurationException cannot) {
      assertThat(cannot).hasMessageContaining(known.model().path().toString());
      return Optional.empty();
    }
  }

  private double distance(List<Tensor> outputs) {
    double most = 0;
    for (int i = 0; i < outputs.size(); i++) {
      float[] expected = known.outputs().get(i).toFloatArray();
      float[] actual = outputs.get(i).toFloatArray();
      for (int k = 0; k < expected.length; k++) {
        most = Math.max(most, Math.abs(expected[k] - actual[k]));
      }
    }
    return most;
  }

  private void assertNothingBesides(Path file) throws IOException {
    try (Stream<Path> files = Files.list(file.resolveSibling(""))) {
      assertThat(files.filter(f -> !f.equals(file))).isEmpty();
    }
  }

  private ConverterBackend.Conversion convert(Recipe recipe) {
    return backend.convert(request(known.model(), recipe, target));
  }

  private ConverterBackend.Request request(Model source, Recipe recipe, Path file) {
    return request(source, recipe, file, Optional.of(calibration(known.samples())));
  }

  private static ConverterBackend.Request request(
      Model source, Recipe recipe, Path file, Optional<Calibration> calibration) {
    return new ConverterBackend.Request(
        source,
        recipe,
        calibration,
        Converter.DEFAULT_TARGET_RUNTIME,
        ConverterBackend.Reading.asSource(),
        file,
        Cancellation.NEVER);
  }

  private static Calibration calibration(List<Sample> samples) {
    Dataset dataset = Dataset.of("representative", List.of(), samples);
    return new Calibration(dataset, Preprocessing.none(), samples.size());
  }

  private List<Tensor> run(Model model) {
    ModelRuntime runtime = context.modelRuntime(model.format());
    try (ModelRuntime.Session session = runtime.open(model, ModelRuntime.Options.defaults())) {
      return session.run(Preprocessing.none().apply(known.samples().get(0), session.inputs()));
    }
  }

  private void assertNear(List<Tensor> outputs, float tolerance) {
    assertThat(outputs).hasSameSizeAs(known.outputs());
    for (int i = 0; i < outputs.size(); i++) {
      Tensor expected = known.outputs().get(i);
      assertThat(outputs.get(i).type()).isEqualTo(TensorType.FLOAT32);
      assertThat(outputs.get(i).shape()).isEqualTo(expected.shape());
      assertThat(outputs.get(i).toFloatArray())
          .containsExactly(expected.toFloatArray(), within(tolerance));
    }
  }
}
