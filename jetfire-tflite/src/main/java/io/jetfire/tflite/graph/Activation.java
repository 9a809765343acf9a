package io.jetfire.tflite.graph;

/** The activation fused into an operator; the ordinal is the code in the file. */
public enum Activation {
  /** None. */
  NONE,
  /** max(0, x). */
  RELU,
  /** x clamped to [-1, 1]. */
  RELU_N1_TO_1,
  /** x clamped to [0, 6]. */
  RELU6,
  /** Hyperbolic tangent. */
  TANH,
  /** The sign bit. */
  SIGN_BIT
}
