/** The recorded computation of a DJL block: its data model, the tracer and the replay. */
@NullMarked
package io.jetfire.adapter.djl.internal.trace;

import org.jspecify.annotations.NullMarked;
