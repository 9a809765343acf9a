package io.jetfire.importer.onnx;

import io.jetfire.importer.onnx.OnnxModel.Attribute;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Recurrent;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** LSTM, GRU and RNN. */
final class RecurrentOps {
  private RecurrentOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("LSTM", n -> lower(n, 4));
    ops.put("GRU", n -> lower(n, 3));
    ops.put("RNN", n -> lower(n, 1));
  }

  private static void lower(Node n, int gates) {
    Value x = n.in(0);
    boolean batchFirst = n.integer("layout", 0) != 0;
    if (batchFirst) {
      x = n.b.transpose(x, 1, 0, 2);
    }
    String direction = n.text("direction", "forward");
    int directions = direction.equals("bidirectional") ? 2 : 1;
    List<Recurrent.Result> done = new ArrayList<>();
    for (int k = 0; k < directions; k++) {
      boolean backwards = direction.equals("reverse") || k == 1;
      done.add(layer(n, x, gates, k, batchFirst).backwards(backwards).run(x));
    }
    if (n.wants(0)) {
      Value y = Recurrent.joined(n.b, done);
      n.out(0, batchFirst ? n.b.transpose(y, 2, 0, 1, 3) : y);
    }
    n.out(1, last(n, done.stream().map(Recurrent.Result::hidden).toList(), batchFirst));
    if (gates == 4 && n.wants(2)) {
      n.out(
          2,
          last(n, done.stream().map(r -> Objects.requireNonNull(r.cell())).toList(), batchFirst));
    }
  }

  private static Value last(Node n, List<Value> parts, boolean batchFirst) {
    Value y = Recurrent.stacked(n.b, parts);
    return batchFirst ? n.b.transpose(y, 1, 0, 2) : y;
  }

  /** One direction, with weights in ONNX's order. */
  private static Recurrent layer(Node n, Value x, int gates, int index, boolean batchFirst) {
    Value w = part(n, 1, index);
    Value u = part(n, 2, index);
    Recurrent layer =
        switch (gates) {
          case 4 -> Recurrent.lstm(n.b, w, u).order(0, 2, 3, 1);
          case 3 -> Recurrent.gru(n.b, w, u);
          default -> Recurrent.plain(n.b, w, u);
        };
    if (n.has(3)) {
      Value both = part(n, 3, index);
      int half = Build.fixedFrom(both, 0)[0] / 2;
      layer.biases(n.b.slice(both, 0, 0, half), n.b.slice(both, 0, half, half));
    }
    if (!usual(n, gates)) {
      layer.activations(activations(n, gates, index));
    }
    return layer
        .initial(initial(n, 5, index, batchFirst), initial(n, 6, index, batchFirst))
        .lengths(n.has(4) ? lengths(n, x) : null)
        .peepholes(n.has(7) ? part(n, 7, index) : null)
        .coupled(n.integer("input_forget", 0) != 0)
        .resetAfter(n.integer("linear_before_reset", 0) != 0)
        .clip(n.isSet("clip") ? n.real("clip", 0) : 0);
  }

  private static Value part(Node n, int input, int index) {
    return n.b.squeeze(n.b.slice(n.in(input), 0, index, 1), 0);
  }

  private static @Nullable Value initial(Node n, int input, int index, boolean batchFirst) {
    if (!n.has(input)) {
      return null;
    }
    Value v = batchFirst ? n.b.transpose(n.in(input), 1, 0, 2) : n.in(input);
    return n.b.squeeze(n.b.slice(v, 0, index, 1), 0);
  }

  private static @Nullable Value lengths(Node n, Value x) {
    Value v = n.in(4);
    int[] d = n.fixedFrom(x, 0);
    if (v.isConstant()) {
      boolean all = true;
      for (long l : v.longs()) {
        all &= l == d[0];
      }
      if (all) {
        return null;
      }
    }
    return n.b.reshape(n.b.cast(v, ElementType.INT32), d[1], 1);
  }

  private static List<UnaryOperator<Value>> activations(Node n, int gates, int index) {
    String[] names =
        switch (gates) {
          case 4 -> new String[] {"Sigmoid", "Tanh", "Tanh"};
          case 3 -> new String[] {"Sigmoid", "Tanh"};
          default -> new String[] {"Tanh"};
        };
    Attribute given = n.attribute("activations");
    List<UnaryOperator<Value>> functions = new ArrayList<>();
    for (int i = 0; i < names.length; i++) {
      int at = index * names.length + i;
      String name =
          given != null && at < given.strings().size() ? given.strings().get(at) : names[i];
      float alpha = parameter(n, "activation_alpha", at);
      float beta = parameter(n, "activation_beta", at);
      functions.add(v -> activation(n, name, alpha, beta, v));
    }
    return functions;
  }

  private static boolean usual(Node n, int gates) {
    Attribute given = n.attribute("activations");
    if (given == null) {
      return true;
    }
    List<String> usual =
        switch (gates) {
          case 4 -> List.of("sigmoid", "tanh", "tanh");
          case 3 -> List.of("sigmoid", "tanh");
          default -> List.of("tanh");
        };
    boolean same = true;
    for (int i = 0; i < given.strings().size(); i++) {
      String name = given.strings().get(i).toLowerCase(Locale.ROOT);
      same &= name.equals(usual.get(i % usual.size()));
    }
    return same;
  }

  private static float parameter(Node n, String name, int at) {
    float[] values = n.reals(name);
    return at < values.length ? values[at] : Float.NaN;
  }

  private static Value activation(Node n, String name, float alpha, float beta, Value v) {
    return switch (name.toLowerCase(Locale.ROOT)) {
      case "sigmoid" -> Functions.sigmoid(n.b, v);
      case "tanh" -> n.b.unary(OpKind.TANH, v);
      case "relu" -> n.b.unary(OpKind.RELU, v);
      case "affine" -> n.b.add(n.b.mul(v, alpha), beta);
      case "hardsigmoid" ->
          n.b.clamp(
              n.b.add(n.b.mul(v, Float.isNaN(alpha) ? 0.2 : alpha), Float.isNaN(beta) ? 0.5 : beta),
              0,
              1);
      case "softsign" -> n.b.div(v, n.b.add(n.b.abs(v), 1));
      case "softplus" -> Functions.softplus(n.b, v);
      case "leakyrelu" -> Functions.leakyRelu(n.b, v, Float.isNaN(alpha) ? 0.01f : alpha);
      default -> throw new Refusal("the activation '" + name + "'", "use Tanh");
    };
  }
}
