package io.jetfire.spi;

import java.nio.charset.Charset;
import java.util.Arrays;
import java.util.Locale;
import java.util.zip.CRC32;

/**
 * Writes JetFire's own benchmark log: one benchmark session as plain lines, with every raw sample.
 *
 * <pre>{@code
 * BenchmarkLog log = new BenchmarkLog(System.out::println, "cell-7", 0);
 * log.begin("int8", "int8.tflite", sha256, 4276352, "XNNPACK", 4, 5, 50);
 * log.initialized(initNanos);
 * log.placement(31, 31, 1);
 * for (long nanos : warmupNanos) log.sample(BenchmarkLog.WARM_UP, nanos);
 * for (long nanos : inferenceNanos) log.sample(BenchmarkLog.INFERENCE, nanos);
 * log.end();
 * }</pre>
 *
 * <p>Each line is {@code JETFIRE1 <crc> <number> <run> <event> key=value ...}: the CRC-32 (eight
 * hexadecimal digits) of everything after it shows damaged lines, the number, counted from 0, shows
 * missing ones, and the run ({@code cell#session}) tells runs apart that share a log. No line is
 * longer than {@link #MAX_LINE} characters, because logcat cuts lines, and lines are ASCII; other
 * characters are escaped as {@code %XX} of UTF-8. Times are integers in nanoseconds. The lines of
 * benchmark_model that other tools look for ({@code STARTING!}, {@code count=...}, {@code Inference
 * timings in us: ...}) are written as well.
 *
 * <p>Not thread-safe. Plain Java 8 without further types, so that an Android app can contain it.
 */
public final class BenchmarkLog {
  /** What each line of JetFire's log starts with. */
  public static final String MARKER = "JETFIRE1";

  /** The most characters of a line. */
  public static final int MAX_LINE = 1000;

  /** The phase of runs before the measured ones. */
  public static final String WARM_UP = "warmup";

  /** The phase from a sample to the model's inputs. */
  public static final String PREPROCESSING = "pre";

  /** The phase of the model alone. */
  public static final String INFERENCE = "inference";

  /** The phase from the model's outputs to labels or boxes. */
  public static final String POSTPROCESSING = "post";

  private static final Charset UTF_8 = Charset.forName("UTF-8");
  private static final Charset ASCII = Charset.forName("US-ASCII");
  private static final String[] PHASES = {WARM_UP, PREPROCESSING, INFERENCE, POSTPROCESSING};
  private static final char[] HEX = "0123456789abcdef".toCharArray();

  /** Takes lines; each without a line break. */
  public interface Sink {
    /**
     * Takes a line.
     *
     * @param text ASCII without a line break
     */
    void line(String text);
  }

  private final Sink sink;
  private final String run;
  private final long[][] pending = new long[PHASES.length][64];
  private final int[] pendingCount = new int[PHASES.length];
  private final Totals[] totals = new Totals[PHASES.length];
  private long number;
  private final String cell;
  private final int session;
  private long initNanos = -1;
  private long firstNanos = -1;
  private boolean ended;

  /**
   * Starts the log of a session.
   *
   * @param sink where lines go
   * @param cell the id of the cell, at most 200 characters
   * @param session the number of the session, from 0
   */
  public BenchmarkLog(Sink sink, String cell, int session) {
    String escaped = escape(cell);
    if (escaped.isEmpty() || escaped.length() > 200 || session < 0) {
      throw new IllegalArgumentException(
          "A cell's id has 1 to 200 characters and sessions count from 0, but got '"
              + cell
              + "', session "
              + session);
    }
    this.sink = sink;
    this.cell = escaped;
    this.session = session;
    this.run = escaped + "#" + session;
    for (int i = 0; i < totals.length; i++) {
      totals[i] = new Totals();
    }
  }

  /**
   * Writes what is about to be measured; the first call.
   *
   * @param variant the variant's name
   * @param model the model's file
   * @param modelSha256 the SHA-256 of the model's file
   * @param modelBytes its size
   * @param delegate what is to execute the operators
   * @param threads how many threads
   * @param warmupRuns how many runs will not be counted
   * @param runs how many runs will be counted
   */
  public void begin(
      String variant,
      String model,
      String modelSha256,
      long modelBytes,
      String delegate,
      int threads,
      int warmupRuns,
      int runs) {
    sink.line("STARTING!");
    event(
        "begin",
        "cell=" + cell,
        "session=" + session,
        "variant=" + cut(escape(variant), 150),
        "model=" + cut(escape(model), 200),
        "sha256=" + cut(escape(modelSha256), 64),
        "bytes=" + modelBytes,
        "delegate=" + cut(escape(delegate), 40),
        "threads=" + threads,
        "warmup=" + warmupRuns,
        "runs=" + runs);
    sink.line("Loaded model " + cut(escape(model), 200));
    sink.line("The input model file size (MB): " + shortest(modelBytes / 1e6));
  }

  /**
   * Writes how long loading and preparing took.
   *
   * @param nanos in nanoseconds
   */
  public void initialized(long nanos) {
    initNanos = nanos;
    event("init", "ns=" + nanos);
    sink.line("Initialized session in " + shortest(nanos / 1e6) + "ms.");
  }

  /**
   * Writes how the operators were placed.
   *
   * @param delegatedNodes how many operators the delegate executes
   * @param totalNodes how many operators there are
   * @param partitions into how many pieces the whole plan fell; -1 if it is not known
   */
  public void placement(int delegatedNodes, int totalNodes, int partitions) {
    event(
        "placement",
        "delegated=" + delegatedNodes,
        "total=" + totalNodes,
        "partitions=" + partitions);
  }

  /**
   * Writes the time of the very first run; unless called, the first warm-up sample stands for it.
   *
   * @param nanos in nanoseconds
   */
  public void firstInference(long nanos) {
    firstNanos = nanos;
    event("first", "ns=" + nanos);
  }

  /**
   * Adds a sample. Samples are written when a line is full, so that most calls write nothing.
   *
   * @param phase {@link #WARM_UP}, {@link #PREPROCESSING}, {@link #INFERENCE} or {@link
   *     #POSTPROCESSING}
   * @param nanos in nanoseconds, at least 0
   */
  public void sample(String phase, long nanos) {
    int p = Arrays.asList(PHASES).indexOf(phase);
    if (p < 0 || nanos < 0) {
      throw new IllegalArgumentException("No sample: phase " + phase + ", " + nanos + " ns");
    }
    if (totals[p].count == 0 && p == 0 && firstNanos < 0) {
      firstInference(nanos);
    }
    totals[p].add(nanos);
    pending[p][pendingCount[p]++] = nanos;
    if (pendingCount[p] == pending[p].length) {
      flush(p);
    }
  }

  /** Writes the samples that wait for their line to fill. */
  public void flush() {
    for (int p = 0; p < PHASES.length; p++) {
      flush(p);
    }
  }

  private void flush(int p) {
    int from = 0;
    while (from < pendingCount[p]) {
      StringBuilder ns = new StringBuilder("ns=");
      int i = from;
      // 19 digits and a comma are the longest sample; 320 characters stay for the head of the line.
      for (; i < pendingCount[p] && ns.length() < MAX_LINE - 320 - 20; i++) {
        ns.append(i == from ? "" : ",").append(pending[p][i]);
      }
      event(
          "samples",
          "phase=" + PHASES[p],
          "from=" + (totals[p].count - pendingCount[p] + from),
          "n=" + (i - from),
          ns.toString());
      from = i;
    }
    pendingCount[p] = 0;
  }

  /**
   * Writes what the model saw in a frame, in as many lines as it takes.
   *
   * @param frame the index of the frame in the workload, from 0
   * @param labels the class of each detection
   * @param scores the score of each detection
   * @param boxes left, top, right and bottom of each detection, as fractions of the image
   */
  public void detections(long frame, int[] labels, float[] scores, float[] boxes) {
    if (scores.length != labels.length || boxes.length != 4 * labels.length) {
      throw new IllegalArgumentException(
          labels.length + " labels, " + scores.length + " scores, " + boxes.length + " edges");
    }
    int i = 0;
    do {
      int from = i;
      StringBuilder items = new StringBuilder("d=");
      for (; i < labels.length && items.length() < MAX_LINE - 320 - 100; i++) {
        items.append(i == from ? "" : ";").append(labels[i]).append(',').append(scores[i]);
        for (int e = 0; e < 4; e++) {
          items.append(',').append(boxes[4 * i + e]);
        }
      }
      event(
          "frame",
          "frame=" + frame,
          "from=" + from,
          "n=" + (i - from),
          "of=" + labels.length,
          items.toString());
    } while (i < labels.length);
  }

  /**
   * Writes memory of the process.
   *
   * @param initBytes by how much resident memory grew until the model was ready; -1 if not known
   * @param overallBytes by how much it grew until the end; -1 if not known
   * @param peakBytes the most resident memory; -1 if not known
   */
  public void memory(long initBytes, long overallBytes, long peakBytes) {
    event("memory", "init=" + initBytes, "overall=" + overallBytes, "peak=" + peakBytes);
    double mebi = 1024.0 * 1024.0;
    if (initBytes >= 0 && overallBytes >= 0) {
      sink.line(
          "Memory footprint delta from the start of the tool (MB): init="
              + shortest(initBytes / mebi)
              + " overall="
              + shortest(overallBytes / mebi));
    }
    if (peakBytes >= 0) {
      sink.line(
          "Overall peak memory footprint (MB) via periodic monitoring: "
              + shortest(peakBytes / mebi));
    }
  }

  /**
   * Writes a reading of the device, such as its temperature.
   *
   * @param name such as {@code battery.temperature}, {@code battery.level}, {@code thermal.CPU0}
   * @param value a finite number
   * @param unit {@code C}, {@code mV}, {@code %}, {@code MB} or empty for a plain number
   */
  public void reading(String name, double value, String unit) {
    event(
        "reading",
        "name=" + cut(escape(name), 150),
        "value=" + value,
        "unit=" + cut(escape(unit), 20));
  }

  /**
   * Writes a failure; {@link #end()} still follows if the process lives.
   *
   * @param cause a name of {@link io.jetfire.RunFailure.Cause}, such as {@code OUT_OF_MEMORY}
   * @param message what went wrong; only its start is kept
   */
  public void failed(String cause, String message) {
    flush();
    event("failed", "cause=" + cut(escape(cause), 40), "message=" + cut(escape(message), 500));
    sink.line("Benchmarking failed.");
  }

  /** Writes everything that waits, and the end; the last call. */
  public void end() {
    if (ended) {
      return;
    }
    ended = true;
    flush();
    summary();
    event(
        "end",
        "warmup=" + totals[0].count,
        "pre=" + totals[1].count,
        "inference=" + totals[2].count,
        "post=" + totals[3].count);
  }

  private void summary() {
    Totals warmup = totals[0];
    Totals measured = totals[2];
    if (warmup.count > 0) {
      sink.line("Running benchmark for at least " + warmup.count + " iterations");
      sink.line(warmup.line());
    }
    if (measured.count > 0) {
      sink.line("Running benchmark for at least " + measured.count + " iterations");
      sink.line(measured.line());
      sink.line(
          "Inference timings in us: Init: "
              + Math.max(0, initNanos) / 1000
              + ", First inference: "
              + (firstNanos >= 0 ? firstNanos : measured.first) / 1000
              + ", Warmup (avg): "
              + shortest(warmup.meanMicros())
              + ", Inference (avg): "
              + shortest(measured.meanMicros()));
    }
  }

  private void event(String event, String... fields) {
    StringBuilder body = new StringBuilder();
    body.append(number++).append(' ').append(run).append(' ').append(event);
    for (String field : fields) {
      body.append(' ').append(field);
    }
    sink.line(MARKER + " " + checksum(body.toString()) + " " + body);
  }

  /**
   * Returns the checksum of a line.
   *
   * @param body what follows the checksum and a blank
   * @return the CRC-32 as eight hexadecimal digits
   */
  public static String checksum(String body) {
    CRC32 crc = new CRC32();
    byte[] bytes = body.getBytes(ASCII);
    crc.update(bytes, 0, bytes.length);
    StringBuilder hex = new StringBuilder();
    for (int shift = 28; shift >= 0; shift -= 4) {
      hex.append(HEX[(int) (crc.getValue() >> shift) & 15]);
    }
    return hex.toString();
  }

  private static String escape(String text) {
    StringBuilder escaped = new StringBuilder();
    for (byte b : text.getBytes(UTF_8)) {
      char c = (char) (b & 255);
      if (c > 32 && c < 127 && c != '%' && c != '#') {
        escaped.append(c);
      } else {
        escaped.append('%').append(HEX[c >> 4]).append(HEX[c & 15]);
      }
    }
    return escaped.toString();
  }

  /** Cuts an escaped text without leaving half an escape. */
  private static String cut(String escaped, int length) {
    if (escaped.length() <= length) {
      return escaped;
    }
    int percent = escaped.lastIndexOf('%', length - 1);
    return escaped.substring(0, percent > length - 3 ? percent : length);
  }

  /** Six significant digits, as C++ streams print doubles. */
  private static String shortest(double value) {
    String text = String.format(Locale.ROOT, "%.6g", value);
    // Java keeps trailing zeros where C++ drops them.
    int exponent = text.indexOf('e');
    String digits = exponent < 0 ? text : text.substring(0, exponent);
    if (digits.indexOf('.') >= 0) {
      digits = digits.replaceAll("0+$", "").replaceAll("\\.$", "");
    }
    return exponent < 0 ? digits : digits + text.substring(exponent);
  }

  private static final class Totals {
    private long count;
    private long first;
    private long last;
    private long min = Long.MAX_VALUE;
    private long max;
    private double sum;
    private double sumOfSquares;

    void add(long nanos) {
      first = count == 0 ? nanos : first;
      last = nanos;
      min = Math.min(min, nanos);
      max = Math.max(max, nanos);
      double micros = nanos / 1e3;
      sum += micros;
      sumOfSquares += micros * micros;
      count++;
    }

    double meanMicros() {
      return count == 0 ? 0 : sum / count;
    }

    String line() {
      if (count == 1) {
        return "count=1 curr=" + last / 1000;
      }
      double mean = meanMicros();
      double std = Math.sqrt(Math.max(0, sumOfSquares / count - mean * mean));
      return "count="
          + count
          + " first="
          + first / 1000
          + " curr="
          + last / 1000
          + " min="
          + min / 1000
          + " max="
          + max / 1000
          + " avg="
          + shortest(mean)
          + " std="
          + (long) std;
    }
  }
}
