package io.jetfire.core.internal.report;

import io.jetfire.JetFireException;
import io.jetfire.Report;
import io.jetfire.StorageException;
import io.jetfire.core.internal.json.Json;
import io.jetfire.spi.ReportWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.ServiceLoader;

/** Writes every form of a report. */
public final class ReportFiles {
  private ReportFiles() {}

  /**
   * Writes Markdown, JSON and what report writers on the class path offer.
   *
   * @param report the report
   * @param directory the folder, made if it does not exist
   */
  public static void write(Report report, Path directory) {
    try {
      Files.createDirectories(directory);
      replace(directory.resolve("report.json"), Json.pretty(ReportJson.write(report)) + "\n");
      replace(directory.resolve("report.md"), MarkdownReport.write(report));
    } catch (IOException e) {
      throw new StorageException(
          "The report cannot be written to "
              + directory
              + " ("
              + e
              + "); check its rights and free space",
          e);
    }
    JetFireException failure = null;
    for (ReportWriter writer : writers().values()) {
      try {
        writer.write(report, directory);
      } catch (JetFireException e) {
        failure = e;
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  private static Map<String, ReportWriter> writers() {
    Map<String, ReportWriter> byId = new LinkedHashMap<>();
    for (ReportWriter w :
        ServiceLoader.load(ReportWriter.class, ReportWriter.class.getClassLoader())) {
      byId.putIfAbsent(w.id(), w);
    }
    for (ReportWriter w : ServiceLoader.load(ReportWriter.class)) {
      byId.putIfAbsent(w.id(), w);
    }
    return byId;
  }

  private static void replace(Path file, String text) throws IOException {
    Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
    Files.writeString(temporary, text);
    Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING);
  }
}
