package io.jetfire.tflite.importer.lowering;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Resizing: TFLite's resize operators where they sample the same places, else a gather (nearest) or
 * a constant matrix (linear, cubic) per axis, which is exact for every mode.
 *
 * <pre>{@code
 * Value y = Resizing.of("linear").coordinates("align_corners").run(b, x, plan);
 * }</pre>
 *
 * <p>Names of modes are those of ONNX's operator Resize, whose specification defines them. Not
 * thread-safe.
 */
public final class Resizing {
  private final String mode;
  private String transform = "half_pixel";
  private String rounding = "round_prefer_floor";
  private double cubicCoefficient = -0.75;
  private boolean excludeOutside;
  private boolean antialias;
  private boolean crops;
  private double fill;

  /**
   * How one axis is resized.
   *
   * @param in its size before
   * @param out its size after
   * @param scale the ratio that coordinates are computed with
   * @param start where a crop begins, 0 without one
   * @param end where a crop ends, 1 without one
   */
  public record Axis(int in, int out, double scale, double start, double end) {
    /**
     * Creates an axis that is not cropped.
     *
     * @param in its size before
     * @param out its size after
     * @param scale the ratio that coordinates are computed with
     * @return the axis
     */
    public static Axis of(int in, int out, double scale) {
      return new Axis(in, Build.count(out), scale, 0, 1);
    }
  }

  private Resizing(String mode) {
    this.mode = mode;
  }

  /**
   * Starts a resize.
   *
   * @param mode nearest, linear or cubic
   * @return the resize
   */
  public static Resizing of(String mode) {
    return new Resizing(mode);
  }

  /**
   * Sets how places of the result become places of the input.
   *
   * @param name such as half_pixel, align_corners or asymmetric
   * @return this
   */
  public Resizing coordinates(String name) {
    transform = name;
    return this;
  }

  /**
   * Sets how nearest elements are found.
   *
   * @param name floor, ceil, round_prefer_floor or round_prefer_ceil
   * @return this
   */
  public Resizing rounding(String name) {
    rounding = name;
    return this;
  }

  /**
   * Sets the coefficient of cubic weights.
   *
   * @param a such as -0.75
   * @return this
   */
  public Resizing cubicCoefficient(double a) {
    cubicCoefficient = a;
    return this;
  }

  /**
   * Leaves elements outside the input out of weighted sums.
   *
   * @param excludes whether it does
   * @return this
   */
  public Resizing excludeOutside(boolean excludes) {
    excludeOutside = excludes;
    return this;
  }

  /**
   * Widens weights when the result is smaller.
   *
   * @param widens whether it does
   * @return this
   */
  public Resizing antialias(boolean widens) {
    antialias = widens;
    return this;
  }

  /**
   * Samples the cropped part of the axes only.
   *
   * @param outside the value of elements outside the input
   * @return this
   */
  public Resizing crop(double outside) {
    crops = true;
    fill = outside;
    return this;
  }

  /**
   * Resizes.
   *
   * @param b where operators go
   * @param x a tensor with channels first
   * @param plan per dimension how it is resized, null to keep it
   * @return a tensor of the same type
   */
  public Value run(Build b, Value x, @Nullable Axis[] plan) {
    int rank = Build.rank(x);
    if (plan.length != rank) {
      throw new Refusal("its axes do not fit " + x.shape(), "export the model anew");
    }
    @Nullable Value builtin = antialias || crops ? null : builtin(b, x, plan);
    if (builtin != null) {
      return builtin;
    }
    ElementType type = x.type();
    Value y = x;
    if (!mode.equals("nearest")) {
      y = b.cast(x, ElementType.FLOAT32);
    }
    Value outside = null;
    for (int axis = 0; axis < rank; axis++) {
      Axis a = plan[axis];
      if (a == null) {
        continue;
      }
      if (mode.equals("nearest")) {
        if (crops) {
          throw new Refusal("nearest sampling of a cropped region", "use linear sampling");
        }
        y = b.gather(y, b.ints(nearest(a)), axis);
      } else {
        float[] m = matrix(a);
        Value weights = b.floats(Shape.of(a.out, a.in), m);
        Value last = b.axisLast(y, axis);
        Op op =
            Op.of(OpKind.FULLY_CONNECTED).set("keep_num_dims", true).inputs(last, weights, null);
        y = b.axisBack(b.emit(op), axis);
        if (crops) {
          Value mask = outsideMask(b, a, rank, axis);
          outside = outside == null ? mask : b.binary(OpKind.MAXIMUM, outside, mask);
        }
      }
    }
    if (outside != null) {
      // Samples outside the image have one value, whatever the other axes say.
      Value inside = b.sub(b.scalar(1), outside);
      y = b.add(b.mul(y, inside), b.mul(outside, fill));
    }
    return b.cast(y, type);
  }

  private double coordinate(int i, Axis a) {
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

  private int[] nearest(Axis a) {
    int[] index = new int[Build.count(a.out)];
    for (int i = 0; i < a.out; i++) {
      double c = coordinate(i, a);
      double k =
          switch (rounding) {
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

  private @Nullable Value builtin(Build b, Value x, @Nullable Axis[] plan) {
    if (plan.length != 4 || plan[0] != null || plan[1] != null || x.type() != ElementType.FLOAT32) {
      return null;
    }
    int[] d = Build.fixedFrom(x, 2);
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
          fits &= Arrays.equals(nearest(a), tfliteNearest(a, align, half));
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
                .inputs(b.last(x), b.ints(two[0].out, two[1].out));
        return b.first(b.emit(op));
      }
    }
    return null;
  }

  /** The weights of every input element for every output element. */
  private float[] matrix(Axis a) {
    boolean cubic = mode.equals("cubic");
    double stretch = antialias && a.scale < 1 ? a.scale : 1;
    float[] m = new float[Build.count(a.out, a.in)];
    int reach = (int) Math.ceil((cubic ? 2 : 1) / stretch);
    for (int i = 0; i < a.out; i++) {
      double c = coordinate(i, a);
      int base = (int) Math.floor(c);
      double sum = 0;
      double[] row = new double[a.in];
      for (int k = base - reach + 1; k <= base + reach; k++) {
        double t = Math.abs(c - k) * stretch;
        double w = cubic ? cubic(t, cubicCoefficient) : Math.max(0, 1 - t);
        boolean inside = k >= 0 && k < a.in;
        if (excludeOutside && !inside) {
          continue;
        }
        row[Math.max(0, Math.min(a.in - 1, k))] += w;
        sum += w;
      }
      for (int k = 0; k < a.in; k++) {
        m[i * a.in + k] =
            (float) (sum == 0 ? 0 : row[k] / (excludeOutside || stretch != 1 ? sum : 1));
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

  private Value outsideMask(Build b, Axis a, int rank, int axis) {
    float[] mask = new float[a.out];
    for (int i = 0; i < a.out; i++) {
      double c = coordinate(i, a);
      mask[i] = c < 0 || c > a.in - 1 ? 1 : 0;
    }
    int[] dims = new int[rank];
    Arrays.fill(dims, 1);
    dims[axis] = a.out;
    return b.floats(Shape.of(dims), mask);
  }
}
