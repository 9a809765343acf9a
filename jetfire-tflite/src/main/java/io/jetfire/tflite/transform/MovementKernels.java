package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Java kernels that move elements without computing on them. */
final class MovementKernels {
  private MovementKernels() {}

  static HostTensor transpose(HostTensor x, int[] perm) {
    int[] strides = HostTensor.strides(x.shape());
    int[] shape = new int[perm.length];
    int[] s = new int[perm.length];
    for (int i = 0; i < perm.length; i++) {
      shape[i] = x.dim(perm[i]);
      s[i] = strides[perm[i]];
    }
    return x.gather(HostTensor.places(shape, 0, s), shape);
  }

  static HostTensor concat(List<HostTensor> parts, int axisAttribute) {
    HostTensor first = parts.get(0);
    int axis = axisAttribute < 0 ? axisAttribute + first.rank() : axisAttribute;
    int[] shape = first.shape().clone();
    shape[axis] = 0;
    for (HostTensor p : parts) {
      shape[axis] += p.shape()[axis];
    }
    HostTensor out = HostTensor.allocate(first.type(), shape);
    int outer = HostTensor.count(Arrays.copyOf(shape, axis));
    int inner = HostTensor.count(Arrays.copyOfRange(shape, axis + 1, shape.length));
    int at = 0;
    for (int o = 0; o < outer; o++) {
      for (HostTensor p : parts) {
        int run = p.shape()[axis] * inner;
        for (int k = 0; k < run; k++) {
          out.copy(at++, p, o * run + k);
        }
      }
    }
    return out;
  }

  static HostTensor slice(HostTensor x, int[] begin, int[] size) {
    int[] shape = new int[size.length];
    int[] strides = HostTensor.strides(x.shape());
    int offset = 0;
    for (int i = 0; i < size.length; i++) {
      shape[i] = size[i] == -1 ? x.dim(i) - begin[i] : size[i];
      offset += begin[i] * strides[i];
    }
    return x.gather(HostTensor.places(shape, offset, strides), shape);
  }

  /** The resolved form of a STRIDED_SLICE: begin, step and length per input dimension. */
  record Slicing(int[] begin, int[] step, int[] length, int[] outShape) {}

  static Slicing slicing(int[] shape, int[] begin, int[] end, int[] strides, Op a) {
    int ellipsis = a.integer("ellipsis_mask");
    int newAxis = a.integer("new_axis_mask");
    int rank = shape.length;
    int[] b = new int[rank];
    int[] st = new int[rank];
    int[] len = new int[rank];
    List<Integer> out = new ArrayList<>();
    int given = 0;
    for (int i = 0; i < begin.length; i++) {
      if ((newAxis >> i & 1) == 0 && (ellipsis >> i & 1) == 0) {
        given++;
      }
    }
    int d = 0;
    for (int i = 0; i < begin.length; i++) {
      if ((ellipsis >> i & 1) != 0) {
        for (int k = rank - given; k > 0; k--, d++) {
          st[d] = 1;
          len[d] = shape[d];
          out.add(shape[d]);
        }
        continue;
      }
      if ((newAxis >> i & 1) != 0) {
        out.add(1);
        continue;
      }
      int n = shape[d];
      int step = strides[i];
      boolean shrink = (a.integer("shrink_axis_mask") >> i & 1) != 0;
      long from = begin[i];
      from = from < 0 ? from + n : from;
      long to = end[i];
      if (a.flag("offset")) {
        to = from + end[i];
      } else {
        to = to < 0 ? to + n : to;
      }
      long low = step > 0 ? 0 : -1;
      long high = step > 0 ? n : n - 1L;
      from =
          (a.integer("begin_mask") >> i & 1) != 0
              ? (step > 0 ? 0 : n - 1L)
              : clamp(from, low, high);
      to = (a.integer("end_mask") >> i & 1) != 0 ? (step > 0 ? n : -1) : clamp(to, low, high);
      b[d] = (int) from;
      st[d] = step;
      long count = step > 0 ? (to - from + step - 1) / step : (from - to - step - 1) / -step;
      len[d] = shrink ? 1 : (int) Math.max(0, count);
      if (shrink) {
        st[d] = 1;
      } else {
        out.add(len[d]);
      }
      d++;
    }
    for (; d < rank; d++) {
      st[d] = 1;
      len[d] = shape[d];
      out.add(shape[d]);
    }
    return new Slicing(b, st, len, out.stream().mapToInt(Integer::intValue).toArray());
  }

  private static long clamp(long v, long low, long high) {
    return Math.max(low, Math.min(high, v));
  }

  static HostTensor stridedSlice(HostTensor x, Slicing s) {
    int[] own = HostTensor.strides(x.shape());
    int[] strides = new int[own.length];
    int offset = 0;
    for (int i = 0; i < own.length; i++) {
      strides[i] = own[i] * s.step()[i];
      offset += own[i] * s.begin()[i];
    }
    return x.gather(HostTensor.places(s.length(), offset, strides), s.length())
        .reshape(s.outShape());
  }

  static HostTensor pad(HostTensor x, int[] paddings, double realFill, long integerFill) {
    int rank = x.rank();
    int[] shape = new int[rank];
    for (int i = 0; i < rank; i++) {
      shape[i] = paddings[2 * i] + x.dim(i) + paddings[2 * i + 1];
    }
    HostTensor out = HostTensor.allocate(x.type(), shape);
    if (x.isReal()) {
      Arrays.fill(out.reals(), realFill);
    } else {
      Arrays.fill(out.integers(), integerFill);
    }
    int[] strides = HostTensor.strides(shape);
    int offset = 0;
    for (int i = 0; i < rank; i++) {
      offset += paddings[2 * i] * strides[i];
    }
    int[] to = HostTensor.places(x.shape(), offset, strides);
    for (int i = 0; i < to.length; i++) {
      out.copy(to[i], x, i);
    }
    return out;
  }

  static HostTensor mirrorPad(HostTensor x, int[] paddings, boolean symmetric) {
    HostTensor out = x;
    for (int axis = 0; axis < x.rank(); axis++) {
      int n = x.dim(axis);
      int before = paddings[2 * axis];
      int[] index = new int[before + n + paddings[2 * axis + 1]];
      for (int i = 0; i < index.length; i++) {
        int k = i - before;
        if (k < 0) {
          k = symmetric ? -k - 1 : -k;
        }
        if (k >= n) {
          k = symmetric ? 2 * n - 1 - k : 2 * n - 2 - k;
        }
        index[i] = k;
      }
      out = take(out, index, axis);
    }
    return out;
  }

  /** Elements of one axis at the given indices. */
  static HostTensor take(HostTensor x, int[] index, int axis) {
    int[] shape = x.shape().clone();
    int outer = HostTensor.count(Arrays.copyOf(shape, axis));
    int inner = HostTensor.count(Arrays.copyOfRange(shape, axis + 1, shape.length));
    int n = shape[axis];
    shape[axis] = index.length;
    HostTensor out = HostTensor.allocate(x.type(), shape);
    int at = 0;
    for (int o = 0; o < outer; o++) {
      for (int i : index) {
        for (int k = 0; k < inner; k++) {
          out.copy(at++, x, (o * n + i) * inner + k);
        }
      }
    }
    return out;
  }

  static HostTensor gather(
      HostTensor x, HostTensor indices, int axisAttribute, int batchAttribute) {
    int axis = axisAttribute < 0 ? axisAttribute + x.rank() : axisAttribute;
    int batchDims = batchAttribute < 0 ? batchAttribute + indices.rank() : batchAttribute;
    int[] batch = Arrays.copyOf(x.shape(), batchDims);
    int[] outerShape = Arrays.copyOfRange(x.shape(), batchDims, axis);
    int[] innerShape = Arrays.copyOfRange(x.shape(), axis + 1, x.rank());
    int[] indexShape = Arrays.copyOfRange(indices.shape(), batchDims, indices.rank());
    int[] shape = join(batch, outerShape, indexShape, innerShape);
    HostTensor out = HostTensor.allocate(x.type(), shape);
    int batches = HostTensor.count(batch);
    int outer = HostTensor.count(outerShape);
    int inner = HostTensor.count(innerShape);
    int many = HostTensor.count(indexShape);
    int n = x.dim(axis);
    int at = 0;
    for (int b = 0; b < batches; b++) {
      for (int o = 0; o < outer; o++) {
        for (int i = 0; i < many; i++) {
          long index = indices.integer(b * many + i);
          if (index < 0 || index >= n) {
            throw new IllegalArgumentException("index " + index + " outside 0 to " + (n - 1));
          }
          for (int k = 0; k < inner; k++) {
            out.copy(at++, x, ((b * outer + o) * n + (int) index) * inner + k);
          }
        }
      }
    }
    return out;
  }

  static int[] join(int[]... parts) {
    return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
  }

  static HostTensor gatherNd(HostTensor x, HostTensor indices) {
    int depth = indices.dim(-1);
    int[] outer = Arrays.copyOf(indices.shape(), indices.rank() - 1);
    int[] inner = Arrays.copyOfRange(x.shape(), depth, x.rank());
    HostTensor out = HostTensor.allocate(x.type(), join(outer, inner));
    int[] strides = HostTensor.strides(x.shape());
    int run = HostTensor.count(inner);
    int many = HostTensor.count(outer);
    int at = 0;
    for (int i = 0; i < many; i++) {
      int place = 0;
      for (int d = 0; d < depth; d++) {
        long index = indices.integer(i * depth + d);
        if (index < 0 || index >= x.dim(d)) {
          throw new IllegalArgumentException("index " + index + " outside axis " + d);
        }
        place += (int) index * strides[d];
      }
      for (int k = 0; k < run; k++) {
        out.copy(at++, x, place + k);
      }
    }
    return out;
  }

  static HostTensor scatterNd(HostTensor indices, HostTensor updates, int[] shape) {
    int depth = indices.dim(-1);
    HostTensor out = HostTensor.allocate(updates.type(), shape);
    int[] strides = HostTensor.strides(shape);
    int run = HostTensor.count(Arrays.copyOfRange(shape, depth, shape.length));
    int many = depth == 0 ? 1 : indices.size() / depth;
    for (int i = 0; i < many; i++) {
      int place = 0;
      for (int d = 0; d < depth; d++) {
        long index = indices.integer(i * depth + d);
        if (index < 0 || index >= shape[d]) {
          throw new IllegalArgumentException("index " + index + " outside axis " + d);
        }
        place += (int) index * strides[d];
      }
      for (int k = 0; k < run; k++) {
        if (out.isReal()) {
          out.set(place + k, out.real(place + k) + updates.real(i * run + k));
        } else {
          out.set(place + k, out.integer(place + k) + updates.integer(i * run + k));
        }
      }
    }
    return out;
  }

  static HostTensor tile(HostTensor x, int[] times) {
    HostTensor out = x;
    for (int axis = 0; axis < x.rank(); axis++) {
      if (times[axis] != 1) {
        int n = x.dim(axis);
        int[] index = new int[n * times[axis]];
        for (int i = 0; i < index.length; i++) {
          index[i] = i % n;
        }
        out = take(out, index, axis);
      }
    }
    return out;
  }

  static HostTensor reverse(HostTensor x, int[] axes) {
    HostTensor out = x;
    for (int a : axes) {
      int axis = a < 0 ? a + x.rank() : a;
      int n = x.dim(axis);
      int[] index = new int[n];
      for (int i = 0; i < n; i++) {
        index[i] = n - 1 - i;
      }
      out = take(out, index, axis);
    }
    return out;
  }

  /** DEPTH_TO_SPACE in channels-last order; {@code block} as in TensorFlow. */
  static HostTensor depthToSpace(HostTensor x, int block) {
    int[] s = x.shape();
    int c = s[3] / (block * block);
    HostTensor six = x.reshape(s[0], s[1], s[2], block, block, c);
    return transpose(six, new int[] {0, 1, 3, 2, 4, 5})
        .reshape(s[0], s[1] * block, s[2] * block, c);
  }

  static HostTensor spaceToDepth(HostTensor x, int block) {
    int[] s = x.shape();
    HostTensor six = x.reshape(s[0], s[1] / block, block, s[2] / block, block, s[3]);
    return transpose(six, new int[] {0, 1, 3, 2, 4, 5})
        .reshape(s[0], s[1] / block, s[2] / block, block * block * s[3]);
  }

  static HostTensor spaceToBatch(HostTensor x, int[] block, int[] paddings) {
    int m = block.length;
    int[] all = new int[2 * x.rank()];
    System.arraycopy(paddings, 0, all, 2, 2 * m);
    HostTensor p = pad(x, all, 0, 0);
    int rank = p.rank();
    int[] split = new int[rank + m];
    int[] perm = new int[rank + m];
    int[] out = p.shape().clone();
    split[0] = p.dim(0);
    perm[m] = 0;
    for (int i = 0; i < m; i++) {
      split[1 + 2 * i] = p.dim(1 + i) / block[i];
      split[2 + 2 * i] = block[i];
      perm[i] = 2 + 2 * i;
      perm[m + 1 + i] = 1 + 2 * i;
      out[0] *= block[i];
      out[1 + i] /= block[i];
    }
    for (int d = 1 + m; d < rank; d++) {
      split[d + m] = p.dim(d);
      perm[d + m] = d + m;
    }
    return transpose(p.reshape(split), perm).reshape(out);
  }

  static HostTensor batchToSpace(HostTensor x, int[] block, int[] crops) {
    int m = block.length;
    int rank = x.rank();
    int[] split = new int[rank + m];
    int[] perm = new int[rank + m];
    int[] joined = x.shape().clone();
    int batch = x.dim(0);
    for (int i = 0; i < m; i++) {
      split[i] = block[i];
      batch /= block[i];
      joined[1 + i] *= block[i];
      perm[1 + 2 * i] = m + 1 + i;
      perm[2 + 2 * i] = i;
    }
    split[m] = batch;
    joined[0] = batch;
    perm[0] = m;
    for (int d = 1; d < rank; d++) {
      split[m + d] = x.dim(d);
      if (d > m) {
        perm[m + d] = m + d;
      }
    }
    HostTensor whole = transpose(x.reshape(split), perm).reshape(joined);
    int[] begin = new int[rank];
    int[] size = joined.clone();
    for (int i = 0; i < m; i++) {
      begin[1 + i] = crops[2 * i];
      size[1 + i] -= crops[2 * i] + crops[2 * i + 1];
    }
    return slice(whole, begin, size);
  }

  static HostTensor oneHot(HostTensor indices, int depth, HostTensor on, HostTensor off, int at) {
    int axis = at < 0 ? indices.rank() : at;
    int[] shape =
        join(
            Arrays.copyOf(indices.shape(), axis),
            new int[] {depth},
            Arrays.copyOfRange(indices.shape(), axis, indices.rank()));
    HostTensor out = HostTensor.allocate(on.type(), shape);
    int inner = HostTensor.count(Arrays.copyOfRange(indices.shape(), axis, indices.rank()));
    for (int i = 0; i < out.size(); i++) {
      int k = i / inner % depth;
      int source = i / (inner * depth) * inner + i % inner;
      out.copy(i, indices.integer(source) == k ? on : off, 0);
    }
    return out;
  }

  static HostTensor where(HostTensor condition) {
    int rank = condition.rank();
    int[] strides = HostTensor.strides(condition.shape());
    List<Long> found = new ArrayList<>();
    for (int i = 0; i < condition.size(); i++) {
      if (condition.real(i) != 0) {
        for (int d = 0; d < rank; d++) {
          found.add((long) (i / strides[d] % condition.dim(d)));
        }
      }
    }
    long[] values = found.stream().mapToLong(Long::longValue).toArray();
    return HostTensor.ofIntegers(
        ElementType.INT64, values, rank == 0 ? 0 : values.length / rank, rank);
  }
}
