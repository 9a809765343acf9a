package io.jetfire.importer.onnx;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.Map;
import java.util.function.UnaryOperator;

/** Operators that compute each element from the elements at its place. */
final class ElementwiseOps {
  private ElementwiseOps() {}

  static void register(Map<String, Lowering> ops) {
    builtin(ops, "Ceil", OpKind.CEIL);
    builtin(ops, "Cos", OpKind.COS);
    builtin(ops, "Elu1", OpKind.ELU);
    builtin(ops, "Exp", OpKind.EXP);
    builtin(ops, "Floor", OpKind.FLOOR);
    builtin(ops, "HardSwish", OpKind.HARD_SWISH);
    builtin(ops, "Log", OpKind.LOG);
    builtin(ops, "Neg", OpKind.NEG);
    builtin(ops, "Relu", OpKind.RELU);
    builtin(ops, "Round", OpKind.ROUND);
    builtin(ops, "Sigmoid", OpKind.LOGISTIC);
    builtin(ops, "Sin", OpKind.SIN);
    builtin(ops, "Sqrt", OpKind.SQRT);
    builtin(ops, "Tanh", OpKind.TANH);
    ops.remove("Elu1");
    ops.put("Abs", n -> n.out(n.b.abs(n.in(0))));
    ops.put("Add", n -> n.out(n.b.add(n.in(0), legacyBroadcast(n))));
    ops.put("Sub", n -> n.out(n.b.sub(n.in(0), legacyBroadcast(n))));
    ops.put("Mul", n -> n.out(n.b.mul(n.in(0), legacyBroadcast(n))));
    ops.put("Div", n -> n.out(n.b.div(n.in(0), legacyBroadcast(n))));
    ops.put("Pow", n -> n.out(Functions.pow(n.b, n.in(0), n.in(1))));
    ops.put("And", n -> n.out(n.b.and(n.in(0), n.in(1))));
    ops.put("Or", n -> n.out(n.b.or(n.in(0), n.in(1))));
    ops.put("Not", n -> n.out(n.b.not(n.in(0))));
    ops.put("Xor", n -> n.out(n.b.compare(OpKind.NOT_EQUAL, n.in(0), n.in(1))));
    ops.put("Equal", n -> n.out(n.b.compare(OpKind.EQUAL, n.in(0), n.in(1))));
    ops.put("Greater", n -> n.out(n.b.compare(OpKind.GREATER, n.in(0), n.in(1))));
    ops.put("GreaterOrEqual", n -> n.out(n.b.compare(OpKind.GREATER_EQUAL, n.in(0), n.in(1))));
    ops.put("Less", n -> n.out(n.b.compare(OpKind.LESS, n.in(0), n.in(1))));
    ops.put("LessOrEqual", n -> n.out(n.b.compare(OpKind.LESS_EQUAL, n.in(0), n.in(1))));
    ops.put("Max", n -> n.out(fold(n, OpKind.MAXIMUM)));
    ops.put("Min", n -> n.out(fold(n, OpKind.MINIMUM)));
    ops.put("Sum", n -> n.out(fold(n, OpKind.ADD)));
    ops.put("Mean", n -> n.out(n.b.mul(fold(n, OpKind.ADD), 1.0 / n.inputs())));
    ops.put("Identity", n -> n.out(n.in(0)));
    ops.put("Cast", n -> n.out(castTo(n, n.in(0), n.integer("to", OnnxTensor.FLOAT))));
    ops.put("CastLike", n -> n.out(Functions.cast(n.b, n.in(0), n.in(1).type())));
    ops.put("Dropout", ElementwiseOps::dropout);
    ops.put("Clip", ElementwiseOps::clip);
    ops.put("Where", n -> n.out(n.b.select(n.in(0), n.in(1), n.in(2))));
    ops.put("Mod", ElementwiseOps::mod);
    ops.put("BitShift", ElementwiseOps::shift);
    ops.put("BitwiseXor", n -> n.out(n.b.binary(OpKind.BITWISE_XOR, n.in(0), n.in(1))));
    ops.put("BitwiseNot", n -> n.out(n.b.sub(n.b.scalar(n.in(0).type(), -1), n.in(0))));
    ops.put("PRelu", ElementwiseOps::prelu);
    ops.put("LeakyRelu", n -> n.out(Functions.leakyRelu(n.b, n.in(0), n.real("alpha", 0.01f))));
    floats(ops, "Reciprocal", n -> x -> Functions.reciprocal(n.b, x));
    floats(ops, "Erf", n -> x -> Functions.erf(n.b, x));
    floats(
        ops,
        "Gelu",
        n -> x -> Functions.gelu(n.b, x, n.text("approximate", "none").equals("tanh")));
    floats(ops, "Elu", n -> x -> Functions.elu(n.b, x, n.real("alpha", 1)));
    floats(
        ops,
        "Selu",
        n ->
            x ->
                n.b.mul(
                    Functions.elu(n.b, x, n.real("alpha", 1.67326319217681884765625f)),
                    n.real("gamma", 1.05070102214813232421875f)));
    floats(
        ops,
        "Celu",
        n -> {
          float alpha = n.real("alpha", 1);
          return x -> n.b.mul(n.b.unary(OpKind.ELU, n.b.mul(x, 1 / alpha)), alpha);
        });
    floats(
        ops,
        "HardSigmoid",
        n ->
            x -> {
              float alpha = n.real("alpha", 0.2f);
              float beta = n.real("beta", 0.5f);
              return Math.abs(alpha * 6 - 1) < 1e-6 && beta == 0.5f
                  ? Functions.hardSigmoid(n.b, x)
                  : n.b.clamp(n.b.add(n.b.mul(x, alpha), beta), 0, 1);
            });
    floats(ops, "Softplus", n -> x -> Functions.softplus(n.b, x));
    floats(ops, "Softsign", n -> x -> n.b.div(x, n.b.add(n.b.abs(x), 1)));
    floats(ops, "Mish", n -> x -> Functions.mish(n.b, x));
    floats(
        ops,
        "Swish",
        n -> x -> n.b.mul(x, n.b.unary(OpKind.LOGISTIC, n.b.mul(x, n.real("alpha", 1)))));
    floats(ops, "Tan", n -> x -> Functions.tan(n.b, x));
    floats(ops, "Sinh", n -> x -> Functions.sinh(n.b, x));
    floats(ops, "Cosh", n -> x -> Functions.cosh(n.b, x));
    floats(ops, "Asinh", n -> x -> Functions.asinh(n.b, x));
    floats(ops, "Acosh", n -> x -> Functions.acosh(n.b, x));
    floats(ops, "Atanh", n -> x -> Functions.atanh(n.b, x));
    floats(ops, "Atan", n -> x -> Functions.atan(n.b, x));
    floats(ops, "Asin", n -> x -> Functions.asin(n.b, x));
    floats(ops, "Acos", n -> x -> Functions.acos(n.b, x));
    floats(
        ops,
        "ThresholdedRelu",
        n ->
            x ->
                n.b.mul(
                    x,
                    n.b.cast(
                        n.b.compare(OpKind.GREATER, x, n.b.scalar(n.real("alpha", 1))),
                        ElementType.FLOAT32)));
    floats(ops, "Shrink", n -> x -> shrink(n, x));
    ops.put("Sign", n -> n.out(Functions.sign(n.b, n.in(0))));
    ops.put("IsNaN", n -> n.out(n.b.compare(OpKind.NOT_EQUAL, n.in(0), n.in(0))));
    ops.put("IsInf", ElementwiseOps::isInf);
  }

  private static void builtin(Map<String, Lowering> ops, String name, OpKind kind) {
    ops.put(name, n -> n.out(n.b.unary(kind, n.in(0))));
  }

  /** A composition that is defined for floats; integers are computed as floats. */
  private static void floats(
      Map<String, Lowering> ops,
      String name,
      java.util.function.Function<Node, UnaryOperator<Value>> f) {
    ops.put(
        name,
        n -> {
          Value x = n.in(0);
          Value y = f.apply(n).apply(n.b.cast(x, ElementType.FLOAT32));
          n.out(n.b.cast(y, x.type()));
        });
  }

  private static Value shrink(Node n, Value x) {
    float lambda = n.real("lambd", 0.5f);
    float bias = n.real("bias", 0);
    Value zero = n.b.mul(x, 0);
    Value above = n.b.compare(OpKind.GREATER, x, n.b.scalar(lambda));
    Value below = n.b.compare(OpKind.LESS, x, n.b.scalar(-lambda));
    return n.b.select(above, n.b.add(x, -bias), n.b.select(below, n.b.add(x, bias), zero));
  }

  private static void isInf(Node n) {
    Value x = n.in(0);
    boolean positive = n.integer("detect_positive", 1) != 0;
    boolean negative = n.integer("detect_negative", 1) != 0;
    n.out(Functions.isInfinite(n.b, x, positive, negative));
  }

  private static Value fold(Node n, OpKind kind) {
    Value sum = n.in(0);
    for (int i = 1; i < n.inputs(); i++) {
      sum = n.b.binary(kind, sum, n.in(i));
    }
    return sum;
  }

  /** Operator sets before 7 broadcast by an attribute: the second operand's place is given. */
  private static Value legacyBroadcast(Node n) {
    Value y = n.in(1);
    if (n.opset >= 7 || n.integer("broadcast", 0) == 0) {
      return y;
    }
    Value x = n.in(0);
    int rank = n.rank(x);
    int axis = n.isSet("axis") ? n.axis(n.integer("axis", 0), rank) : rank - n.rank(y);
    int[] dims = new int[rank];
    java.util.Arrays.fill(dims, 1);
    for (int i = 0; i < y.shape().rank(); i++) {
      dims[axis + i] = y.shape().dim(i);
    }
    return n.b.reshape(y, dims);
  }

  private static void clip(Node n) {
    Value x = n.in(0);
    Value y = x;
    if (n.isSet("min")) {
      y = n.b.max(y, n.real("min", 0));
    } else if (n.has(1)) {
      y = n.b.binary(OpKind.MAXIMUM, y, n.in(1));
    }
    if (n.isSet("max")) {
      y = n.b.min(y, n.real("max", 0));
    } else if (n.has(2)) {
      y = n.b.binary(OpKind.MINIMUM, y, n.in(2));
    }
    n.out(y);
  }

  private static void dropout(Node n) {
    boolean training = false;
    if (n.has(2)) {
      Value mode = n.in(2);
      if (!mode.isConstant()) {
        throw new Refusal(
            "its training mode (" + n.proto.inputs().get(2) + ") is computed while the model runs",
            "export the model for inference");
      }
      training = mode.longs()[0] != 0;
    }
    float ratio = 0.5f;
    if (training && n.has(1)) {
      ratio = n.knownFloat(1, "ratio");
    }
    if (training && ratio != 0) {
      throw new Refusal("it drops elements at random", "export the model for inference");
    }
    n.out(n.in(0));
    if (n.wants(1)) {
      Value x = n.in(0);
      Value mask =
          x.shape().isStatic()
              ? n.b.filled(ElementType.BOOL, 1, x.shape().dims())
              : n.b.emit(
                  Op.of(OpKind.FILL).inputs(n.b.shapeOf(x), n.b.scalar(ElementType.BOOL, 1)));
      n.out(1, n.opset < 7 ? n.b.cast(mask, x.type()) : mask);
    }
  }

  private static void mod(Node n) {
    Value x = n.in(0);
    Value y = n.in(1);
    if (n.integer("fmod", 0) == 0) {
      n.out(n.b.binary(OpKind.FLOOR_MOD, x, y));
      return;
    }
    n.out(Functions.remainder(n.b, x, y));
  }

  private static void shift(Node n) {
    Value x = n.in(0);
    Value by = n.in(1);
    if (n.text("direction", "").equals("LEFT")) {
      Value two = n.b.scalar(ElementType.INT32, 2);
      Value power = n.b.emit(Op.of(OpKind.POW).inputs(two, n.b.cast(by, ElementType.INT32)));
      n.out(n.b.mul(x, n.b.cast(power, x.type())));
      return;
    }
    if (x.type() == ElementType.INT64) {
      // No 64-bit shift: what it holds here is unsigned, so dividing is the same.
      Value two = n.b.scalar(ElementType.INT32, 2);
      Value power = n.b.emit(Op.of(OpKind.POW).inputs(two, n.b.cast(by, ElementType.INT32)));
      n.out(n.b.div(x, n.b.cast(power, x.type())));
      return;
    }
    n.out(n.b.binary(OpKind.RIGHT_SHIFT, x, by));
  }

  private static void prelu(Node n) {
    Value x = n.in(0);
    Value slope = n.in(1);
    n.requireFloat(x);
    int rank = n.rank(x);
    if (slope.shape().hasRank() && slope.shape().rank() < rank) {
      int[] dims = new int[rank];
      java.util.Arrays.fill(dims, 1);
      int own = slope.shape().rank();
      for (int i = 0; i < own; i++) {
        dims[rank - own + i] = slope.shape().dim(i);
      }
      // Before operator set 9 a vector meant one slope per channel.
      if (own == 1 && n.opset < 9 && rank > 2) {
        java.util.Arrays.fill(dims, 1);
        dims[1] = slope.shape().dim(0);
      }
      slope = n.b.reshape(slope, dims);
    }
    n.out(Functions.prelu(n.b, x, slope));
  }

  // ---- casts

  static Value castTo(Node n, Value x, int onnxType) {
    if (onnxType == OnnxTensor.BFLOAT16 && x.type() == ElementType.FLOAT32) {
      return roundedToBfloat16(n.b, x);
    }
    if (onnxType == OnnxTensor.FLOAT16 && x.type() == ElementType.FLOAT32) {
      return n.b.cast(
          n.b.emit(
              Op.of(OpKind.CAST)
                  .set("in_data_type", x.type())
                  .set("out_data_type", ElementType.FLOAT16)
                  .inputs(x)),
          ElementType.FLOAT32);
    }
    return Functions.cast(n.b, x, Types.of(onnxType));
  }

  /** Rounds to the upper 16 bits, to nearest even, in integer arithmetic on the bits. */
  private static Value roundedToBfloat16(Build b, Value x) {
    Value bits = bitcast(b, x, ElementType.INT32);
    Value high = b.binary(OpKind.RIGHT_SHIFT, bits, b.scalar(ElementType.INT32, 16));
    Value half = b.binary(OpKind.RIGHT_SHIFT, bits, b.scalar(ElementType.INT32, 17));
    Value odd = b.sub(high, b.mul(half, 2));
    Value rounded = b.add(b.add(bits, odd), 0x7fff);
    Value kept =
        b.mul(b.binary(OpKind.RIGHT_SHIFT, rounded, b.scalar(ElementType.INT32, 16)), 65536);
    Value y = bitcast(b, kept, ElementType.FLOAT32);
    // NaN may lose its mantissa on the way.
    return b.select(b.compare(OpKind.NOT_EQUAL, x, x), x, y);
  }

  private static Value bitcast(Build b, Value x, ElementType to) {
    Value out = b.subgraph().addValue(x.name() + "/bits", to, x.shape());
    b.subgraph().append(Op.of(OpKind.BITCAST).inputs(x).outputs(out));
    return out;
  }
}
