/** Executing a {@link io.jetfire.adapter.djl.DjlTraining}. */
@NullMarked
package io.jetfire.adapter.djl.internal.training;

import org.jspecify.annotations.NullMarked;
