package io.jetfire.adapter.djl.internal.lower;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import java.util.Map;
import java.util.Optional;

/** Activation functions, softmax, and what does nothing in inference. */
final class ActivationRules {

  // The constants of SELU (Klambauer and others, "Self-Normalizing Neural Networks", 2017).
  private static final double SELU_SCALE = 1.0507009873554805;
  private static final double SELU_ALPHA = 1.6732632423543772;

  private ActivationRules() {}

  static void addTo(Map<String, Rule> rules) {
    rules.put("relu", ActivationRules::relu);
    simple(rules, "sigmoid", OpKind.LOGISTIC);
    simple(rules, "tanh", OpKind.TANH);
    simple(rules, "gelu", OpKind.GELU);
    rules.put(
        "leakyRelu",
        call ->
            call.result(
                call.emit()
                    .op(
                        OpKind.LEAKY_RELU,
                        ElementType.FLOAT32,
                        call.resultShape(),
                        op -> op.set("alpha", (float) call.number(0)),
                        call.on())));
    rules.put("elu", call -> call.result(elu(call.emit(), call.on(), call.number(0))));
    rules.put(
        "selu",
        call ->
            call.result(
                call.emit()
                    .binary(OpKind.MUL, elu(call.emit(), call.on(), SELU_ALPHA), SELU_SCALE)));
    rules.put("swish", ActivationRules::swish);
    rules.put("mish", ActivationRules::mish);
    rules.put("softPlus", ActivationRules::softPlus);
    rules.put("softSign", ActivationRules::softSign);
    rules.put("softmax", call -> softmax(call, OpKind.SOFTMAX));
    rules.put("logSoftmax", call -> softmax(call, OpKind.LOG_SOFTMAX));
    rules.put("dropout", ActivationRules::dropout);
    rules.put("stopGradient", call -> call.result(call.on()));
    rules.put("scaleGradient", call -> call.result(call.on()));
  }

  private static void simple(Map<String, Rule> rules, String method, OpKind kind) {
    rules.put(
        method,
        call ->
            call.result(call.emit().like(kind, call.emit().cast(call.on(), call.resultType()))));
  }

  /** DJL's ReLU6 is min(6, relu(x)), which TensorFlow Lite has as one operator. */
  private static void relu(TracedCall call) {
    Optional<TracedCall> six =
        call.onlyUser("minimum").filter(m -> !m.isArray(0) && m.number(0) == 6);
    Value result = call.emit().like(six.isPresent() ? OpKind.RELU6 : OpKind.RELU, call.on());
    call.result(result);
    six.ifPresent(m -> m.absorbed(result));
  }

  /** x for positive x, else alpha * (exp(x) - 1); TensorFlow Lite's has an alpha of one. */
  private static Value elu(Emitter emit, Value x, double alpha) {
    Value elu = emit.like(OpKind.ELU, x);
    if (alpha == 1) {
      return elu;
    }
    Value negative = emit.binary(OpKind.MUL, emit.binary(OpKind.MINIMUM, elu, 0), alpha);
    return emit.binary(OpKind.ADD, emit.like(OpKind.RELU, x), negative);
  }

  private static void swish(TracedCall call) {
    Emitter emit = call.emit();
    double beta = call.number(0);
    Value scaled = beta == 1 ? call.on() : emit.binary(OpKind.MUL, call.on(), beta);
    call.result(emit.binary(OpKind.MUL, call.on(), emit.like(OpKind.LOGISTIC, scaled)));
  }

  /** As DJL 0.35 computes it: x * tanh(log2(1 + exp(x))), with a logarithm to the base of two. */
  private static void mish(TracedCall call) {
    Emitter emit = call.emit();
    Value log = emit.like(OpKind.LOG, emit.binary(OpKind.ADD, emit.like(OpKind.EXP, call.on()), 1));
    Value tanh = emit.like(OpKind.TANH, emit.binary(OpKind.MUL, log, 1 / Math.log(2)));
    call.result(emit.binary(OpKind.MUL, tanh, call.on()));
  }

  /** log(1 + exp(x)), without overflow: relu(x) + log(1 + exp(-|x|)). */
  private static void softPlus(TracedCall call) {
    Emitter emit = call.emit();
    Value small = emit.like(OpKind.EXP, emit.like(OpKind.NEG, emit.like(OpKind.ABS, call.on())));
    Value log = emit.like(OpKind.LOG, emit.binary(OpKind.ADD, small, 1));
    call.result(emit.binary(OpKind.ADD, emit.like(OpKind.RELU, call.on()), log));
  }

  private static void softSign(TracedCall call) {
    Emitter emit = call.emit();
    Value below = emit.binary(OpKind.ADD, emit.like(OpKind.ABS, call.on()), 1);
    call.result(emit.binary(OpKind.DIV, call.on(), below));
  }

  /** TensorFlow Lite's works along the last dimension. */
  private static void softmax(TracedCall call, OpKind kind) {
    Emitter emit = call.emit();
    int rank = Emitter.shape(call.on()).length;
    int axis = Math.floorMod(call.whole(0), rank);
    int[] swap = ShapeRules.swap(rank, axis, rank - 1);
    Value moved = emit.transpose(call.on(), swap);
    Value result =
        kind == OpKind.SOFTMAX
            ? emit.op(kind, moved.type(), Emitter.shape(moved), op -> op.set("beta", 1f), moved)
            : emit.like(kind, moved);
    call.result(emit.transpose(result, swap));
  }

  /** dropout(input, rate, training). */
  private static void dropout(TracedCall call) {
    if (call.flag(2)) {
      throw new Unsupported("it drops at random, as in training", "pass on the training flag");
    }
    call.result(call.array(0));
  }
}
