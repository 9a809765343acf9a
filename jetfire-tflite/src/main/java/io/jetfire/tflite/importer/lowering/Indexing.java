package io.jetfire.tflite.importer.lowering;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Operators that pick, write, repeat and pad elements. */
public final class Indexing {
  private Indexing() {}

  /**
   * Takes parts of axes, with steps.
   *
   * @param b where operators go
   * @param x the tensor
   * @param starts per axis, the first element; negative ones count from the end
   * @param ends per axis, the element to stop before; negative ones count from the end
   * @param axes which ones
   * @param steps per axis, not 0, or null for ones
   * @return the part
   */
  public static Value slice(
      Build b, Value x, int[] starts, int[] ends, int[] axes, int @Nullable [] steps) {
    int rank = Build.rank(x);
    int[] begin = new int[rank];
    int[] end = new int[rank];
    int[] step = new int[rank];
    Arrays.fill(step, 1);
    int endMask = (1 << rank) - 1;
    int beginMask = (1 << rank) - 1;
    boolean plain = true;
    for (int i = 0; i < axes.length; i++) {
      int axis = Build.axis(axes[i], rank);
      int k = steps == null ? 1 : steps[i];
      if (k == 0) {
        throw new Refusal("a step of 0", "export the model anew");
      }
      int size = x.shape().dim(axis);
      int from = starts[i];
      int to = ends[i];
      if (size >= 0) {
        from = bound(from, size, k > 0 ? 0 : 0, k > 0 ? size : size - 1);
        to = bound(to, size, k > 0 ? 0 : -1, k > 0 ? size : size - 1);
        int count = k > 0 ? (to - from + k - 1) / k : (from - to - k - 1) / -k;
        if (count <= 0) {
          return empty(b, x, axis);
        }
      }
      step[axis] = k;
      begin[axis] = from;
      end[axis] = to;
      beginMask &= ~(1 << axis);
      boolean whole =
          to >= (size < 0 ? Integer.MAX_VALUE : size)
              || (k < 0 && (to == -1 && size >= 0 || to == Integer.MIN_VALUE));
      if (!whole) {
        endMask &= ~(1 << axis);
      }
      plain &= k == 1 && size >= 0;
    }
    if (plain) {
      int[] sizes = new int[rank];
      for (int i = 0; i < rank; i++) {
        boolean open = (endMask >> i & 1) != 0;
        sizes[i] = open ? -1 : end[i] - begin[i];
      }
      if (Arrays.stream(begin).allMatch(v -> v == 0)
          && Arrays.stream(sizes).allMatch(v -> v == -1)) {
        return x;
      }
      return b.slice(x, begin, sizes);
    }
    b.checkRank(x, 5);
    return b.emit(
        Op.of(OpKind.STRIDED_SLICE)
            .set("begin_mask", beginMask)
            .set("end_mask", endMask)
            .inputs(x, b.ints(begin), b.ints(end), b.ints(step)));
  }

  private static int bound(int i, int size, int low, int high) {
    long v = i < 0 ? (long) i + size : i;
    return (int) Math.max(low, Math.min(high, v));
  }

  private static Value empty(Build b, Value x, int axis) {
    return b.slice(x, axis, 0, 0);
  }

  /**
   * Cuts an axis into parts.
   *
   * @param b where operators go
   * @param x the tensor
   * @param axis at least 0
   * @param sizes how many elements each part has
   * @return the parts
   */
  public static List<Value> split(Build b, Value x, int axis, int... sizes) {
    if (sizes.length == 1 && x.shape().dim(axis) == sizes[0]) {
      return List.of(x);
    }
    boolean even = Arrays.stream(sizes).distinct().count() == 1 && sizes[0] > 0;
    boolean whole = x.shape().dim(axis) == (long) sizes[0] * sizes.length;
    if (even && whole && x.type() == ElementType.FLOAT32) {
      Op op = Op.of(OpKind.SPLIT).set("num_splits", sizes.length);
      return b.emit(op.inputs(b.scalar(ElementType.INT32, axis), x), sizes.length);
    }
    List<Value> parts = new ArrayList<>();
    int at = 0;
    for (int size : sizes) {
      parts.add(b.slice(x, axis, at, size));
      at += size;
    }
    return parts;
  }

  /** Coordinates [count, rank] of every element of a tensor whose index along one axis is given. */
  private static Value coordinates(Build b, Value indices, Value data, int axis) {
    int[] d = Build.fixedFrom(indices, 0);
    int rank = d.length;
    int count = Build.count(d);
    Value wrapped = b.cast(b.wrapped(indices, data, axis), ElementType.INT32);
    List<Value> columns = new ArrayList<>();
    int inner = 1;
    int[] steps = new int[rank];
    for (int i = rank - 1; i >= 0; i--) {
      steps[i] = inner;
      inner *= d[i];
    }
    for (int i = 0; i < rank; i++) {
      if (i == axis) {
        columns.add(b.reshape(wrapped, count, 1));
      } else {
        int[] column = new int[count];
        for (int k = 0; k < count; k++) {
          column[k] = k / steps[i] % d[i];
        }
        columns.add(b.reshape(b.ints(column), count, 1));
      }
    }
    return b.concat(1, columns);
  }

  /**
   * Picks one element per element of the indices, from the same place but along an axis.
   *
   * @param b where operators go
   * @param x the tensor
   * @param indices integers of as many dimensions, fixed; negative ones count from the end
   * @param axis at least 0
   * @return the picked elements, in the shape of the indices
   */
  public static Value gatherElements(Build b, Value x, Value indices, int axis) {
    Value at = coordinates(b, indices, x, axis);
    Value flat = b.emit(Op.of(OpKind.GATHER_ND).inputs(x, at));
    return b.reshape(flat, indices.shape().dims());
  }

  /**
   * Makes coordinates that count from the end count from the start.
   *
   * @param b where operators go
   * @param indices coordinates in the last dimension
   * @param data what they point into
   * @param firstAxis the axis of the first coordinate
   * @return coordinates of INT32
   */
  public static Value wrappedNd(Build b, Value indices, Value data, int firstAxis) {
    if (indices.isConstant() && Arrays.stream(indices.longs()).noneMatch(l -> l < 0)) {
      return b.cast(indices, ElementType.INT32);
    }
    int depth = Build.fixedFrom(indices, Build.rank(indices) - 1)[Build.rank(indices) - 1];
    int[] dims = Arrays.copyOfRange(Build.fixedFrom(data, firstAxis), firstAxis, firstAxis + depth);
    Value i = b.cast(indices, ElementType.INT32);
    Value below = b.compare(OpKind.LESS, i, b.scalar(ElementType.INT32, 0));
    return b.select(below, b.add(i, b.ints(dims)), i);
  }

  /**
   * Picks the slices that coordinates point to.
   *
   * @param b where operators go
   * @param x the tensor
   * @param indices coordinates in the last dimension; negative ones count from the end
   * @param batch how many leading dimensions tensor and indices share
   * @return the slices
   */
  public static Value gatherNd(Build b, Value x, Value indices, int batch) {
    Value i = wrappedNd(b, indices, x, batch);
    if (batch > 0) {
      int[] d = Build.fixedFrom(i, 0);
      int count = 1;
      for (int k = 0; k < d.length - 1; k++) {
        count *= d[k];
      }
      int perBatch = 1;
      for (int k = batch; k < d.length - 1; k++) {
        perBatch *= d[k];
      }
      int[] columns = new int[Build.count(count, batch)];
      for (int r = 0; r < count; r++) {
        int rest = r / Math.max(1, perBatch);
        for (int k = batch - 1; k >= 0; k--) {
          columns[r * batch + k] = rest % d[k];
          rest /= d[k];
        }
      }
      Value batches = b.reshape(b.ints(columns), count, batch);
      Value rows = b.reshape(i, count, d[d.length - 1]);
      int[] full = d.clone();
      full[d.length - 1] += batch;
      i = b.reshape(b.concat(1, batches, rows), full);
    }
    return b.emit(Op.of(OpKind.GATHER_ND).inputs(x, i));
  }

  /**
   * Writes one element per element of the indices, to the same place but along an axis.
   *
   * @param b where operators go
   * @param x the tensor to write into
   * @param indices integers of as many dimensions, fixed; negative ones count from the end
   * @param updates what to write, in the shape of the indices
   * @param axis at least 0
   * @param reduction none or add
   * @return the tensor with the updates
   */
  public static Value scatterElements(
      Build b, Value x, Value indices, Value updates, int axis, String reduction) {
    Value at = coordinates(b, indices, x, axis);
    int count = (int) indices.shape().elementCount();
    return scatter(b, x, at, b.reshape(updates, count), reduction);
  }

  /**
   * Writes slices of a tensor at the given coordinates.
   *
   * @param b where operators go
   * @param x the tensor to write into, of fixed shape
   * @param at coordinates of INT32 in the last dimension, from 0
   * @param updates what to write
   * @param reduction none to replace, add to add
   * @return the tensor with the updates
   */
  public static Value scatter(Build b, Value x, Value at, Value updates, String reduction) {
    int[] dims = Build.fixedFrom(x, 0);
    ElementType type = x.type();
    Value shape = b.ints(dims);
    boolean wide =
        type == ElementType.FLOAT32 || type == ElementType.INT32 || type == ElementType.INT64;
    Value data = wide ? x : b.cast(x, ElementType.INT32);
    Value u = wide ? updates : b.cast(updates, ElementType.INT32);
    Value scattered = b.emit(Op.of(OpKind.SCATTER_ND).inputs(at, u, shape));
    switch (reduction) {
      case "add" -> {
        return b.cast(b.add(data, scattered), type);
      }
      case "none" -> {
        // TFLite adds up on zeros, so places written twice would get the sum: only ONNX models
        // without such duplicates are defined, and a mask tells written places from others.
        Value ones =
            b.emit(Op.of(OpKind.FILL).inputs(b.shapeOf(u), b.scalar(ElementType.INT32, 1)));
        Value mask = b.emit(Op.of(OpKind.SCATTER_ND).inputs(at, ones, shape));
        Value written = b.compare(OpKind.GREATER, mask, b.scalar(ElementType.INT32, 0));
        return b.cast(b.select(written, scattered, data), type);
      }
      default ->
          throw new Refusal(
              "a scatter with the reduction '" + reduction + "'",
              "use the reductions 'none' or 'add'");
    }
  }

  /**
   * Broadcasts a tensor with a shape, in both directions.
   *
   * @param b where operators go
   * @param x the tensor
   * @param shape a vector of integers
   * @return a tensor of the common shape
   */
  public static Value expand(Build b, Value x, Value shape) {
    Optional<int[]> known = b.known(shape);
    if (known.isPresent() && x.shape().isStatic()) {
      Shape to = Functions.broadcast(x.shape(), Shape.of(known.get()));
      return b.broadcastTo(x, to.dims());
    }
    Value common =
        b.emit(Op.of(OpKind.BROADCAST_ARGS).inputs(b.shapeOf(x), b.cast(shape, ElementType.INT32)));
    return b.broadcastTo(x, common);
  }

  /**
   * Pads, or cuts where paddings are negative.
   *
   * @param b where operators go
   * @param x the tensor
   * @param paddings per dimension, before and after
   * @param mode constant, reflect (the edge not repeated), edge or wrap
   * @param fill a scalar, for constant
   * @return the padded tensor
   */
  public static Value pad(Build b, Value x, int[] paddings, String mode, Value fill) {
    int[] p = paddings.clone();
    Value cropped = crop(b, x, p);
    if (Arrays.stream(p).allMatch(v -> v == 0)) {
      return cropped;
    }
    return switch (mode) {
      case "constant" -> b.pad(cropped, p, fill);
      case "reflect" -> b.mirrorPad(cropped, p);
      case "edge", "wrap" -> byIndex(b, cropped, p, mode.equals("wrap"));
      default -> throw new Refusal("the mode '" + mode + "'", "use constant padding");
    };
  }

  /** Negative paddings cut off; they are 0 afterwards. */
  private static Value crop(Build b, Value x, int[] p) {
    int rank = p.length / 2;
    int[] begin = new int[rank];
    int[] size = new int[rank];
    boolean any = false;
    for (int i = 0; i < rank; i++) {
      size[i] = -1;
      if (p[2 * i] < 0 || p[2 * i + 1] < 0) {
        any = true;
        int d = Build.fixedFrom(x, i)[i];
        begin[i] = Math.max(0, -p[2 * i]);
        size[i] = d - begin[i] - Math.max(0, -p[2 * i + 1]);
      }
      p[2 * i] = Math.max(0, p[2 * i]);
      p[2 * i + 1] = Math.max(0, p[2 * i + 1]);
    }
    return any ? b.slice(x, begin, size) : x;
  }

  private static Value byIndex(Build b, Value x, int[] p, boolean wrap) {
    Value out = x;
    for (int axis = 0; axis < p.length / 2; axis++) {
      if (p[2 * axis] == 0 && p[2 * axis + 1] == 0) {
        continue;
      }
      int d = Build.fixedFrom(x, axis)[axis];
      int[] index = new int[Build.count(Math.addExact(p[2 * axis] + d, p[2 * axis + 1]))];
      for (int i = 0; i < index.length; i++) {
        int k = i - p[2 * axis];
        index[i] = wrap ? Math.floorMod(k, d) : Math.max(0, Math.min(d - 1, k));
      }
      out = b.gather(out, b.ints(index), axis);
    }
    return out;
  }

  /**
   * Finds elements that are not 0.
   *
   * @param b where operators go
   * @param x the tensor
   * @return INT64, one row of coordinates per element found
   */
  public static Value nonZero(Build b, Value x) {
    Value v = Build.rank(x) == 0 ? b.reshape(x, 1) : x;
    return b.emit(Op.of(OpKind.WHERE).inputs(Functions.cast(b, v, ElementType.BOOL)));
  }

  /**
   * A matrix that is true on one side of a diagonal.
   *
   * @param b where the constant goes
   * @param rows its rows
   * @param columns its columns
   * @param diagonal 0 for the main one, positive ones lie above it
   * @param upper whether the side above is true, else that below; the diagonal is in both
   * @return a constant of BOOL
   */
  public static Value triangle(Build b, int rows, int columns, int diagonal, boolean upper) {
    byte[] mask = new byte[Build.count(rows, columns)];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        boolean kept = upper ? (long) j - i >= diagonal : (long) j - i <= diagonal;
        mask[i * columns + j] = (byte) (kept ? 1 : 0);
      }
    }
    return b.subgraph()
        .addConstant("triangle", ElementType.BOOL, Shape.of(rows, columns), Weights.of(mask));
  }

  /**
   * Moves channels into blocks of rows and columns.
   *
   * @param b where operators go
   * @param x batch, channels, rows, columns
   * @param block the size of a block
   * @param channelFirst whether channels come as (channel, block row, block column), else as (block
   *     row, block column, channel)
   * @return batch, fewer channels, more rows and columns
   */
  public static Value depthToSpace(Build b, Value x, int block, boolean channelFirst) {
    Value image = x;
    if (block < 1) {
      throw new Refusal("a block of " + block, "use blocks of at least 1");
    }
    if (channelFirst) {
      // Bring them into TFLite's order.
      int c = Build.fixedFrom(x, 1)[1] / (block * block);
      int[] order = new int[Build.count(c, block, block)];
      for (int i = 0; i < order.length; i++) {
        order[i] = i % c * block * block + i / c;
      }
      image = b.gather(x, b.ints(order), 1);
    }
    return b.first(
        b.emit(Op.of(OpKind.DEPTH_TO_SPACE).set("block_size", block).inputs(b.last(image))));
  }
}
