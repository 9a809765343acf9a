package io.jetfire.adapter.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import io.jetfire.ConfigurationException;
import io.jetfire.DataException;
import io.jetfire.Dataset;
import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Preprocessing;
import io.jetfire.RunCancelledException;
import io.jetfire.Sample;
import io.jetfire.StorageException;
import io.jetfire.Target;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.TensorType;
import io.jetfire.TrainedModel;
import io.jetfire.Training;
import io.jetfire.adapter.djl.internal.artifact.DjlTraceFile;
import io.jetfire.spi.Cancellation;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ModelRuntimeProvider;
import io.jetfire.spi.TrainingBackend;
import io.jetfire.spi.TrainingBackendProvider;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DjlTrainingBackendTest {
  private final Path directory;

  private final TrainingBackend backend =
      new DjlTrainingBackendProvider().create(TestContext.create());

  DjlTrainingBackendTest(@TempDir Path directory) {
    this.directory = directory;
  }

  private TrainedModel train(Training training) {
    return backend.train(
        new TrainingBackend.Request(training, directory, epoch -> {}, Cancellation.NEVER));
  }

  private static ModelRuntime.Options cpu() {
    return ModelRuntime.Options.defaults().delegate(Delegate.CPU);
  }

  @Test
  void learnsAndReportsEachEpoch() {
    List<TrainedModel.Epoch> heard = new ArrayList<>();
    DjlTraining training = Toys.training().validation(Toys.halves("validation", 20, 2)).build();
    TrainedModel trained =
        backend.train(
            new TrainingBackend.Request(training, directory, heard::add, Cancellation.NEVER));

    assertThat(heard).hasSize(4).isEqualTo(trained.epochs());
    assertThat(heard.get(3).loss()).isLessThan(heard.get(0).loss());
    assertThat(heard.get(3).metrics())
        .containsKeys("accuracy", "validation loss", "validation accuracy");
    assertThat(heard.get(3).metrics().get("validation accuracy")).isGreaterThan(0.9);
    assertThat(trained.model().format()).isEqualTo("djl-trace");
    assertThat(trained.model().path().getFileName().toString())
        .isEqualTo("halves-v1-" + trained.model().sha256().substring(0, 12) + ".djl-trace");
    assertThat(trained.properties())
        .containsEntry("seed", "7")
        .containsEntry("parameters", "258")
        .containsEntry("djl", "0.35.1");
    DjlTraceFile file = DjlTraceFile.read(trained.model().path());
    assertThat(file.training().path("dataset").path("fingerprint").asText())
        .isEqualTo(training.dataset().fingerprint());
    assertThat(file.training().path("epochs")).hasSize(4);
  }

  @Test
  void sameSeedGivesTheSameBytesAndAnotherSeedOthers() {
    String first = train(Toys.training().build()).model().sha256();

    assertThat(train(Toys.training().build()).model().sha256()).isEqualTo(first);
    assertThat(train(Toys.training().seed(8).build()).model().sha256()).isNotEqualTo(first);
  }

  @Test
  void theFileRunsWithoutTheBlock() {
    Model model = train(Toys.training().epochs(6).build()).model();
    Dataset unseen = Toys.halves("unseen", 20, 3);
    Preprocessing preprocessing = Toys.training().build().preprocessing();
    int right = 0;
    try (ModelRuntime runtime = new DjlModelRuntimeProvider().create(TestContext.create());
        ModelRuntime.Session session = runtime.open(model, cpu())) {
      assertThat(runtime.version()).contains("0.35.1").contains("2.7.1");
      assertThat(session.inputs())
          .containsExactly(TensorSpec.of("input", TensorType.FLOAT32, 1, 3, 8, 8));
      try (Stream<Sample> samples = unseen.samples()) {
        for (Sample sample : samples.toList()) {
          float[] scores =
              session.run(preprocessing.apply(sample, session.inputs())).get(0).toFloatArray();
          Target expected = Target.label(scores[1] > scores[0] ? 1 : 0);
          right += sample.target().equals(expected) ? 1 : 0;
        }
      }
    }
    assertThat(right).isGreaterThanOrEqualTo(19);
  }

  @Test
  void aBatchMayBeGivenWhenTheModelIsOpened() {
    Model model = train(Toys.training().epochs(1).build()).model();
    float[] two = new float[2 * 3 * 8 * 8];
    for (int i = 0; i < two.length; i++) {
      two[i] = (i * 7919 % 1000) / 500f - 1;
    }
    try (ModelRuntime runtime = new DjlModelRuntimeProvider().create(TestContext.create());
        ModelRuntime.Session one = runtime.open(model, cpu());
        ModelRuntime.Session pair =
            runtime.open(model, cpu().inputShapes(Map.of("input", List.of(2, 3, 8, 8))))) {
      float[] scores = pair.run(List.of(Tensor.ofFloats(two, 2, 3, 8, 8))).get(0).toFloatArray();
      float[] second = Arrays.copyOfRange(two, two.length / 2, two.length);
      float[] alone = one.run(List.of(Tensor.ofFloats(second, 1, 3, 8, 8))).get(0).toFloatArray();
      assertThat(scores[3]).isCloseTo(alone[1], within(1e-5f));
      assertThatThrownBy(() -> one.input(0, Tensor.ofFloats(two, 2, 3, 8, 8)))
          .isInstanceOf(DataException.class);
    }
  }

  @Test
  void theRuntimeRefusesWhatItLacks() {
    ModelRuntime runtime = new DjlModelRuntimeProvider().create(TestContext.create());
    Model model = train(Toys.training().epochs(1).build()).model();

    assertThatThrownBy(() -> runtime.open(model, cpu().delegate(Delegate.GPU)))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("GPU");
    assertThatThrownBy(() -> runtime.open(model, cpu().threads(3)))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("jetfire.djl.threads");
  }

  @Test
  void aRegressionWithLossAndTargetsOfItsOwn() {
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      float x = i / 32f - 1;
      samples.add(
          Sample.of(
              "s" + i,
              Tensor.ofFloats(new float[] {x}, 1),
              new Target.Values(Tensor.ofFloats(new float[] {3 * x + 1}, 1))));
    }
    DjlTraining training =
        DjlTraining.of(
                "line-v1", () -> new SequentialBlock().add(Linear.builder().setUnits(1).build()))
            .dataset(Dataset.of("line", List.of(), samples))
            .targets(
                "values-v1",
                (batch, manager) -> {
                  float[] values = new float[batch.size()];
                  for (int i = 0; i < values.length; i++) {
                    values[i] = ((Target.Values) batch.get(i).target()).tensor().toFloatArray()[0];
                  }
                  NDArray array = manager.create(values).reshape(-1, 1);
                  return new NDList(array);
                })
            .loss(
                "squared-v1",
                (predictions, targets, manager) ->
                    predictions.head().sub(targets.head()).square().mean())
            .sgd(0.5)
            .learningRate(0.2)
            .epochs(30)
            .build();

    List<TrainedModel.Epoch> epochs = train(training).epochs();

    assertThat(epochs.get(29).loss()).isLessThan(1e-3);
    assertThat(epochs.get(29).metrics()).isEmpty();
  }

  @Test
  void augmentationIsSeeded() {
    DjlTraining training =
        Toys.training()
            .epochs(1)
            .augmentation(
                "noise-v1",
                (sample, random) -> {
                  float[] values = sample.input().toFloatArray();
                  for (int i = 0; i < values.length; i++) {
                    values[i] += random.nextFloat();
                  }
                  return Sample.of(sample.id(), Tensor.ofFloats(values, 8, 8, 3), sample.target());
                })
            .build();

    assertThat(train(training).model().sha256()).isEqualTo(train(training).model().sha256());
  }

  /** PyTorch keeps a factor for the backward pass, which DJL lets go of right after the product. */
  @Test
  void numbersInALossOutliveACollectionOfGarbage() {
    String undisturbed = train(scaled(() -> {})).model().sha256();

    assertThat(train(scaled(DjlTrainingBackendTest::reuseFreedMemory)).model().sha256())
        .isEqualTo(undisturbed);
  }

  private static DjlTraining scaled(Runnable beforeTheBackwardPass) {
    return Toys.training()
        .epochs(2)
        .loss(
            "scaled-v1",
            (predictions, targets, manager) -> {
              NDArray loss = predictions.head().logSoftmax(-1).mul(0.5f).square().mul(3f).mean();
              beforeTheBackwardPass.run();
              return loss;
            })
        .build();
  }

  /** Has memory of unreachable buffers freed, and writes into what is free. */
  private static void reuseFreedMemory() {
    System.gc();
    try {
      Thread.sleep(20);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    List<ByteBuffer> junk = new ArrayList<>();
    for (int i = 0; i < 2000; i++) {
      junk.add(ByteBuffer.allocateDirect(4).order(ByteOrder.nativeOrder()).putFloat(0, 1e6f));
    }
    assertThat(junk).hasSize(2000);
  }

  @Test
  void cancellationStopsBetweenBatches() {
    int[] asked = {0};
    assertThatThrownBy(
            () ->
                backend.train(
                    new TrainingBackend.Request(
                        Toys.training().build(), directory, epoch -> {}, () -> ++asked[0] > 3)))
        .isInstanceOf(RunCancelledException.class);
    assertThat(asked[0]).isEqualTo(4);
  }

  @Test
  void aLossThatIsNotANumberNamesEpochAndBatch() {
    DjlTraining training =
        Toys.training().loss("nan-v1", (p, t, m) -> p.head().mean().mul(Float.NaN)).build();

    assertThatThrownBy(() -> train(training))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("NaN in epoch 1, batch 1");
  }

  @Test
  void badDatasetsAreNamed() {
    Dataset empty = Dataset.of("none", List.of("a"), List.of());
    assertThatThrownBy(() -> train(Toys.training().dataset(empty).build()))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("none")
        .hasMessageContaining("no samples");

    List<Sample> lefts;
    try (Stream<Sample> samples = Toys.halves("lefts", 20, 1).samples()) {
      lefts = samples.filter(s -> s.target().equals(Target.label(0))).toList();
    }
    Dataset oneClass = Dataset.of("lefts", List.of("left", "right"), lefts);
    assertThatThrownBy(() -> train(Toys.training().dataset(oneClass).build()))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("label [0]");

    float[] values = new float[8 * 8 * 3];
    values[17] = Float.NaN;
    List<Sample> withNaN = new ArrayList<>(lefts);
    withNaN.add(Sample.of("broken", Tensor.ofFloats(values, 8, 8, 3), Target.label(1)));
    assertThatThrownBy(
            () -> train(Toys.training().dataset(Dataset.of("d", List.of(), withNaN)).build()))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("Sample broken has NaN at element");

    List<Sample> tooHigh = new ArrayList<>(lefts);
    tooHigh.add(Sample.of("high", lefts.get(0).input(), Target.label(2)));
    assertThatThrownBy(
            () -> train(Toys.training().dataset(Dataset.of("d", List.of(), tooHigh)).build()))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("Sample high has the label 2");

    List<Sample> unlabelled = List.of(Sample.of("bare", lefts.get(0).input(), Target.none()));
    assertThatThrownBy(
            () -> train(Toys.training().dataset(Dataset.of("d", List.of(), unlabelled)).build()))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("Sample bare");
  }

  @Test
  void aBlockThatDoesNotFitIsNamed() {
    Dataset flat =
        Dataset.of(
            "flat",
            List.of(),
            List.of(Sample.of("a", Tensor.ofFloats(new float[4], 4), Target.label(0))));
    DjlTraining training =
        Toys.training().dataset(flat).preprocessing(Preprocessing.none()).build();

    assertThatThrownBy(() -> train(training))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("halves-v1")
        .hasMessageContaining("[1, 4]");
    assertThatThrownBy(() -> train(Toys.training().inputShape(3, 9, 9).build()))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("Sample train/")
        .hasMessageContaining("[1, 3, 9, 9]");
  }

  @Test
  void aFolderThatIsNotThereIsNamed() {
    Path missing = directory.resolve("missing");
    assertThatThrownBy(
            () ->
                backend.train(
                    new TrainingBackend.Request(
                        Toys.training().epochs(1).build(), missing, e -> {}, Cancellation.NEVER)))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining("missing");
    assertThat(Files.exists(missing)).isFalse();
  }

  @Test
  void theDescriptionSaysAllProblemsAtOnce() {
    assertThatThrownBy(() -> DjlTraining.of(" ", Toys::network).epochs(0).batchSize(0).build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("name is blank")
        .hasMessageContaining("epochs")
        .hasMessageContaining("batchSize")
        .hasMessageContaining("no dataset");
  }

  @Test
  void settingsAreStable() {
    assertThat(Toys.training().build().settings())
        .containsEntry("learningRate", "Cosine[peak=0.02, warmupEpochs=0.5]")
        .containsEntry("loss", "softmax-cross-entropy")
        .isEqualTo(Toys.training().build().settings());
  }

  @Test
  void isRegistered() {
    assertThat(ServiceLoader.load(TrainingBackendProvider.class))
        .anyMatch(p -> p.id().equals("djl"));
    assertThat(ServiceLoader.load(ModelRuntimeProvider.class)).anyMatch(p -> p.id().equals("djl"));
  }
}
