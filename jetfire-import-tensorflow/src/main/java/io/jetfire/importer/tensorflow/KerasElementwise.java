package io.jetfire.importer.tensorflow;

import com.fasterxml.jackson.databind.JsonNode;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Matrices;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.BinaryOperator;

/** Dense layers, activations, merges, and layers that do nothing when a model is used. */
final class KerasElementwise {
  private KerasElementwise() {}

  /** Layers that only act while training. */
  private static final String[] TRAINING_ONLY = {
    "ActivityRegularization",
    "AlphaDropout",
    "AugMix",
    "AutoContrast",
    "CutMix",
    "Dropout",
    "Equalization",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "MixUp",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "Solarization",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D"
  };

  static void register(Map<String, KerasLayer> layers) {
    for (String name : TRAINING_ONLY) {
      layers.put(name, KerasLayer.of(Call::x));
    }
    layers.put("Dense", KerasLayer.of(KerasElementwise::dense));
    layers.put("EinsumDense", KerasLayer.of(KerasElementwise::einsumDense));
    layers.put("Embedding", KerasLayer.of(KerasElementwise::embedding));
    layers.put(
        "Masking",
        KerasLayer.of(
            c -> {
              Value x = c.floatX();
              Value other = c.b.compare(OpKind.NOT_EQUAL, x, c.b.scalar(c.real("mask_value", 0)));
              Value any = c.b.reduce(OpKind.REDUCE_ANY, other, false, Build.rank(x) - 1);
              Value kept = c.b.unsqueeze(c.b.cast(any, ElementType.FLOAT32), Build.rank(x) - 1);
              Value masked = c.b.mul(x, kept);
              c.model.mask(masked, any);
              return masked;
            }));
    layers.put(
        "Activation",
        KerasLayer.of(
            c -> Activations.apply(c.b, c.config.path("activation"), c.floatX(), c.model.old)));
    for (String name : new String[] {"ReLU", "LeakyReLU", "ELU"}) {
      layers.put(name, KerasLayer.of(c -> Activations.parametric(c.b, name, c.config, c.floatX())));
    }
    layers.put(
        "ThresholdedReLU",
        KerasLayer.of(
            c -> {
              Value x = c.floatX();
              Value above = c.b.compare(OpKind.GREATER, x, c.b.scalar(c.real("theta", 1)));
              return c.b.select(above, x, c.b.scalar(0));
            }));
    layers.put("Discretization", KerasLayer.of(KerasElementwise::discretization));
    layers.put("CategoryEncoding", KerasLayer.of(KerasElementwise::categories));
    layers.put("PReLU", KerasLayer.of(KerasElementwise::prelu));
    layers.put("Softmax", KerasLayer.of(KerasElementwise::softmax));
    layers.put("Rescaling", KerasLayer.of(KerasElementwise::rescaling));
    layers.put("Add", merge(KerasElementwise::add));
    layers.put("Multiply", merge((c, x, y) -> c.b.mul(x, y)));
    layers.put("Maximum", merge((c, x, y) -> c.b.binary(OpKind.MAXIMUM, x, y)));
    layers.put("Minimum", merge((c, x, y) -> c.b.binary(OpKind.MINIMUM, x, y)));
    layers.put("Subtract", merge((c, x, y) -> c.b.sub(x, y)));
    layers.put(
        "Average",
        KerasLayer.of(
            c -> {
              List<Value> all = c.tensors();
              return c.b.mul(fold(all, c.b::add), 1.0 / all.size());
            }));
    layers.put("Dot", KerasLayer.of(KerasElementwise::dot));
  }

  /** Combines two tensors of a merging layer. */
  private interface Pair {
    Value apply(Call c, Value x, Value y);
  }

  private static KerasLayer merge(Pair pair) {
    return KerasLayer.of(c -> fold(c.tensors(), (x, y) -> pair.apply(c, x, y)));
  }

  private static Value fold(List<Value> all, BinaryOperator<Value> f) {
    return all.stream()
        .reduce(f)
        .orElseThrow(() -> new Refusal("it merges no tensors", "save the model anew"));
  }

  private static Value add(Call c, Value x, Value y) {
    return c.b.add(x, y);
  }

  static Value dense(Call c) {
    Value x = c.floatX();
    Value kernel = c.weight(0, "kernel");
    int[] w = Build.fixedFrom(kernel, 0);
    if (w.length != 2) {
      throw new Refusal("a kernel of " + kernel.shape(), "save the model anew");
    }
    Value bias = c.flag("use_bias", true) ? c.weight(1, "bias") : null;
    Value weights = c.b.transpose(kernel, 1, 0);
    Value y;
    if (Build.rank(x) == 1) {
      y = Matrices.linear(c.b, x, weights, bias);
    } else {
      if (x.shape().dim(-1) >= 0 && x.shape().dim(-1) != w[0]) {
        throw new Refusal(x.shape() + " times a kernel of " + kernel.shape(), "save it anew");
      }
      Op op = Op.of(OpKind.FULLY_CONNECTED).set("keep_num_dims", Build.rank(x) > 2);
      y = c.b.emit(op.inputs(Arrays.asList(x, weights, bias)));
    }
    return Activations.apply(c.b, c.config.path("activation"), y, c.model.old);
  }

  private static Value einsumDense(Call c) {
    Value y =
        Matrices.einsum(c.b, c.text("equation", ""), List.of(c.floatX(), c.weight(0, "kernel")));
    if (c.isSet("bias_axes")) {
      y = c.b.add(y, c.weight(1, "bias"));
    }
    return Activations.apply(c.b, c.config.path("activation"), y, c.model.old);
  }

  private static Value embedding(Call c) {
    Value table = c.weight(0, "embeddings");
    Value words = c.b.cast(c.x(), ElementType.INT32);
    Value vectors = c.b.gather(table, words, 0);
    if (c.flag("mask_zero", false)) {
      c.model.mask(vectors, c.b.compare(OpKind.NOT_EQUAL, words, c.b.scalar(ElementType.INT32, 0)));
    }
    return vectors;
  }

  private static Value prelu(Call c) {
    Value x = c.floatX();
    Value alpha = c.weight(0, "alpha");
    if (x.shape().isStatic() && Build.rank(alpha) != Build.rank(x) - 1) {
      throw new Refusal("slopes of " + alpha.shape() + " for " + x.shape(), "save it anew");
    }
    return Functions.prelu(c.b, x, alpha);
  }

  private static Value softmax(Call c) {
    if (c.named.get("mask") instanceof Value || c.tensors().size() > 1) {
      throw new Refusal("it takes a mask", "add the mask to its input instead");
    }
    JsonNode axis = c.config.path("axis");
    int[] axes = axis.isMissingNode() ? new int[] {-1} : Call.ints(axis);
    if (axes.length != 1) {
      throw new Refusal("a softmax over " + axes.length + " axes", "merge the axes before");
    }
    return Activations.softmax(c.b, c.floatX(), axes[0]);
  }

  private static Value factor(Call c, String name, double otherwise) {
    JsonNode n = c.config.path(name);
    if (n.isArray()) {
      float[] all = new float[n.size()];
      for (int i = 0; i < all.length; i++) {
        all[i] = (float) n.path(i).asDouble();
      }
      return c.b.floats(Shape.of(all.length), all);
    }
    return c.b.scalar(c.real(name, otherwise));
  }

  private static Value rescaling(Call c) {
    return c.b.add(c.b.mul(c.floatX(), factor(c, "scale", 1)), factor(c, "offset", 0));
  }

  /** A product summed over one axis of each, the batch kept. */
  private static Value normalized(Call c, Value x, int axis) {
    Value squares = c.b.reduce(OpKind.SUM, c.b.square(x), true, axis);
    return c.b.div(x, Functions.sqrt(c.b, c.b.max(squares, 1e-12)));
  }

  /** The number of boundaries that are not above each element. */
  private static Value discretization(Call c) {
    JsonNode given = c.config.path("bin_boundaries");
    if (!given.isArray() || !c.text("output_mode", "int").equals("int")) {
      throw new Refusal("bins that are not given as numbers", "use the output mode int");
    }
    float[] boundaries = new float[Build.count(given.size())];
    for (int i = 0; i < boundaries.length; i++) {
      boundaries[i] = (float) given.get(i).asDouble();
    }
    Value x = c.floatX();
    Value above =
        c.b.compare(
            OpKind.GREATER_EQUAL,
            c.b.unsqueeze(x, Build.rank(x)),
            c.b.floats(Shape.of(boundaries.length), boundaries));
    return c.b.reduce(OpKind.SUM, c.b.cast(above, ElementType.INT32), false, Build.rank(x));
  }

  private static Value categories(Call c) {
    int tokens = c.integer("num_tokens", 0);
    int[] numbers = new int[Build.count(tokens)];
    for (int i = 0; i < tokens; i++) {
      numbers[i] = i;
    }
    Value x = c.b.cast(c.x(), ElementType.INT32);
    int rank = Build.rank(x);
    String mode = c.text("output_mode", "multi_hot");
    if (rank != 2 || c.tensors().size() != 1) {
      throw new Refusal("categories of " + x.shape(), "give it batch and categories");
    }
    Value hot =
        c.b.cast(
            c.b.compare(OpKind.EQUAL, c.b.unsqueeze(x, rank), c.b.ints(numbers)),
            ElementType.FLOAT32);
    boolean one = x.shape().dim(1) == 1;
    return switch (mode) {
      case "multi_hot" -> c.b.reduce(OpKind.REDUCE_MAX, hot, false, 1);
      case "count" -> c.b.reduce(OpKind.SUM, hot, false, 1);
      case "one_hot" -> one ? c.b.squeeze(hot, 1) : hot;
      default -> throw new Refusal("the output mode '" + mode + "'", "use multi_hot or one_hot");
    };
  }

  private static Value dot(Call c) {
    List<Value> all = c.tensors();
    if (all.size() != 2) {
      throw new Refusal("a dot product of " + all.size() + " tensors", "use two");
    }
    Value x = all.get(0);
    Value y = all.get(1);
    int[] given = Call.ints(c.config.path("axes"));
    int ax = Build.axis(given[0], Build.rank(x));
    int ay = Build.axis(given[given.length - 1], Build.rank(y));
    if (c.flag("normalize", false)) {
      x = normalized(c, x, ax);
      y = normalized(c, y, ay);
    }
    StringBuilder left = new StringBuilder("a");
    StringBuilder right = new StringBuilder("a");
    StringBuilder out = new StringBuilder("a");
    for (int i = 1; i < Build.rank(x); i++) {
      char k = i == ax ? 'z' : (char) ('b' + i);
      left.append(k);
      out.append(i == ax ? "" : Character.toString(k));
    }
    for (int i = 1; i < Build.rank(y); i++) {
      char k = i == ay ? 'z' : (char) ('k' + i);
      right.append(k);
      out.append(i == ay ? "" : Character.toString(k));
    }
    Value product = Matrices.einsum(c.b, left + "," + right + "->" + out, List.of(x, y));
    return Build.rank(product) == 1 ? c.b.unsqueeze(product, 1) : product;
  }
}
