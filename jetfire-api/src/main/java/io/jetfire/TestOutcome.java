package io.jetfire;

import java.time.Duration;
import java.util.Optional;

/**
 * How a test on a device ended, from {@code am instrument} or JUnit XML.
 *
 * @param className the test class
 * @param name the test
 * @param outcome how it ended
 * @param message what went wrong, if something did
 * @param duration how long it took, if that is known
 * @param line the number of the line that tells the outcome; 0 if there are no lines
 */
public record TestOutcome(
    String className,
    String name,
    Outcome outcome,
    Optional<String> message,
    Optional<Duration> duration,
    long line) {}
