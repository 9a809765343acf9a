package io.jetfire.adapter.djl.internal.training;

import java.util.LinkedHashMap;
import java.util.Map;

/** Weighted means by name. */
final class Means {
  private final Map<String, double[]> sums = new LinkedHashMap<>();

  void add(String name, double value, double weight) {
    double[] sum = sums.computeIfAbsent(name, n -> new double[2]);
    sum[0] += value * weight;
    sum[1] += weight;
  }

  boolean isEmpty() {
    return sums.isEmpty();
  }

  double mean(String name) {
    double[] sum = sums.getOrDefault(name, new double[2]);
    return sum[0] / sum[1];
  }

  /** Puts all means but the loss, which has a place of its own. */
  void into(Map<String, Double> metrics, String prefix) {
    sums.forEach(
        (name, sum) -> {
          if (!name.equals("loss")) {
            metrics.put(prefix + name, sum[0] / sum[1]);
          }
        });
  }
}
