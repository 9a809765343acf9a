package io.jetfire;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A variant: what a conversion gave, and where it comes from.
 *
 * @param variant its name, the recipe's
 * @param recipe what was done to precision
 * @param model the file, content-addressed
 * @param sourceSha256 the hash of the model that was converted
 * @param notes what the user should know, such as operators left float and why
 * @param properties whatever should be recorded
 */
public record ConvertedModel(
    String variant,
    Recipe recipe,
    Model model,
    String sourceSha256,
    List<String> notes,
    Map<String, String> properties) {

  /** Copies the collections. */
  public ConvertedModel {
    notes = List.copyOf(notes);
    properties = Collections.unmodifiableMap(new LinkedHashMap<>(properties));
  }
}
