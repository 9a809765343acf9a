/**
 * Post-training quantization of a model graph: calibrating, quantizing, explaining, advising.
 *
 * <p>{@link io.jetfire.tflite.quantize.Quantizer} turns a float {@link
 * io.jetfire.tflite.graph.Graph} into a quantized one as a {@link io.jetfire.Recipe} says. {@link
 * io.jetfire.spi.ConverterBackend.Calibration} feeds it representative samples; a {@link
 * io.jetfire.spi.ModelRuntime} executes the graphs, so that every decision rests on what the real
 * kernels compute. The arithmetic and the rules per operator are those of TensorFlow Lite's 8-bit
 * quantization specification.
 */
@NullMarked
package io.jetfire.tflite.quantize;

import org.jspecify.annotations.NullMarked;
