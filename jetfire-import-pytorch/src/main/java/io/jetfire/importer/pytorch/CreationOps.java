package io.jetfire.importer.pytorch;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.Map;
import java.util.Optional;

/** Operators that make tensors from sizes and numbers. */
final class CreationOps {
  private CreationOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("full", c -> c.out(filled(c, c.vector("size"), "fill_value")));
    ops.put("new_full", ops.get("full"));
    ops.put("full_like", c -> c.out(filled(c, c.b.shapeOf(c.self()), "fill_value")));
    ops.put("fill", c -> c.out(filled(c, c.b.shapeOf(c.self()), "value")));
    for (String name : new String[] {"zeros", "new_zeros", "empty", "new_empty", "empty_strided"}) {
      ops.put(name, c -> c.out(filled(c, c.vector("size"), 0)));
    }
    ops.put("new_empty_strided", ops.get("zeros"));
    ops.put("ones", c -> c.out(filled(c, c.vector("size"), 1)));
    ops.put("new_ones", ops.get("ones"));
    ops.put("zeros_like", c -> c.out(filled(c, c.b.shapeOf(c.self()), 0)));
    ops.put("empty_like", ops.get("zeros_like"));
    ops.put("zero", ops.get("zeros_like"));
    ops.put("ones_like", c -> c.out(filled(c, c.b.shapeOf(c.self()), 1)));
    ops.put("scalar_tensor", c -> c.out(Functions.cast(c.b, c.tensor("s"), c.outType())));
    ops.put("arange", CreationOps::range);
    ops.put("range", CreationOps::range);
    ops.put("linspace", CreationOps::linspace);
    ops.put("eye", CreationOps::eye);
    for (String name :
        new String[] {
          "rand",
          "randn",
          "randint",
          "randperm",
          "rand_like",
          "randn_like",
          "randint_like",
          "bernoulli",
          "multinomial",
          "normal",
          "uniform",
          "exponential"
        }) {
      ops.put(
          name,
          c -> {
            throw new Refusal("it is random", "take random numbers as an input of the model");
          });
    }
  }

  private static Value filled(Call c, Value dims, double value) {
    return filled(c, dims, c.b.scalar(c.outType(), value));
  }

  private static Value filled(Call c, Value dims, String value) {
    return filled(c, dims, c.operand(value, c.outType()));
  }

  private static Value filled(Call c, Value dims, Value scalar) {
    Optional<int[]> known = c.b.known(dims);
    if (known.isPresent()) {
      Build.count(known.get());
    }
    return ViewOps.filled(c.b, c.b.cast(dims, ElementType.INT32), scalar);
  }

  private static void range(Call c) {
    ElementType type = c.outType();
    boolean fixed = isFixed(c, "start") && isFixed(c, "end") && isFixed(c, "step");
    if (!fixed) {
      Value start = c.has("start") ? c.operand("start", type) : c.b.scalar(type, 0);
      Value step = c.has("step") ? c.operand("step", type) : c.b.scalar(type, 1);
      c.out(c.b.range(c.b.reshape(start), c.b.reshape(c.operand("end", type)), c.b.reshape(step)));
      return;
    }
    double start = c.real("start", 0);
    double step = c.real("step", 1);
    double count = Math.ceil((c.real("end", 0) - start) / step);
    if (!(count < Integer.MAX_VALUE)) {
      throw new Refusal("it counts to " + c.real("end", 0), "use smaller tensors");
    }
    double[] values = new double[Build.count((int) Math.max(0, count))];
    for (int i = 0; i < values.length; i++) {
      values[i] = start + i * step;
    }
    c.out(constant(c.b, type, values));
  }

  private static boolean isFixed(Call c, String name) {
    return !c.has(name) || c.tensor(name).isConstant();
  }

  private static Value constant(Build b, ElementType type, double... values) {
    if (type == ElementType.INT64) {
      long[] longs = new long[values.length];
      for (int i = 0; i < longs.length; i++) {
        longs[i] = (long) values[i];
      }
      return b.subgraph()
          .addConstant(
              "numbers", type, Shape.of(longs.length), io.jetfire.tflite.graph.Weights.of(longs));
    }
    float[] floats = new float[values.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) values[i];
    }
    return Functions.cast(b, b.floats(Shape.of(floats.length), floats), type);
  }

  private static void linspace(Call c) {
    int n = Build.count(c.integer("steps", 0));
    double start = c.real("start", 0);
    double end = c.real("end", 0);
    double[] values = new double[n];
    for (int i = 0; i < n; i++) {
      values[i] = n == 1 ? start : start + (end - start) * i / (n - 1);
    }
    c.out(constant(c.b, c.outType(), values));
  }

  private static void eye(Call c) {
    int rows = c.integer("n", 0);
    int columns = c.integer("m", rows);
    double[] values = new double[Build.count(rows, columns)];
    for (int i = 0; i < Math.min(rows, columns); i++) {
      values[i * columns + i] = 1;
    }
    c.out(c.b.reshape(constant(c.b, c.outType(), values), rows, columns));
  }
}
