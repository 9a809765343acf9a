package io.jetfire.importer.onnx;

import io.jetfire.importer.onnx.OnnxModel.Attribute;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Indexing;
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
    ops.put(
        "GatherElements",
        n -> {
          int axis = n.axis(n.integer("axis", 0), n.rank(n.in(0)));
          n.out(Indexing.gatherElements(n.b, n.in(0), n.in(1), axis));
        });
    ops.put(
        "GatherND",
        n -> n.out(Indexing.gatherNd(n.b, n.in(0), n.in(1), n.integer("batch_dims", 0))));
    ops.put("ScatterND", ShapeOps::scatterNd);
    ops.put("ScatterElements", ShapeOps::scatterElements);
    ops.put("Scatter", ShapeOps::scatterElements);
    ops.put("Expand", n -> n.out(Indexing.expand(n.b, n.in(0), n.in(1))));
    ops.put("Tile", ShapeOps::tile);
    ops.put("Pad", ShapeOps::pad);
    ops.put("Range", n -> n.out(n.b.range(scalar(n, 0), scalar(n, 1), scalar(n, 2))));
    ops.put("OneHot", ShapeOps::oneHot);
    ops.put("NonZero", n -> n.out(n.b.transpose(Indexing.nonZero(n.b, n.in(0)), 1, 0)));
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
    List<Value> out = Indexing.split(n.b, x, axis, Arrays.copyOf(sizes, parts));
    for (int i = 0; i < parts; i++) {
      n.out(i, out.get(i));
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
    n.out(Indexing.slice(n.b, x, starts, ends, axes, steps));
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

  private static void scatterNd(Node n) {
    Value x = n.in(0);
    Value i = Indexing.wrappedNd(n.b, n.in(1), x, 0);
    n.out(Indexing.scatter(n.b, x, i, n.in(2), n.text("reduction", "none")));
  }

  private static void scatterElements(Node n) {
    Value x = n.in(0);
    int axis = n.axis(n.integer("axis", 0), n.rank(x));
    String reduction = n.text("reduction", "none");
    n.out(Indexing.scatterElements(n.b, x, n.in(1), n.in(2), axis, reduction));
  }

  // ---- repetition

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
    Value fill =
        n.opset >= 11 && n.has(2) ? n.b.reshape(n.in(2)) : n.b.scalar(x.type(), n.real("value", 0));
    n.out(Indexing.pad(n.b, x, p, n.text("mode", "constant"), fill));
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
    Value mask = Indexing.triangle(n.b, d[rank - 2], d[rank - 1], k, upper);
    n.out(n.b.select(mask, x, n.b.scalar(x.type(), 0)));
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
    n.out(Indexing.depthToSpace(n.b, x, block, n.text("mode", "DCR").equals("CRD")));
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
