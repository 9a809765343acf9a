/** Descriptions and reports as JSON. */
@NullMarked
package io.jetfire.core.internal.json;

import org.jspecify.annotations.NullMarked;
