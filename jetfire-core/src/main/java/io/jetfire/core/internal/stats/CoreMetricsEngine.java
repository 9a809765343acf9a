package io.jetfire.core.internal.stats;

import io.jetfire.MetricsParser;
import io.jetfire.Statistics;
import io.jetfire.core.internal.parse.StandardParser;
import io.jetfire.spi.MetricsEngine;

/** What core registers for {@link MetricsParser#standard()} and {@link Statistics#standard()}. */
public final class CoreMetricsEngine implements MetricsEngine {
  /** Creates the engine; the service loader does. */
  public CoreMetricsEngine() {}

  @Override
  public MetricsParser parser() {
    return new StandardParser();
  }

  @Override
  public Statistics statistics() {
    return new StandardStatistics();
  }
}
