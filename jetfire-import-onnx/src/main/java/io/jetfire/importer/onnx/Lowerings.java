package io.jetfire.importer.onnx;

import java.util.HashMap;
import java.util.Map;

/** The table of all operators. */
final class Lowerings {
  private Lowerings() {}

  static Map<String, Lowering> all() {
    Map<String, Lowering> ops = new HashMap<>();
    ElementwiseOps.register(ops);
    ShapeOps.register(ops);
    ConvolutionOps.register(ops);
    NormalizationOps.register(ops);
    ReductionOps.register(ops);
    MatrixOps.register(ops);
    ResizeOps.register(ops);
    QuantizationOps.register(ops);
    LossOps.register(ops);
    SignalOps.register(ops);
    SpectrumOps.register(ops);
    RegionOps.register(ops);
    RecurrentOps.register(ops);
    ControlOps.register(ops);
    return ops;
  }
}
