package io.jetfire.importer.onnx;

import io.jetfire.importer.onnx.OnnxModel.Attribute;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Operators that move, pick and repeat elements, and that make tensors from shapes. */
final class ShapeOps {
  private ShapeOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("Constant", ShapeOps::constant);
    ops.put("ConstantOfShape", ShapeOps::constantOfShape);
    ops.put("Shape", ShapeOps::shape);
    ops.put("Size", ShapeOps::size);
    ops.put("Reshape", ShapeOps::reshape);
    ops.put("Flatten", ShapeOps::flatten);
    ops.put("Squeeze", ShapeOps::squeeze);
    ops.put("Unsqueeze", ShapeOps::unsqueeze);
    ops.put("Transpose", ShapeOps::transpose);
    ops.put("Concat", ShapeOps::concat);
    ops.put("Split", ShapeOps::split);
    ops.put("Slice", ShapeOps::slice);
    ops.put("Gather", ShapeOps::gather);
    ops.put("GatherElements", ShapeOps::gatherElements);
    ops.put("GatherND", ShapeOps::gatherNd);
    ops.put("ScatterND", ShapeOps::scatterNd);
    ops.put("ScatterElements", ShapeOps::scatterElements);
    ops.put("Scatter", ShapeOps::scatterElements);
    ops.put("Expand", ShapeOps::expand);
    ops.put("Tile", ShapeOps::tile);
    ops.put("Pad", ShapeOps::pad);
    ops.put("Range", n -> n.out(n.b.range(scalar(n, 0), scalar(n, 1), scalar(n, 2))));
    ops.put("OneHot", ShapeOps::oneHot);
    ops.put("NonZero", ShapeOps::nonZero);
    ops.put("Compress", ShapeOps::compress);
    ops.put("EyeLike", ShapeOps::eyeLike);
    ops.put("Trilu", ShapeOps::trilu);
    ops.put("ReverseSequence", ShapeOps::reverseSequence);
    ops.put("DepthToSpace", ShapeOps::depthToSpace);
    ops.put("SpaceToDepth", ShapeOps::spaceToDepth);
    ops.put("CenterCropPad", ShapeOps::centerCropPad);
  }

  private static void constant(Node n) {
    for (Attribute a : n.proto.attributes().values()) {
      switch (a.name()) {
        case "value", "sparse_value" -> {
          OnnxTensor t = a.t();
          if (t == null) {
            throw new Refusal("it holds no tensor", "export the model anew");
          }
          n.out(Types.constant(n.b.subgraph(), n.proto.outputs().get(0), t, n.scope.folder()));
          return;
        }
        case "value_float" -> {
          n.out(n.b.scalar(a.f()));
          return;
        }
        case "value_floats" -> {
          n.out(n.b.floats(Shape.of(a.floats().length), a.floats()));
          return;
        }
        case "value_int" -> {
          n.out(
              n.b
                  .subgraph()
                  .addConstant(
                      "int", ElementType.INT64, Shape.scalar(), Weights.of(new long[] {a.i()})));
          return;
        }
        case "value_ints" -> {
          n.out(
              n.b
                  .subgraph()
                  .addConstant(
                      "ints", ElementType.INT64, Shape.of(a.ints().length), Weights.of(a.ints())));
          return;
        }
        default -> {}
      }
    }
    throw new Refusal("it holds no number", "convert such data outside the model");
  }

  private static void constantOfShape(Node n) {
    Attribute a = n.attribute("value");
    Value v =
        a == null || a.t() == null
            ? n.b.scalar(0)
            : n.b.reshape(Types.constant(n.b.subgraph(), "value", a.t(), n.scope.folder()));
    Value dims = n.in(0);
    if (dims.shape().isStatic() && dims.shape().elementCount() == 0) {
      n.out(v);
      return;
    }
    n.out(n.b.emit(Op.of(OpKind.FILL).inputs(n.b.cast(dims, ElementType.INT32), v)));
  }

  private static void shape(Node n) {
    Value x = n.in(0);
    Value s = n.b.emit(Op.of(OpKind.SHAPE).set("out_type", ElementType.INT64).inputs(x));
    int rank = n.rank(x);
    int start = clip(n.integer("start", 0), rank);
    int end = clip(n.integer("end", rank), rank);
    n.out(start == 0 && end == rank ? s : n.b.slice(s, 0, start, Math.max(0, end - start)));
  }

  private static int clip(int i, int rank) {
    return Math.max(0, Math.min(rank, i < 0 ? i + rank : i));
  }

  private static void size(Node n) {
    Value s = n.b.shapeOf(n.in(0));
    n.out(n.b.cast(n.b.reduce(OpKind.REDUCE_PROD, s, false, 0), ElementType.INT64));
  }

  private static void reshape(Node n) {
    Value x = n.in(0);
    int[] target = n.opset < 5 ? n.ints("shape") : n.partial(1).orElse(null);
    boolean allowZero = n.integer("allowzero", 0) != 0;
    if (target == null) {
      n.out(n.b.reshape(x, keptZeros(n, x, allowZero)));
      return;
    }
    boolean complete = n.opset < 5 || n.b.known(n.in(1)).isPresent();
    if (complete) {
      int[] dims = target.clone();
      int open = 0;
      for (int i = 0; i < dims.length; i++) {
        if (dims[i] == 0 && !allowZero) {
          dims[i] = x.shape().dim(i);
        }
        open += dims[i] < 0 ? 1 : 0;
      }
      if (open <= 1) {
        n.out(n.b.reshape(x, dims));
        return;
      }
      // Kept dimensions that are open: put the shape together while the model runs.
      List<Value> parts = new ArrayList<>();
      for (int i = 0; i < target.length; i++) {
        parts.add(target[i] == 0 ? n.b.reshape(n.b.dimension(x, i), 1) : n.b.ints(target[i]));
      }
      n.out(n.b.reshape(x, n.b.concat(0, parts)));
      return;
    }
    boolean zeros = Arrays.stream(target).anyMatch(d -> d == 0);
    n.out(
        n.b.reshape(x, zeros ? keptZeros(n, x, allowZero) : n.b.cast(n.in(1), ElementType.INT32)));
  }

  /** A shape known at run time whose zeros stand for the input's dimensions. */
  private static Value keptZeros(Node n, Value x, boolean allowZero) {
    Value shape = n.b.cast(n.in(1), ElementType.INT32);
    if (allowZero || !shape.shape().isStatic()) {
      return shape;
    }
    int wanted = (int) shape.shape().elementCount();
    int have = n.rank(x);
    Value own = n.b.shapeOf(x);
    own =
        wanted <= have
            ? n.b.slice(own, 0, 0, wanted)
            : n.b.concat(0, own, n.b.ints(new int[wanted - have]));
    Value zero = n.b.compare(OpKind.EQUAL, shape, n.b.scalar(ElementType.INT32, 0));
    return n.b.select(zero, own, shape);
  }

  private static void flatten(Node n) {
    Value x = n.in(0);
    int rank = n.rank(x);
    int axis = n.integer("axis", 1);
    axis = axis < 0 ? axis + rank : axis;
    int[] d = x.shape().dims();
    long rows = 1;
    long columns = 1;
    for (int i = 0; i < rank; i++) {
      if (i < axis) {
        rows = d[i] < 0 || rows < 0 ? -1 : rows * d[i];
      } else {
        columns = d[i] < 0 || columns < 0 ? -1 : columns * d[i];
      }
    }
    if (rows < 0 && columns < 0) {
      throw new Refusal(
          "both sides of its axis have open dimensions", "bind the open dimensions to sizes");
    }
    n.out(n.b.reshape(x, (int) rows, (int) columns));
  }

  private static void squeeze(Node n) {
    Value x = n.in(0);
    int[] axes = n.opset < 13 ? n.ints("axes") : n.knownOrAttribute(1, "axes");
    if (axes == null) {
      int[] d = n.fixedFrom(x, 0);
      axes = IntStream.range(0, d.length).filter(i -> d[i] == 1).toArray();
    }
    n.out(n.b.squeeze(x, axes));
  }

  private static void unsqueeze(Node n) {
    int[] axes = n.opset < 13 ? n.ints("axes") : n.knownOrAttribute(1, "axes");
    n.rank(n.in(0));
    n.out(n.b.unsqueeze(n.in(0), axes == null ? new int[0] : axes));
  }

  private static void transpose(Node n) {
    Value x = n.in(0);
    int rank = n.rank(x);
    int[] perm = n.ints("perm");
    if (perm == null) {
      perm = IntStream.range(0, rank).map(i -> rank - 1 - i).toArray();
    }
    n.out(n.b.transpose(x, perm));
  }

  private static void concat(Node n) {
    List<Value> parts = new ArrayList<>();
    for (int i = 0; i < n.inputs(); i++) {
      parts.add(n.in(i));
    }
    int axis = n.axis(n.integer("axis", n.opset < 4 ? 1 : 0), n.rank(parts.get(0)));
    n.out(n.b.concat(axis, parts));
  }

  private static void split(Node n) {
    Value x = n.in(0);
    int rank = n.rank(x);
    int axis = n.axis(n.integer("axis", 0), rank);
    int[] sizes = n.opset < 13 ? n.ints("split") : n.knownOrAttribute(1, "split");
    int parts = n.outputs();
    if (sizes == null) {
      int whole = n.fixedFrom(x, axis)[axis];
      int count = parts;
      int chunk = (whole + count - 1) / count;
      sizes = new int[count];
      for (int i = 0; i < count; i++) {
        sizes[i] = Math.max(0, Math.min(chunk, whole - i * chunk));
      }
    }
    if (parts == 1) {
      n.out(x);
      return;
    }
    boolean even = Arrays.stream(sizes).distinct().count() == 1 && sizes[0] > 0;
    if (even && x.type() == ElementType.FLOAT32) {
      Op op = Op.of(OpKind.SPLIT).set("num_splits", sizes.length);
      List<Value> out = n.b.emit(op.inputs(n.b.scalar(ElementType.INT32, axis), x), sizes.length);
      for (int i = 0; i < parts; i++) {
        n.out(i, out.get(i));
      }
      return;
    }
    int at = 0;
    for (int i = 0; i < parts; i++) {
      if (n.wants(i)) {
        n.out(i, n.b.slice(x, axis, at, sizes[i]));
      }
      at += sizes[i];
    }
  }

  private static void slice(Node n) {
    Value x = n.in(0);
    int rank = n.rank(x);
    int[] starts;
    int[] ends;
    int[] axes;
    int[] steps = null;
    if (n.opset < 10) {
      starts = n.ints("starts", new int[0]);
      ends = n.ints("ends", new int[0]);
      axes = n.ints("axes");
    } else {
      axes = n.has(3) ? n.known(3, "axes") : null;
      steps = n.has(4) ? n.known(4, "steps") : null;
      Optional<int[]> s = n.b.known(n.in(1));
      Optional<int[]> e = n.b.known(n.in(2));
      if (s.isEmpty() || e.isEmpty()) {
        sliceAtRunTime(n, x, axes, steps);
        return;
      }
      starts = s.get();
      ends = e.get();
    }
    if (axes == null) {
      axes = IntStream.range(0, starts.length).toArray();
    }
    Value out = x;
    int[] begin = new int[rank];
    int[] end = new int[rank];
    int[] step = new int[rank];
    Arrays.fill(step, 1);
    int endMask = (1 << rank) - 1;
    int beginMask = (1 << rank) - 1;
    boolean plain = true;
    for (int i = 0; i < axes.length; i++) {
      int axis = n.axis(axes[i], rank);
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
          n.out(empty(n, x, axis));
          return;
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
        n.out(x);
        return;
      }
      n.out(n.b.slice(x, begin, sizes));
      return;
    }
    n.b.checkRank(x, 5);
    n.out(
        n.b.emit(
            Op.of(OpKind.STRIDED_SLICE)
                .set("begin_mask", beginMask)
                .set("end_mask", endMask)
                .inputs(out, n.b.ints(begin), n.b.ints(end), n.b.ints(step))));
  }

  private static int bound(int i, int size, int low, int high) {
    long v = i < 0 ? (long) i + size : i;
    return (int) Math.max(low, Math.min(high, v));
  }

  private static Value empty(Node n, Value x, int axis) {
    return n.b.slice(x, axis, 0, 0);
  }

  private static void sliceAtRunTime(
      Node n, Value x, int @Nullable [] axes, int @Nullable [] steps) {
    int rank = n.rank(x);
    Value starts = n.b.cast(n.in(1), ElementType.INT32);
    Value ends = n.b.cast(n.in(2), ElementType.INT32);
    if (!starts.shape().isStatic()) {
      throw new Refusal("the number of its starts is open", "make the starts a constant");
    }
    int given = (int) starts.shape().elementCount();
    int[] on = axes == null ? IntStream.range(0, given).toArray() : axes;
    List<Value> begin = new ArrayList<>();
    List<Value> end = new ArrayList<>();
    int[] step = new int[rank];
    int mask = 0;
    Value low = n.b.ints(0);
    for (int d = 0; d < rank; d++) {
      int at = -1;
      for (int i = 0; i < on.length; i++) {
        at = n.axis(on[i], rank) == d ? i : at;
      }
      step[d] = at < 0 || steps == null ? 1 : steps[at];
      if (step[d] < 0) {
        throw new Refusal("a negative step with computed starts", "make the starts a constant");
      }
      if (at < 0) {
        mask |= 1 << d;
        begin.add(low);
        end.add(low);
      } else {
        begin.add(n.b.slice(starts, 0, at, 1));
        end.add(n.b.slice(ends, 0, at, 1));
      }
    }
    n.out(
        n.b.emit(
            Op.of(OpKind.STRIDED_SLICE)
                .set("begin_mask", mask)
                .set("end_mask", mask)
                .inputs(x, n.b.concat(0, begin), n.b.concat(0, end), n.b.ints(step))));
  }

  private static void gather(Node n) {
    Value x = n.in(0);
    int axis = n.axis(n.integer("axis", 0), n.rank(x));
    Value i = n.b.wrapped(n.in(1), x, axis);
    n.out(n.b.gather(x, i, axis));
  }

  // ---- element-wise gather and scatter

  /** Coordinates [count, rank] of every element of a tensor whose index along one axis is given. */
  private static Value coordinates(Node n, Value indices, Value data, int axis) {
    int[] d = n.fixedFrom(indices, 0);
    int rank = d.length;
    int count = Build.count(d);
    Value wrapped = n.b.cast(n.b.wrapped(indices, data, axis), ElementType.INT32);
    List<Value> columns = new ArrayList<>();
    int inner = 1;
    int[] steps = new int[rank];
    for (int i = rank - 1; i >= 0; i--) {
      steps[i] = inner;
      inner *= d[i];
    }
    for (int i = 0; i < rank; i++) {
      if (i == axis) {
        columns.add(n.b.reshape(wrapped, count, 1));
      } else {
        int[] column = new int[count];
        for (int k = 0; k < count; k++) {
          column[k] = k / steps[i] % d[i];
        }
        columns.add(n.b.reshape(n.b.ints(column), count, 1));
      }
    }
    return n.b.concat(1, columns);
  }

  private static void gatherElements(Node n) {
    Value x = n.in(0);
    Value indices = n.in(1);
    int axis = n.axis(n.integer("axis", 0), n.rank(x));
    Value at = coordinates(n, indices, x, axis);
    Value flat = n.b.emit(Op.of(OpKind.GATHER_ND).inputs(x, at));
    n.out(n.b.reshape(flat, indices.shape().dims()));
  }

  private static Value wrappedNd(Node n, Value indices, Value data, int firstAxis) {
    if (indices.isConstant() && Arrays.stream(indices.longs()).noneMatch(l -> l < 0)) {
      return n.b.cast(indices, ElementType.INT32);
    }
    int depth = n.fixedFrom(indices, n.rank(indices) - 1)[n.rank(indices) - 1];
    int[] dims = Arrays.copyOfRange(n.fixedFrom(data, firstAxis), firstAxis, firstAxis + depth);
    Value i = n.b.cast(indices, ElementType.INT32);
    Value below = n.b.compare(OpKind.LESS, i, n.b.scalar(ElementType.INT32, 0));
    return n.b.select(below, n.b.add(i, n.b.ints(dims)), i);
  }

  private static void gatherNd(Node n) {
    Value x = n.in(0);
    int batch = n.integer("batch_dims", 0);
    Value i = wrappedNd(n, n.in(1), x, batch);
    if (batch > 0) {
      int[] d = n.fixedFrom(i, 0);
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
        int b = r / Math.max(1, perBatch);
        for (int k = batch - 1; k >= 0; k--) {
          columns[r * batch + k] = b % d[k];
          b /= d[k];
        }
      }
      Value batches = n.b.reshape(n.b.ints(columns), count, batch);
      Value rows = n.b.reshape(i, count, d[d.length - 1]);
      int[] full = d.clone();
      full[d.length - 1] += batch;
      i = n.b.reshape(n.b.concat(1, batches, rows), full);
    }
    n.out(n.b.emit(Op.of(OpKind.GATHER_ND).inputs(x, i)));
  }

  private static void scatterNd(Node n) {
    Value x = n.in(0);
    Value i = wrappedNd(n, n.in(1), x, 0);
    n.out(scatter(n, x, i, n.in(2)));
  }

  private static void scatterElements(Node n) {
    Value x = n.in(0);
    Value indices = n.in(1);
    int axis = n.axis(n.integer("axis", 0), n.rank(x));
    Value at = coordinates(n, indices, x, axis);
    int count = (int) indices.shape().elementCount();
    n.out(scatter(n, x, at, n.b.reshape(n.in(2), count)));
  }

  /** Replaces, adds or multiplies elements of a tensor at the given coordinates. */
  private static Value scatter(Node n, Value x, Value at, Value updates) {
    String reduction = n.text("reduction", "none");
    int[] dims = n.fixedFrom(x, 0);
    ElementType type = x.type();
    Value shape = n.b.ints(dims);
    boolean wide =
        type == ElementType.FLOAT32 || type == ElementType.INT32 || type == ElementType.INT64;
    Value data = wide ? x : n.b.cast(x, ElementType.INT32);
    Value u = wide ? updates : n.b.cast(updates, ElementType.INT32);
    Value scattered = n.b.emit(Op.of(OpKind.SCATTER_ND).inputs(at, u, shape));
    switch (reduction) {
      case "add" -> {
        return n.b.cast(n.b.add(data, scattered), type);
      }
      case "none" -> {
        // TFLite adds up on zeros, so places written twice would get the sum: only ONNX models
        // without such duplicates are defined, and a mask tells written places from others.
        Value ones =
            n.b.emit(Op.of(OpKind.FILL).inputs(n.b.shapeOf(u), n.b.scalar(ElementType.INT32, 1)));
        Value mask = n.b.emit(Op.of(OpKind.SCATTER_ND).inputs(at, ones, shape));
        Value written = n.b.compare(OpKind.GREATER, mask, n.b.scalar(ElementType.INT32, 0));
        return n.b.cast(n.b.select(written, scattered, data), type);
      }
      default ->
          throw new Refusal(
              "a scatter with the reduction '" + reduction + "'",
              "use the reductions 'none' or 'add'");
    }
  }

  // ---- repetition

  private static void expand(Node n) {
    Value x = n.in(0);
    Optional<int[]> known = n.b.known(n.in(1));
    if (known.isPresent() && x.shape().isStatic()) {
      Shape to = ElementwiseOps.broadcast(n, x.shape(), Shape.of(known.get()));
      n.out(n.b.broadcastTo(x, to.dims()));
      return;
    }
    Value shape =
        n.b.emit(
            Op.of(OpKind.BROADCAST_ARGS)
                .inputs(n.b.shapeOf(x), n.b.cast(n.in(1), ElementType.INT32)));
    n.out(n.b.broadcastTo(x, shape));
  }

  private static void tile(Node n) {
    Value x = n.in(0);
    if (n.opset < 6) {
      int[] times = new int[n.rank(x)];
      Arrays.fill(times, 1);
      times[n.known(2, "axis")[0]] = n.known(1, "tiles")[0];
      n.out(n.b.tile(x, n.b.ints(times)));
      return;
    }
    n.out(n.b.tile(x, n.b.cast(n.in(1), ElementType.INT32)));
  }

  private static void pad(Node n) {
    Value x = n.in(0);
    int rank = n.rank(x);
    int[] pads =
        n.opset < 11 ? n.ints(n.isSet("paddings") ? "paddings" : "pads") : n.known(1, "pads");
    if (pads == null) {
      throw new Refusal("the attribute pads is missing", "export the model anew");
    }
    int[] axes = n.has(3) ? n.known(3, "axes") : IntStream.range(0, rank).toArray();
    int[] p = new int[2 * rank];
    for (int i = 0; i < axes.length; i++) {
      int axis = n.axis(axes[i], rank);
      p[2 * axis] = pads[i];
      p[2 * axis + 1] = pads[i + axes.length];
    }
    String mode = n.text("mode", "constant");
    Value cropped = crop(n, x, p);
    boolean nothing = Arrays.stream(p).allMatch(v -> v == 0);
    if (nothing) {
      n.out(cropped);
      return;
    }
    switch (mode) {
      case "constant" -> {
        Value fill =
            n.opset >= 11 && n.has(2)
                ? n.b.reshape(n.in(2))
                : n.b.scalar(x.type(), n.real("value", 0));
        n.out(n.b.pad(cropped, p, fill));
      }
      case "reflect" -> n.out(n.b.mirrorPad(cropped, p));
      case "edge", "wrap" -> n.out(byIndex(n, cropped, p, mode.equals("wrap")));
      default -> throw new Refusal("the mode '" + mode + "'", "use constant padding");
    }
  }

  /** Negative paddings cut off; they are 0 afterwards. */
  private static Value crop(Node n, Value x, int[] p) {
    int rank = p.length / 2;
    int[] begin = new int[rank];
    int[] size = new int[rank];
    boolean any = false;
    for (int i = 0; i < rank; i++) {
      size[i] = -1;
      if (p[2 * i] < 0 || p[2 * i + 1] < 0) {
        any = true;
        int d = n.fixedFrom(x, i)[i];
        begin[i] = Math.max(0, -p[2 * i]);
        size[i] = d - begin[i] - Math.max(0, -p[2 * i + 1]);
      }
      p[2 * i] = Math.max(0, p[2 * i]);
      p[2 * i + 1] = Math.max(0, p[2 * i + 1]);
    }
    return any ? n.b.slice(x, begin, size) : x;
  }

  private static Value byIndex(Node n, Value x, int[] p, boolean wrap) {
    Value out = x;
    for (int axis = 0; axis < p.length / 2; axis++) {
      if (p[2 * axis] == 0 && p[2 * axis + 1] == 0) {
        continue;
      }
      int d = n.fixedFrom(x, axis)[axis];
      int[] index = new int[Build.count(Math.addExact(p[2 * axis] + d, p[2 * axis + 1]))];
      for (int i = 0; i < index.length; i++) {
        int k = i - p[2 * axis];
        index[i] = wrap ? Math.floorMod(k, d) : Math.max(0, Math.min(d - 1, k));
      }
      out = n.b.gather(out, n.b.ints(index), axis);
    }
    return out;
  }

  private static Value scalar(Node n, int input) {
    return n.b.reshape(n.in(input));
  }

  // ---- others

  private static void oneHot(Node n) {
    Value indices = n.in(0);
    Value values = n.in(2);
    int depth = n.known(1, "depth")[0];
    Value i =
        n.b.cast(
            indices, indices.type() == ElementType.INT64 ? ElementType.INT64 : ElementType.INT32);
    Value below = n.b.compare(OpKind.LESS, i, n.b.scalar(i.type(), 0));
    Value wrapped = n.b.select(below, n.b.add(i, depth), i);
    Value off = n.b.reshape(n.b.slice(values, 0, 0, 1));
    Value on = n.b.reshape(n.b.slice(values, 0, 1, 1));
    int axis = n.integer("axis", -1);
    axis = axis < 0 ? axis + n.rank(indices) + 1 : axis;
    n.out(
        n.b.emit(
            Op.of(OpKind.ONE_HOT)
                .set("axis", axis == n.rank(indices) ? -1 : axis)
                .inputs(wrapped, n.b.scalar(ElementType.INT32, depth), on, off)));
  }

  private static void nonZero(Node n) {
    Value x = n.in(0);
    if (n.rank(x) == 0) {
      x = n.b.reshape(x, 1);
    }
    Value condition =
        x.type() == ElementType.BOOL
            ? x
            : n.b.compare(OpKind.NOT_EQUAL, x, n.b.scalar(x.type(), 0));
    n.out(n.b.transpose(n.b.emit(Op.of(OpKind.WHERE).inputs(condition)), 1, 0));
  }

  private static void compress(Node n) {
    Value x = n.in(0);
    Value condition = n.in(1);
    Value data = x;
    int axis = 0;
    if (n.isSet("axis")) {
      axis = n.axis(n.integer("axis", 0), n.rank(x));
    } else {
      data = n.b.reshape(x, -1);
    }
    Value places = n.b.emit(Op.of(OpKind.WHERE).inputs(condition));
    Value index = n.b.cast(n.b.reshape(places, -1), ElementType.INT32);
    n.out(n.b.gather(data, index, axis));
  }

  private static void eyeLike(Node n) {
    Value x = n.in(0);
    int[] d = n.fixedFrom(x, 0);
    int k = n.integer("k", 0);
    ElementType type = n.isSet("dtype") ? Types.of(n.integer("dtype", 1)) : x.type();
    float[] eye = new float[Build.count(d)];
    for (int i = 0; i < d[0]; i++) {
      if (i + k >= 0 && i + k < d[1]) {
        eye[i * d[1] + i + k] = 1;
      }
    }
    n.out(n.b.cast(n.b.floats(Shape.of(d), eye), type));
  }

  private static void trilu(Node n) {
    Value x = n.in(0);
    int rank = n.rank(x);
    int[] d = n.fixedFrom(x, rank - 2);
    int k = n.has(1) ? n.known(1, "diagonal")[0] : 0;
    boolean upper = n.integer("upper", 1) != 0;
    int rows = d[rank - 2];
    int columns = d[rank - 1];
    byte[] mask = new byte[Build.count(rows, columns)];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        boolean kept = upper ? (long) j - i >= k : (long) j - i <= k;
        mask[i * columns + j] = (byte) (kept ? 1 : 0);
      }
    }
    Value m =
        n.b
            .subgraph()
            .addConstant("triangle", ElementType.BOOL, Shape.of(rows, columns), Weights.of(mask));
    n.out(n.b.select(m, x, n.b.scalar(x.type(), 0)));
  }

  private static void reverseSequence(Node n) {
    int batch = n.integer("batch_axis", 1);
    int time = n.integer("time_axis", 0);
    Value x = n.in(0);
    n.out(
        n.b.emit(
            Op.of(OpKind.REVERSE_SEQUENCE)
                .set("seq_dim", time)
                .set("batch_dim", batch)
                .inputs(x, n.b.cast(n.in(1), ElementType.INT32))));
  }

  private static void depthToSpace(Node n) {
    Value x = n.in(0);
    int block = n.integer("blocksize", 1);
    if (n.text("mode", "DCR").equals("CRD")) {
      // Channels come as (channel, block row, block column): bring them into TFLite's order.
      int c = n.fixedFrom(x, 1)[1] / (block * block);
      int[] order = new int[Build.count(c, block, block)];
      for (int i = 0; i < order.length; i++) {
        order[i] = i % c * block * block + i / c;
      }
      x = n.b.gather(x, n.b.ints(order), 1);
    }
    Value y = n.b.emit(Op.of(OpKind.DEPTH_TO_SPACE).set("block_size", block).inputs(n.b.last(x)));
    n.out(n.b.first(y));
  }

  private static void spaceToDepth(Node n) {
    Value x = n.b.last(n.in(0));
    int block = n.integer("blocksize", 1);
    Value y = n.b.emit(Op.of(OpKind.SPACE_TO_DEPTH).set("block_size", block).inputs(x));
    n.out(n.b.first(y));
  }

  private static void centerCropPad(Node n) {
    Value x = n.in(0);
    int rank = n.rank(x);
    int[] to = n.known(1, "shape");
    int[] axes = n.ints("axes", IntStream.range(0, rank).toArray());
    Value out = x;
    for (int i = 0; i < axes.length; i++) {
      int axis = n.axis(axes[i], rank);
      int d = n.fixedFrom(x, axis)[axis];
      if (to[i] < d) {
        out = n.b.slice(out, axis, (d - to[i]) / 2, to[i]);
      } else if (to[i] > d) {
        int[] p = new int[2 * rank];
        p[2 * axis] = (to[i] - d) / 2;
        p[2 * axis + 1] = to[i] - d - p[2 * axis];
        out = n.b.pad(out, p, n.b.scalar(x.type(), 0));
      }
    }
    n.out(out);
  }
}
