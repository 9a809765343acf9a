package io.jetfire.importer.tensorflow;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.ConvertedModel;
import io.jetfire.Converter;
import io.jetfire.Experiment;
import io.jetfire.JetFire;
import io.jetfire.Model;
import io.jetfire.Recipe;
import io.jetfire.Report;
import io.jetfire.RunState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The engine takes files and folders of TensorFlow as any other model. */
@SuppressWarnings("NullAway.Init") // JUnit fills the folder.
class ExperimentTest {
  @TempDir Path folder;

  private JetFire jetfire() {
    return JetFire.builder().workDirectory(folder.resolve("work")).build();
  }

  @Test
  void aSavedModelFolderIsConvertedByARunAndTakenUpAgain() throws IOException {
    Path saved =
        SavedModelImporterTest.denseVariables(true)
            .write(folder.resolve("net"), SavedModelImporterTest.denseModel());
    Experiment experiment =
        Experiment.builder("saved-model")
            .model(saved)
            .convert(Converter.toTflite().recipe(Recipe.float32()).build())
            .convert(Converter.toTflite().recipe(Recipe.float16()).build())
            .build();
    assertThat(experiment.model().orElseThrow().format()).isEqualTo("saved-model");
    try (JetFire jetfire = jetfire()) {
      Report report = jetfire.run(experiment);
      assertThat(report.state()).isEqualTo(RunState.COMPLETED);
      assertThat(report.variants()).hasSize(2);
      for (var variant : report.variants()) {
        ConvertedModel converted = variant.converted().orElseThrow();
        assertThat(converted.model().format()).isEqualTo("tflite");
        assertThat(converted.sourceSha256()).isEqualTo(experiment.model().orElseThrow().sha256());
      }
      // The description, with the folder's hash, is read back from the run's journal.
      Report again = jetfire.resume(report.run(), experiment).await();
      assertThat(again.variants()).hasSize(2);
    }
  }

  @Test
  void kerasFilesAndFrozenGraphsAreConverted() throws IOException {
    byte[] keras =
        KerasBytes.keras(
            KerasBytes.sequential(
                KerasBytes.input("in", "[null, 2]"),
                KerasBytes.layer("Dense", "d", "\"units\": 1, \"use_bias\": false")),
            KerasBytes.hdf5(
                folder, Map.of("layers/dense/vars/0", new float[][] {{1}, {2}}), Map.of()));
    Path file = Files.write(folder.resolve("net.keras"), keras);
    TfBytes graph =
        TfBytes.graph(TfBytes.placeholder("x", Types.FLOAT, -1, 2), TfBytes.node("y", "Neg", "x"));
    Path frozen = Files.write(folder.resolve("net.pb"), graph.toBytes());
    Converter converter = Converter.toTflite().recipe(Recipe.float32()).build();
    try (JetFire jetfire = jetfire()) {
      assertThat(jetfire.convert(Model.of(file), converter).model().format()).isEqualTo("tflite");
      assertThat(jetfire.convert(Model.of(frozen), converter).model().format()).isEqualTo("tflite");
    }
  }
}
