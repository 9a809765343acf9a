package io.jetfire.importer.tensorflow;

import io.jetfire.importer.tensorflow.Spatial.Geometry;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import io.jetfire.tflite.importer.lowering.Resizing;
import java.util.Arrays;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Convolutions, pooling, resizing, and blocks of space. */
final class SpatialOps {
  private SpatialOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("Conv2D", n -> n.out(convolution(n, 2)));
    ops.put("Conv3D", n -> n.out(convolution(n, 3)));
    ops.put("DepthwiseConv2dNative", n -> n.out(depthwise(n)));
    ops.put("Conv2DBackpropInput", n -> n.out(transposed(n, 2)));
    ops.put("Conv3DBackpropInputV2", n -> n.out(transposed(n, 3)));
    ops.put("MaxPool", n -> n.out(pool(n, OpKind.MAX_POOL_2D, 2)));
    ops.put("AvgPool", n -> n.out(pool(n, OpKind.AVERAGE_POOL_2D, 2)));
    ops.put("MaxPool3D", n -> n.out(pool(n, OpKind.MAX_POOL_2D, 3)));
    ops.put("AvgPool3D", n -> n.out(pool(n, OpKind.AVERAGE_POOL_2D, 3)));
    ops.put("MaxPoolV2", SpatialOps::maxPoolV2);
    ops.put("ResizeBilinear", n -> n.out(resize(n, OpKind.RESIZE_BILINEAR)));
    ops.put("ResizeNearestNeighbor", n -> n.out(resize(n, OpKind.RESIZE_NEAREST_NEIGHBOR)));
    ops.put("ResizeBicubic", n -> n.out(bicubic(n)));
    ops.put(
        "AdjustContrastv2",
        n -> {
          Value x = n.in(0);
          int rank = Build.rank(x);
          Value mean = n.b.reduce(OpKind.MEAN, x, true, rank - 3, rank - 2);
          n.out(n.b.add(n.b.mul(n.b.sub(x, mean), n.in(1)), mean));
        });
    ops.put("SpaceToBatchND", n -> n.out(blocks(n, OpKind.SPACE_TO_BATCH_ND)));
    ops.put("BatchToSpaceND", n -> n.out(fromBatch(n)));
  }

  private static Value channelsLast(Node n, Value x, UnaryOperator<Value> body) {
    return n.channelsFirst() ? n.b.first(body.apply(n.b.last(x))) : body.apply(x);
  }

  /** The spatial elements of an attribute with one element per dimension. */
  private static int[] spatial(Node n, int[] all, int rank) {
    int[] out = new int[rank];
    if (all.length == 0) {
      Arrays.fill(out, 1);
      return out;
    }
    if (all.length != rank + 2) {
      throw new Refusal("windows of " + Arrays.toString(all), "export the model anew");
    }
    boolean first = n.channelsFirst();
    int channel = first ? 1 : rank + 1;
    if (all[0] != 1 || all[channel] != 1) {
      throw new Refusal("windows over batch or channels", "use windows over space");
    }
    System.arraycopy(all, first ? 2 : 1, out, 0, rank);
    return out;
  }

  private static Geometry geometry(Node n, int rank) {
    return new Geometry(
        spatial(n, n.ints("strides"), rank),
        spatial(n, n.ints("dilations"), rank),
        n.text("padding", "VALID").equals("SAME") ? Padding.SAME : Padding.VALID);
  }

  /** Pads an image whose padding is given by numbers. */
  private static Value padded(Node n, Value last, int rank) {
    if (!n.text("padding", "VALID").equals("EXPLICIT")) {
      return last;
    }
    int[] given = n.ints("explicit_paddings");
    if (given.length != 2 * (rank + 2)) {
      throw new Refusal("paddings of " + Arrays.toString(given), "export the model anew");
    }
    int[] p = new int[given.length];
    System.arraycopy(given, n.channelsFirst() ? 4 : 2, p, 2, 2 * rank);
    return n.b.pad(last, p, n.b.scalar(0));
  }

  private static Value convolution(Node n, int rank) {
    Geometry g = geometry(n, rank);
    return channelsLast(
        n, n.in(0), x -> Spatial.convolution(n.b, padded(n, x, rank), n.in(1), null, g));
  }

  private static Value depthwise(Node n) {
    Geometry g = geometry(n, 2);
    return channelsLast(n, n.in(0), x -> Spatial.depthwise(n.b, padded(n, x, 2), n.in(1), null, g));
  }

  private static Value transposed(Node n, int rank) {
    Geometry g = geometry(n, rank);
    if (n.text("padding", "VALID").equals("EXPLICIT")) {
      throw new Refusal("a transposed convolution with explicit padding", "use SAME or VALID");
    }
    Value sizes = n.in(0);
    int[] all =
        n.b
            .partial(sizes)
            .orElseThrow(
                () ->
                    new Refusal(
                        "its output size is computed while the model runs",
                        "give the model's inputs fixed shapes"));
    if (all.length == rank) {
      int[] out = all;
      return channelsLast(n, n.in(2), x -> Spatial.transposed(n.b, x, n.in(1), null, out, g));
    }
    if (all.length != rank + 2) {
      throw new Refusal("an output of " + Arrays.toString(all), "export the model anew");
    }
    int first = n.channelsFirst() ? 2 : 1;
    int[] out = Arrays.copyOfRange(all, first, first + rank);
    for (int d : out) {
      if (d < 1) {
        throw new Refusal(
            "its output size is computed while the model runs",
            "give the model's inputs fixed shapes");
      }
    }
    return channelsLast(n, n.in(2), x -> Spatial.transposed(n.b, x, n.in(1), null, out, g));
  }

  private static Value pool(Node n, OpKind kind, int rank) {
    int[] kernel = spatial(n, n.ints("ksize"), rank);
    return pool(n, kind, kernel, Geometry.of(spatial(n, n.ints("strides"), rank), padding(n)));
  }

  private static Padding padding(Node n) {
    return n.text("padding", "VALID").equals("SAME") ? Padding.SAME : Padding.VALID;
  }

  private static Value pool(Node n, OpKind kind, int[] kernel, Geometry g) {
    if (n.text("padding", "VALID").equals("EXPLICIT")) {
      throw new Refusal("pooling with explicit padding", "pad before");
    }
    return channelsLast(n, n.in(0), x -> Spatial.pool(n.b, x, kind, kernel, g));
  }

  private static void maxPoolV2(Node n) {
    int[] kernel = spatial(n, n.known(1, "window"), 2);
    int[] stride = spatial(n, n.known(2, "strides"), 2);
    n.out(pool(n, OpKind.MAX_POOL_2D, kernel, Geometry.of(stride, padding(n))));
  }

  // ---- resizing

  private static Value resize(Node n, OpKind kind) {
    Value x = n.b.cast(n.in(0), ElementType.FLOAT32);
    Op op =
        Op.of(kind)
            .set("align_corners", n.flag("align_corners", false))
            .set("half_pixel_centers", n.flag("half_pixel_centers", false))
            .inputs(x, n.b.cast(n.in(1), ElementType.INT32));
    Value y = n.b.emit(op);
    // Bilinear resizing of integers gives floats in TensorFlow, nearest keeps the type.
    return kind == OpKind.RESIZE_BILINEAR ? y : n.b.cast(y, n.in(0).type());
  }

  private static Value bicubic(Node n) {
    Value x = n.b.cast(n.in(0), ElementType.FLOAT32);
    int[] d = Build.fixedFrom(x, 1);
    int[] out = n.known(1, "size");
    boolean half = n.flag("half_pixel_centers", false);
    boolean align = n.flag("align_corners", false);
    Resizing.@Nullable Axis[] plan = new Resizing.Axis[4];
    for (int i = 0; i < 2; i++) {
      plan[2 + i] = Resizing.Axis.of(d[1 + i], out[i], (double) out[i] / d[1 + i]);
    }
    Value y =
        Resizing.of("cubic")
            .coordinates(half ? "half_pixel" : align ? "align_corners" : "asymmetric")
            .cubicCoefficient(half ? -0.5 : -0.75)
            .excludeOutside(half)
            .run(n.b, n.b.first(x), plan);
    return n.b.last(y);
  }

  // ---- blocks

  private static Value blocks(Node n, OpKind kind) {
    return n.b.emit(
        Op.of(kind)
            .inputs(
                n.in(0),
                n.b.cast(n.in(1), ElementType.INT32),
                n.b.cast(n.in(2), ElementType.INT32)));
  }

  /** The end of a dilated convolution as older exporters write it, or plain blocks. */
  private static Value fromBatch(Node n) {
    Value dilated = dilated(n);
    return dilated != null ? dilated : blocks(n, OpKind.BATCH_TO_SPACE_ND);
  }

  /**
   * Space to batch, a convolution, and back is one dilated convolution: the batch holds the cells
   * that a dilated window sees together.
   */
  private static @Nullable Value dilated(Node n) {
    Value x = n.in(0);
    if (!n.in(1).isConstant() || !n.in(2).isConstant()) {
      return null;
    }
    int[] block = n.in(1).ints();
    int[] crops = n.in(2).ints();
    Op after = x.producer().orElse(null);
    if (after == null) {
      return null;
    }
    boolean reshaped = after.kind() == OpKind.RESHAPE;
    Op conv = reshaped ? after.input(0).producer().orElse(null) : after;
    if (conv == null
        || (conv.kind() != OpKind.CONV_2D && conv.kind() != OpKind.DEPTHWISE_CONV_2D)
        || conv.padding() != Padding.VALID
        || conv.integer("stride_h") != 1
        || conv.integer("stride_w") != 1
        || conv.integer("dilation_h_factor") != 1
        || conv.integer("dilation_w_factor") != 1) {
      return null;
    }
    Op before = conv.input(0).producer().orElse(null);
    if (reshaped && before != null && before.kind() == OpKind.RESHAPE) {
      before = before.input(0).producer().orElse(null);
    }
    if (before == null
        || before.kind() != OpKind.SPACE_TO_BATCH_ND
        || !before.input(1).isConstant()
        || !before.input(2).isConstant()
        || !Arrays.equals(before.input(1).ints(), block)) {
      return null;
    }
    int rank = block.length;
    boolean flat = rank == 1 && reshaped;
    if (rank != 2 && !flat || (rank == 2 && reshaped)) {
      return null;
    }
    int[] pads = before.input(2).ints();
    Value image = before.input(0);
    if (Build.rank(image) != rank + 2 || crops.length != pads.length) {
      return null;
    }
    int[] p = new int[2 * (rank + 2)];
    for (int i = 0; i < rank; i++) {
      p[2 * (i + 1)] = pads[2 * i] - crops[2 * i];
      p[2 * (i + 1) + 1] = pads[2 * i + 1] - crops[2 * i + 1];
      if (p[2 * (i + 1)] < 0 || p[2 * (i + 1) + 1] < 0) {
        return null;
      }
    }
    Value padded =
        Arrays.stream(p).allMatch(v -> v == 0) ? image : n.b.pad(image, p, n.b.scalar(0));
    Op op =
        Op.of(conv.kind())
            .set("padding", Padding.VALID)
            .set("stride_h", 1)
            .set("stride_w", 1)
            .set("dilation_h_factor", flat ? 1 : block[0])
            .set("dilation_w_factor", block[rank - 1]);
    if (conv.kind() == OpKind.DEPTHWISE_CONV_2D) {
      op.set("depth_multiplier", conv.integer("depth_multiplier"));
    }
    Value in = flat ? n.b.unsqueeze(padded, 1) : padded;
    Value y = n.b.emit(op.inputs(in, conv.input(1), conv.input(2)));
    return flat ? n.b.squeeze(y, 1) : y;
  }
}
