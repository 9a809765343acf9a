package io.jetfire.tflite.importer.lowering;

import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * One direction of an LSTM, GRU or plain recurrent layer.
 *
 * <pre>{@code
 * Recurrent.Result r = Recurrent.lstm(b, w, u).biases(wb, ub).initial(h0, c0).run(x);
 * }</pre>
 *
 * <p>An LSTM of constant weights, the usual activations and a first state of zeros becomes one
 * UNIDIRECTIONAL_SEQUENCE_LSTM; everything else is unrolled over its steps, or from 32 steps on
 * becomes a WHILE, with the products of all inputs and gates as one layer. TFLite's operator keeps
 * its state from one call of the model to the next, which the sources do not. So a step is put
 * before the others that closes all gates: one more feature, 0 everywhere else, drives their sums
 * below -100, where the logistic function is 0 in float32, whatever the state was.
 *
 * <p>Gates are named input, forget, cell and output for an LSTM, update, reset and candidate for a
 * GRU; {@link #order} says where each lies in the weights. Not thread-safe.
 */
public final class Recurrent {
  /** From so many steps on a WHILE runs over them; the file would grow with their number. */
  private static final int LOOP_STEPS = 32;

  /** What pushes the gates' sums so far down that the logistic function is 0 in float32. */
  private static final float CLOSED = 100;

  private final Build b;
  private final int gates;
  private final Value w;
  private Value u;
  private final int hidden;
  private int[] order;
  private @Nullable Value inputBias;
  private @Nullable Value stateBias;
  private @Nullable Value initialHidden;
  private @Nullable Value initialCell;
  private @Nullable Value lengths;
  private @Nullable Value mask;
  private boolean zerosWhereMasked;
  private @Nullable Value peepholes;
  private boolean backwards;
  private boolean coupled;
  private boolean resetAfter;
  private double clip;
  private List<UnaryOperator<Value>> activations;
  private boolean usual = true;

  /** What a direction gives. */
  public static final class Result {
    private final Value sequence;
    private final Value hidden;
    private final @Nullable Supplier<Value> cell;

    private Result(Value sequence, Value hidden, @Nullable Supplier<Value> cell) {
      this.sequence = sequence;
      this.hidden = hidden;
      this.cell = cell;
    }

    /**
     * Returns the hidden states.
     *
     * @return steps, batch, hidden; in the order of the input's steps
     */
    public Value sequence() {
      return sequence;
    }

    /**
     * Returns the last hidden state.
     *
     * @return batch by hidden
     */
    public Value hidden() {
      return hidden;
    }

    /**
     * Returns the last cell state; costs operators, so ask for it only if it is wanted.
     *
     * @return batch by hidden; null unless it is an LSTM
     */
    public @Nullable Value cell() {
      return cell == null ? null : cell.get();
    }
  }

  private Recurrent(Build b, int gates, Value w, Value u) {
    this.b = b;
    this.gates = gates;
    this.w = w;
    this.u = u;
    hidden = Build.fixedFrom(u, 0)[1];
    order = new int[] {0, 1, 2, 3};
    UnaryOperator<Value> tanh = v -> b.unary(OpKind.TANH, v);
    UnaryOperator<Value> sigmoid = v -> Functions.sigmoid(b, v);
    activations =
        switch (gates) {
          case 4 -> List.of(sigmoid, tanh, tanh);
          case 3 -> List.of(sigmoid, tanh);
          default -> List.of(tanh);
        };
  }

  /**
   * Starts an LSTM.
   *
   * @param b where operators go
   * @param w the weights of the input, 4 hidden by features
   * @param u the weights of the state, 4 hidden by hidden
   * @return the layer
   */
  public static Recurrent lstm(Build b, Value w, Value u) {
    return new Recurrent(b, 4, w, u);
  }

  /**
   * Starts a GRU.
   *
   * @param b where operators go
   * @param w the weights of the input, 3 hidden by features
   * @param u the weights of the state, 3 hidden by hidden
   * @return the layer
   */
  public static Recurrent gru(Build b, Value w, Value u) {
    return new Recurrent(b, 3, w, u);
  }

  /**
   * Starts a plain recurrent layer.
   *
   * @param b where operators go
   * @param w the weights of the input, hidden by features
   * @param u the weights of the state, hidden by hidden
   * @return the layer
   */
  public static Recurrent plain(Build b, Value w, Value u) {
    return new Recurrent(b, 1, w, u);
  }

  /**
   * Sets where the gates lie in the weights.
   *
   * @param places of an LSTM's input, forget, cell and output gate, or of a GRU's update and reset
   *     gate and candidate
   * @return this
   */
  public Recurrent order(int... places) {
    order = places.clone();
    return this;
  }

  /**
   * Sets the biases.
   *
   * @param ofInput added to the products with the input, or null
   * @param ofState added to the products with the state, or null
   * @return this
   */
  public Recurrent biases(@Nullable Value ofInput, @Nullable Value ofState) {
    inputBias = ofInput;
    stateBias = ofState;
    return this;
  }

  /**
   * Sets the first state.
   *
   * @param h the hidden state, batch by hidden, or null for zeros
   * @param c the cell state, batch by hidden, or null for zeros
   * @return this
   */
  public Recurrent initial(@Nullable Value h, @Nullable Value c) {
    initialHidden = h;
    initialCell = c;
    return this;
  }

  /**
   * Runs from the last step to the first.
   *
   * @param reversed whether it does
   * @return this
   */
  public Recurrent backwards(boolean reversed) {
    backwards = reversed;
    return this;
  }

  /**
   * Sets how many steps count per sample; beyond them a sample keeps its state and gives zeros.
   *
   * @param steps INT32, batch by 1, or null if all count
   * @return this
   */
  public Recurrent lengths(@Nullable Value steps) {
    lengths = steps;
    return this;
  }

  /**
   * Sets which steps count per sample; at others it keeps its state.
   *
   * @param steps BOOL, steps by batch
   * @param zeros whether the sequence has zeros at the others, else the state before
   * @return this
   */
  public Recurrent masked(Value steps, boolean zeros) {
    mask = steps;
    zerosWhereMasked = zeros;
    return this;
  }

  /**
   * Sets the weights from the cell to the gates of an LSTM.
   *
   * @param weights those of the input, the output and the forget gate in a row, or null
   * @return this
   */
  public Recurrent peepholes(@Nullable Value weights) {
    peepholes = weights;
    return this;
  }

  /**
   * Ties the forget gate of an LSTM to its input gate.
   *
   * @param tied whether forget is 1 - input
   * @return this
   */
  public Recurrent coupled(boolean tied) {
    coupled = tied;
    return this;
  }

  /**
   * Applies the reset gate of a GRU after the product with the state, as PyTorch and cuDNN do.
   *
   * @param after whether it does
   * @return this
   */
  public Recurrent resetAfter(boolean after) {
    resetAfter = after;
    return this;
  }

  /**
   * Limits what goes into activations.
   *
   * @param most the limit of magnitudes, 0 for none
   * @return this
   */
  public Recurrent clip(double most) {
    clip = most;
    return this;
  }

  /**
   * Sets the activations.
   *
   * @param functions of gates, cell and output of an LSTM, of gates and candidate of a GRU, or of a
   *     plain layer
   * @return this
   */
  public Recurrent activations(List<UnaryOperator<Value>> functions) {
    activations = List.copyOf(functions);
    usual = false;
    return this;
  }

  /**
   * Appends the layer.
   *
   * @param x steps, batch, features; fixed
   * @return the states
   * @throws Refusal if its input has no fixed shape of three dimensions
   */
  public Result run(Value x) {
    int[] d = Build.fixedFrom(x, 0);
    if (d.length != 3) {
      throw new Refusal("a recurrent layer of " + x.shape(), "give it steps, batch and features");
    }
    int[] rows = Build.fixedFrom(u, 0);
    if (rows[0] != gates * hidden || Build.fixedFrom(w, 0)[0] != rows[0]) {
      throw new Refusal(
          "its weights " + w.shape() + " and " + u.shape() + " are not of " + gates + " gates",
          "use layers without projections");
    }
    for (Value first : Arrays.asList(initialHidden, initialCell)) {
      if (first != null && first.shape().hasRank() && first.shape().dim(-1) != hidden) {
        throw new Refusal(
            "its first state is " + first.shape() + " and not of " + hidden + " elements",
            "use layers without projections");
      }
    }
    return fits() && d[0] > 1 ? sequence(x, d) : stepwise(x, d);
  }

  private Result stepwise(Value x, int[] d) {
    return d[0] < LOOP_STEPS ? unrolled(x, d) : looped(x, d);
  }

  /** The layer as a WHILE, whose size does not grow with the number of steps. */
  private Result looped(Value x, int[] d) {
    final int steps = d[0];
    Value fromInput = layer(x, w, inputBias);
    List<Value> first = new ArrayList<>();
    first.add(initialHidden == null ? zeros(d[1]) : initialHidden);
    if (gates == 4) {
      first.add(initialCell == null ? zeros(d[1]) : initialCell);
    }
    Value outerU = u;
    Value outerBias = stateBias;
    Value outerPeepholes = peepholes;
    Value outerLengths = lengths;
    Value outerMask = mask;
    List<Value> after;
    try {
      after =
          ControlFlow.times(
              b,
              "recurrent",
              steps,
              first,
              (states, round, outer) -> {
                u = outer.of(outerU);
                stateBias = outerBias == null ? null : outer.of(outerBias);
                peepholes = outerPeepholes == null ? null : outer.of(outerPeepholes);
                lengths = outerLengths == null ? null : outer.of(outerLengths);
                mask = outerMask == null ? null : outer.of(outerMask);
                Value t = backwards ? b.sub(b.scalar(ElementType.INT32, steps - 1), round) : round;
                Step next = step(b.gather(outer.of(fromInput), t, 0), states, t);
                List<Value> results = new ArrayList<>(next.states);
                results.add(next.output);
                return results;
              });
    } finally {
      u = outerU;
      stateBias = outerBias;
      peepholes = outerPeepholes;
      lengths = outerLengths;
      mask = outerMask;
    }
    Value collected = after.get(after.size() - 1);
    return new Result(
        backwards ? b.reverse(collected, 0) : collected,
        after.get(0),
        gates == 4 ? () -> after.get(1) : null);
  }

  /** The states after a step, and what the sequence has for it. */
  private record Step(List<Value> states, Value output) {}

  private Step step(Value input, List<Value> states, Value t) {
    Value h = states.get(0);
    List<Value> next = new ArrayList<>();
    if (gates == 4) {
      next.addAll(Arrays.asList(lstm(input, h, states.get(1))));
    } else {
      next.add(gates == 3 ? gru(input, h) : plain(input, h));
    }
    Value inside;
    Value outside;
    if (lengths != null) {
      inside = b.compare(OpKind.GREATER, lengths, t);
      outside = b.mul(next.get(0), 0);
    } else if (mask != null) {
      inside = b.unsqueeze(b.gather(mask, t, 0), 1);
      outside = zerosWhereMasked ? b.mul(next.get(0), 0) : h;
    } else {
      return new Step(next, next.get(0));
    }
    Value output = b.select(inside, next.get(0), outside);
    for (int i = 0; i < next.size(); i++) {
      next.set(i, b.select(inside, next.get(i), states.get(i)));
    }
    return new Step(next, output);
  }

  private Result unrolled(Value x, int[] d) {
    int steps = d[0];
    Value fromInput = layer(x, w, inputBias);
    List<Value> states = new ArrayList<>();
    states.add(initialHidden == null ? zeros(d[1]) : initialHidden);
    if (gates == 4) {
      states.add(initialCell == null ? zeros(d[1]) : initialCell);
    }
    List<Value> out = new ArrayList<>();
    for (int s = 0; s < steps; s++) {
      int t = backwards ? steps - 1 - s : s;
      Value input = b.squeeze(b.slice(fromInput, 0, t, 1), 0);
      Step next = step(input, states, b.scalar(ElementType.INT32, t));
      states = next.states;
      out.add(next.output);
    }
    if (backwards) {
      Collections.reverse(out);
    }
    List<Value> last = states;
    return new Result(stacked(b, out), last.get(0), gates == 4 ? () -> last.get(1) : null);
  }

  // ---- TFLite's own operator

  private boolean fits() {
    return gates == 4
        && usual
        && clip == 0
        && !coupled
        && lengths == null
        && mask == null
        && peepholes == null
        && isFloat(w)
        && isFloat(u)
        && (inputBias == null || isFloat(inputBias))
        && (stateBias == null || isFloat(stateBias))
        && isZero(initialHidden)
        && isZero(initialCell);
  }

  private static boolean isFloat(Value v) {
    return v.isConstant() && v.type() == ElementType.FLOAT32;
  }

  private static boolean isZero(@Nullable Value v) {
    if (v == null) {
      return true;
    }
    if (!isFloat(v)) {
      return false;
    }
    for (float f : v.floats()) {
      if (f != 0) {
        return false;
      }
    }
    return true;
  }

  private Result sequence(Value x, int[] d) {
    float[] ofInput = w.floats();
    float[] ofState = u.floats();
    float[] biases = new float[4 * hidden];
    for (Value bias : Arrays.asList(inputBias, stateBias)) {
      if (bias != null) {
        float[] more = bias.floats();
        for (int i = 0; i < biases.length; i++) {
          biases[i] += more[i];
        }
      }
    }
    int features = d[2];
    float[] largest = new float[4];
    float[] needed = new float[4 * hidden];
    float reset = 1;
    for (int g = 0; g < 4; g++) {
      for (int i = g * hidden * features; i < (g + 1) * hidden * features; i++) {
        largest[g] = Math.max(largest[g], Math.abs(ofInput[i]));
      }
      largest[g] = largest[g] == 0 ? 1 : largest[g];
      for (int r = g * hidden; r < (g + 1) * hidden; r++) {
        // The state lies between -1 and 1.
        needed[r] = CLOSED + Math.abs(biases[r]);
        for (int i = r * hidden; i < (r + 1) * hidden; i++) {
          needed[r] += Math.abs(ofState[i]);
        }
        // The new weights stay within the range of the others, for those who quantize them.
        reset = Math.max(reset, needed[r] / largest[g]);
      }
    }
    List<@Nullable Value> inputs = new ArrayList<>();
    Value padded = b.pad(x, new int[] {0, 0, 0, 0, 0, 1}, b.scalar(0));
    float[] first = new float[d[1] * (features + 1)];
    for (int i = 0; i < d[1]; i++) {
      first[i * (features + 1) + features] = reset;
    }
    inputs.add(
        b.concat(
            0,
            b.floats(Shape.of(1, d[1], features + 1), first),
            backwards ? b.reverse(padded, 0) : padded));
    for (int k = 0; k < 4; k++) {
      int g = order[k];
      float[] weights = new float[hidden * (features + 1)];
      for (int r = 0; r < hidden; r++) {
        System.arraycopy(
            ofInput, (g * hidden + r) * features, weights, r * (features + 1), features);
        // The cell gate (2) may do what it wants behind a closed input gate.
        weights[r * (features + 1) + features] = k == 2 ? 0 : -needed[g * hidden + r] / reset;
      }
      inputs.add(b.floats(Shape.of(hidden, features + 1), weights));
    }
    for (int k = 0; k < 4; k++) {
      inputs.add(part(u, order[k]));
    }
    for (int i = 0; i < 3; i++) {
      inputs.add(null);
    }
    for (int k = 0; k < 4; k++) {
      int from = order[k] * hidden;
      inputs.add(b.floats(Shape.of(hidden), Arrays.copyOfRange(biases, from, from + hidden)));
    }
    inputs.add(null);
    inputs.add(null);
    inputs.add(state("output_state", d[1]));
    inputs.add(state("cell_state", d[1]));
    for (int i = 0; i < 4; i++) {
      inputs.add(null);
    }
    Value all =
        b.emit(
            Op.of(OpKind.UNIDIRECTIONAL_SEQUENCE_LSTM)
                .set("fused_activation_function", Activation.TANH)
                .set("time_major", true)
                .inputs(inputs));
    Value steps = b.slice(all, 0, 1, d[0]);
    Value last = b.squeeze(b.slice(all, 0, d[0], 1), 0);
    return new Result(
        backwards ? b.reverse(steps, 0) : steps,
        last,
        () -> Objects.requireNonNull(stepwise(x, d).cell()));
  }

  private Value state(String name, int batch) {
    return b.subgraph().addValue(name, ElementType.FLOAT32, Shape.of(batch, hidden)).variable(true);
  }

  private Value zeros(int batch) {
    return b.filled(ElementType.FLOAT32, 0, batch, hidden);
  }

  private Value layer(Value v, Value weights, @Nullable Value bias) {
    return Matrices.linear(b, v, weights, bias);
  }

  private Value part(Value all, int place) {
    return b.slice(all, 0, place * hidden, hidden);
  }

  /** The products with the state, of all gates at once. */
  private Value recurrent(Value h) {
    return layer(h, u, stateBias);
  }

  /** The gates of a row, in the order in which this class names them. */
  private Value[] split(Value row) {
    int[] sizes = new int[gates];
    Arrays.fill(sizes, hidden);
    List<Value> parts = Indexing.split(b, row, 1, sizes);
    Value[] out = new Value[gates];
    for (int g = 0; g < gates; g++) {
      out[g] = parts.get(order[g]);
    }
    return out;
  }

  private Value activation(int which, Value v) {
    return activations.get(which).apply(clip > 0 ? b.clamp(v, -clip, clip) : v);
  }

  private Value peephole(Value gate, int which, Value c) {
    return peepholes == null
        ? gate
        : b.add(gate, b.mul(c, b.slice(peepholes, 0, which * hidden, hidden)));
  }

  private Value[] lstm(Value in, Value h, Value c) {
    Value[] gate = split(b.add(in, recurrent(h)));
    Value i = activation(0, peephole(gate[0], 0, c));
    Value f = coupled ? b.sub(b.scalar(1), i) : activation(0, peephole(gate[1], 2, c));
    Value g = activation(1, gate[2]);
    Value nextC = b.add(b.mul(f, c), b.mul(i, g));
    Value o = activation(0, peephole(gate[3], 1, nextC));
    return new Value[] {b.mul(o, activation(2, nextC)), nextC};
  }

  private Value gru(Value in, Value h) {
    Value[] x = split(in);
    Value[] own = split(recurrent(h));
    Value z = activation(0, b.add(x[0], own[0]));
    Value reset = activation(0, b.add(x[1], own[1]));
    Value fromState;
    if (resetAfter) {
      fromState = b.mul(reset, own[2]);
    } else {
      int at = order[2] * hidden;
      Value bias = stateBias == null ? null : b.slice(stateBias, 0, at, hidden);
      fromState = layer(b.mul(reset, h), b.slice(u, 0, at, hidden), bias);
    }
    Value candidate = activation(1, b.add(x[2], fromState));
    // z h + (1 - z) n = n + z (h - n)
    return b.add(candidate, b.mul(z, b.sub(h, candidate)));
  }

  private Value plain(Value in, Value h) {
    return activation(0, b.add(in, recurrent(h)));
  }

  /**
   * Joins the steps of one or two directions.
   *
   * @param b where operators go
   * @param directions what the directions gave
   * @return steps, directions, batch, hidden
   */
  public static Value joined(Build b, List<Result> directions) {
    return b.concat(1, directions.stream().map(r -> b.unsqueeze(r.sequence, 1)).toList());
  }

  /**
   * Stacks tensors of one shape along a new first dimension.
   *
   * @param b where operators go
   * @param parts the tensors
   * @return the stack
   */
  public static Value stacked(Build b, List<Value> parts) {
    return b.concat(0, parts.stream().map(v -> b.unsqueeze(v, 0)).toList());
  }
}
