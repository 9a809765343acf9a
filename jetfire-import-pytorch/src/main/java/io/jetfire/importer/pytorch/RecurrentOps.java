package io.jetfire.importer.pytorch;

import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Recurrent;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** LSTM, GRU and plain recurrent layers. */
final class RecurrentOps {
  private RecurrentOps() {}

  /** The kinds of layers. */
  private enum Kind {
    LSTM,
    GRU,
    TANH,
    RELU
  }

  static void register(Map<String, Lowering> ops) {
    ops.put("lstm", c -> layers(c, Kind.LSTM));
    ops.put("gru", c -> layers(c, Kind.GRU));
    ops.put("rnn_tanh", c -> layers(c, Kind.TANH));
    ops.put("rnn_relu", c -> layers(c, Kind.RELU));
    ops.put("lstm_cell", c -> cell(c, Kind.LSTM));
    ops.put("gru_cell", c -> cell(c, Kind.GRU));
    ops.put("rnn_tanh_cell", c -> cell(c, Kind.TANH));
    ops.put("rnn_relu_cell", c -> cell(c, Kind.RELU));
  }

  /** A direction with weights in PyTorch's order: i, f, g, o of an LSTM, r, z, n of a GRU. */
  private static Recurrent recurrent(Call c, Kind kind, Value w, Value u) {
    return switch (kind) {
      case LSTM -> Recurrent.lstm(c.b, w, u);
      case GRU -> Recurrent.gru(c.b, w, u).order(1, 0, 2).resetAfter(true);
      case TANH -> Recurrent.plain(c.b, w, u);
      case RELU -> Recurrent.plain(c.b, w, u).activations(List.of(v -> c.b.unary(OpKind.RELU, v)));
    };
  }

  private static void layers(Call c, Kind kind) {
    if (c.has("batch_sizes")) {
      throw new Refusal(
          "its sequences are packed", "give padded sequences of one length to the layer");
    }
    if (c.real("dropout", 0) != 0 && c.flag("train", false)) {
      throw new Refusal("it drops elements at random", "call model.eval() before exporting");
    }
    Value x = c.tensor("input");
    boolean batchFirst = c.flag("batch_first", false);
    boolean batched = Build.rank(x) == 3;
    if (!batched) {
      x = c.b.unsqueeze(x, 1);
    } else if (batchFirst) {
      x = c.b.transpose(x, 1, 0, 2);
    }
    List<Value> params = c.tensors("params");
    boolean biases = c.flag("has_biases", true);
    int count = Build.repetitions(c.integer("num_layers", 1));
    int directions = c.flag("bidirectional", false) ? 2 : 1;
    List<Value> states = kind == Kind.LSTM ? c.tensors("hx") : List.of(c.tensor("hx"));
    int each = params.size() / Math.max(1, count * directions);
    if (each != (biases ? 4 : 2)) {
      throw new Refusal("it has " + params.size() + " weights", "use layers without projections");
    }
    List<Value> hidden = new ArrayList<>();
    List<Value> cells = new ArrayList<>();
    for (int layer = 0; layer < count; layer++) {
      List<Recurrent.Result> done = new ArrayList<>();
      for (int k = 0; k < directions; k++) {
        int at = layer * directions + k;
        List<Value> p = params.subList(at * each, (at + 1) * each);
        Recurrent r = recurrent(c, kind, p.get(0), p.get(1)).backwards(k == 1);
        if (biases) {
          r.biases(p.get(2), p.get(3));
        }
        r.initial(state(c, states, 0, at, batched), state(c, states, 1, at, batched));
        Recurrent.Result result = r.run(x);
        done.add(result);
        hidden.add(result.hidden());
        Value cell = kind == Kind.LSTM && c.isUsed(2) ? result.cell() : null;
        if (cell != null) {
          cells.add(cell);
        }
      }
      x = side(c, done);
    }
    Value y = batched ? (batchFirst ? c.b.transpose(x, 1, 0, 2) : x) : c.b.squeeze(x, 1);
    c.out(0, y);
    c.out(1, last(c, hidden, batched));
    if (!cells.isEmpty()) {
      c.out(2, last(c, cells, batched));
    }
  }

  private static @Nullable Value state(
      Call c, List<Value> states, int which, int at, boolean batched) {
    if (which >= states.size()) {
      return null;
    }
    Value s = c.b.slice(states.get(which), 0, at, 1);
    return batched ? c.b.squeeze(s, 0) : s;
  }

  private static Value last(Call c, List<Value> parts, boolean batched) {
    return batched ? Recurrent.stacked(c.b, parts) : c.b.concat(0, parts);
  }

  /** The directions' states side by side: steps, batch, directions times hidden. */
  private static Value side(Call c, List<Recurrent.Result> done) {
    return c.b.concat(2, done.stream().map(Recurrent.Result::sequence).toList());
  }

  /** A single step. */
  private static void cell(Call c, Kind kind) {
    Value x = c.tensor("input");
    List<Value> states = kind == Kind.LSTM ? c.tensors("hx") : List.of(c.tensor("hx"));
    boolean batched = Build.rank(x) == 2;
    Value one = batched ? c.b.unsqueeze(x, 0) : c.b.unsqueeze(x, 0, 1);
    Recurrent r = recurrent(c, kind, c.tensor("w_ih"), c.tensor("w_hh"));
    r.biases(c.optional("b_ih"), c.optional("b_hh"));
    Value h = batched ? states.get(0) : c.b.unsqueeze(states.get(0), 0);
    Value cells =
        states.size() < 2 ? null : batched ? states.get(1) : c.b.unsqueeze(states.get(1), 0);
    Recurrent.Result result = r.initial(h, cells).run(one);
    c.out(0, batched ? result.hidden() : c.b.squeeze(result.hidden(), 0));
    if (kind == Kind.LSTM) {
      Value next = Objects.requireNonNull(result.cell());
      c.out(1, batched ? next : c.b.squeeze(next, 0));
    }
  }
}
