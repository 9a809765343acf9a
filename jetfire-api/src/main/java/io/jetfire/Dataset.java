package io.jetfire;

import java.util.List;
import java.util.OptionalLong;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Labelled samples as a stream, which may be larger than memory.
 *
 * <pre>{@code
 * Dataset digits = Dataset.of("digits", List.of("zero", "one"), List.of(
 *     Sample.of("a", Tensor.ofFloats(new float[] {1, 2}, 1, 2), Target.label(0))));
 * Dataset scenes = Dataset.streaming("scenes", "2026-11", List.of("cup"), () -> Stream.empty());
 * }</pre>
 *
 * <p>Every call of {@link #samples()} starts anew and gives the same samples in the same order.
 */
public interface Dataset {

  /**
   * Returns the name, under which the dataset is recorded.
   *
   * @return not blank
   */
  String name();

  /**
   * Returns what identifies the content: two datasets with equal fingerprints have equal samples.
   *
   * @return a hash or a version, not blank; may take one pass over the samples the first time
   */
  String fingerprint();

  /**
   * Returns the class names; the index in this list is the label.
   *
   * @return may be empty if there are no classes
   */
  List<String> labels();

  /**
   * Returns the number of samples where it is known without a pass over them.
   *
   * @return the number, or empty
   */
  OptionalLong size();

  /**
   * Opens the samples. The caller closes the stream.
   *
   * @return a new sequential stream
   */
  Stream<Sample> samples();

  /**
   * Returns the first samples of this dataset.
   *
   * @param count how many at most, at least 1
   * @return a dataset named after this one
   */
  default Dataset limit(long count) {
    return new Datasets.Limited(this, count);
  }

  /**
   * Makes a dataset of samples in memory; its fingerprint is a hash of their content.
   *
   * @param name the name, under which it is recorded
   * @param labels the class names; may be empty
   * @param samples the samples
   * @return the dataset
   */
  static Dataset of(String name, List<String> labels, List<Sample> samples) {
    return new Datasets.InMemory(name, labels, samples);
  }

  /**
   * Makes a dataset of samples that are produced anew for each pass.
   *
   * @param name the name, under which it is recorded
   * @param version what identifies the content; change it when the samples change
   * @param labels the class names; may be empty
   * @param samples opens the samples, the same ones in the same order each time
   * @return the dataset
   */
  static Dataset streaming(
      String name, String version, List<String> labels, Supplier<Stream<Sample>> samples) {
    return new Datasets.Streaming(name, version, labels, samples);
  }

  /**
   * Makes a dataset of samples that are produced anew for each pass, identified by a hash of their
   * content, which costs one pass when the fingerprint is first asked for.
   *
   * @param name the name, under which it is recorded
   * @param labels the class names; may be empty
   * @param samples opens the samples, the same ones in the same order each time
   * @return the dataset
   */
  static Dataset hashed(String name, List<String> labels, Supplier<Stream<Sample>> samples) {
    return new Datasets.Hashed(name, labels, samples);
  }
}
