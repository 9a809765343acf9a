/**
 * What is in a model: operators, shapes, parameters, multiply-accumulates, sizes, and who can run
 * it.
 *
 * <pre>{@code
 * ModelSummary summary = ModelSummary.of(Path.of("model.tflite"));
 * System.out.println(summary);                                  // a table, layer by layer
 * summary.macs();                                               // per inference
 * summary.refusals(TargetRuntime.of("2.14.0"));                 // operators it has no kernel for
 * summary.refusals(Delegate.GPU);                               // operators that fall back, and why
 * System.out.println(ModelDiff.of(before, after));
 * }</pre>
 */
@NullMarked
package io.jetfire.tflite.inspect;

import org.jspecify.annotations.NullMarked;
