package io.jetfire.tflite.graph;

/** The layout of FULLY_CONNECTED weights; the ordinal is the code in the file. */
public enum WeightsFormat {
  /** Row-major, [outputs, inputs]. */
  DEFAULT,
  /** Shuffled into 4x16 blocks of int8. */
  SHUFFLED4X16INT8
}
