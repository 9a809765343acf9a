package io.jetfire;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What became of one cell: a variant on a device with a delegate and a number of threads.
 *
 * @param cell the cell's id, unique in the run
 * @param variant the variant's name
 * @param farm the farm's id
 * @param device the device
 * @param tiers the user's tiers that the device belongs to
 * @param delegate what was to execute the operators
 * @param threads how many threads
 * @param outcome how the cell ended
 * @param reason why, in words, if it did not pass
 * @param metrics what the logs say, all sessions together; empty if there was nothing to parse
 * @param validity whether the latency can be used; empty if none was measured
 * @param farmRun the farm's id of the run; empty if it was never started
 * @param logs the logs that the metrics come from
 */
public record DeviceRunResult(
    String cell,
    String variant,
    String farm,
    Device device,
    List<String> tiers,
    Delegate delegate,
    int threads,
    Outcome outcome,
    Optional<String> reason,
    Optional<Metrics> metrics,
    Optional<ValidityReport> validity,
    Optional<String> farmRun,
    List<Path> logs) {

  /** Copies the lists. */
  public DeviceRunResult {
    tiers = List.copyOf(tiers);
    logs = List.copyOf(logs);
  }

  /**
   * Returns this result with the farm's id of the run.
   *
   * @param id the id; empty if the run was never started
   * @return the result
   */
  public DeviceRunResult farmRun(Optional<String> id) {
    return new DeviceRunResult(
        cell, variant, farm, device, tiers, delegate, threads, outcome, reason, metrics, validity,
        id, logs);
  }
}
