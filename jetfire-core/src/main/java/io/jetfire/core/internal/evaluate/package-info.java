/** Task metrics on the host. */
@NullMarked
package io.jetfire.core.internal.evaluate;

import org.jspecify.annotations.NullMarked;
