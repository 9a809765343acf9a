/** Reads what devices print or write. */
@NullMarked
package io.jetfire.core.internal.parse;

import org.jspecify.annotations.NullMarked;
