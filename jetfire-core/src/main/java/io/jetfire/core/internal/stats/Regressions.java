package io.jetfire.core.internal.stats;

import io.jetfire.Comparison;
import io.jetfire.Samples;
import java.util.List;

/** Comparisons of any percentile, for gates. */
public final class Regressions {
  private Regressions() {}

  /**
   * Compares a percentile of two runs.
   *
   * @param baseline what was, one per session
   * @param candidate what is, one per session
   * @param margin the relative difference that does not count
   * @param percent the percentile
   * @return the comparison
   */
  public static Comparison compare(
      List<Samples> baseline, List<Samples> candidate, double margin, int percent) {
    return Comparisons.of(baseline, candidate, margin, percent);
  }

  /**
   * Confirms a comparison by that of a re-run.
   *
   * @param first the first comparison
   * @param second the comparison of the re-run
   * @return the second one if both agree, else CANNOT_TELL with both reasons
   */
  public static Comparison confirm(Comparison first, Comparison second) {
    return Comparisons.confirm(first, second);
  }
}
