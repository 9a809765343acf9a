package io.jetfire.importer.pytorch;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Indexing;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Operators that pick elements by their place and write to places. */
final class IndexOps {
  private IndexOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("slice", IndexOps::slice);
    ops.put("slice_copy", IndexOps::slice);
    ops.put("narrow", IndexOps::narrow);
    ops.put("narrow_copy", IndexOps::narrow);
    ops.put("select", IndexOps::select);
    ops.put("select_copy", IndexOps::select);
    ops.put("index_select", IndexOps::indexSelect);
    ops.put("take", c -> c.out(taken(c)));
    ops.put("embedding", IndexOps::embedding);
    ops.put("embedding_bag", IndexOps::embeddingBag);
    ops.put("_embedding_bag", IndexOps::embeddingBag);
    ops.put("_embedding_bag_forward_only", IndexOps::embeddingBag);
    ops.put("gather", IndexOps::gather);
    ops.put("take_along_dim", IndexOps::gather);
    ops.put("scatter", IndexOps::scatter);
    ops.put("scatter_add", c -> scatter(c, "add"));
    ops.put("scatter_reduce", IndexOps::scatterReduce);
    ops.put("index", IndexOps::index);
    ops.put("_unsafe_index", IndexOps::index);
    ops.put("index_put", IndexOps::indexPut);
    ops.put("_unsafe_index_put", IndexOps::indexPut);
    ops.put("index_add", c -> indexWrite(c, "source", "add"));
    ops.put("index_copy", c -> indexWrite(c, "source", "none"));
    ops.put("index_fill", IndexOps::indexFill);
    ops.put("select_scatter", IndexOps::selectScatter);
    ops.put("slice_scatter", IndexOps::sliceScatter);
    ops.put("nonzero", c -> c.out(Indexing.nonZero(c.b, c.self())));
    ops.put("argwhere", ops.get("nonzero"));
    ops.put("masked_select", IndexOps::maskedSelect);
    ops.put("tril", c -> triangle(c, false));
    ops.put("triu", c -> triangle(c, true));
    ops.put("diagonal", IndexOps::diagonal);
    ops.put("diagonal_copy", IndexOps::diagonal);
    ops.put("diag", IndexOps::diag);
    ops.put("diag_embed", IndexOps::diagEmbed);
    ops.put("one_hot", IndexOps::oneHot);
    ops.put("bucketize", c -> bucketize(c, c.self(), c.tensor("boundaries")));
    ops.put("searchsorted", c -> bucketize(c, c.self(), c.tensor("sorted_sequence")));
  }

  // ---- parts

  private static void slice(Call c) {
    Value x = c.self();
    int axis = Build.axis(c.integer("dim", 0), Build.rank(x));
    int step = c.integer("step", 1);
    boolean open =
        !isKnown(c, "start") || !isKnown(c, "end") || (x.shape().dim(axis) < 0 && step != 1);
    if (!open) {
      int start = c.integer("start", 0);
      int end = c.integer("end", Integer.MAX_VALUE);
      int[] steps = step == 1 ? null : new int[] {step};
      c.out(Indexing.slice(c.b, x, new int[] {start}, new int[] {end}, new int[] {axis}, steps));
      return;
    }
    int rank = Build.rank(x);
    int mask = 0;
    List<Value> begin = new ArrayList<>();
    List<Value> end = new ArrayList<>();
    int[] steps = new int[rank];
    Arrays.fill(steps, 1);
    steps[axis] = step;
    for (int i = 0; i < rank; i++) {
      begin.add(i == axis ? bound(c, "start", 0) : c.b.ints(0));
      end.add(i == axis ? bound(c, "end", Integer.MAX_VALUE) : c.b.ints(0));
      mask |= i == axis ? 0 : 1 << i;
    }
    c.b.checkRank(x, 5);
    c.out(
        c.b.emit(
            Op.of(OpKind.STRIDED_SLICE)
                .set("begin_mask", mask)
                .set("end_mask", mask)
                .inputs(x, c.b.concat(0, begin), c.b.concat(0, end), c.b.ints(steps))));
  }

  private static boolean isKnown(Call c, String name) {
    return !c.has(name) || c.b.known(c.tensor(name)).isPresent();
  }

  private static Value bound(Call c, String name, int otherwise) {
    return isKnown(c, name)
        ? c.b.ints(c.integer(name, otherwise))
        : c.b.reshape(c.b.cast(c.tensor(name), ElementType.INT32), 1);
  }

  private static void narrow(Call c) {
    Value x = c.self();
    int axis = Build.axis(c.integer("dim", 0), Build.rank(x));
    int start = c.integer("start", 0);
    int from = start < 0 ? start + Build.fixedFrom(x, axis)[axis] : start;
    c.out(c.b.slice(x, axis, from, c.integer("length", 0)));
  }

  private static void select(Call c) {
    Value x = c.self();
    int axis = Build.axis(c.integer("dim", 0), Build.rank(x));
    if (!isKnown(c, "index")) {
      Value i = c.b.reshape(c.b.cast(c.tensor("index"), ElementType.INT32));
      c.out(c.b.gather(x, c.b.wrapped(i, x, axis), axis));
      return;
    }
    int i = c.integer("index", 0);
    if (i < 0 && x.shape().dim(axis) < 0) {
      Value last = c.b.wrapped(c.b.scalar(ElementType.INT32, i), x, axis);
      c.out(c.b.gather(x, last, axis));
      return;
    }
    int at = i < 0 ? i + x.shape().dim(axis) : i;
    c.out(c.b.squeeze(c.b.slice(x, axis, at, 1), axis));
  }

  // ---- picking

  private static void indexSelect(Call c) {
    Value x = c.self();
    int axis = Build.axis(c.integer("dim", 0), Build.rank(x));
    Value i = c.tensor("index");
    i = Build.rank(i) == 0 ? c.b.reshape(i, 1) : i;
    c.out(c.b.gather(x, c.b.wrapped(i, x, axis), axis));
  }

  private static Value taken(Call c) {
    Value flat = c.b.reshape(c.self(), -1);
    return c.b.gather(flat, c.b.wrapped(c.tensor("index"), flat, 0), 0);
  }

  private static void embedding(Call c) {
    // Indices of an embedding never count from the end.
    c.out(c.b.gather(c.tensor("weight"), c.tensor("indices"), 0));
  }

  private static void embeddingBag(Call c) {
    Value indices = c.tensor("indices");
    Value offsets = c.tensor("offsets");
    if (!offsets.isConstant() || c.has("per_sample_weights")) {
      throw new Refusal("its bags are computed while the model runs", "use bags of one size");
    }
    Value rows = c.b.gather(c.tensor("weight"), indices, 0);
    long[] from = offsets.longs();
    int n = Build.fixedFrom(indices, 0)[0];
    int bags = from.length - (c.flag("include_last_offset", false) ? 1 : 0);
    List<Value> out = new ArrayList<>();
    OpKind kind =
        switch (c.integer("mode", 0)) {
          case 1 -> OpKind.MEAN;
          case 2 -> OpKind.REDUCE_MAX;
          default -> OpKind.SUM;
        };
    for (int i = 0; i < Build.repetitions(bags); i++) {
      int to = i + 1 < from.length ? (int) from[i + 1] : n;
      Value bag = c.b.slice(rows, 0, (int) from[i], to - (int) from[i]);
      out.add(c.b.reduce(kind, bag, true, 0));
    }
    c.out(c.b.concat(0, out));
  }

  private static void gather(Call c) {
    Value x = c.self();
    Value index = c.tensor(c.has("indices") ? "indices" : "index");
    int rank = Build.rank(x);
    if (rank == 0) {
      c.out(x);
      return;
    }
    int axis = Build.axis(c.integer("dim", 0), rank);
    int[] d = Build.fixedFrom(index, 0);
    if (c.target().contains("take_along_dim")) {
      int[] xs = x.shape().dims();
      xs[axis] = 1;
      d[axis] = 1;
      int[] both = Functions.broadcast(Shape.of(xs), Shape.of(d)).dims();
      int[] to = both.clone();
      to[axis] = index.shape().dim(axis);
      index = c.b.broadcastTo(index, to);
      to[axis] = x.shape().dim(axis);
      x = c.b.broadcastTo(x, to);
    }
    // The first rows and columns are meant where the indices have fewer of them: coordinates do so.
    c.out(Indexing.gatherElements(c.b, x, index, axis));
  }

  // ---- writing

  private static void scatter(Call c) {
    String reduce = c.text("reduce", "none");
    scatter(c, reduce.equals("add") ? "add" : reduce);
  }

  private static void scatter(Call c, String reduction) {
    Value x = c.self();
    Value index = c.tensor("index");
    int axis = Build.axis(c.integer("dim", 0), Math.max(1, Build.rank(x)));
    int[] d = Build.fixedFrom(index, 0);
    Value updates;
    if (c.has("src")) {
      Value src = c.operand("src", x.type());
      int[] begin = new int[d.length];
      updates = Arrays.equals(src.shape().dims(), d) ? src : c.b.slice(src, begin, d);
    } else {
      updates = c.b.broadcastTo(c.operand("value", x.type()), d);
    }
    c.out(Indexing.scatterElements(c.b, x, index, updates, axis, reduction));
  }

  private static void scatterReduce(Call c) {
    String reduce = c.text("reduce", "sum");
    if (!reduce.equals("sum") || !c.flag("include_self", true)) {
      throw new Refusal("a scatter with the reduction '" + reduce + "'", "use the reduction 'sum'");
    }
    scatter(c, "add");
  }

  /** What is left of a mask or a list of places, as places. */
  private static Value places(Call c, Value index) {
    if (index.type() == ElementType.BOOL) {
      throw new Refusal(
          "it picks by a mask, so the size of its result is known only while the model runs",
          "use torch.where instead of a mask");
    }
    return c.b.cast(index, ElementType.INT32);
  }

  /** The coordinates that index tensors mean together, in a last dimension; FLAT of one axis. */
  private record Picked(Value coordinates, int[] shape, int first, int count) {}

  /** Index tensors on neighbouring axes, broadcast to each other. */
  private static Picked picked(Call c, Value x, List<@Nullable Value> indices) {
    int first = -1;
    int last = -1;
    int[] common = new int[0];
    for (int i = 0; i < indices.size(); i++) {
      Value index = indices.get(i);
      if (index != null) {
        first = first < 0 ? i : first;
        last = i;
        common = Functions.broadcast(Shape.of(common), Shape.of(Build.fixedFrom(index, 0))).dims();
      }
    }
    if (first < 0) {
      throw new Refusal("it picks nothing", "export the program anew");
    }
    List<Value> columns = new ArrayList<>();
    int n = Build.count(common);
    for (int i = first; i <= last; i++) {
      Value index = indices.get(i);
      if (index == null) {
        throw new Refusal("its indices are not on neighbouring axes", "permute the tensor before");
      }
      Value wrapped = c.b.wrapped(places(c, index), x, i);
      columns.add(c.b.reshape(c.b.broadcastTo(wrapped, common), n, 1));
    }
    return new Picked(c.b.concat(1, columns), common, first, columns.size());
  }

  private static void index(Call c) {
    Value x = c.self();
    List<@Nullable Value> indices = c.optionals("indices");
    List<Value> given = indices.stream().filter(Objects::nonNull).map(IndexOps::present).toList();
    if (given.size() == 1) {
      int axis = indices.indexOf(given.get(0));
      Value i = given.get(0);
      if (i.type() == ElementType.BOOL) {
        c.out(masked(c, x, i, axis));
        return;
      }
      c.out(c.b.gather(x, c.b.wrapped(i, x, axis), axis));
      return;
    }
    // Indices apart from each other put their dimensions first: bring their axes there.
    int rank = Build.rank(x);
    int[] axes = IntStream.range(0, indices.size()).filter(i -> indices.get(i) != null).toArray();
    int[] rest =
        IntStream.range(0, rank).filter(i -> Arrays.stream(axes).noneMatch(a -> a == i)).toArray();
    int[] perm = IntStream.concat(Arrays.stream(axes), Arrays.stream(rest)).toArray();
    Value moved = c.b.transpose(x, perm);
    Picked p = picked(c, moved, new ArrayList<>(given));
    int[] dims = new int[p.shape.length + 1];
    System.arraycopy(p.shape, 0, dims, 0, p.shape.length);
    dims[p.shape.length] = p.count;
    Value y = c.b.emit(Op.of(OpKind.GATHER_ND).inputs(moved, c.b.reshape(p.coordinates, dims)));
    boolean neighbours = axes[axes.length - 1] - axes[0] == axes.length - 1;
    if (neighbours && axes[0] > 0) {
      // The picked dimensions stand where the axes were.
      int k = p.shape.length;
      int n = Build.rank(y);
      int[] back = new int[n];
      for (int i = 0; i < n; i++) {
        back[i] = i < axes[0] ? k + i : i < axes[0] + k ? i - axes[0] : i;
      }
      y = c.b.transpose(y, back);
    }
    c.out(y);
  }

  private static Value present(@Nullable Value v) {
    return Objects.requireNonNull(v);
  }

  /** Picks by a mask: the size of the result is known only while the model runs. */
  private static Value masked(Call c, Value x, Value mask, int axis) {
    int rank = Build.rank(mask);
    Value at = Indexing.nonZero(c.b, mask);
    if (rank == 1) {
      return c.b.gather(x, c.b.cast(c.b.reshape(at, -1), ElementType.INT32), axis);
    }
    if (axis != 0) {
      throw new Refusal("a mask of several dimensions on axis " + axis, "use torch.where");
    }
    return c.b.emit(Op.of(OpKind.GATHER_ND).inputs(x, c.b.cast(at, ElementType.INT32)));
  }

  private static void maskedSelect(Call c) {
    Value mask = c.tensor("mask");
    Value x = c.self();
    int[] both =
        Functions.broadcast(Shape.of(Build.fixedFrom(x, 0)), Shape.of(Build.fixedFrom(mask, 0)))
            .dims();
    c.out(masked(c, c.b.broadcastTo(x, both), c.b.broadcastTo(mask, both), 0));
  }

  private static void indexPut(Call c) {
    Value x = c.self();
    List<@Nullable Value> indices = c.optionals("indices");
    boolean add = c.flag("accumulate", false);
    List<Value> given = indices.stream().filter(Objects::nonNull).map(IndexOps::present).toList();
    if (given.size() == 1 && given.get(0).type() == ElementType.BOOL) {
      putMasked(c, x, given.get(0), indices.indexOf(given.get(0)), add);
      return;
    }
    int rank = Build.rank(x);
    int[] axes = IntStream.range(0, indices.size()).filter(i -> indices.get(i) != null).toArray();
    boolean neighbours = axes.length > 0 && axes[axes.length - 1] - axes[0] == axes.length - 1;
    if (!neighbours) {
      throw new Refusal("its indices are not on neighbouring axes", "permute the tensor before");
    }
    int[] rest =
        IntStream.range(0, rank).filter(i -> Arrays.stream(axes).noneMatch(a -> a == i)).toArray();
    int[] perm = IntStream.concat(Arrays.stream(axes), Arrays.stream(rest)).toArray();
    Value moved = c.b.transpose(x, perm);
    Picked p = picked(c, moved, new ArrayList<>(given));
    int n = Build.count(p.shape);
    int[] d = Build.fixedFrom(moved, 0);
    int[] slice = Arrays.copyOfRange(d, axes.length, rank);
    // Values stand as the tensor has them: leading axes, then picked ones, then the rest.
    int lead = axes[0];
    int[] shape = new int[p.shape.length + slice.length];
    System.arraycopy(slice, 0, shape, 0, lead);
    System.arraycopy(p.shape, 0, shape, lead, p.shape.length);
    System.arraycopy(slice, lead, shape, lead + p.shape.length, slice.length - lead);
    Value values = c.b.broadcastTo(c.operand("values", x.type()), shape);
    int k = p.shape.length;
    int[] order = new int[shape.length];
    for (int i = 0; i < order.length; i++) {
      order[i] = i < k ? lead + i : i < k + lead ? i - k : i;
    }
    int[] flat = new int[slice.length + 1];
    flat[0] = n;
    System.arraycopy(slice, 0, flat, 1, slice.length);
    Value updates = c.b.reshape(c.b.transpose(values, order), flat);
    Value y = Indexing.scatter(c.b, moved, p.coordinates, updates, add ? "add" : "none");
    int[] back = new int[rank];
    for (int i = 0; i < rank; i++) {
      back[perm[i]] = i;
    }
    c.out(c.b.transpose(y, back));
  }

  private static void putMasked(Call c, Value x, Value mask, int axis, boolean add) {
    Value values = c.operand("values", x.type());
    boolean one = values.shape().isStatic() && values.shape().elementCount() == 1;
    if (!one) {
      throw new Refusal("it writes several values by a mask", "use torch.where");
    }
    int rank = Build.rank(x);
    int[] dims = new int[rank];
    Arrays.fill(dims, 1);
    int[] d = Build.fixedFrom(mask, 0);
    System.arraycopy(d, 0, dims, axis, d.length);
    Value shaped = c.b.reshape(mask, dims);
    Value scalar = c.b.reshape(values);
    c.out(c.b.select(shaped, add ? c.b.add(x, scalar) : scalar, x));
  }

  /** Writes whole slices of one axis. */
  private static void indexWrite(Call c, String source, String reduction) {
    Value x = c.self();
    int rank = Build.rank(x);
    int axis = Build.axis(c.integer("dim", 0), rank);
    Value updates = c.operand(source, x.type());
    double alpha = c.real("alpha", 1);
    updates = alpha == 1 ? updates : c.b.mul(updates, alpha);
    c.out(written(c, x, axis, updates, reduction));
  }

  private static Value written(Call c, Value x, int axis, Value updates, String reduction) {
    int rank = Build.rank(x);
    int[] perm = new int[rank];
    int[] back = new int[rank];
    for (int i = 0; i < rank; i++) {
      perm[i] = i == 0 ? axis : i <= axis ? i - 1 : i;
      back[perm[i]] = i;
    }
    Value index = c.b.wrapped(places(c, c.tensor("index")), x, axis);
    Value at = c.b.reshape(index, -1, 1);
    Value y =
        Indexing.scatter(c.b, c.b.transpose(x, perm), at, c.b.transpose(updates, perm), reduction);
    return c.b.transpose(y, back);
  }

  private static void indexFill(Call c) {
    Value x = c.self();
    int axis = Build.axis(c.integer("dim", 0), Build.rank(x));
    int[] d = Build.fixedFrom(x, 0).clone();
    d[axis] = Build.count(Build.fixedFrom(c.tensor("index"), 0));
    c.out(written(c, x, axis, c.b.broadcastTo(c.operand("value", x.type()), d), "none"));
  }

  private static void selectScatter(Call c) {
    Value x = c.self();
    c.out(selectInto(c, x, c.operand("src", x.type())));
  }

  /** The tensor with the part that a call of select picked replaced by another one. */
  static Value selectInto(Call c, Value x, Value part) {
    int axis = Build.axis(c.integer("dim", 0), Build.rank(x));
    int n = Build.fixedFrom(x, axis)[axis];
    int at = c.integer("index", 0);
    at = at < 0 ? at + n : at;
    return replaced(c, x, c.b.unsqueeze(part, axis), axis, at, at + 1);
  }

  private static Value replaced(Call c, Value x, Value part, int axis, int from, int to) {
    int n = Build.fixedFrom(x, axis)[axis];
    List<Value> parts = new ArrayList<>();
    if (from > 0) {
      parts.add(c.b.slice(x, axis, 0, from));
    }
    parts.add(part);
    if (to < n) {
      parts.add(c.b.slice(x, axis, to, n - to));
    }
    return c.b.concat(axis, parts);
  }

  private static void sliceScatter(Call c) {
    Value x = c.self();
    c.out(sliceInto(c, x, c.operand("src", x.type())));
  }

  /** The tensor with the part that a call of slice picked replaced by another one. */
  static Value sliceInto(Call c, Value x, Value src) {
    int axis = Build.axis(c.integer("dim", 0), Build.rank(x));
    int n = Build.fixedFrom(x, axis)[axis];
    int step = c.integer("step", 1);
    int from = clip(c.integer("start", 0), n);
    int to = clip(c.integer("end", Integer.MAX_VALUE), n);
    if (step == 1) {
      return to <= from ? x : replaced(c, x, src, axis, from, to);
    }
    // The old slices and the new ones side by side, picked in the right order.
    int[] order = new int[n];
    for (int i = 0; i < n; i++) {
      boolean isNew = i >= from && i < to && (i - from) % step == 0;
      order[i] = isNew ? n + (i - from) / step : i;
    }
    return c.b.gather(c.b.concat(axis, x, src), c.b.ints(order), axis);
  }

  private static int clip(int i, int n) {
    return (int) Math.max(0, Math.min(n, i < 0 ? (long) i + n : i));
  }

  // ---- diagonals

  private static void triangle(Call c, boolean upper) {
    Value x = c.self();
    int rank = Build.rank(x);
    int[] d = Build.fixedFrom(x, rank - 2);
    int diagonal = c.integer("diagonal", 0);
    Value mask = Indexing.triangle(c.b, d[rank - 2], d[rank - 1], diagonal, upper);
    c.out(c.b.select(mask, x, c.b.scalar(x.type(), 0)));
  }

  private static void diagonal(Call c) {
    Value x = c.self();
    int rank = Build.rank(x);
    int one = Build.axis(c.integer("dim1", 0), rank);
    int other = Build.axis(c.integer("dim2", 1), rank);
    c.out(diagonal(c.b, x, c.integer("offset", 0), one, other));
  }

  private static Value diagonal(Build b, Value x, int offset, int one, int other) {
    int rank = Build.rank(x);
    int[] rest = IntStream.range(0, rank).filter(i -> i != one && i != other).toArray();
    int[] perm = IntStream.concat(IntStream.of(one, other), Arrays.stream(rest)).toArray();
    Value moved = b.transpose(x, perm);
    int[] d = Build.fixedFrom(moved, 0);
    int n =
        Math.max(0, offset >= 0 ? Math.min(d[0], d[1] - offset) : Math.min(d[0] + offset, d[1]));
    int[] places = new int[Build.count(n, 2)];
    for (int i = 0; i < n; i++) {
      places[2 * i] = i + Math.max(0, -offset);
      places[2 * i + 1] = i + Math.max(0, offset);
    }
    Value y = b.emit(Op.of(OpKind.GATHER_ND).inputs(moved, b.reshape(b.ints(places), n, 2)));
    return b.axisLast(y, 0);
  }

  private static void diag(Call c) {
    Value x = c.self();
    int offset = c.integer("diagonal", 0);
    c.out(Build.rank(x) == 1 ? diagonalMatrix(c.b, x, offset) : diagonal(c.b, x, offset, 0, 1));
  }

  /** Puts the last dimension onto the diagonal of a matrix. */
  private static Value diagonalMatrix(Build b, Value x, int offset) {
    int rank = Build.rank(x);
    int n = Build.fixedFrom(x, rank - 1)[rank - 1];
    int size = n + Math.abs(offset);
    // Each place of the matrix takes an element, or the zero that is put behind them.
    int[] p = new int[2 * rank];
    p[2 * rank - 1] = 1;
    Value more = b.pad(x, p, b.scalar(x.type(), 0));
    int[] index = new int[Build.count(size, size)];
    Arrays.fill(index, n);
    for (int i = 0; i < n; i++) {
      index[(i + Math.max(0, -offset)) * size + i + Math.max(0, offset)] = i;
    }
    return b.gather(more, b.reshape(b.ints(index), size, size), rank - 1);
  }

  private static void diagEmbed(Call c) {
    Value y = diagonalMatrix(c.b, c.self(), c.integer("offset", 0));
    int rank = Build.rank(y);
    int one = Build.axis(c.integer("dim1", -2), rank);
    int other = Build.axis(c.integer("dim2", -1), rank);
    int[] perm = new int[rank];
    int next = 0;
    for (int i = 0; i < rank; i++) {
      perm[i] = i == one ? rank - 2 : i == other ? rank - 1 : next++;
    }
    c.out(c.b.transpose(y, perm));
  }

  private static void oneHot(Call c) {
    int classes = c.integer("num_classes", -1);
    if (classes < 0) {
      throw new Refusal("its number of classes is computed", "give num_classes");
    }
    c.out(
        c.b.emit(
            Op.of(OpKind.ONE_HOT)
                .set("axis", -1)
                .inputs(
                    c.b.cast(c.self(), ElementType.INT32),
                    c.b.scalar(ElementType.INT32, classes),
                    c.b.scalar(1),
                    c.b.scalar(0))));
  }

  /** How many boundaries lie below each element. */
  private static void bucketize(Call c, Value of, Value bounds) {
    int n = Build.fixedFrom(bounds, 0)[0];
    if (Build.rank(bounds) != 1 || c.has("sorter")) {
      throw new Refusal("bounds of " + bounds.shape(), "use one sorted row of them");
    }
    ElementType type = ArithmeticOps.common(of.type(), bounds.type());
    Value x = c.b.unsqueeze(c.b.cast(of, type), Build.rank(of));
    int[] dims = new int[Build.rank(x)];
    Arrays.fill(dims, 1);
    dims[dims.length - 1] = n;
    Value edges = c.b.reshape(c.b.cast(bounds, type), dims);
    boolean right = c.flag("right", false) || c.text("side", "left").equals("right");
    OpKind kind = right ? OpKind.GREATER_EQUAL : OpKind.GREATER;
    Value below = c.b.cast(c.b.compare(kind, x, edges), ElementType.INT32);
    c.out(c.b.reduce(OpKind.SUM, below, false, dims.length - 1));
  }
}
