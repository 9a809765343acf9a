package io.jetfire.tflite.format;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Sparsity;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** Checks one tensor: its shape, its data, its quantization. */
final class TensorCheck {
  private static final int MAX_RANK = 8;
  private static final int MAX_BLOCK = 1 << 20;

  private final ModelCheck.Problems problems;
  private final String where;
  private final long mostBytes;
  private final ModelCheck.WorkBudget budget;

  TensorCheck(
      ModelCheck.Problems problems, String where, long mostBytes, ModelCheck.WorkBudget budget) {
    this.budget = budget;
    this.problems = problems;
    this.where = where;
    this.mostBytes = mostBytes;
  }

  void check(Value v) {
    if (checkShape(v)) {
      checkData(v);
      checkQuantization(v);
    }
    v.sparsity().ifPresent(s -> checkSparsity(v, s));
  }

  private void problem(Value v, String text) {
    String name = v.name().length() > 80 ? v.name().substring(0, 80) + "..." : v.name();
    problems.add(where + ", tensor " + name + ": " + text);
  }

  private boolean checkShape(Value v) {
    Shape shape = v.shape();
    if (!shape.hasRank()) {
      return true;
    }
    if (shape.rank() > MAX_RANK) {
      problem(v, "it has " + shape.rank() + " dimensions; kernels take up to " + MAX_RANK);
      return false;
    }
    long bytes = MemoryEstimate.bytes(v);
    boolean constant = v.data().isPresent();
    if (!constant && bytes > mostBytes) {
      problem(
          v,
          "shape "
              + shape
              + " takes "
              + (bytes == Long.MAX_VALUE ? "2^63 or more" : bytes)
              + " bytes, more than the allowed "
              + mostBytes);
      return false;
    }
    if (shape.standInElementCount() == 0 && zeroIsHarmful(v)) {
      problem(v, "shape " + shape + " has a dimension of 0, which crashes kernels");
      return false;
    }
    return true;
  }

  // Empty lists (of axes, of a shape) are right; empty images are not.
  private static boolean zeroIsHarmful(Value v) {
    if (v.type().isFixedSize()
        && v.shape().rank() <= 1
        && v.type().isInteger()
        && v.affine().isEmpty()) {
      return false;
    }
    Op producer = v.producer().orElse(null);
    if (producer != null && (producer.kind() == OpKind.CUSTOM || producer.kind() == OpKind.WHERE)) {
      return false;
    }
    return v.type().isFixedSize();
  }

  private void checkData(Value v) {
    Weights data = v.data().orElse(null);
    if (data == null) {
      return;
    }
    if (v.isVariable()) {
      problem(v, "a variable has no constant data in a valid model");
    }
    if (data.external().isPresent()) {
      problem(v, "its data lie in another file, " + data.external().get().group());
      return;
    }
    if (v.type() == ElementType.STRING) {
      checkStrings(v, data.bytes());
      return;
    }
    if (!v.type().isFixedSize() || v.sparsity().isPresent()) {
      return;
    }
    if (!v.shape().isStatic()) {
      problem(v, "a constant has the dynamic shape " + v.shape());
      return;
    }
    long needed = MemoryEstimate.bytes(v);
    if (needed != data.byteSize()) {
      problem(
          v,
          v.type()
              + " of shape "
              + v.shape()
              + " takes "
              + needed
              + " bytes, the data have "
              + data.byteSize());
    }
  }

  // Count, then count + 1 offsets from the start of the data, then the text (string_util.h).
  private void checkStrings(Value v, ByteBuffer b) {
    long size = b.remaining();
    if (size == 0) {
      return;
    }
    long count = size < 4 ? -1 : b.getInt(0);
    if (count < 0 || 8 + 4 * count > size) {
      problem(v, "the data of " + size + " bytes cannot hold " + count + " strings");
      return;
    }
    if (!budget.spend(4 * count)) {
      problem(v, "the model has more strings than can be checked");
      return;
    }
    long last = 8 + 4 * count;
    for (int i = 0; i <= count; i++) {
      long offset = b.getInt(4 + 4 * i) & 0xffffffffL;
      if (offset < last || offset > size) {
        problem(v, "string " + i + " begins at byte " + offset + " of " + size);
        return;
      }
      last = offset;
    }
    if (v.shape().isStatic() && v.shape().elementCount() != count) {
      problem(v, "shape " + v.shape() + " with " + count + " strings");
    }
  }

  // ---- quantization

  private void checkQuantization(Value v) {
    Quantization q = v.quantization().orElse(null);
    if (q instanceof Quantization.Affine a) {
      checkAffine(v, a);
    } else if (q instanceof Quantization.Blockwise b) {
      checkScales(v, b.scales(), b.zeroPoints());
      checkBlocks(v, b.blockSize(), b.scales());
    } else if (q instanceof Quantization.MultiAxis m) {
      checkScales(v, m.scales(), m.zeroPoints());
      for (int axis : m.axes()) {
        if (!v.shape().hasRank() || axis < 0 || axis >= v.shape().rank()) {
          problem(v, "quantized axis " + axis + " of shape " + v.shape());
        }
      }
      if (m.blockSize() < 0 || m.blockSize() > MAX_BLOCK) {
        problem(v, "block size " + m.blockSize());
      }
    }
  }

  private void checkAffine(Value v, Quantization.Affine a) {
    if (!a.isQuantized()) {
      return;
    }
    float[] scales = a.scales();
    long[] zeroPoints = a.zeroPoints();
    if (zeroPoints.length != scales.length) {
      problem(v, scales.length + " scales with " + zeroPoints.length + " zero points");
      return;
    }
    if (scales.length > 1) {
      int axis = a.axis();
      if (!v.shape().hasRank() || axis < 0 || axis >= v.shape().rank()) {
        problem(v, "quantized axis " + axis + " of shape " + v.shape());
        return;
      }
      if (v.shape().dim(axis) != scales.length) {
        problem(v, scales.length + " scales along axis " + axis + " of shape " + v.shape());
        return;
      }
    } else if (a.axis() < 0 || (v.shape().hasRank() && a.axis() > v.shape().rank())) {
      problem(v, "quantized axis " + a.axis() + " of shape " + v.shape());
      return;
    }
    if (!v.type().isInteger()) {
      return;
    }
    long low = lowest(v.type());
    long high = highest(v.type());
    for (int i = 0; i < scales.length; i++) {
      if (!(scales[i] > 0) || Float.isInfinite(scales[i])) {
        problem(v, "scale " + i + " is " + scales[i] + "; it must be above 0 and finite");
        return;
      }
      if (zeroPoints[i] < low || zeroPoints[i] > high) {
        problem(v, "zero point " + zeroPoints[i] + " lies outside " + v.type());
        return;
      }
    }
  }

  private void checkScales(Value v, Value scales, @Nullable Value zero) {
    if (scales.data().isEmpty() || !scales.type().isFloat()) {
      problem(v, "the scales " + scales.name() + " are no constant floats");
    }
    if (zero != null && zero.data().isEmpty()) {
      problem(v, "the zero points " + zero.name() + " are no constant");
    }
    if (v.data().isEmpty()) {
      problem(v, "only constants can be quantized in blocks");
    }
  }

  private void checkBlocks(Value v, int blockSize, Value scales) {
    if (blockSize <= 0 || blockSize > MAX_BLOCK || blockSize % 32 != 0) {
      problem(v, "block size " + blockSize + "; kernels take multiples of 32");
      return;
    }
    Shape s = v.shape();
    if (s.isStatic() && scales.shape().isStatic() && s.rank() > 0) {
      if (s.dim(-1) % blockSize != 0
          || scales.shape().elementCount() != s.elementCount() / blockSize) {
        problem(
            v,
            "shape "
                + s
                + " in blocks of "
                + blockSize
                + " does not fit scales of shape "
                + scales.shape());
      }
    }
  }

  private static long lowest(ElementType type) {
    return switch (type) {
      case INT2 -> -2;
      case INT4 -> -8;
      case INT8 -> Byte.MIN_VALUE;
      case INT16 -> Short.MIN_VALUE;
      case INT32 -> Integer.MIN_VALUE;
      case INT64 -> Long.MIN_VALUE;
      default -> 0;
    };
  }

  private static long highest(ElementType type) {
    return switch (type) {
      case INT2 -> 1;
      case INT4 -> 7;
      case UINT4 -> 15;
      case INT8 -> Byte.MAX_VALUE;
      case UINT8 -> 255;
      case INT16 -> Short.MAX_VALUE;
      case UINT16 -> 0xffff;
      case INT32 -> Integer.MAX_VALUE;
      case UINT32 -> 0xffffffffL;
      default -> Long.MAX_VALUE;
    };
  }

  // ---- sparsity

  private void checkSparsity(Value v, Sparsity s) {
    int dims = s.dimensions().size();
    int[] order = s.traversalOrder();
    int rank = v.shape().hasRank() ? v.shape().rank() : -1;
    if (order.length != dims || dims != rank + s.blockMap().length) {
      problem(v, "sparsity of " + dims + " dimensions does not fit shape " + v.shape());
      return;
    }
    boolean[] seen = new boolean[dims];
    for (int o : order) {
      if (o < 0 || o >= dims || seen[o]) {
        problem(v, "the traversal order of its sparsity is no permutation");
        return;
      }
      seen[o] = true;
    }
    for (int b : s.blockMap()) {
      if (b < 0 || b >= rank) {
        problem(v, "the block map of its sparsity names dimension " + b);
        return;
      }
    }
    long rows = 1;
    for (Sparsity.Dimension d : s.dimensions()) {
      rows = checkDimension(v, d, rows);
      if (rows < 0) {
        return;
      }
    }
    if (v.type().isFixedSize()
        && v.data().isPresent()
        && v.type().byteSize(rows) != v.data().get().byteSize()) {
      problem(
          v,
          "its sparsity stores "
              + rows
              + " elements, the data have "
              + v.data().get().byteSize()
              + " bytes");
    }
  }

  // Returns how many entries the dimension stores for so many rows above it, or -1.
  private long checkDimension(Value v, Sparsity.Dimension d, long rows) {
    if (d.dense()) {
      if (d.denseSize() <= 0) {
        problem(v, "a dense dimension of its sparsity has the size " + d.denseSize());
        return -1;
      }
      return MemoryEstimate.multiply(rows, d.denseSize());
    }
    Sparsity.Indices segments = d.segments();
    Sparsity.Indices indices = d.indices();
    if (segments == null || indices == null) {
      problem(v, "a sparse dimension has no segments or no indices");
      return -1;
    }
    int[] starts = segments.values();
    int count = indices.values().length;
    if (starts.length != rows + 1 || starts[0] != 0 || starts[starts.length - 1] != count) {
      problem(v, "the segments of a sparse dimension do not fit its " + count + " indices");
      return -1;
    }
    for (int i = 1; i < starts.length; i++) {
      if (starts[i] < starts[i - 1]) {
        problem(v, "the segments of a sparse dimension are not ascending");
        return -1;
      }
    }
    for (int i : indices.values()) {
      if (i < 0) {
        problem(v, "a sparse dimension has the index " + i);
        return -1;
      }
    }
    return count;
  }
}
