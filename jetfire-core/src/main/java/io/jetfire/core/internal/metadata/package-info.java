/** The metadata store that needs nothing: {@code memory}. */
@NullMarked
package io.jetfire.core.internal.metadata;

import org.jspecify.annotations.NullMarked;
