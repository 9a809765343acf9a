/** The engine behind the API. */
@NullMarked
package io.jetfire.core.internal;

import org.jspecify.annotations.NullMarked;
