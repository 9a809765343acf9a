package io.jetfire.importer.onnx;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Resizing: TFLite's resize operators where they sample the same places, else a gather (nearest) or
 * a constant matrix (linear, cubic) per axis, which is exact for every mode that ONNX has.
 */
final class ResizeOps {
  private ResizeOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("Resize", ResizeOps::resize);
    ops.put("Upsample", ResizeOps::resize);
  }

  /** How one axis is resized. */
  private record Axis(int in, int out, double scale, double start, double end) {}

  private static void resize(Node n) {
    Value x = n.in(0);
    int rank = n.rank(x);
    boolean upsample = n.proto.opType().equals("Upsample");
    int scalesInput = upsample || n.opset < 11 ? 1 : 2;
    String mode = n.text("mode", "nearest");
    mode = mode.equals("bilinear") ? "linear" : mode;
    int[] axes =
        NormalizationOps.positive(n, n.ints("axes", IntStream.range(0, rank).toArray()), rank);
    String transform =
        n.text("coordinate_transformation_mode", n.opset < 11 ? "asymmetric" : "half_pixel");
    double[] scales = null;
    int[] sizes = null;
    if (upsample && n.isSet("scales")) {
      float[] s = n.reals("scales");
      scales = IntStream.range(0, s.length).mapToDouble(i -> s[i]).toArray();
    } else if (upsample && n.isSet("height_scale")) {
      scales = new double[] {1, 1, n.real("height_scale", 1), n.real("width_scale", 1)};
    } else if (n.has(3)) {
      sizes = n.known(3, "sizes");
    } else if (n.has(scalesInput)) {
      Value v = n.in(scalesInput);
      if (!v.isConstant()) {
        throw new Refusal(
            "its scales ("
                + n.proto.inputs().get(scalesInput)
                + ") are computed while the model runs",
            "make the scales a constant: bind the input '"
                + n.proto.inputs().get(scalesInput)
                + "'");
      }
      float[] s = v.floats();
      scales = IntStream.range(0, s.length).mapToDouble(i -> s[i]).toArray();
    }
    float[] roi = null;
    if (transform.equals("tf_crop_and_resize")) {
      if (!n.in(1).isConstant()) {
        throw new Refusal(
            "its region (" + n.proto.inputs().get(1) + ") is computed while the model runs",
            "make the region a constant: bind the input '" + n.proto.inputs().get(1) + "'");
      }
      roi = n.in(1).floats();
    }
    String policy = n.text("keep_aspect_ratio_policy", "stretch");
    if (sizes != null && !policy.equals("stretch")) {
      double common = policy.equals("not_larger") ? Double.MAX_VALUE : 0;
      for (int i = 0; i < axes.length; i++) {
        double s = (double) sizes[i] / n.fixedFrom(x, axes[i])[axes[i]];
        common = policy.equals("not_larger") ? Math.min(common, s) : Math.max(common, s);
      }
      scales = new double[axes.length];
      for (int i = 0; i < axes.length; i++) {
        scales[i] = common;
        sizes[i] = (int) Math.round(common * x.shape().dim(axes[i]));
      }
    }
    @Nullable Axis[] plan = new @Nullable Axis[rank];
    for (int i = 0; i < axes.length; i++) {
      boolean keeps =
          scales != null ? scales[i] == 1 : sizes != null && sizes[i] == x.shape().dim(axes[i]);
      if (keeps && roi == null) {
        continue;
      }
      int in = n.fixedFrom(x, axes[i])[axes[i]];
      int out = sizes != null ? sizes[i] : scales != null ? (int) Math.floor(in * scales[i]) : in;
      double scale = scales != null ? scales[i] : (double) out / in;
      double start = roi == null ? 0 : roi[i];
      double end = roi == null ? 1 : roi[axes.length + i];
      Build.count(out);
      plan[axes[i]] = new Axis(in, out, scale, start, end);
    }
    Value builtin =
        n.integer("antialias", 0) == 0 && roi == null ? builtin(n, x, plan, mode, transform) : null;
    if (builtin != null) {
      n.out(builtin);
      return;
    }
    ElementType type = x.type();
    Value y = x;
    if (!mode.equals("nearest")) {
      y = n.b.cast(x, ElementType.FLOAT32);
    }
    Value outside = null;
    for (int axis = 0; axis < rank; axis++) {
      Axis a = plan[axis];
      if (a == null) {
        continue;
      }
      if (mode.equals("nearest")) {
        if (roi != null) {
          throw new Refusal("nearest sampling of a cropped region", "use linear sampling");
        }
        y = n.b.gather(y, n.b.ints(nearest(n, a, transform)), axis);
      } else {
        float[] m = matrix(n, a, mode, transform);
        Value weights = n.b.floats(Shape.of(a.out, a.in), m);
        Value last = n.b.axisLast(y, axis);
        Op op =
            Op.of(OpKind.FULLY_CONNECTED).set("keep_num_dims", true).inputs(last, weights, null);
        y = n.b.axisBack(n.b.emit(op), axis);
        if (roi != null) {
          Value mask = outsideMask(n, a, rank, axis);
          outside = outside == null ? mask : n.b.binary(OpKind.MAXIMUM, outside, mask);
        }
      }
    }
    if (outside != null) {
      // Samples outside the image have one value, whatever the other axes say.
      float fill = n.real("extrapolation_value", 0);
      Value inside = n.b.sub(n.b.scalar(1), outside);
      y = n.b.add(n.b.mul(y, inside), n.b.mul(outside, fill));
    }
    n.out(n.b.cast(y, type));
  }

  private static double coordinate(int i, Axis a, String transform) {
    return switch (transform) {
      case "asymmetric" -> i / a.scale;
      case "align_corners" -> a.out == 1 ? 0 : i * (a.in - 1.0) / (a.in * a.scale - 1);
      case "pytorch_half_pixel" -> a.out > 1 ? (i + 0.5) / a.scale - 0.5 : 0;
      case "tf_half_pixel_for_nn" -> (i + 0.5) / a.scale;
      case "tf_crop_and_resize" ->
          a.out > 1
              ? a.start * (a.in - 1) + i * (a.end - a.start) * (a.in - 1) / (a.out - 1)
              : 0.5 * (a.start + a.end) * (a.in - 1);
      case "half_pixel_symmetric" -> {
        double adjustment = a.out / (a.scale * a.in);
        double centre = a.in / 2.0;
        yield centre * (1 - adjustment) + (i + 0.5) / a.scale - 0.5;
      }
      case "half_pixel" -> (i + 0.5) / a.scale - 0.5;
      default -> throw new Refusal("the coordinate mode '" + transform + "'", "use half_pixel");
    };
  }

  private static int[] nearest(Node n, Axis a, String transform) {
    String round = n.text("nearest_mode", n.opset < 11 ? "floor" : "round_prefer_floor");
    int[] index = new int[Build.count(a.out)];
    for (int i = 0; i < a.out; i++) {
      double c = coordinate(i, a, transform);
      double k =
          switch (round) {
            case "round_prefer_ceil" -> Math.floor(c + 0.5);
            case "floor" -> Math.floor(c);
            case "ceil" -> Math.ceil(c);
            default -> Math.ceil(c - 0.5);
          };
      index[i] = (int) Math.max(0, Math.min(a.in - 1, k));
    }
    return index;
  }

  /** TFLite's own places for one axis. */
  private static int[] tfliteNearest(Axis a, boolean align, boolean half) {
    int[] index = new int[a.out];
    float scale = align && a.out > 1 ? (a.in - 1f) / (a.out - 1) : (float) a.in / a.out;
    for (int i = 0; i < a.out; i++) {
      float c = half ? (i + 0.5f) * scale : i * scale;
      index[i] = Math.min(a.in - 1, align ? Math.round(c) : (int) Math.floor(c));
    }
    return index;
  }

  private static @Nullable Value builtin(
      Node n, Value x, @Nullable Axis[] plan, String mode, String transform) {
    if (plan.length != 4 || plan[0] != null || plan[1] != null || x.type() != ElementType.FLOAT32) {
      return null;
    }
    int[] d = n.fixedFrom(x, 2);
    Axis[] two = new Axis[2];
    for (int i = 0; i < 2; i++) {
      Axis a = plan[2 + i];
      two[i] = a == null ? new Axis(d[2 + i], d[2 + i], 1, 0, 1) : a;
    }
    for (int choice = 0; choice < 3; choice++) {
      boolean align = choice == 1;
      boolean half = choice == 2;
      boolean fits = true;
      for (Axis a : two) {
        if (mode.equals("nearest")) {
          fits &= Arrays.equals(nearest(n, a, transform), tfliteNearest(a, align, half));
        } else if (mode.equals("linear")) {
          boolean exact = Math.abs(a.in * a.scale - a.out) < 1e-6;
          fits &=
              a.in == a.out
                  || switch (transform) {
                    case "align_corners" -> align && exact && a.out > 1;
                    case "asymmetric" -> !align && !half && exact;
                    case "half_pixel", "half_pixel_symmetric" -> half && exact;
                    case "pytorch_half_pixel" -> half && exact && a.out > 1;
                    default -> false;
                  };
        } else {
          fits = false;
        }
      }
      if (fits) {
        OpKind kind =
            mode.equals("nearest") ? OpKind.RESIZE_NEAREST_NEIGHBOR : OpKind.RESIZE_BILINEAR;
        Op op =
            Op.of(kind)
                .set("align_corners", align)
                .set("half_pixel_centers", half)
                .inputs(n.b.last(x), n.b.ints(two[0].out, two[1].out));
        return n.b.first(n.b.emit(op));
      }
    }
    return null;
  }

  /** The weights of every input element for every output element. */
  private static float[] matrix(Node n, Axis a, String mode, String transform) {
    boolean cubic = mode.equals("cubic");
    double coefficient = n.real("cubic_coeff_a", -0.75f);
    boolean exclude = n.integer("exclude_outside", 0) != 0;
    double stretch = n.integer("antialias", 0) != 0 && a.scale < 1 ? a.scale : 1;
    float[] m = new float[Build.count(a.out, a.in)];
    int reach = (int) Math.ceil((cubic ? 2 : 1) / stretch);
    for (int i = 0; i < a.out; i++) {
      double c = coordinate(i, a, transform);
      int base = (int) Math.floor(c);
      double sum = 0;
      double[] row = new double[a.in];
      for (int k = base - reach + 1; k <= base + reach; k++) {
        double t = Math.abs(c - k) * stretch;
        double w = cubic ? cubic(t, coefficient) : Math.max(0, 1 - t);
        boolean inside = k >= 0 && k < a.in;
        if (exclude && !inside) {
          continue;
        }
        row[Math.max(0, Math.min(a.in - 1, k))] += w;
        sum += w;
      }
      for (int k = 0; k < a.in; k++) {
        m[i * a.in + k] = (float) (sum == 0 ? 0 : row[k] / (exclude || stretch != 1 ? sum : 1));
      }
    }
    return m;
  }

  private static double cubic(double t, double a) {
    if (t <= 1) {
      return ((a + 2) * t - (a + 3)) * t * t + 1;
    }
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
  }

  private static Value outsideMask(Node n, Axis a, int rank, int axis) {
    float[] mask = new float[a.out];
    for (int i = 0; i < a.out; i++) {
      double c = coordinate(i, a, "tf_crop_and_resize");
      mask[i] = c < 0 || c > a.in - 1 ? 1 : 0;
    }
    int[] dims = new int[rank];
    Arrays.fill(dims, 1);
    dims[axis] = a.out;
    return n.b.floats(Shape.of(dims), mask);
  }
}
