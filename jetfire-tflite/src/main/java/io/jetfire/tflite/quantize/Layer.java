package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Value;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A layer with weights, in the float graph and in the quantized one.
 *
 * @param floatOp the layer in the float graph
 * @param op the layer in the quantized graph
 * @param floatInput what the float layer is fed with
 * @param input what the quantized layer is fed with
 * @param weights the constant of the quantized graph that holds the weights, which may be behind a
 *     DEQUANTIZE
 * @param bias the constant of the quantized graph that holds the bias, or null if there is none
 * @param bits of a weight, 0 if the weights stayed float
 * @param perChannel whether every output has a scale of its own
 * @param inputScale the scale of the layer's input, or 0 if activations are float
 * @param biasType INT32, INT64 or FLOAT32
 * @param sharedWeights whether other operators use the same weights
 */
record Layer(
    Op floatOp,
    Op op,
    Value floatInput,
    Value input,
    Value weights,
    @Nullable Value bias,
    int bits,
    boolean perChannel,
    float inputScale,
    ElementType biasType,
    boolean sharedWeights) {

  /** How many weights share a scale, or 0 if all of an output do. */
  int blockSize() {
    return blocks().map(Quantization.Blockwise::blockSize).orElse(0);
  }

  /** The constant with the scales of blocks, if there are blocks. */
  Optional<Value> blockScales() {
    return blocks().map(Quantization.Blockwise::scales);
  }

  private Optional<Quantization.Blockwise> blocks() {
    return weights
        .quantization()
        .filter(Quantization.Blockwise.class::isInstance)
        .map(Quantization.Blockwise.class::cast);
  }

  String name() {
    return floatOp.output(0).name();
  }
}
