package io.jetfire;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What became of one variant on the host.
 *
 * @param variant its name
 * @param converted the file, unless the conversion failed
 * @param failure what went wrong, if something did
 * @param evaluations what was measured, by delegate
 */
public record VariantResult(
    String variant,
    Optional<ConvertedModel> converted,
    Optional<String> failure,
    Map<Delegate, EvaluationResult> evaluations) {

  /** Copies the map. */
  public VariantResult {
    evaluations = Collections.unmodifiableMap(new LinkedHashMap<>(evaluations));
  }

  /**
   * Returns the evaluation that stands for the variant: with the first delegate that was asked for.
   *
   * @return empty if it was not evaluated
   */
  public Optional<EvaluationResult> evaluation() {
    return evaluations.values().stream().findFirst();
  }
}
