/**
 * TensorFlow Lite (which Google now calls LiteRT) on the host: the model runtime {@code tflite} and
 * the device farm {@code local}.
 *
 * <p>Named by id or handed to the client's builder; everything behind the providers is internal.
 */
@NullMarked
package io.jetfire.runtime;

import org.jspecify.annotations.NullMarked;
