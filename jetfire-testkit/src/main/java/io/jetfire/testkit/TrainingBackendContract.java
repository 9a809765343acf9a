package io.jetfire.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.jetfire.ConfigurationException;
import io.jetfire.DataException;
import io.jetfire.Dataset;
import io.jetfire.Model;
import io.jetfire.RunCancelledException;
import io.jetfire.Sample;
import io.jetfire.StorageException;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.TrainedModel;
import io.jetfire.Training;
import io.jetfire.spi.Cancellation;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ProviderContext;
import io.jetfire.spi.TrainingBackend;
import io.jetfire.spi.TrainingBackendProvider;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What every {@link TrainingBackend} must do. Extend it in the tests of an implementation and give
 * it a provider and something that is learnt in a second or two.
 *
 * <p>A runtime for the format of the trained model must be on the class path.
 */
@SuppressWarnings("NullAway.Init") // The backend is there before each case.
public abstract class TrainingBackendContract {
  private ProviderContext context;
  private TrainingBackend backend;
  private Path models;

  @TempDir private Path folder;

  /** For subclasses. */
  protected TrainingBackendContract() {}

  /** Returns the provider under test. */
  protected abstract TrainingBackendProvider provider();

  /** Returns at least eight samples that {@link #training} can learn from. */
  protected abstract Dataset dataset();

  /**
   * Describes a training of at least two epochs, in which the loss falls.
   *
   * @param dataset what to learn from: {@link #dataset()} or a faulty form of it
   * @param seed the seed
   * @return the description
   */
  protected abstract Training training(Dataset dataset, long seed);

  @BeforeEach
  final void create() throws IOException {
    context = TestProviderContext.in(folder);
    backend = provider().create(context);
    models = Files.createDirectory(folder.resolve("models"));
  }

  @Test
  final void describesItself() {
    assertThat(provider().id()).matches("[a-z0-9-]+");
    assertThat(training(dataset(), 1).backend()).isEqualTo(provider().id());
  }

  @Test
  final void writesAModelThatRunsWithoutTheUsersCode() {
    Model model = train(training(dataset(), 1), models).model();
    assertThat(model.path()).isRegularFile();
    assertThat(model.path().toAbsolutePath().normalize()).startsWith(models.toAbsolutePath());
    assertThat(Model.of(model.path(), model.format())).isEqualTo(model);
    try (ModelRuntime runtime = context.modelRuntime(model.format());
        ModelRuntime.Session session = runtime.open(model, anyDelegateOf(runtime))) {
      List<Tensor> inputs = session.inputs().stream().map(TrainingBackendContract::zeros).toList();
      assertThat(session.run(inputs)).isNotEmpty();
    }
  }

  private static ModelRuntime.Options anyDelegateOf(ModelRuntime runtime) {
    return ModelRuntime.Options.defaults().delegate(runtime.delegates().iterator().next());
  }

  private static Tensor zeros(TensorSpec spec) {
    int elements = 1;
    for (int dimension : spec.shape()) {
      elements *= dimension;
    }
    return Tensor.of(
        spec.type(), ByteBuffer.allocate(elements * spec.type().bytes()), spec.shape());
  }

  @Test
  final void tellsOfEachEpochOnceInOrder() {
    List<TrainedModel.Epoch> heard = Collections.synchronizedList(new ArrayList<>());
    TrainedModel trained = train(training(dataset(), 1), models, heard::add, Cancellation.NEVER);
    assertThat(heard).isEqualTo(trained.epochs()).hasSizeGreaterThanOrEqualTo(2);
    for (int i = 0; i < heard.size(); i++) {
      assertThat(heard.get(i).number()).isEqualTo(i + 1);
      assertThat(heard.get(i).loss()).isFinite();
    }
  }

  @Test
  final void learns() {
    List<TrainedModel.Epoch> epochs = train(training(dataset(), 1), models).epochs();
    assertThat(epochs.get(epochs.size() - 1).loss()).isLessThan(epochs.get(0).loss());
  }

  @Test
  final void theSameSeedGivesTheSameModelAndAnotherSeedAnother() {
    String first = train(training(dataset(), 1), models).model().sha256();
    assertThat(train(training(dataset(), 1), models).model().sha256()).isEqualTo(first);
    assertThat(train(training(dataset(), 2), models).model().sha256()).isNotEqualTo(first);
  }

  @Test
  final void anotherTrainingLeavesTheModelAlone() {
    Model first = train(training(dataset(), 1), models).model();
    train(training(dataset(), 2), models);
    assertThat(Model.of(first.path(), first.format())).isEqualTo(first);
  }

  @Test
  final void trainingsSideBySideGiveWhatTheyGiveAlone() throws Exception {
    String alone = train(training(dataset(), 1), models).model().sha256();
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try {
      Future<TrainedModel> one = threads.submit(() -> train(training(dataset(), 1), models));
      Future<TrainedModel> other = threads.submit(() -> train(training(dataset(), 2), models));
      assertThat(one.get().model().sha256()).isEqualTo(alone);
      assertThat(other.get().model().sha256()).isNotEqualTo(alone);
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  final void stopsWhenCancelledAndLeavesNoFile() throws IOException {
    boolean[] firstEpochIsOver = {false};
    List<Integer> heard = new ArrayList<>();
    assertThatExceptionOfType(RunCancelledException.class)
        .isThrownBy(
            () ->
                train(
                    training(dataset(), 1),
                    models,
                    epoch -> {
                      heard.add(epoch.number());
                      firstEpochIsOver[0] = true;
                    },
                    () -> firstEpochIsOver[0]));
    assertThat(heard).containsExactly(1);
    assertNoModel();
  }

  @Test
  final void refusesADatasetWithoutSamplesByName() throws IOException {
    Dataset empty = Dataset.of("nothing-here", dataset().labels(), List.of());
    assertThatExceptionOfType(DataException.class)
        .isThrownBy(() -> train(training(empty, 1), models))
        .withMessageContaining("nothing-here");
    assertNoModel();
  }

  @Test
  final void namesADatasetThatFailsHalfway() throws IOException {
    List<Sample> good;
    try (Stream<Sample> samples = dataset().samples()) {
      good = samples.toList();
    }
    Dataset failing =
        Dataset.streaming(
            "torn-tape",
            "1",
            dataset().labels(),
            () ->
                Stream.concat(
                    good.stream(),
                    Stream.of(1)
                        .map(
                            i -> {
                              throw new IllegalStateException("the tape is torn");
                            })));
    assertThatExceptionOfType(DataException.class)
        .isThrownBy(() -> train(training(failing, 1), models))
        .withMessageContaining("torn-tape")
        .withMessageContaining("the tape is torn");
    assertNoModel();
  }

  @Test
  final void refusesADescriptionOfAnotherBackend() {
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(() -> train(new ForeignTraining(dataset()), models))
        .withMessageContaining("somebody-elses");
  }

  @Test
  final void namesAFolderThatItCannotWriteTo() throws IOException {
    Path file = Files.writeString(folder.resolve("not-a-folder"), "a file");
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(() -> train(training(dataset(), 1), file))
        .withMessageContaining("not-a-folder");
    assertThat(file).hasContent("a file");
  }

  private TrainedModel train(Training training, Path directory) {
    return train(training, directory, epoch -> {}, Cancellation.NEVER);
  }

  private TrainedModel train(
      Training training,
      Path directory,
      Consumer<TrainedModel.Epoch> onEpoch,
      Cancellation cancellation) {
    return backend.train(new TrainingBackend.Request(training, directory, onEpoch, cancellation));
  }

  private void assertNoModel() throws IOException {
    try (Stream<Path> files = Files.list(models)) {
      assertThat(files).isEmpty();
    }
  }

  private record ForeignTraining(Dataset dataset) implements Training {
    @Override
    public String backend() {
      return "somebody-elses";
    }

    @Override
    public String name() {
      return "foreign-v1";
    }

    @Override
    public Map<String, String> settings() {
      return Map.of();
    }
  }
}
