package io.jetfire.importer.onnx;

import io.jetfire.importer.onnx.OnnxModel.Attribute;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * LSTM, GRU and RNN, unrolled over their steps.
 *
 * <p>The products with the input are one layer over all steps. TFLite's own sequence operators are
 * not used: they keep their state from one call of the model to the next, which ONNX does not.
 */
final class RecurrentOps {
  private static final int MAX_STEPS = 1024;

  private RecurrentOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("LSTM", n -> lower(n, 4));
    ops.put("GRU", n -> lower(n, 3));
    ops.put("RNN", n -> lower(n, 1));
  }

  /** What one direction gives. */
  private record Direction(List<Value> steps, Value hidden, @Nullable Value cell) {}

  private static void lower(Node n, int gates) {
    Value x = n.in(0);
    boolean batchFirst = n.integer("layout", 0) != 0;
    if (batchFirst) {
      x = n.b.transpose(x, 1, 0, 2);
    }
    int[] d = n.fixedFrom(x, 0);
    if (d[0] > MAX_STEPS) {
      throw new Refusal("it has " + d[0] + " steps", "use sequences of at most " + MAX_STEPS);
    }
    String direction = n.text("direction", "forward");
    int directions = direction.equals("bidirectional") ? 2 : 1;
    List<Direction> done = new ArrayList<>();
    for (int k = 0; k < directions; k++) {
      boolean backwards = direction.equals("reverse") || k == 1;
      done.add(new Run(n, x, gates, k, backwards, batchFirst).run());
    }
    if (n.wants(0)) {
      List<Value> steps = new ArrayList<>();
      for (int t = 0; t < d[0]; t++) {
        List<Value> parts = new ArrayList<>();
        for (Direction r : done) {
          parts.add(n.b.unsqueeze(r.steps.get(t), 0, 1));
        }
        steps.add(n.b.concat(1, parts));
      }
      Value y = n.b.concat(0, steps);
      n.out(0, batchFirst ? n.b.transpose(y, 2, 0, 1, 3) : y);
    }
    n.out(1, last(n, done.stream().map(Direction::hidden).toList(), batchFirst));
    if (gates == 4 && n.wants(2)) {
      List<Value> cells = new ArrayList<>();
      for (Direction r : done) {
        cells.add(java.util.Objects.requireNonNull(r.cell));
      }
      n.out(2, last(n, cells, batchFirst));
    }
  }

  private static Value last(Node n, List<Value> parts, boolean batchFirst) {
    List<Value> all = new ArrayList<>();
    for (Value v : parts) {
      all.add(n.b.unsqueeze(v, 0));
    }
    Value y = n.b.concat(0, all);
    return batchFirst ? n.b.transpose(y, 1, 0, 2) : y;
  }

  /** One direction of one layer. */
  private static final class Run {
    private final Node n;
    private final Value x;
    private final int gates;
    private final int index;
    private final boolean backwards;
    private final boolean batchFirst;
    private final int hidden;
    private final int steps;
    private final int batch;
    private final String[] functions;

    Run(Node n, Value x, int gates, int index, boolean backwards, boolean batchFirst) {
      this.n = n;
      this.x = x;
      this.gates = gates;
      this.index = index;
      this.backwards = backwards;
      this.batchFirst = batchFirst;
      steps = x.shape().dim(0);
      batch = x.shape().dim(1);
      hidden = n.fixedFrom(n.in(2), 0)[2];
      String[] defaults =
          switch (gates) {
            case 4 -> new String[] {"Sigmoid", "Tanh", "Tanh"};
            case 3 -> new String[] {"Sigmoid", "Tanh"};
            default -> new String[] {"Tanh"};
          };
      Attribute given = n.attribute("activations");
      if (given != null) {
        int per = defaults.length;
        for (int i = 0; i < per && index * per + i < given.strings().size(); i++) {
          defaults[i] = given.strings().get(index * per + i);
        }
      }
      functions = defaults;
    }

    private Value weights(int input) {
      Value w = n.b.slice(n.in(input), 0, index, 1);
      return n.b.squeeze(w, 0);
    }

    private Value gateWeights(Value w, int gate) {
      return n.b.slice(w, 0, gate * hidden, hidden);
    }

    private @Nullable Value bias(int part, int gate) {
      if (!n.has(3)) {
        return null;
      }
      Value b = n.b.squeeze(n.b.slice(n.in(3), 0, index, 1), 0);
      return n.b.slice(b, 0, (part * gates + gate) * hidden, hidden);
    }

    private Value initial(int input) {
      if (!n.has(input)) {
        return n.b.filled(ElementType.FLOAT32, 0, batch, hidden);
      }
      Value v = batchFirst ? n.b.transpose(n.in(input), 1, 0, 2) : n.in(input);
      return n.b.squeeze(n.b.slice(v, 0, index, 1), 0);
    }

    private Value layer(Value v, Value w, @Nullable Value b) {
      if (w.isConstant() && (b == null || b.isConstant())) {
        Op op = Op.of(OpKind.FULLY_CONNECTED).set("keep_num_dims", true);
        return n.b.emit(op.inputs(v, w, b));
      }
      Value y = n.b.emit(Op.of(OpKind.BATCH_MATMUL).set("adj_y", true).inputs(v, w));
      return b == null ? y : n.b.add(y, b);
    }

    private Value activation(int which, Value v) {
      String name = functions[which].toLowerCase(Locale.ROOT);
      float alpha = parameter("activation_alpha", which);
      float beta = parameter("activation_beta", which);
      return switch (name) {
        case "sigmoid" -> n.b.unary(OpKind.LOGISTIC, v);
        case "tanh" -> n.b.unary(OpKind.TANH, v);
        case "relu" -> n.b.unary(OpKind.RELU, v);
        case "affine" -> n.b.add(n.b.mul(v, alpha), beta);
        case "hardsigmoid" ->
            n.b.clamp(
                n.b.add(
                    n.b.mul(v, Float.isNaN(alpha) ? 0.2 : alpha), Float.isNaN(beta) ? 0.5 : beta),
                0,
                1);
        case "softsign" -> n.b.div(v, n.b.add(n.b.abs(v), 1));
        case "softplus" -> ElementwiseOps.softplus(n.b, v);
        case "leakyrelu" ->
            n.b.emit(
                Op.of(OpKind.LEAKY_RELU)
                    .set("alpha", Float.isNaN(alpha) ? 0.01f : alpha)
                    .inputs(v));
        default -> throw new Refusal("the activation '" + functions[which] + "'", "use Tanh");
      };
    }

    private float parameter(String name, int which) {
      float[] values = n.reals(name);
      int at = index * functions.length + which;
      return at < values.length ? values[at] : Float.NaN;
    }

    private Value clipped(Value v) {
      return n.isSet("clip") ? n.b.clamp(v, -n.real("clip", 0), n.real("clip", 0)) : v;
    }

    private Value step(Value all, int t) {
      return n.b.squeeze(n.b.slice(all, 0, t, 1), 0);
    }

    Direction run() {
      Value w = weights(1);
      Value r = weights(2);
      Value[] fromInput = new Value[gates];
      for (int g = 0; g < gates; g++) {
        fromInput[g] = layer(x, gateWeights(w, g), bias(0, g));
      }
      Value h = initial(5);
      Value c = gates == 4 ? initial(6) : null;
      Value lengths = n.has(4) ? lengths() : null;
      List<Value> out = new ArrayList<>();
      for (int s = 0; s < steps; s++) {
        int t = backwards ? steps - 1 - s : s;
        Value[] input = new Value[gates];
        for (int g = 0; g < gates; g++) {
          input[g] = step(fromInput[g], t);
        }
        Value nextH;
        Value nextC = null;
        if (gates == 4) {
          Value[] state = lstm(input, r, h, java.util.Objects.requireNonNull(c));
          nextH = state[0];
          nextC = state[1];
        } else {
          nextH = gates == 3 ? gru(input, r, h) : rnn(input, r, h);
        }
        if (lengths != null) {
          // Beyond its length a sample keeps its state and gives zeros.
          Value inside = n.b.compare(OpKind.GREATER, lengths, n.b.scalar(ElementType.INT32, t));
          out.add(n.b.select(inside, nextH, n.b.mul(nextH, 0)));
          h = n.b.select(inside, nextH, h);
          c = nextC == null ? null : n.b.select(inside, nextC, java.util.Objects.requireNonNull(c));
        } else {
          out.add(nextH);
          h = nextH;
          c = nextC;
        }
      }
      if (backwards) {
        Collections.reverse(out);
      }
      return new Direction(out, h, c);
    }

    private @Nullable Value lengths() {
      Value v = n.in(4);
      if (v.isConstant()) {
        boolean all = true;
        for (long l : v.longs()) {
          all &= l == steps;
        }
        if (all) {
          return null;
        }
      }
      return n.b.reshape(n.b.cast(v, ElementType.INT32), batch, 1);
    }

    private Value recurrent(Value r, int gate, Value h) {
      return layer(h, gateWeights(r, gate), bias(1, gate));
    }

    private Value peephole(Value gate, int which, Value c) {
      if (!n.has(7)) {
        return gate;
      }
      Value p = n.b.squeeze(n.b.slice(n.in(7), 0, index, 1), 0);
      return n.b.add(gate, n.b.mul(c, n.b.slice(p, 0, which * hidden, hidden)));
    }

    /** Gates in ONNX's order: input, output, forget, cell; peepholes input, output, forget. */
    private Value[] lstm(Value[] in, Value r, Value h, Value c) {
      Value i = peephole(n.b.add(in[0], recurrent(r, 0, h)), 0, c);
      Value f = peephole(n.b.add(in[2], recurrent(r, 2, h)), 2, c);
      Value g = n.b.add(in[3], recurrent(r, 3, h));
      i = activation(0, clipped(i));
      f = n.integer("input_forget", 0) != 0 ? n.b.sub(n.b.scalar(1), i) : activation(0, clipped(f));
      g = activation(1, clipped(g));
      Value nextC = n.b.add(n.b.mul(f, c), n.b.mul(i, g));
      Value o = peephole(n.b.add(in[1], recurrent(r, 1, h)), 1, nextC);
      o = activation(0, clipped(o));
      return new Value[] {n.b.mul(o, activation(2, clipped(nextC))), nextC};
    }

    /** Gates in ONNX's order: update, reset, hidden. */
    private Value gru(Value[] in, Value r, Value h) {
      Value z = activation(0, clipped(n.b.add(in[0], recurrent(r, 0, h))));
      Value reset = activation(0, clipped(n.b.add(in[1], recurrent(r, 1, h))));
      Value candidate;
      if (n.integer("linear_before_reset", 0) != 0) {
        candidate = n.b.add(in[2], n.b.mul(reset, recurrent(r, 2, h)));
      } else {
        candidate = n.b.add(in[2], recurrent(r, 2, n.b.mul(reset, h)));
      }
      candidate = activation(1, clipped(candidate));
      Value kept = n.b.mul(z, h);
      return n.b.add(n.b.mul(n.b.sub(n.b.scalar(1), z), candidate), kept);
    }

    private Value rnn(Value[] in, Value r, Value h) {
      return activation(0, clipped(n.b.add(in[0], recurrent(r, 0, h))));
    }
  }
}
