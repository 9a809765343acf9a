package io.jetfire.importer.tensorflow;

import java.util.HashMap;
import java.util.Map;

/** The table of all Keras layers. */
final class KerasLayers {
  private KerasLayers() {}

  static Map<String, KerasLayer> all() {
    Map<String, KerasLayer> layers = new HashMap<>();
    KerasConvolutions.register(layers);
    KerasElementwise.register(layers);
    KerasShapes.register(layers);
    KerasNormalizations.register(layers);
    KerasRecurrent.register(layers);
    KerasAttention.register(layers);
    return layers;
  }
}
