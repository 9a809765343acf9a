package io.jetfire;

/**
 * Lines that are missing or damaged in a log, as logcat drops lines under load.
 *
 * @param line the number of the first line after the gap, or of the damaged line
 * @param missingLines how many lines are missing; 0 if it is not known
 * @param reason what shows it
 */
public record LogGap(long line, long missingLines, String reason) {}
