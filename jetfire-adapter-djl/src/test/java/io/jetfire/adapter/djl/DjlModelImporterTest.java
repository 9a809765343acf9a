package io.jetfire.adapter.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.nn.LambdaBlock;
import ai.djl.nn.SequentialBlock;
import io.jetfire.ConfigurationException;
import io.jetfire.Delegate;
import io.jetfire.Layout;
import io.jetfire.Model;
import io.jetfire.Preprocessing;
import io.jetfire.Sample;
import io.jetfire.UnsupportedModelException;
import io.jetfire.runtime.TfliteRuntimeProvider;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ModelImporter;
import io.jetfire.tflite.importer.ModelImporters;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DjlModelImporterTest {
  private final Path directory;
  private final ModelImporter importer = new DjlModelImporter();

  DjlModelImporterTest(@TempDir Path directory) {
    this.directory = directory;
  }

  @Test
  void aTrainedModelIsFoundAndGivesTheSameNumbersOnTheWholeDataset() {
    DjlTraining training = Toys.training().build();
    Model trained = Toys.train(training, directory).model();
    ModelImporter found = ModelImporters.load().find(trained.path()).orElseThrow();

    for (ImportOptions options :
        List.of(
            ImportOptions.defaults(), ImportOptions.defaults().edgeLayout(Layout.CHANNELS_LAST))) {
      Graph graph = found.read(trained.path(), options);
      Path file = directory.resolve("model.tflite");
      TfliteWriter.write(graph, file, WriteOptions.defaults());
      assertThat(worstDifference(trained, Model.of(file), training.preprocessing()))
          .as("%s", graph.main().ops())
          .isLessThan(1e-5);
    }
  }

  /** The largest difference of a score over a dataset, as a part of the scores' range. */
  private static double worstDifference(Model djl, Model tflite, Preprocessing preprocessing) {
    ModelRuntime.Options cpu =
        ModelRuntime.Options.defaults()
            .delegate(Delegate.CPU)
            .isolation(ModelRuntime.Isolation.IN_PROCESS);
    double worst = 0;
    double max = -Double.MAX_VALUE;
    double min = Double.MAX_VALUE;
    try (ModelRuntime source = new DjlModelRuntimeProvider().create(TestContext.create());
        ModelRuntime target = new TfliteRuntimeProvider().create(TestContext.create());
        ModelRuntime.Session expected = source.open(djl, cpu);
        ModelRuntime.Session actual = target.open(tflite, cpu);
        Stream<Sample> samples = Toys.halves("unseen", 40, 9).samples()) {
      for (Sample sample : samples.toList()) {
        float[] want =
            expected.run(preprocessing.apply(sample, expected.inputs())).get(0).toFloatArray();
        float[] have =
            actual.run(preprocessing.apply(sample, actual.inputs())).get(0).toFloatArray();
        for (int i = 0; i < want.length; i++) {
          worst = Math.max(worst, Math.abs(want[i] - have[i]));
          max = Math.max(max, want[i]);
          min = Math.min(min, want[i]);
        }
      }
    }
    return worst / (max - min);
  }

  @Test
  void withChannelsLastImagesNeedOneTransposeAtMost() {
    Model trained = Toys.train(Toys.training().epochs(1).build(), directory).model();
    Graph graph =
        importer.read(trained.path(), ImportOptions.defaults().edgeLayout(Layout.CHANNELS_LAST));

    assertThat(graph.main().inputs().get(0).shape()).isEqualTo(Shape.of(1, 8, 8, 3));
    assertThat(graph.main().ops())
        .extracting(Op::kind)
        .contains(OpKind.CONV_2D, OpKind.MAX_POOL_2D, OpKind.FULLY_CONNECTED)
        .doesNotContain(OpKind.RELU, OpKind.MUL)
        .filteredOn(k -> k == OpKind.TRANSPOSE)
        .hasSizeLessThanOrEqualTo(1);
  }

  @Test
  void aSourceWithChannelsLastStaysSo() {
    DjlTraining training =
        DjlTraining.of(
                "last-v1",
                () ->
                    new SequentialBlock()
                        .add(LambdaBlock.singleton(x -> x.transpose(0, 3, 1, 2), "channelsFirst"))
                        .add(Toys.network()))
            .dataset(Toys.halves("train", 33, 1))
            .preprocessing(Toys.training().build().preprocessing())
            .layout(Layout.CHANNELS_LAST)
            .epochs(1)
            .build();
    Path file = Toys.train(training, directory).model().path();

    for (ImportOptions options :
        List.of(
            ImportOptions.defaults(), ImportOptions.defaults().edgeLayout(Layout.CHANNELS_LAST))) {
      assertThat(importer.read(file, options).main().inputs().get(0).shape())
          .isEqualTo(Shape.of(1, 8, 8, 3));
    }
    assertThatThrownBy(
            () -> importer.read(file, ImportOptions.defaults().edgeLayout(Layout.CHANNELS_FIRST)))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("channels last");
  }

  @Test
  void aBatchSizeIsTaken() {
    Model trained = Toys.train(Toys.training().epochs(1).build(), directory).model();

    assertThat(
            importer
                .read(trained.path(), ImportOptions.defaults().batch(5))
                .main()
                .outputs()
                .get(0)
                .shape())
        .isEqualTo(Shape.of(5, 2));
  }

  @Test
  void aForeignFileIsNotTaken() throws IOException {
    Path file = Files.writeString(directory.resolve("a.djl-trace"), "no zip at all");

    assertThat(ModelImporters.load().find(file)).isEmpty();
    assertThatThrownBy(() -> importer.read(file, ImportOptions.defaults()))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("a.djl-trace");
  }
}
