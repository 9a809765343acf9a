package io.jetfire.importer.tensorflow;

import com.fasterxml.jackson.databind.JsonNode;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Recurrent;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Recurrent layers, and the wrappers around layers. */
final class KerasRecurrent {
  private KerasRecurrent() {}

  static void register(Map<String, KerasLayer> layers) {
    for (String name : new String[] {"LSTM", "GRU", "SimpleRNN", "CuDNNLSTM", "CuDNNGRU", "RNN"}) {
      layers.put(name, KerasRecurrent::layer);
    }
    layers.put("Bidirectional", KerasRecurrent::bidirectional);
    // Training keeps the kernel of the wrapped layer normalized.
    layers.put(
        "SpectralNormalization",
        c ->
            c.model.lower(
                c.config.path("layer"),
                c.weights.part("layer", null),
                c.arguments,
                c.named,
                c.depth));
    layers.put("TimeDistributed", KerasLayer.of(KerasRecurrent::timeDistributed));
  }

  /**
   * What a layer gives.
   *
   * @param steps steps, batch, features, in the order in which the layer runs over them
   * @param states the last hidden state, and what else was asked for
   */
  private record Run(Value steps, List<Value> states) {}

  private static List<Value> layer(Call c) {
    List<Value> all = c.tensors();
    List<Value> initial = new ArrayList<>(all.subList(1, all.size()));
    Object given = c.named.get("initial_state");
    if (given != null) {
      Call.flatten(given, initial);
    }
    boolean states = c.flag("return_state", false);
    Value mask = c.model.mask(c.x());
    boolean zeros = c.flag("zero_output_for_mask", false);
    Run run = run(c, c.x(), mask, zeros, c.className, c.config, c.weights, initial, states);
    List<Value> out = new ArrayList<>();
    boolean sequences = c.flag("return_sequences", false);
    out.add(sequences ? batchFirst(c.b, run.steps) : run.states.get(0));
    if (sequences && mask != null) {
      c.model.mask(out.get(0), mask);
    }
    if (states) {
      out.addAll(run.states);
    }
    return out;
  }

  private static Value batchFirst(Build b, Value steps) {
    return b.transpose(steps, 1, 0, 2);
  }

  /** The steps in the order in which the layer runs over them. */
  private static Run run(
      Call c,
      Value x,
      @Nullable Value mask,
      boolean zerosWhereMasked,
      String className,
      JsonNode config,
      KerasWeights weights,
      List<Value> initial,
      boolean wantsStates) {
    if (mask != null && !initial.isEmpty()) {
      throw new Refusal(
          "it takes a mask and a first state", "leave out one of them, or export a SavedModel");
    }
    if (config.path("stateful").asBoolean(false)) {
      throw new Refusal(
          "it keeps its state from one batch to the next",
          "build it stateless, with the state as input and output");
    }
    if (Build.rank(x) != 3) {
      throw new Refusal("its input is " + x.shape(), "give it batch, steps and features");
    }
    Value steps = c.b.transpose(x, 1, 0, 2);
    boolean backwards = config.path("go_backwards").asBoolean(false);
    List<String> kinds = new ArrayList<>();
    List<JsonNode> configs = new ArrayList<>();
    List<KerasWeights> cellWeights = new ArrayList<>();
    cells(className, config, weights, kinds, configs, cellWeights, 0);
    List<Value> states = new ArrayList<>();
    int used = 0;
    Recurrent.@Nullable Result last = null;
    for (int i = 0; i < kinds.size(); i++) {
      int needed = kinds.get(i).contains("LSTM") ? 2 : 1;
      List<Value> own =
          initial.size() >= used + needed ? initial.subList(used, used + needed) : List.of();
      used += needed;
      Recurrent layer =
          cell(c, kinds.get(i), configs.get(i), cellWeights.get(i), own)
              .backwards(i == 0 && backwards);
      if (mask != null && kinds.size() > 1) {
        throw new Refusal("a stack of cells takes a mask", "use a layer for each of the cells");
      }
      if (mask != null) {
        layer.masked(c.b.transpose(mask, 1, 0), zerosWhereMasked);
      }
      last = layer.run(steps);
      states.add(last.hidden());
      Value cell = wantsStates ? last.cell() : null;
      if (cell != null) {
        states.add(cell);
      }
      boolean turned = i == 0 && backwards;
      steps = turned ? c.b.reverse(last.sequence(), 0) : last.sequence();
    }
    if (last == null) {
      throw new Refusal("it has no cells", "save the model anew");
    }
    // The state of a stack that its last output is: the topmost cell's.
    if (kinds.size() > 1) {
      List<Value> out = new ArrayList<>();
      out.add(last.hidden());
      out.addAll(states);
      return new Run(steps, out);
    }
    return new Run(steps, states);
  }

  private static void cells(
      String className,
      JsonNode config,
      KerasWeights weights,
      List<String> kinds,
      List<JsonNode> configs,
      List<KerasWeights> cellWeights,
      int depth) {
    switch (className) {
      case "LSTM", "GRU", "SimpleRNN", "CuDNNLSTM", "CuDNNGRU" -> {
        kinds.add(className);
        configs.add(config);
        cellWeights.add(weights.part("cell", null));
      }
      case "LSTMCell", "GRUCell", "SimpleRNNCell" -> {
        kinds.add(className.substring(0, className.length() - 4));
        configs.add(config);
        cellWeights.add(weights);
      }
      case "RNN" -> {
        JsonNode cell = config.path("cell");
        cells(
            cell.path("class_name").asText(""),
            cell.path("config"),
            weights.part("cell", null),
            kinds,
            configs,
            cellWeights,
            depth + 1);
      }
      case "StackedRNNCells" -> {
        if (depth > 4) {
          throw new Refusal("stacks of cells inside each other", "use one stack");
        }
        List<KerasWeights.Named> names = new ArrayList<>();
        for (JsonNode cell : config.path("cells")) {
          names.add(
              new KerasWeights.Named(
                  cell.path("config").path("name").asText(""), cell.path("class_name").asText("")));
        }
        Map<String, KerasWeights> parts = weights.members("cells", names);
        int i = 0;
        for (JsonNode cell : config.path("cells")) {
          KerasWeights part = parts.get(names.get(i++).name());
          cells(
              cell.path("class_name").asText(""),
              cell.path("config"),
              part == null ? weights : part,
              kinds,
              configs,
              cellWeights,
              depth + 1);
        }
      }
      default ->
          throw new Refusal(
              "its cell is of the class '" + className + "'", "use LSTM, GRU or SimpleRNN cells");
    }
  }

  private static Recurrent cell(
      Call c, String kind, JsonNode config, KerasWeights weights, List<Value> initial) {
    boolean old = c.model.old;
    Value kernel = c.constant("kernel", weights.get(0, "kernel"));
    Value recurrent = c.constant("recurrent_kernel", weights.get(1, "recurrent_kernel"));
    Value w = c.b.transpose(kernel, 1, 0);
    Value u = c.b.transpose(recurrent, 1, 0);
    boolean cuda = kind.startsWith("CuDNN");
    boolean biased = cuda || config.path("use_bias").asBoolean(true);
    Value bias = biased ? c.constant("bias", weights.get(2, "bias")) : null;
    UnaryOperator<Value> activation = activation(c, config, "activation", "tanh", old);
    UnaryOperator<Value> gate =
        activation(
            c,
            config,
            "recurrent_activation",
            old && !cuda && config.path("recurrent_activation").isMissingNode()
                ? "hard_sigmoid"
                : "sigmoid",
            old);
    Value h = initial.isEmpty() ? null : initial.get(0);
    if (kind.endsWith("LSTM")) {
      Value cellState = initial.size() > 1 ? initial.get(1) : null;
      Recurrent r = Recurrent.lstm(c.b, w, u).initial(h, cellState);
      if (bias != null && cuda) {
        int half = bias.shape().dim(0) / 2;
        r.biases(c.b.slice(bias, 0, 0, half), c.b.slice(bias, 0, half, half));
      } else {
        r.biases(bias, null);
      }
      boolean usual =
          config.path("activation").asText("tanh").equals("tanh")
              && config
                  .path("recurrent_activation")
                  .asText(old && !cuda ? "" : "sigmoid")
                  .equals("sigmoid");
      return usual ? r : r.activations(List.of(gate, activation, activation));
    }
    if (kind.endsWith("GRU")) {
      Recurrent r = Recurrent.gru(c.b, w, u).initial(h, null);
      boolean after = cuda || config.path("reset_after").asBoolean(false);
      r.resetAfter(after);
      if (bias != null && Build.rank(bias) == 2) {
        int n = bias.shape().dim(1);
        r.biases(
            c.b.reshape(c.b.slice(bias, 0, 0, 1), n), c.b.reshape(c.b.slice(bias, 0, 1, 1), n));
      } else {
        r.biases(bias, null);
      }
      return r.activations(List.of(gate, activation));
    }
    return Recurrent.plain(c.b, w, u)
        .initial(h, null)
        .biases(bias, null)
        .activations(List.of(activation));
  }

  private static UnaryOperator<Value> activation(
      Call c, JsonNode config, String name, String otherwise, boolean old) {
    JsonNode n = config.path(name);
    if (n.isMissingNode()) {
      return v -> Activations.apply(c.b, otherwise, v, old);
    }
    return v -> Activations.apply(c.b, n, v, old);
  }

  // ---- wrappers

  private static List<Value> bidirectional(Call c) {
    JsonNode layer = c.config.path("layer");
    JsonNode config = layer.path("config");
    String className = layer.path("class_name").asText("");
    String name = config.path("name").asText("");
    String base = name.startsWith("forward_") ? name.substring("forward_".length()) : name;
    JsonNode backLayer = c.config.path("backward_layer");
    JsonNode backConfig = backLayer.isObject() ? backLayer.path("config") : config;
    String backClass = backLayer.isObject() ? backLayer.path("class_name").asText("") : className;
    KerasWeights forwardWeights = c.weights.part("forward_layer", "forward_" + base);
    KerasWeights backWeights =
        c.weights.part(
            "backward_layer",
            backLayer.isObject() ? backConfig.path("name").asText("") : "backward_" + base);
    List<Value> all = c.tensors();
    List<Value> initial = new ArrayList<>(all.subList(1, all.size()));
    Object given = c.named.get("initial_state");
    if (given != null) {
      Call.flatten(given, initial);
    }
    int half = initial.size() / 2;
    boolean states = config.path("return_state").asBoolean(false);
    Value mask = c.model.mask(c.x());
    boolean sequences = config.path("return_sequences").asBoolean(false);
    Run f =
        run(
            c,
            c.x(),
            mask,
            sequences,
            className,
            config,
            forwardWeights,
            initial.subList(0, half),
            states);
    Value reversed = c.b.reverse(c.x(), 1);
    Value reversedMask = mask == null ? null : c.b.reverse(mask, 1);
    boolean backwards = backConfig.path("go_backwards").asBoolean(false);
    // Keras runs the second layer over the reversed sequence, whichever way its copy says it.
    Run r =
        backLayer.isObject() && backwards
            ? run(
                c,
                c.x(),
                mask,
                sequences,
                backClass,
                backConfig,
                backWeights,
                tail(initial, half),
                states)
            : run(
                c,
                reversed,
                reversedMask,
                sequences,
                backClass,
                backConfig,
                backWeights,
                tail(initial, half),
                states);
    Value x = sequences ? batchFirst(c.b, f.steps) : f.states.get(0);
    Value y = sequences ? batchFirst(c.b, c.b.reverse(r.steps, 0)) : r.states.get(0);
    List<Value> out = new ArrayList<>();
    JsonNode mode = c.config.path("merge_mode");
    if (mode.isNull()) {
      out.add(x);
      out.add(y);
    } else {
      out.add(
          switch (mode.asText("concat")) {
            case "concat" -> c.b.concat(Build.rank(x) - 1, x, y);
            case "sum" -> c.b.add(x, y);
            case "mul" -> c.b.mul(x, y);
            case "ave" -> c.b.mul(c.b.add(x, y), 0.5);
            default -> throw new Refusal("the merge mode " + mode, "use concat, sum, mul or ave");
          });
    }
    if (sequences && mask != null && !mode.isNull()) {
      c.model.mask(out.get(0), mask);
    }
    if (states) {
      out.addAll(f.states);
      out.addAll(r.states);
    }
    return out;
  }

  private static List<Value> tail(List<Value> all, int from) {
    return all.subList(from, all.size());
  }

  private static Value timeDistributed(Call c) {
    JsonNode layer = c.config.path("layer");
    Value x = c.x();
    int[] d = x.shape().dims();
    KerasWeights weights = c.weights.part("layer", null);
    if (layer.path("class_name").asText("").equals("Dense")) {
      return one(c.model.lower(layer, weights, List.of(x), Map.of(), c.depth));
    }
    Build.fixedFrom(x, 1);
    if (d.length < 3) {
      throw new Refusal("its input is " + x.shape(), "give it batch, steps and features");
    }
    int[] merged = new int[d.length - 1];
    merged[0] = d[0] < 0 ? -1 : Math.multiplyExact(d[0], d[1]);
    System.arraycopy(d, 2, merged, 1, d.length - 2);
    Value y =
        one(c.model.lower(layer, weights, List.of(c.b.reshape(x, merged)), Map.of(), c.depth));
    int[] e = Build.fixedFrom(y, 1);
    int[] apart = new int[e.length + 1];
    apart[0] = d[0];
    apart[1] = d[1];
    System.arraycopy(e, 1, apart, 2, e.length - 1);
    return c.b.reshape(y, apart);
  }

  private static Value one(List<Value> results) {
    if (results.size() != 1) {
      throw new Refusal("a wrapped layer of " + results.size() + " results", "use one result");
    }
    return results.get(0);
  }
}
