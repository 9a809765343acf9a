/**
 * What importers share when they write a framework's operators in TFLite's: names for the operators
 * with casts around kernels that lack a type, compositions that frameworks have in common
 * (convolution and pooling with explicit padding, normalizations, recurrent layers, resizing, sums
 * over named indices), and the way to refuse what cannot be expressed.
 *
 * <p>All of it takes and gives tensors in the source's layout, channels first where the framework
 * has them so; {@link io.jetfire.tflite.transform.LayoutOptimizer} removes the transposes later.
 */
@NullMarked
package io.jetfire.tflite.importer.lowering;

import org.jspecify.annotations.NullMarked;
