package io.jetfire.importer.tensorflow;

import static io.jetfire.importer.tensorflow.KerasBytes.functional;
import static io.jetfire.importer.tensorflow.KerasBytes.hdf5;
import static io.jetfire.importer.tensorflow.KerasBytes.input;
import static io.jetfire.importer.tensorflow.KerasBytes.keras;
import static io.jetfire.importer.tensorflow.KerasBytes.layer;
import static io.jetfire.importer.tensorflow.KerasBytes.node;
import static io.jetfire.importer.tensorflow.KerasBytes.sequential;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Signature;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ModelImporters;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("NullAway.Init") // JUnit fills the folder, create() the runner.
class KerasImporterTest {
  private static final String DENSE = "\"units\": 2, \"activation\": \"relu\", \"use_bias\": true";

  @TempDir Path folder;
  private Runner runner;

  @BeforeEach
  void create() {
    runner = new Runner(folder);
  }

  @AfterEach
  void close() {
    runner.close();
  }

  private static Graph read(byte[] file) {
    return KerasImporter.create().read(KerasFile.read(file), "test", ImportOptions.defaults());
  }

  private byte[] weights(Object... pathsAndArrays) throws IOException {
    Map<String, Object> arrays = new LinkedHashMap<>();
    for (int i = 0; i < pathsAndArrays.length; i += 2) {
      arrays.put((String) pathsAndArrays[i], pathsAndArrays[i + 1]);
    }
    return hdf5(folder, arrays, Map.of());
  }

  @Test
  void sequentialModelsOfTheNewFormat() throws IOException {
    byte[] file =
        keras(
            sequential(
                input("in", "[null, 2]"),
                layer("Dense", "first", DENSE),
                layer("Dropout", "drop", "\"rate\": 0.5"),
                layer("Dense", "second", "\"units\": 1, \"use_bias\": false")),
            weights(
                "layers/dense/vars/0", new float[][] {{1, 2}, {3, 4}},
                "layers/dense/vars/1", new float[] {-5, 1},
                "layers/dense_1/vars/0", new float[][] {{10}, {100}}));
    Path path = Files.write(folder.resolve("net.keras"), file);
    assertThat(ModelImporters.load().find(path).orElseThrow().id()).isEqualTo("keras");
    Graph graph = KerasImporter.create().read(path, ImportOptions.defaults());
    assertThat(graph.main().ops().stream().map(Op::kind))
        .containsExactly(OpKind.FULLY_CONNECTED, OpKind.FULLY_CONNECTED);
    Signature s = graph.signature("serving_default").orElseThrow();
    assertThat(s.inputs()).containsOnlyKeys("in");
    assertThat(s.outputs()).containsOnlyKeys("second");
    // relu([1 1] [[1 2] [3 4]] + [-5 1]) = [0 7], then 0 * 10 + 7 * 100.
    assertThat(runner.run(graph, new float[] {1, 1}).get(0)).containsExactly(700);
  }

  @Test
  void theOldFormatNamesItsWeights() throws IOException {
    String config =
        "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"net\", \"layers\": ["
            + "{\"class_name\": \"Dense\", \"config\": {\"name\": \"d\","
            + " \"batch_input_shape\": [null, 2], \"units\": 2, \"activation\": \"hard_sigmoid\","
            + " \"use_bias\": true}}]}}";
    Map<String, Object> arrays = new LinkedHashMap<>();
    arrays.put("model_weights/d/d/bias:0", new float[] {0.5f, 0});
    arrays.put("model_weights/d/d/kernel:0", new float[][] {{1, 0}, {0, 10}});
    byte[] file = hdf5(folder, arrays, Map.of("model_config", config, "keras_version", "2.4.0"));
    Path path = Files.write(folder.resolve("net.h5"), file);
    assertThat(ModelImporters.load().find(path).orElseThrow().id()).isEqualTo("keras");
    Graph graph = KerasImporter.create().read(path, ImportOptions.defaults());
    // Keras 2's hard sigmoid is 0.2 x + 0.5, cut to 0 and 1.
    assertThat(runner.run(graph, new float[] {1, 1}).get(0))
        .containsExactly(new float[] {0.8f, 1}, Offset.offset(1e-6f));
  }

  /** 2 x + 1, as a model that is a layer of another one. */
  private static String nestedModel() {
    String inner =
        functional(
            "[[\"a\", 0, 0]]",
            "[[\"twice\", 0, 0]]",
            node(input("a", "[null, 2]")),
            node(layer("Rescaling", "twice", "\"scale\": 2, \"offset\": 1"), "a"));
    return inner.substring(0, inner.length() - 1) + ", \"name\": \"inner\"}";
  }

  @Test
  void functionalModelsShareLayersAndNestModels() throws IOException {
    String nested = nestedModel();
    byte[] file =
        keras(
            functional(
                "[[\"x\", 0, 0], [\"y\", 0, 0]]",
                "[[\"sum\", 0, 0], [\"join\", 0, 0]]",
                node(input("x", "[null, 2]")),
                node(input("y", "[null, 2]")),
                node(nested, "x"),
                node(layer("Add", "sum", ""), "inner", "y"),
                node(layer("Concatenate", "join", "\"axis\": -1"), "x", "sum")),
            weights("layers/none/vars/0", new float[] {0}));
    Graph graph = read(file);
    assertThat(graph.signature("serving_default").orElseThrow().outputs())
        .containsOnlyKeys("sum", "join");
    List<float[]> out = runner.run(graph, new float[] {1, 2}, new float[] {10, 20});
    assertThat(out.get(0)).containsExactly(13, 25);
    assertThat(out.get(1)).containsExactly(1, 2, 13, 25);
  }

  @Test
  void recurrentLayersFollowTheirDefinition() throws IOException {
    byte[] file =
        keras(
            sequential(
                input("in", "[null, 3, 1]"),
                layer(
                    "LSTM",
                    "lstm",
                    "\"units\": 1, \"return_sequences\": false, \"activation\": \"tanh\","
                        + " \"recurrent_activation\": \"sigmoid\", \"use_bias\": true")),
            weights(
                "layers/lstm/cell/vars/0", new float[][] {{0.5f, -0.3f, 0.8f, 0.1f}},
                "layers/lstm/cell/vars/1", new float[][] {{0.2f, 0.4f, -0.6f, 0.7f}},
                "layers/lstm/cell/vars/2", new float[] {0.1f, 1, 0, -0.2f}));
    double h = 0;
    double c = 0;
    float[] x = {1, -2, 0.5f};
    for (float v : x) {
      double i = sigmoid(0.5 * v + 0.2 * h + 0.1);
      double f = sigmoid(-0.3 * v + 0.4 * h + 1);
      double g = Math.tanh(0.8 * v - 0.6 * h);
      double o = sigmoid(0.1 * v + 0.7 * h - 0.2);
      c = f * c + i * g;
      h = o * Math.tanh(c);
    }
    assertThat(runner.run(read(file), x).get(0)[0]).isCloseTo((float) h, Offset.offset(1e-6f));
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  @Test
  void everyLayerThatCannotBeConvertedIsNamed() throws IOException {
    byte[] file =
        keras(
            sequential(
                input("in", "[null, 2]"),
                layer("Lambda", "own", "\"function\": {}"),
                "{\"module\": \"my.layers\", \"class_name\": \"Dense\", \"name\": \"mine\","
                    + " \"config\": {\"trainable\": true}}",
                layer("Dense", "after", DENSE),
                layer("ConvLSTM2D", "last", "")),
            weights("layers/dense/vars/0", new float[][] {{1, 2}, {3, 4}}));
    assertThatThrownBy(() -> read(file))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContainingAll(
            "3 operations",
            "Lambda at own on float32[1, 2]",
            "Dense at mine",
            "my.layers",
            "ConvLSTM2D at last",
            "SavedModel");
  }

  private byte[] masked(String rnn, String... between) throws IOException {
    List<String> layers = new ArrayList<>();
    layers.add(input("in", "[null, 4, 1]"));
    layers.add(layer("Masking", "mask", "\"mask_value\": 9.0"));
    layers.addAll(List.of(between));
    layers.add(rnn);
    return keras(
        sequential(layers.toArray(String[]::new)),
        weights(
            "layers/simple_rnn/cell/vars/0", new float[][] {{1}},
            "layers/simple_rnn/cell/vars/1", new float[][] {{10}},
            "layers/simple_rnn/cell/vars/2", new float[] {0}));
  }

  @Test
  void masksHoldRecurrentLayersAndMeans() throws IOException {
    String sum =
        "\"units\": 1, \"activation\": \"linear\", \"return_sequences\": true,"
            + " \"zero_output_for_mask\": ";
    float[] x = {9, 1, 9, 2};
    // The state is kept over steps of 9, and given again, or zeros instead.
    assertThat(runner.run(read(masked(layer("SimpleRNN", "rnn", sum + "false"))), x).get(0))
        .containsExactly(0, 1, 1, 12);
    assertThat(runner.run(read(masked(layer("SimpleRNN", "rnn", sum + "true"))), x).get(0))
        .containsExactly(0, 1, 0, 12);
    String passes = layer("Dropout", "drop", "\"rate\": 0.5");
    byte[] mean = masked(layer("GlobalAveragePooling1D", "mean", ""), passes);
    assertThat(runner.run(read(mean), x).get(0)).containsExactly(1.5f);
  }

  @Test
  void masksThatAreNotFollowedAreNotIgnored() throws IOException {
    byte[] file =
        masked(
            layer("SimpleRNN", "rnn", "\"units\": 1"),
            layer("Reshape", "shape", "\"target_shape\": [4, 1]"));
    assertThatThrownBy(() -> read(file))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContainingAll("SimpleRNN at rnn", "mask");
  }

  @Test
  void missingWeightsAreNamed() throws IOException {
    byte[] file =
        keras(
            sequential(input("in", "[null, 2]"), layer("Dense", "d", DENSE)),
            weights("layers/other/vars/0", new float[] {1}));
    assertThatThrownBy(() -> read(file))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContainingAll("Dense at d", "'kernel'");
  }

  @Test
  void brokenFilesAreRefused() throws IOException {
    String config = sequential(input("in", "[null, 2]"));
    byte[] noConfig = KerasBytes.zip("a", "b");
    assertThatThrownBy(() -> read(noConfig))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("no config.json");
    byte[] npz = KerasBytes.zip("config.json", config, "model.weights.npz", "");
    assertThatThrownBy(() -> read(npz))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("NumPy");
    byte[] text = KerasBytes.zip("config.json", config, "model.weights.h5", "text");
    assertThatThrownBy(() -> read(text))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("not HDF5");
    byte[] deep =
        keras("{\"a\":".repeat(5000) + "1" + "}".repeat(5000), weights("a/vars/0", new float[1]));
    assertThatThrownBy(() -> read(deep)).isInstanceOf(UnsupportedModelException.class);
    String nested = "{\"class_name\": \"Sequential\", \"config\": {\"layers\": [";
    byte[] models =
        keras(
            sequential(input("in", "[null, 2]"), nested.repeat(100) + "]}}".repeat(100)),
            weights("a/vars/0", new float[1]));
    assertThatThrownBy(() -> read(models)).isInstanceOf(UnsupportedModelException.class);
    assertThatThrownBy(() -> read("nothing".getBytes(StandardCharsets.UTF_8)))
        .isInstanceOf(UnsupportedModelException.class);
  }

  @Test
  void zipBombsAreRefused() throws IOException {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    entries.put("config.json", sequential().getBytes(StandardCharsets.UTF_8));
    entries.put("assets/bomb", new byte[200 << 20]);
    byte[] bomb = KerasBytes.zip(entries);
    assertThat(bomb.length).isLessThan(1 << 20);
    assertThatThrownBy(() -> read(bomb))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("assets/bomb");
  }

  @Test
  void modelsThatWereBuiltBeforeTheyAreCalledCountTheirCallsFromOne() throws IOException {
    String nested = nestedModel();
    // The call 0 of a Functional model is the one that it was built with, which no file lists.
    String once = node(nested, "x");
    String twoCalls =
        once.substring(0, once.length() - 2)
            + ", {\"args\": [{\"class_name\": \"__keras_tensor__\", \"config\":"
            + " {\"keras_history\": [\"inner\", 1, 0]}}], \"kwargs\": {}}]}";
    byte[] file =
        keras(
            functional(
                "[[\"x\", 0, 0]]", "[[\"inner\", 2, 0]]", node(input("x", "[null, 2]")), twoCalls),
            weights("layers/none/vars/0", new float[] {0}));
    // 2 (2 x + 1) + 1
    assertThat(runner.run(read(file), new float[] {1, 2}).get(0)).containsExactly(7, 11);
  }

  @Test
  void missingClassesOfTheReaderAreNamedWithTheirArtifact() {
    assertThat(Hdf5.missing("org/apache/commons/lang3/ArrayUtils"))
        .contains("org.apache.commons.lang3.ArrayUtils", "org.apache.commons:commons-lang3");
    assertThat(Hdf5.missing("some/Decoder")).contains("some.Decoder", "without compression");
  }

  @Test
  void attentionCategoriesAndBins() throws IOException {
    String scaled = layer("AdditiveAttention", "attention", "\"use_scale\": true");
    byte[] attention =
        keras(
            functional(
                "[[\"q\", 0, 0], [\"v\", 0, 0]]",
                "[[\"attention\", 0, 0]]",
                node(input("q", "[null, 1, 2]")),
                node(input("v", "[null, 2, 2]")),
                node(scaled, "q", "v")),
            weights("layers/additive_attention/vars/0", new float[] {2, 1}));
    double one = 2 * Math.tanh(1.5) + Math.tanh(0);
    double two = 2 * Math.tanh(-0.5) + Math.tanh(3);
    double share = 1 / (1 + Math.exp(two - one));
    float[] y =
        runner.run(read(attention), new float[] {0.5f, 1}, new float[] {1, -1, -1, 2}).get(0);
    assertThat(y[0]).isCloseTo((float) (share - (1 - share)), Offset.offset(1e-6f));
    assertThat(y[1]).isCloseTo((float) (-share + 2 * (1 - share)), Offset.offset(1e-6f));

    byte[] none = weights("layers/none/vars/0", new float[] {0});
    byte[] bins =
        keras(
            sequential(
                input("in", "[null, 3]"),
                layer("Discretization", "bins", "\"bin_boundaries\": [-1.0, 0.0, 1.0]"),
                layer("CategoryEncoding", "hot", "\"num_tokens\": 4, \"output_mode\": \"count\"")),
            none);
    // the bins 0, 2 and 2
    assertThat(runner.run(read(bins), new float[] {-2, 0, 0.5f}).get(0))
        .containsExactly(1, 0, 2, 0);
    byte[] means =
        keras(
            sequential(
                input("in", "[null, 5, 1]"),
                layer("AdaptiveAveragePooling1D", "means", "\"output_size\": [2]")),
            none);
    // Windows 0 to 2 and 2 to 4.
    assertThat(runner.run(read(means), new float[] {1, 2, 3, 4, 8}).get(0))
        .containsExactly(new float[] {2, 5}, Offset.offset(1e-6f));
  }
}
