package io.jetfire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class DescriptionBuildersTest {
  private static final Dataset DATA = Dataset.of("data", List.of("a", "b"), List.of());
  private static final Model MODEL = new Model(Path.of("m.tflite"), "tflite", 1, "0".repeat(64));

  @Test
  void aRecipeNamesAllProblems() {
    assertThatThrownBy(
            () ->
                Recipe.builder(Recipe.Precision.FLOAT32)
                    .name("a/b")
                    .edgeType(TensorType.INT8)
                    .weightBits(3)
                    .build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll("'a/b'", "its name", "INT8", "8 or 4 bits");
    assertThatThrownBy(() -> Recipe.float16().toBuilder().weightBits(4).build())
        .hasMessageContaining("no 4-bit weights");
    assertThatThrownBy(() -> new Recipe.Rule("conv", Recipe.Precision.FLOAT32))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("op:KIND");
  }

  @Test
  void rangesAndBlocksBelongToARecipe() {
    Recipe clipped =
        Recipe.fullInteger().toBuilder().activationRange(ActivationRange.percentile(99.9)).build();
    assertThat(clipped)
        .hasToString("Recipe[full-integer: FULL_INTEGER, ranges by percentile 99.9]")
        .isEqualTo(clipped.toBuilder().build())
        .hasSameHashCodeAs(clipped.toBuilder().build())
        .isNotEqualTo(Recipe.fullInteger())
        .isNotEqualTo(
            clipped.toBuilder().activationRange(ActivationRange.percentile(99.99)).build());
    Recipe blocks = Recipe.weightOnly().toBuilder().weightBits(4).weightBlockSize(64).build();
    assertThat(blocks)
        .hasToString("Recipe[weight-only: WEIGHT_ONLY, 4-bit weights in blocks of 64]")
        .isEqualTo(blocks.toBuilder().build())
        .isNotEqualTo(blocks.toBuilder().weightBlockSize(32).build());
  }

  @Test
  void rangesAndBlocksThatDoNotFitAreNamed() {
    assertThatThrownBy(() -> ActivationRange.percentile(50)).hasMessageContaining("50.0");
    assertThatThrownBy(() -> ActivationRange.percentile(100.1)).hasMessageContaining("100.1");
    assertThatThrownBy(() -> ActivationRange.percentile(Double.NaN)).hasMessageContaining("NaN");
    assertThatThrownBy(() -> new ActivationRange(ActivationRange.Method.ENTROPY, 99))
        .hasMessageContaining("ENTROPY");
    assertThatThrownBy(
            () ->
                Recipe.dynamicRange().toBuilder()
                    .activationRange(ActivationRange.minMax())
                    .weightBlockSize(48)
                    .build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll("no ranges to choose", "not 48", "4-bit weights");
    assertThatThrownBy(
            () -> Recipe.fullInteger().toBuilder().weightBits(4).weightBlockSize(32).build())
        .hasMessageContaining("FULL_INTEGER");
  }

  @Test
  void recipesKnowTheirNamesAndNeeds() {
    assertThat(Recipe.fullInteger().name()).isEqualTo("full-integer");
    assertThat(Recipe.int16x8().name()).isEqualTo("int16x8");
    assertThat(Recipe.dynamicRange().name()).isEqualTo("dynamic-range");
    assertThat(Recipe.dynamicRange().needsCalibration()).isFalse();
    assertThat(Recipe.int16x8().needsCalibration()).isTrue();
    Recipe mixed =
        Recipe.float32().toBuilder()
            .name("mixed")
            .rule("op:CONV_2D", Recipe.Precision.FULL_INTEGER)
            .build();
    assertThat(mixed.needsCalibration()).isTrue();
    assertThat(mixed.toBuilder().build()).isEqualTo(mixed).hasSameHashCodeAs(mixed);
    for (TensorType type : TensorType.values()) {
      boolean fits =
          type == TensorType.FLOAT32 || type == TensorType.INT8 || type == TensorType.UINT8;
      if (fits) {
        assertThat(Recipe.fullInteger().toBuilder().edgeType(type).build().edgeType())
            .isEqualTo(type);
      } else {
        assertThatThrownBy(() -> Recipe.fullInteger().toBuilder().edgeType(type).build())
            .hasMessageContaining(type.name());
      }
    }
  }

  @Test
  void aConverterNamesAllProblems() {
    assertThatThrownBy(
            () ->
                Converter.toTflite()
                    .recipe(Recipe.fullInteger())
                    .calibrationSamples(0)
                    .targetRuntime("latest")
                    .build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll(
            "'full-integer'", "calibration(dataset)", "calibrationSamples", "'latest'");
    Converter a = Converter.toTflite().recipe(Recipe.fullInteger()).calibration(DATA).build();
    Converter b = Converter.with("tflite").recipe(Recipe.fullInteger()).calibration(DATA).build();
    assertThat(a).isEqualTo(b).hasSameHashCodeAs(b);
    assertThat(a)
        .isNotEqualTo(
            Converter.toTflite().recipe(Recipe.fullInteger()).calibration(DATA.limit(1)).build());
  }

  @Test
  void aConverterIsCopiedWithAnotherRecipe() {
    Converter converter =
        Converter.with("tflite")
            .recipe(Recipe.fullInteger())
            .calibration(DATA)
            .calibrationSamples(60)
            .preprocessing(Preprocessing.none())
            .edgeLayout(Layout.CHANNELS_LAST)
            .dimension("batch", 1)
            .customOperators("Mine")
            .targetRuntime("2.17.0")
            .build();
    assertThat(converter.toBuilder().build()).isEqualTo(converter);
    Converter other = converter.toBuilder().recipe(Recipe.int16x8()).build();
    assertThat(other.recipe()).isEqualTo(Recipe.int16x8());
    assertThat(other.toBuilder().recipe(Recipe.fullInteger()).build()).isEqualTo(converter);
  }

  @Test
  void aSearchForARecipeNamesAllProblems() {
    assertThatThrownBy(
            () -> RecipeSearch.with(Converter.toTflite().build()).timeLimit(Duration.ZERO).build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll("calibration(dataset)", "a budget", "timeLimit");
    RecipeSearch.Builder search = RecipeSearch.with(Converter.toTflite().calibration(DATA).build());
    assertThatThrownBy(() -> search.signalToNoiseAtLeast(Double.NaN, DATA).build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("finite");
    assertThat(search.signalToNoiseAtLeast(30, DATA).build())
        .asString()
        .contains("30.0 dB of signal to noise", "calibrated on", "PT10M");
  }

  @Test
  void aDeviceRunNamesAllProblems() {
    assertThatThrownBy(
            () ->
                DeviceRun.on(" ")
                    .delegates()
                    .threads(0)
                    .warmupRuns(-1)
                    .runs(0)
                    .sessions(0)
                    .frameCount(0)
                    .attempts(0)
                    .timeLimit(Duration.ZERO)
                    .maxCost(new BigDecimal("-1"))
                    .build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll(
            "id of a device farm",
            "at least one delegate",
            "threads are",
            "warmupRuns",
            "runs is",
            "sessions",
            "frameCount",
            "attempts",
            "time limit",
            "cost limit");
    assertThatThrownBy(() -> DeviceRun.on("x").maxCost(new BigDecimal("1e999999999")).build())
        .isInstanceOf(ConfigurationException.class);
    assertThat(DeviceRun.on("x").maxCost(new BigDecimal("1e2")).build())
        .isEqualTo(DeviceRun.on("x").maxCost(new BigDecimal("100.00")).build());
    assertThat(DeviceRun.on("local").build().devices()).containsExactly(DeviceQuery.any());
  }

  @Test
  void anEvaluationNamesAllProblems() {
    assertThatThrownBy(
            () -> Evaluation.detection(DATA).iouThresholds(0, 1.5, Double.NaN).delegates().build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll("'data'", "delegate", "not 0.0", "not 1.5", "not NaN");
    assertThatThrownBy(() -> Evaluation.detection(DATA).iouThresholds().build())
        .hasMessageContaining("needs an IoU threshold");
    assertThatThrownBy(() -> Evaluation.classification(DATA).iouThresholds(0.5).build())
        .hasMessageContaining("has no IoU thresholds");
    Evaluation e = Evaluation.detection(DATA).iouThresholds(0.75, 0.5).build();
    assertThat(e.iouThresholds()).containsExactly(0.5, 0.75);
    assertThat(e.primaryMetric()).isEqualTo("mAP@0.5");
    assertThat(Evaluation.classification(DATA).build().primaryMetric()).isEqualTo("accuracy");
  }

  @Test
  void anExperimentNamesAllProblems() {
    assertThatThrownBy(
            () ->
                Experiment.builder("no good")
                    .evaluation(Evaluation.classification(DATA).build())
                    .convert(Converter.toTflite().build())
                    .convert(Converter.toTflite().recipe(Recipe.float32()).build())
                    .deviceRun(DeviceRun.on("local").variants("int8").build())
                    .build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll(
            "'no good'",
            "its name",
            "model(file) or a training",
            "decoding(decoder)",
            "two conversions",
            "variant 'int8'",
            "[float32]");
    assertThatThrownBy(
            () ->
                Experiment.builder("x")
                    .model(MODEL)
                    .deviceRun(DeviceRun.on("local").variants("float32").build())
                    .build())
        .hasMessageContainingAll("'float32'", "[model]");
    Experiment.builder("x")
        .model(MODEL)
        .deviceRun(DeviceRun.on("local").variants("model").build())
        .build();
  }

  @Test
  void anExperimentTakesOneModelAndKnownTiers() {
    Training training =
        new Training() {
          @Override
          public String backend() {
            return "fake";
          }

          @Override
          public String name() {
            return "net-v1";
          }

          @Override
          public Dataset dataset() {
            return DATA;
          }

          @Override
          public Map<String, String> settings() {
            return Map.of();
          }
        };
    assertThatThrownBy(
            () ->
                Experiment.builder("x")
                    .model(MODEL)
                    .training(training)
                    .gate(Gate.latency(90).atMost(Duration.ofMillis(30)).onTier("mid"))
                    .build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll("both a model and a training", "tier 'mid'");
  }

  @Test
  void delegatesAreEqualByNameInAnyCase() {
    assertThat(Delegate.of("xnnpack"))
        .isEqualTo(Delegate.XNNPACK)
        .hasSameHashCodeAs(Delegate.XNNPACK);
    assertThat(Delegate.of("qnn_htp")).hasToString("QNN_HTP");
    assertThatThrownBy(() -> Delegate.of("a b")).isInstanceOf(ConfigurationException.class);
    assertThatThrownBy(() -> new RunId("../x")).isInstanceOf(ConfigurationException.class);
  }
}
