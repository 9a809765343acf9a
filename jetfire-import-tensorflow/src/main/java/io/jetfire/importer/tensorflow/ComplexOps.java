package io.jetfire.importer.tensorflow;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Refusal;
import io.jetfire.tflite.importer.lowering.Spectrum;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Spectra: complex numbers are two tensors from their transform to their magnitude. */
final class ComplexOps {
  private ComplexOps() {}

  /** Operators that do to a complex tensor what they do to both of its parts. */
  private static final Set<String> PART_BY_PART =
      Set.of(
          "AddV2",
          "ConcatV2",
          "ExpandDims",
          "GatherV2",
          "Identity",
          "Mean",
          "Neg",
          "Pack",
          "Reshape",
          "Slice",
          "Squeeze",
          "StridedSlice",
          "Sub",
          "Sum",
          "Tile",
          "Transpose");

  static void register(Map<String, Lowering> ops) {
    ops.put("RFFT", ComplexOps::transform);
    ops.put(
        "ComplexAbs",
        n ->
            n.out(
                Functions.sqrt(
                    n.b, n.b.add(n.b.square(in(n).real()), n.b.square(in(n).imaginary())))));
    ops.put("Real", n -> n.out(in(n).real()));
    ops.put("Imag", n -> n.out(in(n).imaginary()));
    ops.put("Angle", n -> n.out(Functions.atan2(n.b, in(n).imaginary(), in(n).real())));
    ops.put("Complex", n -> n.out(new Item.Complex(n.in(0), n.in(1))));
    ops.put("Conj", n -> n.out(new Item.Complex(in(n).real(), n.b.mul(in(n).imaginary(), -1))));
  }

  /** A constant of complex numbers: each is two float32. */
  static Item constant(Build b, Array a) {
    FloatBuffer stored = a.bytes().duplicate().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    int n = Build.count(a.shape());
    if (stored.remaining() != 2 * n) {
      throw new Refusal("a constant of " + stored.remaining() + " numbers", "export it anew");
    }
    float[] real = new float[n];
    float[] imaginary = new float[n];
    for (int i = 0; i < n; i++) {
      real[i] = stored.get();
      imaginary[i] = stored.get();
    }
    Shape shape = Shape.of(a.shape());
    return new Item.Complex(b.floats(shape, real), b.floats(shape, imaginary));
  }

  /** The lowering of an operator that mixes the parts of complex tensors; null for others. */
  static @Nullable Lowering mixing(String op, List<Item> inputs) {
    if (inputs.stream().noneMatch(Item.Complex.class::isInstance)) {
      return null;
    }
    return switch (op) {
      case "Mul" -> ComplexOps::product;
      case "Exp" -> ComplexOps::exponential;
      default -> null;
    };
  }

  private static void product(Node n) {
    Item.Complex x = in(n, 0);
    Item.Complex y = in(n, 1);
    n.out(
        new Item.Complex(
            n.b.sub(n.b.mul(x.real(), y.real()), n.b.mul(x.imaginary(), y.imaginary())),
            n.b.add(n.b.mul(x.real(), y.imaginary()), n.b.mul(x.imaginary(), y.real()))));
  }

  private static void exponential(Node n) {
    Item.Complex x = in(n);
    Value size = Functions.exp(n.b, x.real());
    n.out(
        new Item.Complex(
            n.b.mul(size, n.b.unary(OpKind.COS, x.imaginary())),
            n.b.mul(size, n.b.unary(OpKind.SIN, x.imaginary()))));
  }

  /** Whether a node works on both parts of complex tensors apart. */
  static boolean isPartByPart(String op, List<Item> inputs) {
    return PART_BY_PART.contains(op) && inputs.stream().anyMatch(Item.Complex.class::isInstance);
  }

  /** The inputs of such a node for one of the parts. */
  static List<Item> parts(List<Item> inputs, Function<Item.Complex, Value> part) {
    List<Item> out = new ArrayList<>();
    for (Item i : inputs) {
      out.add(i instanceof Item.Complex c ? new Item.Tensor(part.apply(c)) : i);
    }
    return out;
  }

  /** The results of such a node from those of both parts. */
  static List<Item> joined(List<Item> real, List<Item> imaginary) {
    List<Item> out = new ArrayList<>();
    for (int i = 0; i < real.size(); i++) {
      if (real.get(i) instanceof Item.Tensor r && imaginary.get(i) instanceof Item.Tensor m) {
        out.add(new Item.Complex(r.value(), m.value()));
      }
    }
    return out;
  }

  private static Item.Complex in(Node n) {
    return in(n, 0);
  }

  private static Item.Complex in(Node n, int input) {
    if (n.item(input) instanceof Item.Complex c) {
      return c;
    }
    throw new Refusal("its input is no tensor of complex numbers", "export the model anew");
  }

  private static void transform(Node n) {
    Value x = n.b.cast(n.in(0), ElementType.FLOAT32);
    List<Value> parts = Spectrum.ofReal(n.b, x, n.knownOne(1, "length"));
    n.out(new Item.Complex(parts.get(0), parts.get(1)));
  }
}
