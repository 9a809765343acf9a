package io.jetfire.importer.onnx;

import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import io.jetfire.tflite.importer.lowering.Resizing;
import io.jetfire.tflite.importer.lowering.Sampling;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Resizing in every mode that ONNX has. */
final class ResizeOps {
  private ResizeOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("Resize", ResizeOps::resize);
    ops.put("Upsample", ResizeOps::resize);
    ops.put("GridSample", ResizeOps::gridSample);
    ops.put("AffineGrid", ResizeOps::affineGrid);
  }

  private static void gridSample(Node n) {
    String mode = n.text("mode", "bilinear"); // since operator set 20 it is linear
    String padding = n.text("padding_mode", "zeros");
    n.out(
        Sampling.grid(
            n.b,
            n.in(0),
            n.in(1),
            mode.equals("linear") ? "bilinear" : mode,
            padding,
            n.integer("align_corners", 0) != 0));
  }

  private static void affineGrid(Node n) {
    int[] size = n.known(1, "size");
    if (size.length != 4) {
      throw new Refusal("a grid over " + (size.length - 2) + " dimensions", "use 2-D images");
    }
    boolean align = n.integer("align_corners", 0) != 0;
    n.out(Sampling.affineGrid(n.b, n.in(0), size[2], size[3], align));
  }

  private static void resize(Node n) {
    Value x = n.in(0);
    int rank = n.rank(x);
    boolean upsample = n.proto.opType().equals("Upsample");
    int scalesInput = upsample || n.opset < 11 ? 1 : 2;
    String mode = n.text("mode", "nearest");
    mode = mode.equals("bilinear") ? "linear" : mode;
    int[] axes = Build.axes(n.ints("axes", IntStream.range(0, rank).toArray()), rank);
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
    Resizing.@Nullable Axis[] plan = new Resizing.@Nullable Axis[rank];
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
      plan[axes[i]] = new Resizing.Axis(in, out, scale, start, end);
    }
    Resizing r =
        Resizing.of(mode)
            .coordinates(transform)
            .rounding(n.text("nearest_mode", n.opset < 11 ? "floor" : "round_prefer_floor"))
            .cubicCoefficient(n.real("cubic_coeff_a", -0.75f))
            .excludeOutside(n.integer("exclude_outside", 0) != 0)
            .antialias(n.integer("antialias", 0) != 0);
    if (roi != null) {
      r.crop(n.real("extrapolation_value", 0));
    }
    n.out(r.run(n.b, x, plan));
  }
}
