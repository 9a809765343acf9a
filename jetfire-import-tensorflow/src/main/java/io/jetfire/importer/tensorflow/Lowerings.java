package io.jetfire.importer.tensorflow;

import java.util.HashMap;
import java.util.Map;

/** The table of all operators. */
final class Lowerings {
  private Lowerings() {}

  static Map<String, Lowering> all() {
    Map<String, Lowering> ops = new HashMap<>();
    SourceOps.register(ops);
    ElementwiseOps.register(ops);
    ReductionOps.register(ops);
    ShapeOps.register(ops);
    IndexOps.register(ops);
    SpatialOps.register(ops);
    MatrixOps.register(ops);
    QuantizationOps.register(ops);
    ControlOps.register(ops);
    ListOps.register(ops);
    ComplexOps.register(ops);
    return ops;
  }
}
