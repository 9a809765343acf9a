package io.jetfire.core.internal.parse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.jetfire.Metrics;
import io.jetfire.ParsedLog;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reading a gigabyte of logcat, beside grep, in a JVM with 64 MB of heap. */
class ThroughputTest {
  private static final Logger LOG = LoggerFactory.getLogger(ThroughputTest.class);
  private static final String PATTERN =
      "Inference timings|count=|Fatal signal|lowmemorykiller|AndroidRuntime|tflite|delegate";

  @TempDir Path folder;

  /** Reads the file that the argument names; a JVM of its own runs this. */
  public static void main(String[] args) {
    long start = System.nanoTime();
    ParsedLog log = new StandardParser().parse(Path.of(args[0]));
    long complete = log.runs().stream().filter(r -> r.ending() == Metrics.Ending.COMPLETE).count();
    System.out.println(complete + " " + (System.nanoTime() - start));
  }

  /** Writes a logcat of benchmark runs among lines of other apps. */
  private static void write(Path file, long bytes, int runs) throws IOException {
    Random random = new Random(7);
    String[] tags = {
      "ActivityTaskManager", "WifiService", "chromium", "SurfaceFlinger", "GCMonitor", "Finsky"
    };
    byte[][] noise = new byte[5000][];
    for (int i = 0; i < noise.length; i++) {
      StringBuilder text = new StringBuilder();
      while (text.length() < 20 + random.nextInt(120)) {
        text.append(Integer.toString(random.nextInt(1 << 30), 36)).append(' ');
      }
      noise[i] =
          String.format(
                  Locale.ROOT,
                  "07-14 13:%02d:%02d.%03d %5d %5d D %-8s: %s%n",
                  random.nextInt(60),
                  random.nextInt(60),
                  random.nextInt(1000),
                  1000 + random.nextInt(100),
                  1000 + random.nextInt(9000),
                  tags[random.nextInt(tags.length)],
                  text)
              .getBytes(StandardCharsets.UTF_8);
    }
    long perRun = bytes / runs;
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file), 1 << 20)) {
      for (int r = 0; r < runs; r++) {
        List<String> lines =
            List.of(
                "Log parameter values verbosely: [0]",
                "Graph: [/data/local/tmp/m" + r + ".tflite]",
                "Loaded model /data/local/tmp/m" + r + ".tflite",
                "Created TensorFlow Lite XNNPACK delegate for CPU.",
                "Initialized session in 95.112ms.",
                "Running benchmark for at least 1 iterations and at least 0.5 seconds",
                "count=3 first=237814 curr=236852 min=236852 max=242195 avg=238954 std=2325",
                "Running benchmark for at least 25 iterations and at least 1 seconds",
                "count=25 first=243180 curr=227146 min=220934 max=326273 avg=257131 std=27081",
                "Inference timings in us: Init: 95112, First inference: 237814, Warmup (avg):"
                    + " 238954, Inference (avg): 257131");
        long written = 0;
        int next = 0;
        while (next < lines.size() || written < perRun) {
          if (next < lines.size() && written >= next * perRun / lines.size()) {
            byte[] line =
                String.format(
                        Locale.ROOT,
                        "07-14 13:23:08.133 %5d %5d I tflite  : %s%n",
                        20000 + r,
                        20000 + r,
                        lines.get(next++))
                    .getBytes(StandardCharsets.UTF_8);
            out.write(line);
            written += line.length;
          } else {
            byte[] line = noise[random.nextInt(noise.length)];
            out.write(line);
            written += line.length;
          }
        }
      }
    }
  }

  private double measure(long bytes, int runs) throws IOException, InterruptedException {
    Path file = folder.resolve("logcat.txt");
    write(file, bytes, runs);
    double grep = Double.MAX_VALUE;
    double parse = Double.MAX_VALUE;
    for (int i = 0; i < 3; i++) {
      long start = System.nanoTime();
      // Not to /dev/null: grep stops at the first match if nobody reads what it prints.
      Process p = new ProcessBuilder("grep", "-cE", PATTERN, file.toString()).start();
      p.getInputStream().readAllBytes();
      assertThat(p.waitFor()).isZero();
      grep = Math.min(grep, (System.nanoTime() - start) / 1e9);
      start = System.nanoTime();
      Process java =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-Xmx64m",
                  "-cp",
                  System.getProperty("java.class.path"),
                  ThroughputTest.class.getName(),
                  file.toString())
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      String said = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(java.waitFor()).isZero();
      parse = Math.min(parse, (System.nanoTime() - start) / 1e9);
      assertThat(said).startsWith(runs + " ");
    }
    Files.delete(file);
    LOG.info(
        String.format(
            Locale.ROOT,
            "%d MB, %d runs, 64 MB of heap: grep %.2f s, parser %.2f s with JVM start, ratio %.2f",
            bytes / 1_000_000,
            runs,
            grep,
            parse,
            parse / grep));
    return parse / grep;
  }

  @Test
  void aSmallLogInLittleHeap() throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/grep")), "there is no grep here");
    assertThat(measure(40_000_000, 40)).isPositive();
  }

  @Test
  @Tag("proof")
  void aGigabyteBesideGrep() throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/grep")), "there is no grep here");
    assertThat(measure(1_000_000_000, 1000)).isLessThanOrEqualTo(1.5);
  }
}
