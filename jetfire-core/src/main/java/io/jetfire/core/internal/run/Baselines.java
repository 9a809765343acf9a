package io.jetfire.core.internal.run;

import com.fasterxml.jackson.databind.JsonNode;
import io.jetfire.Baseline;
import io.jetfire.ConfigurationException;
import io.jetfire.Model;
import io.jetfire.Report;
import io.jetfire.RunId;
import io.jetfire.RunState;
import io.jetfire.core.internal.json.Json;
import io.jetfire.core.internal.record.Recorder;
import io.jetfire.core.internal.report.ReportReader;
import io.jetfire.spi.MetadataStore;
import io.jetfire.spi.MetadataStore.Context;
import io.jetfire.spi.MetadataStore.TypeName;
import java.net.URI;
import java.nio.file.FileSystemNotFoundException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Comparator;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;

/** Finds the earlier run that an experiment is compared with. */
final class Baselines {
  private static final String CHECKPOINT = "baseline";

  private final Supplier<MetadataStore> store;
  private final Path workDirectory;
  private final RunId self;
  private final RunDirectory directory;

  Baselines(Supplier<MetadataStore> store, Path workDirectory, RunId self, RunDirectory directory) {
    this.store = store;
    this.workDirectory = workDirectory;
    this.self = self;
    this.directory = directory;
  }

  /** Finds the report of a baseline; empty if an experiment has no complete run yet. */
  Optional<Report> find(Baseline baseline) {
    return switch (baseline.kind()) {
      case REPORT -> Optional.of(saved(baseline));
      case RUN -> Optional.of(ofRun(baseline.run().orElseThrow()));
      case LAST_RUN -> last(baseline.experiment().orElseThrow());
    };
  }

  private static Report saved(Baseline baseline) {
    Path file = baseline.report().orElseThrow();
    String now = Model.of(file, "json").sha256();
    if (!now.equals(baseline.sha256().orElseThrow())) {
      throw new ConfigurationException(
          "The baseline's report "
              + file
              + " has changed since the experiment was described; describe it anew");
    }
    return ReportReader.read(file);
  }

  private Report ofRun(RunId run) {
    Optional<Context> context = store.get().context(TypeName.of(Recorder.RUN), run.value());
    Optional<String> recorded =
        context
            .flatMap(c -> c.value(Recorder.REPORT))
            .filter(MetadataStore.Value.StringValue.class::isInstance)
            .map(v -> ((MetadataStore.Value.StringValue) v).value());
    // A run that this store does not know, or that lay elsewhere, may be in this work directory.
    Path here = RunDirectory.report(workDirectory, run);
    Path file =
        recorded
            .flatMap(Baselines::path)
            .or(() -> Optional.of(here))
            .filter(Files::isRegularFile)
            .or(() -> Optional.of(here).filter(Files::isRegularFile))
            .orElseThrow(
                () ->
                    new ConfigurationException(
                        "There is no report of the baseline run "
                            + run
                            + ": the experiment's metadata store "
                            + recorded
                                .map(r -> "says " + r + ", where it is not,")
                                .orElse(
                                    context.isPresent()
                                        ? "does not say where it is,"
                                        : "does not know the run,")
                            + " and it is not at "
                            + here
                            + "; keep the folders of runs that are baselines, or name a saved report"
                            + " with Baseline.report(path)"));
    return ReportReader.read(file);
  }

  private static Optional<Path> path(String uri) {
    try {
      return Optional.of(Path.of(URI.create(uri)));
    } catch (IllegalArgumentException | FileSystemNotFoundException e) {
      return Optional.empty();
    }
  }

  /** The latest run when this one started, also when this one is resumed. */
  private Optional<Report> last(String experiment) {
    Optional<JsonNode> saved = directory.checkpoint(CHECKPOINT);
    Optional<String> run =
        saved.isPresent()
            ? Optional.of(saved.get().path("run").asText()).filter(r -> !r.isEmpty())
            : store.get().contextsByType(TypeName.of(Recorder.RUN)).stream()
                .filter(c -> !c.name().equals(self.value()))
                .filter(c -> says(c, "experiment", experiment))
                .filter(c -> says(c, "state", RunState.COMPLETED.name()))
                .max(
                    Comparator.comparing(
                            (Context c) -> Objects.requireNonNullElse(c.createTime(), Instant.MIN))
                        .thenComparing(Context::name))
                .map(Context::name);
    directory.checkpoint(CHECKPOINT, Json.object().put("run", run.orElse("")));
    return run.map(r -> ofRun(new RunId(r)));
  }

  private static boolean says(Context context, String property, String value) {
    return context.value(property).filter(v -> v.equals(MetadataStore.Value.of(value))).isPresent();
  }
}
