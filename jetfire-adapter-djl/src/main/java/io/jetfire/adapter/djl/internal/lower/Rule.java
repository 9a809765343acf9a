package io.jetfire.adapter.djl.internal.lower;

/** How one method of DJL's arrays is expressed in TensorFlow Lite's operators. */
@FunctionalInterface
interface Rule {

  /**
   * Emits the operators and says what the results are.
   *
   * @throws Unsupported if the operation with these arguments has no expression
   */
  void lower(TracedCall call);
}
