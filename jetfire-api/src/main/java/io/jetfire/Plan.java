package io.jetfire;

import java.math.BigDecimal;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What a run of an experiment would do, found out without a call that costs.
 *
 * @param experiment the experiment's name
 * @param steps every step before the device runs, in order
 * @param deviceRuns one entry per device
 * @param warnings what the user should know before starting
 */
public record Plan(
    String experiment, List<String> steps, List<PlannedRun> deviceRuns, List<String> warnings) {

  /** Copies the lists. */
  public Plan {
    steps = List.copyOf(steps);
    deviceRuns = List.copyOf(deviceRuns);
    warnings = List.copyOf(warnings);
  }

  /**
   * One run on one device.
   *
   * @param farm the farm's id
   * @param device the device
   * @param cells how many cells it measures
   * @param invocations how often models are executed in all
   * @param timeLimit when it must stop
   * @param maxCost what it costs in US dollars at most, all attempts and a re-run to confirm
   *     regressions included, where the farm's price is known
   */
  public record PlannedRun(
      String farm,
      Device device,
      int cells,
      long invocations,
      Duration timeLimit,
      Optional<BigDecimal> maxCost) {}

  /**
   * Returns how many cells are measured in all.
   *
   * @return variants x devices x delegates x threads
   */
  public int cells() {
    return deviceRuns.stream().mapToInt(PlannedRun::cells).sum();
  }

  /**
   * Returns what all device runs cost in US dollars at most.
   *
   * @return empty if the price of one of them is not known
   */
  public Optional<BigDecimal> maxCost() {
    BigDecimal sum = BigDecimal.ZERO;
    for (PlannedRun run : deviceRuns) {
      if (run.maxCost().isEmpty()) {
        return Optional.empty();
      }
      sum = sum.add(run.maxCost().get());
    }
    return Optional.of(sum);
  }

  @Override
  public String toString() {
    StringBuilder s = new StringBuilder("Plan of ").append(experiment).append('\n');
    steps.forEach(step -> s.append("  ").append(step).append('\n'));
    for (PlannedRun r : deviceRuns) {
      s.append("  measure ").append(r.cells()).append(" cells on ").append(r.device());
      s.append(" of ").append(r.farm()).append(" (").append(r.invocations());
      s.append(" invocations, at most ").append(r.timeLimit().toMinutes()).append(" min");
      r.maxCost().ifPresent(c -> s.append(", at most $").append(c.toPlainString()));
      s.append(")\n");
    }
    warnings.forEach(w -> s.append("  warning: ").append(w).append('\n'));
    return s.toString();
  }
}
