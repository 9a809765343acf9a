package io.jetfire.core.internal.parse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.jetfire.Box;
import io.jetfire.Detection;
import io.jetfire.Metric;
import io.jetfire.Metrics;
import io.jetfire.MetricsParser;
import io.jetfire.ParsedLog;
import io.jetfire.Phase;
import io.jetfire.RunFailure;
import io.jetfire.Unit;
import io.jetfire.spi.BenchmarkLog;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class OwnLogTest {
  private final MetricsParser parser = MetricsParser.standard();

  private static List<String> log(String cell, int session, int runs) {
    List<String> lines = new ArrayList<>();
    BenchmarkLog log = new BenchmarkLog(lines::add, cell, session);
    log.begin("int8", "models/ä b.tflite", "ab".repeat(32), 4_276_352, "XNNPACK", 4, 5, runs);
    log.initialized(2_517_000);
    log.placement(30, 31, 3);
    for (int i = 0; i < 5; i++) {
      log.sample(BenchmarkLog.WARM_UP, 20_000_000 - i);
    }
    for (int i = 0; i < runs; i++) {
      log.sample(BenchmarkLog.PREPROCESSING, 1_000 + i);
      log.sample(BenchmarkLog.INFERENCE, 10_000_000 + i * 1000L);
      log.sample(BenchmarkLog.POSTPROCESSING, 2_000 + i);
    }
    log.detections(
        3,
        new int[] {1, 2},
        new float[] {0.5f, 0.25f},
        new float[] {0, 0, 1, 1, .1f, .2f, .3f, .4f});
    log.detections(4, new int[0], new float[0], new float[0]);
    log.reading("battery.temperature", 27.4, "C");
    log.memory(1_048_576, 2_097_152, 50_000_000);
    log.end();
    return lines;
  }

  @Test
  void everythingWrittenIsRead() {
    ParsedLog parsed = parser.parse(String.join("\n", log("cell 1", 2, 300)));

    assertThat(parsed.problems()).isEmpty();
    assertThat(parsed.warnings()).isEmpty();
    assertThat(parsed.runs()).hasSize(1);
    Metrics m = parsed.runs().get(0);
    assertThat(m.ending()).isEqualTo(Metrics.Ending.COMPLETE);
    assertThat(m.identity().cell()).contains("cell 1");
    assertThat(m.identity().session()).hasValue(2);
    assertThat(m.identity().model()).isEqualTo("models/ä b.tflite");
    assertThat(m.parameters()).containsEntry("variant", "int8").containsEntry("threads", "4");
    assertThat(m.init().orElseThrow().in(Unit.MICROSECONDS)).isEqualTo(2517);
    assertThat(m.firstInference().orElseThrow().in(Unit.MILLISECONDS)).isEqualTo(20);
    assertThat(m.value(Metric.PEAK_MEMORY).orElseThrow().in(Unit.BYTES)).isEqualTo(50_000_000);
    assertThat(m.value(Metric.MODEL_SIZE).orElseThrow().in(Unit.BYTES)).isEqualTo(4_276_352);
    assertThat(m.samples(Phase.INFERENCE)).hasSize(1);
    assertThat(m.samples(Phase.INFERENCE).get(0).size()).isEqualTo(300);
    assertThat(m.samples(Phase.INFERENCE).get(0).micros(299)).isEqualTo(10_299);
    assertThat(m.samples(Phase.PREPROCESSING).get(0).micros(0)).isEqualTo(1);
    assertThat(m.latency(Phase.WARM_UP).count()).hasValue(5);
    // Nearest rank: the 270th of 10000, 10001, ... 10299.
    assertThat(m.latency().percentile(90).orElseThrow().value()).isEqualTo(10_269);
    assertThat(m.latency().median().orElseThrow().value()).isEqualTo(10_149);
    assertThat(m.latency().mean().orElseThrow().value()).isCloseTo(10_149.5, within(1e-6));
    assertThat(m.placements()).hasSize(1);
    assertThat(m.delegatedShare()).hasValue(30 / 31.0);
    assertThat(m.silentCpuFallback()).isFalse();
    assertThat(m.detections()).hasSize(2);
    assertThat(m.detections().get(0).detections())
        .containsExactly(
            new Detection(1, 0.5f, new Box(0, 0, 1, 1)),
            new Detection(2, 0.25f, new Box(.1f, .2f, .3f, .4f)));
    assertThat(m.detections().get(1).detections()).isEmpty();
    assertThat(m.device().readings())
        .hasEntrySatisfying("battery.temperature", v -> assertThat(v.value()).isEqualTo(27.4));
    assertThat(m.gaps()).isEmpty();
  }

  @Test
  void missingAndDamagedLinesAreGaps() {
    List<String> lines = log("c", 0, 300);
    List<Integer> sampleLines = new ArrayList<>();
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).contains("phase=inference")) {
        sampleLines.add(i);
      }
    }
    lines.set(sampleLines.get(0), lines.get(sampleLines.get(0)).replaceFirst("ns=1", "ns=2"));
    lines.remove((int) sampleLines.get(2));

    Metrics m = parser.parse(String.join("\n", lines)).runs().get(0);

    assertThat(m.ending()).isEqualTo(Metrics.Ending.COMPLETE);
    assertThat(m.samples(Phase.INFERENCE).get(0).size()).isEqualTo(300 - 128);
    assertThat(m.gaps().stream().map(g -> g.reason()).collect(Collectors.joining("\n")))
        .contains("checksum")
        .contains("are missing")
        .contains("128 of 300 samples of INFERENCE are missing");
  }

  @Test
  void interleavedRunsInLogcatStayApart() {
    List<String> a = log("a", 0, 100);
    List<String> b = log("b", 1, 200);
    List<String> all = new ArrayList<>();
    Random random = new Random(1);
    int i = 0;
    int j = 0;
    while (i < a.size() || j < b.size()) {
      boolean first = j == b.size() || (i < a.size() && random.nextBoolean());
      String text = first ? a.get(i++) : b.get(j++);
      all.add(
          "07-14 13:23:08.133 " + (first ? "25289 25289" : "  123   124") + " I JetFire : " + text);
      all.add("07-14 13:23:08.133   999   999 I Foreign : count=3 is what I say");
    }
    ParsedLog parsed = parser.parse(String.join("\r\n", all));

    List<Metrics> own =
        parsed.runs().stream().filter(r -> r.identity().cell().isPresent()).toList();
    assertThat(own).hasSize(2);
    assertThat(own).allMatch(r -> r.ending() == Metrics.Ending.COMPLETE && r.gaps().isEmpty());
    assertThat(own.get(0).latency().count().orElse(0) + own.get(1).latency().count().orElse(0))
        .isEqualTo(300);
    assertThat(own.get(0).identity().pid()).isPresent();
  }

  @Test
  void failureAndEndThatNeverCame() {
    List<String> lines = new ArrayList<>();
    BenchmarkLog log = new BenchmarkLog(lines::add, "c", 0);
    log.begin("v", "m.tflite", "00", 1, "GPU", 1, 1, 10);
    log.sample(BenchmarkLog.WARM_UP, 5);
    log.failed("DELEGATE_REFUSED", "the GPU said no\nreally");
    Metrics failed = parser.parse(String.join("\n", lines)).runs().get(0);
    assertThat(failed.ending()).isEqualTo(Metrics.Ending.FAILED);
    assertThat(failed.failure().orElseThrow().cause()).isEqualTo(RunFailure.Cause.DELEGATE_REFUSED);
    assertThat(failed.failure().orElseThrow().message()).isEqualTo("the GPU said no\nreally");

    List<String> cut = log("c", 0, 300);
    Metrics truncated =
        parser.parse(String.join("\n", cut.subList(0, cut.size() - 1))).runs().get(0);
    assertThat(truncated.ending()).isEqualTo(Metrics.Ending.TRUNCATED);
  }

  @Test
  void aDelegateThatTookNothingIsNoticed() {
    List<String> lines = new ArrayList<>();
    BenchmarkLog log = new BenchmarkLog(lines::add, "c", 0);
    log.begin("v", "m.tflite", "00", 1, "GPU", 1, 0, 1);
    log.placement(0, 31, 0);
    log.sample(BenchmarkLog.INFERENCE, 5000);
    log.end();
    Metrics m = parser.parse(String.join("\n", lines)).runs().get(0);
    assertThat(m.silentCpuFallback()).isTrue();
    assertThat(m.delegatedShare()).hasValue(0);
  }

  @Test
  void severalSessionsInOneProcess() {
    List<String> lines = new ArrayList<>(log("c", 0, 20));
    lines.addAll(log("c", 1, 20));
    lines.addAll(log("d", 0, 20));
    ParsedLog parsed = parser.parse(String.join("\n", lines));
    assertThat(parsed.runs()).hasSize(3);
    assertThat(parsed.runs()).allMatch(r -> r.ending() == Metrics.Ending.COMPLETE);
  }
}
