package io.jetfire.importer.pytorch;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Matrices;
import io.jetfire.tflite.importer.lowering.Reductions;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/** Losses and other composites that come straight from export, without decompositions. */
final class CompositeOps {
  private CompositeOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("mse_loss", c -> loss(c, difference -> c.b.square(difference)));
    ops.put("l1_loss", c -> loss(c, c.b::abs));
    ops.put("smooth_l1_loss", c -> loss(c, d -> huber(c, d, c.real("beta", 1), true)));
    ops.put("huber_loss", c -> loss(c, d -> huber(c, d, c.real("delta", 1), false)));
    ops.put("binary_cross_entropy_with_logits", CompositeOps::logitLoss);
    ops.put("kl_div", CompositeOps::divergence);
    ops.put("cross_entropy_loss", CompositeOps::crossEntropy);
    ops.put("nll_loss_nd", c -> classLoss(c, c.self()));
    ops.put("broadcast_tensors", CompositeOps::broadcast);
    ops.put("cross", c -> cross(c, c.integer("dim", -1)));
    ops.put("linalg_cross", ops.get("cross"));
    ops.put("dist", CompositeOps::distance);
    ops.put("diff", CompositeOps::differences);
    ops.put("tensordot", CompositeOps::tensorProduct);
    ops.put("kron", CompositeOps::kronecker);
    ops.put("chain_matmul", CompositeOps::chain);
    ops.put("linalg_multi_dot", CompositeOps::chain);
    ops.put("fake_quantize_per_tensor_affine", CompositeOps::fakeQuantize);
    ops.put("fake_quantize_per_tensor_affine_cachemask", CompositeOps::fakeQuantize);
    ops.put("hann_window", c -> window(c, 0.5, 0.5));
    ops.put("hamming_window", c -> window(c, c.real("alpha", 0.54), c.real("beta", 0.46)));
    ops.put("sinc", CompositeOps::sinc);
    ops.put("special_sinc", CompositeOps::sinc);
    ops.put("rot90", CompositeOps::quarterTurns);
    ops.put("block_diag", CompositeOps::blocks);
    ops.put("cartesian_prod", CompositeOps::pairs);
    ops.put("_weight_norm", CompositeOps::weightNorm);
    ops.put("_weight_norm_interface", CompositeOps::weightNorm);
  }

  private static Value real(Call c, String name) {
    return c.operand(name, ElementType.FLOAT32);
  }

  private static int[] allAxes(Value v) {
    return IntStream.range(0, Build.rank(v)).toArray();
  }

  // ---- losses

  /** Reduces as PyTorch numbers it: 0 for not at all, 1 for the mean, 2 for the sum. */
  private static Value reduced(Call c, Value each) {
    int how = c.integer("reduction", 1);
    int[] axes = allAxes(each);
    return how == 0 || axes.length == 0
        ? each
        : c.b.reduce(how == 1 ? OpKind.MEAN : OpKind.SUM, each, false, axes);
  }

  private static void loss(Call c, UnaryOperator<Value> of) {
    Value difference = c.b.sub(real(c, "self"), real(c, "target"));
    c.out(reduced(c, of.apply(difference)));
  }

  private static Value huber(Call c, Value difference, double limit, boolean smooth) {
    Value size = c.b.abs(difference);
    if (limit == 0) {
      return size;
    }
    Value near = c.b.mul(c.b.square(difference), smooth ? 0.5 / limit : 0.5);
    Value far = c.b.add(size, -0.5 * limit);
    Value beyond = smooth ? far : c.b.mul(far, limit);
    return c.b.select(c.b.compare(OpKind.LESS, size, c.b.scalar(limit)), near, beyond);
  }

  private static void logitLoss(Call c) {
    Value x = real(c, "self");
    Value target = real(c, "target");
    // max(x, 0) - x t + log(1 + exp(-|x|)), where the weight of positives turns the last part
    Value log = Functions.softplus(c.b, c.b.mul(x, -1));
    Value rest = c.b.mul(c.b.sub(c.b.scalar(1), target), x);
    Value positives = c.optional("pos_weight");
    if (positives != null) {
      log = c.b.mul(log, c.b.add(c.b.mul(c.b.add(positives, -1), target), 1));
    }
    Value each = c.b.add(rest, log);
    Value weight = c.optional("weight");
    c.out(reduced(c, weight == null ? each : c.b.mul(each, weight)));
  }

  private static void divergence(Call c) {
    Value x = real(c, "self");
    Value target = real(c, "target");
    Value each;
    if (c.flag("log_target", false)) {
      each = c.b.mul(Functions.exp(c.b, target), c.b.sub(target, x));
    } else {
      // 0 where the target is 0
      Value log = Functions.log(c.b, c.b.max(target, Float.MIN_NORMAL));
      each = c.b.mul(target, c.b.sub(log, x));
    }
    c.out(reduced(c, each));
  }

  private static void crossEntropy(Call c) {
    Value x = real(c, "self");
    int classes = Build.rank(x) == 1 ? 0 : 1;
    Value log = Reductions.softmax(c.b, x, classes, true);
    Value target = c.tensor("target");
    if (!target.type().isFloat()) {
      classLoss(c, log);
      return;
    }
    if (c.has("weight") || c.real("label_smoothing", 0) != 0) {
      throw new Refusal("weights or smoothing of class probabilities", "compute the loss outside");
    }
    Value each = c.b.mul(c.b.reduce(OpKind.SUM, c.b.mul(log, target), false, classes), -1);
    c.out(reduced(c, each));
  }

  /** The negative logarithms of the classes that are named. */
  private static void classLoss(Call c, Value log) {
    if (c.has("weight") || c.real("label_smoothing", 0) != 0 || c.integer("reduction", 1) > 2) {
      throw new Refusal("a loss with weights or smoothing", "compute the loss outside");
    }
    int rank = Build.rank(log);
    int classes = rank == 1 ? 0 : 1;
    int count = Build.fixedFrom(log, classes)[classes];
    int[] shape = new int[rank];
    Arrays.fill(shape, 1);
    shape[classes] = count;
    int[] numbers = new int[count];
    Arrays.setAll(numbers, i -> i);
    Value target = c.b.cast(c.tensor("target"), ElementType.INT32);
    // Ignored targets are below 0 by default and no class.
    Value named =
        c.b.cast(
            c.b.compare(
                OpKind.EQUAL,
                c.b.unsqueeze(target, classes),
                c.b.reshape(c.b.ints(numbers), shape)),
            ElementType.FLOAT32);
    Value ignored = c.b.scalar(ElementType.INT32, c.integer("ignore_index", -100));
    Value counts = c.b.cast(c.b.compare(OpKind.NOT_EQUAL, target, ignored), ElementType.FLOAT32);
    Value each =
        c.b.mul(c.b.mul(c.b.reduce(OpKind.SUM, c.b.mul(log, named), false, classes), counts), -1);
    int how = c.integer("reduction", 1);
    if (how == 0 || rank == 1) {
      c.out(each);
      return;
    }
    int[] axes = allAxes(each);
    Value sum = c.b.reduce(OpKind.SUM, each, false, axes);
    c.out(how == 2 ? sum : c.b.div(sum, c.b.reduce(OpKind.SUM, counts, false, axes)));
  }

  // ---- others

  private static void broadcast(Call c) {
    List<Value> all = c.tensors(c.argumentNames().get(0));
    for (int i = 0; i < all.size(); i++) {
      int[] shape = c.outShape(i);
      if (shape == null || Arrays.stream(shape).anyMatch(d -> d < 0)) {
        throw new Refusal("it broadcasts to open dimensions", "bind the open dimensions");
      }
      c.out(i, c.b.broadcastTo(all.get(i), shape));
    }
  }

  private static void cross(Call c, int dim) {
    Value x = c.tensor("self");
    Value y = c.operand("other", x.type());
    int axis = Build.axis(dim, Build.rank(x));
    Value[] a = new Value[3];
    Value[] b = new Value[3];
    for (int i = 0; i < 3; i++) {
      a[i] = c.b.slice(x, axis, i, 1);
      b[i] = c.b.slice(y, axis, i, 1);
    }
    List<Value> parts = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      int j = (i + 1) % 3;
      int k = (i + 2) % 3;
      parts.add(c.b.sub(c.b.mul(a[j], b[k]), c.b.mul(a[k], b[j])));
    }
    c.out(c.b.concat(axis, parts));
  }

  private static void distance(Call c) {
    if (c.real("p", 2) != 2) {
      throw new Refusal("a distance of order " + c.real("p", 2), "use the Euclidean one");
    }
    Value squares = c.b.square(c.b.sub(real(c, "self"), real(c, "other")));
    c.out(Functions.sqrt(c.b, c.b.reduce(OpKind.SUM, squares, false, allAxes(squares))));
  }

  private static void differences(Call c) {
    if (c.has("prepend") || c.has("append")) {
      throw new Refusal("differences of joined tensors", "use torch.cat before");
    }
    Value x = c.self();
    int axis = Build.axis(c.integer("dim", -1), Build.rank(x));
    for (int i = Build.repetitions(c.integer("n", 1)); i > 0; i--) {
      int size = Build.fixedFrom(x, 0)[axis];
      x = c.b.sub(c.b.slice(x, axis, 1, size - 1), c.b.slice(x, axis, 0, size - 1));
    }
    c.out(x);
  }

  private static void tensorProduct(Call c) {
    Value x = c.self();
    Value y = c.tensor("other");
    int[] dx = Build.axes(c.ints("dims_self"), Build.rank(x));
    int[] dy = Build.axes(c.ints("dims_other"), Build.rank(y));
    StringBuilder left = new StringBuilder();
    StringBuilder right = new StringBuilder();
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < Build.rank(x); i++) {
      left.append((char) ('a' + i));
      int at = i;
      out.append(Arrays.stream(dx).anyMatch(d -> d == at) ? "" : String.valueOf((char) ('a' + i)));
    }
    for (int i = 0; i < Build.rank(y); i++) {
      char name = (char) ('n' + i);
      for (int k = 0; k < dy.length; k++) {
        name = dy[k] == i ? (char) ('a' + dx[k]) : name;
      }
      right.append(name);
      out.append(name >= 'n' ? String.valueOf(name) : "");
    }
    c.out(Matrices.einsum(c.b, left + "," + right + "->" + out, List.of(x, y)));
  }

  private static void kronecker(Call c) {
    Value x = c.self();
    Value y = c.tensor("other");
    int[] dx = Build.fixedFrom(x, 0);
    int[] dy = Build.fixedFrom(y, 0);
    if (dx.length != dy.length) {
      throw new Refusal("tensors of " + x.shape() + " and " + y.shape(), "give both one rank");
    }
    int n = dx.length;
    int[] left = new int[2 * n];
    int[] right = new int[2 * n];
    int[] out = new int[n];
    for (int i = 0; i < n; i++) {
      left[2 * i] = dx[i];
      left[2 * i + 1] = 1;
      right[2 * i] = 1;
      right[2 * i + 1] = dy[i];
      out[i] = Math.multiplyExact(dx[i], dy[i]);
    }
    c.out(c.b.reshape(c.b.mul(c.b.reshape(x, left), c.b.reshape(y, right)), out));
  }

  private static void chain(Call c) {
    List<Value> all = c.tensors(c.argumentNames().get(0));
    Value product = all.get(0);
    for (Value next : all.subList(1, all.size())) {
      product = Matrices.product(c.b, product, next);
    }
    c.out(product);
  }

  /** Rounds to the steps of a quantized tensor, and goes on in float32. */
  private static void fakeQuantize(Call c) {
    double scale = c.real("scale", 1);
    double zero = c.real("zero_point", 0);
    double low = (c.real("quant_min", -128) - zero) * scale;
    double high = (c.real("quant_max", 127) - zero) * scale;
    Value steps = c.b.unary(OpKind.ROUND, c.b.mul(c.self(), 1 / scale));
    c.out(c.b.clamp(c.b.mul(steps, scale), low, high));
  }

  private static void window(Call c, double constant, double swing) {
    int n = Build.count(c.integer("window_length", 0));
    int period = c.flag("periodic", true) ? n : n - 1;
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (constant - swing * Math.cos(2 * Math.PI * i / Math.max(1, period)));
    }
    c.out(c.b.floats(Shape.of(n), values));
  }

  private static void sinc(Call c) {
    Value x = c.b.mul(real(c, "self"), Math.PI);
    Value zero = c.b.compare(OpKind.EQUAL, x, c.b.scalar(0));
    Value safe = c.b.select(zero, c.b.scalar(1), x);
    c.out(c.b.select(zero, c.b.scalar(1), c.b.div(c.b.unary(OpKind.SIN, safe), safe)));
  }

  private static void quarterTurns(Call c) {
    Value x = c.self();
    int rank = Build.rank(x);
    int[] dims = Build.axes(c.ints("dims", 0, 1), rank);
    int turns = Math.floorMod(c.integer("k", 1), 4);
    int[] swapped = new int[rank];
    Arrays.setAll(swapped, i -> i == dims[0] ? dims[1] : i == dims[1] ? dims[0] : i);
    c.out(
        switch (turns) {
          case 0 -> c.b.copy(x);
          case 1 -> c.b.transpose(c.b.reverse(x, dims[1]), swapped);
          case 2 -> c.b.reverse(c.b.reverse(x, dims[0]), dims[1]);
          default -> c.b.transpose(c.b.reverse(x, dims[0]), swapped);
        });
  }

  private static void weightNorm(Call c) {
    Value v = c.tensor("v");
    int rank = Build.rank(v);
    int keep = c.integer("dim", 0);
    int[] axes = new int[keep < 0 ? rank : rank - 1];
    for (int i = 0, k = 0; i < rank; i++) {
      if (i != keep) {
        axes[k++] = i;
      }
    }
    Value norm = Functions.sqrt(c.b, c.b.reduce(OpKind.SUM, c.b.square(v), true, axes));
    c.out(0, c.b.mul(v, c.b.div(c.tensor("g"), norm)));
    c.out(1, norm);
  }

  private static void blocks(Call c) {
    List<Value> all = c.tensors(c.argumentNames().get(0));
    int width = 0;
    List<int[]> sizes = new ArrayList<>();
    for (Value v : all) {
      int[] d = Build.fixedFrom(v, 0);
      int columns = d.length == 0 ? 1 : d[d.length - 1];
      sizes.add(new int[] {d.length == 2 ? d[0] : 1, columns});
      width = Math.addExact(width, columns);
    }
    List<Value> rows = new ArrayList<>();
    int before = 0;
    for (int i = 0; i < all.size(); i++) {
      int[] d = sizes.get(i);
      int[] paddings = {0, 0, before, width - before - d[1]};
      Value zero = c.b.scalar(all.get(i).type(), 0);
      rows.add(c.b.pad(c.b.reshape(all.get(i), d[0], d[1]), paddings, zero));
      before += d[1];
    }
    c.out(c.b.concat(0, rows));
  }

  /** Every combination of elements of vectors. */
  private static void pairs(Call c) {
    List<Value> all = c.tensors(c.argumentNames().get(0));
    if (all.size() == 1) {
      c.out(c.b.copy(all.get(0)));
      return;
    }
    int[] shape = new int[all.size()];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = Build.fixedFrom(all.get(i), 0)[0];
    }
    int count = Build.count(shape);
    List<Value> columns = new ArrayList<>();
    for (int i = 0; i < shape.length; i++) {
      int[] own = new int[shape.length];
      Arrays.fill(own, 1);
      own[i] = shape[i];
      Value whole = c.b.broadcastTo(c.b.reshape(all.get(i), own), shape);
      columns.add(c.b.reshape(whole, count, 1));
    }
    c.out(c.b.concat(1, columns));
  }
}
