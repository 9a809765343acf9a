package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Channels-first networks as importers lower them, with a transpose around every image operator.
 */
final class RandomGraphs {
  private final Random random;
  private final Graph graph = Graph.create();
  private final Subgraph main = graph.addSubgraph("main");
  private final GraphEmitter e = GraphEmitter.into(main);
  private final List<Value> images = new ArrayList<>();

  private RandomGraphs(long seed) {
    random = new Random(seed);
  }

  static Graph channelsFirst(long seed, int operators) {
    RandomGraphs g = new RandomGraphs(seed);
    g.images.add(
        g.main.addInput("x", ElementType.FLOAT32, Shape.of(1 + g.random.nextInt(2), 3, 6, 8)));
    for (int i = 0; i < operators; i++) {
      g.step();
    }
    g.finish();
    return g.graph.verify();
  }

  private Value constant(int... shape) {
    float[] values = new float[HostTensor.count(shape)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian() * 0.5f;
    }
    return main.addConstant("c", Shape.of(shape), values);
  }

  private Value ints(int... values) {
    return main.addConstant("i", Shape.of(values.length), values);
  }

  private Value last(Value x) {
    return e.transpose(x, 0, 2, 3, 1);
  }

  private Value first(Value x) {
    return e.transpose(x, 0, 3, 1, 2);
  }

  private Value pick() {
    return images.get(Math.max(0, images.size() - 1 - random.nextInt(3)));
  }

  private void add(Value v) {
    if (v.shape().elementCount() > 0 && v.shape().elementCount() < 4000 && v.shape().rank() == 4) {
      images.add(v);
    }
  }

  private void step() {
    Value x = pick();
    int[] d = x.shape().dims();
    Value y =
        switch (random.nextInt(22)) {
          case 0, 1, 2 -> conv(x, random.nextInt(2) + 1);
          case 3 -> depthwise(x);
          case 4 -> e.emit("relu", Op.of(OpKind.RELU).inputs(x));
          case 5 -> e.emit("relu6", Op.of(OpKind.RELU6).inputs(x));
          case 6 -> batchNorm(x);
          case 7 -> sum(x);
          case 8 -> concat(x);
          case 9 ->
              e.emit(
                  "pad",
                  Op.of(OpKind.PAD)
                      .inputs(
                          x,
                          main.addConstant(
                              "p", Shape.of(4, 2), 0, 0, 0, random.nextInt(2), 1, 0, 0, 1)));
          case 10 ->
              e.emit(
                  "slice",
                  Op.of(OpKind.SLICE)
                      .inputs(x, ints(0, d[1] > 1 ? 1 : 0, 0, 0), ints(d[0], -1, d[2], -1)));
          case 11 ->
              e.emit("mean", Op.of(OpKind.MEAN).set("keep_dims", true).inputs(x, ints(2, 3)));
          case 12 -> split(x);
          case 13 -> e.emit("prelu", Op.of(OpKind.PRELU).inputs(x, constant(d[1], 1, 1)));
          case 14 ->
              first(e.emit("softmax", Op.of(OpKind.SOFTMAX).set("beta", 1f).inputs(last(x))));
          case 15 -> e.transpose(x, 0, 1, 3, 2);
          case 16 -> pool(x);
          case 17 -> e.reshape(e.reshape(x, d[0], d[1], d[2] * d[3]), d[0], d[1], d[3], d[2]);
          case 18 -> swish(x);
          case 19 -> {
            Value m = e.emit("max", Op.of(OpKind.REDUCE_MAX).inputs(x, ints(1)));
            yield e.reshape(m, d[0], 1, d[2], d[3]);
          }
          case 20 ->
              e.emit(
                  "strided",
                  Op.of(OpKind.STRIDED_SLICE)
                      .set("end_mask", 15)
                      .inputs(x, ints(0, 0, 0, 0), ints(0, 0, 0, 0), ints(1, 1, 2, 1)));
          default ->
              first(
                  e.emit(
                      "resize",
                      Op.of(OpKind.RESIZE_NEAREST_NEIGHBOR)
                          .set("half_pixel_centers", true)
                          .inputs(last(x), ints(d[2] + 1, d[3]))));
        };
    add(y);
  }

  private Value conv(Value x, int stride) {
    int c = x.shape().dim(1);
    int k = 1 + random.nextInt(3);
    Value in = last(x);
    if (k == 3) {
      int before = random.nextInt(2);
      in =
          e.emit(
              "padded",
              Op.of(OpKind.PAD)
                  .inputs(
                      in, main.addConstant("p", Shape.of(4, 2), 0, 0, before, 1, 1, before, 0, 0)));
    }
    if (in.shape().dim(1) < k || in.shape().dim(2) < k) {
      return x;
    }
    Op op =
        Op.of(OpKind.CONV_2D)
            .set("padding", random.nextInt(3) == 0 ? Padding.SAME : Padding.VALID)
            .set("stride_h", stride)
            .set("stride_w", stride);
    Value w = constant(2 + random.nextInt(3), k, k, c);
    op.inputs(in, w, random.nextBoolean() ? constant(w.shape().dim(0)) : null);
    return first(e.emit("conv", op));
  }

  private Value depthwise(Value x) {
    int c = x.shape().dim(1);
    Op op =
        Op.of(OpKind.DEPTHWISE_CONV_2D)
            .set("padding", Padding.SAME)
            .set("stride_h", 1)
            .set("stride_w", 1)
            .set("depth_multiplier", 2)
            .inputs(last(x), constant(1, 3, 3, 2 * c), null);
    return first(e.emit("depthwise", op));
  }

  private Value batchNorm(Value x) {
    int c = x.shape().dim(1);
    Value m = e.emit("bn/mul", Op.of(OpKind.MUL).inputs(x, constant(1, c, 1, 1)));
    return e.emit("bn", Op.of(OpKind.ADD).inputs(m, constant(c, 1, 1)));
  }

  private Value sum(Value x) {
    for (int i = images.size() - 1; i >= 0; i--) {
      if (images.get(i).shape().equals(x.shape())) {
        return e.emit("sum", Op.of(OpKind.ADD).inputs(x, images.get(i)));
      }
    }
    return x;
  }

  private Value concat(Value x) {
    for (Value other : images) {
      int[] a = x.shape().dims();
      int[] b = other.shape().dims();
      if (a[2] == b[2] && a[3] == b[3]) {
        return e.emit("concat", Op.of(OpKind.CONCATENATION).set("axis", 1).inputs(x, other));
      }
    }
    return x;
  }

  private Value split(Value x) {
    int c = x.shape().dim(1);
    Value axis = main.addConstant("axis", Shape.scalar(), 1);
    return e.emit("split", Op.of(OpKind.SPLIT).set("num_splits", c).inputs(axis, x), c).get(0);
  }

  private Value pool(Value x) {
    if (x.shape().dim(2) < 2 || x.shape().dim(3) < 2) {
      return x;
    }
    Op op =
        Op.of(random.nextBoolean() ? OpKind.MAX_POOL_2D : OpKind.AVERAGE_POOL_2D)
            .set("padding", random.nextBoolean() ? Padding.SAME : Padding.VALID)
            .set("stride_h", 1)
            .set("stride_w", 2)
            .set("filter_height", 2)
            .set("filter_width", 2)
            .inputs(last(x));
    return first(e.emit("pool", op));
  }

  private Value swish(Value x) {
    Value three = main.addConstant("three", Shape.scalar(), 3f);
    Value sixth = main.addConstant("sixth", Shape.scalar(), 1 / 6f);
    Value gate =
        e.emit("gate", Op.of(OpKind.RELU6).inputs(e.emit("a", Op.of(OpKind.ADD).inputs(x, three))));
    return e.emit(
        "swish", Op.of(OpKind.MUL).inputs(x, e.emit("s", Op.of(OpKind.MUL).inputs(gate, sixth))));
  }

  private void finish() {
    Value x = images.get(images.size() - 1);
    int[] d = x.shape().dims();
    Value out;
    switch (random.nextInt(3)) {
      case 0 -> {
        Value flat = e.reshape(x, d[0], d[1] * d[2] * d[3]);
        Value relu = e.emit("flat/relu", Op.of(OpKind.RELU).inputs(flat));
        out =
            e.emit(
                "fc",
                Op.of(OpKind.FULLY_CONNECTED).inputs(relu, constant(4, d[1] * d[2] * d[3]), null));
      }
      case 1 -> out = e.reshape(last(x), d[0], d[1] * d[2] * d[3] / 2 * 2 == 0 ? 1 : -1, d[1]);
      default -> out = e.emit("out", Op.of(OpKind.TANH).inputs(x));
    }
    Value second = images.get(images.size() / 2);
    if (second.isInput() || second == out) {
      main.outputs(out);
    } else {
      main.outputs(out, second);
    }
    main.removeDead();
  }
}
