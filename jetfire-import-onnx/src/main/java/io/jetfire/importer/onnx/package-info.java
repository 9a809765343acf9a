/** Reads ONNX models into the TFLite graph. */
@NullMarked
package io.jetfire.importer.onnx;

import org.jspecify.annotations.NullMarked;
