/**
 * Interpreters in processes of their own, so that no file takes the host down.
 *
 * <p>A worker is a JVM that holds one interpreter at a time and obeys over its standard input and
 * output. The host watches its time and its resident memory and ends it when it goes beyond. What a
 * worker answers is not believed either: every count and size is checked before it is used.
 */
@NullMarked
package io.jetfire.runtime.internal.worker;

import org.jspecify.annotations.NullMarked;
