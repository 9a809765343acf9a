package io.jetfire.tflite.transform;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.List;
import org.junit.jupiter.api.Test;

class SharedMemoryGuardTest {
  private final Graph graph = Graph.create();
  private final Subgraph main = graph.addSubgraph("main");
  private final Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(2, 3));

  private Value apply(OpKind kind, Shape shape, Value... inputs) {
    Value result = main.addValue(kind.name(), ElementType.FLOAT32, shape);
    main.append(Op.of(kind).inputs(inputs).outputs(result));
    return result;
  }

  private Value reshape(Value value, int... shape) {
    return apply(
        OpKind.RESHAPE,
        Shape.of(shape),
        value,
        main.addConstant("shape", Shape.of(shape.length), shape));
  }

  private List<OpKind> kinds() {
    return main.ops().stream().map(Op::kind).toList();
  }

  @Test
  void copiesWhatIsReadAfterItsReshapedSelfMayBeOverwritten() {
    Value b = apply(OpKind.TANH, Shape.of(2, 3), x);
    Value d = apply(OpKind.NEG, Shape.of(6), reshape(b, 6));
    Value e = apply(OpKind.ABS, Shape.of(2, 3), b);
    main.outputs(d, e);

    assertThat(SharedMemoryGuard.create().run(graph)).isTrue();

    assertThat(kinds())
        .containsExactly(OpKind.TANH, OpKind.SLICE, OpKind.RESHAPE, OpKind.NEG, OpKind.ABS);
    assertThat(main.ops().get(4).input(0)).isSameAs(b);
    assertThat(SharedMemoryGuard.create().run(graph)).isFalse();
    graph.verify();
  }

  @Test
  void findsOverwritesBehindSeveralReshapesAndReadsThroughOthers() {
    Value b = apply(OpKind.TANH, Shape.of(2, 3), x);
    Value other = reshape(b, 3, 2);
    Value d = apply(OpKind.NEG, Shape.of(1, 6), reshape(reshape(b, 6), 1, 6));
    Value e = apply(OpKind.ABS, Shape.of(3, 2), other);
    main.outputs(d, e);

    assertThat(SharedMemoryGuard.create().run(graph)).isTrue();
    assertThat(kinds()).contains(OpKind.SLICE);
  }

  @Test
  void leavesAloneWhatTheRuntimeCountsRight() {
    Value b = apply(OpKind.TANH, Shape.of(2, 3), x);
    Value e = apply(OpKind.ABS, Shape.of(2, 3), b);
    Value d = apply(OpKind.NEG, Shape.of(6), reshape(b, 6));
    main.outputs(d, e);
    assertThat(SharedMemoryGuard.create().run(graph)).as("read before").isFalse();

    Value input = apply(OpKind.NEG, Shape.of(6), reshape(x, 6));
    main.outputs(d, e, input, apply(OpKind.ABS, Shape.of(2, 3), x));
    assertThat(SharedMemoryGuard.create().run(graph)).as("an input").isFalse();
  }
}
