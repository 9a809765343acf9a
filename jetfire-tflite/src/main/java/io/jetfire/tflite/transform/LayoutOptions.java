package io.jetfire.tflite.transform;

/**
 * Which layout the image inputs and outputs of a model shall have.
 *
 * <p>By default they keep the source's. Channels-last ones change the tensors' shapes, and spare
 * the transposes that would stand behind inputs and in front of outputs.
 *
 * @param channelsLastInputs whether inputs of rank 4 become channels-last
 * @param channelsLastOutputs whether outputs of rank 4 become channels-last
 */
public record LayoutOptions(boolean channelsLastInputs, boolean channelsLastOutputs) {

  /**
   * Keeps all inputs and outputs as they are.
   *
   * @return the options
   */
  public static LayoutOptions keep() {
    return new LayoutOptions(false, false);
  }

  /**
   * Makes inputs and outputs of rank 4 channels-last.
   *
   * @return the options
   */
  public static LayoutOptions channelsLast() {
    return new LayoutOptions(true, true);
  }
}
