/**
 * Passes over the graph that keep its results: shape inference, constant folding, fusion, layout.
 *
 * <p>{@link io.jetfire.tflite.transform.Optimizer} runs them in order. Each pass edits the graph in
 * place and says whether it changed anything.
 */
@NullMarked
package io.jetfire.tflite.transform;

import org.jspecify.annotations.NullMarked;
