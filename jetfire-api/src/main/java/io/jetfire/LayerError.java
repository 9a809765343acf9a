package io.jetfire;

import java.util.Locale;

/**
 * How far one operator's output is from the float model's.
 *
 * @param name the output tensor
 * @param operator the operator kind
 * @param type of the output in the quantized model, such as {@code INT8}
 * @param isolatedSqnrDb signal to noise in dB when the operator alone is quantized and is fed with
 *     what the float model gives
 * @param accumulatedSqnrDb signal to noise in dB when everything before it is quantized too
 * @param cosine cosine between the float and the quantized output, accumulated
 * @param maxError largest difference, accumulated
 * @param saturatedPercent share of the float values that lie outside the output's range, 0 to 100
 * @param rangeRatio how many times wider the widest input's range is than the narrowest's; 1 with
 *     fewer than two inputs
 * @param usedPercent share of the output's range that the float values span, 0 to 100; 100 if the
 *     output is float
 */
public record LayerError(
    String name,
    String operator,
    String type,
    double isolatedSqnrDb,
    double accumulatedSqnrDb,
    double cosine,
    double maxError,
    double saturatedPercent,
    double rangeRatio,
    double usedPercent) {

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%-20s %-7s %8.2f %8.2f %8.5f %9.3g %6.2f  %s",
        operator,
        type,
        isolatedSqnrDb,
        accumulatedSqnrDb,
        cosine,
        maxError,
        saturatedPercent,
        name);
  }
}
