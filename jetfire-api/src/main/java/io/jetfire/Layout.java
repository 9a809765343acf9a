package io.jetfire;

/** The order of an image tensor's dimensions. */
public enum Layout {
  /** Height, width, channels (after a batch dimension where there is one): TensorFlow's NHWC. */
  CHANNELS_LAST,
  /** Channels, height, width (after a batch dimension where there is one): PyTorch's NCHW. */
  CHANNELS_FIRST
}
