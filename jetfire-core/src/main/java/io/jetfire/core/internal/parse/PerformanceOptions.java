package io.jetfire.core.internal.parse;

import io.jetfire.Latency;
import io.jetfire.Latency.Statistic;
import io.jetfire.Measurement;
import io.jetfire.Metrics;
import io.jetfire.Phase;
import io.jetfire.RunFailure;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads the summary at the end of {@code benchmark_model_performance_options}: a name and a count
 * line per option. The runs above it have the same count lines, and get their names from it; where
 * only the summary was kept, its options are runs of their own.
 */
final class PerformanceOptions {
  private static final Pattern ENTRY =
      Pattern.compile("^\\s*(\\S.{0,100}?): +(count=.{1,400}|failed!)\\s*$");

  private boolean open;
  private long stream;
  private String tag = "";

  /** Says whether a message heads the summary. */
  static boolean heads(String message) {
    return message.contains("=Summary of All Runs w/ Different Performance Options=");
  }

  void begin(Line head) {
    open = true;
    stream = head.stream();
    tag = head.tag();
  }

  /** Says whether a line may belong to the summary: what others print in between does not. */
  boolean open(Line line) {
    return open && line.stream() == stream && line.tag().equals(tag);
  }

  /**
   * Reads a line of the summary.
   *
   * @param line the line
   * @param runs the runs so far, which are given names
   * @param warnings takes warnings
   * @return a run of which there is nothing above; empty if there is, or the summary has ended
   */
  Optional<Metrics> read(Line line, List<Metrics> runs, Consumer<String> warnings) {
    Matcher m = ENTRY.matcher(line.message());
    if (!m.matches()) {
      open = line.message().isBlank();
      return Optional.empty();
    }
    String name = m.group(1);
    boolean failed = m.group(2).startsWith("failed");
    Latency latency =
        failed ? new Latency(Map.of()) : CountLine.read(m.group(2), line.number(), warnings);
    for (int i = 0; i < runs.size(); i++) {
      Metrics run = runs.get(i);
      boolean same = failed ? run.ending() == Metrics.Ending.FAILED : same(run.latency(), latency);
      if (run.identity().label().isEmpty() && same) {
        runs.set(i, run.toBuilder().identity(named(run.identity(), name)).build());
        return Optional.empty();
      }
    }
    Metrics.Identity identity =
        named(
            new Metrics.Identity(
                "",
                "",
                Optional.empty(),
                OptionalInt.empty(),
                line.stream() == Line.NO_PID
                    ? OptionalLong.empty()
                    : OptionalLong.of(line.stream()),
                "",
                line.number()),
            name);
    Metrics.Builder b = Metrics.builder().identity(identity);
    if (failed) {
      String message = line.message().trim();
      b.ending(Metrics.Ending.FAILED)
          .failure(new RunFailure(RunFailure.Cause.UNKNOWN, message, line.number()));
    } else {
      b.latency(Phase.INFERENCE, latency)
          .ending(latency.mean().isPresent() ? Metrics.Ending.COMPLETE : Metrics.Ending.TRUNCATED);
    }
    return Optional.of(b.build());
  }

  private static Metrics.Identity named(Metrics.Identity identity, String label) {
    return new Metrics.Identity(
        label,
        identity.model(),
        identity.cell(),
        identity.session(),
        identity.pid(),
        identity.arguments(),
        identity.firstLine());
  }

  private static boolean same(Latency a, Latency b) {
    Map<Statistic, Measurement> numbers = a.statistics();
    return numbers.keySet().equals(b.statistics().keySet())
        && numbers.entrySet().stream()
            .allMatch(
                e -> b.get(e.getKey()).map(m -> m.value() == e.getValue().value()).orElse(false));
  }
}
