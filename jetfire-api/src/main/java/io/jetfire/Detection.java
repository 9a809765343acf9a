package io.jetfire;

/**
 * Where a model sees an item of a class.
 *
 * @param label the class, an index into {@link Dataset#labels()}
 * @param score how sure the model is, from 0 to 1
 * @param box where it is
 */
public record Detection(int label, float score, Box box) {}
