/**
 * The .tflite interpreter in this process: the only code that touches native pointers.
 *
 * <p>Everything that can take the JVM down when misused is kept inside: pointers get a capacity
 * before they are read, native objects die in the right order, and nothing is reachable after
 * {@code close()}.
 */
@NullMarked
package io.jetfire.runtime.internal.engine;

import org.jspecify.annotations.NullMarked;
