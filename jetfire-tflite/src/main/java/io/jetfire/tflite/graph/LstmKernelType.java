package io.jetfire.tflite.graph;

/** The kernel of an LSTM operator; the ordinal is the code in the file. */
public enum LstmKernelType {
  /** With peephole and projection. */
  FULL,
  /** The basic cell. */
  BASIC
}
