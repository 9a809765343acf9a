package io.jetfire.tflite.format;

import java.util.Objects;

/** How a model is written. Immutable. */
public final class WriteOptions {
  /** Where LiteRT's own exporter begins to put data outside the FlatBuffer: 2 GiB - 512 MiB. */
  static final long DEFAULT_FLAT_BUFFER_BYTES = (1L << 31) - (512L << 20);

  private static final WriteOptions DEFAULTS = builder().build();

  private final TargetRuntime target;
  private final long flatBufferBytes;
  private final boolean allowLosses;

  private WriteOptions(Builder builder) {
    target = builder.target;
    flatBufferBytes = builder.flatBufferBytes;
    allowLosses = builder.allowLosses;
  }

  /**
   * Returns the usual options: for TensorFlow Lite 2.16.1, nothing may be lost.
   *
   * @return the defaults
   */
  public static WriteOptions defaults() {
    return DEFAULTS;
  }

  /**
   * Returns the usual options for a runtime.
   *
   * @param target the runtime that is to run the model
   * @return the options
   */
  public static WriteOptions target(TargetRuntime target) {
    return builder().target(target).build();
  }

  /**
   * Starts from the defaults.
   *
   * @return a new builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Returns the runtime that is to run the model.
   *
   * @return the target
   */
  public TargetRuntime target() {
    return target;
  }

  /**
   * Returns the size from which data are put behind the FlatBuffer.
   *
   * @return bytes
   */
  public long flatBufferBytes() {
    return flatBufferBytes;
  }

  /**
   * Says whether a graph may be written although the file that it came from held more.
   *
   * @return false by default
   */
  public boolean allowLosses() {
    return allowLosses;
  }

  @Override
  public String toString() {
    return "WriteOptions[target " + target + ", FlatBuffer up to " + flatBufferBytes + " bytes]";
  }

  /** Collects options. */
  public static final class Builder {
    private TargetRuntime target = TargetRuntime.defaultRuntime();
    private long flatBufferBytes = DEFAULT_FLAT_BUFFER_BYTES;
    private boolean allowLosses;

    private Builder() {}

    /**
     * Sets the runtime that is to run the model.
     *
     * @param newTarget the target
     * @return this builder
     */
    public Builder target(TargetRuntime newTarget) {
      target = Objects.requireNonNull(newTarget);
      return this;
    }

    /**
     * Sets the size from which data are put behind the FlatBuffer, which cannot be above 2 GiB.
     *
     * @param bytes the limit for structure and data together; at most 2^31 - 1
     * @return this builder
     */
    public Builder flatBufferBytes(long bytes) {
      flatBufferBytes = bytes;
      return this;
    }

    /**
     * Allows to write a graph although the file that it came from held more than it could keep.
     *
     * @param allow whether to allow it
     * @return this builder
     */
    public Builder allowLosses(boolean allow) {
      allowLosses = allow;
      return this;
    }

    /**
     * Makes the options.
     *
     * @return the options
     * @throws io.jetfire.ConfigurationException if the limit is out of range
     */
    public WriteOptions build() {
      if (flatBufferBytes < 0 || flatBufferBytes > Integer.MAX_VALUE) {
        throw new io.jetfire.ConfigurationException(
            "flatBufferBytes is "
                + flatBufferBytes
                + "; it must lie between 0 and "
                + Integer.MAX_VALUE);
      }
      return new WriteOptions(this);
    }
  }
}
