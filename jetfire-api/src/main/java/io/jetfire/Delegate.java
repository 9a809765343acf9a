package io.jetfire;

import java.util.Locale;

/**
 * What executes a model's operators on a device.
 *
 * <pre>{@code
 * Delegate gpu = Delegate.GPU;
 * Delegate npu = Delegate.of("QNN_HTP");
 * }</pre>
 *
 * <p>Immutable; equal names are equal delegates.
 */
public final class Delegate {
  /** TensorFlow Lite's own kernels, with no delegate. */
  public static final Delegate CPU = new Delegate("CPU");

  /** XNNPACK, the default on phones' CPUs. */
  public static final Delegate XNNPACK = new Delegate("XNNPACK");

  /** The GPU delegate (OpenCL, OpenGL or Metal). */
  public static final Delegate GPU = new Delegate("GPU");

  /** Android's Neural Networks API. */
  public static final Delegate NNAPI = new Delegate("NNAPI");

  /** Qualcomm's Hexagon DSP. */
  public static final Delegate HEXAGON = new Delegate("HEXAGON");

  /** Apple's Core ML. */
  public static final Delegate CORE_ML = new Delegate("CORE_ML");

  private final String name;

  private Delegate(String name) {
    this.name = name;
  }

  /**
   * Returns the delegate of a name.
   *
   * @param name letters, digits, {@code _} and {@code -}; case does not matter
   * @return the delegate
   * @throws ConfigurationException if the name has other characters or none
   */
  public static Delegate of(String name) {
    if (!name.matches("[A-Za-z0-9_-]{1,40}")) {
      throw new ConfigurationException(
          "A delegate's name has 1 to 40 letters, digits, _ and -, but was '" + name + "'");
    }
    return new Delegate(name.toUpperCase(Locale.ROOT));
  }

  /**
   * Returns the name in capital letters.
   *
   * @return such as {@code XNNPACK}
   */
  public String name() {
    return name;
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Delegate d && name.equals(d.name);
  }

  @Override
  public int hashCode() {
    return name.hashCode();
  }

  @Override
  public String toString() {
    return name;
  }
}
