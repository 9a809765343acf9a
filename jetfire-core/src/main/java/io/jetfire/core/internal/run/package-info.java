/** Runs of experiments: stages, checkpoints, device runs. */
@NullMarked
package io.jetfire.core.internal.run;

import org.jspecify.annotations.NullMarked;
