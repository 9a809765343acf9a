package io.jetfire.tflite.importer.lowering;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Sampling of images at places that are computed while the model runs. */
public final class Sampling {
  private Sampling() {}

  /**
   * Samples an image at the places of a grid, from -1 at one edge to 1 at the other, as PyTorch's
   * grid_sample and ONNX's GridSample do.
   *
   * @param b where operators go
   * @param x batch, channels, rows, columns; fixed, FLOAT32
   * @param grid batch, rows and columns of the result, then column and row to sample; fixed
   * @param mode bilinear, nearest or bicubic
   * @param padding zeros, border or reflection, for places outside
   * @param align whether -1 and 1 are the centres of the outermost elements, else their edges
   * @return batch, channels, rows and columns of the grid
   * @throws Refusal for other modes
   */
  public static Value grid(
      Build b, Value x, Value grid, String mode, String padding, boolean align) {
    Build.requireFloat(x);
    int[] d = Build.fixedFrom(x, 0);
    int[] g = Build.fixedFrom(grid, 0);
    if (d.length != 4 || g.length != 4 || g[3] != 2) {
      throw new Refusal("a grid of " + grid.shape() + " on " + x.shape(), "sample 2-D images");
    }
    boolean cubic = mode.equals("bicubic") || mode.equals("cubic");
    if (!mode.equals("bilinear") && !mode.equals("nearest") && !cubic) {
      throw new Refusal("sampling in the mode '" + mode + "'", "use bilinear or nearest");
    }
    int n = Build.count(g[0], g[1], g[2]);
    // A cubic curve runs through elements that are padded one by one.
    String outside = cubic ? "zeros" : padding;
    Value column = place(b, b.reshape(b.slice(grid, 3, 0, 1), n), d[3], outside, align);
    Value row = place(b, b.reshape(b.slice(grid, 3, 1, 1), n), d[2], outside, align);
    Value pixels = b.reshape(b.last(x), d[0] * d[2] * d[3], d[1]);
    int[] starts = new int[n];
    for (int i = 0; i < n; i++) {
      starts[i] = i / (g[1] * g[2]) * d[2] * d[3];
    }
    Value first = b.ints(starts);
    @Nullable Value y;
    if (mode.equals("nearest")) {
      Value r = b.unary(OpKind.ROUND, row);
      Value c = b.unary(OpKind.ROUND, column);
      y = cell(b, pixels, first, r, c, null, d);
    } else if (cubic) {
      Value top = b.unary(OpKind.FLOOR, row);
      Value left = b.unary(OpKind.FLOOR, column);
      List<Value> down = cubic(b, b.sub(row, top));
      List<Value> right = cubic(b, b.sub(column, left));
      y = null;
      for (int i = 0; i < 4; i++) {
        Value r = padded(b, b.add(top, i - 1), d[2], padding, align);
        for (int k = 0; k < 4; k++) {
          Value c = padded(b, b.add(left, k - 1), d[3], padding, align);
          Value part = cell(b, pixels, first, r, c, b.mul(down.get(i), right.get(k)), d);
          y = y == null ? part : b.add(y, part);
        }
      }
    } else {
      Value top = b.unary(OpKind.FLOOR, row);
      Value left = b.unary(OpKind.FLOOR, column);
      Value down = b.sub(row, top);
      Value right = b.sub(column, left);
      Value up = b.sub(b.scalar(1), down);
      Value before = b.sub(b.scalar(1), right);
      Value bottom = b.add(top, 1);
      Value end = b.add(left, 1);
      y = cell(b, pixels, first, top, left, b.mul(up, before), d);
      y = b.add(y, cell(b, pixels, first, top, end, b.mul(up, right), d));
      y = b.add(y, cell(b, pixels, first, bottom, left, b.mul(down, before), d));
      y = b.add(y, cell(b, pixels, first, bottom, end, b.mul(down, right), d));
    }
    return b.first(b.reshape(Objects.requireNonNull(y), g[0], g[1], g[2], d[1]));
  }

  /** A place along one axis, in elements. */
  private static Value place(Build b, Value v, int size, String padding, boolean align) {
    double scale = align ? (size - 1) / 2.0 : size / 2.0;
    return padded(b, b.add(b.mul(v, scale), (size - 1) / 2.0), size, padding, align);
  }

  /** The weights of the four elements around a place that lies a part of the way beyond one. */
  private static List<Value> cubic(Build b, Value part) {
    // Keys' kernel with a = -0.75, as PyTorch and ONNX have it.
    List<Value> weights = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      Value distance =
          switch (i) {
            case 0 -> b.add(part, 1);
            case 1 -> part;
            case 2 -> b.sub(b.scalar(1), part);
            default -> b.sub(b.scalar(2), part);
          };
      boolean near = i == 1 || i == 2;
      double[] k = near ? new double[] {1.25, -2.25, 0, 1} : new double[] {-0.75, 3.75, -6, 3};
      Value w = b.add(b.mul(distance, k[0]), k[1]);
      w = b.add(b.mul(w, distance), k[2]);
      weights.add(b.add(b.mul(w, distance), k[3]));
    }
    return weights;
  }

  private static Value padded(Build b, Value at, int size, String padding, boolean align) {
    return switch (padding) {
      case "zeros" -> at;
      case "border" -> b.clamp(at, 0, size - 1);
      case "reflection" -> {
        double low = align ? 0 : -0.5;
        double span = align ? Math.max(1, size - 1) : size;
        Value period = b.scalar(2 * span);
        Value t = b.binary(OpKind.FLOOR_MOD, b.abs(b.add(at, -low)), period);
        Value folded = b.binary(OpKind.MINIMUM, t, b.sub(period, t));
        yield b.clamp(b.add(folded, low), 0, size - 1);
      }
      default ->
          throw new Refusal("the padding '" + padding + "'", "use zeros, border or reflection");
    };
  }

  /** The elements at whole places times a weight, zero outside the image. */
  private static Value cell(
      Build b,
      Value pixels,
      Value first,
      Value row,
      Value column,
      @Nullable Value weight,
      int[] d) {
    Value r = b.clamp(row, 0, d[2] - 1);
    Value c = b.clamp(column, 0, d[3] - 1);
    Value inside = b.and(b.compare(OpKind.EQUAL, r, row), b.compare(OpKind.EQUAL, c, column));
    Value factor = b.cast(inside, ElementType.FLOAT32);
    factor = weight == null ? factor : b.mul(factor, weight);
    Value index =
        b.add(
            b.add(b.mul(b.cast(r, ElementType.INT32), d[3]), b.cast(c, ElementType.INT32)), first);
    return b.mul(b.gather(pixels, index, 0), b.unsqueeze(factor, 1));
  }

  /**
   * The grid of an affine map of each sample, for {@link #grid}.
   *
   * @param b where operators go
   * @param theta batch, two rows of three
   * @param rows rows of the grid
   * @param columns columns of the grid
   * @param align whether -1 and 1 are the centres of the outermost elements, else their edges
   * @return batch, rows, columns, then column and row to sample
   */
  public static Value affineGrid(Build b, Value theta, int rows, int columns, boolean align) {
    float[] base = new float[Build.count(rows, columns, 3)];
    for (int i = 0; i < rows * columns; i++) {
      base[3 * i] = coordinate(i % columns, columns, align);
      base[3 * i + 1] = coordinate(i / columns, rows, align);
      base[3 * i + 2] = 1;
    }
    int batch = Build.fixedFrom(theta, 0)[0];
    Value points = b.floats(Shape.of(1, rows * columns, 3), base);
    points = b.broadcastTo(points, batch, rows * columns, 3);
    return b.reshape(b.matMul(points, b.transpose(theta, 0, 2, 1)), batch, rows, columns, 2);
  }

  private static float coordinate(int i, int n, boolean align) {
    return align ? (n == 1 ? 0 : (float) (2.0 * i / (n - 1) - 1)) : (float) ((2.0 * i + 1) / n - 1);
  }
}
