package io.jetfire.core.internal;

import io.jetfire.Description;
import io.jetfire.Gate;
import io.jetfire.GateResult;
import io.jetfire.JetFire;
import io.jetfire.MetricsParser;
import io.jetfire.References;
import io.jetfire.Report;
import io.jetfire.Statistics;
import io.jetfire.core.internal.gate.Gates;
import io.jetfire.core.internal.json.DescriptionJson;
import io.jetfire.core.internal.json.Json;
import io.jetfire.core.internal.parse.StandardParser;
import io.jetfire.core.internal.report.MarkdownReport;
import io.jetfire.core.internal.report.ReportFiles;
import io.jetfire.core.internal.report.ReportJson;
import io.jetfire.core.internal.report.ReportReader;
import io.jetfire.core.internal.run.DefaultJetFire;
import io.jetfire.core.internal.run.Sleeper;
import io.jetfire.core.internal.stats.StandardStatistics;
import io.jetfire.internal.Engine;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The engine that the API finds. */
public final class CoreEngine implements Engine {

  /** For {@link java.util.ServiceLoader}. */
  public CoreEngine() {}

  @Override
  public JetFire create(JetFire.Builder settings) {
    return new DefaultJetFire(settings, Sleeper.SYSTEM);
  }

  @Override
  public String toJson(Description description) {
    return Json.pretty(DescriptionJson.write(description));
  }

  @Override
  public String fingerprint(Description description) {
    return DescriptionJson.fingerprint(description);
  }

  @Override
  public <T extends Description> T fromJson(Class<T> type, String json, References references) {
    return DescriptionJson.read(type, json, references);
  }

  @Override
  public String toJson(Report report) {
    return Json.pretty(ReportJson.write(report));
  }

  @Override
  public String toMarkdown(Report report) {
    return MarkdownReport.write(report);
  }

  @Override
  public void write(Report report, Path directory) {
    ReportFiles.write(report, directory);
  }

  @Override
  public MetricsParser parser() {
    return new StandardParser();
  }

  @Override
  public Statistics statistics() {
    return new StandardStatistics();
  }

  @Override
  public List<GateResult> judge(List<Gate> gates, Report report, Optional<Report> baseline) {
    return Gates.judge(gates, report, baseline);
  }

  @Override
  public Report readReport(Path path) {
    return ReportReader.read(path);
  }
}
