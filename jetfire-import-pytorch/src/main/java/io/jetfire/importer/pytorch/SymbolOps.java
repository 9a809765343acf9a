package io.jetfire.importer.pytorch;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.Map;
import java.util.stream.IntStream;

/** Arithmetic of sizes, and checks that PyTorch makes while the program runs. */
final class SymbolOps {
  private SymbolOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put(
        "sym_size",
        c -> {
          Value x = c.self();
          c.out(c.b.dimension(x, Build.axis(c.integer("dim", 0), Build.rank(x))));
        });
    ops.put("sym_numel", SymbolOps::count);
    ops.put("numel", SymbolOps::count);
    ops.put("sym_storage_offset", c -> c.out(c.b.scalar(ElementType.INT32, 0)));
    ops.put("sym_stride", SymbolOps::stride);
    ops.put("_operator.add", c -> c.out(c.b.add(a(c), b(c))));
    ops.put("_operator.sub", c -> c.out(c.b.sub(a(c), b(c))));
    ops.put("_operator.mul", c -> c.out(c.b.mul(a(c), b(c))));
    ops.put("_operator.floordiv", c -> c.out(ArithmeticOps.floorQuotient(c.b, a(c), b(c))));
    ops.put("_operator.mod", c -> c.out(c.b.binary(OpKind.FLOOR_MOD, a(c), b(c))));
    ops.put(
        "_operator.truediv",
        c ->
            c.out(
                c.b.div(c.b.cast(a(c), ElementType.FLOAT32), c.b.cast(b(c), ElementType.FLOAT32))));
    ops.put("_operator.pow", c -> c.out(Functions.pow(c.b, a(c), b(c))));
    ops.put("_operator.neg", c -> c.out(Functions.negative(c.b, a(c))));
    ops.put("_operator.eq", c -> c.out(c.b.compare(OpKind.EQUAL, a(c), b(c))));
    ops.put("_operator.ne", c -> c.out(c.b.compare(OpKind.NOT_EQUAL, a(c), b(c))));
    ops.put("_operator.lt", c -> c.out(c.b.compare(OpKind.LESS, a(c), b(c))));
    ops.put("_operator.le", c -> c.out(c.b.compare(OpKind.LESS_EQUAL, a(c), b(c))));
    ops.put("_operator.gt", c -> c.out(c.b.compare(OpKind.GREATER, a(c), b(c))));
    ops.put("_operator.ge", c -> c.out(c.b.compare(OpKind.GREATER_EQUAL, a(c), b(c))));
    ops.put("_operator.and_", c -> c.out(c.b.and(truth(c, 0), truth(c, 1))));
    ops.put("_operator.or_", c -> c.out(c.b.or(truth(c, 0), truth(c, 1))));
    ops.put("_operator.not_", c -> c.out(c.b.not(truth(c, 0))));
    ops.put("torch.sym_not", ops.get("_operator.not_"));
    ops.put("torch.sym_max", c -> c.out(c.b.binary(OpKind.MAXIMUM, a(c), b(c))));
    ops.put("torch.sym_min", c -> c.out(c.b.binary(OpKind.MINIMUM, a(c), b(c))));
    ops.put("torch.sym_float", c -> c.out(c.b.cast(a(c), ElementType.FLOAT32)));
    ops.put("torch.sym_int", SymbolOps::truncate);
    ops.put("math.trunc", SymbolOps::truncate);
    ops.put("math.floor", c -> c.out(whole(c.b, c.b.unary(OpKind.FLOOR, real(c)))));
    ops.put("math.ceil", c -> c.out(whole(c.b, c.b.unary(OpKind.CEIL, real(c)))));
    ops.put("builtins.round", c -> c.out(whole(c.b, c.b.unary(OpKind.ROUND, real(c)))));
    ops.put("torch._sym_sqrt", c -> c.out(Functions.sqrt(c.b, real(c))));
    ops.put("item", SymbolOps::item);
    ops.put("_local_scalar_dense", SymbolOps::item);
    for (String name :
        new String[] {
          "_assert_scalar", "_assert_async", "_assert_tensor_metadata", "sym_constrain_range",
          "sym_constrain_range_for_size", "_assert", "_print", "_functional_assert_async",
          "_functional_sym_constrain_range", "_functional_sym_constrain_range_for_size"
        }) {
      // What they check was true of the sizes that the program was exported with.
      ops.put(name, c -> {});
    }
  }

  private static Value argument(Call c, int i) {
    return c.tensor(c.argumentNames().get(i));
  }

  /** The first operand, in the type that both are computed in: INT32, or FLOAT32 if one is real. */
  private static Value a(Call c) {
    return typed(c, 0);
  }

  private static Value b(Call c) {
    return typed(c, 1);
  }

  private static Value typed(Call c, int i) {
    boolean real = false;
    for (int k = 0; k < Math.min(2, c.argumentNames().size()); k++) {
      real |= argument(c, k).type().isFloat();
    }
    return c.b.cast(argument(c, i), real ? ElementType.FLOAT32 : ElementType.INT32);
  }

  private static Value truth(Call c, int i) {
    return Functions.cast(c.b, argument(c, i), ElementType.BOOL);
  }

  private static Value real(Call c) {
    return c.b.cast(argument(c, 0), ElementType.FLOAT32);
  }

  private static Value whole(Build b, Value v) {
    return b.cast(v, ElementType.INT32);
  }

  private static void truncate(Call c) {
    c.out(whole(c.b, argument(c, 0)));
  }

  private static void count(Call c) {
    c.out(c.b.reduce(OpKind.REDUCE_PROD, c.b.shapeOf(c.self()), false, 0));
  }

  private static void stride(Call c) {
    Value x = c.self();
    int axis = Build.axis(c.integer("dim", 0), Build.rank(x));
    Value n = c.b.scalar(ElementType.INT32, 1);
    for (int i : IntStream.range(axis + 1, Build.rank(x)).toArray()) {
      n = c.b.mul(n, c.b.dimension(x, i));
    }
    c.out(n);
  }

  /** The number in a tensor; sizes that depend on it are open. */
  private static void item(Call c) {
    Value x = c.self();
    if (x.shape().isStatic() && x.shape().elementCount() != 1) {
      throw new Refusal("it takes the one number of " + x.shape(), "export the program anew");
    }
    Value v = c.b.reshape(x);
    c.out(v.type() == ElementType.INT64 ? c.b.cast(v, ElementType.INT32) : v);
  }
}
