package io.jetfire.adapter.djl.internal.trace;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Makes one computation for any batch size out of two recordings with different ones.
 *
 * <p>Both must consist of the same operations on the same arrays. A whole number that differs must
 * be the same multiple of the batch size in both; a constant that differs must be one slice
 * repeated along the batch, and becomes that slice with a {@code broadcast}.
 */
final class BatchMerge {
  private final Trace a;
  private final Trace b;
  private final List<TraceValue> values = new ArrayList<>();
  private final List<TraceOp> ops = new ArrayList<>();
  private final Map<Integer, byte[]> data = new HashMap<>();

  /** The recordings cannot be made one; the message says where they part. */
  static final class Mismatch extends Exception {
    private static final long serialVersionUID = 1L;

    Mismatch(String message) {
      super(message);
    }
  }

  private BatchMerge(Trace a, Trace b) {
    this.a = a;
    this.b = b;
  }

  static Trace merge(Trace a, Trace b) throws Mismatch {
    return new BatchMerge(a, b).merge();
  }

  private Trace merge() throws Mismatch {
    int common = Math.min(a.ops().size(), b.ops().size());
    for (int i = 0; i < common; i++) {
      if (!a.ops().get(i).call().equals(b.ops().get(i).call())) {
        throw mismatch(a.ops().get(i), "it is followed by " + b.ops().get(i).call());
      }
    }
    if (a.ops().size() != b.ops().size() || a.values().size() != b.values().size()) {
      throw new Mismatch("the number of operations depends on the batch size");
    }
    mergeValues();
    for (int i = 0; i < common; i++) {
      ops.add(merge(a.ops().get(i), b.ops().get(i)));
    }
    if (!a.outputs().equals(b.outputs())) {
      throw new Mismatch("the outputs depend on the batch size");
    }
    return new Trace(values, a.inputs(), a.outputs(), ops, 0, data);
  }

  private void mergeValues() throws Mismatch {
    List<TraceValue> slices = new ArrayList<>();
    for (int i = 0; i < a.values().size(); i++) {
      TraceValue x = a.values().get(i);
      TraceValue y = b.values().get(i);
      String what = x.kind() + " " + x.name() + " " + x.describe();
      if (x.kind() != y.kind() || !x.type().equals(y.type())) {
        throw new Mismatch(what + " depends on the batch size");
      }
      List<Dim> shape = merge(x.shape(), y.shape(), what);
      byte[] content = a.data().get(i);
      if (!x.isStored() || content == null) {
        values.add(new TraceValue(i, x.kind(), x.name(), x.type(), shape));
      } else if (Arrays.equals(content, b.data().get(i))) {
        values.add(x);
        data.put(i, content);
      } else {
        TraceValue slice = slice(x, y, shape, a.values().size() + slices.size());
        slices.add(slice);
        values.add(new TraceValue(i, TraceValue.Kind.RESULT, "", x.type(), shape));
        ops.add(
            new TraceOp(
                "NDArray.broadcast(Shape)",
                slice.id(),
                List.of(new TraceArg.Dims(shape)),
                List.of(i),
                "constant",
                ""));
      }
    }
    values.addAll(slices);
  }

  /** The slice that both constants repeat along their batch axis. */
  private TraceValue slice(TraceValue x, TraceValue y, List<Dim> shape, int id) throws Mismatch {
    int axis = -1;
    for (int i = 0; i < shape.size(); i++) {
      if (shape.get(i).ofBatch()) {
        axis = axis < 0 ? i : shape.size();
      }
    }
    if (axis < 0 || axis >= shape.size()) {
      throw new Mismatch("a constant " + x.describe() + " holds other numbers for another batch");
    }
    byte[] first = repeated(a, x, axis);
    if (!Arrays.equals(first, repeated(b, y, axis))) {
      throw new Mismatch("a constant " + x.describe() + " holds other numbers for another batch");
    }
    data.put(id, first);
    List<Dim> sliceShape = new ArrayList<>(shape);
    sliceShape.set(axis, Dim.of(1));
    return new TraceValue(id, TraceValue.Kind.CONSTANT, "", x.type(), sliceShape);
  }

  private static byte[] repeated(Trace trace, TraceValue value, int axis) throws Mismatch {
    byte[] all = trace.data().getOrDefault(value.id(), new byte[0]);
    int outer = 1;
    for (int i = 0; i < axis; i++) {
      outer *= (int) value.shape().get(i).value();
    }
    int repeats = (int) value.shape().get(axis).value();
    int run = all.length / (outer * repeats);
    byte[] slice = new byte[outer * run];
    for (int o = 0; o < outer; o++) {
      for (int r = 0; r < repeats; r++) {
        int from = (o * repeats + r) * run;
        if (r == 0) {
          System.arraycopy(all, from, slice, o * run, run);
        } else if (!Arrays.equals(all, from, from + run, slice, o * run, o * run + run)) {
          throw new Mismatch("a constant differs from sample to sample of a batch");
        }
      }
    }
    return slice;
  }

  private TraceOp merge(TraceOp x, TraceOp y) throws Mismatch {
    if (x.on() != y.on()
        || !x.results().equals(y.results())
        || x.args().size() != y.args().size()) {
      throw mismatch(x, "it works on other arrays");
    }
    List<TraceArg> args = new ArrayList<>();
    for (int i = 0; i < x.args().size(); i++) {
      args.add(merge(x, x.args().get(i), y.args().get(i)));
    }
    return new TraceOp(x.call(), x.on(), args, x.results(), x.place(), x.source());
  }

  private TraceArg merge(TraceOp op, TraceArg x, TraceArg y) throws Mismatch {
    if (x.equals(y)) {
      return x;
    } else if (x instanceof TraceArg.Whole p && y instanceof TraceArg.Whole q) {
      return new TraceArg.Whole(merge(p.dim(), q.dim(), op.where()));
    } else if (x instanceof TraceArg.Dims p && y instanceof TraceArg.Dims q) {
      return new TraceArg.Dims(merge(p.dims(), q.dims(), op.where()));
    } else if (x instanceof TraceArg.Index p
        && y instanceof TraceArg.Index q
        && p.items().size() == q.items().size()) {
      List<TraceArg.Item> items = new ArrayList<>();
      for (int i = 0; i < p.items().size(); i++) {
        items.add(merge(op, p.items().get(i), q.items().get(i)));
      }
      return new TraceArg.Index(items);
    }
    throw mismatch(op, "its arguments are " + x + " for one and " + y + " for another");
  }

  private TraceArg.Item merge(TraceOp op, TraceArg.Item x, TraceArg.Item y) throws Mismatch {
    if (x.equals(y)) {
      return x;
    } else if (x instanceof TraceArg.Item.At p && y instanceof TraceArg.Item.At q) {
      return new TraceArg.Item.At(merge(p.position(), q.position(), op.where()));
    } else if (x instanceof TraceArg.Item.Range p && y instanceof TraceArg.Item.Range q) {
      return new TraceArg.Item.Range(
          merge(p.from(), q.from(), op.where()),
          merge(p.to(), q.to(), op.where()),
          merge(p.step(), q.step(), op.where()));
    }
    throw mismatch(op, "its index is " + x + " for one and " + y + " for another");
  }

  private List<Dim> merge(List<Dim> x, List<Dim> y, String where) throws Mismatch {
    if (x.size() != y.size()) {
      throw new Mismatch("the number of dimensions depends on the batch size at " + where);
    }
    List<Dim> merged = new ArrayList<>();
    for (int i = 0; i < x.size(); i++) {
      merged.add(merge(x.get(i), y.get(i), where));
    }
    return merged;
  }

  private Dim merge(Dim x, Dim y, String where) throws Mismatch {
    if (x.equals(y)) {
      return x;
    }
    long factor = x.value() / a.fixedBatch();
    if (x.value() == factor * a.fixedBatch() && y.value() == factor * b.fixedBatch()) {
      return Dim.ofBatch(factor);
    }
    throw new Mismatch(
        "a number is "
            + x.value()
            + " for batches of "
            + a.fixedBatch()
            + " and "
            + y.value()
            + " for batches of "
            + b.fixedBatch()
            + " at "
            + where);
  }

  private Mismatch mismatch(TraceOp op, String how) {
    return new Mismatch(op.method() + " at " + op.where() + " depends on the batch size: " + how);
  }
}
