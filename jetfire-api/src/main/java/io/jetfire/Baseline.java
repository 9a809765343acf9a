package io.jetfire;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An earlier run that an experiment is compared with: its cells with the same cells of the new run,
 * and gates on regression against it.
 *
 * <pre>{@code
 * Baseline before = Baseline.lastRunOf("item-detector");
 * Baseline release = Baseline.report(Path.of("release-1.4")).margin(0.05);
 * }</pre>
 *
 * <p>Cells are the same if variant, farm, device, delegate and number of threads are. Immutable.
 */
public final class Baseline {
  /** Where a baseline comes from. */
  public enum Kind {
    /** A report that was written. */
    REPORT,
    /** A run that the experiment's metadata store has recorded. */
    RUN,
    /** The latest complete run of an experiment that the metadata store has recorded. */
    LAST_RUN
  }

  private final Kind kind;
  private final String name;
  private final @Nullable Model report;
  private final double margin;

  private Baseline(Kind kind, String name, @Nullable Model report, double margin) {
    this.kind = kind;
    this.name = name;
    this.report = report;
    this.margin = margin;
  }

  /**
   * Takes a report that {@link Report#writeTo} wrote.
   *
   * @param path the folder, or {@code report.json} itself; the file is hashed at once
   * @return the baseline
   * @throws StorageException if the file cannot be read
   */
  public static Baseline report(Path path) {
    Path file = Files.isDirectory(path) ? path.resolve("report.json") : path;
    return new Baseline(Kind.REPORT, "", Model.of(file, "json"), DEFAULT_MARGIN);
  }

  /**
   * Takes a run. Its report is looked for where the experiment's metadata store says, then among
   * the runs of the client's work directory.
   *
   * @param run the run's id
   * @return the baseline
   */
  public static Baseline run(RunId run) {
    return new Baseline(Kind.RUN, run.value(), null, DEFAULT_MARGIN);
  }

  /**
   * Takes the latest complete run of an experiment that is known to the metadata store when the new
   * run starts. Where there is none yet, the run goes on without a baseline and warns. It takes a
   * store that outlives the client, such as {@code mlmd-sqlite}.
   *
   * @param experiment the experiment's name, which may be another's
   * @return the baseline
   */
  public static Baseline lastRunOf(String experiment) {
    return new Baseline(Kind.LAST_RUN, experiment, null, DEFAULT_MARGIN);
  }

  private static final double DEFAULT_MARGIN = 0.03;

  /**
   * Sets the difference in latency that does not count.
   *
   * @param part more than 0 and less than 1; 0.03 unless set
   * @return a copy
   * @throws ConfigurationException if it is out of range
   */
  public Baseline margin(double part) {
    if (!(part > 0) || part >= 1) {
      throw new ConfigurationException(
          "The margin must be between 0 and 1, such as 0.03 for 3 %, but was " + part);
    }
    return new Baseline(kind, name, report, part);
  }

  /**
   * Returns where the baseline comes from.
   *
   * @return the kind
   */
  public Kind kind() {
    return kind;
  }

  /**
   * Returns the run.
   *
   * @return empty if the baseline is not named by a run's id
   */
  public Optional<RunId> run() {
    return kind == Kind.RUN ? Optional.of(new RunId(name)) : Optional.empty();
  }

  /**
   * Returns the experiment whose latest run is taken.
   *
   * @return empty if the baseline is named in another way
   */
  public Optional<String> experiment() {
    return kind == Kind.LAST_RUN ? Optional.of(name) : Optional.empty();
  }

  /**
   * Returns the report's file.
   *
   * @return empty if the baseline is not a report
   */
  public Optional<Path> report() {
    return Optional.ofNullable(report).map(Model::path);
  }

  /**
   * Returns the hash of the report's file.
   *
   * @return the SHA-256 in lower-case hexadecimal; empty if the baseline is not a report
   */
  public Optional<String> sha256() {
    return Optional.ofNullable(report).map(Model::sha256);
  }

  /**
   * Returns the difference in latency that does not count.
   *
   * @return more than 0 and less than 1
   */
  public double margin() {
    return margin;
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Baseline b
        && kind == b.kind
        && name.equals(b.name)
        && sha256().equals(b.sha256())
        && margin == b.margin;
  }

  @Override
  public int hashCode() {
    return Objects.hash(kind, name, sha256(), margin);
  }

  @Override
  public String toString() {
    String what =
        switch (kind) {
          case REPORT -> "report " + report().orElseThrow();
          case RUN -> "run " + name;
          case LAST_RUN -> "last run of " + name;
        };
    return String.format(Locale.ROOT, "Baseline[%s, margin %.3g %%]", what, margin * 100);
  }
}
