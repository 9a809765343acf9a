package io.jetfire;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * What an evaluation measured.
 *
 * @param task what the model does
 * @param executor what executed it, such as {@code TensorFlow Lite 2.21.0, XNNPACK}
 * @param dataset the dataset's name
 * @param datasetFingerprint the dataset's fingerprint
 * @param samples how many samples were evaluated
 * @param primaryMetric which of the metrics is meant by accuracy
 * @param metrics by name: {@link #LOSS}, {@link #ACCURACY}, {@link #MACRO_PRECISION}, {@link
 *     #MACRO_RECALL}; for detection mAP, precision and recall at each IoU threshold; and how far
 *     outputs are from the source model's ({@link #OUTPUT_SQNR}, {@link #OUTPUT_MAX_ERROR})
 * @param classes per class, in the order of the labels
 * @param confusion how often label (row) was predicted as label (column); empty for detection
 */
public record EvaluationResult(
    Evaluation.Task task,
    String executor,
    String dataset,
    String datasetFingerprint,
    long samples,
    String primaryMetric,
    Map<String, Double> metrics,
    List<ClassResult> classes,
    List<List<Long>> confusion) {

  /** The mean loss over the samples. */
  public static final String LOSS = "loss";

  /** The share of samples whose best class is the true one. */
  public static final String ACCURACY = "accuracy";

  /** The mean over the classes of precision; classes without a prediction are left out. */
  public static final String MACRO_PRECISION = "macro precision";

  /** The mean over the classes of recall; classes without a sample are left out. */
  public static final String MACRO_RECALL = "macro recall";

  /**
   * Signal to quantization noise ratio in dB against the source model's outputs: {@code 10
   * log10(sum ref^2 / sum (ref - out)^2)} over all outputs of all samples.
   */
  public static final String OUTPUT_SQNR = "output SQNR (dB)";

  /** The largest difference to the source model's outputs, over their range. */
  public static final String OUTPUT_MAX_ERROR = "output max error / range";

  /** Copies the collections. */
  public EvaluationResult {
    metrics = Collections.unmodifiableMap(new LinkedHashMap<>(metrics));
    classes = List.copyOf(classes);
    confusion = List.copyOf(confusion);
  }

  /**
   * Returns the name of the mean over the classes of average precision.
   *
   * @param iou the threshold
   * @return such as {@code mAP@0.5}
   */
  public static String meanAveragePrecision(double iou) {
    return "mAP@" + threshold(iou);
  }

  /**
   * Returns the name of precision at an IoU threshold.
   *
   * @param iou the threshold
   * @return such as {@code precision@0.5}
   */
  public static String precision(double iou) {
    return "precision@" + threshold(iou);
  }

  /**
   * Returns the name of recall at an IoU threshold.
   *
   * @param iou the threshold
   * @return such as {@code recall@0.5}
   */
  public static String recall(double iou) {
    return "recall@" + threshold(iou);
  }

  private static String threshold(double iou) {
    String text = String.format(Locale.ROOT, "%.2f", iou);
    return text.endsWith("0") ? text.substring(0, text.length() - 1) : text;
  }

  /**
   * Returns the primary metric.
   *
   * @return its value, or empty if the data did not give it
   */
  public OptionalDouble primary() {
    return metric(primaryMetric);
  }

  /**
   * Returns one metric.
   *
   * @param name one of {@link #metrics()}
   * @return its value, or empty if the data did not give it
   */
  public OptionalDouble metric(String name) {
    Double value = metrics.get(name);
    return value == null ? OptionalDouble.empty() : OptionalDouble.of(value);
  }

  /**
   * What was measured for one class.
   *
   * @param label the class's name
   * @param samples how many true items it has
   * @param precision right predictions over predictions; empty if there is none
   * @param recall right predictions over true items; empty if there is none
   * @param averagePrecision for detection, at the lowest IoU threshold; else empty
   */
  public record ClassResult(
      String label,
      long samples,
      OptionalDouble precision,
      OptionalDouble recall,
      OptionalDouble averagePrecision) {}
}
