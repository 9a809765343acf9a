package io.jetfire.tflite.graph;

import io.jetfire.Float16;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A tensor of a subgraph: name, type, shape, and for a constant its data.
 *
 * <p>Made by a {@link Subgraph} and belonging to it; compared by identity. Who produces and who
 * consumes it is kept up to date by the subgraph.
 */
public final class Value {
  private static final int MOST_SHOWN = 100;

  /**
   * The type and shape of what a VARIANT tensor holds.
   *
   * @param type the element type
   * @param shape the shape
   */
  public record VariantType(ElementType type, Shape shape) {}

  private final Subgraph subgraph;
  private String name;
  private ElementType type;
  private Shape shape;
  private @Nullable Weights data;
  private @Nullable Quantization quantization;
  private @Nullable Sparsity sparsity;
  private boolean variable;
  private List<VariantType> variantTypes = List.of();

  @Nullable Op producer;
  // One entry per use, so an operator that takes the value twice stands here twice.
  final List<Op> uses = new ArrayList<>(2);

  Value(Subgraph subgraph, String name, ElementType type, Shape shape) {
    this.subgraph = subgraph;
    this.name = name;
    this.type = type;
    this.shape = shape;
  }

  /**
   * Returns the subgraph that the tensor belongs to.
   *
   * @return the owner
   */
  public Subgraph subgraph() {
    return subgraph;
  }

  /**
   * Returns the name.
   *
   * @return unique within the subgraph, unless a file had duplicates; may be empty then
   */
  public String name() {
    return name;
  }

  /**
   * Renames the tensor.
   *
   * @param newName not used by another tensor of the subgraph
   * @return this tensor
   * @throws IllegalArgumentException if another tensor has the name
   */
  public Value name(String newName) {
    if (!newName.equals(name)) {
      subgraph.renamed(name, newName);
      name = newName;
    }
    return this;
  }

  /**
   * Returns the element type.
   *
   * @return the type
   */
  public ElementType type() {
    return type;
  }

  /**
   * Sets the element type; the data are not converted.
   *
   * @param newType the type
   * @return this tensor
   */
  public Value type(ElementType newType) {
    type = newType;
    return this;
  }

  /**
   * Returns the shape.
   *
   * @return the shape
   */
  public Shape shape() {
    return shape;
  }

  /**
   * Sets the shape.
   *
   * @param newShape the shape
   * @return this tensor
   */
  public Value shape(Shape newShape) {
    shape = newShape;
    return this;
  }

  /**
   * Returns the constant data.
   *
   * @return empty if the tensor is computed, fed, or a variable without initial data
   */
  public Optional<Weights> data() {
    return Optional.ofNullable(data);
  }

  /**
   * Sets or takes away the constant data; type and shape stay.
   *
   * @param newData the data, or null
   * @return this tensor
   */
  public Value data(@Nullable Weights newData) {
    data = newData;
    return this;
  }

  /**
   * Says whether the tensor holds constant data.
   *
   * @return true if there are data and the tensor is no variable
   */
  public boolean isConstant() {
    return data != null && !variable;
  }

  /**
   * Returns how integers stand for real numbers.
   *
   * @return empty if nothing is recorded
   */
  public Optional<Quantization> quantization() {
    return Optional.ofNullable(quantization);
  }

  /**
   * Sets or takes away the quantization; the data are not converted.
   *
   * @param newQuantization the quantization, or null
   * @return this tensor
   */
  public Value quantization(@Nullable Quantization newQuantization) {
    quantization = newQuantization;
    return this;
  }

  /**
   * Returns the scales and zero points, if the tensor has them in the usual form.
   *
   * @return empty unless it is quantized per tensor or per channel
   */
  public Optional<Quantization.Affine> affine() {
    return quantization instanceof Quantization.Affine a && a.isQuantized()
        ? Optional.of(a)
        : Optional.empty();
  }

  /**
   * Returns how the non-zero blocks are stored.
   *
   * @return empty for a dense tensor
   */
  public Optional<Sparsity> sparsity() {
    return Optional.ofNullable(sparsity);
  }

  /**
   * Sets or takes away the sparsity; the data are not converted.
   *
   * @param newSparsity the sparsity, or null
   * @return this tensor
   */
  public Value sparsity(@Nullable Sparsity newSparsity) {
    sparsity = newSparsity;
    return this;
  }

  /**
   * Says whether the tensor keeps its content between runs, as the state of an LSTM does.
   *
   * @return true for a variable
   */
  public boolean isVariable() {
    return variable;
  }

  /**
   * Makes the tensor a variable or not.
   *
   * @param newVariable whether it keeps its content between runs
   * @return this tensor
   */
  public Value variable(boolean newVariable) {
    variable = newVariable;
    return this;
  }

  /**
   * Returns what a VARIANT tensor holds.
   *
   * @return empty for other types, or if nothing is known
   */
  public List<VariantType> variantTypes() {
    return variantTypes;
  }

  /**
   * Sets what a VARIANT tensor holds.
   *
   * @param types the types, copied
   * @return this tensor
   */
  public Value variantTypes(List<VariantType> types) {
    variantTypes = List.copyOf(types);
    return this;
  }

  /**
   * Returns the operator that computes the tensor.
   *
   * @return empty for constants, variables and inputs of the subgraph
   */
  public Optional<Op> producer() {
    return Optional.ofNullable(producer);
  }

  /**
   * Returns the operators that take the tensor as an input.
   *
   * @return a copy, each operator once, in the order in which they began to use it
   */
  public List<Op> consumers() {
    return List.copyOf(new LinkedHashSet<>(uses));
  }

  /**
   * Returns the number of operator inputs that take the tensor.
   *
   * @return 0 or more; an operator that takes it twice counts twice
   */
  public int useCount() {
    return uses.size();
  }

  /**
   * Says whether the tensor is an input of its subgraph.
   *
   * @return true for an input
   */
  public boolean isInput() {
    return subgraph.inputs().contains(this);
  }

  /**
   * Says whether the tensor is an output of its subgraph.
   *
   * @return true for an output
   */
  public boolean isOutput() {
    return subgraph.outputs().contains(this);
  }

  /**
   * Reads the constant as floats: float types as they are, integers and booleans as their numbers
   * (not scaled; see {@link #dequantized()}).
   *
   * @return a new array, row-major
   * @throws IllegalStateException if there are no data or elements are no real numbers
   */
  public float[] floats() {
    ByteBuffer b = dataBytes();
    int n = elements(b);
    float[] out = new float[n];
    switch (type) {
      case FLOAT32 -> b.asFloatBuffer().get(out);
      case FLOAT16 -> {
        for (int i = 0; i < n; i++) {
          out[i] = Float16.toFloat(b.getShort(i * 2));
        }
      }
      case BFLOAT16 -> {
        for (int i = 0; i < n; i++) {
          out[i] = Float.intBitsToFloat(b.getShort(i * 2) << 16);
        }
      }
      case FLOAT64 -> {
        for (int i = 0; i < n; i++) {
          out[i] = (float) b.getDouble(i * 8);
        }
      }
      default -> {
        for (int i = 0; i < n; i++) {
          out[i] = integer(b, i);
        }
      }
    }
    return out;
  }

  /**
   * Reads the constant as integers.
   *
   * @return a new array, row-major; booleans as 0 and 1
   * @throws IllegalStateException if there are no data or elements are no integers
   * @throws ArithmeticException if a number does not fit
   */
  public int[] ints() {
    ByteBuffer b = dataBytes();
    int[] out = new int[elements(b)];
    if (type == ElementType.INT32) {
      b.asIntBuffer().get(out);
      return out;
    }
    for (int i = 0; i < out.length; i++) {
      out[i] = Math.toIntExact(integer(b, i));
    }
    return out;
  }

  /**
   * Reads the constant as long integers.
   *
   * @return a new array, row-major; booleans as 0 and 1; UINT64 as its bits
   * @throws IllegalStateException if there are no data or elements are no integers
   */
  public long[] longs() {
    ByteBuffer b = dataBytes();
    long[] out = new long[elements(b)];
    for (int i = 0; i < out.length; i++) {
      out[i] = integer(b, i);
    }
    return out;
  }

  /**
   * Reads the constant as the real numbers that it stands for: scale · (q - zeroPoint) where it is
   * quantized per tensor or per channel, {@link #floats()} otherwise.
   *
   * @return a new array, row-major
   * @throws IllegalStateException if there are no data, or the quantization is of another kind
   */
  public float[] dequantized() {
    Optional<Quantization.Affine> affine = affine();
    if (affine.isEmpty() || type.isFloat()) {
      if (quantization != null && !(quantization instanceof Quantization.Affine)) {
        throw new IllegalStateException(
            "tensor "
                + name
                + " is quantized in "
                + quantization
                + ", which is not one scale "
                + "per tensor or channel; read its integers and scales instead");
      }
      return floats();
    }
    Quantization.Affine q = affine.get();
    long[] values = longs();
    float[] out = new float[values.length];
    int inner = 1;
    int channels = 1;
    if (q.isPerChannel()) {
      channels = shape.dim(q.axis());
      for (int i = q.axis() + 1; i < shape.rank(); i++) {
        inner *= shape.dim(i);
      }
    }
    for (int i = 0; i < out.length; i++) {
      int c = i / inner % channels;
      out[i] = q.scale(c) * (values[i] - q.zeroPoint(c));
    }
    return out;
  }

  // The name for messages: a hostile file has names of megabytes.
  String label() {
    return name.length() > MOST_SHOWN ? name.substring(0, MOST_SHOWN) + "..." : name;
  }

  @Override
  public String toString() {
    return label() + ": " + type + shape + (data == null ? "" : " constant");
  }

  private ByteBuffer dataBytes() {
    if (data == null) {
      throw new IllegalStateException(
          "tensor " + label() + " holds no constant data; check isConstant() first");
    }
    return data.bytes();
  }

  // The count of the shape where it fits the data: the last byte of packed types is partly filled.
  private int elements(ByteBuffer b) {
    if (type.bits() == 0) {
      throw new IllegalStateException("tensor " + label() + " holds " + type + ", not numbers");
    }
    long fit = b.remaining() * 8L / type.bits();
    long n = shape.isStatic() ? shape.elementCount() : fit;
    if (n > fit) {
      throw new IllegalStateException(
          "tensor "
              + name
              + " of "
              + type
              + shape
              + " has only "
              + b.remaining()
              + " bytes of data");
    }
    return Math.toIntExact(n);
  }

  private long integer(ByteBuffer b, int i) {
    return switch (type) {
      case INT8 -> b.get(i);
      case UINT8, BOOL -> b.get(i) & 0xff;
      case INT16 -> b.getShort(i * 2);
      case UINT16 -> b.getShort(i * 2) & 0xffff;
      case INT32 -> b.getInt(i * 4);
      case UINT32 -> b.getInt(i * 4) & 0xffffffffL;
      case INT64, UINT64 -> b.getLong(i * 8);
      case INT4 -> (byte) (b.get(i / 2) >> (i % 2 * 4) << 4) >> 4;
      case UINT4 -> b.get(i / 2) >> (i % 2 * 4) & 0xf;
      case INT2 -> (byte) (b.get(i / 4) >> (i % 4 * 2) << 6) >> 6;
      default ->
          throw new IllegalStateException(
              "tensor " + label() + " holds " + type + ", not integers");
    };
  }
}
