package io.jetfire;

import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/**
 * From a model's output tensors to what they mean: one definition for host evaluation, devices and
 * replay.
 *
 * <pre>{@code
 * OutputDecoder classes = OutputDecoder.softmax();
 * OutputDecoder boxes = OutputDecoder.ssd(SsdAnchors.builder()
 *     .level(12, 12, List.of(0.2), List.of(1.0)).build()).scoreThreshold(0.4).nms(0.5);
 * }</pre>
 *
 * <p>Implementations are immutable and thread-safe. Output tensors come as FLOAT32, in the model's
 * order, quantized ones as the real numbers they stand for.
 */
public sealed interface OutputDecoder {

  /**
   * Decodes the outputs for one sample.
   *
   * @param outputs FLOAT32, in the model's order
   * @return what they mean
   * @throws DataException if number or shapes of the outputs do not fit
   */
  Prediction decode(List<Tensor> outputs);

  /**
   * Decodes the first output as one score per class, as it is.
   *
   * @return a decoder for outputs that are probabilities already
   */
  static OutputDecoder scores() {
    return new Classes(false);
  }

  /**
   * Decodes the first output as one logit per class.
   *
   * @return a decoder that gives probabilities
   */
  static OutputDecoder softmax() {
    return new Classes(true);
  }

  /**
   * Decodes the two outputs of a single-shot detector, in either order: class logits [1, anchors,
   * classes + 1], background first, and box codes [1, anchors, 4].
   *
   * @param anchors the anchors of the boxes
   * @return a decoder with a score threshold of 0.3, suppression at 0.5, and at most 100 boxes
   */
  static Ssd ssd(SsdAnchors anchors) {
    return new Ssd(anchors, 0.3, 0.5, 100);
  }

  /**
   * Decodes with code of the user's own, known by name. Devices cannot execute it.
   *
   * @param name what it is called, with its version
   * @param function from the outputs to what they mean
   * @return the decoder
   */
  static OutputDecoder function(String name, Function<List<Tensor>, Prediction> function) {
    return new Custom(name, function);
  }

  /**
   * Decodes one score per class.
   *
   * @param softmax whether the output holds logits
   */
  record Classes(boolean softmax) implements OutputDecoder {
    @Override
    public Prediction decode(List<Tensor> outputs) {
      if (outputs.isEmpty() || outputs.get(0).elementCount() == 0) {
        throw new DataException(
            "A classification needs an output with one number per class, but the model gave "
                + outputs);
      }
      float[] scores = outputs.get(0).toFloatArray();
      if (softmax) {
        Ssd.softmax(scores, 0, scores.length);
      }
      Float[] boxed = new Float[scores.length];
      for (int i = 0; i < scores.length; i++) {
        boxed[i] = scores[i];
      }
      return new Prediction.Scores(List.of(boxed));
    }
  }

  /**
   * Decodes a single-shot detector.
   *
   * @param anchors the anchors of the boxes
   * @param scoreThreshold the least score of a detection
   * @param iouThreshold boxes of one class that overlap a better one more than this are dropped
   * @param maxDetections how many to keep at most
   */
  record Ssd(SsdAnchors anchors, double scoreThreshold, double iouThreshold, int maxDetections)
      implements OutputDecoder {

    /** Checks the numbers. */
    public Ssd {
      Problems problems = new Problems("The SSD decoder");
      problems.check(
          scoreThreshold >= 0 && scoreThreshold <= 1, "the score threshold is from 0 to 1");
      problems.check(iouThreshold >= 0 && iouThreshold <= 1, "the IoU threshold is from 0 to 1");
      problems.check(maxDetections >= 1, "at least one detection must be kept");
      problems.raise();
    }

    /**
     * Returns this decoder with another score threshold.
     *
     * @param value from 0 to 1
     * @return the decoder
     */
    public Ssd scoreThreshold(double value) {
      return new Ssd(anchors, value, iouThreshold, maxDetections);
    }

    /**
     * Returns this decoder with another threshold for non-maximum suppression.
     *
     * @param iou from 0 to 1
     * @return the decoder
     */
    public Ssd nms(double iou) {
      return new Ssd(anchors, scoreThreshold, iou, maxDetections);
    }

    /**
     * Returns this decoder with another number of detections.
     *
     * @param count how many to keep at most
     * @return the decoder
     */
    public Ssd maxDetections(int count) {
      return new Ssd(anchors, scoreThreshold, iouThreshold, count);
    }

    @Override
    public Prediction decode(List<Tensor> outputs) {
      return SsdDecoding.decode(this, outputs);
    }

    static void softmax(float[] v, int from, int to) {
      float max = Float.NEGATIVE_INFINITY;
      for (int i = from; i < to; i++) {
        max = Math.max(max, v[i]);
      }
      float sum = 0;
      for (int i = from; i < to; i++) {
        v[i] = (float) Math.exp(v[i] - max);
        sum += v[i];
      }
      for (int i = from; i < to; i++) {
        v[i] /= sum;
      }
    }
  }

  /**
   * Decodes with code of the user's own.
   *
   * @param name what it is called, with its version
   * @param function from the outputs to what they mean
   */
  record Custom(String name, Function<List<Tensor>, Prediction> function) implements OutputDecoder {
    @Override
    public Prediction decode(List<Tensor> outputs) {
      return function.apply(outputs);
    }

    @Override
    public boolean equals(Object o) {
      return o instanceof Custom c && name.equals(c.name);
    }

    @Override
    public int hashCode() {
      return Objects.hash(name);
    }
  }
}
