package io.jetfire.tflite.quantize;

import io.jetfire.ConfigurationException;

/**
 * The oldest runtime that must execute a model.
 *
 * @param version such as {@code 2.16.1}
 */
record Target(String version) {
  Target {
    if (!version.matches("\\d+(\\.\\d+){1,3}")) {
      throw new ConfigurationException(
          "The target runtime is a version such as 2.16.1, but was '" + version + "'");
    }
  }

  boolean atLeast(String other) {
    String[] mine = version.split("\\.");
    String[] theirs = other.split("\\.");
    for (int i = 0; i < Math.max(mine.length, theirs.length); i++) {
      int a = i < mine.length ? Integer.parseInt(mine[i]) : 0;
      int b = i < theirs.length ? Integer.parseInt(theirs[i]) : 0;
      if (a != b) {
        return a > b;
      }
    }
    return true;
  }
}
