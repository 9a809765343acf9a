package io.jetfire.spi;

import io.jetfire.MetricsParser;
import io.jetfire.MissingProviderException;
import io.jetfire.Statistics;
import java.util.Iterator;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;

/**
 * What {@code jetfire-core} registers for {@link MetricsParser#standard()} and {@link
 * Statistics#standard()}. Not meant for adapters.
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
