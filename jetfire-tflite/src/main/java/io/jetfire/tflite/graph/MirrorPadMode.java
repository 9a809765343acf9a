package io.jetfire.tflite.graph;

/** How MIRROR_PAD reflects; the ordinal is the code in the file. */
public enum MirrorPadMode {
  /** The border element is not repeated. */
  REFLECT,
  /** The border element is repeated. */
  SYMMETRIC
}
