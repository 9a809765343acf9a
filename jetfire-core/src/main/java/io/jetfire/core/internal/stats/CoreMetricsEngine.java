package io.jetfire.core.internal.stats;

import io.jetfire.Gate;
import io.jetfire.GateResult;
import io.jetfire.MetricsParser;
import io.jetfire.Report;
import io.jetfire.Statistics;
import io.jetfire.core.internal.gate.Gates;
import io.jetfire.core.internal.parse.StandardParser;
import io.jetfire.spi.MetricsEngine;
import java.util.List;
import java.util.Optional;

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

  @Override
  public List<GateResult> judge(List<Gate> gates, Report report, Optional<Report> baseline) {
    return Gates.judge(gates, report, baseline);
  }
}
