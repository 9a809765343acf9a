package io.jetfire.core.internal.parse;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.DelegatePlacement;
import io.jetfire.Latency;
import io.jetfire.Latency.Statistic;
import io.jetfire.Measurement;
import io.jetfire.Metric;
import io.jetfire.Metrics;
import io.jetfire.OperatorProfile;
import io.jetfire.ParsedLog;
import io.jetfire.Phase;
import io.jetfire.Unit;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Holds logs against what a careful reader wrote down. A block is a name and lines of key=value;
 * {@code run=1} begins what is said of the second run, and so on.
 */
final class GoldenLog {
  private GoldenLog() {}

  private static final Statistic[] ORDER = {
    Statistic.COUNT,
    Statistic.FIRST,
    Statistic.LAST,
    Statistic.MIN,
    Statistic.MAX,
    Statistic.MEAN,
    Statistic.STANDARD_DEVIATION,
    Statistic.P5,
    Statistic.P50,
    Statistic.P95
  };

  private static final Map<String, Metric> METRICS =
      Map.of(
          "init", Metric.INIT,
          "first", Metric.FIRST_INFERENCE,
          "size", Metric.MODEL_SIZE,
          "meminit", Metric.INIT_MEMORY,
          "memall", Metric.OVERALL_MEMORY,
          "peak", Metric.PEAK_MEMORY,
          "rss", Metric.RESIDENT_MEMORY,
          "rssanon", Metric.RESIDENT_ANONYMOUS_MEMORY,
          "rssfile", Metric.RESIDENT_FILE_MEMORY,
          "throughput", Metric.THROUGHPUT);

  private static final Map<String, Metric> MORE_METRICS =
      Map.of(
          "heap", Metric.HEAP_ALLOCATED,
          "heapused", Metric.HEAP_IN_USE,
          "private", Metric.PRIVATE_MEMORY);

  static Map<String, List<String>> blocks(String resource) throws IOException {
    Map<String, List<String>> blocks = new LinkedHashMap<>();
    try (InputStream in = Objects.requireNonNull(GoldenLog.class.getResourceAsStream(resource))) {
      List<String> block = new ArrayList<>();
      String[] lines = new String(in.readAllBytes(), StandardCharsets.UTF_8).split("\n");
      for (String line : lines) {
        if (line.startsWith("#") || line.isBlank()) {
          continue;
        }
        if (line.contains("=")) {
          block.add(line);
        } else {
          block = new ArrayList<>();
          blocks.put(line, block);
        }
      }
    }
    return blocks;
  }

  static void check(ParsedLog log, List<String> expected) {
    List<List<String>> parts = new ArrayList<>();
    parts.add(new ArrayList<>());
    List<String> tests = new ArrayList<>();
    Map<String, String> whole = new LinkedHashMap<>();
    for (String line : expected) {
      String key = line.substring(0, line.indexOf('='));
      String value = line.substring(line.indexOf('=') + 1);
      switch (key) {
        case "run" -> {
          assertThat(value).isEqualTo("" + parts.size());
          parts.add(new ArrayList<>());
        }
        case "runs", "warnings", "problem" -> whole.put(key, value);
        case "device" -> device(log, value);
        case "test" -> tests.add(value);
        default -> parts.get(parts.size() - 1).add(line);
      }
    }
    int runs = whole.containsKey("runs") ? Integer.parseInt(whole.get("runs")) : parts.size();
    assertThat(log.runs()).hasSize(runs);
    assertThat(log.warnings()).hasSize(Integer.parseInt(whole.getOrDefault("warnings", "0")));
    assertThat(log.problems().isEmpty()).isEqualTo(!whole.containsKey("problem"));
    if (whole.containsKey("problem")) {
      assertThat(log.problems().get(0)).contains(whole.get("problem"));
    }
    assertThat(
            log.tests().stream()
                .map(t -> t.className() + "#" + t.name() + " " + t.outcome())
                .toList())
        .isEqualTo(tests);
    if (runs == 0) {
      assertThat(parts).singleElement().satisfies(p -> assertThat(p).isEmpty());
    }
    for (int i = 0; i < runs; i++) {
      if (i < parts.size()) {
        check(log.runs().get(i), parts.get(i));
      }
    }
  }

  private static void device(ParsedLog log, String value) {
    String name = value.substring(0, value.indexOf('='));
    Measurement reading = log.device().readings().get(name);
    String found = reading == null ? log.device().properties().get(name) : text(reading);
    assertThat(found == null ? "none" : found).isEqualTo(value.substring(value.indexOf('=') + 1));
  }

  private static void check(Metrics run, List<String> expected) {
    Map<String, String> single = new LinkedHashMap<>();
    expected.forEach(
        l -> single.put(l.substring(0, l.indexOf('=')), l.substring(l.indexOf('=') + 1)));
    List<String> placements = new ArrayList<>();
    List<String> profiles = new ArrayList<>();
    for (String line : expected) {
      String key = line.substring(0, line.indexOf('='));
      String value = line.substring(line.indexOf('=') + 1);
      Metric metric = METRICS.getOrDefault(key, MORE_METRICS.get(key));
      if (metric != null) {
        assertThat(run.value(metric).map(GoldenLog::text).orElse("none")).as(key).isEqualTo(value);
        continue;
      }
      switch (key) {
        case "unit" -> {}
        case "ending" -> assertThat(run.ending()).hasToString(value);
        case "fail" ->
            assertThat(run.failure().map(f -> f.cause() + "@" + f.line())).contains(value);
        case "model" -> assertThat(run.identity().model()).isEqualTo(value);
        case "label" -> assertThat(run.identity().label()).isEqualTo(value);
        case "args" -> assertThat(run.identity().arguments()).isEqualTo(value);
        case "pid" -> assertThat(run.identity().pid()).hasValue(Long.parseLong(value));
        case "runwarnings" -> assertThat(run.warnings()).hasSize(Integer.parseInt(value));
        case "gaps" -> assertThat(run.gaps()).hasSize(Integer.parseInt(value));
        case "silent" -> assertThat(run.silentCpuFallback()).hasToString(value);
        case "param" -> {
          int equals = value.indexOf('=');
          assertThat(run.parameters())
              .containsEntry(value.substring(0, equals), value.substring(equals + 1));
        }
        case "place" -> placements.add(value);
        case "profile" -> profiles.add(value);
        case "op", "type" -> row(run, key, value);
        case "w" -> latency(run.latency(Phase.WARM_UP), value, single);
        case "i" -> latency(run.latency(Phase.INFERENCE), value, single);
        default -> throw new AssertionError("unknown key " + key);
      }
    }
    assertThat(run.failure().isPresent()).isEqualTo(single.containsKey("fail"));
    assertThat(run.placements().stream().map(GoldenLog::text).toList()).isEqualTo(placements);
    assertThat(
            run.profiles().stream()
                .map(
                    p ->
                        p.stage()
                            + ":"
                            + p.operators().size()
                            + ":"
                            + p.byType().size()
                            + ":"
                            + (p.nodesObserved().isPresent()
                                ? "" + p.nodesObserved().getAsLong()
                                : "-"))
                .toList())
        .isEqualTo(profiles);
  }

  private static void latency(Latency latency, String value, Map<String, String> single) {
    String found =
        Stream.of(ORDER)
            .map(s -> latency.get(s).map(m -> number(m.value())).orElse("-"))
            .collect(Collectors.joining(","));
    assertThat(latency.statistics().isEmpty() ? "none" : found).isEqualTo(value);
    Unit unit = single.containsKey("unit") ? Unit.MILLISECONDS : Unit.MICROSECONDS;
    latency
        .statistics()
        .forEach(
            (s, m) -> assertThat(m.unit()).isEqualTo(s == Statistic.COUNT ? Unit.COUNT : unit));
  }

  private static void row(Metrics run, String key, String value) {
    String stage = value.substring(0, value.indexOf(':'));
    int index = Integer.parseInt(value.substring(value.indexOf(':') + 1, value.indexOf(' ')));
    OperatorProfile profile =
        run.profiles().stream()
            .filter(p -> p.stage().toString().equals(stage))
            .findFirst()
            .orElseThrow();
    String found;
    if (key.equals("op")) {
      OperatorProfile.OperatorTiming t = profile.operators().get(index);
      found =
          String.join(
              "|",
              t.type(),
              t.name(),
              number(t.start()),
              number(t.first()),
              number(t.average()),
              number(t.percent()),
              number(t.memory()),
              "" + t.timesCalled().orElse(-1));
    } else {
      OperatorProfile.TypeTiming t = profile.byType().get(index);
      found =
          String.join(
              "|",
              t.type(),
              "" + t.count(),
              number(t.average()),
              number(t.percent()),
              number(t.memory()),
              "" + t.timesCalled().orElse(-1));
    }
    assertThat(found).isEqualTo(value.substring(value.indexOf(' ') + 1));
  }

  private static String number(Optional<Measurement> m) {
    return m.map(v -> number(v.value())).orElse("-");
  }

  private static String number(double value) {
    return value == Math.rint(value) ? "" + (long) value : "" + value;
  }

  private static String text(Measurement m) {
    return (number(m.value()) + " " + m.unit().symbol()).trim();
  }

  private static String text(DelegatePlacement p) {
    return p.delegate()
        + ":"
        + p.extent()
        + ":"
        + number(p.delegatedNodes())
        + "/"
        + number(p.totalNodes())
        + ":"
        + number(p.partitions())
        + ":"
        + number(p.delegateKernels());
  }

  private static String number(OptionalInt n) {
    return n.isPresent() ? "" + n.getAsInt() : "-";
  }
}
