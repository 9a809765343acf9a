package io.jetfire.core.internal.parse;

import io.jetfire.DeviceFacts;
import io.jetfire.Latency.Statistic;
import io.jetfire.LogGap;
import io.jetfire.Measurement;
import io.jetfire.Metric;
import io.jetfire.Metrics;
import io.jetfire.Outcome;
import io.jetfire.ParsedLog;
import io.jetfire.Phase;
import io.jetfire.RunFailure.Cause;
import io.jetfire.TestOutcome;
import io.jetfire.Unit;
import io.jetfire.spi.BenchmarkLog;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads the text that benchmark tools print, by the shape of the lines and not by versions: all
 * eras of benchmark_model, LiteRT's tool, and JetFire's own log; in files, consoles and logcat.
 */
final class TextParser implements LineReader.Sink {
  private static final int MOST_RUNS = 100_000;
  private static final int MOST_WARNINGS = 1000;
  private static final int MOST_OPEN = 1000;

  private static final Pattern PARAMETER =
      Pattern.compile("^([A-Za-z#][A-Za-z0-9 #()/_.,+-]{0,100}?) ?: ?\\[(.*)\\]$");
  private static final Pattern INITIALIZED =
      Pattern.compile("^Initialized session in ([0-9.eE+-]{1,30})ms\\.?$");
  private static final Pattern SUMMARY =
      Pattern.compile("([A-Za-z][A-Za-z ()]{1,30}): ([0-9.eE+-]{1,30})(?:,|$)");
  private static final Pattern FOOTPRINT =
      Pattern.compile("^(.{1,80}) \\(MB\\): init=(\\S{1,30}) overall=(\\S{1,30})$");
  private static final Pattern RSS =
      Pattern.compile("^[-+] (VmRSS|RssAnnon|RssAnon|RssFile \\+ RssShmem) *: (\\S{1,30}) MB$");
  private static final Pattern RESULT =
      Pattern.compile(
          "^([A-Z][A-Za-z0-9 ()]{2,40}): *(\\S{1,80})(?: (ms|MB/s|MB))?(?: \\((\\d{1,12}) runs\\))?$");
  private static final Pattern CHATTY = Pattern.compile("^.* identical (\\d{1,9}) lines?$");
  private static final Pattern LOWMEMORY =
      Pattern.compile("^Kill(?:ing)? '?([^'(]{1,200}?)'? \\((\\d{1,9})\\).*$");
  private static final Pattern DIED =
      Pattern.compile("^Process (\\S{1,200}) \\(pid (\\d{1,9})\\) has died.*$");
  private static final Pattern KILLING = Pattern.compile("^Killing (\\d{1,9}):(\\S{1,200}).*$");
  private static final Pattern KERNEL_OOM =
      Pattern.compile(
          "^(?:.*[^A-Za-z])?Out of memory: Kill(?:ed)? process (\\d{1,9}) \\((.{1,60})\\).*$");
  private static final Pattern VERDICT =
      Pattern.compile(
          "^(Latency|Accuracy) benchmark result for (\\S.{0,300}?): ([A-Z][A-Z_/]{1,20})(?: \\(strict\\))?$");
  private static final Pattern APP_DUMP =
      Pattern.compile("^Process: (\\S{1,200}), PID: (\\d{1,9})$");

  private final Heads heads = new Heads();
  private final DeviceDump device = new DeviceDump();
  private final Instrumentation instrumentation = new Instrumentation();
  private final RunnerLog runner = new RunnerLog();
  private final ResultTables tables = new ResultTables();
  private final PerformanceOptions options = new PerformanceOptions();
  private final List<TestOutcome> verdicts = new ArrayList<>();
  private final List<Metrics> runs = new ArrayList<>();
  private final List<RunState> order = new ArrayList<>();
  private final Map<Long, RunState> open = new LinkedHashMap<>();
  private final Map<String, RunState> own = new HashMap<>();
  private final Map<Long, List<LogGap>> dropped = new HashMap<>();
  private final Map<Long, JsonBlock> blocks = new HashMap<>();
  private final List<String> warnings = new ArrayList<>();
  private boolean tooMany;
  private boolean any;

  private static final class JsonBlock {
    final StringBuilder text = new StringBuilder();
    final long line;
    final String tag;
    int depth;

    JsonBlock(Line first) {
      this.line = first.number();
      this.tag = first.tag();
    }
  }

  @Override
  public boolean wantsAll(long pid) {
    return blocks.containsKey(pid);
  }

  @Override
  public void cut(long number) {
    warn("line " + number + " is longer than " + LineReader.MAX_LINE + " bytes and was cut");
  }

  @Override
  public void line(long number, String text) {
    String raw = text;
    if (number == 1 && raw.startsWith("\uFEFF")) {
      raw = raw.substring(1);
    }
    Line line = heads.strip(number, raw);
    if (line != null) {
      any |= !line.message().isBlank();
      read(line);
    }
  }

  private void warn(String text) {
    if (warnings.size() < MOST_WARNINGS) {
      warnings.add(text);
    }
  }

  private void read(Line line) {
    String m = line.message();
    int marker = m.indexOf(BenchmarkLog.MARKER + " ");
    if (marker >= 0 && marker <= 80) {
      own(line, m.substring(marker).trim());
      return;
    }
    if (json(line) || system(line) || tables.read(line.number(), m, this::warn)) {
      return;
    }
    if (options(line)) {
      return;
    }
    RunState current = open.get(line.stream());
    if (current != null && current.profile.open() && current.own == null && ofStream(line)) {
      if (current.profile.read(m, line.number(), current.warn)) {
        return;
      }
    }
    String t = m.trim();
    if (t.isEmpty()) {
      return;
    }
    if (line.stream() == Line.NO_PID
        && (device.read(line.number(), m, this::warn) || instrumentation.read(line))) {
      return;
    }
    if (!benchmark(line, t)) {
      other(line, t);
    }
  }

  /** The summary of benchmark_model_performance_options. */
  private boolean options(Line line) {
    if (PerformanceOptions.heads(line.message())) {
      RunState last = open.remove(line.stream());
      if (last != null) {
        finish(last);
      }
      options.begin(line);
      return true;
    }
    if (!options.open(line)) {
      return false;
    }
    options.read(line, runs, this::warn).ifPresent(this::result);
    return options.open(line);
  }

  /** What the delegate performance app says in the end of each delegate. */
  private boolean verdict(Line line, String m) {
    Matcher v = VERDICT.matcher(m);
    if (!v.matches() || verdicts.size() >= MOST_RUNS) {
      return false;
    }
    String result = v.group(3);
    Outcome outcome =
        result.startsWith("PASS")
            ? Outcome.PASSED
            : result.startsWith("FAIL")
                ? Outcome.FAILED
                : result.startsWith("SKIP") ? Outcome.SKIPPED : Outcome.INCONCLUSIVE;
    verdicts.add(
        new TestOutcome(
            v.group(1) + " benchmark",
            v.group(2),
            outcome,
            outcome == Outcome.PASSED && result.equals("PASS")
                ? Optional.empty()
                : Optional.of(result),
            Optional.empty(),
            line.number()));
    return true;
  }

  /**
   * Says whether a line is of the tool: of a console, of its own tag, or of the tag that printed
   * the run so far. Other apps print lines such as {@code count=1} as well.
   */
  private boolean ofTool(Line line) {
    if (line.tag().isEmpty() || toolTag(line)) {
      return true;
    }
    RunState run = open.get(line.stream());
    return run != null && run.tag.equals(line.tag());
  }

  /** Without a pid only the tag tells processes apart. */
  private boolean ofStream(Line line) {
    return line.stream() != Line.NO_PID || ofTool(line);
  }

  private static boolean toolTag(Line line) {
    String tag = line.tag();
    return tag.startsWith("tflite")
        || tag.startsWith("TfLite")
        || tag.startsWith("litert")
        || tag.startsWith("LiteRt")
        || tag.startsWith("TensorFlow")
        || tag.equals("tensorflow")
        // TensorFlow's own logging, in builds of its days.
        || tag.equals("native");
  }

  /** Lines that only a benchmark prints, or that start a run. */
  private boolean benchmark(Line line, String m) {
    if (m.startsWith("Running TensorFlow Lite benchmark with args:")) {
      RunState run = begin(line);
      run.arguments = m.substring(m.indexOf(':') + 1).trim().replaceAll(" {2,}", " ");
      run.started = true;
      for (String flag : run.arguments.split(" ")) {
        int equals = flag.indexOf('=');
        if (flag.startsWith("--") && equals > 2) {
          run.placements.parameter(flag.substring(2, equals), flag.substring(equals + 1));
          if (flag.startsWith("--graph=")) {
            run.model = flag.substring(equals + 1);
          }
        }
      }
      return true;
    }
    if (m.equals("STARTING!")) {
      begin(line).started = true;
      return true;
    }
    if (m.startsWith("Log parameter values verbosely:")) {
      RunState current = open.get(line.stream());
      boolean same =
          current != null
              && !current.parameters
              && !current.loaded
              && (current.own == null || !current.own.ended());
      RunState run = current != null && same ? current : begin(line);
      run.parameters = true;
      parameter(run, m);
      return true;
    }
    if (m.startsWith("Loaded model ")) {
      RunState current = open.get(line.stream());
      RunState run = current == null || current.loaded || current.counted() ? begin(line) : current;
      run.loaded = true;
      if (run.own == null) {
        run.model = m.substring("Loaded model ".length()).trim();
      }
      return true;
    }
    if (m.startsWith("Loading model from: ")) {
      RunState run = at(line);
      if (run.model.isEmpty()) {
        run.model = m.substring("Loading model from: ".length()).trim();
      }
      return true;
    }
    if (m.startsWith("Initialized session in ")) {
      Matcher i = INITIALIZED.matcher(m);
      RunState current = open.get(line.stream());
      RunState run = current == null || current.initialized ? begin(line) : current;
      run.initialized = true;
      if (i.matches() && run.own == null) {
        run.value(
            Metric.INIT,
            Plausible.reported("init", i.group(1), Unit.MILLISECONDS, line.number(), run.warn),
            2);
      }
      return true;
    }
    if (CountLine.matches(m) && ofTool(line)) {
      RunState run = at(line);
      if (run.own == null) {
        run.count(CountLine.read(m, line.number(), run.warn));
      }
      return true;
    }
    if (m.startsWith("Running benchmark for ")) {
      RunState run = at(line);
      run.running++;
      return true;
    }
    if (m.startsWith("Inference timings in us:")
        || m.startsWith("Average inference timings in us:")) {
      RunState current = open.get(line.stream());
      RunState run = current == null || current.summarized ? begin(line) : current;
      run.summarized = true;
      if (run.own == null) {
        summary(run, m, line.number());
      }
      return true;
    }
    if (m.contains("=== BENCHMARK RESULTS ===")) {
      at(line).results = true;
      return true;
    }
    if (m.startsWith("=====")
        || m.endsWith("Profiling Info for Regular Benchmark Runs:")
        || m.startsWith("Profiling Info for Benchmark Initialization")) {
      RunState current = open.get(line.stream());
      RunState run = current != null ? current : new RunState(line.number(), line.stream());
      if (run.profile.read(line.message(), line.number(), run.warn)) {
        if (current == null) {
          adopt(run);
        }
        return true;
      }
      return false;
    }
    if (m.contains("(MB)") && memory(line, m)) {
      return true;
    }
    if (m.startsWith("Failed to get the input model file size")) {
      at(line);
      return true;
    }
    return false;
  }

  /** Lines that mean something only in a run, or in the tool's own tag. */
  private void other(Line line, String m) {
    if (verdict(line, m)) {
      return;
    }
    RunState run = open.get(line.stream());
    boolean toolTag = toolTag(line);
    if (!ofStream(line)) {
      return;
    }
    if (run == null && (toolTag || line.stream() == Line.NO_PID)) {
      // A log whose start is cut off may begin with the runtime's lines.
      RunState fresh = new RunState(line.number(), line.stream());
      boolean placed = fresh.placements.read(m, line.number());
      fresh.failures.read(line);
      if (placed || fresh.failures.result(true) != null || ios(fresh, line, m)) {
        adopt(fresh);
      }
      return;
    }
    if (run == null) {
      return;
    }
    if (run.placements.read(m, line.number())) {
      return;
    }
    if (run.results && run.own == null && result(run, m, line.number())) {
      return;
    }
    if (m.startsWith("- VmRSS") || m.startsWith("+ Rss")) {
      resident(run, m, line.number());
      return;
    }
    if (m.endsWith("]") && m.indexOf('[') > 0 && run.own == null && !run.counted()) {
      if (parameter(run, m)) {
        return;
      }
    }
    if (m.startsWith("Tensorflow Version :")) {
      run.parameter("Tensorflow Version", m.substring(m.indexOf(':') + 1).trim());
      return;
    }
    if (ios(run, line, m)) {
      return;
    }
    run.failures.read(line);
  }

  private boolean parameter(RunState run, String m) {
    Matcher p = PARAMETER.matcher(m);
    if (!p.matches()) {
      return false;
    }
    run.parameter(p.group(1).trim(), p.group(2));
    return true;
  }

  private static void summary(RunState run, String m, long number) {
    Matcher s = SUMMARY.matcher(m.substring(m.indexOf(':') + 1));
    while (s.find()) {
      Optional<Measurement> value =
          Plausible.reported(s.group(1), s.group(2), Unit.MICROSECONDS, number, run.warn);
      switch (s.group(1).trim()) {
        case "Init" -> run.value(Metric.INIT, value, 3);
        case "First inference" -> run.value(Metric.FIRST_INFERENCE, value, 3);
        case "Warmup", "Warmup (avg)" -> run.statistic(Phase.WARM_UP, Statistic.MEAN, value);
        case "Inference", "Inference (avg)", "no stats" ->
            run.statistic(Phase.INFERENCE, Statistic.MEAN, value);
        default -> {}
      }
    }
  }

  private boolean memory(Line line, String m) {
    if (m.startsWith("The input model file size (MB):")) {
      RunState run = at(line);
      if (run.own == null) {
        run.value(
            Metric.MODEL_SIZE,
            Plausible.reported(
                "model size",
                Numbers.leading(m.substring(31)),
                Unit.MEGABYTES,
                line.number(),
                run.warn),
            3);
      }
      return true;
    }
    if (m.startsWith("Overall peak memory footprint (MB)")) {
      RunState run = at(line);
      if (run.own == null) {
        run.value(
            Metric.PEAK_MEMORY,
            Plausible.reported(
                "peak memory",
                Numbers.leading(m.substring(m.lastIndexOf(':') + 1)),
                Unit.MEBIBYTES,
                line.number(),
                run.warn),
            3);
      }
      return true;
    }
    Matcher f = FOOTPRINT.matcher(m);
    if (f.matches()) {
      RunState run = at(line);
      if (run.own == null) {
        run.value(
            Metric.INIT_MEMORY,
            Plausible.reported("init memory", f.group(2), Unit.MEBIBYTES, line.number(), run.warn),
            3);
        run.value(
            Metric.OVERALL_MEMORY,
            Plausible.reported(
                "overall memory", f.group(3), Unit.MEBIBYTES, line.number(), run.warn),
            3);
      }
      return true;
    }
    return false;
  }

  private static void resident(RunState run, String m, long number) {
    Matcher r = RSS.matcher(m.trim());
    if (r.matches()) {
      Metric metric =
          switch (r.group(1)) {
            case "VmRSS" -> Metric.RESIDENT_MEMORY;
            case "RssFile + RssShmem" -> Metric.RESIDENT_FILE_MEMORY;
            default -> Metric.RESIDENT_ANONYMOUS_MEMORY;
          };
      run.value(
          metric, Plausible.reported(r.group(1), r.group(2), Unit.MEBIBYTES, number, run.warn), 3);
    }
  }

  /** The results block of LiteRT's tool and of its Python twin; in milliseconds. */
  private static boolean result(RunState run, String m, long number) {
    if (m.startsWith("===")) {
      run.results = false;
      return true;
    }
    Matcher r = RESULT.matcher(m);
    if (!r.matches()) {
      return false;
    }
    String key = r.group(1);
    String text = r.group(2);
    OptionalLong count = r.group(4) == null ? OptionalLong.empty() : Numbers.natural(r.group(4));
    Unit unit =
        r.group(3) == null
            ? Unit.MILLISECONDS
            : r.group(3).equals("MB")
                ? Unit.MEBIBYTES
                : r.group(3).equals("MB/s") ? Unit.MEGABYTES_PER_SECOND : Unit.MILLISECONDS;
    if (key.equals("Signature name")) {
      run.label = text;
      return true;
    }
    if (key.equals("Fully accelerated")) {
      return false;
    }
    if (key.equals("Model size")) {
      unit = Unit.MEGABYTES;
    }
    Metric metric =
        switch (key) {
          case "Model initialization" -> Metric.INIT;
          case "Warmup (first)" -> Metric.FIRST_INFERENCE;
          case "Throughput" -> Metric.THROUGHPUT;
          case "Init footprint" -> Metric.INIT_MEMORY;
          case "Overall footprint" -> Metric.OVERALL_MEMORY;
          case "Peak memory" -> Metric.PEAK_MEMORY;
          case "Model size" -> Metric.MODEL_SIZE;
          default -> null;
        };
    if (metric != null) {
      run.value(metric, Plausible.reported(key, text, unit, number, run.warn), 1);
      return true;
    }
    if (!key.startsWith("Warmup (") && !key.startsWith("Inference (")) {
      return false;
    }
    Phase phase = key.startsWith("Warmup") ? Phase.WARM_UP : Phase.INFERENCE;
    Statistic statistic =
        switch (key.substring(key.indexOf('('))) {
          case "(avg)" -> Statistic.MEAN;
          case "(min)" -> Statistic.MIN;
          case "(max)" -> Statistic.MAX;
          case "(std)" -> Statistic.STANDARD_DEVIATION;
          case "(median)" -> Statistic.P50;
          case "(p5)" -> Statistic.P5;
          case "(p95)" -> Statistic.P95;
          default -> null;
        };
    if (statistic == null) {
      return false;
    }
    run.statistic(phase, statistic, Plausible.reported(key, text, unit, number, run.warn));
    count.ifPresent(
        n ->
            run.statistic(
                phase, Statistic.COUNT, Optional.of(Measurement.reported(n, Unit.COUNT, number))));
    return true;
  }

  private @Nullable Phase iosPhase;

  /** What the iOS app shows: " - Average: 12.3 ms" below "Inference:" or "Warmup:". */
  private boolean ios(RunState run, Line line, String m) {
    if (m.startsWith("Startup latency:")) {
      run.value(
          Metric.INIT,
          Plausible.reported(
              "startup",
              Numbers.leading(m.substring(16)),
              Unit.MILLISECONDS,
              line.number(),
              run.warn),
          2);
      return true;
    }
    if (m.equals("Inference:") || m.equals("Warmup:")) {
      iosPhase = m.equals("Warmup:") ? Phase.WARM_UP : Phase.INFERENCE;
      return true;
    }
    Phase phase = iosPhase;
    if (phase == null || !m.startsWith("- ")) {
      return false;
    }
    int colon = m.indexOf(':');
    if (colon < 0) {
      return false;
    }
    Statistic statistic =
        switch (m.substring(2, colon)) {
          case "Num runs" -> Statistic.COUNT;
          case "Average" -> Statistic.MEAN;
          case "Min" -> Statistic.MIN;
          case "Max" -> Statistic.MAX;
          case "Std deviation" -> Statistic.STANDARD_DEVIATION;
          default -> null;
        };
    if (statistic == null) {
      return false;
    }
    Unit unit = statistic == Statistic.COUNT ? Unit.COUNT : Unit.MILLISECONDS;
    run.statistic(
        phase,
        statistic,
        Plausible.reported(
            statistic.name(),
            Numbers.leading(m.substring(colon + 1)),
            unit,
            line.number(),
            run.warn));
    return true;
  }

  /** What the system says of processes. */
  private boolean system(Line line) {
    String m = line.message();
    switch (line.tag()) {
      case "chatty" -> {
        Matcher c = CHATTY.matcher(m);
        if (c.matches()) {
          OptionalLong n = Numbers.natural(c.group(1));
          LogGap gap = new LogGap(line.number(), n.orElse(0), "logcat left out identical lines");
          RunState run = open.get(line.stream());
          if (run != null) {
            run.gap(gap);
          } else if (dropped.size() < MOST_OPEN || dropped.containsKey(line.stream())) {
            List<LogGap> gaps = dropped.computeIfAbsent(line.stream(), s -> new ArrayList<>());
            if (gaps.size() < MOST_OPEN) {
              gaps.add(gap);
            }
          }
        }
        return true;
      }
      case "TestRunner" -> {
        runner.read(line);
        return true;
      }
      case "libc" -> {
        if (m.startsWith("Fatal signal ")) {
          crash(line.stream(), Cause.NATIVE_CRASH, line, 5);
        }
        return true;
      }
      case "DEBUG" -> {
        OptionalLong pid = Numbers.naturalAfter(m, "pid: ");
        if (m.startsWith("pid: ") && pid.isPresent()) {
          crash(pid.getAsLong(), Cause.NATIVE_CRASH, line, 4);
        }
        return true;
      }
      case "AndroidRuntime" -> {
        RunState run = open.get(line.stream());
        if (m.startsWith("FATAL EXCEPTION")) {
          crash(line.stream(), Cause.APP_CRASH, line, 5);
        } else if (run != null && m.startsWith("java.lang.OutOfMemoryError")) {
          run.failures.fatal(Cause.OUT_OF_MEMORY, line, 7);
        } else if (run != null && APP_DUMP.matcher(m).matches()) {
          return true;
        } else if (run != null && m.matches("^[a-z][A-Za-z0-9_.$]{3,200}(Exception|Error)\\b.*")) {
          run.failures.fatal(Cause.APP_CRASH, line, 6);
        }
        return true;
      }
      case "lowmemorykiller", "lmkd", "killinfo" -> {
        Matcher k = LOWMEMORY.matcher(m);
        if (k.matches()) {
          crash(Numbers.natural(k.group(2)).orElse(0), Cause.OUT_OF_MEMORY, line, 6);
        }
        return true;
      }
      case "ActivityManager" -> {
        Matcher d = DIED.matcher(m);
        if (d.matches()) {
          crash(Numbers.natural(d.group(2)).orElse(0), Cause.KILLED, line, 3);
          return true;
        }
        Matcher k = KILLING.matcher(m);
        if (k.matches()) {
          crash(Numbers.natural(k.group(1)).orElse(0), Cause.KILLED, line, 3);
          return true;
        }
        if (m.startsWith("ANR in ")) {
          for (RunState run : open.values()) {
            if (m.contains("tflite") || m.contains("tensorflow.lite") || m.contains("jetfire")) {
              run.failures.fatal(Cause.TIMED_OUT, line, 4);
            }
          }
        }
        return true;
      }
      default -> {
        if (m.contains("Out of memory: Kill")) {
          Matcher k = KERNEL_OOM.matcher(m);
          RunState console = open.get(Line.NO_PID);
          if (k.matches() && console != null && benchmarkName(k.group(2))) {
            console.failures.fatal(Cause.OUT_OF_MEMORY, line, 6);
            return true;
          }
          if (k.matches()) {
            crash(Numbers.natural(k.group(1)).orElse(0), Cause.OUT_OF_MEMORY, line, 6);
            return true;
          }
        }
        return false;
      }
    }
  }

  /** A console shows no pid, but the kernel names the process, cut to 15 characters. */
  private static boolean benchmarkName(String process) {
    return process.contains("bench") || process.contains("tflite") || process.contains("litert");
  }

  private void crash(long pid, Cause cause, Line line, int rank) {
    RunState run = open.get(pid);
    if (run != null) {
      run.failures.fatal(cause, line, rank);
    }
  }

  private void own(Line line, String message) {
    Object read = OwnLog.read(message);
    if (read instanceof OwnLog.Damaged damaged) {
      LogGap gap =
          new LogGap(line.number(), 1, "a line of JetFire's log is damaged: " + damaged.reason());
      RunState run = open.get(line.stream());
      if (run != null) {
        run.gap(gap);
      } else {
        warn("line " + line.number() + ": " + gap.reason());
      }
      return;
    }
    OwnLog.Event event = (OwnLog.Event) read;
    String key = line.stream() + " " + event.run();
    RunState run = own.get(key);
    boolean again = run != null && run.own != null && run.own.ended();
    if (run == null || again) {
      OwnLog log = OwnLog.of(event.run());
      if (log == null) {
        warn(
            "line "
                + line.number()
                + ": JetFire's log names no run: "
                + Plausible.shown(event.run()));
        return;
      }
      RunState current = open.get(line.stream());
      run = current != null && current.fresh() ? current : begin(line);
      run.own = log;
      own.put(key, run);
    }
    OwnLog log = run.own;
    if (log != null) {
      log.take(event, line.number(), run);
    }
  }

  /** JSON that is printed over several lines: what the Firebase app logs. */
  private boolean json(Line line) {
    String t = line.message().trim();
    JsonBlock block = blocks.get(line.stream());
    if (block == null) {
      if (!t.equals("{") && !(t.startsWith("{\"") || t.startsWith("{ \""))) {
        return false;
      }
      if (blocks.size() >= MOST_OPEN) {
        return false;
      }
      block = new JsonBlock(line);
      blocks.put(line.stream(), block);
    }
    if (!line.tag().equals(block.tag)) {
      return false;
    }
    block.text.append(t).append('\n');
    block.depth += depth(t);
    if (block.depth <= 0 || block.text.length() > 256 * 1024) {
      blocks.remove(line.stream());
      if (block.depth == 0) {
        JsonResults.read(block.text.toString(), block.line, this::warn).forEach(this::result);
      }
    }
    return true;
  }

  private static int depth(String text) {
    int depth = 0;
    boolean quoted = false;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (quoted) {
        if (c == '\\') {
          i++;
        } else if (c == '"') {
          quoted = false;
        }
      } else if (c == '"') {
        quoted = true;
      } else if (c == '{' || c == '[') {
        depth++;
      } else if (c == '}' || c == ']') {
        depth--;
      }
    }
    return depth;
  }

  private void result(Metrics metrics) {
    if (runs.size() < MOST_RUNS) {
      runs.add(metrics);
    }
  }

  private RunState at(Line line) {
    RunState run = open.get(line.stream());
    return run != null ? run : begin(line);
  }

  private RunState begin(Line line) {
    RunState current = open.get(line.stream());
    // The args line, STARTING! and the first parameter follow each other at the start of one run.
    if (current != null && current.fresh() && !current.profile.open()) {
      return current;
    }
    RunState run = new RunState(line.number(), line.stream());
    run.tag = line.tag();
    adopt(run);
    return run;
  }

  private void adopt(RunState run) {
    if (open.size() >= MOST_OPEN && !open.containsKey(run.stream)) {
      close(open.remove(open.keySet().iterator().next()));
    }
    RunState before = open.put(run.stream, run);
    if (before != null) {
      close(before);
    }
    List<LogGap> gaps = dropped.remove(run.stream);
    if (gaps != null) {
      gaps.forEach(run::gap);
    }
  }

  private void close(@Nullable RunState run) {
    if (run == null) {
      return;
    }
    OwnLog log = run.own;
    if (log != null && !log.ended()) {
      // Another run of the stream may interleave; JetFire's lines say themselves where they belong.
      order.add(run);
      if (order.size() > MOST_OPEN) {
        finish(order.remove(0));
      }
      return;
    }
    finish(run);
  }

  private void finish(RunState run) {
    own.values().remove(run);
    if (runs.size() >= MOST_RUNS) {
      if (!tooMany) {
        tooMany = true;
        warn("there are more than " + MOST_RUNS + " runs; the others are left out");
      }
      return;
    }
    runs.add(run.finish());
  }

  ParsedLog finish(long lines) {
    open.values().forEach(this::finish);
    order.forEach(this::finish);
    instrumentation.finish();
    runs.addAll(tables.runs());
    runs.sort(Comparator.comparingLong(r -> r.identity().firstLine()));
    DeviceFacts facts = device.facts();
    List<String> problems = new ArrayList<>();
    List<TestOutcome> tests = new ArrayList<>(instrumentation.tests());
    tests.addAll(runner.tests());
    tests.addAll(verdicts);
    boolean silent = facts.readings().isEmpty() && facts.properties().isEmpty() && tests.isEmpty();
    if (runs.isEmpty() && silent) {
      problems.add(
          any
              ? "No benchmark was found in "
                  + lines
                  + " lines; check that this is the log of a"
                  + " benchmark, and that the tag tflite was not filtered out"
              : "The log is empty; check that the benchmark was started and its output kept");
    }
    return new ParsedLog(runs, facts, tests, warnings, problems, lines);
  }
}
