package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Java kernels that run along axes: reductions, softmax, cumulative sums, arg-max, top-k. */
final class ReductionKernels {
  private ReductionKernels() {}

  static boolean[] mask(int[] axes, int rank) {
    boolean[] reduced = new boolean[rank];
    for (int a : axes) {
      int axis = a < 0 ? a + rank : a;
      if (axis < 0 || axis >= rank) {
        throw new IllegalArgumentException("axis " + a + " of a tensor of rank " + rank);
      }
      reduced[axis] = true;
    }
    return reduced;
  }

  static @Nullable HostTensor reduce(OpKind kind, HostTensor x, int[] axes, boolean keep) {
    boolean[] reduced = mask(axes, x.rank());
    int rank = x.rank();
    int[] kept = new int[rank];
    int[] steps = new int[rank];
    int step = 1;
    int cells = 1;
    for (int d = rank - 1; d >= 0; d--) {
      kept[d] = reduced[d] ? 1 : x.dim(d);
      steps[d] = reduced[d] ? 0 : step;
      step *= kept[d];
      cells *= reduced[d] ? x.dim(d) : 1;
    }
    int[] to = HostTensor.places(x.shape(), 0, steps);
    HostTensor out = HostTensor.allocate(x.type(), kept);
    if (x.isReal()) {
      double[] sums = new double[out.size()];
      Arrays.fill(
          sums,
          switch (kind) {
            case REDUCE_PROD -> 1;
            case REDUCE_MAX -> Double.NEGATIVE_INFINITY;
            case REDUCE_MIN -> Double.POSITIVE_INFINITY;
            default -> 0;
          });
      for (int i = 0; i < x.size(); i++) {
        double v = x.reals()[i];
        double s = sums[to[i]];
        sums[to[i]] =
            switch (kind) {
              case REDUCE_PROD -> s * v;
              case REDUCE_MAX -> Math.max(s, v);
              case REDUCE_MIN -> Math.min(s, v);
              default -> s + v;
            };
      }
      for (int i = 0; i < sums.length; i++) {
        out.set(i, kind == OpKind.MEAN ? sums[i] / cells : sums[i]);
      }
    } else {
      long[] sums = new long[out.size()];
      Arrays.fill(
          sums,
          switch (kind) {
            case REDUCE_PROD, REDUCE_ALL -> 1;
            case REDUCE_MAX -> Long.MIN_VALUE;
            case REDUCE_MIN -> Long.MAX_VALUE;
            default -> 0;
          });
      for (int i = 0; i < x.size(); i++) {
        long v = x.integers()[i];
        long s = sums[to[i]];
        sums[to[i]] =
            switch (kind) {
              case REDUCE_PROD -> s * v;
              case REDUCE_MAX -> Math.max(s, v);
              case REDUCE_MIN -> Math.min(s, v);
              case REDUCE_ANY -> s | v;
              case REDUCE_ALL -> s & v;
              default -> s + v;
            };
      }
      for (int i = 0; i < sums.length; i++) {
        out.set(i, kind == OpKind.MEAN ? sums[i] / Math.max(1, cells) : sums[i]);
      }
    }
    if (keep) {
      return out;
    }
    int[] shape = new int[rank];
    int n = 0;
    for (int d = 0; d < rank; d++) {
      if (!reduced[d]) {
        shape[n++] = x.dim(d);
      }
    }
    return out.reshape(Arrays.copyOf(shape, n));
  }

  static HostTensor softmax(HostTensor x, double beta, boolean log) {
    int n = x.dim(-1);
    HostTensor out = HostTensor.allocate(x.type(), x.shape());
    for (int at = 0; at < x.size(); at += n) {
      double max = Double.NEGATIVE_INFINITY;
      for (int i = 0; i < n; i++) {
        max = Math.max(max, x.reals()[at + i]);
      }
      double sum = 0;
      for (int i = 0; i < n; i++) {
        sum += Math.exp((x.reals()[at + i] - max) * beta);
      }
      for (int i = 0; i < n; i++) {
        double z = (x.reals()[at + i] - max) * beta;
        out.set(at + i, log ? z - Math.log(sum) : Math.exp(z) / sum);
      }
    }
    return out;
  }

  static HostTensor l2Normalize(HostTensor x) {
    int n = x.dim(-1);
    HostTensor out = HostTensor.allocate(x.type(), x.shape());
    for (int at = 0; at < x.size(); at += n) {
      double sum = 0;
      for (int i = 0; i < n; i++) {
        sum += x.reals()[at + i] * x.reals()[at + i];
      }
      double norm = Math.max(Math.sqrt(sum), 1e-6);
      for (int i = 0; i < n; i++) {
        out.set(at + i, x.reals()[at + i] / norm);
      }
    }
    return out;
  }

  static HostTensor cumulativeSum(HostTensor x, int axisValue, boolean exclusive, boolean reverse) {
    int axis = axisValue < 0 ? axisValue + x.rank() : axisValue;
    int n = x.dim(axis);
    int inner = HostTensor.count(Arrays.copyOfRange(x.shape(), axis + 1, x.rank()));
    HostTensor out = HostTensor.allocate(x.type(), x.shape());
    for (int i = 0; i < x.size(); i++) {
      int k = i / inner % n;
      if (k != 0) {
        continue;
      }
      double real = 0;
      long whole = 0;
      for (int j = 0; j < n; j++) {
        int at = i + (reverse ? n - 1 - j : j) * inner;
        if (x.isReal()) {
          double next = real + x.reals()[at];
          out.set(at, exclusive ? real : next);
          real = next;
        } else {
          long next = whole + x.integers()[at];
          out.set(at, exclusive ? whole : next);
          whole = next;
        }
      }
    }
    return out;
  }

  static HostTensor argBest(HostTensor x, int axisValue, boolean max, ElementType to) {
    int axis = axisValue < 0 ? axisValue + x.rank() : axisValue;
    int n = x.dim(axis);
    int[] shape =
        MovementKernels.join(
            Arrays.copyOf(x.shape(), axis), Arrays.copyOfRange(x.shape(), axis + 1, x.rank()));
    int inner = HostTensor.count(Arrays.copyOfRange(x.shape(), axis + 1, x.rank()));
    HostTensor out = HostTensor.allocate(to, shape);
    for (int i = 0; i < out.size(); i++) {
      int start = i / inner * inner * n + i % inner;
      int best = 0;
      for (int k = 1; k < n; k++) {
        double v = x.real(start + k * inner);
        double b = x.real(start + best * inner);
        if (max ? v > b : v < b) {
          best = k;
        }
      }
      out.set(i, (long) best);
    }
    return out;
  }

  static HostTensor[] topK(HostTensor x, int k) {
    int n = x.dim(-1);
    int[] shape = x.shape().clone();
    shape[shape.length - 1] = k;
    HostTensor values = HostTensor.allocate(x.type(), shape);
    HostTensor indices = HostTensor.allocate(ElementType.INT32, shape);
    for (int row = 0; row * n < x.size(); row++) {
      int start = row * n;
      Integer[] order = new Integer[n];
      for (int i = 0; i < n; i++) {
        order[i] = i;
      }
      Arrays.sort(order, (a, b) -> Double.compare(x.real(start + b), x.real(start + a)));
      for (int i = 0; i < k; i++) {
        values.copy(row * k + i, x, start + order[i]);
        indices.set(row * k + i, (long) order[i]);
      }
    }
    return new HostTensor[] {values, indices};
  }
}
