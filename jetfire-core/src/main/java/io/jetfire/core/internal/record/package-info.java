/** Lineage: what is recorded in a metadata store. */
@NullMarked
package io.jetfire.core.internal.record;

import org.jspecify.annotations.NullMarked;
