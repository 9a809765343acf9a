package io.jetfire.tflite.graph;

/** How windows meet the borders; the ordinal is the code in the file. */
public enum Padding {
  /** The output is ceil(input / stride) long; zeros are added, the odd one at the end. */
  SAME,
  /** No padding: only windows that fit. */
  VALID
}
