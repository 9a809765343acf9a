package io.jetfire.tflite.quantize;

import io.jetfire.Float16;
import io.jetfire.Recipe.Precision;
import io.jetfire.TensorType;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Writes the quantized form of one subgraph into a copy of its graph.
 *
 * <p>Every value has the form in which it is produced; a consumer that wants another form gets a
 * QUANTIZE or DEQUANTIZE, which consumers with equal wishes share. Weights are rounded to nearest
 * here; {@link Refiner} improves them.
 */
final class Rewriter {
  /** As TensorFlow's converter: smaller weights save less than their scales cost. */
  static final int LEAST_DYNAMIC_ELEMENTS = 1024;

  /** Blocks of weights were seen to run on this runtime; older ones are not trusted with them. */
  static final String BLOCKS_SINCE = "2.21.0";

  private static final float MAX_HALF = 65504f;

  private final Subgraph source;
  private final Subgraph target;
  private final Selection selection;
  private final @Nullable ActivationPlan plan;
  private final TensorType edgeType;
  private final int weightBits;
  private final int weightBlockSize;
  private final Target runtime;
  private final SharedWeights shared;
  private final List<String> notes;
  private final List<Layer> layers = new ArrayList<>();
  private final Map<Value, Parameters> produced = new IdentityHashMap<>();
  private final Map<Value, Map<Object, Value>> forms = new IdentityHashMap<>();
  private final Map<Value, Value> moved = new IdentityHashMap<>();
  private final Map<String, List<String>> eightBits = new LinkedHashMap<>();
  private int clamped;
  private int inBlocks;

  /**
   * Prepares a rewriting.
   *
   * @param source the float subgraph
   * @param target its copy, which is rewritten
   * @param selection what every operator gets
   * @param plan the parameters of activations, or null if nothing is quantized in advance
   * @param edgeType of inputs and outputs
   * @param weightBits of integer weights
   * @param weightBlockSize weights that share a scale, or 0 for one scale per output
   * @param runtime the oldest runtime that must execute the result
   * @param shared constants that other subgraphs use as well
   * @param notes collects what the user should know
   */
  Rewriter(
      Subgraph source,
      Subgraph target,
      Selection selection,
      @Nullable ActivationPlan plan,
      TensorType edgeType,
      int weightBits,
      int weightBlockSize,
      Target runtime,
      SharedWeights shared,
      List<String> notes) {
    this.source = source;
    this.target = target;
    this.selection = selection;
    this.plan = plan;
    this.edgeType = edgeType;
    this.weightBits = weightBits;
    this.weightBlockSize = weightBlockSize;
    this.runtime = runtime;
    this.shared = shared;
    this.notes = notes;
  }

  /** Rewrites the subgraph and returns its layers in the order of execution. */
  List<Layer> rewrite() {
    List<Op> ops = List.copyOf(target.ops());
    inputs();
    for (int i = 0; i < ops.size(); i++) {
      Op from = source.ops().get(i);
      Op op = ops.get(i);
      if (OperatorRules.looksAtShapeAlone(op.kind())) {
        op.inputs(op.inputs().stream().map(v -> v == null ? null : current(v)).toList());
        continue;
      }
      switch (selection.precision(from)) {
        case FULL_INTEGER, INT16X8 -> integer(from, op);
        case FLOAT16 -> {
          floatInputs(op);
          half(op);
        }
        case DYNAMIC_RANGE, WEIGHT_ONLY -> {
          floatInputs(op);
          weights(from, op, selection.precision(from) == Precision.DYNAMIC_RANGE);
        }
        default -> {
          floatInputs(op);
          remember(from, op);
        }
      }
    }
    outputs();
    target.removeDead();
    if (clamped > 0) {
      notes.add(clamped + " weights beyond 65504 were clamped to the largest 16-bit float");
    }
    eightBits.forEach(
        (why, which) ->
            notes.add("Weights of 8 bits, because " + why + ": " + String.join(", ", which)));
    if (inBlocks > 0) {
      // Measured on 2.21: the reference kernel takes blocks without an error and ignores them.
      notes.add(
          inBlocks
              + " layer(s) have weights in blocks of "
              + weightBlockSize
              + ", which XNNPACK alone computes with; without it the model gives wrong numbers");
    }
    return layers;
  }

  // ---- edges

  private void inputs() {
    if (plan == null) {
      return;
    }
    for (int i = 0; i < source.inputs().size(); i++) {
      Optional<Parameters> p = plan.input(source.inputs().get(i));
      Value v = target.inputs().get(i);
      if (p.isEmpty() || edgeType == TensorType.FLOAT32) {
        continue;
      }
      boolean fits = (p.get().type() == ElementType.INT16) == (edgeType == TensorType.INT16);
      if (!fits) {
        continue;
      }
      if (edgeType == TensorType.UINT8) {
        v.type(ElementType.UINT8)
            .quantization(Quantization.perTensor(p.get().scale(), p.get().zeroPoint() + 128));
        Value q = target.addValue(v.name() + "_int8", ElementType.INT8, v.shape());
        q.quantization(p.get().quantization());
        List<Op> users = v.consumers();
        target.insert(0, Op.of(OpKind.QUANTIZE).inputs(v).outputs(q));
        produced.put(q, p.get());
        for (Op user : users) {
          replaceInput(user, v, q);
        }
      } else {
        retype(v, p.get());
      }
    }
  }

  private void outputs() {
    for (int i = 0; i < target.outputs().size(); i++) {
      Value v = target.outputs().get(i);
      Value q = moved.get(v);
      if (q == null || v.producer().isPresent()) {
        continue;
      }
      Parameters p = parameters(q);
      boolean wide = p.type() == ElementType.INT16;
      if (edgeType == TensorType.UINT8 && !wide) {
        v.type(ElementType.UINT8)
            .quantization(Quantization.perTensor(p.scale(), p.zeroPoint() + 128));
        target.append(Op.of(OpKind.QUANTIZE).inputs(q).outputs(v));
      } else {
        target.append(Op.of(OpKind.DEQUANTIZE).inputs(q).outputs(v));
      }
    }
  }

  private Parameters parameters(Value v) {
    Parameters p = produced.get(v);
    if (p == null) {
      throw new IllegalStateException(v.name() + " is not quantized");
    }
    return p;
  }

  /** Makes a value that the operator of the copy produces an integer one. */
  private void retype(Value v, Parameters p) {
    v.type(p.type()).quantization(p.quantization());
    produced.put(v, p);
  }

  // ---- forms of activations

  private static void replaceInput(Op op, Value old, Value replacement) {
    List<@Nullable Value> changed = new ArrayList<>(op.inputs());
    changed.replaceAll(v -> v == old ? replacement : v);
    op.inputs(changed);
  }

  private Value form(Value v, Object key, Supplier<Value> make) {
    Map<Object, Value> known = forms.computeIfAbsent(v, k -> new HashMap<>());
    Value found = known.get(key);
    if (found == null) {
      found = make.get();
      known.put(key, found);
    }
    return found;
  }

  /** What an operator of the copy reads when it reads {@code v}. */
  private Value current(Value v) {
    return moved.getOrDefault(v, v);
  }

  private Value asFloat(Op user, Value original) {
    Value v = current(original);
    Parameters p = produced.get(v);
    if (p == null) {
      return v;
    }
    return form(
        v,
        "float",
        () -> {
          Value f = target.addValue(v.name() + "_float", ElementType.FLOAT32, v.shape());
          target.insertBefore(user, Op.of(OpKind.DEQUANTIZE).inputs(v).outputs(f));
          return f;
        });
  }

  private Value asInteger(Op user, Value original, Parameters wanted) {
    Value v = current(original);
    if (wanted.equals(produced.get(v))) {
      return v;
    }
    Parameters has = produced.get(v);
    if (has != null && has.type() == ElementType.INT8 && wanted.type() == ElementType.INT16) {
      // QUANTIZE does not widen; by way of floats nothing is lost.
      Value f = asFloat(user, original);
      return form(f, wanted, () -> quantized(user, f, v.name(), wanted));
    }
    return form(v, wanted, () -> quantized(user, v, v.name(), wanted));
  }

  private Value quantized(Op user, Value v, String name, Parameters wanted) {
    String suffix = wanted.type() == ElementType.INT8 ? "_int8" : "_int16";
    Value q = target.addValue(name + suffix, wanted.type(), v.shape());
    q.quantization(wanted.quantization());
    produced.put(q, wanted);
    target.insertBefore(user, Op.of(OpKind.QUANTIZE).inputs(v).outputs(q));
    return q;
  }

  private void floatInputs(Op op) {
    for (int i = 0; i < op.inputs().size(); i++) {
      Value v = op.inputs().get(i);
      if (v != null && (produced.containsKey(current(v)) || moved.containsKey(v))) {
        op.input(i, asFloat(op, v));
      }
    }
  }

  // ---- integer operators

  private void integer(Op from, Op op) {
    ActivationPlan p = plan;
    if (p == null) {
      throw new IllegalStateException("integer operators need a plan of activations");
    }
    OperatorRules.Rule rule = OperatorRules.of(op.kind()).orElseThrow();
    ElementType type = selection.integerType(from);
    for (int i = 0; i < op.inputs().size(); i++) {
      Value v = op.inputs().get(i);
      Value original = from.inputs().get(i);
      if (v == null || original == null) {
        continue;
      }
      if (!rule.takes(i) || original.type() != ElementType.FLOAT32) {
        if (rule.tie() != OperatorRules.Tie.WEIGHTS && produced.containsKey(current(v))) {
          op.input(i, asFloat(op, v));
        }
        continue;
      }
      Parameters wanted = p.wanted(from, i);
      op.input(i, original.isConstant() ? constant(v, original, wanted) : asInteger(op, v, wanted));
    }
    if (rule.tie() == OperatorRules.Tie.WEIGHTS) {
      layer(from, op, p.wanted(from, OperatorRules.activationInput(op.kind())));
    }
    if (type == ElementType.INT16 && op.has("pot_scale_int16")) {
      op.set("pot_scale_int16", false);
    }
    if (rule.tie() == OperatorRules.Tie.NO_OUTPUT) {
      return;
    }
    for (int i = 0; i < op.outputs().size(); i++) {
      Value out = op.output(i);
      Parameters made = p.produced(from.output(i));
      if (out.isOutput() && !integerEdge(made)) {
        Value q =
            target.addValue(
                out.name() + (made.type() == ElementType.INT8 ? "_int8" : "_int16"),
                made.type(),
                out.shape());
        op.output(i, q);
        retype(q, made);
        moved.put(out, q);
      } else {
        retype(out, made);
      }
    }
  }

  private boolean integerEdge(Parameters p) {
    return edgeType == TensorType.INT8 && p.type() == ElementType.INT8
        || edgeType == TensorType.INT16 && p.type() == ElementType.INT16;
  }

  private Value constant(Value v, Value original, Parameters p) {
    return form(
        v,
        p,
        () -> {
          float[] data = original.floats();
          Weights w;
          if (p.type() == ElementType.INT8) {
            byte[] q = new byte[data.length];
            for (int i = 0; i < data.length; i++) {
              q[i] = (byte) p.quantize(data[i]);
            }
            w = Weights.of(q);
          } else {
            short[] q = new short[data.length];
            for (int i = 0; i < data.length; i++) {
              q[i] = (short) p.quantize(data[i]);
            }
            w = Weights.of(q);
          }
          Value c = target.addConstant(v.name() + "_q", p.type(), v.shape(), w);
          c.quantization(p.quantization());
          return c;
        });
  }

  // ---- layers

  /** Whether scales of a layer's weights may differ by output. */
  static boolean perChannel(OpKind kind, boolean hybrid, Target runtime) {
    return kind != OpKind.FULLY_CONNECTED || runtime.atLeast(hybrid ? "2.17.0" : "2.13.0");
  }

  /** Bits of a layer's weights: those of the recipe, or 8 where its kernels take no fewer. */
  static int bits(Op from, boolean integer, int weightBits) {
    boolean taken = from.kind() == OpKind.CONV_2D || from.kind() == OpKind.FULLY_CONNECTED;
    return taken && !isSingle(from, integer) ? weightBits : 8;
  }

  /**
   * Whether a layer has one output beside integer activations. Measured on 2.21: with one scale
   * XNNPACK refuses 4-bit weights then.
   */
  private static boolean isSingle(Op from, boolean integer) {
    OpKind kind = from.kind();
    return kind == OpKind.FULLY_CONNECTED
        && integer
        && LayerWeights.outputs(kind, from.input(OperatorRules.weightInput(kind))) == 1;
  }

  private int bits(Op from, boolean integer) {
    int bits = bits(from, integer, weightBits);
    if (bits == weightBits) {
      return bits;
    }
    eightBits
        .computeIfAbsent(
            isSingle(from, integer)
                ? "a layer with one output has no 4-bit form beside integer activations"
                : from.name() + " has no 4-bit form",
            k -> new ArrayList<>())
        .add(Selection.describe(from));
    return bits;
  }

  private void layer(Op from, Op op, Parameters input) {
    OpKind kind = op.kind();
    Value w = from.input(OperatorRules.weightInput(kind));
    boolean wide = input.type() == ElementType.INT16;
    boolean perChannel = perChannel(kind, false, runtime);
    int bits = bits(from, true);
    float[][] rows = LayerWeights.rows(kind, w);
    float[] bias = bias(from).orElseGet(() -> new float[rows.length]);
    WeightFit.Fitted fitted =
        WeightFit.fit(
            rows,
            bias,
            null,
            null,
            Refiner.minimumScales(bias, input.scale()),
            new WeightFit.Settings(bits, perChannel, false, false, false, 0));
    Value weights =
        target.addConstant(
            w.name() + "_q" + bits,
            bits == 4 ? ElementType.INT4 : ElementType.INT8,
            w.shape(),
            Refiner.pack(kind, fitted.integers(), bits));
    weights.quantization(Refiner.quantization(kind, fitted.scales()));
    op.input(OperatorRules.weightInput(kind), weights);
    ElementType biasType = wide ? ElementType.INT64 : ElementType.INT32;
    Value biasValue = null;
    int b = OperatorRules.biasInput(kind);
    if (from.optionalInput(b).isPresent() || biasMayBeAdded(kind)) {
      biasValue =
          target.addConstant(
              biasName(from, b),
              biasType,
              Shape.of(bias.length),
              Refiner.integerBias(bias, input.scale(), fitted.scales(), wide));
      biasValue.quantization(Refiner.biasQuantization(input.scale(), fitted.scales(), bias.length));
      setInput(op, b, biasValue);
    }
    layers.add(
        new Layer(
            from,
            op,
            from.input(OperatorRules.activationInput(kind)),
            op.input(OperatorRules.activationInput(kind)),
            weights,
            biasValue,
            bits,
            perChannel,
            input.scale(),
            biasType,
            isShared(w)));
  }

  /** Whether not this layer alone decides what its weights become. */
  private boolean isShared(Value weights) {
    return weights.useCount() > 1 || shared.contains(weights);
  }

  /** A transposed convolution takes a bias only since version 3, so it keeps what it has. */
  private static boolean biasMayBeAdded(OpKind kind) {
    return kind != OpKind.TRANSPOSE_CONV;
  }

  private static String biasName(Op from, int b) {
    return from.optionalInput(b).map(v -> v.name() + "_q").orElse(from.output(0).name() + "_bias");
  }

  static void setInput(Op op, int index, Value value) {
    List<@Nullable Value> inputs = new ArrayList<>(op.inputs());
    while (inputs.size() <= index) {
      inputs.add(null);
    }
    inputs.set(index, value);
    op.inputs(inputs);
  }

  private static Optional<float[]> bias(Op op) {
    int b = OperatorRules.biasInput(op.kind());
    return b < 0
        ? Optional.empty()
        : op.optionalInput(b).filter(Value::isConstant).map(Value::floats);
  }

  /** Remembers a layer that keeps float weights: its bias can still be corrected. */
  private void remember(Op from, Op op) {
    OpKind kind = op.kind();
    if (!isLayer(from)) {
      return;
    }
    Value w = from.input(OperatorRules.weightInput(kind));
    Value weights = op.input(OperatorRules.weightInput(kind));
    layers.add(floatLayer(from, op, weights, 0, false, isShared(w)));
  }

  /** Whether an operator is a float layer with constant weights that the fitting understands. */
  static boolean isLayer(Op op) {
    return OperatorRules.of(op.kind()).filter(r -> r.tie() == OperatorRules.Tie.WEIGHTS).isPresent()
        && op.optionalInput(OperatorRules.weightInput(op.kind()))
            .filter(w -> w.isConstant() && w.type() == ElementType.FLOAT32)
            .isPresent()
        && op.optionalInput(OperatorRules.biasInput(op.kind()))
            .map(b -> b.isConstant() && b.type() == ElementType.FLOAT32)
            .orElse(true);
  }

  // ---- float operators with small weights

  private void half(Op op) {
    if (op.inputs().stream()
        .anyMatch(v -> v != null && v.quantization().isPresent() && !v.type().isFloat())) {
      // A hybrid operator that the model came with: its kernel wants its other constants as they
      // are.
      return;
    }
    for (int i = 0; i < op.inputs().size(); i++) {
      Value v = op.inputs().get(i);
      if (v == null || !v.isConstant() || v.type() != ElementType.FLOAT32) {
        continue;
      }
      op.input(
          i,
          form(
              v,
              "half",
              () -> {
                float[] data = v.floats();
                short[] halves = new short[data.length];
                for (int k = 0; k < data.length; k++) {
                  float x = data[k];
                  if (Math.abs(x) > MAX_HALF && Float.isFinite(x)) {
                    x = Math.copySign(MAX_HALF, x);
                    clamped++;
                  }
                  halves[k] = Float16.fromFloat(x);
                }
                Value h =
                    target.addConstant(
                        v.name() + "_half", ElementType.FLOAT16, v.shape(), Weights.of(halves));
                Value f = target.addValue(v.name() + "_float", ElementType.FLOAT32, v.shape());
                target.insertBefore(op, Op.of(OpKind.DEQUANTIZE).inputs(h).outputs(f));
                return f;
              }));
    }
  }

  private void weights(Op from, Op op, boolean hybrid) {
    OpKind kind = op.kind();
    if (isLayer(from)) {
      Value w = from.input(OperatorRules.weightInput(kind));
      boolean dynamic = hybrid && kind != OpKind.TRANSPOSE_CONV;
      if (w.shape().elementCount() < LEAST_DYNAMIC_ELEMENTS) {
        remember(from, op);
        return;
      }
      quantizeWeights(from, op, w, dynamic);
      return;
    }
    if (OperatorRules.isRecurrent(kind)) {
      recurrentWeights(from, op, hybrid);
      return;
    }
    for (int i : otherWeights(from)) {
      Value w = from.input(i);
      if (w.isConstant()
          && w.type() == ElementType.FLOAT32
          && w.shape().elementCount() >= LEAST_DYNAMIC_ELEMENTS) {
        boolean direct = hybrid && kind != OpKind.GATHER;
        op.input(i, plainWeights(op, op.input(i), w, direct));
        if (direct && op.has("asymmetric_quantize_inputs")) {
          op.set("asymmetric_quantize_inputs", true);
        }
      }
    }
  }

  /**
   * Gives a recurrent operator small weights: all or none, as its kernels demand, each with one
   * scale.
   */
  private void recurrentWeights(Op from, Op op, boolean hybrid) {
    List<Integer> found = new ArrayList<>();
    long elements = 0;
    for (int i : OperatorRules.recurrentWeights(from.kind())) {
      Optional<Value> w = from.optionalInput(i);
      if (w.isPresent()) {
        if (!w.get().isConstant() || w.get().type() != ElementType.FLOAT32) {
          notes.add(
              "The weights of "
                  + Selection.describe(from)
                  + " stay as they are: not all of them are constant floats");
          return;
        }
        found.add(i);
        elements += w.get().shape().elementCount();
      }
    }
    if (elements < LEAST_DYNAMIC_ELEMENTS) {
      return;
    }
    for (int i : found) {
      op.input(i, plainWeights(op, op.inputs().get(i), from.input(i), hybrid));
    }
    if (hybrid && op.has("asymmetric_quantize_inputs")) {
      op.set("asymmetric_quantize_inputs", true);
    }
  }

  private static int[] otherWeights(Op op) {
    return switch (op.kind()) {
      case BATCH_MATMUL -> new int[] {1};
      case EMBEDDING_LOOKUP -> new int[] {1};
      case GATHER -> new int[] {0};
      default -> new int[0];
    };
  }

  private void quantizeWeights(Op from, Op op, Value w, boolean hybrid) {
    OpKind kind = op.kind();
    if (blocks(from, w, hybrid)) {
      blockWeights(from, op, w);
      return;
    }
    int bits = bits(from, false);
    boolean perChannel = perChannel(kind, hybrid, runtime);
    float[][] rows = LayerWeights.rows(kind, w);
    WeightFit.Fitted fitted =
        WeightFit.fit(
            rows,
            new float[rows.length],
            null,
            null,
            new float[rows.length],
            new WeightFit.Settings(bits, perChannel, false, false, false, 0));
    Value old = op.input(OperatorRules.weightInput(kind));
    Value weights =
        form(
            old,
            "weights" + kind + bits,
            () -> {
              Value q =
                  target.addConstant(
                      w.name() + "_q" + bits,
                      bits == 4 ? ElementType.INT4 : ElementType.INT8,
                      w.shape(),
                      Refiner.pack(kind, fitted.integers(), bits));
              q.quantization(Refiner.quantization(kind, fitted.scales()));
              return q;
            });
    Value used = weights;
    if (!hybrid) {
      used =
          form(
              old,
              "dequantized" + kind,
              () -> {
                Value f = target.addValue(w.name() + "_float", ElementType.FLOAT32, w.shape());
                target.insertBefore(op, Op.of(OpKind.DEQUANTIZE).inputs(weights).outputs(f));
                return f;
              });
    }
    op.input(OperatorRules.weightInput(kind), used);
    if (hybrid && op.has("asymmetric_quantize_inputs")) {
      op.set("asymmetric_quantize_inputs", true);
    }
    layers.add(floatLayer(from, op, weights, bits, perChannel, isShared(w)));
  }

  private static Layer floatLayer(
      Op from, Op op, Value weights, int bits, boolean perChannel, boolean shared) {
    OpKind kind = op.kind();
    return new Layer(
        from,
        op,
        from.input(OperatorRules.activationInput(kind)),
        op.input(OperatorRules.activationInput(kind)),
        weights,
        op.optionalInput(OperatorRules.biasInput(kind)).orElse(null),
        bits,
        perChannel,
        0,
        ElementType.FLOAT32,
        shared);
  }

  /**
   * Whether a layer's weights get a scale per block; a note says why not where it was asked for.
   */
  private boolean blocks(Op from, Value w, boolean hybrid) {
    if (weightBlockSize == 0) {
      return false;
    }
    String obstacle = "";
    if (from.kind() != OpKind.FULLY_CONNECTED) {
      obstacle = "only fully connected layers have blocks";
    } else if (!hybrid) {
      // Measured: DEQUANTIZE of 2.21 takes them without an error and gives other numbers.
      obstacle = "the runtime cannot dequantize blocks";
    } else if (!runtime.atLeast(BLOCKS_SINCE)) {
      obstacle =
          "blocks need runtime " + BLOCKS_SINCE + ", and " + runtime.version() + " must execute it";
    } else if (w.shape().dim(1) % weightBlockSize != 0) {
      obstacle = w.shape().dim(1) + " inputs are not a multiple of " + weightBlockSize;
    }
    if (!obstacle.isEmpty()) {
      notes.add(
          "One scale per output instead of blocks, because "
              + obstacle
              + ": "
              + Selection.describe(from));
    }
    return obstacle.isEmpty();
  }

  private void blockWeights(Op from, Op op, Value w) {
    OpKind kind = op.kind();
    Value old = op.input(OperatorRules.weightInput(kind));
    Value weights =
        form(
            old,
            "blocks",
            () -> {
              BlockWeights fitted = BlockWeights.of(LayerWeights.rows(kind, w), weightBlockSize);
              float[][] all = fitted.scales();
              Value scales =
                  target.addConstant(
                      w.name() + "_scales",
                      ElementType.FLOAT16,
                      Shape.of(all.length, all[0].length),
                      BlockWeights.halves(fitted.flatScales()));
              return target
                  .addConstant(
                      w.name() + "_q4",
                      ElementType.INT4,
                      w.shape(),
                      Refiner.pack(kind, fitted.integers(), 4))
                  .quantization(new Quantization.Blockwise(scales, null, weightBlockSize));
            });
    op.input(OperatorRules.weightInput(kind), weights);
    op.set("asymmetric_quantize_inputs", true);
    layers.add(floatLayer(from, op, weights, 4, true, isShared(w)));
    inBlocks++;
  }

  private Value plainWeights(Op op, @Nullable Value old, Value w, boolean direct) {
    if (old == null) {
      throw new IllegalStateException(op + " lost its input " + w.name());
    }
    float[] data = w.floats();
    float max = 0;
    for (float x : data) {
      max = Math.max(max, Math.abs(x));
    }
    float scale = Math.max(max, 1e-9f) / 127;
    byte[] q = new byte[data.length];
    for (int i = 0; i < q.length; i++) {
      q[i] = (byte) Math.max(-127, Math.min(127, Math.rint(data[i] / scale)));
    }
    Value c =
        form(
            old,
            "plain",
            () ->
                target
                    .addConstant(w.name() + "_q8", ElementType.INT8, w.shape(), Weights.of(q))
                    .quantization(Quantization.perTensor(scale, 0)));
    if (direct) {
      return c;
    }
    return form(
        old,
        "plain-float",
        () -> {
          Value f = target.addValue(w.name() + "_float", ElementType.FLOAT32, w.shape());
          target.insertBefore(op, Op.of(OpKind.DEQUANTIZE).inputs(c).outputs(f));
          return f;
        });
  }
}
