package io.jetfire.importer.pytorch;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Reductions;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** Operators along axes: reductions, places of extremes, softmax, sorting, cumulative sums. */
final class ReductionOps {
  private ReductionOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("sum", c -> c.out(reduce(c, OpKind.SUM, typed(c))));
    ops.put("mean", c -> c.out(reduce(c, OpKind.MEAN, typed(c))));
    ops.put("prod", c -> c.out(reduce(c, OpKind.REDUCE_PROD, typed(c))));
    ops.put("amax", c -> c.out(reduce(c, OpKind.REDUCE_MAX, c.self())));
    ops.put("amin", c -> c.out(reduce(c, OpKind.REDUCE_MIN, c.self())));
    ops.put("max", c -> extreme(c, OpKind.REDUCE_MAX, OpKind.ARG_MAX, "maximum"));
    ops.put("min", c -> extreme(c, OpKind.REDUCE_MIN, OpKind.ARG_MIN, "minimum"));
    ops.put("aminmax", ReductionOps::aminmax);
    ops.put("any", c -> c.out(reduce(c, OpKind.REDUCE_ANY, truth(c))));
    ops.put("all", c -> c.out(reduce(c, OpKind.REDUCE_ALL, truth(c))));
    ops.put("count_nonzero", ReductionOps::countNonZero);
    ops.put("argmax", c -> argument(c, OpKind.ARG_MAX));
    ops.put("argmin", c -> argument(c, OpKind.ARG_MIN));
    ops.put("var", c -> c.out(variance(c)[0]));
    ops.put("std", c -> c.out(Functions.sqrt(c.b, variance(c)[0])));
    ops.put("var_mean", c -> c.out(List.of(variance(c))));
    ops.put(
        "std_mean",
        c -> {
          Value[] both = variance(c);
          c.out(List.of(Functions.sqrt(c.b, both[0]), both[1]));
        });
    ops.put("logsumexp", c -> c.out(Reductions.logSumExp(c.b, real(c), keep(c), axes(c))));
    ops.put("norm", ReductionOps::norm);
    ops.put("linalg_vector_norm", ReductionOps::norm);
    ops.put(
        "linalg_norm",
        c -> {
          if (c.has("ord") && Build.rank(c.self()) > 1 && c.ints("dim").length != 1) {
            throw new Refusal("a norm of matrices", "use linalg.vector_norm");
          }
          norm(c);
        });
    ops.put("softmax", c -> softmax(c, false));
    ops.put("_softmax", c -> softmax(c, false));
    ops.put("_safe_softmax", c -> softmax(c, false));
    ops.put("special_softmax", c -> softmax(c, false));
    ops.put("log_softmax", c -> softmax(c, true));
    ops.put("_log_softmax", c -> softmax(c, true));
    ops.put("special_log_softmax", c -> softmax(c, true));
    ops.put("cumsum", ReductionOps::cumulativeSum);
    ops.put("cumprod", ReductionOps::cumulativeProduct);
    ops.put("topk", ReductionOps::topK);
    ops.put("sort", c -> sort(c, true));
    ops.put("argsort", c -> sort(c, false));
    ops.put("kthvalue", ReductionOps::kthValue);
    ops.put("median", ReductionOps::median);
  }

  private static Value real(Call c) {
    return c.b.cast(c.self(), ElementType.FLOAT32);
  }

  /** The input in the type of the result, in which sums are taken. */
  private static Value typed(Call c) {
    return Functions.cast(c.b, c.self(), c.outType());
  }

  private static Value truth(Call c) {
    return Functions.cast(c.b, c.self(), ElementType.BOOL);
  }

  private static boolean keep(Call c) {
    return c.flag("keepdim", false);
  }

  /** The axes of a call; all of them if none is given. */
  static int[] axes(Call c) {
    int rank = Build.rank(c.self());
    int[] given = c.ints("dim");
    return given.length == 0
        ? IntStream.range(0, rank).toArray()
        : rank == 0 ? new int[0] : Build.axes(given, rank);
  }

  private static Value reduce(Call c, OpKind kind, Value x) {
    int[] axes = axes(c);
    return axes.length == 0 ? x : c.b.reduce(kind, x, keep(c), axes);
  }

  private static void extreme(Call c, OpKind kind, OpKind place, String binary) {
    if (c.has("other")) {
      ElementType type = c.outType();
      OpKind of = binary.equals("maximum") ? OpKind.MAXIMUM : OpKind.MINIMUM;
      c.out(c.b.binary(of, c.operand("self", type), c.operand("other", type)));
      return;
    }
    c.out(0, reduce(c, kind, c.self()));
    if (c.wants(1)) {
      argument(c, 1, place);
    }
  }

  private static void aminmax(Call c) {
    c.out(0, reduce(c, OpKind.REDUCE_MIN, c.self()));
    c.out(1, reduce(c, OpKind.REDUCE_MAX, c.self()));
  }

  private static void countNonZero(Call c) {
    Value ones = c.b.cast(truth(c), ElementType.INT32);
    c.out(reduce(c, OpKind.SUM, ones));
  }

  private static void argument(Call c, OpKind kind) {
    argument(c, 0, kind);
  }

  private static void argument(Call c, int output, OpKind kind) {
    Value x = c.self();
    int rank = Build.rank(x);
    boolean flat = !c.has("dim");
    Value data = flat || rank == 0 ? c.b.reshape(x, -1) : x;
    int axis = flat ? 0 : Build.axis(c.integer("dim", 0), Math.max(1, rank));
    Value i = Reductions.argument(c.b, data, kind, axis);
    if (flat && keep(c)) {
      int[] ones = new int[rank];
      java.util.Arrays.fill(ones, 1);
      c.out(output, c.b.reshape(i, ones));
    } else if (rank == 0) {
      c.out(output, c.b.reshape(i));
    } else {
      c.out(output, !flat && keep(c) ? c.b.unsqueeze(i, axis) : i);
    }
  }

  /** The variance and the mean. */
  private static Value[] variance(Call c) {
    Value x = real(c);
    int[] axes = axes(c);
    double correction =
        c.has("unbiased") ? (c.flag("unbiased", true) ? 1 : 0) : c.real("correction", 1);
    Value mean = c.b.reduce(OpKind.MEAN, x, true, axes);
    Value square = c.b.square(c.b.sub(x, mean));
    Value v = c.b.reduce(OpKind.MEAN, square, keep(c), axes);
    if (correction != 0) {
      int[] d = Build.fixedFrom(x, 0);
      double n = 1;
      for (int a : axes) {
        n *= d[a];
      }
      v = c.b.mul(v, n / Math.max(0, n - correction));
    }
    return new Value[] {v, keep(c) ? mean : c.b.squeeze(mean, axes)};
  }

  private static void norm(Call c) {
    Value x = real(c);
    double p = c.has("ord") ? c.real("ord", 2) : c.real("p", 2);
    if (p == 2) {
      c.out(Functions.sqrt(c.b, reduce(c, OpKind.SUM, c.b.square(x))));
    } else if (p == 1) {
      c.out(reduce(c, OpKind.SUM, c.b.abs(x)));
    } else if (p == Double.POSITIVE_INFINITY) {
      c.out(reduce(c, OpKind.REDUCE_MAX, c.b.abs(x)));
    } else if (p == Double.NEGATIVE_INFINITY) {
      c.out(reduce(c, OpKind.REDUCE_MIN, c.b.abs(x)));
    } else if (p == 0) {
      c.out(
          reduce(
              c,
              OpKind.SUM,
              c.b.cast(c.b.compare(OpKind.NOT_EQUAL, x, c.b.scalar(0)), ElementType.FLOAT32)));
    } else {
      Value sum = reduce(c, OpKind.SUM, Functions.pow(c.b, c.b.abs(x), c.b.scalar(p)));
      c.out(Functions.pow(c.b, sum, c.b.scalar(1 / p)));
    }
  }

  private static void softmax(Call c, boolean logarithm) {
    Value x = real(c);
    int rank = Build.rank(x);
    if (rank == 0) {
      c.out(c.b.mul(x, 0));
      return;
    }
    c.out(Reductions.softmax(c.b, x, Build.axis(c.integer("dim", -1), rank), logarithm));
  }

  private static void cumulativeSum(Call c) {
    Value x = typed(c);
    int rank = Build.rank(x);
    c.out(
        rank == 0
            ? x
            : Reductions.cumulativeSum(
                c.b, x, Build.axis(c.integer("dim", 0), rank), false, false));
  }

  /** One multiplication per element of the axis. */
  private static void cumulativeProduct(Call c) {
    Value x = typed(c);
    int axis = Build.axis(c.integer("dim", 0), Build.rank(x));
    int n = Build.repetitions(Build.fixedFrom(x, axis)[axis]);
    if (n == 0) {
      c.out(x);
      return;
    }
    Value[] parts = new Value[n];
    for (int i = 0; i < n; i++) {
      Value part = c.b.slice(x, axis, i, 1);
      parts[i] = i == 0 ? part : c.b.mul(parts[i - 1], part);
    }
    c.out(c.b.concat(axis, parts));
  }

  // ---- order

  private static void topK(Call c) {
    Value x = c.self();
    int axis = Build.axis(c.integer("dim", -1), Math.max(1, Build.rank(x)));
    Value k = c.b.scalar(ElementType.INT32, c.integer("k", 1));
    c.out(Reductions.top(c.b, x, k, axis, c.flag("largest", true)));
  }

  private static void sort(Call c, boolean values) {
    Value x = c.self();
    if (Build.rank(x) == 0) {
      Value zero = c.b.scalar(ElementType.INT64, 0);
      c.out(values ? List.of(x, zero) : List.of(zero));
      return;
    }
    int axis = Build.axis(c.integer("dim", -1), Build.rank(x));
    int n = Build.fixedFrom(x, axis)[axis];
    Value k = c.b.scalar(ElementType.INT32, n);
    List<Value> sorted = Reductions.top(c.b, x, k, axis, c.flag("descending", false));
    c.out(values ? sorted : sorted.subList(1, 2));
  }

  private static void kthValue(Call c) {
    Value x = c.self();
    int axis = Build.axis(c.integer("dim", -1), Build.rank(x));
    ranked(c, x, axis, c.integer("k", 1));
  }

  private static void ranked(Call c, Value x, int axis, int k) {
    Value most = c.b.scalar(ElementType.INT32, k);
    List<Value> smallest = Reductions.top(c.b, x, most, axis, false);
    for (int i = 0; i < 2; i++) {
      Value one = c.b.slice(smallest.get(i), axis, k - 1, 1);
      c.out(i, keep(c) ? one : c.b.squeeze(one, axis));
    }
  }

  private static void median(Call c) {
    boolean flat = !c.has("dim");
    Value x = flat ? c.b.reshape(c.self(), -1) : c.self();
    int axis = flat ? 0 : Build.axis(c.integer("dim", 0), Build.rank(x));
    int n = Build.fixedFrom(x, axis)[axis];
    if (n == 0) {
      throw new Refusal("the median of " + Shape.of(0), "give it elements");
    }
    ranked(c, x, axis, (n + 1) / 2);
  }
}
