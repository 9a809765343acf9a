package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;
import java.util.function.LongBinaryOperator;
import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;

/** Java kernels that compute each output element from the input elements at its place. */
final class ElementwiseKernels {
  private ElementwiseKernels() {}

  static @Nullable DoubleUnaryOperator realUnary(OpKind kind, Op a) {
    return switch (kind) {
      case ABS -> Math::abs;
      case NEG -> x -> -x;
      case EXP -> Math::exp;
      case LOG -> Math::log;
      case SQRT -> Math::sqrt;
      case RSQRT -> x -> 1 / Math.sqrt(x);
      case SQUARE -> x -> x * x;
      case SIN -> Math::sin;
      case COS -> Math::cos;
      case FLOOR -> Math::floor;
      case CEIL -> Math::ceil;
      case ROUND -> Math::rint;
      case SIGN -> Math::signum;
      case LOGISTIC -> x -> 1 / (1 + Math.exp(-x));
      case TANH -> Math::tanh;
      case RELU -> x -> max(0, x);
      case RELU6 -> x -> min(6, max(0, x));
      case RELU_N1_TO_1 -> x -> min(1, max(-1, x));
      case RELU_0_TO_1 -> x -> min(1, max(0, x));
      case ELU -> x -> x < 0 ? Math.expm1(x) : x;
      case HARD_SWISH -> x -> x * min(6, max(0, x + 3)) / 6;
      case LEAKY_RELU -> {
        double alpha = a.real("alpha");
        yield x -> x < 0 ? alpha * x : x;
      }
      case GELU ->
          a.flag("approximate")
              ? x -> 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)))
              : x -> 0.5 * x * (1 + erf(x / Math.sqrt(2)));
      case ZEROS_LIKE -> x -> 0;
      default -> null;
    };
  }

  static @Nullable LongUnaryOperator integerUnary(OpKind kind) {
    return switch (kind) {
      case ABS -> Math::abs;
      case NEG -> x -> -x;
      case SQUARE -> x -> x * x;
      case SIGN -> Long::signum;
      case RELU -> x -> Math.max(0, x);
      case LOGICAL_NOT -> x -> x == 0 ? 1 : 0;
      case ZEROS_LIKE -> x -> 0;
      case FLOOR, CEIL, ROUND -> x -> x;
      default -> null;
    };
  }

  static HostTensor unary(
      HostTensor x, @Nullable DoubleUnaryOperator real, @Nullable LongUnaryOperator integer) {
    HostTensor out = HostTensor.allocate(x.type(), x.shape());
    if (x.isReal() && real != null) {
      for (int i = 0; i < x.size(); i++) {
        out.set(i, real.applyAsDouble(x.reals()[i]));
      }
    } else if (!x.isReal() && integer != null) {
      for (int i = 0; i < x.size(); i++) {
        out.set(i, integer.applyAsLong(x.integers()[i]));
      }
    } else {
      throw new IllegalArgumentException("no kernel for " + x);
    }
    return out;
  }

  static @Nullable DoubleBinaryOperator realBinary(OpKind kind) {
    return switch (kind) {
      case ADD -> (x, y) -> x + y;
      case SUB -> (x, y) -> x - y;
      case MUL -> (x, y) -> x * y;
      case DIV -> (x, y) -> x / y;
      case MAXIMUM -> ElementwiseKernels::max;
      case MINIMUM -> ElementwiseKernels::min;
      case POW -> Math::pow;
      case ATAN2 -> Math::atan2;
      case SQUARED_DIFFERENCE -> (x, y) -> (x - y) * (x - y);
      case FLOOR_DIV -> (x, y) -> Math.floor(x / y);
      case FLOOR_MOD ->
          (x, y) -> {
            double m = x % y;
            return m != 0 && (m < 0) != (y < 0) ? m + y : m;
          };
      case PRELU -> (x, y) -> x < 0 ? x * y : x;
      default -> null;
    };
  }

  static @Nullable LongBinaryOperator integerBinary(OpKind kind) {
    return switch (kind) {
      case ADD -> (x, y) -> x + y;
      case SUB -> (x, y) -> x - y;
      case MUL -> (x, y) -> x * y;
      case DIV -> (x, y) -> x / y;
      case MAXIMUM -> Math::max;
      case MINIMUM -> Math::min;
      case POW -> ElementwiseKernels::power;
      case SQUARED_DIFFERENCE -> (x, y) -> (x - y) * (x - y);
      case FLOOR_DIV -> Math::floorDiv;
      case FLOOR_MOD -> Math::floorMod;
      case LOGICAL_AND -> (x, y) -> x != 0 && y != 0 ? 1 : 0;
      case LOGICAL_OR -> (x, y) -> x != 0 || y != 0 ? 1 : 0;
      case BITWISE_XOR -> (x, y) -> x ^ y;
      case RIGHT_SHIFT -> (x, y) -> x >> y;
      default -> null;
    };
  }

  static @Nullable DoubleBinaryOperator comparison(OpKind kind) {
    return switch (kind) {
      case EQUAL -> (x, y) -> x == y ? 1 : 0;
      case NOT_EQUAL -> (x, y) -> x != y ? 1 : 0;
      case LESS -> (x, y) -> x < y ? 1 : 0;
      case LESS_EQUAL -> (x, y) -> x <= y ? 1 : 0;
      case GREATER -> (x, y) -> x > y ? 1 : 0;
      case GREATER_EQUAL -> (x, y) -> x >= y ? 1 : 0;
      default -> null;
    };
  }

  private static @Nullable LongBinaryOperator integerComparison(OpKind kind) {
    return switch (kind) {
      case EQUAL -> (x, y) -> x == y ? 1 : 0;
      case NOT_EQUAL -> (x, y) -> x != y ? 1 : 0;
      case LESS -> (x, y) -> x < y ? 1 : 0;
      case LESS_EQUAL -> (x, y) -> x <= y ? 1 : 0;
      case GREATER -> (x, y) -> x > y ? 1 : 0;
      case GREATER_EQUAL -> (x, y) -> x >= y ? 1 : 0;
      default -> null;
    };
  }

  /** A binary operator with NumPy broadcasting; null if the kind is none. */
  static @Nullable HostTensor binary(OpKind kind, HostTensor x, HostTensor y) {
    DoubleBinaryOperator compare = comparison(kind);
    DoubleBinaryOperator real = compare != null ? compare : realBinary(kind);
    LongBinaryOperator whole = compare != null ? integerComparison(kind) : integerBinary(kind);
    if (real == null && whole == null) {
      return null;
    }
    int[] shape = broadcast(x.shape(), y.shape());
    HostTensor out = HostTensor.allocate(compare != null ? ElementType.BOOL : x.type(), shape);
    int[] px = x.broadcastPlaces(shape);
    int[] py = y.broadcastPlaces(shape);
    for (int i = 0; i < out.size(); i++) {
      if (x.isReal()) {
        if (real == null) {
          throw new IllegalArgumentException("no kernel for " + kind + " of " + x);
        }
        double v = real.applyAsDouble(x.reals()[px[i]], y.reals()[py[i]]);
        if (compare != null) {
          out.set(i, (long) v);
        } else {
          out.set(i, v);
        }
      } else {
        if (whole == null) {
          throw new IllegalArgumentException("no kernel for " + kind + " of " + x);
        }
        out.set(i, whole.applyAsLong(x.integers()[px[i]], y.integers()[py[i]]));
      }
    }
    return out;
  }

  static HostTensor select(HostTensor c, HostTensor x, HostTensor y) {
    int[] shape = broadcast(broadcast(c.shape(), x.shape()), y.shape());
    HostTensor out = HostTensor.allocate(x.type(), shape);
    int[] pc = c.broadcastPlaces(shape);
    int[] px = x.broadcastPlaces(shape);
    int[] py = y.broadcastPlaces(shape);
    for (int i = 0; i < out.size(); i++) {
      boolean first = c.integers()[pc[i]] != 0;
      out.copy(i, first ? x : y, first ? px[i] : py[i]);
    }
    return out;
  }

  static HostTensor cast(HostTensor x, ElementType to) {
    HostTensor out = HostTensor.allocate(to, x.shape());
    for (int i = 0; i < x.size(); i++) {
      if (out.isReal()) {
        out.set(i, x.real(i));
      } else if (to == ElementType.BOOL) {
        out.set(i, x.real(i) != 0 ? 1L : 0L);
      } else if (x.isReal() && to == ElementType.INT32) {
        out.set(i, (long) (int) x.reals()[i]);
      } else {
        out.set(i, x.integer(i));
      }
    }
    return out;
  }

  static HostTensor activate(HostTensor x, Activation activation) {
    DoubleUnaryOperator real =
        switch (activation) {
          case NONE -> null;
          case RELU -> v -> max(0, v);
          case RELU6 -> v -> min(6, max(0, v));
          case RELU_N1_TO_1 -> v -> min(1, max(-1, v));
          case TANH -> Math::tanh;
          case SIGN_BIT -> v -> Double.doubleToRawLongBits(v) < 0 ? 1 : 0;
        };
    LongUnaryOperator whole =
        switch (activation) {
          case RELU -> v -> Math.max(0, v);
          case RELU6 -> v -> Math.min(6, Math.max(0, v));
          case RELU_N1_TO_1 -> v -> Math.min(1, Math.max(-1, v));
          default -> null;
        };
    return activation == Activation.NONE ? x : unary(x, real, whole);
  }

  static int[] broadcast(int[] x, int[] y) {
    int rank = Math.max(x.length, y.length);
    int[] out = new int[rank];
    for (int i = 0; i < rank; i++) {
      int a = i < rank - x.length ? 1 : x[i - rank + x.length];
      int b = i < rank - y.length ? 1 : y[i - rank + y.length];
      if (a != b && a != 1 && b != 1) {
        throw new IllegalArgumentException(
            java.util.Arrays.toString(x)
                + " and "
                + java.util.Arrays.toString(y)
                + " do not broadcast");
      }
      out[i] = a == 1 ? b : a;
    }
    return out;
  }

  // TFLite's kernels compare with < and so give the second operand for NaN; Math.max keeps NaN.
  private static double max(double x, double y) {
    return Math.max(x, y);
  }

  private static double min(double x, double y) {
    return Math.min(x, y);
  }

  private static long power(long base, long exponent) {
    if (exponent < 0) {
      return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
    }
    long result = 1;
    long b = base;
    for (long e = exponent; e > 0; e >>= 1) {
      if ((e & 1) != 0) {
        result *= b;
      }
      b *= b;
    }
    return result;
  }

  /**
   * The error function to about 1e-15: its power series for small, a continued fraction for large
   * x.
   */
  static double erf(double x) {
    double z = Math.abs(x);
    if (z > 6) {
      return Math.signum(x);
    }
    if (z < 2.5) {
      double term = z;
      double sum = z;
      for (int n = 1; n < 200 && Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
        term *= -z * z / n;
        sum += term / (2 * n + 1);
      }
      return Math.copySign(2 / Math.sqrt(Math.PI) * sum, x);
    }
    double fraction = 0;
    for (int k = 60; k >= 1; k--) {
      fraction = k / 2.0 / (z + fraction);
    }
    double erfc = Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + fraction);
    return Math.copySign(1 - erfc, x);
  }
}
