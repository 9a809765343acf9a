package io.jetfire.importer.onnx;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.Map;

/** Regions of images that are sampled at a fixed number of places (RoiAlign). */
final class RegionOps {
  private RegionOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("RoiAlign", RegionOps::align);
  }

  /** The elements before and after each place along one axis, and how much each counts. */
  private record Places(Value low, Value high, Value lowWeight, Value highWeight) {}

  private static void align(Node n) {
    Value x = n.in(0);
    Build.requireFloat(x);
    int[] d = n.fixedFrom(x, 0);
    int[] r = n.fixedFrom(n.in(1), 0);
    int rows = n.integer("output_height", 1);
    int columns = n.integer("output_width", 1);
    int samples = n.integer("sampling_ratio", 0);
    boolean half =
        n.text("coordinate_transformation_mode", n.opset < 16 ? "output_half_pixel" : "half_pixel")
            .equals("half_pixel");
    if (samples < 1) {
      throw new Refusal(
          "it takes as many samples as each region is large", "set its sampling_ratio");
    }
    if (!n.text("mode", "avg").equals("avg")) {
      throw new Refusal("the largest of weighted samples", "use the mode avg");
    }
    if (d.length != 4 || r.length != 2 || r[1] != 4) {
      throw new Refusal("regions of " + n.in(1).shape() + " in " + x.shape(), "give it 2-D images");
    }
    Value regions = n.b.mul(n.in(1), n.real("spatial_scale", 1));
    regions = half ? n.b.add(regions, -0.5) : regions;
    Places down = places(n.b, regions, 1, rows, samples, d[2], half);
    Places right = places(n.b, regions, 0, columns, samples, d[3], half);
    Value pixels = n.b.reshape(n.b.last(x), d[0] * d[2] * d[3], d[1]);
    Value first =
        n.b.mul(n.b.reshape(n.b.cast(n.in(2), ElementType.INT32), r[0], 1, 1), d[2] * d[3]);
    Value y = corner(n.b, pixels, first, down.low, right.low, down.lowWeight, right.lowWeight, d);
    y =
        n.b.add(
            y,
            corner(n.b, pixels, first, down.low, right.high, down.lowWeight, right.highWeight, d));
    y =
        n.b.add(
            y,
            corner(n.b, pixels, first, down.high, right.low, down.highWeight, right.lowWeight, d));
    y =
        n.b.add(
            y,
            corner(
                n.b, pixels, first, down.high, right.high, down.highWeight, right.highWeight, d));
    if (samples > 1) {
      y =
          n.b.emit(
              Op.of(OpKind.AVERAGE_POOL_2D)
                  .set("padding", Padding.VALID)
                  .set("stride_h", samples)
                  .set("stride_w", samples)
                  .set("filter_height", samples)
                  .set("filter_width", samples)
                  .inputs(y));
    }
    n.out(n.b.first(y));
  }

  private static Places places(
      Build b, Value regions, int column, int count, int samples, int size, boolean half) {
    Value start = b.slice(regions, 1, column, 1);
    Value length = b.sub(b.slice(regions, 1, column + 2, 1), start);
    length = half ? length : b.max(length, 1);
    int n = Build.count(count, samples);
    float[] parts = new float[n];
    for (int i = 0; i < n; i++) {
      parts[i] = (i + 0.5f) / n;
    }
    Value at = b.add(b.mul(length, b.floats(Shape.of(1, n), parts)), start);
    Value inside =
        b.and(
            b.compare(OpKind.GREATER_EQUAL, at, b.scalar(-1)),
            b.compare(OpKind.LESS_EQUAL, at, b.scalar(size)));
    Value counts = b.cast(inside, ElementType.FLOAT32);
    Value place = b.clamp(at, 0, size - 1);
    Value low = b.unary(OpKind.FLOOR, place);
    Value beyond = b.sub(place, low);
    return new Places(
        b.cast(low, ElementType.INT32),
        b.cast(b.clamp(b.add(low, 1), 0, size - 1), ElementType.INT32),
        b.mul(counts, b.sub(b.scalar(1), beyond)),
        b.mul(counts, beyond));
  }

  private static Value corner(
      Build b,
      Value pixels,
      Value first,
      Value row,
      Value column,
      Value down,
      Value right,
      int[] d) {
    Value index = b.add(b.add(first, b.unsqueeze(b.mul(row, d[3]), 2)), b.unsqueeze(column, 1));
    Value weight = b.mul(b.unsqueeze(down, 2), b.unsqueeze(right, 1));
    return b.mul(b.gather(pixels, index, 0), b.unsqueeze(weight, 3));
  }
}
