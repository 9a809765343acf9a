package io.jetfire.adapter.djl.internal.lower;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Appends operators to a subgraph and names their results after the place they come from. */
final class Emitter {
  private final Subgraph subgraph;
  private final Map<String, Value> constants = new HashMap<>();
  private String name = "";

  Emitter(Subgraph subgraph) {
    this.subgraph = subgraph;
  }

  Subgraph subgraph() {
    return subgraph;
  }

  /** Sets what the next results are called. */
  void name(String next) {
    name = next;
  }

  static int[] shape(Value value) {
    return value.shape().dims();
  }

  // ---- constants ---------------------------------------------------------------------------

  /** A vector of INT32, shared by all that need the same one. */
  Value ints(int... numbers) {
    return constants.computeIfAbsent(
        "i" + Arrays.toString(numbers),
        k -> subgraph.addConstant("const/ints", Shape.of(numbers.length), numbers));
  }

  /** An INT32 scalar, shared. */
  Value intScalar(int number) {
    return constants.computeIfAbsent(
        "s" + number, k -> subgraph.addConstant("const/int", Shape.scalar(), number));
  }

  /** A scalar of a type, shared. */
  Value scalar(ElementType type, double number) {
    return constants.computeIfAbsent(
        type + " " + number,
        k ->
            switch (type) {
              case INT32 -> subgraph.addConstant("const/number", Shape.scalar(), (int) number);
              case INT64 ->
                  subgraph.addConstant(
                      "const/number", type, Shape.scalar(), Weights.of(new long[] {(long) number}));
              case FLOAT32 -> subgraph.addConstant("const/number", Shape.scalar(), (float) number);
              default ->
                  throw new Unsupported(
                      "a number of type " + type + " is needed", "cast to FLOAT32 before");
            });
  }

  Value floats(String what, int[] shape, float[] numbers) {
    return subgraph.addConstant(name + "/" + what, Shape.of(shape), numbers);
  }

  // ---- operators ---------------------------------------------------------------------------

  /** Appends an operator with one result. */
  Value op(
      OpKind kind,
      ElementType type,
      int[] shape,
      UnaryOperator<Op> attributes,
      @Nullable Value... inputs) {
    Value result = subgraph.addValue(name, type, Shape.of(shape));
    subgraph.append(attributes.apply(Op.of(kind)).inputs(inputs).outputs(result));
    return result;
  }

  Value op(OpKind kind, ElementType type, int[] shape, @Nullable Value... inputs) {
    return op(kind, type, shape, UnaryOperator.identity(), inputs);
  }

  /** Appends an operator whose result is like its first input. */
  Value like(OpKind kind, Value input, @Nullable Value... more) {
    @Nullable Value[] inputs = new Value[more.length + 1];
    inputs[0] = input;
    System.arraycopy(more, 0, inputs, 1, more.length);
    return op(kind, input.type(), shape(input), inputs);
  }

  /** Appends an operator on two inputs that are broadcast to each other. */
  Value binary(OpKind kind, Value a, Value b) {
    return op(kind, a.type(), broadcast(shape(a), shape(b)), a, b);
  }

  Value binary(OpKind kind, Value a, double number) {
    return binary(kind, a, scalar(a.type(), number));
  }

  Value binary(OpKind kind, double number, Value b) {
    return binary(kind, scalar(b.type(), number), b);
  }

  /** The shape of two broadcast shapes, as NumPy defines it. */
  static int[] broadcast(int[] a, int[] b) {
    int[] result = new int[Math.max(a.length, b.length)];
    for (int i = 1; i <= result.length; i++) {
      int x = i <= a.length ? a[a.length - i] : 1;
      int y = i <= b.length ? b[b.length - i] : 1;
      if (x != y && x != 1 && y != 1) {
        throw new Unsupported(
            "the shapes " + Arrays.toString(a) + " and " + Arrays.toString(b) + " do not fit", "");
      }
      result[result.length - i] = x == 1 ? y : x;
    }
    return result;
  }

  Value reshape(Value value, int... shape) {
    if (Arrays.equals(shape(value), shape)) {
      return value;
    }
    return op(
        OpKind.RESHAPE, value.type(), shape, op -> op.set("new_shape", shape), value, ints(shape));
  }

  Value transpose(Value value, int... permutation) {
    int[] shape = shape(value);
    int[] moved = new int[shape.length];
    boolean identity = true;
    for (int i = 0; i < shape.length; i++) {
      moved[i] = shape[permutation[i]];
      identity &= permutation[i] == i;
    }
    return identity ? value : op(OpKind.TRANSPOSE, value.type(), moved, value, ints(permutation));
  }

  /** From channels first to channels last. */
  Value channelsLast(Value value) {
    return transpose(value, 0, 2, 3, 1);
  }

  /** From channels last to channels first. */
  Value channelsFirst(Value value) {
    return transpose(value, 0, 3, 1, 2);
  }

  Value cast(Value value, ElementType type) {
    if (value.type() == type) {
      return value;
    }
    ElementType from = value.type();
    return op(
        OpKind.CAST,
        type,
        shape(value),
        op -> op.set("in_data_type", from).set("out_data_type", type),
        value);
  }

  /** Reduces over axes, which stay with extent one or go away. */
  Value reduce(OpKind kind, Value value, boolean keep, int... axes) {
    int[] shape = shape(value);
    boolean[] reduced = new boolean[shape.length];
    for (int axis : axes) {
      reduced[axis] = true;
    }
    int[] kept = new int[keep ? shape.length : shape.length - axes.length];
    int next = 0;
    for (int i = 0; i < shape.length; i++) {
      if (keep || !reduced[i]) {
        kept[next++] = reduced[i] ? 1 : shape[i];
      }
    }
    return op(kind, value.type(), kept, op -> op.set("keep_dims", keep), value, ints(axes));
  }

  /** Pads with a number: {@code {before, after}} for each dimension. */
  Value pad(Value value, int[][] padding, float number) {
    int[] shape = shape(value);
    int[] flat = new int[shape.length * 2];
    boolean any = false;
    for (int i = 0; i < shape.length; i++) {
      flat[2 * i] = padding[i][0];
      flat[2 * i + 1] = padding[i][1];
      shape[i] += padding[i][0] + padding[i][1];
      any |= padding[i][0] != 0 || padding[i][1] != 0;
    }
    if (!any) {
      return value;
    }
    String key = "p" + Arrays.toString(flat);
    int rank = shape.length;
    Value amounts =
        constants.computeIfAbsent(
            key, k -> subgraph.addConstant("const/padding", Shape.of(rank, 2), flat));
    return number == 0
        ? op(OpKind.PAD, value.type(), shape, value, amounts)
        : op(OpKind.PADV2, value.type(), shape, value, amounts, scalar(value.type(), number));
  }

  /** Cuts out {@code begin} to {@code begin + size}. */
  Value slice(Value value, int[] begin, int[] size) {
    if (Arrays.equals(size, shape(value))) {
      return value;
    }
    return op(OpKind.SLICE, value.type(), size, value, ints(begin), ints(size));
  }

  Value concat(List<Value> values, int axis) {
    int[] shape = shape(values.get(0));
    shape[axis] = values.stream().mapToInt(v -> shape(v)[axis]).sum();
    return op(
        OpKind.CONCATENATION,
        values.get(0).type(),
        shape,
        op -> op.set("axis", axis),
        values.toArray(new Value[0]));
  }

  Value gather(Value value, Value indices, int axis) {
    int[] from = shape(value);
    int[] at = shape(indices);
    int[] shape = new int[from.length - 1 + at.length];
    System.arraycopy(from, 0, shape, 0, axis);
    System.arraycopy(at, 0, shape, axis, at.length);
    System.arraycopy(from, axis + 1, shape, axis + at.length, from.length - axis - 1);
    return op(
        OpKind.GATHER,
        value.type(),
        shape,
        op -> op.set("axis", axis),
        value,
        cast(indices, ElementType.INT32));
  }
}
