package io.jetfire.importer.tensorflow;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.Map;

/**
 * Simulated quantization, as quantization-aware training leaves it: ranges become parameters, by a
 * pair of QUANTIZE and DEQUANTIZE on activations and by rounded weights.
 *
 * <p>Nudging of the zero point is that of {@code fake_quant_ops_functor.h}.
 */
final class QuantizationOps {
  private QuantizationOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("FakeQuantWithMinMaxArgs", n -> n.out(fake(n, n.real("min", -6), n.real("max", 6))));
    ops.put(
        "FakeQuantWithMinMaxVars",
        n -> n.out(fake(n, n.knownFloat(1, "minimum"), n.knownFloat(2, "maximum"))));
    ops.put("FakeQuantWithMinMaxVarsPerChannel", n -> n.out(perChannel(n)));
    for (String name : new String[] {"QuantizeAndDequantizeV2", "QuantizeAndDequantizeV4"}) {
      ops.put(name, n -> n.out(symmetric(n)));
    }
    ops.put("QuantizeAndDequantizeV3", n -> n.out(symmetric(n)));
  }

  /** A nudged range: step size, and the integer that stands for 0. */
  private record Step(double scale, double zero, int low, int high) {
    static Step of(double min, double max, int bits, boolean narrow) {
      if (bits < 2 || bits > 16) {
        throw new Refusal("a quantization to " + bits + " bits", "use 2 to 16 bits");
      }
      if (!(min <= 0 && max >= 0 && max > min && Double.isFinite(max - min))) {
        throw new Refusal("a range from " + min + " to " + max, "use finite ranges that include 0");
      }
      int low = narrow ? 1 : 0;
      int high = (1 << bits) - 1;
      double scale = (max - min) / (high - low);
      double zero = Math.max(low, Math.min(high, Math.rint(low - min / scale)));
      return new Step(scale, zero, low, high);
    }

    float rounded(float x) {
      double lowest = (low - zero) * scale;
      double highest = (high - zero) * scale;
      double clamped = Math.max(lowest, Math.min(highest, x));
      return (float) (Math.floor((clamped - lowest) / scale + 0.5) * scale + lowest);
    }
  }

  private static Value fake(Node n, float min, float max) {
    Value x = n.in(0);
    Step s = Step.of(min, max, n.integer("num_bits", 8), n.flag("narrow_range", false));
    return applied(n, x, s, n.integer("num_bits", 8));
  }

  private static Value applied(Node n, Value x, Step s, int bits) {
    if (x.isConstant()) {
      float[] w = x.floats();
      for (int i = 0; i < w.length; i++) {
        w[i] = s.rounded(w[i]);
      }
      return n.b.floats(x.shape(), w);
    }
    if (bits == 8 && x.type() == ElementType.FLOAT32) {
      Value q = n.b.subgraph().addValue(n.def.name() + "/quantized", ElementType.INT8, x.shape());
      q.quantization(Quantization.perTensor((float) s.scale, (long) s.zero - 128));
      n.b.subgraph().append(Op.of(OpKind.QUANTIZE).inputs(x).outputs(q));
      return n.b.emit(Op.of(OpKind.DEQUANTIZE).inputs(q));
    }
    Value clamped = n.b.clamp(x, (s.low - s.zero) * s.scale, (s.high - s.zero) * s.scale);
    Value steps = n.b.unary(OpKind.ROUND, n.b.mul(clamped, 1 / s.scale));
    return n.b.mul(steps, s.scale);
  }

  private static Value perChannel(Node n) {
    Value x = n.in(0);
    Value low = n.in(1);
    Value high = n.in(2);
    if (!x.isConstant() || !low.isConstant() || !high.isConstant()) {
      throw new Refusal(
          "activations with one range per channel", "quantize activations per tensor");
    }
    float[] w = x.floats();
    float[] min = low.floats();
    float[] max = high.floats();
    Step[] steps = new Step[min.length];
    for (int c = 0; c < steps.length; c++) {
      steps[c] = Step.of(min[c], max[c], n.integer("num_bits", 8), n.flag("narrow_range", false));
    }
    if (steps.length == 0 || max.length != steps.length || w.length % steps.length != 0) {
      throw new Refusal("ranges of " + low.shape() + " for " + x.shape(), "export it anew");
    }
    for (int i = 0; i < w.length; i++) {
      w[i] = steps[i % steps.length].rounded(w[i]);
    }
    return n.b.floats(x.shape(), w);
  }

  /** Signed quantization with a given range, whose zero stays zero. */
  private static Value symmetric(Node n) {
    Value x = n.in(0);
    boolean third = n.def.op().endsWith("V3");
    int bits = third ? n.knownOne(3, "number of bits") : n.integer("num_bits", 8);
    if (!n.flag("signed_input", true) || n.integer("axis", -1) != -1) {
      throw new Refusal("unsigned or per-channel simulated quantization", "use fake_quant");
    }
    if (bits < 2 || bits > 16) {
      throw new Refusal("a quantization to " + bits + " bits", "use 2 to 16 bits");
    }
    if (!n.flag("range_given", third)) {
      throw new Refusal("a range that is measured while the model runs", "give it a range");
    }
    double min = n.knownFloat(1, "minimum");
    double max = n.knownFloat(2, "maximum");
    boolean narrow = n.flag("narrow_range", false);
    int lowest = narrow ? -(1 << (bits - 1)) + 1 : -(1 << (bits - 1));
    int highest = (1 << (bits - 1)) - 1;
    double scale = Math.max(min < 0 ? min / lowest : 0, max > 0 ? max / highest : 0);
    if (!(scale > 0) || Double.isInfinite(scale)) {
      throw new Refusal("a range from " + min + " to " + max, "use a range around 0");
    }
    int middle = 1 << (bits - 1);
    Step s = new Step(scale, middle, lowest + middle, highest + middle);
    Value y = applied(n, x, s, bits);
    return Build.rank(y) == Build.rank(x) ? y : n.b.reshape(y, shape(x.shape()));
  }

  private static int[] shape(Shape s) {
    return s.dims();
  }
}
