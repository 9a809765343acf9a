package io.jetfire.junit;

import io.jetfire.Delegate;
import io.jetfire.DeviceQuery;
import io.jetfire.Gate;
import io.jetfire.Report;
import java.time.Duration;
import java.util.function.UnaryOperator;

/** An assertion on a percentile of the inference latency: narrowed to cells, then bounded. */
public final class LatencyAssert {
  private final ReportAssert owner;
  private final int percentile;
  private final UnaryOperator<Gate> selector;

  private LatencyAssert(ReportAssert owner, int percentile, UnaryOperator<Gate> selector) {
    this.owner = owner;
    this.percentile = percentile;
    this.selector = selector;
  }

  static LatencyAssert of(ReportAssert owner, int percentile) {
    return new LatencyAssert(owner, percentile, gate -> gate);
  }

  private LatencyAssert and(UnaryOperator<Gate> more) {
    return new LatencyAssert(owner, percentile, gate -> more.apply(selector.apply(gate)));
  }

  /**
   * Narrows to a variant.
   *
   * @param variant its name
   * @return the narrower assertion
   */
  public LatencyAssert ofVariant(String variant) {
    return and(gate -> gate.forVariant(variant));
  }

  /**
   * Narrows to devices.
   *
   * @param query such as {@code model=oriole}
   * @return the narrower assertion
   */
  public LatencyAssert onDevice(String query) {
    DeviceQuery parsed = DeviceQuery.parse(query);
    return and(gate -> gate.onDevices(parsed));
  }

  /**
   * Narrows to a tier.
   *
   * @param tier the name that the experiment gives it
   * @return the narrower assertion
   */
  public LatencyAssert onTier(String tier) {
    return and(gate -> gate.onTier(tier));
  }

  /**
   * Narrows to a delegate.
   *
   * @param delegate which
   * @return the narrower assertion
   */
  public LatencyAssert withDelegate(Delegate delegate) {
    return and(gate -> gate.withDelegate(delegate));
  }

  /**
   * Bounds the latency of every cell selected; fails if none is, or if one cannot be judged.
   *
   * @param limit the longest time that passes
   * @return the assertions on the report
   */
  public ReportAssert isAtMost(Duration limit) {
    return owner.passes(selector.apply(Gate.latency(percentile).atMost(limit)));
  }

  /**
   * Bounds the latency of every cell selected by that of an earlier run.
   *
   * @param part how much longer it may be, as a part: 0.05 for 5 %
   * @param baseline what came out of the earlier run
   * @return the assertions on the report
   */
  public ReportAssert isAtMostSlowerThan(double part, Report baseline) {
    return owner.passes(selector.apply(Gate.latency(percentile).regressionAtMost(part)), baseline);
  }
}
