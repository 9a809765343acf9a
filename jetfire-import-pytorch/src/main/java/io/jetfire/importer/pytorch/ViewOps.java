package io.jetfire.importer.pytorch;

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

/** Operators that give tensors other shapes, and join, cut and repeat them. */
final class ViewOps {
  private ViewOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("view", c -> c.out(reshape(c, "size")));
    ops.put("_unsafe_view", ops.get("view"));
    ops.put("view_copy", ops.get("view"));
    ops.put("_reshape_alias", ops.get("view"));
    ops.put("reshape", c -> c.out(reshape(c, c.has("shape") ? "shape" : "size")));
    ops.put("view_as", c -> c.out(c.b.reshape(c.self(), c.b.shapeOf(c.tensor("other")))));
    ops.put("reshape_as", ops.get("view_as"));
    ops.put("flatten", ViewOps::flatten);
    ops.put("unflatten", ViewOps::unflatten);
    ops.put("squeeze", ViewOps::squeeze);
    ops.put("squeeze_copy", ViewOps::squeeze);
    ops.put("unsqueeze", ViewOps::unsqueeze);
    ops.put("unsqueeze_copy", ViewOps::unsqueeze);
    ops.put("transpose", ViewOps::transpose);
    ops.put("transpose_copy", ViewOps::transpose);
    ops.put("swapaxes", ViewOps::transpose);
    ops.put("swapdims", ViewOps::transpose);
    ops.put("t", ViewOps::transposed);
    ops.put("t_copy", ViewOps::transposed);
    ops.put("numpy_T", ViewOps::transposed);
    ops.put("mT", c -> c.out(swapped(c, c.self(), Build.rank(c.self()) - 2)));
    ops.put("permute", c -> c.out(permuted(c, c.ints("dims"))));
    ops.put("permute_copy", ops.get("permute"));
    ops.put("movedim", ViewOps::moveDim);
    ops.put("moveaxis", ViewOps::moveDim);
    ops.put("expand", c -> c.out(expand(c, c.self(), "size")));
    ops.put("expand_copy", ops.get("expand"));
    ops.put("broadcast_to", ops.get("expand"));
    ops.put(
        "expand_as", c -> c.out(Indexing.expand(c.b, c.self(), c.b.shapeOf(c.tensor("other")))));
    ops.put(
        "copy",
        c -> c.out(Indexing.expand(c.b, c.operand("src", c.outType()), c.b.shapeOf(c.self()))));
    ops.put("cat", ViewOps::cat);
    ops.put("concat", ViewOps::cat);
    ops.put("concatenate", ViewOps::cat);
    ops.put("hstack", c -> c.out(stackedAlong(c, 1)));
    ops.put("vstack", c -> c.out(stackedAlong(c, 0)));
    ops.put("column_stack", c -> c.out(stackedAlong(c, 1)));
    ops.put("stack", ViewOps::stack);
    ops.put("split", ViewOps::split);
    ops.put("split_with_sizes", ViewOps::splitWithSizes);
    ops.put("split_with_sizes_copy", ViewOps::splitWithSizes);
    ops.put("split_copy", ViewOps::split);
    ops.put("unsafe_split", ViewOps::split);
    ops.put("chunk", ViewOps::chunk);
    ops.put("unsafe_chunk", ViewOps::chunk);
    ops.put("tensor_split", ViewOps::tensorSplit);
    ops.put("unbind", ViewOps::unbind);
    ops.put("unbind_copy", ViewOps::unbind);
    ops.put("repeat", ViewOps::repeat);
    ops.put("tile", ViewOps::repeat);
    ops.put("repeat_interleave", ViewOps::repeatInterleave);
    ops.put("flip", ViewOps::flip);
    ops.put("fliplr", c -> c.out(c.b.reverse(c.self(), 1)));
    ops.put("flipud", c -> c.out(c.b.reverse(c.self(), 0)));
    ops.put("roll", ViewOps::roll);
    ops.put("pixel_shuffle", c -> c.out(pixelShuffle(c)));
    ops.put("pixel_unshuffle", c -> c.out(pixelUnshuffle(c)));
    ops.put("channel_shuffle", c -> c.out(channelShuffle(c)));
    ops.put("native_channel_shuffle", ops.get("channel_shuffle"));
    ops.put("constant_pad_nd", ViewOps::constantPad);
    ops.put("pad", ViewOps::pad);
    for (int n = 1; n <= 3; n++) {
      ops.put("reflection_pad" + n + "d", c -> c.out(padded(c, "padding", "reflect", 0)));
      ops.put("replication_pad" + n + "d", c -> c.out(padded(c, "padding", "edge", 0)));
    }
    ops.put("_pad_circular", c -> c.out(padded(c, "pad", "wrap", 0)));
    ops.put("unfold", ViewOps::unfold);
    ops.put("unfold_copy", ViewOps::unfold);
    ops.put("as_strided", ViewOps::asStrided);
    ops.put("meshgrid", ViewOps::meshgrid);
  }

  private static Value reshape(Call c, String name) {
    Optional<int[]> known = c.known(name);
    if (known.isPresent()) {
      return c.b.reshape(c.self(), known.get());
    }
    // The file may know sizes that the arguments compute.
    Value vector = c.vector(name);
    int[] partial = c.b.partial(vector).orElse(null);
    if (partial != null && Arrays.stream(partial).filter(d -> d < 0).count() == 1) {
      return c.b.reshape(c.self(), partial);
    }
    return c.b.reshape(c.self(), vector);
  }

  private static void flatten(Call c) {
    Value x = c.self();
    int rank = Build.rank(x);
    if (rank == 0) {
      c.out(c.b.reshape(x, 1));
      return;
    }
    int start = Build.axis(c.integer("start_dim", 0), rank);
    int end = Build.axis(c.integer("end_dim", -1), rank);
    int[] merged = {merged(x.shape(), start, end)};
    c.out(replaced(c.b, x, start, end, merged));
  }

  private static int merged(Shape s, int start, int end) {
    int n = 1;
    for (int i = start; i <= end; i++) {
      n = s.dim(i) < 0 || n < 0 ? -1 : Math.multiplyExact(n, s.dim(i));
    }
    return n;
  }

  /** Puts other dimensions in the place of some. */
  private static Value replaced(Build b, Value x, int start, int end, int[] middle) {
    int rank = Build.rank(x);
    List<Integer> dims = new ArrayList<>();
    for (int i = 0; i < start; i++) {
      dims.add(x.shape().dim(i));
    }
    for (int d : middle) {
      dims.add(d);
    }
    for (int i = end + 1; i < rank; i++) {
      dims.add(x.shape().dim(i));
    }
    if (dims.stream().filter(d -> d < 0).count() <= 1) {
      return b.reshape(x, dims.stream().mapToInt(Integer::intValue).toArray());
    }
    // Several open dimensions: those that stay are asked for while the model runs.
    List<Value> parts = new ArrayList<>();
    for (int i = 0; i < start; i++) {
      parts.add(b.reshape(b.dimension(x, i), 1));
    }
    parts.add(b.ints(middle));
    for (int i = end + 1; i < rank; i++) {
      parts.add(b.reshape(b.dimension(x, i), 1));
    }
    return b.reshape(x, b.concat(0, parts));
  }

  private static void unflatten(Call c) {
    Value x = c.self();
    int axis = Build.axis(c.integer("dim", 0), Build.rank(x));
    c.out(replaced(c.b, x, axis, axis, c.ints("sizes")));
  }

  private static void squeeze(Call c) {
    Value x = c.self();
    int rank = Build.rank(x);
    int[] asked =
        c.has("dim") ? Build.axes(c.ints("dim"), rank) : IntStream.range(0, rank).toArray();
    if (!c.has("dim")) {
      Build.fixedFrom(x, 0);
    }
    c.out(c.b.squeeze(x, Arrays.stream(asked).filter(a -> x.shape().dim(a) == 1).toArray()));
  }

  private static void unsqueeze(Call c) {
    Value x = c.self();
    c.out(c.b.unsqueeze(x, Build.axis(c.integer("dim", 0), Build.rank(x) + 1)));
  }

  private static Value swapped(Call c, Value x, int first) {
    int[] perm = IntStream.range(0, Build.rank(x)).toArray();
    perm[first] = first + 1;
    perm[first + 1] = first;
    return c.b.transpose(x, perm);
  }

  private static void transpose(Call c) {
    Value x = c.self();
    int rank = Build.rank(x);
    if (rank == 0) {
      c.out(x);
      return;
    }
    int one = Build.axis(c.integer(c.has("axis0") ? "axis0" : "dim0", 0), rank);
    int other = Build.axis(c.integer(c.has("axis1") ? "axis1" : "dim1", 1), rank);
    int[] perm = IntStream.range(0, rank).toArray();
    perm[one] = other;
    perm[other] = one;
    c.out(c.b.transpose(x, perm));
  }

  private static void transposed(Call c) {
    int rank = Build.rank(c.self());
    c.out(c.b.transpose(c.self(), IntStream.range(0, rank).map(i -> rank - 1 - i).toArray()));
  }

  private static Value permuted(Call c, int... dims) {
    return c.b.transpose(c.self(), Build.axes(dims, Build.rank(c.self())));
  }

  private static void moveDim(Call c) {
    int rank = Build.rank(c.self());
    int[] from = Build.axes(c.ints("source"), rank);
    int[] to = Build.axes(c.ints("destination"), rank);
    int[] perm = new int[rank];
    Arrays.fill(perm, -1);
    for (int i = 0; i < from.length; i++) {
      perm[to[i]] = from[i];
    }
    int next = 0;
    for (int i = 0; i < rank; i++) {
      if (perm[i] < 0) {
        while (contains(from, next)) {
          next++;
        }
        perm[i] = next++;
      }
    }
    c.out(c.b.transpose(c.self(), perm));
  }

  private static boolean contains(int[] all, int v) {
    return Arrays.stream(all).anyMatch(a -> a == v);
  }

  /** Broadcasts to sizes, of which -1 keeps the tensor's own. */
  static Value expand(Call c, Value x, String name) {
    Optional<int[]> known = c.known(name);
    if (known.isEmpty()) {
      Value vector = c.vector(name);
      return Indexing.expand(c.b, x, c.b.binary(OpKind.MAXIMUM, vector, c.b.ints(1)));
    }
    int[] to = known.get().clone();
    int shift = to.length - Build.rank(x);
    boolean open = false;
    for (int i = 0; i < to.length; i++) {
      if (to[i] < 0 && i >= shift) {
        to[i] = x.shape().dim(i - shift);
        open |= to[i] < 0;
      }
    }
    if (!open) {
      return c.b.broadcastTo(x, to);
    }
    for (int i = 0; i < to.length; i++) {
      to[i] = Math.max(1, to[i]);
    }
    return Indexing.expand(c.b, x, c.b.ints(to));
  }

  private static Value joined(Call c, int axis) {
    ElementType type = c.outType();
    List<Value> parts = new ArrayList<>();
    for (Value v : c.tensors("tensors")) {
      // Old programs join with an empty vector that stands for nothing.
      if (v.shape().rank() != 1 || v.shape().dim(0) != 0) {
        parts.add(c.b.cast(v, type));
      }
    }
    if (parts.isEmpty()) {
      parts.add(c.b.cast(c.tensors("tensors").get(0), type));
    }
    return c.b.concat(Build.axis(axis, Build.rank(parts.get(0))), parts);
  }

  /** Joins tensors; vectors are joined as they are, or as rows or columns of a matrix. */
  private static Value stackedAlong(Call c, int axis) {
    ElementType type = c.outType();
    boolean keeps = c.target().contains("hstack");
    List<Value> parts = new ArrayList<>();
    for (Value v : c.tensors("tensors")) {
      Value x = c.b.cast(v, type);
      int rank = Build.rank(x);
      x = rank == 0 ? c.b.reshape(x, 1) : x;
      parts.add(Build.rank(x) == 1 && !keeps ? c.b.unsqueeze(x, axis == 0 ? 0 : 1) : x);
    }
    return c.b.concat(Build.rank(parts.get(0)) == 1 ? 0 : axis, parts);
  }

  private static void cat(Call c) {
    c.out(joined(c, c.integer("dim", 0)));
  }

  private static void stack(Call c) {
    ElementType type = c.outType();
    List<Value> parts = c.tensors("tensors");
    int axis = Build.axis(c.integer("dim", 0), Build.rank(parts.get(0)) + 1);
    c.out(
        c.b.concat(axis, parts.stream().map(v -> c.b.unsqueeze(c.b.cast(v, type), axis)).toList()));
  }

  private static void split(Call c) {
    if (c.overload().equals("sizes")) {
      splitWithSizes(c);
      return;
    }
    Value x = c.self();
    int axis = Build.axis(c.integer("dim", 0), Build.rank(x));
    parts(c, x, axis, c.integer("split_size", 1));
  }

  private static void parts(Call c, Value x, int axis, int size) {
    int whole = Build.fixedFrom(x, axis)[axis];
    if (size < 1) {
      throw new Refusal("parts of " + size + " elements", "split into parts of at least 1");
    }
    int[] sizes = new int[Build.repetitions(Math.max(1, (whole + size - 1) / size))];
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = Math.min(size, whole - i * size);
    }
    c.out(Indexing.split(c.b, x, axis, sizes));
  }

  private static void splitWithSizes(Call c) {
    Value x = c.self();
    int axis = Build.axis(c.integer("dim", 0), Build.rank(x));
    int[] sizes = c.ints(c.has("split_sizes") ? "split_sizes" : "split_size");
    c.out(Indexing.split(c.b, x, axis, sizes));
  }

  private static void chunk(Call c) {
    Value x = c.self();
    int axis = Build.axis(c.integer("dim", 0), Build.rank(x));
    int whole = Build.fixedFrom(x, axis)[axis];
    int chunks = Math.max(1, c.integer("chunks", 1));
    parts(c, x, axis, Math.max(1, (whole + chunks - 1) / chunks));
  }

  private static void tensorSplit(Call c) {
    Value x = c.self();
    int axis = Build.axis(c.integer("dim", 0), Build.rank(x));
    int whole = Build.fixedFrom(x, axis)[axis];
    int[] sizes;
    if (c.has("indices")) {
      int[] at = c.ints("indices");
      sizes = new int[at.length + 1];
      int from = 0;
      for (int i = 0; i <= at.length; i++) {
        int to = i == at.length ? whole : Math.min(whole, at[i] < 0 ? at[i] + whole : at[i]);
        sizes[i] = Math.max(0, to - from);
        from = Math.max(from, to);
      }
    } else {
      int n = Build.repetitions(c.integer("sections", 1));
      sizes = new int[n];
      for (int i = 0; i < n; i++) {
        sizes[i] = whole / n + (i < whole % n ? 1 : 0);
      }
    }
    c.out(Indexing.split(c.b, x, axis, sizes));
  }

  private static void unbind(Call c) {
    Value x = c.self();
    int axis = Build.axis(c.integer("dim", 0), Build.rank(x));
    int n = Build.repetitions(Build.fixedFrom(x, axis)[axis]);
    List<Value> parts = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      parts.add(c.b.squeeze(c.b.slice(x, axis, i, 1), axis));
    }
    c.out(parts);
  }

  private static void repeat(Call c) {
    Value x = c.self();
    int[] times = c.ints(c.has("dims") ? "dims" : "repeats");
    int rank = Build.rank(x);
    if (times.length < rank) { // tile counts from the end
      int[] more = new int[rank];
      Arrays.fill(more, 1);
      System.arraycopy(times, 0, more, rank - times.length, times.length);
      times = more;
    }
    int added = times.length - rank;
    Value y = added == 0 ? x : c.b.unsqueeze(x, IntStream.range(0, added).toArray());
    c.out(Arrays.stream(times).allMatch(t -> t == 1) ? y : c.b.tile(y, c.b.ints(times)));
  }

  private static void repeatInterleave(Call c) {
    Value x = c.self();
    if (!c.has("repeats") || !c.isNumber("repeats")) {
      throw new Refusal("its repetitions are a tensor", "repeat all elements equally often");
    }
    Value flat = c.has("dim") ? x : c.b.reshape(x, -1);
    int axis = Build.axis(c.integer("dim", 0), Build.rank(flat));
    int n = Build.fixedFrom(flat, axis)[axis];
    int times = c.integer("repeats", 1);
    int[] index = new int[Build.count(n, times)];
    for (int i = 0; i < index.length; i++) {
      index[i] = i / times;
    }
    c.out(c.b.gather(flat, c.b.ints(index), axis));
  }

  private static void flip(Call c) {
    Value y = c.self();
    for (int axis : Build.axes(c.ints("dims"), Build.rank(y))) {
      y = c.b.reverse(y, axis);
    }
    c.out(y);
  }

  private static void roll(Call c) {
    Value x = c.self();
    int[] shifts = c.ints("shifts");
    boolean flat = c.ints("dims").length == 0;
    Value y = flat ? c.b.reshape(x, -1) : x;
    int[] axes = flat ? new int[] {0} : Build.axes(c.ints("dims"), Build.rank(x));
    for (int i = 0; i < axes.length; i++) {
      int n = Build.fixedFrom(y, axes[i])[axes[i]];
      int by = n == 0 ? 0 : Math.floorMod(shifts[i], n);
      if (by != 0) {
        Value end = c.b.slice(y, axes[i], n - by, by);
        y = c.b.concat(axes[i], end, c.b.slice(y, axes[i], 0, n - by));
      }
    }
    c.out(flat ? c.b.reshape(y, x.shape().dims()) : y);
  }

  // ---- images

  private static Value pixelShuffle(Call c) {
    Value x = c.self();
    int rank = Build.rank(x);
    Value image = batched(c, x);
    return unbatched(
        c, Indexing.depthToSpace(c.b, image, c.integer("upscale_factor", 1), true), rank);
  }

  /** Three dimensions get a batch of 1, more are merged into one. */
  private static Value batched(Call c, Value x) {
    return Build.rank(x) == 3 ? c.b.unsqueeze(x, 0) : x;
  }

  private static Value unbatched(Call c, Value y, int rank) {
    return rank == 3 ? c.b.squeeze(y, 0) : y;
  }

  private static Value pixelUnshuffle(Call c) {
    Value x = batched(c, c.self());
    int[] d = Build.fixedFrom(x, 0);
    int r = c.integer("downscale_factor", 1);
    Value cells = c.b.reshape(x, d[0] * d[1], d[2] / r, r, d[3] / r, r);
    Value moved = c.b.transpose(cells, 0, 2, 4, 1, 3);
    Value y = c.b.reshape(moved, d[0], d[1] * r * r, d[2] / r, d[3] / r);
    return unbatched(c, y, Build.rank(c.self()));
  }

  private static Value channelShuffle(Call c) {
    Value x = c.self();
    int channels = Build.fixedFrom(x, 1)[1];
    int groups = c.integer("groups", 1);
    int each = channels / groups;
    int[] order = new int[channels];
    for (int i = 0; i < channels; i++) {
      order[i] = i % groups * each + i / groups;
    }
    return c.b.gather(x, c.b.ints(order), 1);
  }

  // ---- padding

  private static void constantPad(Call c) {
    c.out(padded(c, "pad", "constant", c.real("value", 0)));
  }

  private static void pad(Call c) {
    String mode = c.text("mode", "constant");
    c.out(
        padded(
            c,
            "pad",
            switch (mode) {
              case "replicate" -> "edge";
              case "circular" -> "wrap";
              default -> mode;
            },
            c.real("value", 0)));
  }

  /** PyTorch gives paddings from the last dimension to the first. */
  private static Value padded(Call c, String name, String mode, double value) {
    Value x = c.self();
    int rank = Build.rank(x);
    int[] given = c.ints(name);
    if (given.length > 2 * rank || given.length % 2 != 0) {
      throw new Refusal(given.length + " paddings of " + x.shape(), "export the program anew");
    }
    int[] p = new int[2 * rank];
    for (int i = 0; i < given.length / 2; i++) {
      p[2 * (rank - 1 - i)] = given[2 * i];
      p[2 * (rank - 1 - i) + 1] = given[2 * i + 1];
    }
    return Indexing.pad(c.b, x, p, mode, c.b.scalar(x.type(), value));
  }

  // ---- windows

  private static void unfold(Call c) {
    Value x = c.self();
    int rank = Build.rank(x);
    int axis = Build.axis(c.integer("dimension", 0), rank);
    int size = c.integer("size", 1);
    int step = Math.max(1, c.integer("step", 1));
    int windows = (Build.fixedFrom(x, axis)[axis] - size) / step + 1;
    int[] index = new int[Build.count(windows, size)];
    for (int i = 0; i < index.length; i++) {
      index[i] = i / size * step + i % size;
    }
    // Gathering with a matrix of places puts the window behind its number: move it to the end.
    Value y = c.b.gather(x, c.b.reshape(c.b.ints(index), windows, size), axis);
    c.out(c.b.axisLast(y, axis + 1));
  }

  private static void asStrided(Call c) {
    Value x = c.self();
    int[] sizes = c.ints("size");
    int[] strides = c.ints("stride");
    int n = Build.count(sizes);
    int[] index = new int[n];
    for (int i = 0; i < n; i++) {
      int rest = i;
      int at = c.integer("storage_offset", 0);
      for (int d = sizes.length - 1; d >= 0; d--) {
        at += rest % sizes[d] * strides[d];
        rest /= sizes[d];
      }
      index[i] = at;
    }
    c.out(c.b.reshape(c.b.gather(c.b.reshape(x, -1), c.b.ints(index), 0), sizes));
  }

  private static void meshgrid(Call c) {
    List<Value> axes = c.tensors("tensors");
    boolean swapped = c.text("indexing", "ij").equals("xy") && axes.size() > 1;
    int rank = axes.size();
    int[] sizes = new int[rank];
    for (int i = 0; i < rank; i++) {
      int place = swapped && i < 2 ? 1 - i : i;
      sizes[place] = Build.rank(axes.get(i)) == 0 ? 1 : Build.fixedFrom(axes.get(i), 0)[0];
    }
    List<Value> out = new ArrayList<>();
    for (int i = 0; i < rank; i++) {
      int[] dims = new int[rank];
      Arrays.fill(dims, 1);
      int place = swapped && i < 2 ? 1 - i : i;
      dims[place] = sizes[place];
      out.add(c.b.broadcastTo(c.b.reshape(axes.get(i), dims), sizes));
    }
    c.out(out);
  }

  /** A tensor filled with a scalar, whose dimensions may be open. */
  static Value filled(Build b, Value dims, Value scalar) {
    return b.emit(Op.of(OpKind.FILL).inputs(dims, b.reshape(scalar)));
  }
}
