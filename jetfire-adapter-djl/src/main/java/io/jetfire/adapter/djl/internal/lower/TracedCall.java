package io.jetfire.adapter.djl.internal.lower;

import io.jetfire.adapter.djl.internal.trace.Dim;
import io.jetfire.adapter.djl.internal.trace.TraceArg;
import io.jetfire.adapter.djl.internal.trace.TraceOp;
import io.jetfire.adapter.djl.internal.trace.TraceValue;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** One recorded operation, as rules see it: arguments by position, shapes for the batch size. */
final class TracedCall {
  private final Lowering lowering;
  private final TraceOp op;

  TracedCall(Lowering lowering, TraceOp op) {
    this.lowering = lowering;
    this.op = op;
  }

  TraceOp op() {
    return op;
  }

  Emitter emit() {
    return lowering.emitter();
  }

  /** The array that the method was called on. */
  Value on() {
    return lowering.value(op.on());
  }

  int onId() {
    return op.on();
  }

  int argCount() {
    return op.args().size();
  }

  TraceArg arg(int index) {
    return op.args().get(index);
  }

  boolean isNone(int index) {
    return arg(index) instanceof TraceArg.None;
  }

  boolean isArray(int index) {
    return arg(index) instanceof TraceArg.Ref;
  }

  int arrayId(int index) {
    if (arg(index) instanceof TraceArg.Ref ref) {
      return ref.value();
    }
    throw wrongArgument(index, "an array");
  }

  Value array(int index) {
    return lowering.value(arrayId(index));
  }

  List<Value> arrays(int index) {
    if (arg(index) instanceof TraceArg.Refs refs) {
      List<Value> values = new ArrayList<>();
      refs.values().forEach(id -> values.add(lowering.value(id)));
      return values;
    }
    throw wrongArgument(index, "a list of arrays");
  }

  /** The numbers of an argument that must be a parameter or constant. */
  float[] stored(int index) {
    int id = arrayId(index);
    return lowering
        .storedFloats(id)
        .orElseThrow(
            () ->
                new Unsupported(
                    "its argument " + index + " is computed from the input",
                    "use a parameter or constant there"));
  }

  int[] storedShape(int index) {
    return lowering.shape(arrayId(index));
  }

  Optional<float[]> storedFloats(int id) {
    return lowering.storedFloats(id);
  }

  int whole(int index) {
    if (arg(index) instanceof TraceArg.Whole whole) {
      return Math.toIntExact(whole.dim().at(lowering.batch()));
    }
    throw wrongArgument(index, "a whole number");
  }

  double number(int index) {
    if (arg(index) instanceof TraceArg.Real real) {
      return real.number();
    }
    if (arg(index) instanceof TraceArg.Whole whole) {
      return whole.dim().at(lowering.batch());
    }
    throw wrongArgument(index, "a number");
  }

  boolean flag(int index) {
    if (arg(index) instanceof TraceArg.Flag flag) {
      return flag.flag();
    }
    throw wrongArgument(index, "a truth value");
  }

  int[] dims(int index) {
    if (arg(index) instanceof TraceArg.Dims dims) {
      return numbers(dims.dims());
    }
    throw wrongArgument(index, "a shape");
  }

  int[] numbers(List<Dim> dims) {
    return Arrays.stream(Dim.at(dims, lowering.batch())).mapToInt(Math::toIntExact).toArray();
  }

  TraceArg.Index index(int index) {
    if (arg(index) instanceof TraceArg.Index items) {
      return items;
    }
    throw wrongArgument(index, "an index");
  }

  Value value(int id) {
    return lowering.value(id);
  }

  int number(Dim dim) {
    return Math.toIntExact(dim.at(lowering.batch()));
  }

  private Unsupported wrongArgument(int index, String expected) {
    return new Unsupported(
        "its argument " + index + " is not " + expected + " but " + arg(index), "");
  }

  // ---- results -----------------------------------------------------------------------------

  int[] resultShape() {
    return resultShape(0);
  }

  int[] resultShape(int index) {
    return lowering.shape(op.results().get(index));
  }

  int resultCount() {
    return op.results().size();
  }

  ElementType resultType() {
    return lowering.type(op.results().get(0));
  }

  void result(Value value) {
    result(0, value);
  }

  void result(int index, Value value) {
    lowering.define(op.results().get(index), value);
  }

  // ---- neighbours --------------------------------------------------------------------------

  /** The operation that made an array, if one did. */
  Optional<TraceOp> producer(int id) {
    return lowering.producer(id);
  }

  /**
   * The only operation that uses this one's result, if it calls a method and nothing else sees the
   * result, so that both may become one.
   */
  Optional<TracedCall> onlyUser(String method) {
    return lowering.onlyUser(op.results().get(0)).filter(u -> u.op.method().equals(method));
  }

  /** Says that this operation was made part of another one. */
  void absorbed(Value value) {
    lowering.absorbed(op);
    result(value);
  }

  TraceValue traced(int id) {
    return lowering.traced(id);
  }
}
