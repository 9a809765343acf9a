package io.jetfire;

/**
 * Where an item of a class really is.
 *
 * @param label the class, an index into {@link Dataset#labels()}
 * @param box where it is
 */
public record LabeledBox(int label, Box box) {}
