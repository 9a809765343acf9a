package io.jetfire.importer.tensorflow;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.Map;
import java.util.function.BiFunction;

/** Operators on single elements, broadcast. */
final class ElementwiseOps {
  private ElementwiseOps() {}

  static void register(Map<String, Lowering> ops) {
    kinds(
        ops,
        "Abs ABS Neg NEG Exp EXP Log LOG Sqrt SQRT Rsqrt RSQRT Sin SIN Cos COS Floor FLOOR"
            + " Ceil CEIL Round ROUND Rint ROUND Relu RELU Relu6 RELU6 Tanh TANH"
            + " Sigmoid LOGISTIC");
    unary(ops, "Square", Build::square);
    unary(ops, "Sign", Functions::sign);
    unary(ops, "Reciprocal", Functions::reciprocal);
    unary(ops, "Inv", Functions::reciprocal);
    unary(ops, "Elu", (b, x) -> Functions.elu(b, x, 1));
    unary(ops, "Selu", (b, x) -> Activations.apply(b, "selu", x, false));
    unary(ops, "Softplus", Functions::softplus);
    unary(ops, "Softsign", (b, x) -> b.div(x, b.add(b.abs(x), 1)));
    unary(ops, "Erf", Functions::erf);
    unary(ops, "Erfc", (b, x) -> b.sub(b.scalar(1), Functions.erf(b, x)));
    unary(ops, "Log1p", (b, x) -> Functions.log(b, b.add(x, 1)));
    unary(ops, "Expm1", (b, x) -> b.add(Functions.exp(b, x), -1));
    unary(ops, "Tan", Functions::tan);
    unary(ops, "Asin", Functions::asin);
    unary(ops, "Acos", Functions::acos);
    unary(ops, "Atan", Functions::atan);
    unary(ops, "Sinh", Functions::sinh);
    unary(ops, "Cosh", Functions::cosh);
    unary(ops, "Asinh", Functions::asinh);
    unary(ops, "Acosh", Functions::acosh);
    unary(ops, "Atanh", Functions::atanh);
    unary(ops, "LogicalNot", Build::not);
    unary(ops, "IsNan", (b, x) -> b.compare(OpKind.NOT_EQUAL, x, x));
    unary(ops, "IsInf", (b, x) -> Functions.isInfinite(b, x, true, true));
    unary(
        ops,
        "IsFinite",
        (b, x) -> b.compare(OpKind.LESS_EQUAL, b.abs(x), b.scalar(Float.MAX_VALUE)));
    unary(ops, "ZerosLike", ElementwiseOps::zeros);
    unary(ops, "OnesLike", (b, x) -> b.add(zeros(b, x), 1));
    ops.put("LeakyRelu", n -> n.out(Functions.leakyRelu(n.b, n.in(0), n.real("alpha", 0.2f))));
    binary(ops, "Add AddV2", ElementwiseOps::add);
    binary(ops, "Sub", Build::sub);
    binary(ops, "Mul", Build::mul);
    binary(ops, "Div RealDiv TruncateDiv", Build::div);
    binary(ops, "FloorDiv", ElementwiseOps::floorDiv);
    binary(ops, "FloorMod Mod", (b, x, y) -> b.binary(OpKind.FLOOR_MOD, x, y));
    binary(ops, "TruncateMod", Functions::remainder);
    binary(ops, "Maximum", (b, x, y) -> b.binary(OpKind.MAXIMUM, x, y));
    binary(ops, "Minimum", (b, x, y) -> b.binary(OpKind.MINIMUM, x, y));
    binary(ops, "Pow", Functions::pow);
    binary(ops, "SquaredDifference", (b, x, y) -> b.binary(OpKind.SQUARED_DIFFERENCE, x, y));
    binary(
        ops,
        "Atan2",
        // TFLite's kernel does not broadcast.
        (b, y, x) -> {
          boolean same = x.shape().isStatic() && x.shape().equals(y.shape());
          return same
              ? Functions.atan2(b, y, x)
              : Functions.atan2(b, b.add(y, b.mul(x, 0)), b.add(x, b.mul(y, 0)));
        });
    binary(ops, "DivNoNan", ElementwiseOps::divNoNan);
    binary(
        ops,
        "MulNoNan",
        (b, x, y) ->
            b.select(b.compare(OpKind.EQUAL, y, b.scalar(y.type(), 0)), zeros(b, y), b.mul(x, y)));
    binary(ops, "LogicalAnd", Build::and);
    binary(ops, "LogicalOr", Build::or);
    binary(ops, "BitwiseXor", (b, x, y) -> b.binary(OpKind.BITWISE_XOR, x, y));
    binary(ops, "RightShift", (b, x, y) -> b.binary(OpKind.RIGHT_SHIFT, x, y));
    binary(ops, "Xdivy", (b, x, y) -> guarded(b, x, b.div(x, y)));
    binary(ops, "Xlogy", (b, x, y) -> guarded(b, x, b.mul(x, Functions.log(b, y))));
    for (String name :
        new String[] {"Greater", "GreaterEqual", "Less", "LessEqual", "Equal", "NotEqual"}) {
      OpKind kind =
          OpKind.valueOf(
              name.replaceAll("([a-z])([A-Z])", "$1_$2").toUpperCase(java.util.Locale.ROOT));
      binary(ops, name, (b, x, y) -> b.compare(kind, x, y));
    }
    ops.put("BiasAdd", ElementwiseOps::bias);
    ops.put("BiasAddV1", ElementwiseOps::bias);
    ops.put("AddN", ElementwiseOps::sum);
    ops.put("AccumulateNV2", ElementwiseOps::sum);
    ops.put("Select", ElementwiseOps::select);
    ops.put("SelectV2", n -> n.out(n.b.select(n.in(0), n.in(1), n.in(2))));
    ops.put(
        "ClipByValue",
        n ->
            n.out(
                n.b.binary(OpKind.MINIMUM, n.b.binary(OpKind.MAXIMUM, n.in(0), n.in(1)), n.in(2))));
  }

  private static void kinds(Map<String, Lowering> ops, String pairs) {
    String[] words = pairs.split(" ");
    for (int i = 0; i < words.length; i += 2) {
      OpKind kind = OpKind.valueOf(words[i + 1]);
      unary(ops, words[i], (b, x) -> b.unary(kind, x));
    }
  }

  private static void unary(
      Map<String, Lowering> ops, String name, BiFunction<Build, Value, Value> f) {
    ops.put(name, n -> n.out(f.apply(n.b, n.in(0))));
  }

  /** An operator of two tensors. */
  private interface Binary {
    Value apply(Build b, Value x, Value y);
  }

  private static void binary(Map<String, Lowering> ops, String names, Binary f) {
    for (String name : names.split(" ")) {
      ops.put(name, n -> n.out(f.apply(n.b, n.in(0), n.in(1))));
    }
  }

  static Value zeros(Build b, Value x) {
    if (x.shape().isStatic() && x.shape().elementCount() <= 1 << 16) {
      return b.filled(x.type(), 0, x.shape().dims());
    }
    return b.emit(Op.of(OpKind.FILL).inputs(b.shapeOf(x), b.scalar(x.type(), 0)));
  }

  private static Value floorDiv(Build b, Value x, Value y) {
    ElementType type = x.type() == ElementType.FLOAT32 ? x.type() : ElementType.INT32;
    Value q = b.emit(Op.of(OpKind.FLOOR_DIV).inputs(b.cast(x, type), b.cast(y, type)));
    return b.cast(q, x.type());
  }

  private static Value divNoNan(Build b, Value x, Value y) {
    Value none = b.compare(OpKind.EQUAL, y, b.scalar(y.type(), 0));
    Value safe = b.select(none, b.scalar(y.type(), 1), y);
    return b.select(none, b.scalar(y.type(), 0), b.div(x, safe));
  }

  private static Value guarded(Build b, Value x, Value y) {
    return b.select(b.compare(OpKind.EQUAL, x, b.scalar(x.type(), 0)), b.scalar(x.type(), 0), y);
  }

  private static void bias(Node n) {
    Value x = n.in(0);
    int rank = Build.rank(x);
    Value bias = n.in(1);
    n.out(
        n.channelsFirst() && rank > 2 ? n.b.add(x, n.b.perChannel(bias, rank)) : add(n.b, x, bias));
  }

  /**
   * Adds; a bias on a reshaped layer is added before the reshape, where it becomes the layer's own.
   */
  private static Value add(Build b, Value x, Value y) {
    Op reshape = x.producer().orElse(null);
    if (reshape == null
        || reshape.kind() != OpKind.RESHAPE
        || !y.isConstant()
        || !x.shape().isStatic()
        || !y.shape().isStatic()
        || y.shape().rank() != 1) {
      return b.add(x, y);
    }
    Value inner = reshape.input(0);
    boolean layer =
        inner
            .producer()
            .map(
                op ->
                    switch (op.kind()) {
                      case CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, TRANSPOSE_CONV -> true;
                      default -> false;
                    })
            .orElse(false);
    int channels = y.shape().dim(0);
    boolean fits =
        inner.shape().isStatic()
            && x.shape().rank() > 0
            && x.shape().dim(-1) == channels
            && inner.shape().dim(-1) == channels;
    return layer && fits ? b.reshape(b.add(inner, y), x.shape().dims()) : b.add(x, y);
  }

  private static void sum(Node n) {
    Value sum = n.in(0);
    for (int i = 1; i < n.inputs(); i++) {
      sum = n.b.add(sum, n.in(i));
    }
    n.out(sum);
  }

  /** The old select: a vector as condition chooses rows. */
  private static void select(Node n) {
    Value c = n.in(0);
    Value x = n.in(1);
    int rank = Build.rank(x);
    if (Build.rank(c) == 1 && rank > 1) {
      int[] dims = new int[rank];
      java.util.Arrays.fill(dims, 1);
      dims[0] = -1;
      c = n.b.reshape(c, dims);
    } else if (Build.rank(c) != 0 && Build.rank(c) != rank) {
      throw new Refusal("a condition of " + c.shape() + " for " + x.shape(), "use tf.where");
    }
    n.out(n.b.select(c, x, n.in(2)));
  }
}
