package io.jetfire.runtime.internal.worker;

import java.time.Duration;

/**
 * What a worker may use.
 *
 * @param callTime the longest that opening a model or one invocation may take
 * @param residentBytes the most resident memory, that of its JVM included
 */
public record WorkerLimits(Duration callTime, long residentBytes) {
  /** 10 seconds and 1.75 GiB, which leaves room below 2 GB for what grows between two looks. */
  public static final WorkerLimits DEFAULT = new WorkerLimits(Duration.ofSeconds(10), 1792L << 20);
}
