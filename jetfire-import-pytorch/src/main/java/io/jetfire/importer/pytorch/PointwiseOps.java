package io.jetfire.importer.pytorch;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Indexing;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;

/** Functions of one tensor that compute each element from the element at its place. */
final class PointwiseOps {
  private PointwiseOps() {}

  static void register(Map<String, Lowering> ops) {
    builtin(ops, "ceil", OpKind.CEIL);
    builtin(ops, "cos", OpKind.COS);
    builtin(ops, "exp", OpKind.EXP);
    builtin(ops, "floor", OpKind.FLOOR);
    builtin(ops, "hardswish", OpKind.HARD_SWISH);
    builtin(ops, "log", OpKind.LOG);
    builtin(ops, "rsqrt", OpKind.RSQRT);
    builtin(ops, "sigmoid", OpKind.LOGISTIC);
    builtin(ops, "sin", OpKind.SIN);
    builtin(ops, "sqrt", OpKind.SQRT);
    builtin(ops, "tanh", OpKind.TANH);
    ops.put("special_expit", ops.get("sigmoid"));
    typed(ops, "abs", Build::abs);
    typed(ops, "neg", Functions::negative);
    typed(ops, "sign", Functions::sign);
    typed(ops, "sgn", Functions::sign);
    typed(ops, "square", Build::square);
    typed(ops, "relu", (b, x) -> x.type().isFloat() ? b.unary(OpKind.RELU, x) : b.max(x, 0));
    typed(ops, "relu6", (b, x) -> x.type().isFloat() ? b.unary(OpKind.RELU6, x) : b.clamp(x, 0, 6));
    typed(ops, "positive", (b, x) -> x);
    typed(ops, "trunc", PointwiseOps::truncated);
    typed(ops, "fix", PointwiseOps::truncated);
    typed(ops, "frac", (b, x) -> b.sub(x, truncated(b, x)));
    floats(ops, "acos", Functions::acos);
    floats(ops, "acosh", Functions::acosh);
    floats(ops, "asin", Functions::asin);
    floats(ops, "asinh", Functions::asinh);
    floats(ops, "atan", Functions::atan);
    floats(ops, "atanh", Functions::atanh);
    floats(ops, "cosh", Functions::cosh);
    floats(ops, "sinh", Functions::sinh);
    floats(ops, "tan", Functions::tan);
    floats(ops, "erf", Functions::erf);
    floats(ops, "special_erf", Functions::erf);
    floats(ops, "erfc", (b, x) -> b.sub(b.scalar(1), Functions.erf(b, x)));
    floats(ops, "exp2", (b, x) -> Functions.exp(b, b.mul(x, Math.log(2))));
    floats(ops, "expm1", PointwiseOps::expm1);
    floats(ops, "log2", (b, x) -> b.mul(Functions.log(b, x), 1 / Math.log(2)));
    floats(ops, "log10", (b, x) -> b.mul(Functions.log(b, x), 1 / Math.log(10)));
    floats(ops, "log1p", PointwiseOps::log1p);
    floats(ops, "reciprocal", Functions::reciprocal);
    floats(ops, "deg2rad", (b, x) -> b.mul(x, Math.PI / 180));
    floats(ops, "rad2deg", (b, x) -> b.mul(x, 180 / Math.PI));
    floats(ops, "silu", (b, x) -> b.mul(x, Functions.sigmoid(b, x)));
    floats(ops, "mish", Functions::mish);
    floats(ops, "hardsigmoid", Functions::hardSigmoid);
    floats(ops, "softsign", (b, x) -> b.div(x, b.add(b.abs(x), 1)));
    floats(ops, "tanhshrink", (b, x) -> b.sub(x, b.unary(OpKind.TANH, x)));
    floats(
        ops,
        "log_sigmoid",
        (b, x) -> Functions.negative(b, Functions.softplus(b, Functions.negative(b, x))));
    ops.put("log_sigmoid_forward", ops.get("log_sigmoid"));
    floats(ops, "selu", PointwiseOps::selu);
    ops.put("round", PointwiseOps::round);
    ops.put(
        "gelu",
        c -> {
          boolean tanh = c.text("approximate", "none").equals("tanh");
          c.out(Functions.gelu(c.b, real(c), tanh));
        });
    ops.put("elu", PointwiseOps::elu);
    ops.put(
        "celu",
        c -> {
          double alpha = c.real("alpha", 1);
          c.out(c.b.mul(c.b.unary(OpKind.ELU, c.b.mul(real(c), 1 / alpha)), alpha));
        });
    ops.put(
        "leaky_relu",
        c -> c.out(Functions.leakyRelu(c.b, real(c), c.real("negative_slope", 0.01))));
    ops.put(
        "rrelu_with_noise_functional",
        c -> c.out(Functions.leakyRelu(c.b, real(c), rreluSlope(c))));
    ops.put("rrelu", c -> c.out(Functions.leakyRelu(c.b, real(c), rreluSlope(c))));
    ops.put("prelu", PointwiseOps::prelu);
    ops.put("_prelu_kernel", PointwiseOps::prelu);
    ops.put("softplus", PointwiseOps::softplus);
    ops.put("hardtanh", c -> clamp(c, c.real("min_val", -1), c.real("max_val", 1)));
    ops.put("clamp", PointwiseOps::clamp);
    ops.put("clip", PointwiseOps::clamp);
    ops.put("clamp_min", PointwiseOps::clamp);
    ops.put("clamp_max", PointwiseOps::clamp);
    ops.put("hardshrink", c -> shrink(c, false));
    ops.put("softshrink", c -> shrink(c, true));
    ops.put("threshold", PointwiseOps::threshold);
    ops.put("glu", PointwiseOps::glu);
    ops.put("logit", PointwiseOps::logit);
    ops.put("nan_to_num", PointwiseOps::nanToNum);
    ops.put("isnan", c -> c.out(isNan(c.b, c.self())));
    ops.put("isinf", c -> c.out(isInfinite(c)));
    ops.put("isfinite", c -> c.out(isFinite(c)));
    ops.put("logical_not", c -> c.out(c.b.not(Functions.cast(c.b, c.self(), ElementType.BOOL))));
    ops.put("bitwise_not", PointwiseOps::bitwiseNot);
    register(ops, "clone", "detach", "alias", "contiguous", "lift_fresh_copy", "lift_fresh");
    register(ops, "dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout");
    register(ops, "to", "_to_copy", "type_as", "native_dropout", "requires_grad", "lift");
    register(ops, "resolve_conj", "resolve_neg", "view_as_real_copy", "alias_copy", "detach_copy");
    ops.remove("view_as_real_copy");
  }

  /** Operators that change the type at most, and drop elements at random only while training. */
  private static void register(Map<String, Lowering> ops, String... names) {
    for (String name : names) {
      boolean drops = name.endsWith("dropout");
      ops.put(
          name,
          c -> {
            boolean off = c.real("p", 0.5) == 0 || !c.flag("train", c.flag("training", true));
            if (drops && !off) {
              throw new Refusal(
                  "it drops elements at random", "call model.eval() before exporting");
            }
            c.out(c.self());
          });
    }
  }

  private static Value real(Call c) {
    return c.b.cast(c.self(), ElementType.FLOAT32);
  }

  private static void builtin(Map<String, Lowering> ops, String name, OpKind kind) {
    boolean whole = kind == OpKind.CEIL || kind == OpKind.FLOOR;
    ops.put(
        name,
        c -> {
          boolean nothing = whole && !c.self().type().isFloat();
          c.out(nothing ? c.self() : c.b.unary(kind, real(c)));
        });
  }

  private static void typed(
      Map<String, Lowering> ops, String name, BiFunction<Build, Value, Value> f) {
    ops.put(name, c -> c.out(f.apply(c.b, c.self())));
  }

  private static void floats(
      Map<String, Lowering> ops, String name, BiFunction<Build, Value, Value> f) {
    ops.put(name, c -> c.out(f.apply(c.b, real(c))));
  }

  static Value truncated(Build b, Value x) {
    if (!x.type().isFloat()) {
      return x;
    }
    return b.mul(Functions.sign(b, x), b.unary(OpKind.FLOOR, b.abs(x)));
  }

  /** exp(x) - 1; near 0 by its series, where the difference would cancel. */
  private static Value expm1(Build b, Value x) {
    Value small = b.compare(OpKind.LESS, b.abs(x), b.scalar(0.01));
    Value series = b.mul(x, b.add(b.mul(x, b.add(b.mul(x, 1.0 / 6), 0.5)), 1));
    return b.select(small, series, b.add(Functions.exp(b, x), -1));
  }

  /** log(1 + x); near 0 by its series, where the sum would round. */
  private static Value log1p(Build b, Value x) {
    Value small = b.compare(OpKind.LESS, b.abs(x), b.scalar(0.01));
    Value series =
        b.mul(x, b.add(b.mul(x, b.add(b.mul(x, b.add(b.mul(x, -0.25), 1.0 / 3)), -0.5)), 1));
    return b.select(small, series, Functions.log(b, b.add(x, 1)));
  }

  private static Value selu(Build b, Value x) {
    return b.mul(Functions.elu(b, x, 1.6732632423543772), 1.0507009873554805);
  }

  private static void elu(Call c) {
    Value x = real(c);
    double alpha = c.real("alpha", 1);
    double scale = c.real("scale", 1);
    double inner = c.real("input_scale", 1);
    if (inner == 1) {
      Value y = Functions.elu(c.b, x, alpha);
      c.out(scale == 1 ? y : c.b.mul(y, scale));
      return;
    }
    Value negative = c.b.mul(c.b.unary(OpKind.ELU, c.b.mul(c.b.min(x, 0), inner)), alpha);
    c.out(c.b.mul(c.b.add(c.b.unary(OpKind.RELU, x), negative), scale));
  }

  private static double rreluSlope(Call c) {
    if (c.flag("training", false)) {
      throw new Refusal("its slopes are random", "call model.eval() before exporting");
    }
    return (c.real("lower", 0.125) + c.real("upper", 1.0 / 3)) / 2;
  }

  private static void prelu(Call c) {
    Value x = real(c);
    Value slope = c.tensor("weight");
    int rank = Build.rank(x);
    boolean perChannel = Build.rank(slope) == 1 && rank > 1;
    int[] ones = new int[rank];
    Arrays.fill(ones, 1);
    Value shaped =
        perChannel
            ? c.b.perChannel(slope, rank)
            : Build.rank(slope) < rank ? c.b.reshape(slope, ones) : slope;
    c.out(Functions.prelu(c.b, x, shaped));
  }

  private static void softplus(Call c) {
    Value x = real(c);
    double beta = c.real("beta", 1);
    double threshold = c.real("threshold", 20);
    Value scaled = beta == 1 ? x : c.b.mul(x, beta);
    Value y = Functions.softplus(c.b, scaled);
    y = beta == 1 ? y : c.b.mul(y, 1 / beta);
    // Beyond the usual threshold the function is its argument in float32 anyway.
    c.out(
        threshold >= 17
            ? y
            : c.b.select(c.b.compare(OpKind.GREATER, scaled, c.b.scalar(threshold)), x, y));
  }

  private static void clamp(Call c, double low, double high) {
    Value x = c.self();
    boolean real = x.type().isFloat();
    if (real && low == 0 && high == 6) {
      c.out(c.b.unary(OpKind.RELU6, x));
    } else if (real && low == -1 && high == 1) {
      c.out(c.b.unary(OpKind.RELU_N1_TO_1, x));
    } else {
      Value y = low == Double.NEGATIVE_INFINITY ? x : c.b.max(x, low);
      c.out(high == Double.POSITIVE_INFINITY ? y : c.b.min(y, high));
    }
  }

  private static void clamp(Call c) {
    boolean tensors = (c.has("min") && !c.isNumber("min")) || (c.has("max") && !c.isNumber("max"));
    if (!tensors && c.self().type() == c.outType()) {
      clamp(c, c.real("min", Double.NEGATIVE_INFINITY), c.real("max", Double.POSITIVE_INFINITY));
      return;
    }
    Value y = c.b.cast(c.self(), c.outType());
    if (c.has("min")) {
      y = c.b.binary(OpKind.MAXIMUM, y, c.operand("min", c.outType()));
    }
    c.out(c.has("max") ? c.b.binary(OpKind.MINIMUM, y, c.operand("max", c.outType())) : y);
  }

  private static void shrink(Call c, boolean soft) {
    Value x = real(c);
    double lambda = c.real("lambd", 0.5);
    Value zero = c.b.mul(x, 0);
    Value above = c.b.compare(OpKind.GREATER, x, c.b.scalar(lambda));
    Value below = c.b.compare(OpKind.LESS, x, c.b.scalar(-lambda));
    Value high = soft ? c.b.add(x, -lambda) : x;
    Value low = soft ? c.b.add(x, lambda) : x;
    c.out(c.b.select(above, high, c.b.select(below, low, zero)));
  }

  private static void threshold(Call c) {
    Value x = c.self();
    Value above = c.b.compare(OpKind.GREATER, x, c.operand("threshold", x.type()));
    c.out(c.b.select(above, x, c.operand("value", x.type())));
  }

  private static void glu(Call c) {
    Value x = real(c);
    int axis = Build.axis(c.integer("dim", -1), Build.rank(x));
    int half = Build.fixedFrom(x, axis)[axis] / 2;
    List<Value> parts = Indexing.split(c.b, x, axis, half, half);
    c.out(c.b.mul(parts.get(0), Functions.sigmoid(c.b, parts.get(1))));
  }

  private static void logit(Call c) {
    Value x = real(c);
    double eps = c.real("eps", -1);
    Value p = eps < 0 ? x : c.b.clamp(x, eps, 1 - eps);
    c.out(Functions.log(c.b, c.b.div(p, c.b.sub(c.b.scalar(1), p))));
  }

  private static void round(Call c) {
    Value x = c.self();
    int decimals = c.integer("decimals", 0);
    if (!x.type().isFloat()) {
      c.out(x);
    } else if (decimals == 0) {
      c.out(c.b.unary(OpKind.ROUND, x));
    } else {
      double scale = Math.pow(10, decimals);
      c.out(c.b.mul(c.b.unary(OpKind.ROUND, c.b.mul(x, scale)), 1 / scale));
    }
  }

  private static Value isNan(Build b, Value x) {
    return b.compare(OpKind.NOT_EQUAL, x, x);
  }

  private static Value isInfinite(Call c) {
    Value x = c.self();
    return x.type().isFloat()
        ? Functions.isInfinite(c.b, x, true, true)
        : c.b.compare(OpKind.NOT_EQUAL, x, x);
  }

  private static Value isFinite(Call c) {
    Value x = c.self();
    return x.type().isFloat()
        ? c.b.compare(OpKind.LESS_EQUAL, c.b.abs(x), c.b.scalar(Float.MAX_VALUE))
        : c.b.compare(OpKind.EQUAL, x, x);
  }

  private static void nanToNum(Call c) {
    Value x = c.self();
    if (!x.type().isFloat()) {
      c.out(x);
      return;
    }
    Value y = c.b.select(isNan(c.b, x), c.b.scalar(c.real("nan", 0)), x);
    y = c.b.min(y, c.real("posinf", Float.MAX_VALUE));
    c.out(c.b.max(y, c.real("neginf", -Float.MAX_VALUE)));
  }

  private static void bitwiseNot(Call c) {
    Value x = c.self();
    c.out(x.type() == ElementType.BOOL ? c.b.not(x) : c.b.sub(c.b.scalar(x.type(), -1), x));
  }
}
