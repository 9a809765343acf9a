package io.jetfire;

import java.util.ArrayList;
import java.util.List;

/** Collects everything that is wrong with a description, to say it at once. */
final class Problems {
  private final String subject;
  private final List<String> found = new ArrayList<>();

  Problems(String subject) {
    this.subject = subject;
  }

  void check(boolean condition, String otherwise) {
    if (!condition) {
      found.add(otherwise);
    }
  }

  void raise() {
    if (!found.isEmpty()) {
      throw new ConfigurationException(subject + " cannot be built: " + String.join("; ", found));
    }
  }
}
