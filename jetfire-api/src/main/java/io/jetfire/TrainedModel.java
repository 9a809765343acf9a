package io.jetfire;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a training run gave: a model file that can be evaluated and converted, and how it came
 * about.
 *
 * @param model the file, content-addressed
 * @param epochs loss and metrics of each epoch, in order
 * @param properties versions, seed, duration and whatever else the backend wants recorded
 */
public record TrainedModel(Model model, List<Epoch> epochs, Map<String, String> properties) {

  /** Copies the collections. */
  public TrainedModel {
    epochs = List.copyOf(epochs);
    properties = Collections.unmodifiableMap(new LinkedHashMap<>(properties));
  }

  /**
   * What was measured at the end of one epoch.
   *
   * @param number from 1
   * @param loss the mean training loss over the epoch's batches
   * @param metrics further metrics by name, such as {@code validation loss}
   */
  public record Epoch(int number, double loss, Map<String, Double> metrics) {
    /** Copies the map. */
    public Epoch {
      metrics = Collections.unmodifiableMap(new LinkedHashMap<>(metrics));
    }
  }
}
