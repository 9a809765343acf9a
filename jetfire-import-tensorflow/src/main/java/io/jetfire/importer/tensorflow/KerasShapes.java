package io.jetfire.importer.tensorflow;

import com.fasterxml.jackson.databind.JsonNode;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import io.jetfire.tflite.importer.lowering.Resizing;
import java.util.Arrays;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reshaping, padding, cropping, resizing and joining. */
final class KerasShapes {
  private KerasShapes() {}

  static void register(Map<String, KerasLayer> layers) {
    layers.put("Flatten", KerasLayer.of(KerasShapes::flatten));
    layers.put("Reshape", KerasLayer.of(KerasShapes::reshape));
    layers.put("Permute", KerasLayer.of(KerasShapes::permute));
    layers.put("RepeatVector", KerasLayer.of(KerasShapes::repeat));
    layers.put("Concatenate", KerasLayer.of(KerasShapes::concatenate));
    layers.put("Resizing", KerasLayer.of(KerasShapes::resizing));
    layers.put("CenterCrop", KerasLayer.of(KerasShapes::centerCrop));
    for (int rank = 1; rank <= 3; rank++) {
      int n = rank;
      layers.put("ZeroPadding" + rank + "D", KerasLayer.of(c -> zeroPadding(c, n)));
      layers.put("Cropping" + rank + "D", KerasLayer.of(c -> cropping(c, n)));
      layers.put("UpSampling" + rank + "D", KerasLayer.of(c -> upSampling(c, n)));
    }
  }

  private static Value flatten(Call c) {
    Value x = c.x();
    int rank = Build.rank(x);
    if (rank == 1) {
      return c.b.unsqueeze(x, 1);
    }
    if (c.channelsFirst() && rank > 2) {
      int[] perm = new int[rank];
      for (int i = 1; i < rank - 1; i++) {
        perm[i] = i + 1;
      }
      perm[rank - 1] = 1;
      x = c.b.transpose(x, perm);
    }
    int[] d = x.shape().dims();
    long rest = 1;
    for (int i = 1; i < rank; i++) {
      rest = d[i] < 0 || rest < 0 ? -1 : Math.multiplyExact(rest, d[i]);
    }
    if (rest < 0 && d[0] < 0) {
      throw new Refusal("flattening " + x.shape(), "bind the open dimensions to sizes");
    }
    return c.b.reshape(x, d[0], Math.toIntExact(rest));
  }

  private static Value reshape(Call c) {
    Value x = c.x();
    int[] target = Call.ints(c.config.path("target_shape"));
    int[] to = new int[target.length + 1];
    to[0] = x.shape().dim(0);
    System.arraycopy(target, 0, to, 1, target.length);
    return to(c.b, x, to);
  }

  /** Reshapes; of an open batch and an open rest only one can stay open. */
  static Value to(Build b, Value x, int... to) {
    int open = 0;
    for (int d : to) {
      open += d < 0 ? 1 : 0;
    }
    if (open > 1 && x.shape().hasRank()) {
      int[] d = x.shape().dims();
      int[] resolved = to.clone();
      boolean inner = true;
      long whole = 1;
      for (int i = 1; i < d.length; i++) {
        inner &= d[i] >= 0;
        whole *= Math.max(1, d[i]);
      }
      if (!inner || to[0] >= 0) {
        throw new Refusal("a reshape of " + x.shape(), "bind the open dimensions to sizes");
      }
      for (int i = 1; i < to.length; i++) {
        whole = to[i] > 0 ? whole / to[i] : whole;
      }
      for (int i = 1; i < to.length; i++) {
        resolved[i] = to[i] < 0 ? Math.toIntExact(whole) : to[i];
      }
      return b.reshape(x, resolved);
    }
    return b.reshape(x, to);
  }

  private static Value permute(Call c) {
    int[] dims = Call.ints(c.config.path("dims"));
    int[] perm = new int[dims.length + 1];
    boolean[] seen = new boolean[perm.length];
    for (int i = 0; i < dims.length; i++) {
      if (dims[i] < 1 || dims[i] > dims.length || seen[dims[i]]) {
        throw new Refusal("the permutation " + Arrays.toString(dims), "save the model anew");
      }
      seen[dims[i]] = true;
      perm[i + 1] = dims[i];
    }
    if (perm.length != Build.rank(c.x())) {
      throw new Refusal("a permutation of " + c.x().shape(), "save the model anew");
    }
    return c.b.transpose(c.x(), perm);
  }

  private static Value repeat(Call c) {
    int n = Build.count(c.integer("n", 1));
    Value x = c.b.unsqueeze(c.x(), 1);
    return n == 1 ? x : c.b.tile(x, c.b.ints(1, n, 1));
  }

  private static Value concatenate(Call c) {
    int axis = c.config.path("axis").asInt(-1);
    return c.b.concat(Build.axis(axis, Build.rank(c.x())), c.tensors());
  }

  /** Pairs of elements before and after each spatial dimension. */
  private static int[] pairs(Call c, String name, int rank) {
    JsonNode n = c.config.path(name);
    int[] out = new int[2 * rank];
    if (n.isNumber()) {
      Arrays.fill(out, n.intValue());
    } else if (rank == 1 && n.size() == 2) {
      return checked(Call.ints(n));
    } else if (n.size() == rank) {
      for (int i = 0; i < rank; i++) {
        int[] pair = Call.ints(n.path(i));
        if (pair.length < 1 || pair.length > 2) {
          throw new Refusal("its " + name + " " + Call.shortened(n), "save the model anew");
        }
        out[2 * i] = pair[0];
        out[2 * i + 1] = pair[pair.length - 1];
      }
    } else {
      throw new Refusal("its " + name + " " + Call.shortened(n), "save the model anew");
    }
    return checked(out);
  }

  private static int[] checked(int[] pairs) {
    for (int p : pairs) {
      if (p < 0) {
        throw new Refusal("a padding or cropping of " + p, "use at least 0");
      }
    }
    return pairs;
  }

  private static Value zeroPadding(Call c, int rank) {
    Value x = c.x();
    int[] pairs = pairs(c, "padding", rank);
    int[] p = new int[2 * Build.rank(x)];
    System.arraycopy(pairs, 0, p, c.channelsFirst() ? 4 : 2, pairs.length);
    return c.b.pad(x, p, c.b.scalar(x.type(), 0));
  }

  private static Value cropping(Call c, int rank) {
    Value x = c.x();
    int[] pairs = pairs(c, "cropping", rank);
    int first = c.channelsFirst() ? 2 : 1;
    int[] d = Build.fixedFrom(x, 1);
    int[] begin = new int[d.length];
    int[] size = new int[d.length];
    Arrays.fill(size, -1);
    for (int i = 0; i < rank; i++) {
      begin[first + i] = pairs[2 * i];
      size[first + i] = d[first + i] - pairs[2 * i] - pairs[2 * i + 1];
      if (size[first + i] < 1) {
        throw new Refusal("cropping nothing out of " + x.shape(), "crop less");
      }
    }
    return c.b.slice(x, begin, size);
  }

  private static Value upSampling(Call c, int rank) {
    int[] size = c.ints("size", rank, 2);
    return KerasConvolutions.channelsLast(
        c,
        x -> {
          int[] d = Build.fixedFrom(x, 1);
          if (rank == 2) {
            int[] out = {Build.count(d[1], size[0]), Build.count(d[2], size[1])};
            return resize(c.b, x, c.text("interpolation", "nearest"), out, false);
          }
          Value y = x;
          for (int i = 0; i < rank; i++) {
            y = repeated(c.b, y, i + 1, size[i]);
          }
          return y;
        });
  }

  /** Repeats each element of an axis. */
  private static Value repeated(Build b, Value x, int axis, int times) {
    int n = x.shape().dim(axis);
    int[] index = new int[Build.count(n, times)];
    for (int i = 0; i < index.length; i++) {
      index[i] = i / times;
    }
    return b.gather(x, b.ints(index), axis);
  }

  /** Resizes the two spatial dimensions as TensorFlow 2 does, between the centres of cells. */
  static Value resize(Build b, Value x, String method, int[] out, boolean antialias) {
    if (out.length != 2 || out[0] < 1 || out[1] < 1 || Build.rank(x) != 4) {
      throw new Refusal(
          "resizing " + x.shape() + " to " + Arrays.toString(out), "give it height and width");
    }
    Value size = b.ints(out);
    if (antialias) {
      throw new Refusal("antialiased resizing", "switch antialias off");
    }
    switch (method) {
      case "nearest" -> {
        return b.emit(
            Op.of(OpKind.RESIZE_NEAREST_NEIGHBOR).set("half_pixel_centers", true).inputs(x, size));
      }
      case "bilinear" -> {
        return b.emit(
            Op.of(OpKind.RESIZE_BILINEAR).set("half_pixel_centers", true).inputs(x, size));
      }
      case "bicubic" -> {
        int[] d = Build.fixedFrom(x, 1);
        Resizing.@Nullable Axis[] plan = new Resizing.Axis[4];
        for (int i = 0; i < 2; i++) {
          plan[2 + i] = Resizing.Axis.of(d[1 + i], out[i], (double) out[i] / d[1 + i]);
        }
        Value y =
            Resizing.of("cubic")
                .cubicCoefficient(-0.5)
                .excludeOutside(true)
                .run(b, b.first(x), plan);
        return b.last(y);
      }
      default ->
          throw new Refusal(
              "the interpolation '" + method + "'", "use nearest, bilinear or bicubic");
    }
  }

  private static Value resizing(Call c) {
    if (c.flag("crop_to_aspect_ratio", false) || c.flag("pad_to_aspect_ratio", false)) {
      throw new Refusal("resizing that keeps the aspect ratio", "crop or pad before");
    }
    int[] out = {c.integer("height", 0), c.integer("width", 0)};
    Build.count(out);
    return KerasConvolutions.channelsLast(
        c,
        x -> resize(c.b, x, c.text("interpolation", "bilinear"), out, c.flag("antialias", false)));
  }

  private static Value centerCrop(Call c) {
    int[] want = {c.integer("height", 0), c.integer("width", 0)};
    Value x = c.x();
    int first = c.channelsFirst() ? 2 : 1;
    int[] d = Build.fixedFrom(x, 1);
    if (d.length != 4 || want[0] < 1 || want[1] < 1) {
      throw new Refusal("cropping " + x.shape(), "give it images");
    }
    int[] begin = new int[4];
    int[] size = new int[4];
    Arrays.fill(size, -1);
    for (int i = 0; i < 2; i++) {
      int have = d[first + i];
      if (have < want[i]) {
        throw new Refusal(
            "a crop of " + Arrays.toString(want) + " out of smaller images of " + x.shape(),
            "resize before");
      }
      begin[first + i] = (have - want[i]) / 2;
      size[first + i] = want[i];
    }
    return c.b.slice(x, begin, size);
  }

  /** A shape as a constant vector. */
  static Value vector(Build b, Shape shape) {
    return b.cast(b.ints(shape.dims()), ElementType.INT32);
  }
}
