package io.jetfire.core.internal.parse;

import io.jetfire.DeviceFacts;
import io.jetfire.Latency;
import io.jetfire.Latency.Statistic;
import io.jetfire.LogGap;
import io.jetfire.Measurement;
import io.jetfire.Metric;
import io.jetfire.Metrics;
import io.jetfire.Phase;
import io.jetfire.RunFailure;
import io.jetfire.Unit;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** What was read of one run so far. */
final class RunState {
  private static final int MOST = 1000;

  final long firstLine;
  final long stream;
  final Placements placements = new Placements();
  final Failures failures = new Failures();
  final ProfileTable profile = new ProfileTable();
  final List<String> warnings = new ArrayList<>();
  final Consumer<String> warn = this::warn;

  /** The logcat tag of the line that began the run; empty in a console. */
  String tag = "";

  String label = "";
  String model = "";
  String arguments = "";
  long pid;
  boolean started;
  boolean parameters;
  boolean loaded;
  boolean initialized;
  boolean summarized;
  boolean results;
  int running;
  @Nullable OwnLog own;

  private final Map<String, String> parameterValues = new TreeMap<>();
  private final Map<Metric, Measurement> values = new EnumMap<>(Metric.class);
  private final Map<Metric, Integer> ranks = new EnumMap<>(Metric.class);
  private final List<CountBlock> counts = new ArrayList<>();
  private final Map<Phase, Map<Statistic, Measurement>> more = new EnumMap<>(Phase.class);
  private final List<LogGap> gaps = new ArrayList<>();
  private final Map<String, Measurement> readings = new TreeMap<>();

  private record CountBlock(int running, Latency latency) {}

  RunState(long firstLine, long stream) {
    this.firstLine = firstLine;
    this.stream = stream;
    this.pid = stream;
  }

  void warn(String text) {
    if (warnings.size() < MOST) {
      warnings.add(text);
    }
  }

  void gap(LogGap gap) {
    if (gaps.size() < MOST) {
      gaps.add(gap);
    }
  }

  /** True if nothing but a start was read. */
  boolean fresh() {
    return !parameters && !loaded && !initialized && counts.isEmpty() && !summarized && own == null;
  }

  void parameter(String name, String value) {
    if (parameterValues.size() < MOST && name.length() <= 200 && value.length() <= 4000) {
      parameterValues.put(name, value);
    }
    placements.parameter(name, value);
    if (name.equals("Graph")) {
      model = value;
    } else if (name.equals("Benchmark name") || name.equals("Signature name")) {
      label = value;
    }
  }

  /** Takes a value unless a more exact one is there: higher ranks win, then the later. */
  void value(Metric metric, Optional<Measurement> value, int rank) {
    if (value.isPresent() && rank >= ranks.getOrDefault(metric, 0)) {
      values.put(metric, value.get());
      ranks.put(metric, rank);
    }
  }

  boolean has(Metric metric) {
    return values.containsKey(metric);
  }

  void count(Latency latency) {
    if (counts.size() < MOST) {
      counts.add(new CountBlock(running, latency));
    }
  }

  boolean counted() {
    return !counts.isEmpty();
  }

  /** Takes a statistic that fills in where the count lines say nothing. */
  void statistic(Phase phase, Statistic statistic, Optional<Measurement> value) {
    value.ifPresent(
        v -> more.computeIfAbsent(phase, p -> new EnumMap<>(Statistic.class)).put(statistic, v));
  }

  void reading(String name, Measurement value) {
    if (readings.size() < MOST) {
      readings.put(name, value);
    }
  }

  Metrics finish() {
    Metrics.Builder b = Metrics.builder();
    OwnLog mine = own;
    if (mine != null) {
      mine.into(b);
    }
    Map<Phase, Latency> phases = phases();
    if (mine == null) {
      phases.forEach(b::latency);
    }
    values.forEach(b::value);
    placements.fixed().forEach(b::placement);
    profile.profiles().forEach(b::profile);
    gaps.forEach(b::gap);
    warnings.forEach(b::warning);
    parameterValues.forEach(b::parameter);
    if (!readings.isEmpty()) {
      b.device(new DeviceFacts(readings, Map.of()));
    }
    boolean measured =
        mine != null
            ? mine.measured()
            : phases.containsKey(Phase.INFERENCE) && phases.get(Phase.INFERENCE).mean().isPresent();
    RunFailure failure = failures.result(measured);
    b.failure(failure);
    b.silentCpuFallback(failure == null && placements.silentCpuFallback());
    b.ending(
        failure != null
            ? Metrics.Ending.FAILED
            : measured ? Metrics.Ending.COMPLETE : Metrics.Ending.TRUNCATED);
    b.identity(
        new Metrics.Identity(
            label,
            model,
            mine == null ? Optional.empty() : Optional.of(mine.cell()),
            mine == null ? OptionalInt.empty() : OptionalInt.of(mine.session()),
            pid == Line.NO_PID ? OptionalLong.empty() : OptionalLong.of(pid),
            arguments,
            firstLine));
    return b.build();
  }

  /** Decides which count line is of which phase. */
  private Map<Phase, Latency> phases() {
    Map<Phase, Map<Statistic, Measurement>> found = new EnumMap<>(Phase.class);
    List<CountBlock> unknown = new ArrayList<>();
    for (CountBlock block : counts) {
      if (block.running() == 1) {
        found.put(Phase.WARM_UP, new EnumMap<>(statistics(block)));
      } else if (block.running() == 2) {
        found.put(Phase.INFERENCE, new EnumMap<>(statistics(block)));
      } else {
        unknown.add(block);
      }
    }
    // The heading of the warm-up may be cut off as well; the summary tells whose the line is.
    if (counts.size() == 1
        && found.containsKey(Phase.WARM_UP)
        && phaseBySummary(counts.get(0).latency()) == Phase.INFERENCE
        && !summaryAgrees(Phase.WARM_UP, counts.get(0).latency())) {
      found.remove(Phase.WARM_UP);
      found.put(Phase.INFERENCE, new EnumMap<>(statistics(counts.get(0))));
    }
    // A log whose start is cut off: the last count line is the measured one if another precedes it
    // or if the summary's average says so.
    if (!unknown.isEmpty() && !found.containsKey(Phase.INFERENCE)) {
      CountBlock last = unknown.get(unknown.size() - 1);
      Phase phase = Phase.INFERENCE;
      if (unknown.size() == 1 && !found.containsKey(Phase.WARM_UP)) {
        phase = phaseBySummary(last.latency());
      }
      if (phase != null) {
        found.put(phase, new EnumMap<>(statistics(last)));
        if (phase == Phase.INFERENCE && unknown.size() > 1) {
          found.put(Phase.WARM_UP, new EnumMap<>(statistics(unknown.get(unknown.size() - 2))));
        }
      } else {
        warn("a count line belongs to the warm-up or to the measured runs; left out");
      }
    }
    more.forEach(
        (phase, statistics) -> {
          Map<Statistic, Measurement> at =
              found.computeIfAbsent(phase, p -> new EnumMap<>(Statistic.class));
          statistics.forEach(at::putIfAbsent);
        });
    Map<Phase, Latency> result = new EnumMap<>(Phase.class);
    found.forEach(
        (phase, statistics) -> {
          long line = statistics.values().stream().mapToLong(Measurement::line).max().orElse(0);
          CountLine.check(statistics, line, warn);
          if (!statistics.isEmpty()) {
            result.put(phase, new Latency(statistics));
          }
        });
    return result;
  }

  private static Map<Statistic, Measurement> statistics(CountBlock block) {
    Map<Statistic, Measurement> copy = new EnumMap<>(Statistic.class);
    copy.putAll(block.latency().statistics());
    return copy;
  }

  private @Nullable Phase phaseBySummary(Latency latency) {
    for (Phase phase : new Phase[] {Phase.INFERENCE, Phase.WARM_UP}) {
      if (summaryAgrees(phase, latency)) {
        return phase;
      }
    }
    return null;
  }

  private boolean summaryAgrees(Phase phase, Latency latency) {
    Map<Statistic, Measurement> summary = more.get(phase);
    Measurement mean = summary == null ? null : summary.get(Statistic.MEAN);
    Measurement counted = latency.mean().orElse(null);
    return mean != null
        && counted != null
        && Math.abs(mean.in(Unit.MICROSECONDS) - counted.in(Unit.MICROSECONDS))
            <= 1e-5 * mean.in(Unit.MICROSECONDS);
  }
}
