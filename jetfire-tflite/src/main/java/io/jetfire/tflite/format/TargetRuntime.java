package io.jetfire.tflite.format;

import io.jetfire.ConfigurationException;
import org.jspecify.annotations.Nullable;

/** The version of the TensorFlow Lite (LiteRT) runtime that is to run a model. Immutable. */
public final class TargetRuntime implements Comparable<TargetRuntime> {
  private static final TargetRuntime DEFAULT = of("2.16.1");
  private static final TargetRuntime ANY = new TargetRuntime(Integer.MAX_VALUE, 0, 0);

  private final int major;
  private final int minor;
  private final int patch;

  private TargetRuntime(int major, int minor, int patch) {
    this.major = major;
    this.minor = minor;
    this.patch = patch;
  }

  /**
   * Reads a version.
   *
   * @param version such as {@code 2.16.1} or {@code 2.16}
   * @return the runtime
   * @throws ConfigurationException if it is no version of two or three numbers
   */
  public static TargetRuntime of(String version) {
    if (!version.matches("\\d{1,4}\\.\\d{1,4}(\\.\\d{1,4})?")) {
      throw new ConfigurationException(
          "the runtime version is \"" + version + "\"; give it as 2.16.1");
    }
    String[] parts = version.split("\\.");
    return new TargetRuntime(
        Integer.parseInt(parts[0]),
        Integer.parseInt(parts[1]),
        parts.length > 2 ? Integer.parseInt(parts[2]) : 0);
  }

  /**
   * Returns the runtime that the benchmark app bundles.
   *
   * @return 2.16.1
   */
  public static TargetRuntime defaultRuntime() {
    return DEFAULT;
  }

  /**
   * Returns a stand-in for a runtime that takes every operator and version: nothing is checked.
   *
   * @return for rewriting a model without judging it
   */
  public static TargetRuntime any() {
    return ANY;
  }

  boolean isAny() {
    return this == ANY;
  }

  @Override
  public int compareTo(TargetRuntime other) {
    int c = Integer.compare(major, other.major);
    c = c != 0 ? c : Integer.compare(minor, other.minor);
    return c != 0 ? c : Integer.compare(patch, other.patch);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof TargetRuntime t && compareTo(t) == 0;
  }

  @Override
  public int hashCode() {
    return (major * 1000 + minor) * 1000 + patch;
  }

  /** Returns the version, such as {@code 2.16.1}. */
  @Override
  public String toString() {
    return isAny() ? "(any)" : major + "." + minor + "." + patch;
  }
}
