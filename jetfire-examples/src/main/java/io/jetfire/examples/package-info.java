/** Runnable examples; the quickstart is {@link io.jetfire.examples.Quickstart}. */
@NullMarked
package io.jetfire.examples;

import org.jspecify.annotations.NullMarked;
