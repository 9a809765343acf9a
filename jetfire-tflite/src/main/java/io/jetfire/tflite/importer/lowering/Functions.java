package io.jetfire.tflite.importer.lowering;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;

/**
 * Functions of single elements that TFLite has no operator for, composed so that they neither
 * overflow nor cancel. Arguments are of FLOAT32 unless said otherwise.
 */
public final class Functions {
  private Functions() {}

  /**
   * The exponential function.
   *
   * @param b where operators go
   * @param x the tensor
   * @return e to the power of each element
   */
  public static Value exp(Build b, Value x) {
    return b.unary(OpKind.EXP, x);
  }

  /**
   * The natural logarithm.
   *
   * @param b where operators go
   * @param x the tensor
   * @return the logarithms
   */
  public static Value log(Build b, Value x) {
    return b.unary(OpKind.LOG, x);
  }

  /**
   * The square root.
   *
   * @param b where operators go
   * @param x the tensor
   * @return the roots
   */
  public static Value sqrt(Build b, Value x) {
    return b.unary(OpKind.SQRT, x);
  }

  /**
   * The negative.
   *
   * @param b where operators go
   * @param x the tensor
   * @return the tensor with other signs
   */
  public static Value negative(Build b, Value x) {
    return b.unary(OpKind.NEG, x);
  }

  /**
   * The logistic function.
   *
   * @param b where operators go
   * @param x the tensor
   * @return 1 / (1 + exp(-x))
   */
  public static Value sigmoid(Build b, Value x) {
    return b.unary(OpKind.LOGISTIC, x);
  }

  /**
   * The reciprocal.
   *
   * @param b where operators go
   * @param x the tensor
   * @return 1 / x
   */
  public static Value reciprocal(Build b, Value x) {
    return b.div(b.scalar(1), x);
  }

  /**
   * The angle of points in the plane.
   *
   * @param b where operators go
   * @param y the second coordinate
   * @param x the first coordinate
   * @return from -pi to pi
   */
  public static Value atan2(Build b, Value y, Value x) {
    // The kernel does not broadcast.
    Value whole = x;
    Value other = y;
    if (x.shape().isStatic() && y.shape().isStatic() && !x.shape().equals(y.shape())) {
      int[] common = broadcast(x.shape(), y.shape()).dims();
      whole = b.broadcastTo(x, common);
      other = b.broadcastTo(y, common);
    }
    return b.emit(Op.of(OpKind.ATAN2).inputs(other, whole));
  }

  /**
   * The tangent.
   *
   * @param b where operators go
   * @param x the tensor, in radians
   * @return the tangents
   */
  public static Value tan(Build b, Value x) {
    return b.div(b.unary(OpKind.SIN, x), b.unary(OpKind.COS, x));
  }

  /**
   * The arcsine.
   *
   * @param b where operators go
   * @param x from -1 to 1
   * @return radians
   */
  public static Value asin(Build b, Value x) {
    return atan2(b, x, cosineOf(b, x));
  }

  /**
   * The arccosine.
   *
   * @param b where operators go
   * @param x from -1 to 1
   * @return radians
   */
  public static Value acos(Build b, Value x) {
    return atan2(b, cosineOf(b, x), x);
  }

  /**
   * The arctangent.
   *
   * @param b where operators go
   * @param x the tensor
   * @return radians
   */
  public static Value atan(Build b, Value x) {
    return atan2(b, x, b.add(b.mul(x, 0), 1));
  }

  /** sqrt((1 - x)(1 + x)), the cosine of the arcsine. */
  private static Value cosineOf(Build b, Value x) {
    return sqrt(b, b.mul(b.sub(b.scalar(1), x), b.add(x, 1)));
  }

  /**
   * The hyperbolic sine.
   *
   * @param b where operators go
   * @param x the tensor
   * @return (exp(x) - exp(-x)) / 2
   */
  public static Value sinh(Build b, Value x) {
    return b.mul(b.sub(exp(b, x), exp(b, negative(b, x))), 0.5);
  }

  /**
   * The hyperbolic cosine.
   *
   * @param b where operators go
   * @param x the tensor
   * @return (exp(x) + exp(-x)) / 2
   */
  public static Value cosh(Build b, Value x) {
    return b.mul(b.add(exp(b, x), exp(b, negative(b, x))), 0.5);
  }

  /**
   * The inverse of the hyperbolic sine: log(|x| + sqrt(x^2 + 1)) with the sign of x, which does not
   * cancel for negative x.
   *
   * @param b where operators go
   * @param x the tensor
   * @return the function's values
   */
  public static Value asinh(Build b, Value x) {
    Value y = log(b, b.add(b.abs(x), sqrt(b, b.add(b.square(x), 1))));
    return b.mul(b.unary(OpKind.SIGN, x), y);
  }

  /**
   * The inverse of the hyperbolic cosine.
   *
   * @param b where operators go
   * @param x at least 1
   * @return the function's values
   */
  public static Value acosh(Build b, Value x) {
    return log(b, b.add(x, sqrt(b, b.add(b.square(x), -1))));
  }

  /**
   * The inverse of the hyperbolic tangent.
   *
   * @param b where operators go
   * @param x between -1 and 1
   * @return the function's values
   */
  public static Value atanh(Build b, Value x) {
    return b.mul(b.sub(log(b, b.add(x, 1)), log(b, b.sub(b.scalar(1), x))), 0.5);
  }

  /**
   * The exponential linear unit.
   *
   * @param b where operators go
   * @param x the tensor
   * @param alpha the limit for large negative x, with another sign
   * @return x where positive, else alpha (exp(x) - 1)
   */
  public static Value elu(Build b, Value x, double alpha) {
    if (alpha == 1) {
      return b.unary(OpKind.ELU, x);
    }
    Value negative = b.mul(b.unary(OpKind.ELU, b.min(x, 0)), alpha);
    return b.add(b.unary(OpKind.RELU, x), negative);
  }

  /**
   * The smooth rectifier log(1 + exp(x)), as max(x, 0) + log(1 + exp(-|x|)), which never overflows.
   *
   * @param b where operators go
   * @param x the tensor
   * @return the function's values
   */
  public static Value softplus(Build b, Value x) {
    Value tail = log(b, b.add(exp(b, negative(b, b.abs(x))), 1));
    return b.add(b.unary(OpKind.RELU, x), tail);
  }

  /**
   * x tanh(softplus(x)).
   *
   * @param b where operators go
   * @param x the tensor
   * @return the function's values
   */
  public static Value mish(Build b, Value x) {
    return b.mul(x, b.unary(OpKind.TANH, softplus(b, x)));
  }

  /**
   * max(0, min(1, x / 6 + 1/2)), in the form in which the fusion pass knows HARD_SWISH.
   *
   * @param b where operators go
   * @param x the tensor
   * @return the function's values
   */
  public static Value hardSigmoid(Build b, Value x) {
    return b.mul(b.unary(OpKind.RELU6, b.add(x, 3)), 1.0 / 6);
  }

  /**
   * The Gaussian error linear unit.
   *
   * @param b where operators go
   * @param x the tensor
   * @param tanh whether it is the approximation by tanh
   * @return the function's values
   */
  public static Value gelu(Build b, Value x, boolean tanh) {
    return b.emit(Op.of(OpKind.GELU).set("approximate", tanh).inputs(x));
  }

  /**
   * A slope for negative elements.
   *
   * @param b where operators go
   * @param x the tensor
   * @param slope the factor of negative elements
   * @return the function's values
   */
  public static Value leakyRelu(Build b, Value x, double slope) {
    return b.emit(Op.of(OpKind.LEAKY_RELU).set("alpha", (float) slope).inputs(x));
  }

  /**
   * A learned slope for negative elements.
   *
   * @param b where operators go
   * @param x the tensor
   * @param slope factors that broadcast to it, with as many dimensions
   * @return the function's values
   */
  public static Value prelu(Build b, Value x, Value slope) {
    return Build.rank(x) <= 4
        ? b.emit(Op.of(OpKind.PRELU).inputs(x, slope))
        : b.add(b.unary(OpKind.RELU, x), b.mul(b.min(x, 0), slope));
  }

  /**
   * The error function through GELU, which computes it exactly: gelu(z) = z/2 (1 + erf(z/sqrt 2)),
   * so erf(x) = 2 gelu(z)/z - 1 with z = x sqrt 2. Near 0 the quotient is replaced by its series.
   *
   * @param b where operators go
   * @param x the tensor
   * @return the function's values
   */
  public static Value erf(Build b, Value x) {
    Value z = b.mul(x, Math.sqrt(2));
    Value small = b.compare(OpKind.LESS, b.abs(x), b.scalar(1e-2));
    Value safe = b.select(small, b.add(b.mul(x, 0), 1), z);
    Value large = b.add(b.mul(b.div(gelu(b, safe, false), safe), 2), -1);
    Value series = b.mul(b.mul(x, b.add(b.mul(b.square(x), -1.0 / 3), 1)), 2 / Math.sqrt(Math.PI));
    return b.select(small, series, large);
  }

  /**
   * The sign, of any type.
   *
   * @param b where operators go
   * @param x the tensor
   * @return -1, 0 or 1
   */
  public static Value sign(Build b, Value x) {
    if (x.type() == ElementType.FLOAT32 || x.type() == ElementType.INT32) {
      return b.unary(OpKind.SIGN, x);
    }
    Value zero = b.scalar(x.type(), 0);
    Value up = b.cast(b.compare(OpKind.GREATER, x, zero), ElementType.INT32);
    Value down = b.cast(b.compare(OpKind.LESS, x, zero), ElementType.INT32);
    return b.cast(b.sub(up, down), x.type());
  }

  /**
   * The remainder with the sign of the dividend, as C's fmod; computed on magnitudes.
   *
   * @param b where operators go
   * @param x the dividend, of any number type
   * @param y the divisor
   * @return the remainders
   */
  public static Value remainder(Build b, Value x, Value y) {
    Value m = b.binary(OpKind.FLOOR_MOD, b.abs(x), b.abs(y));
    Value below = b.compare(OpKind.LESS, x, b.scalar(x.type(), 0));
    return b.select(below, negative(b, m), m);
  }

  /**
   * Powers, of any number type.
   *
   * @param b where operators go
   * @param x the base
   * @param y the exponent
   * @return a tensor of the type of the base
   */
  public static Value pow(Build b, Value x, Value y) {
    if (y.isConstant() && y.shape().elementCount() == 1 && x.type() == ElementType.FLOAT32) {
      double e = y.type().isFloat() ? y.floats()[0] : y.longs()[0];
      boolean keeps = y.shape().rank() <= Build.rank(x);
      if (keeps && (e == 1 || e == 2)) {
        return e == 1 ? x : b.square(x);
      }
      if (keeps && e == 0.5) {
        return sqrt(b, x);
      }
      if (keeps && e == -0.5) {
        return b.unary(OpKind.RSQRT, x);
      }
    }
    boolean real = x.type().isFloat() || y.type().isFloat();
    ElementType type = real ? ElementType.FLOAT32 : ElementType.INT32;
    return b.cast(b.binary(OpKind.POW, b.cast(x, type), b.cast(y, type)), x.type());
  }

  /**
   * Where elements are infinite.
   *
   * @param b where operators go
   * @param x the tensor
   * @param positive whether positive infinity counts
   * @param negative whether negative infinity counts
   * @return a tensor of BOOL
   */
  public static Value isInfinite(Build b, Value x, boolean positive, boolean negative) {
    Value high = b.compare(OpKind.EQUAL, x, b.scalar(Double.POSITIVE_INFINITY));
    Value low = b.compare(OpKind.EQUAL, x, b.scalar(Double.NEGATIVE_INFINITY));
    if (positive && negative) {
      return b.or(high, low);
    }
    return positive ? high : negative ? low : b.and(high, low);
  }

  /**
   * Converts elements as C does: everything but 0 is true, and floats wrap in small integers
   * instead of relying on what a float cast to a small type gives.
   *
   * @param b where operators go
   * @param x the tensor, of any type
   * @param to the type
   * @return the converted tensor
   */
  public static Value cast(Build b, Value x, ElementType to) {
    if (to == ElementType.BOOL && x.type() != ElementType.BOOL) {
      return b.compare(OpKind.NOT_EQUAL, x, b.scalar(x.type(), 0));
    }
    if (to.isInteger() && to.bits() < 32 && x.type() == ElementType.FLOAT32) {
      return b.cast(b.cast(x, ElementType.INT32), to);
    }
    return b.cast(x, to);
  }

  /**
   * The shape of two broadcast shapes.
   *
   * @param x a shape
   * @param y a shape
   * @return their common shape
   * @throws Refusal if they do not broadcast
   */
  public static Shape broadcast(Shape x, Shape y) {
    int rank = Math.max(x.rank(), y.rank());
    int[] dims = new int[rank];
    for (int i = 0; i < rank; i++) {
      int a = i < rank - x.rank() ? 1 : x.dim(i - rank + x.rank());
      int c = i < rank - y.rank() ? 1 : y.dim(i - rank + y.rank());
      if (a != c && a > 1 && c > 1) {
        throw new Refusal(x + " and " + y + " do not broadcast", "export the model anew");
      }
      dims[i] = a == 1 ? c : c == 1 ? a : Math.max(a, c);
    }
    return Shape.of(dims);
  }
}
