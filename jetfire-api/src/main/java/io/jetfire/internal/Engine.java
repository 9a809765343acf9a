package io.jetfire.internal;

import io.jetfire.Description;
import io.jetfire.Gate;
import io.jetfire.GateResult;
import io.jetfire.JetFire;
import io.jetfire.MetricsParser;
import io.jetfire.MissingProviderException;
import io.jetfire.References;
import io.jetfire.Report;
import io.jetfire.Statistics;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;

/** What {@code jetfire-core} registers with {@link ServiceLoader}. */
public interface Engine {

  /**
   * Finds the engine: through this interface's class loader first, then the thread's context class
   * loader. (In JShell's local execution a context-loader lookup from a pool thread finds nothing.)
   *
   * @return a new engine
   * @throws MissingProviderException if {@code jetfire-core} is not there
   */
  static Engine find() {
    Iterator<Engine> own =
        ServiceLoader.load(Engine.class, Engine.class.getClassLoader()).iterator();
    if (own.hasNext()) {
      return own.next();
    }
    Iterator<Engine> context = ServiceLoader.load(Engine.class).iterator();
    if (context.hasNext()) {
      return context.next();
    }
    throw new MissingProviderException(
        "JetFire's engine was not found on the class path; add the artifact"
            + " io.jetfire:jetfire-core in the version of jetfire-api");
  }

  /**
   * Creates a client.
   *
   * @param settings what was set
   * @return the client
   */
  JetFire create(JetFire.Builder settings);

  /**
   * Writes a description.
   *
   * @param description the description
   * @return indented JSON
   */
  String toJson(Description description);

  /**
   * Hashes a description.
   *
   * @param description the description
   * @return 64 hexadecimal digits
   */
  String fingerprint(Description description);

  /**
   * Reads a description.
   *
   * @param type what it describes
   * @param json the JSON
   * @param references what it refers to
   * @param <T> what it describes
   * @return the description
   */
  <T extends Description> T fromJson(Class<T> type, String json, References references);

  /**
   * Writes a report as JSON.
   *
   * @param report the report
   * @return indented JSON
   */
  String toJson(Report report);

  /**
   * Writes a report as Markdown.
   *
   * @param report the report
   * @return the text
   */
  String toMarkdown(Report report);

  /**
   * Writes every form of a report that is available.
   *
   * @param report the report
   * @param directory the folder, made if it does not exist
   */
  void write(Report report, Path directory);

  /**
   * Reads a report's JSON.
   *
   * @param path the report's folder or its JSON file
   * @return the report
   */
  Report readReport(Path path);

  /**
   * Returns the standard parser.
   *
   * @return the parser
   */
  MetricsParser parser();

  /**
   * Returns the standard statistics.
   *
   * @return the statistics
   */
  Statistics statistics();

  /**
   * Judges gates.
   *
   * @param gates the gates
   * @param report what is judged
   * @param baseline what bounds on regression are held against, if there is something
   * @return in the order of the gates, at least one result for each
   */
  List<GateResult> judge(List<Gate> gates, Report report, Optional<Report> baseline);
}
