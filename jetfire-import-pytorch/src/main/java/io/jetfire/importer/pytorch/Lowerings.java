package io.jetfire.importer.pytorch;

import java.util.HashMap;
import java.util.Map;

/** The table of all operators. */
final class Lowerings {
  private Lowerings() {}

  static Map<String, Lowering> all() {
    Map<String, Lowering> ops = new HashMap<>();
    PointwiseOps.register(ops);
    ArithmeticOps.register(ops);
    ViewOps.register(ops);
    IndexOps.register(ops);
    CreationOps.register(ops);
    ReductionOps.register(ops);
    MatrixOps.register(ops);
    ConvolutionOps.register(ops);
    NormalizationOps.register(ops);
    RecurrentOps.register(ops);
    ResizeOps.register(ops);
    QuantizationOps.register(ops);
    SymbolOps.register(ops);
    CompositeOps.register(ops);
    ControlOps.register(ops);
    return ops;
  }
}
