package io.jetfire.core.internal.json;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.ActivationRange;
import io.jetfire.Baseline;
import io.jetfire.ConfigurationException;
import io.jetfire.Converter;
import io.jetfire.Dataset;
import io.jetfire.Delegate;
import io.jetfire.Description;
import io.jetfire.DeviceQuery;
import io.jetfire.DeviceRun;
import io.jetfire.Evaluation;
import io.jetfire.Experiment;
import io.jetfire.Gate;
import io.jetfire.Layout;
import io.jetfire.Loss;
import io.jetfire.Model;
import io.jetfire.OutputDecoder;
import io.jetfire.Prediction;
import io.jetfire.Preprocessing;
import io.jetfire.Recipe;
import io.jetfire.References;
import io.jetfire.RunId;
import io.jetfire.SsdAnchors;
import io.jetfire.TensorType;
import io.jetfire.core.internal.fake.Fakes;
import io.jetfire.core.internal.fake.Golden;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DescriptionJsonTest {
  private static final Dataset SCENES =
      Dataset.streaming("scenes", "v2", List.of("car", "bus"), Stream::empty);
  private static final SsdAnchors ANCHORS =
      SsdAnchors.builder()
          .level(12, 8, List.of(0.15, 0.25), List.of(1.0))
          .level(6, 4, List.of(0.4), List.of(1.0, 2.0, 0.5))
          .build();

  /** Everything that an experiment can have, set. */
  private static Experiment.Builder full() {
    return Experiment.builder("item-detector")
        .preprocessing(
            Preprocessing.resize(96, 64)
                .centerCrop(64, 64)
                .color(Preprocessing.ColorOrder.BGR)
                .normalize(new float[] {0.485f, 0.456f, 0.406f}, new float[] {0.1f, 1e-3f, 255})
                .function("blur-v1", t -> t))
        .decoding(OutputDecoder.ssd(ANCHORS).scoreThreshold(0.4).nms(0.45).maxDetections(20))
        .evaluation(
            Evaluation.detection(SCENES)
                .iouThresholds(0.5, 0.75)
                .loss(new Loss.Ssd(ANCHORS, 0.4, 2))
                .delegates(Delegate.XNNPACK)
                .build())
        .convert(Converter.toTflite().build())
        .convert(
            Converter.with("other")
                .recipe(
                    Recipe.fullInteger().toBuilder()
                        .name("mixed")
                        .edgeType(TensorType.INT8)
                        .weightBits(4)
                        .rule("op:SOFTMAX", Recipe.Precision.FLOAT32)
                        .rule("name:head/*", Recipe.Precision.INT16X8)
                        .without("bias-correction")
                        .build())
                .calibration(SCENES.limit(100))
                .calibrationSamples(64)
                .preprocessing(Preprocessing.none().function("blur-v1", t -> t))
                .edgeLayout(Layout.values()[0])
                .dimension("sequence_length", 12)
                .customOperators("Normalize", "*")
                .targetRuntime("2.14")
                .build())
        .deviceRun(DeviceRun.on("local").build())
        .deviceRun(
            DeviceRun.on("firebase")
                .devices("model=oriole,version>=33", "name=Pixel *")
                .variants("mixed")
                .delegates(Delegate.GPU, Delegate.of("QNN_HTP"))
                .threads(1, 4)
                .warmupRuns(0)
                .runs(200)
                .sessions(5)
                .interleaved(false)
                .frames(SCENES.limit(9), 7)
                .timeLimit(Duration.ofMinutes(7).plusSeconds(30))
                .queueLimit(Duration.ofHours(1))
                .attempts(1)
                .maxCost(new BigDecimal("2.50"))
                .build())
        .tier("mid", DeviceQuery.parse("ram<=4000000000"))
        .tier("any", DeviceQuery.any())
        .gate(Gate.latency(90).atMost(Duration.ofMillis(30)).onTier("mid"))
        .gate(Gate.accuracyDrop().atMost(0.01))
        .recordTo("mlmd-sqlite");
  }

  private static Model model(Path folder, String name, String content) {
    return Model.of(Fakes.write(folder.resolve(name), content));
  }

  private static <T extends Description> void comesBack(
      T description, Class<T> type, References r) {
    String json = description.toJson();
    T read = Description.fromJson(type, json, r);
    assertThat(read).isEqualTo(description);
    assertThat(read.toJson()).isEqualTo(json);
    assertThat(read.fingerprint()).isEqualTo(description.fingerprint());
  }

  @Test
  void aFullExperimentComesBack(@TempDir Path folder) {
    Experiment withModel = full().model(model(folder, "m.tflite", "abc")).build();
    comesBack(withModel, Experiment.class, References.of(withModel));
    Experiment trained = full().training(new Fakes.FakeTraining("ssd-v1", SCENES.limit(5))).build();
    comesBack(trained, Experiment.class, References.of(trained));
  }

  @Test
  void everyBaselineComesBack(@TempDir Path folder) throws IOException {
    Model model = model(folder, "m.tflite", "abc");
    Path report = Fakes.write(folder.resolve("report.json"), "{}");
    for (Baseline b :
        List.of(
            Baseline.report(folder),
            Baseline.run(new RunId("20261101-a")).margin(0.05),
            Baseline.lastRunOf("other"))) {
      Experiment e =
          Experiment.builder("x")
              .model(model)
              .baseline(b)
              .deviceRun(DeviceRun.on("local").confirmRegressions(true).build())
              .build();
      comesBack(e, Experiment.class, References.none());
      assertThat(e.fingerprint())
          .isNotEqualTo(Experiment.builder("x").model(model).build().fingerprint());
    }
    Experiment e = Experiment.builder("x").model(model).baseline(Baseline.report(report)).build();
    Path elsewhere = Files.createDirectories(folder.resolve("elsewhere"));
    Files.copy(report, elsewhere.resolve("report.json"));
    assertThat(
            Experiment.builder("x")
                .model(model)
                .baseline(Baseline.report(elsewhere))
                .build()
                .fingerprint())
        .as("where the file lies does not matter")
        .isEqualTo(e.fingerprint());
    String json = e.toJson();
    Fakes.write(report, "{ }");
    assertThatThrownBy(() -> Description.fromJson(Experiment.class, json, References.none()))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("has changed");
    Files.delete(report);
    assertThatThrownBy(() -> Description.fromJson(Experiment.class, json, References.none()))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("is not there");
  }

  @Test
  void theSmallestDescriptionsComeBack(@TempDir Path folder) {
    Experiment smallest = Experiment.builder("x").model(model(folder, "m.onnx", "")).build();
    comesBack(smallest, Experiment.class, References.none());
    comesBack(Converter.toTflite().build(), Converter.class, References.none());
    comesBack(DeviceRun.on("local").build(), DeviceRun.class, References.none());
    comesBack(
        Evaluation.classification(SCENES).build(),
        Evaluation.class,
        References.builder().dataset(SCENES).build());
  }

  @Test
  void userCodeAndEveryDecoderAndLossComeBack(@TempDir Path folder) {
    Model model = model(folder, "m.tflite", "abc");
    for (OutputDecoder d :
        List.of(
            OutputDecoder.scores(),
            OutputDecoder.softmax(),
            OutputDecoder.function("top-v1", o -> new Prediction.Values(o.get(0))))) {
      for (Loss l :
          List.of(
              Loss.crossEntropy(true),
              Loss.crossEntropy(false),
              Loss.function("l1-v1", (o, s) -> 0))) {
        Experiment e =
            Experiment.builder("x")
                .model(model)
                .decoding(d)
                .evaluation(Evaluation.classification(SCENES).loss(l).build())
                .build();
        comesBack(e, Experiment.class, References.of(e));
      }
    }
  }

  @Test
  void everyRecipeComesBack() {
    for (Recipe.Precision p : Recipe.Precision.values()) {
      Recipe recipe = Recipe.builder(p).build();
      assertThat(DescriptionJson.recipe(DescriptionJson.recipe(recipe))).isEqualTo(recipe);
    }
    for (ActivationRange range :
        List.of(
            ActivationRange.automatic(),
            ActivationRange.minMax(),
            ActivationRange.percentile(99.95),
            ActivationRange.meanSquaredError(),
            ActivationRange.entropy())) {
      Recipe recipe = Recipe.int16x8().toBuilder().activationRange(range).build();
      assertThat(DescriptionJson.recipe(DescriptionJson.recipe(recipe))).isEqualTo(recipe);
    }
    Recipe blocks = Recipe.dynamicRange().toBuilder().weightBits(4).weightBlockSize(128).build();
    assertThat(DescriptionJson.recipe(DescriptionJson.recipe(blocks))).isEqualTo(blocks);
  }

  @Test
  void aRecipeOfDefaultsIsWrittenAsBefore() {
    assertThat(DescriptionJson.recipe(Recipe.fullInteger()).toString())
        .isEqualTo(
            "{\"name\":\"full-integer\",\"precision\":\"FULL_INTEGER\",\"edgeType\":\"FLOAT32\","
                + "\"weightBits\":8,\"rules\":[],\"withoutMethods\":[]}");
  }

  @Test
  void rangesChangeTheFingerprint() {
    Converter.Builder converter =
        Converter.toTflite().calibration(Dataset.of("d", List.of(), List.of()));
    Recipe extremes =
        Recipe.fullInteger().toBuilder().activationRange(ActivationRange.minMax()).build();
    assertThat(DescriptionJson.fingerprint(converter.recipe(extremes).build()))
        .isNotEqualTo(DescriptionJson.fingerprint(converter.recipe(Recipe.fullInteger()).build()));
  }

  /** Renaming something in the code must not change what is stored. */
  @Test
  void theStoredFormIsTheGoldenOne() {
    Experiment trained = full().training(new Fakes.FakeTraining("ssd-v1", SCENES.limit(5))).build();
    Golden.assertMatches("experiment.json", trained.toJson() + "\n");
    assertThat(
            Description.fromJson(
                Experiment.class, Golden.read("experiment.json"), References.of(trained)))
        .isEqualTo(trained);
  }

  @Test
  void theFingerprintIsOfTheContentNotOfThePath(@TempDir Path folder) throws IOException {
    Files.createDirectories(folder.resolve("b"));
    Experiment a = full().model(model(folder, "m.tflite", "abc")).build();
    Experiment moved = full().model(model(folder.resolve("b"), "n.tflite", "abc")).build();
    Experiment changed = full().model(model(folder, "o.tflite", "abd")).build();
    assertThat(a.fingerprint()).matches("[0-9a-f]{64}").isEqualTo(moved.fingerprint());
    assertThat(changed.fingerprint()).isNotEqualTo(a.fingerprint());
    assertThat(full().model(a.model().orElseThrow()).recordTo("memory").build().fingerprint())
        .isNotEqualTo(a.fingerprint());
  }

  @Test
  void aModelThatChangedOrWentIsNamed(@TempDir Path folder) throws IOException {
    Experiment e = full().model(model(folder, "m.tflite", "abc")).build();
    String json = e.toJson();
    Files.writeString(folder.resolve("m.tflite"), "other");
    assertThatThrownBy(() -> Description.fromJson(Experiment.class, json, References.of(e)))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll("m.tflite", "has changed");
    Files.delete(folder.resolve("m.tflite"));
    assertThatThrownBy(() -> Description.fromJson(Experiment.class, json, References.of(e)))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll("m.tflite", "not there");
  }

  @Test
  void allMissingReferencesAreNamedAtOnce() {
    Experiment e =
        full()
            .training(new Fakes.FakeTraining("ssd-v1", SCENES.limit(5)))
            .decoding(OutputDecoder.function("boxes-v3", o -> new Prediction.Values(o.get(0))))
            .evaluation(
                Evaluation.detection(SCENES).loss(Loss.function("focal-v2", (o, s) -> 0)).build())
            .build();
    assertThatThrownBy(() -> Description.fromJson(Experiment.class, e.toJson(), References.none()))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll(
            "training 'ssd-v1'",
            "preprocessing function 'blur-v1'",
            "decoding function 'boxes-v3'",
            "loss function 'focal-v2'",
            "dataset 'scenes'",
            "dataset 'scenes[0..100)'",
            "dataset 'scenes[0..9)'",
            "References.builder()");
  }

  @Test
  void aReferenceWithOtherContentIsNoSubstitute() {
    Evaluation e = Evaluation.detection(SCENES).build();
    Dataset newer = Dataset.streaming("scenes", "v3", SCENES.labels(), SCENES::samples);
    assertThatThrownBy(
            () ->
                Description.fromJson(
                    Evaluation.class, e.toJson(), References.builder().dataset(newer).build()))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll("'scenes'", "v2", "v3");
    Experiment trained = full().training(new Fakes.FakeTraining("ssd-v1", SCENES)).build();
    References other =
        References.builder()
            .dataset(SCENES)
            .training(new Fakes.FakeTraining("ssd-v1", newer))
            .build();
    assertThatThrownBy(() -> Description.fromJson(Experiment.class, trained.toJson(), other))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("training 'ssd-v1' as it was");
  }

  @Test
  void anotherTypeIsRefused() {
    String json = Converter.toTflite().build().toJson();
    assertThatThrownBy(() -> Description.fromJson(DeviceRun.class, json, References.none()))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll("'converter'", "device-run was asked for");
  }

  private static String run(String key, String value) {
    String json = DeviceRun.on("x").maxCost(BigDecimal.ONE).build().toJson();
    String changed = json.replaceFirst("(\"" + key + "\" : )(\\[[^]]*]|[^,\\n]+)", "$1" + value);
    assertThat(changed).as("the test must change something").isNotEqualTo(json);
    return changed;
  }

  @Test
  void wrongValuesAreNamedWithTheirPlace() {
    Map<String, String> wrong =
        Map.ofEntries(
            Map.entry("farm", "7"),
            Map.entry("devices", "[1]"),
            Map.entry("delegates", "[\"no such thing!\"]"),
            Map.entry("threads", "[1.5]"),
            Map.entry("warmupRuns", "\"5\""),
            Map.entry("runs", "1e400"),
            Map.entry("sessions", "99999999999999999999"),
            Map.entry("interleaved", "1"),
            Map.entry("timeLimit", "\"soon\""),
            Map.entry("attempts", "null"),
            Map.entry("maxCost", "\"1e999999999\""));
    wrong.forEach(
        (key, value) ->
            assertThatThrownBy(
                    () -> Description.fromJson(DeviceRun.class, run(key, value), References.none()))
                .as(key)
                .isInstanceOf(ConfigurationException.class));
    assertThatThrownBy(
            () -> Description.fromJson(DeviceRun.class, run("threads", "[1.5]"), References.none()))
        .hasMessageContainingAll("the root", "'threads'", "integers only");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "null",
        "[]",
        "7",
        "{",
        "{\"type\":\"converter\"}",
        "{\"type\":\"converter\",\"type\":\"converter\"}",
        "{\"type\":\"converter\"} trailing",
        "{\"type\":NaN}",
        "{\"type\":[]}",
        "{'type':'converter'}",
        "{\"type\":\"converter\",\"backend\":\"x\",\"recipe\":7}",
      })
  void whatIsNoDescriptionIsRefused(String json) {
    assertThatThrownBy(() -> Description.fromJson(Converter.class, json, References.none()))
        .isInstanceOf(ConfigurationException.class);
  }

  @Test
  void deepAndHugeJsonIsRefused() {
    String deep = "{\"type\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}";
    assertThatThrownBy(() -> Description.fromJson(Converter.class, deep, References.none()))
        .isInstanceOf(ConfigurationException.class);
    String digits = "{\"type\":" + "9".repeat(1_000_000) + "}";
    assertThatThrownBy(() -> Description.fromJson(Converter.class, digits, References.none()))
        .isInstanceOf(ConfigurationException.class);
  }

  @Test
  void hostileNumbersInPreprocessingAndAnchorsAreRefused(@TempDir Path folder) {
    Experiment e = full().model(model(folder, "m.tflite", "abc")).build();
    String json = e.toJson();
    for (String[] change :
        new String[][] {
          {"\"width\" : 96", "\"width\" : 0"},
          {"\"width\" : 96", "\"width\" : 2000000000"},
          {
            "\"rows\" : 12,\n        \"columns\" : 8",
            "\"rows\" : 2000000000,\n        \"columns\" : 2000000000"
          },
          {"0.485", "1e400"},
          {"\"matchThreshold\" : 0.4", "\"matchThreshold\" : -1"},
          {"\"path\" : \"", "\"path\" : \"\\u0000"},
        }) {
      String changed = json.replace(change[0], change[1]);
      assertThat(changed).as(change[0]).isNotEqualTo(json);
      assertThatThrownBy(() -> Description.fromJson(Experiment.class, changed, References.of(e)))
          .as(change[1])
          .isInstanceOf(ConfigurationException.class);
    }
  }

  /** Whatever is damaged, the answer is a description or a ConfigurationException. */
  @Test
  void damagedJsonNeverFailsOtherwise(@TempDir Path folder) {
    Experiment e = full().model(model(folder, "m.tflite", "abc")).build();
    References references = References.of(e);
    String json = e.toJson();
    SplittableRandom random = new SplittableRandom(11);
    String[] tokens = {
      "0", "-1", "1e99", "null", "\"\"", "[]", "{}", "true", ",", "}", "\"x\"", "9".repeat(30)
    };
    int refused = 0;
    for (int i = 0; i < 600; i++) {
      int at = random.nextInt(json.length());
      int to = Math.min(json.length(), at + random.nextInt(12));
      String damaged =
          json.substring(0, at) + tokens[random.nextInt(tokens.length)] + json.substring(to);
      try {
        Description.fromJson(Experiment.class, damaged, references);
      } catch (ConfigurationException expected) {
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(400);
  }
}
