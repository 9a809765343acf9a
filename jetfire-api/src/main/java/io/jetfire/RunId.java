package io.jetfire;

/**
 * What identifies a run of an experiment, also in another JVM.
 *
 * @param value letters, digits and {@code -}
 */
public record RunId(String value) {
  /** Checks the form. */
  public RunId {
    if (!value.matches("[A-Za-z0-9-]{1,80}")) {
      throw new ConfigurationException(
          "A run id has 1 to 80 letters, digits and '-', but was '" + value + "'");
    }
  }

  @Override
  public String toString() {
    return value;
  }
}
