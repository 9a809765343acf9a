package io.jetfire;

import java.time.Instant;

/**
 * The earlier run that a report is compared with.
 *
 * @param run its id
 * @param experiment its experiment's name
 * @param fingerprint its experiment's fingerprint
 * @param started when it started
 * @param margin the difference in latency that did not count
 */
public record BaselineRun(
    RunId run, String experiment, String fingerprint, Instant started, double margin) {}
