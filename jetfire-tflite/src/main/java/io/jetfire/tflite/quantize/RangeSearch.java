package io.jetfire.tflite.quantize;

/** Shrinks a range from both ends as long as that lowers an error. */
final class RangeSearch {
  private static final int STEPS = 36;
  private static final double LEAST = 0.3;

  private RangeSearch() {}

  /** The error of a candidate. */
  interface Error {
    double of(double lo, double hi);
  }

  static Range search(Range whole, Error error) {
    return search(whole, error, LEAST);
  }

  /**
   * Searches.
   *
   * @param whole the range to start with; zero stays inside
   * @param error what is minimized
   * @param least the smallest share of each end that is tried
   */
  static Range search(Range whole, Error error, double least) {
    double lo = Math.min(0, whole.min());
    double hi = Math.max(0, whole.max());
    double bestLo = lo;
    double bestHi = hi;
    double best = error.of(lo, hi);
    for (int round = 0; round < 2; round++) {
      for (int s = 0; s < STEPS && hi > 0; s++) {
        double candidate = hi * (least + (1 - least) * s / (STEPS - 1));
        double e = error.of(bestLo, candidate);
        if (e < best) {
          best = e;
          bestHi = candidate;
        }
      }
      for (int s = 0; s < STEPS && lo < 0; s++) {
        double candidate = lo * (least + (1 - least) * s / (STEPS - 1));
        double e = error.of(candidate, bestHi);
        if (e < best) {
          best = e;
          bestLo = candidate;
        }
      }
    }
    return new Range((float) bestLo, (float) bestHi);
  }
}
