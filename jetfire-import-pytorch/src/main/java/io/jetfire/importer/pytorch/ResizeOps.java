package io.jetfire.importer.pytorch;

import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import io.jetfire.tflite.importer.lowering.Resizing;
import io.jetfire.tflite.importer.lowering.Sampling;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Resizing of images, as torch.nn.functional.interpolate exports it. */
final class ResizeOps {
  private ResizeOps() {}

  static void register(Map<String, Lowering> ops) {
    for (int n = 1; n <= 3; n++) {
      ops.put("upsample_nearest" + n + "d", c -> resize(c, "nearest", false));
      ops.put("_upsample_nearest_exact" + n + "d", c -> resize(c, "nearest-exact", false));
    }
    ops.put("upsample_linear1d", c -> resize(c, "linear", false));
    ops.put("upsample_bilinear2d", c -> resize(c, "linear", false));
    ops.put("upsample_trilinear3d", c -> resize(c, "linear", false));
    ops.put("upsample_bicubic2d", c -> resize(c, "cubic", false));
    ops.put("_upsample_bilinear2d_aa", c -> resize(c, "linear", true));
    ops.put("_upsample_bicubic2d_aa", c -> resize(c, "cubic", true));
    ops.put("grid_sampler", ResizeOps::gridSampler);
    ops.put("grid_sampler_2d", ResizeOps::gridSampler);
    ops.put("affine_grid_generator", ResizeOps::affineGrid);
  }

  private static void gridSampler(Call c) {
    List<String> modes = List.of("bilinear", "nearest", "bicubic");
    List<String> paddings = List.of("zeros", "border", "reflection");
    String mode = modes.get(c.integer("interpolation_mode", 0));
    String padding = paddings.get(c.integer("padding_mode", 0));
    boolean align = c.flag("align_corners", false);
    c.out(Sampling.grid(c.b, c.self(), c.tensor("grid"), mode, padding, align));
  }

  private static void affineGrid(Call c) {
    int[] size = c.ints("size");
    if (size.length != 4) {
      throw new Refusal("a grid over " + (size.length - 2) + " dimensions", "use 2-D images");
    }
    boolean align = c.flag("align_corners", false);
    c.out(Sampling.affineGrid(c.b, c.tensor("theta"), size[2], size[3], align));
  }

  private static void resize(Call c, String mode, boolean antialias) {
    Value x = c.self();
    int rank = Build.rank(x);
    int[] d = Build.fixedFrom(x, 2);
    int[] sizes = c.ints("output_size");
    double[] scales = c.reals("scale_factors");
    if (scales.length == 0 && sizes.length > 0) {
      scales = single(c, sizes.length);
    }
    boolean align = c.flag("align_corners", false);
    Resizing.@Nullable Axis[] plan = new Resizing.@Nullable Axis[rank];
    for (int i = 0; i < rank - 2; i++) {
      int in = d[2 + i];
      double given = i < scales.length ? scales[i] : 0;
      int out = i < sizes.length ? sizes[i] : (int) Math.floor(in * given);
      if (out < 1) {
        throw new Refusal("it resizes to " + out + " elements", "export the program anew");
      }
      // A given factor is used as it is, also where the size was rounded down.
      double scale = given > 0 && !align ? given : (double) out / in;
      plan[2 + i] = Resizing.Axis.of(in, out, scale);
    }
    Resizing r = Resizing.of(mode.startsWith("nearest") ? "nearest" : mode).antialias(antialias);
    switch (mode) {
      case "nearest" -> r.coordinates("asymmetric").rounding("floor");
      case "nearest-exact" -> r.coordinates("half_pixel").rounding("round_prefer_ceil");
      default -> r.coordinates(align ? "align_corners" : "half_pixel");
    }
    if (antialias && mode.equals("cubic")) {
      r.cubicCoefficient(-0.5); // as PIL, which antialiased resizing follows
    }
    if (antialias) {
      r.excludeOutside(true);
    }
    c.out(r.run(c.b, x, plan));
  }

  /** The factors of the overloads that name one per dimension. */
  private static double[] single(Call c, int dimensions) {
    List<String> names =
        switch (dimensions) {
          case 1 -> List.of("scales");
          case 2 -> List.of("scales_h", "scales_w");
          default -> List.of("scales_d", "scales_h", "scales_w");
        };
    return names.stream().mapToDouble(n -> c.real(n, 0)).toArray();
  }
}
