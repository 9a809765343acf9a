package io.jetfire.report;

import io.jetfire.Report;
import io.jetfire.StorageException;
import io.jetfire.spi.ReportWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * Writes {@code report.html}: a page that shows a whole report, sorts and filters it, and needs no
 * server and no network.
 *
 * <p>The page states a content security policy that lets nothing run and load except its own script
 * and style, so that no name from a model, a device or a log can do anything in it. Thread-safe.
 */
public final class HtmlReportWriter implements ReportWriter {
  /** Creates the writer, as {@link java.util.ServiceLoader} does. */
  public HtmlReportWriter() {}

  @Override
  public String id() {
    return "html";
  }

  /**
   * Returns the page as text.
   *
   * @param report the report
   * @return a whole HTML document
   */
  public String toHtml(Report report) {
    return new ReportPage(report).write();
  }

  @Override
  public Path write(Report report, Path directory) {
    Path file = directory.resolve("report.html");
    Path temporary = directory.resolve("report.html.tmp");
    try {
      // A reader never sees half a page, and an older page survives a full disk.
      Files.write(temporary, toHtml(report).getBytes(StandardCharsets.UTF_8));
      Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING);
      return file;
    } catch (IOException e) {
      deleteQuietly(temporary, e);
      throw new StorageException(
          "The report cannot be written to "
              + file
              + " ("
              + e
              + "); check that the folder can be written and has free space",
          e);
    }
  }

  private static void deleteQuietly(Path temporary, IOException cause) {
    try {
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
  }
}
