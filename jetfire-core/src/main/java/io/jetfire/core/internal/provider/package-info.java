/** Finding providers and their settings. */
@NullMarked
package io.jetfire.core.internal.provider;

import org.jspecify.annotations.NullMarked;
