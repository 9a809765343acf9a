package io.jetfire.core.internal.stats;

import io.jetfire.ConfigurationException;
import io.jetfire.DeviceFacts;
import io.jetfire.Latency;
import io.jetfire.Latency.Statistic;
import io.jetfire.Measurement;
import io.jetfire.Metric;
import io.jetfire.Metrics;
import io.jetfire.Phase;
import io.jetfire.RunFailure;
import io.jetfire.Samples;
import io.jetfire.Unit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Puts the sessions of a cell together. */
final class Combination {
  private Combination() {}

  static Metrics of(List<Metrics> sessions) {
    if (sessions.isEmpty()) {
      throw new ConfigurationException(
          "Metrics of no session cannot be combined; pass at least one");
    }
    if (sessions.size() == 1) {
      return sessions.get(0);
    }
    Metrics.Builder b = Metrics.builder();
    b.identity(sessions.get(0).identity());
    Metrics.Ending ending = Metrics.Ending.COMPLETE;
    RunFailure failure = null;
    boolean silent = false;
    int index = 0;
    Map<String, Measurement> readings = new TreeMap<>();
    Map<String, String> properties = new TreeMap<>();
    for (Metrics m : sessions) {
      if (m.ending() == Metrics.Ending.FAILED) {
        ending = Metrics.Ending.FAILED;
      } else if (m.ending() == Metrics.Ending.TRUNCATED && ending == Metrics.Ending.COMPLETE) {
        ending = Metrics.Ending.TRUNCATED;
      }
      failure = failure == null ? m.failure().orElse(null) : failure;
      silent |= m.silentCpuFallback();
      for (Samples s : m.samples()) {
        // Sessions are numbered anew: two logs may both call theirs session 0.
        b.samples(Samples.of(s.phase(), index, s.micros()));
      }
      index++;
      m.detections().forEach(b::detections);
      m.gaps().forEach(b::gap);
      m.warnings().forEach(b::warning);
      m.parameters().forEach(b::parameter);
      readings.putAll(m.device().readings());
      properties.putAll(m.device().properties());
    }
    b.ending(ending).failure(failure).silentCpuFallback(silent);
    b.device(new DeviceFacts(readings, properties));
    sessions.stream()
        .filter(m -> !m.placements().isEmpty())
        .findFirst()
        .ifPresent(m -> m.placements().forEach(b::placement));
    sessions.stream()
        .filter(m -> !m.profiles().isEmpty())
        .findFirst()
        .ifPresent(m -> m.profiles().forEach(b::profile));
    values(sessions, b);
    for (Phase phase : Phase.values()) {
      latency(sessions, phase).ifPresent(l -> b.latency(phase, l));
    }
    return b.build();
  }

  private static void values(List<Metrics> sessions, Metrics.Builder b) {
    for (Metric metric : Metric.values()) {
      List<Measurement> found = new ArrayList<>();
      sessions.forEach(m -> m.value(metric).ifPresent(found::add));
      if (found.isEmpty()) {
        continue;
      }
      Unit unit = found.get(0).unit();
      double[] values = found.stream().mapToDouble(m -> m.in(unit)).toArray();
      boolean same = Arrays.stream(values).allMatch(v -> v == values[0]);
      if (same) {
        b.value(metric, found.get(0));
      } else if (unit.dimension() == Unit.Dimension.SIZE) {
        double max = Arrays.stream(values).max().orElse(values[0]);
        b.value(metric, Measurement.computed(max, unit));
      } else {
        b.value(metric, Measurement.computed(Summaries.medianOf(values), unit));
      }
    }
  }

  private static Optional<Latency> latency(List<Metrics> sessions, Phase phase) {
    List<Metrics> having =
        sessions.stream().filter(m -> !m.latency(phase).statistics().isEmpty()).toList();
    if (having.isEmpty()) {
      return Optional.empty();
    }
    if (having.stream().allMatch(m -> !m.samples(phase).isEmpty())) {
      return Optional.of(
          Summaries.of(having.stream().flatMap(m -> m.samples(phase).stream()).toList()));
    }
    return Optional.of(reported(having.stream().map(m -> m.latency(phase)).toList()));
  }

  /** Without samples only counts, extremes and the mean can be put together. */
  private static Latency reported(List<Latency> latencies) {
    Map<Statistic, Measurement> found = new EnumMap<>(Statistic.class);
    Map<Statistic, List<Measurement>> by = new LinkedHashMap<>();
    for (Statistic s :
        new Statistic[] {Statistic.COUNT, Statistic.MIN, Statistic.MAX, Statistic.MEAN}) {
      List<Measurement> values = new ArrayList<>();
      latencies.forEach(l -> l.get(s).ifPresent(values::add));
      if (values.size() == latencies.size()) {
        by.put(s, values);
      }
    }
    List<Measurement> counts = by.get(Statistic.COUNT);
    List<Measurement> means = by.get(Statistic.MEAN);
    List<Measurement> mins = by.get(Statistic.MIN);
    List<Measurement> maxs = by.get(Statistic.MAX);
    if (counts != null) {
      double n = counts.stream().mapToDouble(Measurement::value).sum();
      found.put(Statistic.COUNT, Measurement.computed(n, Unit.COUNT));
      if (means != null && n > 0) {
        double sum = 0;
        for (int i = 0; i < means.size(); i++) {
          sum += counts.get(i).value() * means.get(i).in(Unit.MICROSECONDS);
        }
        found.put(Statistic.MEAN, Measurement.computed(sum / n, Unit.MICROSECONDS));
      }
    }
    if (mins != null) {
      double min = mins.stream().mapToDouble(m -> m.in(Unit.MICROSECONDS)).min().orElseThrow();
      found.put(Statistic.MIN, Measurement.computed(min, Unit.MICROSECONDS));
    }
    if (maxs != null) {
      double max = maxs.stream().mapToDouble(m -> m.in(Unit.MICROSECONDS)).max().orElseThrow();
      found.put(Statistic.MAX, Measurement.computed(max, Unit.MICROSECONDS));
    }
    return new Latency(found);
  }
}
