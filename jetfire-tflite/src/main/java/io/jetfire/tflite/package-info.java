/** The converter to {@code .tflite}. */
@NullMarked
package io.jetfire.tflite;

import org.jspecify.annotations.NullMarked;
