package io.jetfire.spi;

import io.jetfire.Gate;
import io.jetfire.GateResult;
import io.jetfire.MetricsParser;
import io.jetfire.MissingProviderException;
import io.jetfire.Report;
import io.jetfire.Statistics;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;

/**
 * What {@code jetfire-core} registers for {@link MetricsParser#standard()}, {@link
 * Statistics#standard()} and {@link Gate#judge}. Not meant for adapters.
 */
public interface MetricsEngine {

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

  /**
   * Looks the engine up anew: through this type's own class loader, then the context loader.
   *
   * @return the engine
   * @throws MissingProviderException if none is registered
   */
  static MetricsEngine find() {
    MetricsEngine found = first(MetricsEngine.class.getClassLoader());
    if (found == null) {
      found = first(Thread.currentThread().getContextClassLoader());
    }
    if (found == null) {
      throw new MissingProviderException(
          "Reading logs and statistics need JetFire's core, which is not on the class path; add the"
              + " artifact io.jetfire:jetfire-core");
    }
    return found;
  }

  private static @Nullable MetricsEngine first(@Nullable ClassLoader loader) {
    Iterator<MetricsEngine> engines = ServiceLoader.load(MetricsEngine.class, loader).iterator();
    return engines.hasNext() ? engines.next() : null;
  }
}
