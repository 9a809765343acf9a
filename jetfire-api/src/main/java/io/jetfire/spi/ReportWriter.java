package io.jetfire.spi;

import io.jetfire.Report;
import java.nio.file.Path;

/**
 * Writes reports in a further form; registered with {@link java.util.ServiceLoader} under this
 * interface.
 *
 * <p>Implementations have a public constructor without parameters that does nothing. Thread-safe.
 */
public interface ReportWriter {

  /**
   * Returns the name of the form.
   *
   * @return such as {@code html}
   */
  String id();

  /**
   * Writes a report.
   *
   * @param report the report
   * @param directory an existing folder
   * @return the file that a reader opens
   * @throws io.jetfire.StorageException if it cannot be written
   */
  Path write(Report report, Path directory);
}
