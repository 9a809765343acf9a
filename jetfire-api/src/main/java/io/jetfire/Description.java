package io.jetfire;

import io.jetfire.internal.Engine;

/**
 * An immutable description of work: it can be logged, hashed, stored as JSON, compared and reused.
 *
 * <p>JSON and fingerprints are made by {@code jetfire-core}, which must be on the class path.
 */
public sealed interface Description permits Converter, DeviceRun, Evaluation, Experiment {

  /**
   * Writes this description as JSON. User code and datasets are referred to by name and content.
   *
   * @return JSON with keys in a fixed order, indented
   */
  default String toJson() {
    return Engine.find().toJson(this);
  }

  /**
   * Returns what identifies this description: the SHA-256 of its compact JSON. Models and datasets
   * enter it by the hash of their content, so the first call may read them.
   *
   * @return 64 hexadecimal digits
   */
  default String fingerprint() {
    return Engine.find().fingerprint(this);
  }

  /**
   * Reads a description from JSON.
   *
   * @param type what it describes
   * @param json what {@link #toJson()} wrote
   * @param references the datasets and the user code that the JSON refers to
   * @param <T> what it describes
   * @return the description
   * @throws ConfigurationException if the JSON is not of that form, or refers to something that is
   *     missing; all missing references are named
   */
  static <T extends Description> T fromJson(Class<T> type, String json, References references) {
    return Engine.find().fromJson(type, json, references);
  }
}
