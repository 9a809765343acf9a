package io.jetfire.adapter.djl.internal.lower;

import io.jetfire.adapter.djl.internal.trace.Dim;
import io.jetfire.adapter.djl.internal.trace.Trace;
import io.jetfire.adapter.djl.internal.trace.TraceOp;
import io.jetfire.adapter.djl.internal.trace.TraceValue;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import io.jetfire.tflite.importer.ImportProblems;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Makes a graph of a recorded computation, for one batch size.
 *
 * <p>Shapes and layout stay those of the recording; operators that TensorFlow Lite has for channels
 * last alone get TRANSPOSEs around them. Used once.
 */
public final class Lowering {
  private static final Map<String, Rule> RULES = rules();

  private final Trace trace;
  private final long batch;
  private final ImportProblems problems;
  private final Graph graph = Graph.create();
  private final Emitter emitter;
  private final Map<Integer, Value> values = new HashMap<>();
  private final Map<Integer, TraceOp> producers = new HashMap<>();
  private final Map<Integer, List<TraceOp>> users = new HashMap<>();
  private final Set<TraceOp> absorbed = Collections.newSetFromMap(new IdentityHashMap<>());

  private Lowering(Trace trace, long batch, String model) {
    this.trace = trace;
    this.batch = batch;
    this.problems = new ImportProblems(model);
    this.emitter = new Emitter(graph.addSubgraph("main"));
    for (TraceOp op : trace.ops()) {
      op.results().forEach(r -> producers.put(r, op));
      Set<Integer> used = new LinkedHashSet<>(Trace.operands(op));
      used.forEach(id -> users.computeIfAbsent(id, k -> new ArrayList<>()).add(op));
    }
  }

  /**
   * Makes the graph.
   *
   * @param trace the computation
   * @param batch the batch size
   * @param model what messages call the model
   * @return a sound graph with a signature {@code serving_default}
   * @throws io.jetfire.UnsupportedModelException that names every operation without a rule
   */
  public static Graph lower(Trace trace, long batch, String model) {
    return new Lowering(trace, batch, model).lower();
  }

  private static Map<String, Rule> rules() {
    Map<String, Rule> rules = new HashMap<>();
    ConvolutionRules.addTo(rules);
    PoolingRules.addTo(rules);
    ElementwiseRules.addTo(rules);
    ActivationRules.addTo(rules);
    ReductionRules.addTo(rules);
    ShapeRules.addTo(rules);
    IndexRules.addTo(rules);
    MatrixRules.addTo(rules);
    return Map.copyOf(rules);
  }

  private Graph lower() {
    Subgraph main = graph.main();
    for (int id : trace.inputs()) {
      TraceValue input = trace.value(id);
      emitter.name(input.name());
      values.put(id, main.addInput(input.name(), type(id), Shape.of(shape(id))));
    }
    for (TraceOp op : trace.ops()) {
      if (!absorbed.contains(op)) {
        lower(op);
      }
    }
    problems.raise();
    outputs(main);
    main.removeDead();
    return graph.verify();
  }

  private void lower(TraceOp op) {
    emitter.name(op.place().isEmpty() ? op.method() : op.place() + "/" + op.method());
    TracedCall call = new TracedCall(this, op);
    try {
      Rule rule = RULES.get(op.method());
      if (rule == null) {
        throw new Unsupported(
            "there is no TensorFlow Lite operator for " + op.call(),
            "compute it outside of the model or from other operations");
      }
      rule.lower(call);
    } catch (Unsupported e) {
      problems.add(op.method(), op.where(), operands(op), e.reason(), e.suggestion());
      // The results stand in for themselves, so that the operations behind are looked at, too.
      for (int result : op.results()) {
        values.computeIfAbsent(
            result,
            id -> emitter.subgraph().addValue("unsupported", knownType(id), Shape.of(shape(id))));
      }
    }
  }

  private String operands(TraceOp op) {
    List<String> shapes = new ArrayList<>();
    for (int id : new LinkedHashSet<>(Trace.operands(op))) {
      TraceValue value = trace.value(id);
      shapes.add(value.type() + " " + Arrays.toString(shape(id)));
    }
    return String.join(", ", shapes);
  }

  private ElementType knownType(int id) {
    try {
      return type(id);
    } catch (Unsupported e) {
      return ElementType.FLOAT32;
    }
  }

  /** Outputs get names of their own, and each is a tensor that an operator makes for it alone. */
  private void outputs(Subgraph main) {
    Map<String, Value> named = new LinkedHashMap<>();
    Set<Value> taken = new HashSet<>();
    for (int id : trace.outputs()) {
      String name = "output" + named.size();
      Value value = value(id);
      if (value.producer().isEmpty() || !taken.add(value)) {
        emitter.name(name);
        int[] shape = Emitter.shape(value);
        value =
            emitter.op(
                OpKind.RESHAPE,
                value.type(),
                shape,
                op -> op.set("new_shape", shape),
                value,
                emitter.ints(shape));
        taken.add(value);
      }
      if (!value.name().equals(name)) {
        value.name(main.uniqueName(name));
      }
      named.put(name, value);
    }
    main.outputs(List.copyOf(named.values()));
    Map<String, Value> inputs = new LinkedHashMap<>();
    main.inputs().forEach(v -> inputs.put(v.name(), v));
    graph.addSignature("serving_default", main, inputs, named);
  }

  // ---- what rules ask for ------------------------------------------------------------------

  Emitter emitter() {
    return emitter;
  }

  long batch() {
    return batch;
  }

  TraceValue traced(int id) {
    return trace.value(id);
  }

  int[] shape(int id) {
    return Arrays.stream(Dim.at(trace.value(id).shape(), batch))
        .mapToInt(Math::toIntExact)
        .toArray();
  }

  /** The type in the graph; double precision becomes single, which is what phones compute in. */
  ElementType type(int id) {
    String type = trace.value(id).type();
    return switch (type) {
      case "float32", "float64" -> ElementType.FLOAT32;
      case "int32" -> ElementType.INT32;
      case "int64" -> ElementType.INT64;
      case "int8" -> ElementType.INT8;
      case "uint8" -> ElementType.UINT8;
      case "int16" -> ElementType.INT16;
      case "boolean" -> ElementType.BOOL;
      default ->
          throw new Unsupported(
              "it has an array of the type " + type, "cast it to FLOAT32 in the block");
    };
  }

  Value value(int id) {
    Value value = values.get(id);
    if (value == null) {
      value = constant(id);
      values.put(id, value);
    }
    return value;
  }

  private Value constant(int id) {
    TraceValue traced = trace.value(id);
    String name = traced.name().isEmpty() ? "const/array" : traced.name();
    ElementType type = type(id);
    Weights data =
        traced.type().equals("float64")
            ? Weights.of(storedFloats(id).orElseThrow())
            : Weights.of(trace.content(id));
    return emitter.subgraph().addConstant(name, type, Shape.of(shape(id)), data);
  }

  void define(int id, Value value) {
    int[] expected = shape(id);
    if (!Arrays.equals(expected, Emitter.shape(value))) {
      throw new IllegalStateException(
          "value "
              + id
              + " should be "
              + Arrays.toString(expected)
              + " but was made as "
              + value
              + " by "
              + producers.get(id));
    }
    values.put(id, value);
  }

  /** The numbers of a parameter or constant as floats; empty for what is computed. */
  Optional<float[]> storedFloats(int id) {
    TraceValue value = trace.value(id);
    if (!value.isStored()) {
      return Optional.empty();
    }
    ByteBuffer bytes = trace.content(id).order(ByteOrder.LITTLE_ENDIAN);
    int size =
        switch (value.type()) {
          case "float64", "int64" -> 8;
          case "float32", "int32" -> 4;
          case "int16" -> 2;
          case "int8", "uint8", "boolean" -> 1;
          default -> 0;
        };
    if (size == 0) {
      return Optional.empty();
    }
    float[] numbers = new float[bytes.remaining() / size];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] =
          switch (value.type()) {
            case "float64" -> (float) bytes.getDouble(i * 8);
            case "int64" -> bytes.getLong(i * 8);
            case "float32" -> bytes.getFloat(i * 4);
            case "int32" -> bytes.getInt(i * 4);
            case "int16" -> bytes.getShort(i * 2);
            case "int8" -> bytes.get(i);
            default -> bytes.get(i) & 0xff;
          };
    }
    return Optional.of(numbers);
  }

  Optional<TraceOp> producer(int id) {
    return Optional.ofNullable(producers.get(id));
  }

  Optional<TracedCall> onlyUser(int id) {
    List<TraceOp> all = users.getOrDefault(id, List.of());
    if (all.size() != 1 || trace.outputs().contains(id)) {
      return Optional.empty();
    }
    return Optional.of(new TracedCall(this, all.get(0)));
  }

  void absorbed(TraceOp op) {
    absorbed.add(op);
  }
}
