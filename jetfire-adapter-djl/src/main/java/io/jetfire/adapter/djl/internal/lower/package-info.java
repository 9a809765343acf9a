/**
 * From a recorded DJL computation to the graph of TensorFlow Lite operators.
 *
 * <p>{@link io.jetfire.adapter.djl.internal.lower.Lowering} walks the operations; each is handed to
 * the rule of its method, and the rules are grouped by kind in the {@code ...Rules} classes.
 */
@NullMarked
package io.jetfire.adapter.djl.internal.lower;

import org.jspecify.annotations.NullMarked;
