package io.jetfire.core.internal;

import io.jetfire.Description;
import io.jetfire.JetFire;
import io.jetfire.References;
import io.jetfire.Report;
import io.jetfire.core.internal.json.DescriptionJson;
import io.jetfire.core.internal.json.Json;
import io.jetfire.core.internal.report.MarkdownReport;
import io.jetfire.core.internal.report.ReportFiles;
import io.jetfire.core.internal.report.ReportJson;
import io.jetfire.core.internal.run.DefaultJetFire;
import io.jetfire.core.internal.run.Sleeper;
import io.jetfire.internal.Engine;
import java.nio.file.Path;

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
}
