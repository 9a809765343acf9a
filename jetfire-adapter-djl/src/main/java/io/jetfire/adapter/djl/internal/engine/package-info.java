/** Starting DJL's PyTorch engine: offline, quiet, with clear errors. */
@NullMarked
package io.jetfire.adapter.djl.internal.engine;

import org.jspecify.annotations.NullMarked;
