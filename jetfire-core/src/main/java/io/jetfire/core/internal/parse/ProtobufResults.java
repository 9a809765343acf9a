package io.jetfire.core.internal.parse;

import io.jetfire.DelegatePlacement;
import io.jetfire.Latency;
import io.jetfire.Latency.Statistic;
import io.jetfire.Measurement;
import io.jetfire.Metric;
import io.jetfire.Metrics;
import io.jetfire.OperatorProfile;
import io.jetfire.OperatorProfile.OperatorTiming;
import io.jetfire.OperatorProfile.Stage;
import io.jetfire.Phase;
import io.jetfire.Unit;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.Consumer;

/**
 * Reads benchmark_model's binary files: {@code BenchmarkResult} ({@code --result_file_path}),
 * {@code ModelRuntimeDetails} ({@code --model_runtime_info_output_file}) and {@code
 * BenchmarkProfilingData} (op profiles as proto). Field numbers are those of {@code
 * benchmark_result.proto}, {@code model_runtime_info.proto} and {@code profiling_info.proto} of
 * google-ai-edge/LiteRT.
 */
final class ProtobufResults {
  private ProtobufResults() {}

  /** Reads a file; empty if it is none of these. */
  static Optional<Metrics> read(byte[] bytes, Consumer<String> warnings) {
    Optional<Proto> read = Proto.read(bytes, 0, bytes.length);
    if (read.isEmpty() || read.get().isEmpty()) {
      return Optional.empty();
    }
    Proto root = read.get();
    Metrics.Builder b = Metrics.builder();
    String name = root.text(1).orElse("");
    b.identity(
        new Metrics.Identity(
            "", name, Optional.empty(), OptionalInt.empty(), OptionalLong.empty(), "", 0));
    if (root.fits(new int[] {1, 2, 3, 4}, new int[] {2, 2, 2, 2}) && result(root, b, warnings)) {
      return Optional.of(b.build());
    }
    if (root.fits(new int[] {1, 2}, new int[] {2, 2}) && details(root, b)) {
      return Optional.of(b.build());
    }
    if (root.fits(new int[] {1, 2, 3}, new int[] {2, 2, 2}) && profiling(root, b, warnings)) {
      return Optional.of(b.build());
    }
    return Optional.empty();
  }

  private static boolean result(Proto root, Metrics.Builder b, Consumer<String> warnings) {
    Optional<Proto> latency = root.message(2);
    int[] ten = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    int[] floats = {5, 5, 5, 5, 5, 5, 5, 5, 5, 5};
    if (latency.isEmpty() || latency.get().isEmpty() || !latency.get().fits(ten, floats)) {
      return false;
    }
    Proto l = latency.get();
    Map<Statistic, Measurement> measured = new EnumMap<>(Statistic.class);
    Statistic[] order = {
      Statistic.MEAN,
      Statistic.MIN,
      Statistic.MAX,
      Statistic.STANDARD_DEVIATION,
      Statistic.P50,
      Statistic.P5,
      Statistic.P95
    };
    for (int i = 0; i < order.length; i++) {
      Statistic statistic = order[i];
      millis(l, i + 1, statistic.name(), warnings).ifPresent(m -> measured.put(statistic, m));
    }
    millis(l, 8, "init", warnings).ifPresent(m -> b.value(Metric.INIT, m));
    millis(l, 9, "first inference", warnings).ifPresent(m -> b.value(Metric.FIRST_INFERENCE, m));
    Map<Statistic, Measurement> warmup = new EnumMap<>(Statistic.class);
    millis(l, 10, "warm-up", warnings).ifPresent(m -> warmup.put(Statistic.MEAN, m));
    root.message(3)
        .ifPresent(
            memory -> {
              kilobytes(memory, 1, Metric.INIT_MEMORY, b, warnings);
              kilobytes(memory, 2, Metric.OVERALL_MEMORY, b, warnings);
              memory
                  .real(3)
                  .filter(v -> v > 0)
                  .flatMap(v -> Plausible.reported("peak", v, Unit.MEBIBYTES, 0, warnings))
                  .ifPresent(m -> b.value(Metric.PEAK_MEMORY, m));
            });
    root.message(4)
        .ifPresent(
            misc -> {
              misc.real(1)
                  .filter(v -> v > 0)
                  .flatMap(v -> Plausible.reported("size", v, Unit.MEGABYTES, 0, warnings))
                  .ifPresent(m -> b.value(Metric.MODEL_SIZE, m));
              count(misc, 2, measured);
              count(misc, 3, warmup);
              misc.real(4)
                  .filter(v -> v > 0)
                  .flatMap(
                      v -> Plausible.reported("rate", v, Unit.MEGABYTES_PER_SECOND, 0, warnings))
                  .ifPresent(m -> b.value(Metric.THROUGHPUT, m));
            });
    CountLine.check(measured, 0, warnings);
    if (!warmup.isEmpty()) {
      b.latency(Phase.WARM_UP, new Latency(warmup));
    }
    b.latency(Phase.INFERENCE, new Latency(measured));
    b.ending(
        measured.containsKey(Statistic.MEAN) ? Metrics.Ending.COMPLETE : Metrics.Ending.TRUNCATED);
    return true;
  }

  private static Optional<Measurement> millis(
      Proto p, int number, String name, Consumer<String> warnings) {
    return p.real(number).flatMap(v -> Plausible.reported(name, v, Unit.MILLISECONDS, 0, warnings));
  }

  private static void kilobytes(
      Proto p, int number, Metric metric, Metrics.Builder b, Consumer<String> warnings) {
    p.integer(number)
        .flatMap(v -> Plausible.reported(metric.name(), v, Unit.KIBIBYTES, 0, warnings))
        .ifPresent(m -> b.value(metric, m));
  }

  private static void count(Proto p, int number, Map<Statistic, Measurement> into) {
    p.integer(number)
        .filter(v -> v >= 0 && v <= 1_000_000_000_000L)
        .ifPresent(v -> into.put(Statistic.COUNT, Measurement.reported(v, Unit.COUNT, 0)));
  }

  /** Counts the nodes that each delegate replaced. */
  private static boolean details(Proto root, Metrics.Builder b) {
    boolean any = false;
    Map<String, DelegatePlacement> found = new LinkedHashMap<>();
    for (Proto graph : root.messages(2)) {
      if (!graph.fits(new int[] {1, 2, 3, 4, 4, 5, 6}, new int[] {0, 2, 2, 0, 2, 0, 2})
          || !graph.has(3)) {
        continue;
      }
      any = true;
      if (graph.integer(5).orElse(1L) == 2) {
        continue;
      }
      int total = 0;
      int kernels = 0;
      int delegatedNodes = 0;
      String delegate = "";
      for (Proto node : graph.messages(3)) {
        Optional<Proto> replaced = node.message(8);
        if (replaced.isPresent()) {
          delegate = Placements.name(replaced.get().text(1).orElse("unknown"));
          delegatedNodes += replaced.get().count(2);
          kernels++;
        } else {
          total++;
        }
      }
      if (kernels > 0) {
        int taken = Math.min(delegatedNodes, total);
        found.put(
            delegate + graph.integer(1).orElse(0L),
            new DelegatePlacement(
                delegate,
                taken == total ? DelegatePlacement.Extent.FULL : DelegatePlacement.Extent.PARTIAL,
                OptionalInt.of(taken),
                OptionalInt.of(total),
                OptionalInt.empty(),
                OptionalInt.of(kernels),
                0));
      }
    }
    found.values().forEach(b::placement);
    return any;
  }

  private static boolean profiling(Proto root, Metrics.Builder b, Consumer<String> warnings) {
    boolean any = false;
    for (int part = 2; part <= 3; part++) {
      Optional<Proto> profile = root.message(part);
      if (profile.isEmpty()) {
        continue;
      }
      Stage stage = part == 2 ? Stage.INIT : Stage.RUN;
      for (Proto graph : profile.get().messages(1)) {
        any |= operators(graph, 3, stage, graph.text(1).orElse(""), b, warnings);
      }
      for (Proto delegate : profile.get().messages(2)) {
        any |= operators(delegate, 2, Stage.DELEGATE, delegate.text(1).orElse(""), b, warnings);
      }
    }
    return any;
  }

  private static boolean operators(
      Proto owner,
      int number,
      Stage stage,
      String graph,
      Metrics.Builder b,
      Consumer<String> warnings) {
    List<OperatorTiming> operators = new ArrayList<>();
    for (Proto op : owner.messages(number)) {
      Optional<Proto> time = op.message(2);
      Optional<Proto> memory = op.message(3);
      Optional<Long> called = op.integer(4);
      operators.add(
          new OperatorTiming(
              op.text(1).orElse(""),
              op.text(5).orElse(""),
              Optional.empty(),
              stat(time, 1, Unit.MICROSECONDS, warnings),
              stat(time, 3, Unit.MICROSECONDS, warnings),
              Optional.empty(),
              stat(memory, 3, Unit.KIBIBYTES, warnings),
              called.isPresent() && called.get() >= 0
                  ? OptionalLong.of(called.get())
                  : OptionalLong.empty(),
              0));
    }
    if (operators.isEmpty()) {
      return false;
    }
    b.profile(new OperatorProfile(stage, graph, operators, List.of(), OptionalLong.empty()));
    return true;
  }

  private static Optional<Measurement> stat(
      Optional<Proto> message, int number, Unit unit, Consumer<String> warnings) {
    return message
        .flatMap(m -> m.integer(number))
        .flatMap(v -> Plausible.reported("profile", v, unit, 0, warnings));
  }
}
