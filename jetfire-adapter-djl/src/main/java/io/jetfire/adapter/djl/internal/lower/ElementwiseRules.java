package io.jetfire.adapter.djl.internal.lower;

import io.jetfire.adapter.djl.internal.trace.TraceArg;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import java.util.Map;

/** Arithmetic, comparison and logic, element by element with broadcasting. */
final class ElementwiseRules {
  private ElementwiseRules() {}

  static void addTo(Map<String, Rule> rules) {
    rules.put("add", call -> arithmetic(call, OpKind.ADD, false));
    rules.put("sub", call -> arithmetic(call, OpKind.SUB, false));
    rules.put("rsub", call -> arithmetic(call, OpKind.SUB, true));
    rules.put("mul", call -> arithmetic(call, OpKind.MUL, false));
    rules.put("div", call -> arithmetic(call, OpKind.DIV, false));
    rules.put("rdiv", call -> arithmetic(call, OpKind.DIV, true));
    rules.put("mod", call -> arithmetic(call, OpKind.FLOOR_MOD, false));
    rules.put("rmod", call -> arithmetic(call, OpKind.FLOOR_MOD, true));
    rules.put("maximum", call -> arithmetic(call, OpKind.MAXIMUM, false));
    rules.put("minimum", call -> arithmetic(call, OpKind.MINIMUM, false));
    rules.put("pow", ElementwiseRules::power);
    rules.put("rpow", call -> arithmetic(call, OpKind.POW, true));
    rules.put("clip", ElementwiseRules::clip);

    unary(rules, "neg", OpKind.NEG);
    unary(rules, "abs", OpKind.ABS);
    unary(rules, "square", OpKind.SQUARE);
    unary(rules, "sqrt", OpKind.SQRT);
    unary(rules, "exp", OpKind.EXP);
    unary(rules, "log", OpKind.LOG);
    unary(rules, "sin", OpKind.SIN);
    unary(rules, "cos", OpKind.COS);
    unary(rules, "floor", OpKind.FLOOR);
    unary(rules, "ceil", OpKind.CEIL);
    unary(rules, "round", OpKind.ROUND);
    unary(rules, "sign", OpKind.SIGN);
    rules.put("log2", call -> logarithm(call, 2));
    rules.put("log10", call -> logarithm(call, 10));

    rules.put("eq", call -> compare(call, OpKind.EQUAL));
    rules.put("neq", call -> compare(call, OpKind.NOT_EQUAL));
    rules.put("gt", call -> compare(call, OpKind.GREATER));
    rules.put("gte", call -> compare(call, OpKind.GREATER_EQUAL));
    rules.put("lt", call -> compare(call, OpKind.LESS));
    rules.put("lte", call -> compare(call, OpKind.LESS_EQUAL));
    rules.put("logicalAnd", call -> logic(call, OpKind.LOGICAL_AND));
    rules.put("logicalOr", call -> logic(call, OpKind.LOGICAL_OR));
    rules.put("logicalXor", call -> logic(call, OpKind.NOT_EQUAL));
    rules.put(
        "logicalNot",
        call -> call.result(call.emit().like(OpKind.LOGICAL_NOT, truth(call, call.on()))));
    rules.put("where", ElementwiseRules::where);
  }

  private static void unary(Map<String, Rule> rules, String method, OpKind kind) {
    rules.put(
        method,
        call ->
            call.result(call.emit().like(kind, call.emit().cast(call.on(), call.resultType()))));
  }

  /** The other operand, an array or a number, in a type. */
  private static Value other(TracedCall call, ElementType type) {
    return call.isArray(0)
        ? call.emit().cast(call.array(0), type)
        : call.emit().scalar(type, call.number(0));
  }

  private static void arithmetic(TracedCall call, OpKind kind, boolean reversed) {
    ElementType type = call.resultType();
    Value a = call.emit().cast(call.on(), type);
    Value b = other(call, type);
    call.result(reversed ? call.emit().binary(kind, b, a) : call.emit().binary(kind, a, b));
  }

  private static void power(TracedCall call) {
    Value base = call.emit().cast(call.on(), call.resultType());
    double exponent = call.isArray(0) ? Double.NaN : call.number(0);
    if (exponent == 2) {
      call.result(call.emit().like(OpKind.SQUARE, base));
    } else if (exponent == 0.5) {
      call.result(call.emit().like(OpKind.SQRT, base));
    } else if (exponent == -0.5) {
      call.result(call.emit().like(OpKind.RSQRT, base));
    } else {
      arithmetic(call, OpKind.POW, false);
    }
  }

  private static void logarithm(TracedCall call, double base) {
    Emitter emit = call.emit();
    Value log = emit.like(OpKind.LOG, emit.cast(call.on(), ElementType.FLOAT32));
    call.result(emit.binary(OpKind.MUL, log, 1 / Math.log(base)));
  }

  private static void clip(TracedCall call) {
    Emitter emit = call.emit();
    double min = call.number(0);
    double max = call.number(1);
    if (min == 0 && max == 6 && call.resultType() == ElementType.FLOAT32) {
      call.result(emit.like(OpKind.RELU6, call.on()));
      return;
    }
    Value value = emit.cast(call.on(), call.resultType());
    call.result(emit.binary(OpKind.MINIMUM, emit.binary(OpKind.MAXIMUM, value, min), max));
  }

  private static void compare(TracedCall call, OpKind kind) {
    ElementType type = call.on().type();
    if (call.isArray(0)) {
      type = wider(type, call.array(0).type());
    } else if (call.arg(0) instanceof TraceArg.Real real && real.number() % 1 != 0) {
      type = ElementType.FLOAT32;
    }
    if (type == ElementType.BOOL && !call.isArray(0)) {
      type = ElementType.INT32;
    }
    Value a = call.emit().cast(call.on(), type);
    Value b = other(call, type);
    int[] shape = Emitter.broadcast(Emitter.shape(a), Emitter.shape(b));
    call.result(call.emit().op(kind, ElementType.BOOL, shape, a, b));
  }

  private static ElementType wider(ElementType a, ElementType b) {
    if (a == b) {
      return a;
    }
    if (a.isFloat() || b.isFloat()) {
      return ElementType.FLOAT32;
    }
    return a == ElementType.INT64 || b == ElementType.INT64 ? ElementType.INT64 : ElementType.INT32;
  }

  private static void logic(TracedCall call, OpKind kind) {
    Value a = truth(call, call.on());
    Value b = truth(call, call.array(0));
    int[] shape = Emitter.broadcast(Emitter.shape(a), Emitter.shape(b));
    call.result(call.emit().op(kind, ElementType.BOOL, shape, a, b));
  }

  private static Value truth(TracedCall call, Value value) {
    return call.emit().cast(value, ElementType.BOOL);
  }

  /** x.where(condition, y): x where the condition holds, else y. */
  private static void where(TracedCall call) {
    ElementType type = call.resultType();
    call.result(
        call.emit()
            .op(
                OpKind.SELECT_V2,
                type,
                call.resultShape(),
                truth(call, call.array(0)),
                call.emit().cast(call.on(), type),
                call.emit().cast(call.array(1), type)));
  }
}
