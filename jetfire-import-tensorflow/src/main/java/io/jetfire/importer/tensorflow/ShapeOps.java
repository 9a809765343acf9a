package io.jetfire.importer.tensorflow;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Indexing;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** Shapes, joining, splitting, slicing, padding and repeating. */
final class ShapeOps {
  private ShapeOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("Reshape", n -> n.out(n.b.reshape(n.in(0), n.in(1))));
    ops.put("Squeeze", ShapeOps::squeeze);
    ops.put("ExpandDims", n -> n.out(n.b.unsqueeze(n.in(0), n.knownOne(1, "axis"))));
    ops.put("Transpose", ShapeOps::transpose);
    ops.put("ConjugateTranspose", ShapeOps::transpose);
    ops.put("Shape", n -> n.out(shape(n, n.in(0))));
    ops.put("ShapeN", n -> n.all().forEach(v -> n.out(shape(n, v))));
    ops.put("Size", ShapeOps::size);
    ops.put("Rank", n -> n.out(n.b.scalar(ElementType.INT32, Build.rank(n.in(0)))));
    ops.put("ConcatV2", n -> concat(n, n.inputs() - 1, 0, n.inputs() - 1));
    ops.put("Concat", n -> concat(n, 0, 1, n.inputs()));
    ops.put("Pack", ShapeOps::pack);
    ops.put("Unpack", ShapeOps::unpack);
    ops.put("Split", ShapeOps::split);
    ops.put("SplitV", ShapeOps::splitV);
    ops.put("Slice", ShapeOps::slice);
    ops.put("StridedSlice", ShapeOps::stridedSlice);
    ops.put("Fill", ShapeOps::fill);
    ops.put("Range", n -> n.out(n.b.range(n.in(0), n.in(1), n.in(2))));
    ops.put("LinSpace", ShapeOps::linearSpace);
    ops.put("Tile", n -> n.out(n.b.tile(n.in(0), n.b.cast(n.in(1), ElementType.INT32))));
    ops.put("BroadcastTo", n -> n.out(broadcast(n)));
    ops.put(
        "BroadcastArgs",
        n -> n.out(n.b.emit(Op.of(OpKind.BROADCAST_ARGS).inputs(n.in(0), n.in(1)))));
    ops.put("Pad", n -> pad(n, n.b.scalar(n.in(0).type(), 0)));
    ops.put("PadV2", n -> pad(n, n.in(2)));
    ops.put("MirrorPad", ShapeOps::mirrorPad);
    ops.put("ReverseV2", ShapeOps::reverse);
    ops.put("ReverseSequence", ShapeOps::reverseSequence);
    ops.put("Roll", ShapeOps::roll);
    ops.put("InvertPermutation", ShapeOps::invert);
    ops.put("ConcatOffset", ShapeOps::concatOffset);
    ops.put("SpaceToDepth", n -> blocks(n, OpKind.SPACE_TO_DEPTH));
    ops.put("DepthToSpace", n -> blocks(n, OpKind.DEPTH_TO_SPACE));
  }

  private static void squeeze(Node n) {
    Value x = n.in(0);
    int[] d = x.shape().dims();
    int[] given = n.ints("squeeze_dims", n.ints("axis"));
    int[] axes =
        given.length > 0
            ? Build.axes(given, d.length)
            : IntStream.range(0, d.length).filter(i -> d[i] == 1).toArray();
    n.out(axes.length == 0 ? x : n.b.squeeze(x, axes));
  }

  private static void transpose(Node n) {
    int rank = Build.rank(n.in(0));
    int[] perm = Build.axes(n.known(1, "permutation"), rank);
    if (perm.length != rank || Arrays.stream(perm).distinct().count() != rank) {
      throw new Refusal("the permutation " + Arrays.toString(perm), "export the model anew");
    }
    n.out(n.b.transpose(n.in(0), perm));
  }

  private static Value shape(Node n, Value v) {
    return n.b.cast(n.b.shapeOf(v), n.elementType("out_type", Types.INT32));
  }

  private static void size(Node n) {
    Value x = n.in(0);
    ElementType type = n.elementType("out_type", Types.INT32);
    if (x.shape().isStatic()) {
      n.out(n.b.scalar(type, x.shape().elementCount()));
      return;
    }
    n.out(n.b.cast(n.b.reduce(OpKind.REDUCE_PROD, n.b.shapeOf(x), false, 0), type));
  }

  private static void concat(Node n, int axisInput, int from, int to) {
    List<Value> parts = new ArrayList<>();
    for (int i = from; i < to; i++) {
      Value v = n.in(i);
      boolean empty = v.shape().isStatic() && Arrays.stream(v.shape().dims()).anyMatch(d -> d == 0);
      if (!empty) {
        parts.add(v);
      }
    }
    if (parts.isEmpty()) {
      parts.add(n.in(from));
    }
    int axis = Build.axis(n.knownOne(axisInput, "axis"), Build.rank(n.in(from)));
    n.out(n.b.concat(axis, parts));
  }

  private static void pack(Node n) {
    List<Value> all = n.all();
    int axis = Build.axis(n.integer("axis", 0), Build.rank(all.get(0)) + 1);
    n.out(
        n.b.emit(
            Op.of(OpKind.PACK)
                .set("values_count", all.size())
                .set("axis", axis)
                .inputs(new ArrayList<>(all))));
  }

  private static void unpack(Node n) {
    Value x = n.in(0);
    int axis = Build.axis(n.integer("axis", 0), Build.rank(x));
    int count = Build.repetitions(Build.fixedFrom(x, axis)[axis]);
    if (count == 0) {
      throw new Refusal("it unpacks nothing", "remove it");
    }
    n.outs(n.b.emit(Op.of(OpKind.UNPACK).set("num", count).set("axis", axis).inputs(x), count));
  }

  private static void split(Node n) {
    Value x = n.in(1);
    int axis = Build.axis(n.knownOne(0, "axis"), Build.rank(x));
    int parts = Build.repetitions(n.integer("num_split", 1));
    int whole = Build.fixedFrom(x, axis)[axis];
    if (parts < 1 || whole % parts != 0) {
      throw new Refusal(whole + " elements in " + parts + " parts", "split evenly");
    }
    int[] sizes = new int[parts];
    Arrays.fill(sizes, whole / parts);
    n.outs(Indexing.split(n.b, x, axis, sizes));
  }

  private static void splitV(Node n) {
    Value x = n.in(0);
    int[] sizes = n.known(1, "sizes");
    int axis = Build.axis(n.knownOne(2, "axis"), Build.rank(x));
    Build.repetitions(sizes.length);
    int rest = x.shape().dim(axis);
    for (int s : sizes) {
      rest -= Math.max(0, s);
    }
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = sizes[i] < 0 ? rest : sizes[i];
    }
    if (Arrays.stream(sizes).anyMatch(s -> s < 0)) {
      throw new Refusal("parts of an open dimension", "bind the open dimensions to sizes");
    }
    n.outs(Indexing.split(n.b, x, axis, sizes));
  }

  private static void slice(Node n) {
    Value x = n.in(0);
    n.b.checkRank(x, 5);
    Optional<int[]> begin = n.b.known(n.in(1));
    Optional<int[]> size = n.b.known(n.in(2));
    if (begin.isPresent() && size.isPresent()) {
      n.out(n.b.slice(x, begin.get(), size.get()));
      return;
    }
    n.out(
        n.b.emit(
            Op.of(OpKind.SLICE)
                .inputs(
                    x,
                    n.b.cast(n.in(1), ElementType.INT32),
                    n.b.cast(n.in(2), ElementType.INT32))));
  }

  /** Python's slicing: masks say which bounds are left out, where axes are added and dropped. */
  private static void stridedSlice(Node n) {
    Value x = n.in(0);
    int rank = Build.rank(x);
    int beginMask = n.integer("begin_mask", 0);
    int endMask = n.integer("end_mask", 0);
    int ellipsis = n.integer("ellipsis_mask", 0);
    int added = n.integer("new_axis_mask", 0);
    int dropped = n.integer("shrink_axis_mask", 0);
    Optional<int[]> begin = n.b.known(n.in(1));
    Optional<int[]> end = n.b.known(n.in(2));
    int[] step = n.known(3, "strides");
    if (begin.isEmpty() || end.isEmpty()) {
      if (ellipsis != 0 || added != 0) {
        throw new Refusal(
            "bounds that are computed while the model runs, with an ellipsis or new axes",
            "slice with constants, or without ellipsis");
      }
      n.b.checkRank(x, 5);
      n.out(
          n.b.emit(
              Op.of(OpKind.STRIDED_SLICE)
                  .set("begin_mask", beginMask)
                  .set("end_mask", endMask)
                  .set("shrink_axis_mask", dropped)
                  .inputs(
                      x,
                      n.b.cast(n.in(1), ElementType.INT32),
                      n.b.cast(n.in(2), ElementType.INT32),
                      n.b.ints(step))));
      return;
    }
    int[] from = begin.get();
    int[] to = end.get();
    int count = from.length;
    if (to.length != count || step.length != count || count > 31) {
      throw new Refusal("bounds of different lengths", "export the model anew");
    }
    int consuming = 0;
    for (int i = 0; i < count; i++) {
      consuming += (ellipsis >> i & 1) == 0 && (added >> i & 1) == 0 ? 1 : 0;
    }
    List<Integer> axes = new ArrayList<>();
    List<int[]> parts = new ArrayList<>();
    List<Integer> gone = new ArrayList<>();
    List<Integer> fresh = new ArrayList<>();
    int axis = 0;
    int out = 0;
    for (int i = 0; i < count; i++) {
      if ((ellipsis >> i & 1) != 0) {
        axis += rank - consuming;
        out += rank - consuming;
      } else if ((added >> i & 1) != 0) {
        fresh.add(out++);
      } else {
        boolean drop = (dropped >> i & 1) != 0;
        boolean noBegin = (beginMask >> i & 1) != 0 && !drop;
        boolean noEnd = (endMask >> i & 1) != 0 && !drop;
        int s = drop ? 1 : step[i];
        int first = noBegin ? (s > 0 ? 0 : Integer.MAX_VALUE) : from[i];
        int last = noEnd ? (s > 0 ? Integer.MAX_VALUE : Integer.MIN_VALUE) : to[i];
        if (drop) {
          last = first == -1 ? Integer.MAX_VALUE : first + 1;
          int d = axis < rank ? x.shape().dim(axis) : 0;
          if (axis >= rank || (d >= 0 && (first >= d || first < -d))) {
            throw new Refusal("element " + first + " of " + x.shape(), "export the model anew");
          }
          gone.add(axis);
        } else {
          out++;
        }
        if (!noBegin || !noEnd || s != 1) {
          axes.add(axis);
          parts.add(new int[] {first, last, s});
        }
        axis++;
      }
    }
    if (axis > rank) {
      throw new Refusal("bounds for more than " + rank + " dimensions", "export the model anew");
    }
    Value y =
        axes.isEmpty()
            ? x
            : Indexing.slice(
                n.b,
                x,
                parts.stream().mapToInt(p -> p[0]).toArray(),
                parts.stream().mapToInt(p -> p[1]).toArray(),
                axes.stream().mapToInt(Integer::intValue).toArray(),
                parts.stream().mapToInt(p -> p[2]).toArray());
    if (!gone.isEmpty()) {
      y = n.b.squeeze(y, gone.stream().mapToInt(Integer::intValue).toArray());
    }
    if (!fresh.isEmpty()) {
      y = n.b.unsqueeze(y, fresh.stream().mapToInt(Integer::intValue).toArray());
    }
    n.out(y);
  }

  private static void fill(Node n) {
    Optional<int[]> dims = n.b.known(n.in(0));
    Value fill = n.in(1);
    if (dims.isPresent() && fill.isConstant()) {
      long elements = 1;
      for (int d : dims.get()) {
        elements *= Math.max(0, d);
        elements = Math.min(elements, 1L << 40);
      }
      if (elements <= 1 << 16) {
        double v = fill.type().isFloat() ? fill.floats()[0] : fill.longs()[0];
        n.out(n.b.filled(fill.type(), v, dims.get()));
        return;
      }
    }
    n.out(n.b.emit(Op.of(OpKind.FILL).inputs(n.in(0), fill)));
  }

  private static void linearSpace(Node n) {
    float from = n.knownFloat(0, "start");
    float to = n.knownFloat(1, "stop");
    float[] all = new float[Build.count(n.knownOne(2, "number of elements"))];
    for (int i = 0; i < all.length; i++) {
      all[i] =
          all.length == 1 ? from : (float) (from + ((double) to - from) * i / (all.length - 1));
    }
    n.out(n.b.floats(Shape.of(all.length), all));
  }

  private static Value broadcast(Node n) {
    Optional<int[]> to = n.b.known(n.in(1));
    return to.isPresent() ? n.b.broadcastTo(n.in(0), to.get()) : n.b.broadcastTo(n.in(0), n.in(1));
  }

  private static void pad(Node n, Value fill) {
    Optional<int[]> p = n.b.known(n.in(1));
    if (p.isPresent()) {
      if (p.get().length != 2 * Build.rank(n.in(0))) {
        throw new Refusal("paddings for another rank", "export the model anew");
      }
      n.out(n.b.pad(n.in(0), p.get(), fill));
      return;
    }
    n.b.checkRank(n.in(0), 5);
    n.out(
        n.b.emit(Op.of(OpKind.PADV2).inputs(n.in(0), n.b.cast(n.in(1), ElementType.INT32), fill)));
  }

  private static void mirrorPad(Node n) {
    boolean reflect = n.text("mode", "REFLECT").equals("REFLECT");
    Op op =
        Op.of(OpKind.MIRROR_PAD)
            .set(
                "mode",
                reflect
                    ? io.jetfire.tflite.graph.MirrorPadMode.REFLECT
                    : io.jetfire.tflite.graph.MirrorPadMode.SYMMETRIC);
    n.out(n.b.emit(op.inputs(n.in(0), n.b.cast(n.in(1), ElementType.INT32))));
  }

  private static void reverse(Node n) {
    Value x = n.in(0);
    for (int axis : Build.axes(n.known(1, "axes"), Build.rank(x))) {
      x = n.b.reverse(x, axis);
    }
    n.out(x);
  }

  private static void reverseSequence(Node n) {
    n.out(
        n.b.emit(
            Op.of(OpKind.REVERSE_SEQUENCE)
                .set("seq_dim", n.integer("seq_dim", 0))
                .set("batch_dim", n.integer("batch_dim", 0))
                .inputs(n.in(0), n.b.cast(n.in(1), ElementType.INT32))));
  }

  private static void roll(Node n) {
    Value x = n.in(0);
    int[] shifts = n.known(1, "shift");
    int[] axes = Build.axes(n.known(2, "axes"), Build.rank(x));
    for (int i = 0; i < axes.length; i++) {
      int size = Build.fixedFrom(x, axes[i])[axes[i]];
      int k = size == 0 ? 0 : Math.floorMod(shifts[i], size);
      if (k != 0) {
        x =
            n.b.concat(
                axes[i], n.b.slice(x, axes[i], size - k, k), n.b.slice(x, axes[i], 0, size - k));
      }
    }
    n.out(x);
  }

  private static void invert(Node n) {
    int[] perm = n.known(0, "permutation");
    int[] out = new int[perm.length];
    for (int i = 0; i < perm.length; i++) {
      out[perm[i]] = i;
    }
    n.out(n.b.ints(out));
  }

  private static void concatOffset(Node n) {
    int axis = n.knownOne(0, "axis");
    int at = 0;
    for (int i = 1; i < n.inputs(); i++) {
      int[] d = n.known(i, "shape");
      int[] offset = new int[d.length];
      int a = Build.axis(axis, d.length);
      offset[a] = at;
      at += d[a];
      n.out(n.b.ints(offset));
    }
  }

  private static void blocks(Node n, OpKind kind) {
    Value x = n.in(0);
    int block = n.integer("block_size", 2);
    if (block < 1) {
      throw new Refusal("a block of " + block, "use blocks of at least 1");
    }
    if (n.text("data_format", "NHWC").equals("NCHW_VECT_C")) {
      throw new Refusal("vectorized channels", "use NHWC");
    }
    boolean first = n.channelsFirst();
    Value y = n.b.emit(Op.of(kind).set("block_size", block).inputs(first ? n.b.last(x) : x));
    n.out(first ? n.b.first(y) : y);
  }
}
