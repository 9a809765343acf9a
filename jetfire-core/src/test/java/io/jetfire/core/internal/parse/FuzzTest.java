package io.jetfire.core.internal.parse;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.Latency;
import io.jetfire.Measurement;
import io.jetfire.Metrics;
import io.jetfire.MetricsParser;
import io.jetfire.ParsedLog;
import io.jetfire.spi.BenchmarkLog;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Whatever bytes come, the parser neither fails nor hangs nor believes what cannot be. */
class FuzzTest {
  private final MetricsParser parser = new StandardParser();

  /** Lines of every dialect, to be mutated. */
  private static List<String> seeds() {
    List<String> lines = new ArrayList<>();
    BenchmarkLog log = new BenchmarkLog(lines::add, "cell", 0);
    log.begin("v", "m.tflite", "00", 4_000_000, "GPU", 2, 3, 40);
    log.initialized(1_000_000);
    log.placement(3, 4, 2);
    for (int i = 0; i < 40; i++) {
      log.sample(BenchmarkLog.WARM_UP, 1_000_000 + i);
      log.sample(BenchmarkLog.INFERENCE, 1_000_000 + i);
    }
    log.detections(1, new int[] {1}, new float[] {.5f}, new float[] {0, 0, .5f, .5f});
    log.memory(1, 2, 3);
    log.end();
    String table =
        """
        Running TensorFlow Lite benchmark with args: --graph=/data/m.tflite --use_gpu=true
        STARTING!
        Log parameter values verbosely: [0]
        INFO: Graph: [/data/m.tflite]
        Use gpu : [1]
        Loaded model /data/m.tflite
        The input model file size (MB): 4.27635
        Initialized session in 13.386ms.
        Running benchmark for at least 1 iterations and at least 0.5 seconds
        count=3 first=217409 curr=210455 min=210455 max=217409 avg=213058 std=3096
        Running benchmark for at least 50 iterations and at least 1 seconds
        count=50 first=1249964 curr=1240143 min=1238588 max=1252566 avg=1.24027e+06 std=2565 p5=1238753 median=1239807 p95=1247415
        count=4 curr=5 (all same)
        curr=5 count=1
        Inference timings in us: Init: 2517, First inference: 217409, Warmup (avg): 213058, Inference (avg): 1.24027e+06
        Average inference timings in us: Warmup: 751932, Init: 21039, no stats: 747733
        Peak memory footprint (MB): init=4.92969 overall=138.809
        INFO: Overall peak memory footprint (MB) via periodic monitoring: 13.1797
        INFO: + RssFile + RssShmem : 6 MB
        VERBOSE: Replacing 49 out of 50 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 1 partitions for subgraph 0.
        INFO: TfLiteQnnDelegate delegate: 0 nodes delegated out of 31 nodes with 0 partitions.
        Explicitly applied GPU delegate, and the model graph will be partially executed by the delegate w/ 3 delegate kernels.
        29 operations will run on the GPU, and the remaining 2 operations will run on the CPU.
        ERROR: Node number 57 (BATCH_MATMUL) failed to prepare.
        Failed to apply GPU delegate.
        INFO: [a/b.h:92] Signature name:       prefill
        ========== BENCHMARK RESULTS ==========
        INFO: [a/b.h:94] Model initialization: 23744.73 ms
        INFO: [a/b.h:98] Warmup (avg):         7441.04 ms (1 runs)
        INFO: [a/b.h:115] Throughput:           27.46 MB/s
        Operator-wise Profiling Info for Regular Benchmark Runs:
        ============================== Run Order ==============================
        \t[node type]\t[start]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]
        \tCONV_2D\t0.000\t4.269\t4.269\t0.107%\t0.107%\t0.000\t0\t[a, b]:1
        [node type]  [first]  [avg ms]  [%]  [cdf%]  [mem KB]  [times called]  [Name]
        Convolution (NHWC, QC8) GEMM  0.464  0.473  3.087%  13.334%  0.000  1  Delegate/x:3
        07-14 13:23:08.133 25289 25289 I tflite  : count=3 first=1 curr=1 min=1 max=1 avg=1 std=0
        07-08 15:33:55.768 I/tflite  ( 5395): Loaded model /data/m.tflite
        2023-06-14 10:55:20.865 18088-18088 tflite_Ben...elActivity org.tensorflow.lite.benchmark  I  Use NNAPI: [1]
        07-14 13:23:08.133 25289 25289 F libc    : Fatal signal 11 (SIGSEGV), code 1 in tid 25289
        07-14 13:23:08.133   500   500 I lowmemorykiller: Kill 'org.tensorflow.lite.benchmark' (25289), uid 1
        [ 07-14 13:23:08.133  123:  123 I/tflite ]
        {"benchmark config":"cpu","status":"OK","average time in us":"init: 5, warmup: 6, inference: 7"}
        config_key,model_size,init_time,warmup_avg,inference_avg,inference_min,inference_max
        cpu,4.2,100,200,300,250,400
        Current temperatures from HAL:
        Temperature{mValue=62.5, mType=0, mName=CPU0, mStatus=0}
        INSTRUMENTATION_STATUS: test=a
        INSTRUMENTATION_STATUS_CODE: 0
        """;
    lines.addAll(Arrays.asList(table.split("\n")));
    for (byte[] fixture : fixtures()) {
      String text = new String(fixture, StandardCharsets.UTF_8);
      text.lines().filter(l -> !l.isBlank() && l.length() < 1000).forEach(lines::add);
    }
    return lines;
  }

  /** The logs made by hand, protobuf files and all. */
  private static List<byte[]> fixtures() {
    try {
      List<byte[]> all = new ArrayList<>();
      for (String name : GoldenLog.blocks("/golden/fixtures.txt").keySet()) {
        all.add(FixturesTest.fixture(name));
      }
      return all;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String mutated(String line, Random random) {
    StringBuilder text = new StringBuilder(line);
    int times = 1 + random.nextInt(3);
    for (int i = 0; i < times && text.length() > 0; i++) {
      int at = random.nextInt(text.length());
      switch (random.nextInt(8)) {
        case 0 -> text.setCharAt(at, (char) random.nextInt(256));
        case 1 -> text.deleteCharAt(at);
        case 2 -> text.insert(at, (char) (32 + random.nextInt(95)));
        case 3 -> text.setLength(at);
        case 4 -> text.insert(at, "-");
        case 5 -> text.insert(at, "99999999999");
        case 6 -> text.insert(at, text.substring(at, Math.min(text.length(), at + 20)));
        default -> text.insert(at, random.nextBoolean() ? "NaN" : "1e400");
      }
    }
    return text.toString();
  }

  private static void believable(ParsedLog log) {
    for (Metrics m : log.runs()) {
      m.values().values().forEach(FuzzTest::believable);
      for (Latency l : m.latencies().values()) {
        l.statistics().values().forEach(FuzzTest::believable);
        if (l.min().isPresent() && l.max().isPresent() && l.mean().isPresent()) {
          double slack = l.max().get().value() * 1e-4 + 1e-6;
          assertThat(l.mean().get().in(l.min().get().unit()))
              .isGreaterThanOrEqualTo(l.min().get().value() - slack);
          assertThat(l.mean().get().in(l.max().get().unit()))
              .isLessThanOrEqualTo(l.max().get().value() + slack);
        }
      }
      m.placements()
          .forEach(p -> p.share().ifPresent(share -> assertThat(share).isBetween(0.0, 1.0)));
    }
  }

  private static void believable(Measurement m) {
    assertThat(m.value()).isFinite().isNotNegative().isLessThan(1e16);
  }

  private void lines(int count) {
    Random random = new Random(count);
    List<String> seeds = seeds();
    int left = count;
    while (left > 0) {
      int n = Math.min(left, 1000);
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < n; i++) {
        text.append(mutated(seeds.get(random.nextInt(seeds.size())), random).replace('\n', ' '));
        text.append('\n');
      }
      believable(parser.parse(text.toString()));
      left -= n;
    }
  }

  private void files(int count) {
    Random random = new Random(count);
    byte[] seed = String.join("\n", seeds()).getBytes(StandardCharsets.UTF_8);
    List<byte[]> fixtures = fixtures();
    for (int i = 0; i < count; i++) {
      if (i % 2 == 0) {
        byte[] bytes = fixtures.get(random.nextInt(fixtures.size())).clone();
        for (int k = random.nextInt(1 + bytes.length / 20); k >= 0; k--) {
          bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
        }
        believable(parser.parse(new ByteArrayInputStream(bytes)));
        continue;
      }
      byte[] bytes = seed.clone();
      for (int k = random.nextInt(200); k >= 0; k--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      }
      int from = random.nextInt(bytes.length);
      int to = from + random.nextInt(bytes.length - from);
      byte[] cut =
          switch (i / 2 % 5) {
            case 0 -> Arrays.copyOf(bytes, to);
            case 1 -> Arrays.copyOfRange(bytes, from, to);
            case 2 -> prefixed(new byte[] {10, 4, 'n', 'a', 'm', 'e', 18}, bytes, from, to);
            case 3 ->
                prefixed(
                    "{\"latency\":{\"avg_ms\":".getBytes(StandardCharsets.UTF_8), bytes, from, to);
            default ->
                prefixed(
                    "<testsuite><testcase name='".getBytes(StandardCharsets.UTF_8),
                    bytes,
                    from,
                    to);
          };
      believable(parser.parse(new ByteArrayInputStream(cut)));
    }
  }

  private static byte[] prefixed(byte[] head, byte[] bytes, int from, int to) {
    byte[] all = Arrays.copyOf(head, head.length + to - from);
    System.arraycopy(bytes, from, all, head.length, to - from);
    return all;
  }

  @Test
  void mutatedLines() {
    lines(30_000);
  }

  @Test
  void mutatedFiles() {
    files(300);
  }

  @Test
  @Tag("proof")
  void mutatedLinesInFull() {
    lines(1_000_000);
  }

  @Test
  @Tag("proof")
  void mutatedFilesInFull() {
    files(10_000);
  }

  @Test
  void hostileShapes() {
    for (String text :
        List.of(
            "",
            "\0\0\0",
            "{".repeat(100_000),
            "[{" + "\"a\":[".repeat(10_000),
            "<a>".repeat(10_000),
            "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><testsuite>&b;</testsuite>",
            " ".repeat(200_000) + "count=1",
            "a ".repeat(100_000),
            "\t".repeat(100_000),
            "count=" + "9".repeat(100_000),
            "\uFEFFSTARTING!",
            "Process " + "(".repeat(60_000))) {
      believable(parser.parse(text));
    }
  }
}
