package io.jetfire.core.internal.parse;

import io.jetfire.Box;
import io.jetfire.Detection;
import io.jetfire.FrameDetections;
import io.jetfire.LogGap;
import io.jetfire.Measurement;
import io.jetfire.Metric;
import io.jetfire.Metrics;
import io.jetfire.Phase;
import io.jetfire.RunFailure;
import io.jetfire.Samples;
import io.jetfire.Unit;
import io.jetfire.core.internal.stats.Summaries;
import io.jetfire.spi.BenchmarkLog;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** One run of JetFire's own log ({@link BenchmarkLog}). */
final class OwnLog {
  private static final int MOST_SAMPLES = 10_000_000;
  private static final int MOST_DETECTIONS = 5_000_000;

  /** A line that is intact. */
  record Event(long sequence, String run, String name, Map<String, String> fields) {}

  /** What is wrong with a line that is not. */
  record Damaged(String reason) {}

  private final String cell;
  private final int session;
  private final Map<Phase, Series> series = new EnumMap<>(Phase.class);
  private final List<FrameDetections> frames = new ArrayList<>();
  private int detections;
  private long next;
  private boolean ended;
  private String delegate = "";

  private static final class Series {
    double[] micros = new double[64];
    int size;
    long expected;

    void add(double value) {
      if (size == micros.length) {
        micros = Arrays.copyOf(micros, 2 * size);
      }
      micros[size++] = value;
    }
  }

  OwnLog(String cell, int session) {
    this.cell = cell;
    this.session = session;
  }

  /** Reads a line that starts with the marker; returns an Event or a Damaged. */
  static Object read(String message) {
    String[] head = message.split(" ", 6);
    if (head.length < 5 || head[1].length() != 8) {
      return new Damaged("cut off");
    }
    int body = head[0].length() + 1 + head[1].length() + 1;
    if (!BenchmarkLog.checksum(message.substring(body)).equals(head[1])) {
      return new Damaged("its checksum is wrong");
    }
    OptionalLong sequence = Numbers.natural(head[2]);
    if (sequence.isEmpty() || !head[3].contains("#")) {
      return new Damaged("it has no number or no run");
    }
    Map<String, String> fields = new HashMap<>();
    if (head.length == 6) {
      for (String field : head[5].split(" ")) {
        int equals = field.indexOf('=');
        if (equals > 0) {
          fields.put(field.substring(0, equals), field.substring(equals + 1));
        }
      }
    }
    return new Event(sequence.getAsLong(), head[3], head[4], fields);
  }

  /** Returns the log of the run that an event names, or null if it names none. */
  static @Nullable OwnLog of(String run) {
    int hash = run.lastIndexOf('#');
    OptionalLong session = Numbers.natural(run.substring(hash + 1));
    if (session.isEmpty() || session.getAsLong() > 1_000_000) {
      return null;
    }
    return new OwnLog(unescape(run.substring(0, hash)), (int) session.getAsLong());
  }

  String cell() {
    return cell;
  }

  int session() {
    return session;
  }

  boolean ended() {
    return ended;
  }

  boolean measured() {
    Series s = series.get(Phase.INFERENCE);
    return ended && s != null && s.size > 0;
  }

  /** Adds detections; a frame of many detections takes several lines. */
  private void add(FrameDetections frame, boolean continued) {
    detections += frame.detections().size() + 1;
    if (detections > MOST_DETECTIONS) {
      return;
    }
    int last = frames.size() - 1;
    if (continued && last >= 0 && frames.get(last).frame() == frame.frame()) {
      FrameDetections before = frames.get(last);
      List<Detection> all = new ArrayList<>(before.detections());
      all.addAll(frame.detections());
      frames.set(last, new FrameDetections(frame.frame(), session, all, before.line()));
    } else {
      frames.add(frame);
    }
  }

  /** Takes an event of this run. */
  void take(Event e, long line, RunState run) {
    if (e.sequence() > next) {
      run.gap(
          new LogGap(
              line,
              e.sequence() - next,
              "lines "
                  + next
                  + " to "
                  + (e.sequence() - 1)
                  + " of run "
                  + e.run()
                  + " are missing"));
    }
    next = Math.max(next, e.sequence() + 1);
    Map<String, String> f = e.fields();
    switch (e.name()) {
      case "begin" -> begin(f, line, run);
      case "init" -> run.value(Metric.INIT, nanos(f, line, run), 9);
      case "first" -> run.value(Metric.FIRST_INFERENCE, nanos(f, line, run), 9);
      case "placement" -> {
        int delegated = integer(f, "delegated");
        int total = integer(f, "total");
        if (delegated >= 0 && total >= delegated) {
          run.placements.place(
              delegate.isEmpty() ? "unknown" : delegate,
              delegated,
              total,
              integer(f, "partitions"),
              line);
        } else {
          run.warn("line " + line + ": a placement of " + delegated + " of " + total + " nodes");
        }
      }
      case "samples" -> samples(f, line, run);
      case "frame" -> frame(f, line, run);
      case "memory" -> {
        memory(Metric.INIT_MEMORY, f.getOrDefault("init", ""), line, run);
        memory(Metric.OVERALL_MEMORY, f.getOrDefault("overall", ""), line, run);
        memory(Metric.PEAK_MEMORY, f.getOrDefault("peak", ""), line, run);
      }
      case "reading" -> {
        Unit unit =
            switch (f.getOrDefault("unit", "")) {
              case "C" -> Unit.CELSIUS;
              case "mV" -> Unit.MILLIVOLTS;
              case "MB" -> Unit.MEGABYTES;
              default -> Unit.COUNT;
            };
        String name = unescape(f.getOrDefault("name", ""));
        Plausible.reported(name, f.getOrDefault("value", ""), unit, line, run.warn)
            .ifPresent(m -> run.reading(name, m));
      }
      case "failed" -> {
        RunFailure.Cause cause = RunFailure.Cause.UNKNOWN;
        for (RunFailure.Cause c : RunFailure.Cause.values()) {
          if (c.name().equals(f.get("cause"))) {
            cause = c;
          }
        }
        run.failures.fatal(cause, unescape(f.getOrDefault("message", "")), line, 9);
      }
      case "end" -> end(f, line, run);
      default -> run.warn("line " + line + ": unknown event " + Plausible.shown(e.name()));
    }
  }

  private void begin(Map<String, String> f, long line, RunState run) {
    run.model = unescape(f.getOrDefault("model", ""));
    run.label = unescape(f.getOrDefault("variant", ""));
    delegate = unescape(f.getOrDefault("delegate", ""));
    if (!delegate.isEmpty() && !delegate.equals("CPU")) {
      run.placements.request(delegate);
    }
    for (String key :
        new String[] {"variant", "sha256", "delegate", "threads", "warmup", "runs", "bytes"}) {
      String value = f.get(key);
      if (value != null) {
        run.parameter(key, unescape(value));
      }
    }
    memory(Metric.MODEL_SIZE, f.getOrDefault("bytes", ""), line, run);
  }

  private static void memory(Metric metric, String text, long line, RunState run) {
    // -1 and absence say that it is not known.
    if (!text.isEmpty() && !text.equals("-1")) {
      run.value(metric, Plausible.reported(metric.name(), text, Unit.BYTES, line, run.warn), 9);
    }
  }

  private static Optional<Measurement> nanos(Map<String, String> f, long line, RunState run) {
    return Plausible.reported("ns", f.getOrDefault("ns", ""), Unit.NANOSECONDS, line, run.warn);
  }

  private void samples(Map<String, String> f, long line, RunState run) {
    Phase phase = phase(f.getOrDefault("phase", ""));
    OptionalLong from = Numbers.natural(f.getOrDefault("from", ""));
    if (phase == null || from.isEmpty()) {
      run.warn("line " + line + ": samples of no phase or no place; left out");
      return;
    }
    Series s = series.computeIfAbsent(phase, p -> new Series());
    if (from.getAsLong() < s.expected) {
      run.warn("line " + line + ": samples came twice; left out");
      return;
    }
    String[] texts = f.getOrDefault("ns", "").split(",");
    s.expected = from.getAsLong() + texts.length;
    for (String text : texts) {
      OptionalLong ns = Numbers.natural(text);
      if (ns.isPresent() && ns.getAsLong() <= 30L * 24 * 3600 * 1_000_000_000L) {
        if (s.size < MOST_SAMPLES) {
          s.add(ns.getAsLong() / 1e3);
        }
      } else {
        run.warn("line " + line + ": no time: '" + Plausible.shown(text) + "'");
      }
    }
  }

  private void frame(Map<String, String> f, long line, RunState run) {
    OptionalLong frame = Numbers.natural(f.getOrDefault("frame", ""));
    OptionalLong from = Numbers.natural(f.getOrDefault("from", ""));
    if (frame.isEmpty() || from.isEmpty()) {
      run.warn("line " + line + ": detections of no frame; left out");
      return;
    }
    List<Detection> found = new ArrayList<>();
    String items = f.getOrDefault("d", "");
    if (!items.isEmpty()) {
      for (String item : items.split(";")) {
        String[] v = item.split(",");
        try {
          if (v.length != 6) {
            throw new NumberFormatException(v.length + " numbers");
          }
          float score = Float.parseFloat(v[1]);
          if (!Float.isFinite(score)) {
            throw new NumberFormatException("score " + score);
          }
          found.add(
              new Detection(
                  Integer.parseInt(v[0]),
                  score,
                  new Box(
                      Float.parseFloat(v[2]),
                      Float.parseFloat(v[3]),
                      Float.parseFloat(v[4]),
                      Float.parseFloat(v[5]))));
        } catch (IllegalArgumentException e) {
          run.warn("line " + line + ": no detection: '" + Plausible.shown(item) + "'");
        }
      }
    }
    add(new FrameDetections(frame.getAsLong(), session, found, line), from.getAsLong() > 0);
  }

  private void end(Map<String, String> f, long line, RunState run) {
    ended = true;
    for (Phase phase : Phase.values()) {
      OptionalLong written = Numbers.natural(f.getOrDefault(key(phase), ""));
      Series s = series.get(phase);
      long read = s == null ? 0 : s.size;
      if (written.isPresent() && written.getAsLong() != read) {
        run.gap(
            new LogGap(
                line,
                0,
                (written.getAsLong() - read)
                    + " of "
                    + written.getAsLong()
                    + " samples of "
                    + phase
                    + " are missing"));
      }
    }
  }

  void into(Metrics.Builder b) {
    series.forEach(
        (phase, s) -> {
          if (s.size > 0) {
            Samples samples = Samples.of(phase, session, Arrays.copyOf(s.micros, s.size));
            b.samples(samples);
            b.latency(phase, Summaries.of(List.of(samples)));
          }
        });
    frames.forEach(b::detections);
  }

  private static String key(Phase phase) {
    return switch (phase) {
      case WARM_UP -> BenchmarkLog.WARM_UP;
      case PREPROCESSING -> BenchmarkLog.PREPROCESSING;
      case INFERENCE -> BenchmarkLog.INFERENCE;
      case POSTPROCESSING -> BenchmarkLog.POSTPROCESSING;
    };
  }

  private static @Nullable Phase phase(String key) {
    for (Phase p : Phase.values()) {
      if (key(p).equals(key)) {
        return p;
      }
    }
    return null;
  }

  private static int integer(Map<String, String> f, String key) {
    OptionalLong n = Numbers.natural(f.getOrDefault(key, ""));
    return n.isPresent() && n.getAsLong() < Integer.MAX_VALUE ? (int) n.getAsLong() : -1;
  }

  /** Undoes the writer's escapes; what is no escape stays. */
  static String unescape(String text) {
    if (text.indexOf('%') < 0) {
      return text;
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      int hi = c == '%' && i + 2 < text.length() ? Character.digit(text.charAt(i + 1), 16) : -1;
      int lo = hi >= 0 ? Character.digit(text.charAt(i + 2), 16) : -1;
      if (lo >= 0) {
        bytes.write(16 * hi + lo);
        i += 2;
      } else {
        bytes.write(c < 128 ? c : '?');
      }
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
