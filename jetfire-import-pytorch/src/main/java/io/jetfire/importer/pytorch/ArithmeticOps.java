package io.jetfire.importer.pytorch;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.List;
import java.util.Map;

/**
 * Functions of two or three tensors that broadcast. PyTorch's type of the result decides in which
 * type arithmetic is done; comparisons are done in the wider of both types.
 */
final class ArithmeticOps {
  private static final List<ElementType> NARROW_TO_WIDE =
      List.of(
          ElementType.BOOL,
          ElementType.UINT8,
          ElementType.INT8,
          ElementType.INT16,
          ElementType.INT32,
          ElementType.INT64,
          ElementType.FLOAT32);

  private ArithmeticOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("add", c -> sum(c, "self", "other", OpKind.ADD));
    ops.put("sub", c -> sum(c, "self", "other", OpKind.SUB));
    ops.put("subtract", ops.get("sub"));
    ops.put("rsub", c -> sum(c, "other", "self", OpKind.SUB));
    ops.put("mul", ArithmeticOps::product);
    ops.put("multiply", ops.get("mul"));
    ops.put("div", ArithmeticOps::quotient);
    ops.put("divide", ops.get("div"));
    ops.put("true_divide", ops.get("div"));
    ops.put("floor_divide", c -> c.out(floorQuotient(c.b, x(c), y(c))));
    ops.put("remainder", c -> c.out(c.b.binary(OpKind.FLOOR_MOD, x(c), y(c))));
    ops.put("fmod", c -> c.out(Functions.remainder(c.b, x(c), y(c))));
    ops.put("pow", ArithmeticOps::power);
    ops.put("float_power", ArithmeticOps::power);
    ops.put("maximum", c -> c.out(c.b.binary(OpKind.MAXIMUM, x(c), y(c))));
    ops.put("minimum", c -> c.out(c.b.binary(OpKind.MINIMUM, x(c), y(c))));
    ops.put("fmax", ops.get("maximum"));
    ops.put("fmin", ops.get("minimum"));
    ops.put("atan2", c -> c.out(Functions.atan2(c.b, x(c), y(c))));
    ops.put("arctan2", ops.get("atan2"));
    compare(ops, "eq", OpKind.EQUAL);
    compare(ops, "ne", OpKind.NOT_EQUAL);
    compare(ops, "not_equal", OpKind.NOT_EQUAL);
    compare(ops, "lt", OpKind.LESS);
    compare(ops, "le", OpKind.LESS_EQUAL);
    compare(ops, "gt", OpKind.GREATER);
    compare(ops, "ge", OpKind.GREATER_EQUAL);
    ops.put("logical_and", c -> c.out(c.b.and(truth(c, "self"), truth(c, "other"))));
    ops.put("logical_or", c -> c.out(c.b.or(truth(c, "self"), truth(c, "other"))));
    ops.put(
        "logical_xor",
        c -> c.out(c.b.compare(OpKind.NOT_EQUAL, truth(c, "self"), truth(c, "other"))));
    for (String name : List.of("and", "or", "xor")) {
      ops.put("bitwise_" + name, c -> bitwise(c, name));
      ops.put("__" + name + "__", c -> bitwise(c, name));
    }
    ops.put("bitwise_right_shift", c -> c.out(floorQuotient(c.b, x(c), twoTo(c))));
    ops.put("__rshift__", ops.get("bitwise_right_shift"));
    ops.put("bitwise_left_shift", c -> c.out(c.b.mul(x(c), twoTo(c))));
    ops.put("__lshift__", ops.get("bitwise_left_shift"));
    ops.put("where", ArithmeticOps::where);
    ops.put("masked_fill", ArithmeticOps::maskedFill);
    ops.put("lerp", ArithmeticOps::lerp);
    ops.put("addcmul", c -> c.out(c.b.add(x(c), scaled(c, product(c, "tensor1", "tensor2")))));
    ops.put(
        "addcdiv",
        c ->
            c.out(
                c.b.add(
                    x(c),
                    scaled(
                        c,
                        c.b.div(
                            c.operand("tensor1", c.outType()),
                            c.operand("tensor2", c.outType()))))));
    ops.put("copysign", c -> c.out(copysign(c)));
    ops.put("hypot", c -> c.out(root(c.b, c.b.add(c.b.square(x(c)), c.b.square(y(c))))));
    ops.put("logaddexp", ArithmeticOps::logAddExp);
    ops.put("xlogy", ArithmeticOps::xlogy);
    ops.put("squared_difference", c -> c.out(c.b.binary(OpKind.SQUARED_DIFFERENCE, x(c), y(c))));
    ops.put("heaviside", ArithmeticOps::heaviside);
  }

  private static Value x(Call c) {
    return c.operand(c.has("self") ? "self" : "input", c.outType());
  }

  private static Value y(Call c) {
    return c.operand(c.has("exponent") ? "exponent" : "other", c.outType());
  }

  private static Value root(Build b, Value v) {
    return Functions.sqrt(b, v);
  }

  private static void sum(Call c, String first, String second, OpKind kind) {
    ElementType type = c.outType();
    if (type == ElementType.BOOL && kind == OpKind.ADD) {
      c.out(c.b.or(truth(c, first), truth(c, second)));
      return;
    }
    Value y = c.operand(second, type);
    double alpha = c.real("alpha", 1);
    c.out(c.b.binary(kind, c.operand(first, type), alpha == 1 ? y : c.b.mul(y, alpha)));
  }

  private static void product(Call c) {
    if (c.outType() == ElementType.BOOL) {
      c.out(c.b.and(truth(c, "self"), truth(c, "other")));
      return;
    }
    c.out(product(c, "self", "other"));
  }

  private static Value product(Call c, String first, String second) {
    return c.b.mul(c.operand(first, c.outType()), c.operand(second, c.outType()));
  }

  private static Value scaled(Call c, Value v) {
    double value = c.real("value", 1);
    return value == 1 ? v : c.b.mul(v, value);
  }

  private static void quotient(Call c) {
    switch (c.text("rounding_mode", "")) {
      case "floor" -> c.out(floorQuotient(c.b, x(c), y(c)));
      case "trunc" -> {
        Value q = c.b.div(x(c), y(c)); // integers are truncated by the operator itself
        c.out(PointwiseOps.truncated(c.b, q));
      }
      default -> {
        if (c.isNumber("other") && c.outType().isFloat()) {
          // A factor fuses into what stands before, a divisor does not.
          double d = c.real("other", 1);
          if (d != 0 && Double.isFinite(1 / d)) {
            c.out(c.b.mul(x(c), 1 / d));
            return;
          }
        }
        c.out(c.b.div(x(c), y(c)));
      }
    }
  }

  static Value floorQuotient(Build b, Value x, Value y) {
    if (x.type().isFloat()) {
      return b.unary(OpKind.FLOOR, b.div(x, y));
    }
    return b.div(b.sub(x, b.binary(OpKind.FLOOR_MOD, x, y)), y);
  }

  private static Value twoTo(Call c) {
    Value y = c.operand("other", ElementType.INT32);
    Value two = c.b.scalar(ElementType.INT32, 2);
    return c.b.cast(c.b.emit(Op.of(OpKind.POW).inputs(two, y)), c.outType());
  }

  private static void power(Call c) {
    Value x = x(c);
    if (x.type().isFloat() && c.isNumber("exponent")) {
      double e = c.real("exponent", 1);
      if (e == -1) {
        c.out(Functions.reciprocal(c.b, x));
        return;
      }
      if (e == 3) {
        c.out(c.b.mul(c.b.square(x), x));
        return;
      }
      c.out(Functions.pow(c.b, x, c.b.scalar(e)));
      return;
    }
    c.out(Functions.pow(c.b, x, y(c)));
  }

  /** The type in which two values are compared or joined. */
  static ElementType common(ElementType x, ElementType y) {
    return NARROW_TO_WIDE.indexOf(x) >= NARROW_TO_WIDE.indexOf(y) ? x : y;
  }

  private static void compare(Map<String, Lowering> ops, String name, OpKind kind) {
    ops.put(
        name,
        c -> {
          ElementType type = c.self().type();
          if (!c.isNumber("other")) {
            type = common(type, c.tensor("other").type());
          } else if (c.isReal("other")) {
            type = ElementType.FLOAT32;
          } else if (type == ElementType.BOOL) {
            type = ElementType.INT32;
          }
          boolean ordered = kind != OpKind.EQUAL && kind != OpKind.NOT_EQUAL;
          type = ordered && type == ElementType.BOOL ? ElementType.INT32 : type;
          c.out(c.b.compare(kind, c.operand("self", type), c.operand("other", type)));
        });
  }

  private static Value truth(Call c, String name) {
    return c.operand(name, ElementType.BOOL);
  }

  private static void bitwise(Call c, String name) {
    ElementType type = c.outType();
    if (type == ElementType.BOOL) {
      Value x = truth(c, "self");
      Value y = truth(c, "other");
      c.out(
          switch (name) {
            case "and" -> c.b.and(x, y);
            case "or" -> c.b.or(x, y);
            default -> c.b.compare(OpKind.NOT_EQUAL, x, y);
          });
      return;
    }
    if (name.equals("and") && c.isNumber("other") && isMask(c.real("other", 0))) {
      // The lowest bits are what is left of a division by the next power of two.
      c.out(c.b.binary(OpKind.FLOOR_MOD, x(c), c.b.scalar(type, c.real("other", 0) + 1)));
      return;
    }
    if (!name.equals("xor")) {
      throw new Refusal(
          "TensorFlow Lite has no bitwise '" + name + "' of integers",
          "use booleans, or remainders and quotients");
    }
    // The kernel has at most 32 bits, which hold what such programs have.
    ElementType kernel = type == ElementType.INT64 ? ElementType.INT32 : type;
    Value x = c.operand("self", kernel);
    c.out(c.b.binary(OpKind.BITWISE_XOR, x, c.operand("other", kernel)));
  }

  private static boolean isMask(double v) {
    long mask = (long) v;
    return mask == v && mask > 0 && mask < 1L << 30 && (mask & (mask + 1)) == 0;
  }

  private static void where(Call c) {
    Value condition = truth(c, "condition");
    if (!c.has("self") && !c.has("other")) {
      throw new Refusal(
          "it gives as many tensors as the condition has dimensions", "use torch.nonzero");
    }
    ElementType type = c.outType();
    c.out(c.b.select(condition, c.operand("self", type), c.operand("other", type)));
  }

  private static void maskedFill(Call c) {
    ElementType type = c.outType();
    Value value = c.operand("value", type);
    // A scalar keeps the select at the rank of the tensor.
    value =
        value.shape().isStatic() && value.shape().elementCount() == 1 ? c.b.reshape(value) : value;
    Value y = c.b.select(truth(c, "mask"), value, c.operand("self", type));
    c.out(y);
  }

  private static void lerp(Call c) {
    Value start = x(c);
    Value end = c.operand("end", c.outType());
    c.out(c.b.add(start, c.b.mul(c.b.sub(end, start), c.operand("weight", c.outType()))));
  }

  private static Value copysign(Call c) {
    Value y = y(c);
    Value below = c.b.compare(OpKind.LESS, y, c.b.scalar(0));
    Value size = c.b.abs(x(c));
    return c.b.select(below, Functions.negative(c.b, size), size);
  }

  /** log(exp(x) + exp(y)) without overflow. */
  private static void logAddExp(Call c) {
    Value top = c.b.binary(OpKind.MAXIMUM, x(c), y(c));
    Value apart = Functions.negative(c.b, c.b.abs(c.b.sub(x(c), y(c))));
    c.out(c.b.add(top, Functions.log(c.b, c.b.add(Functions.exp(c.b, apart), 1))));
  }

  private static void xlogy(Call c) {
    Value zero = c.b.compare(OpKind.EQUAL, x(c), c.b.scalar(0));
    Value safe = c.b.select(zero, c.b.scalar(1), y(c));
    c.out(c.b.mul(x(c), Functions.log(c.b, safe)));
  }

  private static void heaviside(Call c) {
    Value x = x(c);
    ElementType type = c.outType();
    Value above = c.b.cast(c.b.compare(OpKind.GREATER, x, c.b.scalar(type, 0)), type);
    Value zero = c.b.compare(OpKind.EQUAL, x, c.b.scalar(type, 0));
    c.out(c.b.select(zero, c.operand("values", type), above));
  }
}
