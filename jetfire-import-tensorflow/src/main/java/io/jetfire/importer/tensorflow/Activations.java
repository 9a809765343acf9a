package io.jetfire.importer.tensorflow;

import com.fasterxml.jackson.databind.JsonNode;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Indexing;
import io.jetfire.tflite.importer.lowering.Reductions;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.List;

/**
 * Keras' activation functions by name; their definitions are those of {@code keras.activations}.
 */
final class Activations {
  private static final double SELU_ALPHA = 1.6732632423543772848170429916717;
  private static final double SELU_SCALE = 1.0507009873554804934193349852946;

  private Activations() {}

  /**
   * Applies an activation.
   *
   * @param config a name, a serialized function or layer, or nothing for the identity
   * @param old whether the file is of Keras 2, whose hard sigmoid is another one
   */
  static Value apply(Build b, JsonNode config, Value x, boolean old) {
    if (config.isMissingNode() || config.isNull()) {
      return x;
    }
    if (config.isTextual()) {
      return apply(b, config.textValue(), x, old);
    }
    JsonNode inner = config.path("config");
    String className = config.path("class_name").asText("");
    if (className.equals("function") && inner.isTextual()) {
      return apply(b, inner.textValue(), x, old);
    }
    if (className.equals("LeakyReLU") || className.equals("ReLU") || className.equals("ELU")) {
      return parametric(b, className, inner, x);
    }
    throw new Refusal(
        "its activation " + Call.shortened(config) + " is not one of Keras' own",
        "use an activation that Keras names");
  }

  /** Activations that are layers of their own. */
  static Value parametric(Build b, String className, JsonNode config, Value x) {
    switch (className) {
      case "LeakyReLU" -> {
        double slope = number(config, "negative_slope", number(config, "alpha", 0.3));
        return Functions.leakyRelu(b, x, slope);
      }
      case "ELU" -> {
        return Functions.elu(b, x, number(config, "alpha", 1));
      }
      default -> {
        double slope = number(config, "negative_slope", 0);
        double threshold = number(config, "threshold", 0);
        double most = number(config, "max_value", Double.POSITIVE_INFINITY);
        return relu(b, x, slope, most, threshold);
      }
    }
  }

  private static double number(JsonNode config, String name, double otherwise) {
    JsonNode n = config.path(name);
    if (n.isObject()) {
      n = n.path("value");
    }
    return n.isNumber() ? n.doubleValue() : otherwise;
  }

  /** Keras' general rectifier: slope below the threshold, and an upper limit. */
  static Value relu(Build b, Value x, double slope, double most, double threshold) {
    Value y;
    if (threshold != 0) {
      Value above = b.compare(OpKind.GREATER, x, b.scalar(threshold));
      Value low = b.mul(b.add(x, -threshold), slope);
      y = b.select(above, x, low);
    } else if (slope != 0) {
      y = Functions.leakyRelu(b, x, slope);
    } else if (most == 6) {
      return b.unary(OpKind.RELU6, x);
    } else {
      y = b.unary(OpKind.RELU, x);
    }
    return Double.isInfinite(most) ? y : b.min(y, most);
  }

  static Value apply(Build b, String name, Value x, boolean old) {
    return switch (name) {
      case "linear" -> x;
      case "relu" -> b.unary(OpKind.RELU, x);
      case "relu6" -> b.unary(OpKind.RELU6, x);
      case "sigmoid" -> Functions.sigmoid(b, x);
      case "hard_sigmoid" ->
          old ? b.clamp(b.add(b.mul(x, 0.2), 0.5), 0, 1) : Functions.hardSigmoid(b, x);
      case "tanh" -> b.unary(OpKind.TANH, x);
      case "softmax" -> softmax(b, x, -1);
      case "log_softmax" -> Reductions.softmax(b, x, Build.axis(-1, Build.rank(x)), true);
      case "elu" -> Functions.elu(b, x, 1);
      case "selu" -> b.mul(Functions.elu(b, x, SELU_ALPHA), SELU_SCALE);
      case "celu" -> Functions.elu(b, x, 1);
      case "gelu" -> Functions.gelu(b, x, false);
      case "swish", "silu" -> b.mul(x, Functions.sigmoid(b, x));
      case "hard_swish", "hard_silu" -> b.emit(Op.of(OpKind.HARD_SWISH).inputs(x));
      case "exponential" -> Functions.exp(b, x);
      case "softplus" -> Functions.softplus(b, x);
      case "softsign" -> b.div(x, b.add(b.abs(x), 1));
      case "leaky_relu" -> Functions.leakyRelu(b, x, 0.2);
      case "mish" -> Functions.mish(b, x);
      case "log_sigmoid" -> b.unary(OpKind.NEG, Functions.softplus(b, b.unary(OpKind.NEG, x)));
      case "hard_tanh" -> b.clamp(x, -1, 1);
      case "tanh_shrink" -> b.sub(x, b.unary(OpKind.TANH, x));
      case "soft_shrink" ->
          b.sub(
              b.unary(OpKind.RELU, b.add(x, -0.5)), b.unary(OpKind.RELU, b.sub(b.scalar(-0.5), x)));
      case "hard_shrink" -> {
        Value above = b.compare(OpKind.GREATER, b.abs(x), b.scalar(0.5));
        yield b.select(above, x, b.scalar(0));
      }
      case "squareplus" -> b.mul(b.add(x, Functions.sqrt(b, b.add(b.square(x), 4))), 0.5);
      case "glu" -> {
        int last = Build.rank(x) - 1;
        int half = Build.fixedFrom(x, last)[last] / 2;
        List<Value> parts = Indexing.split(b, x, last, half, half);
        yield b.mul(parts.get(0), Functions.sigmoid(b, parts.get(1)));
      }
      default ->
          throw new Refusal(
              "its activation '" + name + "' is not known", "use an activation that Keras names");
    };
  }

  static Value softmax(Build b, Value x, int axis) {
    return Reductions.softmax(b, x, Build.axis(axis, Build.rank(x)), false);
  }
}
