package io.jetfire.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class BenchmarkLogTest {
  private final List<String> lines = new ArrayList<>();

  @Test
  void linesAreShortNumberedAndChecked() {
    BenchmarkLog log = new BenchmarkLog(lines::add, "c".repeat(199), 3);
    log.begin("v".repeat(999), "ü".repeat(999), "0".repeat(64), 1, "XNNPACK", 1, 2, 3);
    for (int i = 0; i < 500; i++) {
      log.sample(BenchmarkLog.INFERENCE, Long.MAX_VALUE - i);
    }
    int n = 100;
    log.detections(7, new int[n], new float[n], new float[4 * n]);
    log.failed("OUT_OF_MEMORY", "%".repeat(2000));
    log.end();

    List<String> own = lines.stream().filter(l -> l.startsWith(BenchmarkLog.MARKER)).toList();
    assertThat(lines).allSatisfy(l -> assertThat(l).hasSizeLessThanOrEqualTo(1000));
    for (int i = 0; i < own.size(); i++) {
      String[] parts = own.get(i).split(" ", 4);
      assertThat(parts[2]).isEqualTo("" + i);
      assertThat(parts[1]).isEqualTo(BenchmarkLog.checksum(parts[2] + " " + parts[3]));
    }
    assertThat(own.get(own.size() - 1)).contains("inference=500");
  }

  @Test
  void writesTheLinesOfBenchmarkModel() {
    BenchmarkLog log = new BenchmarkLog(lines::add, "a b", 0);
    log.begin("int8", "m.tflite", "00", 4_276_350, "CPU", 1, 1, 2);
    log.initialized(2_517_000);
    log.sample(BenchmarkLog.WARM_UP, 217_409_000);
    log.sample(BenchmarkLog.INFERENCE, 100_000_000);
    log.sample(BenchmarkLog.INFERENCE, 101_000_000);
    log.memory(1_048_576, 2_097_152, -1);
    log.end();

    assertThat(lines)
        .contains(
            "STARTING!",
            "Loaded model m.tflite",
            "The input model file size (MB): 4.27635",
            "Initialized session in 2.517ms.",
            "count=1 curr=217409",
            "count=2 first=100000 curr=101000 min=100000 max=101000 avg=100500 std=500",
            "Inference timings in us: Init: 2517, First inference: 217409, Warmup (avg): 217409,"
                + " Inference (avg): 100500",
            "Memory footprint delta from the start of the tool (MB): init=1 overall=2");
    assertThat(lines.get(1)).contains(" a%20b#0 begin cell=a%20b session=0 ");
  }

  @Test
  void refusesWhatIsNoSample() {
    BenchmarkLog log = new BenchmarkLog(lines::add, "a", 0);
    assertThatThrownBy(() -> log.sample("other", 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> log.sample(BenchmarkLog.INFERENCE, -1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new BenchmarkLog(lines::add, "", 0))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
