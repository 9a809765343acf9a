/** Statistics of latency: validity and comparisons. */
@NullMarked
package io.jetfire.core.internal.stats;

import org.jspecify.annotations.NullMarked;
