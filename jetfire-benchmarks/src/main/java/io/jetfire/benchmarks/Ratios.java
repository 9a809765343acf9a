package io.jetfire.benchmarks;

import io.jetfire.benchmarks.Comparison.Limit;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Runs comparisons and prints what was asked beside what was measured.
 *
 * <pre>{@code
 * mvn -Pbenchmarks -pl jetfire-benchmarks -am -DskipTests package -Djetfire.benchmarks=worker
 * }</pre>
 */
public final class Ratios {
  /** All comparisons; a module's speed gets its lines here. */
  static final List<Comparison> ALL =
      List.of(
          new Comparison(
              "session, model of some ms",
              "SessionBenchmark.bare",
              "SessionBenchmark.inProcess",
              Map.of("model", "MILLISECONDS"),
              7,
              Limit.ratio(1.03)),
          new Comparison(
              "session, model of some us",
              "SessionBenchmark.bare",
              "SessionBenchmark.inProcess",
              Map.of("model", "MICROSECONDS"),
              7,
              Limit.moreMicros(5)),
          new Comparison(
              "worker session, model of some ms",
              "SessionBenchmark.bare",
              "SessionBenchmark.worker",
              Map.of("model", "MILLISECONDS"),
              7,
              Limit.ratio(1.03)),
          new Comparison(
              "two workers, model of some ms",
              "TwoSessionsBenchmark.bare",
              "TwoSessionsBenchmark.workers",
              Map.of("model", "MILLISECONDS"),
              7,
              Limit.ratio(1 / 0.9)),
          new Comparison(
              "evaluation with JetFire.evaluate on all cores",
              "EvaluationBenchmark.bareLoops",
              "EvaluationBenchmark.evaluate",
              Map.of(),
              5,
              Limit.ratio(1 / 0.9)),
          new Comparison(
              "start of a worker",
              "WorkerStartBenchmark.idleWorker",
              "WorkerStartBenchmark.newWorker",
              Map.of(),
              5,
              Limit.seconds(1.5)),
          new Comparison(
              "read and write 14 MB",
              "ReadWriteBenchmark.copy",
              "ReadWriteBenchmark.readAndWrite",
              Map.of(),
              7,
              Limit.ratio(3)));

  private final PrintStream out;

  private Ratios(PrintStream out) {
    this.out = out;
  }

  /**
   * Runs the comparisons whose titles contain one of the given words, or all.
   *
   * @param args the words
   * @throws RunnerException if a benchmark fails
   */
  public static void main(String[] args) throws RunnerException {
    List<String> words = Arrays.stream(args).filter(word -> !word.isBlank()).toList();
    Ratios ratios = new Ratios(new PrintStream(System.out, true, StandardCharsets.UTF_8));
    ratios.print(
        "%-46s %12s %12s %12s %16s%n", "comparison", "base", "subject", "asked", "measured");
    for (Comparison comparison : ALL) {
      if (words.isEmpty() || words.stream().anyMatch(comparison.title()::contains)) {
        ratios.run(comparison);
      }
    }
  }

  private void run(Comparison comparison) throws RunnerException {
    List<Double> bases = new ArrayList<>();
    List<Double> subjects = new ArrayList<>();
    List<Double> measured = new ArrayList<>();
    for (int round = 0; round < comparison.rounds(); round++) {
      boolean baseFirst = round % 2 == 0;
      double first = micros(comparison, baseFirst ? comparison.base() : comparison.subject());
      double second = micros(comparison, baseFirst ? comparison.subject() : comparison.base());
      double base = baseFirst ? first : second;
      double subject = baseFirst ? second : first;
      bases.add(base);
      subjects.add(subject);
      measured.add(comparison.limit().quantity().of(base, subject));
    }
    double value = median(measured);
    Limit limit = comparison.limit();
    print(
        "%-46s %9.1f us %9.1f us %6.3f at most %8.3f %s (%.3f to %.3f)  %s%n",
        comparison.title(),
        median(bases),
        median(subjects),
        limit.most(),
        value,
        limit.quantity().unit(),
        measured.stream().mapToDouble(d -> d).min().orElseThrow(),
        measured.stream().mapToDouble(d -> d).max().orElseThrow(),
        value <= limit.most() ? "reached" : "MISSED");
  }

  private static double micros(Comparison comparison, String method) throws RunnerException {
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .include(Pattern.quote("io.jetfire.benchmarks." + method) + "$")
            .verbosity(VerboseMode.SILENT)
            .shouldFailOnError(true)
            .forks(1);
    comparison.parameters().forEach(options::param);
    Collection<RunResult> results = new Runner(options.build()).run();
    if (results.size() != 1) {
      throw new IllegalStateException(method + " names " + results.size() + " benchmarks, not one");
    }
    return results.iterator().next().getPrimaryResult().getScore();
  }

  /** The middle one of an odd number of values. */
  static double median(List<Double> values) {
    return values.stream().sorted().toList().get(values.size() / 2);
  }

  private void print(String format, Object... values) {
    out.printf(Locale.ROOT, format, values);
  }
}
