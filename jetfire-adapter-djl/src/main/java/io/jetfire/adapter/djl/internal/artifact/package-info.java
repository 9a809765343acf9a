/** The file of a trained DJL model: format {@code djl-trace}. */
@NullMarked
package io.jetfire.adapter.djl.internal.artifact;

import org.jspecify.annotations.NullMarked;
